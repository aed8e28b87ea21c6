//! What a step cannot do.

use worker::engine::Engine;

use super::stage::{Stage, docker, script, stdout};

#[tokio::test]
async fn the_root_is_read_only_and_only_the_steps_own_places_are_writable() {
    let stage = Stage::new().await;
    let test = "for d in / /bin /etc /workspace /tmp /run/slipway /run/slipway/files /.slipway; do
        if touch $d/probe 2>/dev/null; then echo $d; fi; done; id -u; id -g";
    let (text, _) = stage.script("places", test).await;
    assert_eq!(text, "/workspace\n/tmp\n/run/slipway\n/run/slipway/files\n65532\n65532");
    stage.strike().await;
}

#[tokio::test]
async fn the_kernel_refuses_what_the_profile_does_not_list() {
    let stage = Stage::new().await;
    let test = "unshare -U true 2>/dev/null && echo user namespace
        unshare -m true 2>/dev/null && echo mount namespace
        mount -t tmpfs none /tmp 2>/dev/null && echo mount
        chroot / true 2>/dev/null && echo chroot
        ping -c 1 -w 1 127.0.0.1 >/dev/null 2>&1 && echo raw socket
        ip link 2>/dev/null && echo netlink
        cat /proc/1/environ 2>/dev/null && echo environment of the init
        ls /proc/1/fd 2>/dev/null && echo descriptors of the init
        grep -E 'NoNewPrivs|Seccomp:|CapEff|CapBnd' /proc/self/status";
    let (text, _) = stage.script("kernel", test).await;
    let words: Vec<&str> = text.split_whitespace().collect();
    assert_eq!(
        words,
        ["CapEff:", "0000000000000000", "CapBnd:", "0000000000000000", "NoNewPrivs:", "1", "Seccomp:", "2"]
    );
    stage.strike().await;
}

#[tokio::test]
async fn a_fork_bomb_is_bounded() {
    let stage = Stage::new().await;
    let test = "i=0; while [ $i -lt 1000 ]; do sleep 30 & i=$((i+1)); done 2>/dev/null; echo survived";
    let name = stage.engine.prepare(&stage.spec("bomb")).await.unwrap();
    let output = stage.engine.hand_over(&name, &script(test)).await.unwrap();
    let lines: Vec<_> = futures::StreamExt::collect(output).await;
    assert_eq!(stage.engine.wait(&name).await.unwrap().code, 2, "{lines:?}");
    assert!(!stdout(&lines).contains("survived"));
    assert_eq!(docker(&["inspect", "-f", "{{.HostConfig.PidsLimit}}", &name]).await, "256");
    stage.strike().await;
}

#[tokio::test]
async fn running_out_of_memory_is_reported() {
    let stage = Stage::new().await;
    let (_, exit) = stage.run(&stage.spec("hungry"), &script("exec tail /dev/zero")).await;
    assert_eq!(exit.code, 137);
    assert!(exit.oom_killed);
    assert!(!exit.infrastructure);
    stage.strike().await;
}

#[tokio::test]
async fn running_out_of_memory_in_a_child_is_reported_apart_from_the_result() {
    let stage = Stage::new().await;
    let (_, exit) = stage.run(&stage.spec("child"), &script("tail /dev/zero; exit 0")).await;
    assert_eq!(exit.code, 0);
    assert!(exit.oom_killed);
    stage.strike().await;
}

#[tokio::test]
async fn the_engine_tells_what_isolation_it_gives() {
    let stage = Stage::new().await;
    let posture = stage.engine.posture().await.unwrap();
    assert_eq!(posture["engine"], "docker");
    assert_eq!(posture["seccomp"], true);
    assert!(stage.engine.free_disk().await.unwrap() > 0);
    stage.strike().await;
}
