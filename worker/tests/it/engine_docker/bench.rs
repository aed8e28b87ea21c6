//! What a container costs, beside plain `docker run` with the same limits. Prints; asserts no times.

use std::time::{Duration, Instant};

use futures::StreamExt;
use worker::engine::Engine;

use super::stage::{IMAGE, Stage, script};

const ROUNDS: u16 = 10;

#[tokio::test]
async fn the_cost_of_a_container_is_measured_beside_docker_run() {
    let stage = Stage::new().await;
    let mut phases = [const { Vec::new() }; 5];
    for round in 0..ROUNDS {
        let mut spec = stage.spec("bench");
        spec.owner.attempt = round + 1;
        let mut at = Instant::now();
        let mut lap = |phase: usize| phases[phase].push(std::mem::replace(&mut at, Instant::now()).elapsed());
        let name = stage.engine.prepare(&spec).await.unwrap();
        lap(0);
        let mut output = stage.engine.hand_over(&name, &script("echo x")).await.unwrap();
        assert_eq!(output.next().await.unwrap().text, "x");
        lap(1);
        assert_eq!(stage.engine.wait(&name).await.unwrap().code, 0);
        lap(2);
        assert_eq!(output.next().await, None);
        lap(3);
        stage.engine.remove(&name).await.unwrap();
        lap(4);
    }
    let mut plain = Vec::new();
    for _ in 0..ROUNDS {
        let flags = [
            "run",
            "--rm",
            "--network=none",
            "--read-only",
            "--cap-drop=ALL",
            "--security-opt=no-new-privileges",
            "--user=65532:65532",
            "--pids-limit=256",
            "--memory=64m",
            "--memory-swap=64m",
            "--cpus=1",
            "--cgroupns=private",
            "--tmpfs=/tmp",
            "--tmpfs=/run/slipway",
            "--log-driver=local",
            "--init",
            IMAGE,
            "/bin/busybox",
            "echo",
            "x",
        ];
        let begun = Instant::now();
        super::stage::docker(&flags).await;
        plain.push(begun.elapsed());
    }
    let middle = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64() * 1000.0
    };
    let names = ["prepare", "hand over to first output", "to the exit", "to the end of output", "remove"];
    for (name, times) in names.iter().zip(&mut phases) {
        println!("{name}: {:.1} ms", middle(times));
    }
    println!("docker run --rm: {:.1} ms", middle(&mut plain));
    stage.strike().await;
}
