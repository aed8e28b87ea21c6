//! Whom a step can talk to in each network mode, tried from inside: the lists are whole, so what is not in them was tried in vain.

use std::{net::SocketAddr, sync::OnceLock};

use anyhow::Context as _;
use serde_json::json;
use shared::config::Config;
use tests::{
    engine::{self, docker},
    stack::{Options, Stack},
};
use tokio::{io::AsyncWriteExt as _, net::TcpListener};

use crate::containers::{confined, id, outcome, outputs};

/// The address that the test of this process allows: its port is known only then.
static LISTED: OnceLock<String> = OnceLock::new();

fn list(address: &str) -> anyhow::Result<()> {
    LISTED.set(address.to_owned()).map_err(|_| anyhow::anyhow!("one test a process: run them by nextest"))
}

/// A stack whose api and whose tenants' Postgres listen where containers could reach them.
fn exposed() -> Options {
    Options {
        tenants: true,
        configure: |config: &mut Config| {
            confined(config);
            config.sandbox.internal_network = true;
            if let (Ok(bridge), Some((_, port))) = (engine::bridge_address(), config.api.listen.rsplit_once(':')) {
                config.api.listen = format!("{bridge}:{port}");
            }
            if let Some(address) = LISTED.get() {
                config.sandbox.egress.push(address.clone());
                let listed = config.providers.entry("confined".into()).or_default();
                listed.egress.insert("listed".into(), address.clone());
            }
        },
        ..crate::containers::options()
    }
}

/// Something on all of this machine's addresses, standing for its Redis, its other services, its neighbours'.
async fn listener() -> anyhow::Result<u16> {
    let listener = TcpListener::bind(SocketAddr::from(([0, 0, 0, 0], 0))).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"hello\n").await;
        }
    });
    Ok(port)
}

/// Ways to try, all at once, for most of them end only when their time is over; and what tells the names of those that reached.
const PROBES: &str = r#"
set +e
reached() { echo "$1" >> /tmp/reached; }
tcp() { timeout 2 bash -c "exec 3<>/dev/tcp/$2/$3" 2> /dev/null && reached "$1"; }
probe() { tcp "$@" & }
datagram() { perl -MSocket -e '
    socket(my $s, PF_INET, SOCK_DGRAM, 17) or exit 1; my $to = sockaddr_in($ARGV[1], inet_aton($ARGV[0]));
    send($s, "\x12\x34\x01\0\0\1\0\0\0\0\0\0\7example\3com\0\0\1\0\1", 0, $to) or exit 1;
    my $r = ""; vec($r, fileno($s), 1) = 1; select($r, undef, undef, 2) or exit 1;
    # An answer that resolves anything has records in it.
    my $answer; recv($s, $answer, 512, 0); exit(defined $answer && unpack("x6n", $answer) ? 0 : 1)' "$2" "$3" 2> /dev/null && reached "$1" & }
resolve() { getent ahosts "$1" > /dev/null 2>&1 && reached "$1" & }
answer() { wait; echo "reached=$(sort /tmp/reached 2> /dev/null | paste -sd ' ')" >> "$SLIPWAY_OUTPUT"; }
"#;

/// Tries all that no step may reach.
fn forbidden(stack: &Stack, listening: u16, sibling: &str) -> anyhow::Result<String> {
    let bridge = engine::bridge_address()?;
    let (_, api) = stack.config.api.listen.rsplit_once(':').context("no port")?;
    let postgres = stack.tenants.as_ref().context("no tenants")?.port;
    let decimal: u32 = bridge.parse::<std::net::Ipv4Addr>()?.into();
    Ok(format!(
        "probe metadata 169.254.169.254 80; probe metadata-v6 fd00:ec2::254 80; probe metadata-decimal 2852039166 80
         probe postgres {bridge} {postgres}; probe api {bridge} {api}; probe redis {bridge} {listening}
         probe mapped ::ffff:{bridge} {listening}; probe decimal {decimal} {listening}
         probe host-by-name host.docker.internal {listening}; probe gateway-by-name gateway.docker.internal {listening}
         probe sibling {sibling} 8080; probe docker {bridge} 2375; probe docker-tls {bridge} 2376; probe ssh {bridge} 22
         for net in $(hostname -I 2> /dev/null; grep -oE '198\\.1[89]\\.[0-9]+\\.[0-9]+' /etc/hosts | sort -u); do
           case $net in *.*) probe gateway ${{net%.*}}.1 {listening}; probe first $(echo $net | awk -F. '{{printf \"%d.%d.%d.%d\", $1, $2, $3, $4 - $4 % 64 + 1}}') {listening};; esac
         done
         datagram resolver 127.0.0.11 53; datagram outside 8.8.8.8 53; datagram host-dns {bridge} 53
         resolve example.com; resolve metadata.google.internal
         ls /var/run/docker.sock /run/docker.sock /run/containerd/containerd.sock > /dev/null 2>&1 && reached socket
         find / -xdev -type s 2> /dev/null | grep -q . && reached some-socket
        "
    ))
}

