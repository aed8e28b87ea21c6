//! What the engine needs of ours before it can run a step: an image with the init in it, and a volume with the same.

use std::{collections::HashMap, sync::LazyLock, time::Duration};

use bollard::{
    Docker, body_full,
    models::VolumeCreateRequest,
    query_parameters::{
        CreateContainerOptionsBuilder, DownloadFromContainerOptionsBuilder, ImportImageOptionsBuilder,
        RemoveContainerOptionsBuilder, UploadToContainerOptionsBuilder,
    },
};
use bytes::Bytes;
use futures::TryStreamExt;
use sha2::{Digest, Sha256};

use super::call::{Failure, QUICK, SLOW, call, unless_gone};
use crate::engine::{
    EngineError,
    sandbox::{self, HELD, INIT_FILE, Parts},
};

static INIT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/slipway-init"));
static DIGEST: LazyLock<String> = LazyLock::new(|| hex::encode(Sha256::digest(INIT))[..12].to_owned());

const IMAGE: &str = "slipway-gate";
const INIT_LABEL: &str = "dev.slipway.init";
/// A holder older than this was left by a worker that died; another may take its place.
const STALE_AFTER_S: i64 = 60;

/// The names of the parts of this build of the worker.
pub(super) fn names() -> Parts {
    Parts { image: format!("{IMAGE}:{}", *DIGEST), volume: format!("slipway-init-{}", *DIGEST) }
}

/// Makes the parts unless they are there. Safe while other workers do the same.
pub(super) async fn ensure(docker: &Docker) -> Result<Parts, EngineError> {
    let parts = names();
    ensure_image(docker, &parts).await?;
    ensure_init_volume(docker, &parts).await?;
    Ok(parts)
}

/// Makes the image unless it is there; image clean-ups take it away.
pub(super) async fn ensure_image(docker: &Docker, parts: &Parts) -> Result<(), EngineError> {
    match call("inspect image", QUICK, docker.inspect_image(&parts.image)).await {
        Ok(_) => return Ok(()),
        Err(failure) if failure.is(404) => {}
        Err(failure) => return Err(failure.into()),
    }
    let options = ImportImageOptionsBuilder::default().quiet(true).build();
    let made = docker.import_image(options, body_full(image_archive(&parts.image)?), None).try_collect::<Vec<_>>();
    call("load the init's image", SLOW, made).await?;
    Ok(())
}

/// The image as the engine's own archives hold one. The same bytes give the same image everywhere, so workers that
/// load it at the same moment do not leave one without a name.
fn image_archive(name: &str) -> Result<Bytes, EngineError> {
    let mut layer = tar::Builder::new(Vec::new());
    append(&mut layer, INIT_FILE, INIT)?;
    folder(&mut layer, HELD, 0)?;
    let layer = finish(layer)?;
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let config = serde_json::json!({
        "architecture": architecture,
        "os": "linux",
        "created": "2020-01-01T00:00:00Z",
        "config": {"Labels": {INIT_LABEL: DIGEST.as_str()}},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", hex::encode(Sha256::digest(&layer)))]},
    });
    let manifest = serde_json::json!([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]);
    let mut image = tar::Builder::new(Vec::new());
    append(&mut image, "layer.tar", &layer)?;
    append(&mut image, "config.json", config.to_string().as_bytes())?;
    append(&mut image, "manifest.json", manifest.to_string().as_bytes())?;
    finish(image)
}

