//! Workspaces, archives, and what is left when a run is over.

use bytes::Bytes;
use futures::TryStreamExt;
use shared::domain::{ids::Fence, plan::NetworkMode};
use worker::engine::{Engine, EngineError};

use super::stage::{Stage, script};

async fn read(stage: &Stage, name: &str, limit: u64) -> Result<Vec<u8>, EngineError> {
    let chunks: Vec<Bytes> = stage.engine.read(name, "/workspace/.", limit).await?.try_collect().await?;
    Ok(chunks.concat())
}

#[tokio::test]
async fn a_workspace_is_carried_from_one_volume_to_another() {
    let stage = Stage::new().await;
    assert!(!stage.engine.ensure_volume(&stage.instance, stage.run, &stage.volume).await.unwrap());
    let name = stage.engine.prepare(&stage.spec("writer")).await.unwrap();
    let output = stage.engine.hand_over(&name, &script("mkdir d; echo kept > d/file; chmod 640 d/file")).await.unwrap();
    drop(output);
    assert_eq!(stage.engine.wait(&name).await.unwrap().code, 0);
    let tar = read(&stage, &name, 1 << 20).await.unwrap();
    assert!(matches!(read(&stage, &name, 100).await, Err(EngineError::TooLarge(100))));

    let other = format!("{}-other", stage.volume);
    assert!(stage.engine.ensure_volume(&stage.instance, stage.run, &other).await.unwrap());
    let mut spec = stage.spec("reader");
    spec.volume = Some(other);
    let name = stage.engine.prepare(&spec).await.unwrap();
    stage.engine.write(&name, "/workspace", Bytes::from(tar)).await.unwrap();
    let output =
        stage.engine.hand_over(&name, &script("stat -c '%a %u' d/file; cat d/file; echo more >> d/file")).await;
    let lines: Vec<_> = futures::StreamExt::collect(output.unwrap()).await;
    assert_eq!(super::stage::stdout(&lines), "640 65532\nkept");
    assert_eq!(stage.engine.wait(&name).await.unwrap().code, 0);
    let missing = stage.engine.read(&name, "/nowhere", 10).await.map(|_| ());
    assert!(matches!(missing, Err(EngineError::Refused(_))), "{missing:?}");
    stage.strike().await;
}

#[tokio::test]
async fn files_of_the_image_do_not_slip_into_a_workspace() {
    let stage = Stage::new().await;
    assert_eq!(stage.script("empty", "ls -A /workspace").await, (String::new(), 0));
    stage.strike().await;
}

#[tokio::test]
async fn a_sweep_spares_what_a_newer_fence_started() {
    let stage = Stage::new().await;
    let old = stage.engine.prepare(&stage.spec("old")).await.unwrap();
    let mut spec = stage.spec("new");
    spec.owner.fence = Fence(5);
    let new = stage.engine.prepare(&spec).await.unwrap();
    stage.engine.sweep(&stage.instance, stage.run, Fence(5)).await.unwrap();
    let left = stage.engine.list(&stage.instance).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!((left[0].name.as_str(), &left[0].owner, left[0].running), (new.as_str(), &spec.owner, false));
    assert_ne!(old, new);
    assert_eq!(stage.engine.leftovers(&stage.instance).await.unwrap(), [stage.run], "the volume is in use and stays");
    stage.strike().await;
}

#[tokio::test]
async fn a_sweep_takes_running_steps_gates_and_networks_along() {
    let stage = Stage::new().await;
    let mut spec = stage.spec("out");
    spec.network = NetworkMode::Egress;
    spec.egress.insert("db".into(), "203.0.113.1:5432".into());
    let name = stage.engine.prepare(&spec).await.unwrap();
    drop(stage.engine.hand_over(&name, &script("sleep 600")).await.unwrap());
    let mut spec = stage.spec("in");
    spec.network = NetworkMode::Internal;
    stage.engine.prepare(&spec).await.unwrap();
    stage.strike().await;
}

#[tokio::test]
async fn the_init_is_mounted_where_the_step_cannot_change_it() {
    let stage = Stage::new().await;
    assert_eq!(stage.script("init", "cp /bin/busybox /.slipway/init 2>/dev/null || echo refused").await.0, "refused");
    stage.strike().await;
}