/// A run of somebody else's that listens in a network of its own; gives its address and its run.
async fn sibling(stack: &Stack) -> anyhow::Result<(String, String)> {
    let server = "perl -MSocket -e 'socket(S, PF_INET, SOCK_STREAM, 6); setsockopt(S, SOL_SOCKET, SO_REUSEADDR, 1);
        bind(S, sockaddr_in(8080, INADDR_ANY)); listen(S, 9); $| = 1; print \"listening\\n\"; while (accept(C, S)) { close C }'";
    let run = stack.client.execute("neighbours", &json!({"server": server})).await?;
    let container = stack.step_prints("server", "listening").await?;
    let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    Ok((docker(&["inspect", "-f", format, &container]).await?.trim().to_owned(), run))
}

#[tokio::test]
async fn without_a_network_a_step_reaches_nothing_at_all() -> anyhow::Result<()> {
    let stack = Stack::start(exposed()).await?;
    let (address, other) = sibling(&stack).await?;
    let tries = forbidden(&stack, listener().await?, &address)?;
    let script = format!(
        "{PROBES}{tries}\nanswer; echo \"devices=$(ls /sys/class/net | tr '\\n' ' ' | sed 's/ $//')\" >> $SLIPWAY_OUTPUT"
    );
    assert_eq!(outputs(&stack, &script).await?, json!({"reached": "", "devices": "lo"}));
    stack.client.post(&format!("/api/workflows/{other}/cancel"), &json!({})).await?.ok()?;
    stack.run_becomes(&other, &["cancelled"]).await?;
    stack.finish().await
}

#[tokio::test]
async fn in_the_network_of_its_run_a_step_reaches_its_neighbours_and_nothing_else() -> anyhow::Result<()> {
    let stack = Stack::start(exposed()).await?;
    let (address, other) = sibling(&stack).await?;
    let tries = forbidden(&stack, listener().await?, &address)?;
    let server = "perl -MSocket -e 'socket(S, PF_INET, SOCK_STREAM, 6); setsockopt(S, SOL_SOCKET, SO_REUSEADDR, 1);
        bind(S, sockaddr_in(8080, INADDR_ANY)); listen(S, 9); alarm 50; accept(C, S); close C'; true";
    let client =
        format!("{PROBES}for i in $(seq 50); do tcp neighbour server 8080 && break; sleep 0.2; done\n{tries}\nanswer");
    let run = outcome(&stack, "neighbours", json!({"server": server, "client": client})).await?;
    assert_eq!(
        run["steps"][1]["outputs"],
        json!({"reached": "neighbour"}),
        "{run:#}\n{}",
        stack.client.logs(id(&run)?).await?
    );
    stack.client.post(&format!("/api/workflows/{other}/cancel"), &json!({})).await?.ok()?;
    stack.run_becomes(&other, &["cancelled"]).await?;
    stack.finish().await
}