async fn ensure_init_volume(docker: &Docker, parts: &Parts) -> Result<(), EngineError> {
    let labels = HashMap::from([(INIT_LABEL.to_owned(), DIGEST.clone())]);
    let request = VolumeCreateRequest { name: Some(parts.volume.clone()), labels: Some(labels), ..Default::default() };
    call("create volume", QUICK, docker.create_volume(request)).await?;
    // The holder's name is the lock between workers: the engine admits one of it at a time.
    let holder = parts.volume.as_str();
    for _ in 0..600 {
        match hold(docker, parts, holder, holder, HashMap::new()).await {
            Ok(()) => {
                let filled = fill(docker, holder).await;
                release(docker, holder).await?;
                return filled;
            }
            Err(failure) if failure.is(409) => {
                if age_s(docker, holder).await.is_some_and(|age| age > STALE_AFTER_S) {
                    release(docker, holder).await?;
                } else {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            Err(failure) => return Err(failure.into()),
        }
    }
    Err(EngineError::Unavailable("another worker prepares the init's volume and does not finish".into()))
}

/// Puts the init under a name that nobody runs, then links it to its real one: no container sees half of it.
async fn fill(docker: &Docker, holder: &str) -> Result<(), EngineError> {
    if init_is_whole(docker, holder).await? {
        return Ok(());
    }
    let fresh = format!("{INIT_FILE}.new");
    let mut tar = tar::Builder::new(Vec::new());
    append(&mut tar, &fresh, INIT)?;
    upload(docker, holder, HELD, finish(tar)?).await?;
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Link);
    header.set_size(0);
    header.set_mode(0o755);
    tar.append_link(&mut header, INIT_FILE, &fresh).map_err(local)?;
    upload(docker, holder, HELD, finish(tar)?).await?;
    if init_is_whole(docker, holder).await? {
        Ok(())
    } else {
        Err(EngineError::Unavailable("the init did not arrive whole in its volume".into()))
    }
}

async fn init_is_whole(docker: &Docker, holder: &str) -> Result<bool, EngineError> {
    let options = DownloadFromContainerOptionsBuilder::default().path(&format!("{HELD}/{INIT_FILE}")).build();
    let read =
        docker.download_from_container(holder, Some(options)).try_fold(Vec::new(), |mut all, chunk| async move {
            all.extend_from_slice(&chunk);
            Ok(all)
        });
    match call("read the init", SLOW, read).await {
        Ok(archive) => {
            let mut archive = tar::Archive::new(archive.as_slice());
            let mut found = Vec::new();
            for entry in archive.entries().map_err(local)? {
                std::io::Read::read_to_end(&mut entry.map_err(local)?, &mut found).map_err(local)?;
            }
            Ok(found == INIT)
        }
        Err(failure) if failure.is(404) => Ok(false),
        Err(failure) => Err(failure.into()),
    }
}

/// Gives the volume's root to the steps' user, whatever became of an earlier try.
pub(super) async fn give_to_steps(
    docker: &Docker,
    parts: &Parts,
    volume: &str,
    labels: HashMap<String, String>,
) -> Result<(), EngineError> {
    let holder = format!("slipway-hold-{}", uuid_like());
    hold(docker, parts, &holder, volume, labels).await?;
    let mut tar = tar::Builder::new(Vec::new());
    folder(&mut tar, HELD, sandbox::STEP_UID)?;
    let given = upload(docker, &holder, "/", finish(tar)?).await;
    release(docker, &holder).await?;
    given
}

async fn hold(
    docker: &Docker,
    parts: &Parts,
    name: &str,
    volume: &str,
    labels: HashMap<String, String>,
) -> Result<(), Failure> {
    let options = CreateContainerOptionsBuilder::default().name(name).build();
    let body = sandbox::holder(parts, volume, labels);
    call("create holder", SLOW, docker.create_container(Some(options), body)).await.map(|_| ())
}

async fn release(docker: &Docker, name: &str) -> Result<(), Failure> {
    let options = RemoveContainerOptionsBuilder::default().force(true).build();
    match unless_gone(call("remove holder", SLOW, docker.remove_container(name, Some(options))).await) {
        Err(failure) if failure.is(409) => Ok(()),
        other => other,
    }
}

async fn age_s(docker: &Docker, name: &str) -> Option<i64> {
    let found = call("inspect holder", QUICK, docker.inspect_container(name, None)).await.ok()?;
    let created = chrono::DateTime::parse_from_rfc3339(&found.created?.to_string()).ok()?;
    Some((chrono::Utc::now() - created.to_utc()).num_seconds())
}

/// Unpacks a tar into a folder of a container.
pub(super) async fn upload(docker: &Docker, name: &str, path: &str, tar: Bytes) -> Result<(), EngineError> {
    let options = UploadToContainerOptionsBuilder::default().path(path).build();
    Ok(call("write archive", SLOW, docker.upload_to_container(name, Some(options), body_full(tar))).await?)
}

fn append(tar: &mut tar::Builder<Vec<u8>>, name: &str, content: &[u8]) -> Result<(), EngineError> {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o755);
    tar.append_data(&mut header, name, content).map_err(local)
}

fn folder(tar: &mut tar::Builder<Vec<u8>>, path: &str, owner: u64) -> Result<(), EngineError> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Directory);
    header.set_size(0);
    header.set_mode(0o770);
    header.set_uid(owner);
    header.set_gid(owner);
    tar.append_data(&mut header, path.trim_start_matches('/'), std::io::empty()).map_err(local)
}

fn finish(tar: tar::Builder<Vec<u8>>) -> Result<Bytes, EngineError> {
    tar.into_inner().map(Bytes::from).map_err(local)
}

fn local(error: std::io::Error) -> EngineError {
    EngineError::Unavailable(format!("packing an archive: {error}"))
}

/// Enough randomness for a name that lives a moment.
pub(super) fn uuid_like() -> String {
    format!("{:016x}", rand::random::<u64>())
}
