//! Whom a step can reach, tried from inside.

use std::net::SocketAddr;

use shared::domain::plan::NetworkMode;
use tokio::{io::AsyncWriteExt, net::TcpListener};
use worker::engine::{Engine, EngineError};

use super::stage::{IMAGE, Stage, docker, script, stderr, stdout, until};

/// The host as containers on the default bridge see it.
async fn bridge() -> String {
    let routes = docker(&["run", "--rm", IMAGE, "/bin/busybox", "ip", "route"]).await;
    let address = routes.split_whitespace().skip_while(|word| *word != "via").nth(1);
    address.unwrap_or_else(|| panic!("no default route: {routes}")).to_owned()
}

/// A server on all of the host's addresses that says one line to whoever connects.
async fn listener(line: &'static str) -> u16 {
    let listener = TcpListener::bind(SocketAddr::from(([0, 0, 0, 0], 0))).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(line.as_bytes()).await;
        }
    });
    port
}

/// Prints the target when something answers there.
fn probe(host: &str, port: u16) -> String {
    format!("nc -w 2 {host} {port} </dev/null 2>/dev/null | grep -q . && echo reached {host} {port}\n")
}

#[tokio::test]
async fn steps_of_one_run_reach_each_other_and_nothing_else() {
    let stage = Stage::new().await;
    let host = listener("hello\n").await;
    let mut spec = stage.spec("server");
    spec.network = NetworkMode::Internal;
    let server = stage.engine.prepare(&spec).await.unwrap();
    let mut output =
        stage.engine.hand_over(&server, &script("echo up; while :; do echo peer | nc -l -p 8080; done")).await.unwrap();
    until(&mut output, "up").await;
    let mut spec = stage.spec("client");
    spec.network = NetworkMode::Internal;
    let gateway = "$(grep -oE '198\\.1[89]\\.[0-9.]+' /etc/hosts | head -1 | sed -E 's/[0-9]+$/1/')";
    let test = [
        "for i in 1 2 3 4 5; do nc -w 2 server 8080 </dev/null && break; sleep 0.2; done\n".to_owned(),
        probe(&bridge().await, host),
        probe(gateway, host),
        probe("169.254.169.254", 80),
        "nslookup example.com >/dev/null 2>&1 && echo resolved; true".into(),
    ]
    .concat();
    let (lines, _) = stage.run(&spec, &script(&test)).await;
    assert_eq!(stdout(&lines), "peer", "{}", stderr(&lines));
    stage.strike().await;
}

#[tokio::test]
async fn egress_reaches_the_listed_targets_by_name_and_nothing_else() {
    let stage = Stage::new().await;
    let other_run = Stage::new().await;
    let (allowed, denied) = (listener("allowed\n").await, listener("denied\n").await);
    let host = bridge().await;
    let mut spec = other_run.spec("neighbour");
    spec.network = NetworkMode::Internal;
    let neighbour = other_run.engine.prepare(&spec).await.unwrap();
    let mut output = other_run
        .engine
        .hand_over(&neighbour, &script("echo up; while :; do echo neighbour | nc -l -p 8080; done"))
        .await
        .unwrap();
    until(&mut output, "up").await;
    let address =
        docker(&["inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", &neighbour]).await;

    let mut spec = stage.spec("out");
    spec.network = NetworkMode::Egress;
    spec.egress.insert("db.example".into(), format!("{host}:{allowed}"));
    spec.egress.insert("by-name".into(), format!("host.docker.internal:{allowed}"));
    let gate = "$(grep db.example /etc/hosts | cut -f1)";
    let gateway = "$(grep db.example /etc/hosts | cut -f1 | sed -E 's/[0-9]+$/1/')";
    let test = [
        probe("db.example", allowed),
        probe("by-name", allowed),
        probe("db.example", denied),
        probe(gate, denied),
        probe(gateway, allowed),
        probe(gateway, denied),
        probe(&host, allowed),
        probe(&host, denied),
        probe("169.254.169.254", 80),
        probe(&address, 8080),
        "nslookup example.com >/dev/null 2>&1 && echo resolved; ls -d /proc/sys/net/ipv6/conf/eth* 2>/dev/null | while read d; do cat $d/disable_ipv6; done".into(),
    ]
    .concat();
    let (lines, _) = stage.run(&spec, &script(&test)).await;
    assert_eq!(
        stdout(&lines),
        format!("reached db.example {allowed}\nreached by-name {allowed}\n1"),
        "{}",
        stderr(&lines)
    );
    stage.strike().await;
    other_run.strike().await;
}

#[tokio::test]
async fn two_names_that_share_a_port_reach_their_own_targets() {
    let stage = Stage::new().await;
    let host = bridge().await;
    let mut spec = stage.spec("two");
    spec.network = NetworkMode::Egress;
    let port = listener("hello\n").await;
    spec.egress.insert("one".into(), format!("{host}:{port}"));
    spec.egress.insert("two".into(), format!("203.0.113.9:{port}"));
    let test = [probe("one", port), probe("two", port)].concat();
    let (lines, _) = stage.run(&spec, &script(&test)).await;
    assert_eq!(stdout(&lines), format!("reached one {port}"));
    stage.strike().await;
}

#[tokio::test]
async fn removing_a_step_takes_its_gates_and_its_network_along() {
    let stage = Stage::new().await;
    let mut spec = stage.spec("gone");
    spec.network = NetworkMode::Egress;
    spec.egress.insert("a".into(), "203.0.113.9:80".into());
    spec.egress.insert("b".into(), "203.0.113.10:80".into());
    let name = stage.engine.prepare(&spec).await.unwrap();
    let again = stage.engine.prepare(&spec).await;
    assert!(matches!(again, Err(EngineError::Conflict(_))), "{again:?}");
    let filter = format!("label=dev.slipway.for={name}");
    assert_eq!(docker(&["ps", "-q", "--filter", &filter]).await.lines().count(), 2);
    stage.engine.remove(&name).await.unwrap();
    stage.engine.remove(&name).await.unwrap();
    assert_eq!(docker(&["ps", "-aq", "--filter", &filter]).await, "");
    assert_eq!(docker(&["network", "ls", "-q", "--filter", &filter]).await, "");
    stage.strike().await;
}

#[tokio::test]
async fn a_target_that_cannot_be_is_refused_before_anything_is_made() {
    let stage = Stage::new().await;
    let mut spec = stage.spec("bad");
    spec.network = NetworkMode::Egress;
    spec.egress.insert("db".into(), "no-port".into());
    assert!(matches!(stage.engine.prepare(&spec).await, Err(EngineError::Refused(_))));
    stage.strike().await;
}