#[tokio::test]
async fn a_service_reaches_the_steps_of_its_run_and_nothing_else_and_no_other_run_reaches_it() -> anyhow::Result<()> {
    let stack = Stack::start(exposed()).await?;
    let (address, other) = sibling(&stack).await?;
    let tries = forbidden(&stack, listener().await?, &address)?;
    // Both look about at once; then the service serves what it found.
    let serve = format!(
        "SLIPWAY_OUTPUT=/tmp/found; {PROBES}{tries}
        answer; exec perl -MSocket -e '$SIG{{PIPE}} = \"IGNORE\"; socket(S, PF_INET, SOCK_STREAM, 6); setsockopt(S, SOL_SOCKET, SO_REUSEADDR, 1);
        bind(S, sockaddr_in(8080, INADDR_ANY)); listen(S, 9); while (accept(C, S)) {{ open(F, \"/tmp/found\"); print C <F>; close C }}'"
    );
    let script = format!(
        "{PROBES}{tries}
        until (exec 3<>/dev/tcp/db/8080) 2> /dev/null; do sleep 0.2; done
        probe service db 8080; answer; exec 3<>/dev/tcp/db/8080; sed 's/^/service-/' <&3 >> $SLIPWAY_OUTPUT"
    );
    let run = outcome(&stack, "beside", json!({"serve": serve, "script": script})).await?;
    assert_eq!(
        run["steps"][0]["outputs"],
        json!({"reached": "service", "service-reached": ""}),
        "{run:#}\n{}",
        stack.client.logs(id(&run)?).await?
    );
    stack.client.post(&format!("/api/workflows/{other}/cancel"), &json!({})).await?.ok()?;
    stack.run_becomes(&other, &["cancelled"]).await?;
    stack.finish().await
}

#[tokio::test]
async fn with_egress_a_step_reaches_the_listed_address_by_its_name_and_nothing_else() -> anyhow::Result<()> {
    let (allowed, other_port) = (listener().await?, listener().await?);
    let bridge = engine::bridge_address()?;
    let listed = format!("{bridge}:{allowed}");
    list(&listed)?;
    let stack = Stack::start(exposed()).await?;
    let run =
        outcome(&stack, "outwards", json!({"script": "true", "host": bridge, "port": allowed.to_string()})).await?;
    assert_eq!(
        run["steps"][0]["error_message"],
        format!(
            "step only: '{listed}' has no name that a step could reach it by: give it one in providers.confined.egress"
        )
    );
    let (address, other) = sibling(&stack).await?;
    let tries = forbidden(&stack, other_port, &address)?;
    let script = format!(
        "{PROBES}probe listed listed {allowed}; probe by-address {bridge} {allowed}
         probe other-port listed {other_port}; probe other-port-by-address {bridge} {other_port}\n{tries}\nanswer"
    );
    let run =
        outcome(&stack, "outwards", json!({"script": script, "host": "listed", "port": allowed.to_string()})).await?;
    assert_eq!(
        run["steps"][0]["outputs"],
        json!({"reached": "listed"}),
        "{run:#}\n{}",
        stack.client.logs(id(&run)?).await?
    );
    stack.client.post(&format!("/api/workflows/{other}/cancel"), &json!({})).await?.ok()?;
    stack.run_becomes(&other, &["cancelled"]).await?;
    stack.finish().await
}

#[tokio::test]
async fn names_of_listed_addresses_are_resolved_at_the_gate_and_not_by_the_step() -> anyhow::Result<()> {
    let (allowed, denied) = (listener().await?, listener().await?);
    let listed = format!("host.docker.internal:{allowed}");
    list(&listed)?;
    let stack = Stack::start(exposed()).await?;
    let (listed_host, listed_port) = listed.rsplit_once(':').context("no port")?;
    let script = format!(
        "{PROBES}probe listed host.docker.internal {allowed}
         gate=$(awk '/host.docker.internal/ {{print $1}}' /etc/hosts)
         probe listed-by-gate $gate {allowed}; probe other-port-of-gate $gate {denied}
         probe other-port host.docker.internal {denied}; probe dotted host.docker.internal. {denied}
         (echo \"$gate rebound.example\" >> /etc/hosts) 2> /dev/null && reached hosts
         (echo 'nameserver 8.8.8.8' >> /etc/resolv.conf) 2> /dev/null && reached resolv
         for name in example.com localtest.me 169.254.169.254.nip.io; do resolve $name; done
         datagram resolver 127.0.0.11 53; datagram gate $gate 53; datagram outside 1.1.1.1 53
         answer"
    );
    let run = outcome(&stack, "outwards", json!({"script": script, "host": listed_host, "port": listed_port})).await?;
    assert_eq!(
        run["steps"][0]["outputs"],
        json!({"reached": "listed listed-by-gate"}),
        "{run:#}\n{}",
        stack.client.logs(id(&run)?).await?
    );
    stack.finish().await
}

#[tokio::test]
async fn an_address_that_nobody_listed_is_refused_before_anything_starts() -> anyhow::Result<()> {
    let stack = Stack::start(crate::containers::options()).await?;
    for address in ["169.254.169.254:80", "example.com:443", "*:443", "127.0.0.1:6379"] {
        let (host, port) = address.rsplit_once(':').context("no port")?;
        let run = outcome(&stack, "outwards", json!({"script": "true", "host": host, "port": port})).await?;
        let step = &run["steps"][0];
        assert_eq!((&run["status"], &step["error_code"]), (&json!("failed"), &json!("InvalidPlan")));
        assert_eq!(
            step["error_message"],
            format!(
                "step only: '{address}' may not be reached: neither sandbox.egress nor providers.confined.egress has it"
            )
        );
        assert_eq!(step["attempts"][0]["image"], "", "nothing was made for it");
    }
    stack.finish().await
}

#[tokio::test]
async fn a_network_mode_that_the_instance_does_not_allow_is_refused() -> anyhow::Result<()> {
    let stack = Stack::start(crate::containers::options()).await?;
    let run = outcome(&stack, "neighbours", json!({"server": "true"})).await?;
    assert_eq!(
        run["steps"][0]["error_message"],
        "step server: step type neighbour asks for the network mode 'internal'; sandbox.internal_network does not allow it"
    );
    let run = outcome(&stack, "greedy", json!({})).await?;
    assert_eq!(
        run["steps"][0]["error_message"],
        "step only: step type greedy asks for a writable root; sandbox.writable_root does not allow it"
    );
    stack.finish().await
}
