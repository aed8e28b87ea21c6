//! What a step cannot do.

use shared::config::Sandbox;
use worker::engine::{Engine, HandOver, docker::DockerEngine};

use super::stage::{SOCKET, Stage, script};

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
    assert_eq!(posture.engine, "docker");
    assert_eq!(posture.failings(), [""; 0], "{posture:#?}");
    assert!(stage.engine.free_disk().await.unwrap() > 0);
    stage.strike().await;
}

#[tokio::test]
async fn files_that_take_more_room_than_they_may_end_the_step_at_once() {
    let limited = |text: &str| HandOver { max_disk: 8 * 1024 * 1024, ..script(text) };
    for (step, fill, full) in [
        ("workspace", "head -c 12000000 /dev/zero > big; trap '' TERM; sleep 30", true),
        (
            "deep",
            "d=.; for i in 1 2 3 4 5 6 7 8 9; do d=$d/$i; mkdir $d; head -c 1500000 /dev/zero > $d/f; done; sleep 30",
            true,
        ),
        (
            "far down",
            "n=$(head -c 200 /dev/zero | tr '\\0' n); i=0; while [ $i -lt 60 ]; do i=$((i+1)); mkdir $n && cd $n; done; head -c 12000000 /dev/zero > big; sleep 30",
            true,
        ),
        ("nameless", "exec 3> gone; rm gone; head -c 12000000 /dev/zero >&3; sleep 30", true),
        ("memory", "head -c 12000000 /dev/zero > /tmp/big; sleep 3", false),
        // Holes take no room, and neither does a second name.
        ("holes", "truncate -s 900M hole; head -c 4000000 /dev/zero > a; ln a b; ln a c; ln a d; sleep 3", false),
        ("little", "head -c 4000000 /dev/zero > a; sleep 3", false),
    ] {
        let stage = Stage::new().await;
        let (lines, exit) = stage.run(&stage.spec(step), &limited(fill)).await;
        stage.strike().await;
        assert_eq!((exit.disk_full, exit.infrastructure), (full, false), "{step}: {exit:?} {lines:?}");
        assert_eq!(exit.code == 137, full, "{step}: {exit:?} {lines:?}");
    }
}

#[tokio::test]
async fn an_engine_that_cannot_hold_a_volume_to_a_size_is_not_asked_to() {
    let stage = Stage::new().await;
    let sandbox = Sandbox { workspace_quota_mib: Some(64), ..Sandbox::default() };
    let engine = DockerEngine::connect(SOCKET).await.unwrap();
    match engine.governed_by(&sandbox).await {
        Ok(engine) => {
            assert!(engine.posture().await.unwrap().limits.disk, "it holds volumes to their size, and says so");
        }
        Err(refused) => {
            let said = refused.to_string();
            assert!(
                said.contains("sandbox.workspace_quota_mib is 64, and the engine cannot hold a volume to a size"),
                "{said}"
            );
        }
    }
    stage.strike().await;
}
