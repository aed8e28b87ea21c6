//! What the engine says of itself.

use bollard::Docker;
use shared::{
    config::{PullPolicy, Sandbox},
    domain::posture::{ImagePolicy, Limits, Posture},
};
use tokio::time::timeout;

use super::call::{QUICK, call};
use crate::engine::EngineError;

/// Asks the engine, and adds what steps are held to.
pub(super) async fn posture(docker: &Docker, sandbox: &Sandbox) -> Result<Posture, EngineError> {
    let info = call("info", QUICK, docker.info()).await?;
    let options = info.security_options.unwrap_or_default();
    // `name=apparmor`, `name=seccomp,profile=default`: only what is really there is listed.
    let has = |name: &str| {
        options.iter().flat_map(|option| option.split(',')).any(|part| part.strip_prefix("name=") == Some(name))
    };
    let mut runtimes: Vec<String> = info.runtimes.unwrap_or_default().into_keys().collect();
    runtimes.sort_unstable();
    let policy = match sandbox.pull.policy {
        PullPolicy::Missing => "missing",
        PullPolicy::Always => "always",
        PullPolicy::Never => "never",
    };
    let mut posture = Posture {
        engine: "docker".into(),
        engine_id: info.id,
        version: info.server_version,
        api: Some(docker.client_version().to_string()),
        system: info.operating_system,
        kernel: info.kernel_version,
        rootless: has("rootless"),
        user_namespaces: has("userns"),
        seccomp: has("seccomp"),
        apparmor: has("apparmor"),
        selinux: has("selinux"),
        cgroup_version: info.cgroup_version.map(|version| version.to_string()),
        runtime: sandbox.runtime.map(|runtime| runtime.to_string()).or(info.default_runtime),
        runtimes,
        limits: Limits {
            memory: info.memory_limit.unwrap_or(false),
            swap: info.swap_limit.unwrap_or(false),
            cpu: info.cpu_cfs_quota.unwrap_or(false) && info.cpu_cfs_period.unwrap_or(true),
            pids: info.pids_limit.unwrap_or(false),
            disk: sandbox.workspace_quota_mib.is_some(),
        },
        live_restore: info.live_restore_enabled.unwrap_or(false),
        storage: info.driver,
        images: Some(ImagePolicy {
            allowed: sandbox.images.clone(),
            manifests: sandbox.manifest_images,
            digests: sandbox.require_digests,
            pinned: sandbox.pin_images,
            pull: policy.into(),
        }),
        ..Posture::default()
    };
    posture.weaknesses = posture.weak_points();
    Ok(posture)
}

/// Bytes free where the engine keeps images and volumes. Where that folder is not on this host it cannot be seen: then this is
/// `u64::MAX`.
pub(super) async fn free_disk(docker: &Docker) -> Result<u64, EngineError> {
    let info = call("info", QUICK, docker.info()).await?;
    let Some(root) = info.docker_root_dir else { return Ok(u64::MAX) };
    let looking = tokio::task::spawn_blocking(move || nix::sys::statvfs::statvfs(root.as_str()));
    match timeout(QUICK, looking).await {
        Ok(Ok(Ok(stat))) => Ok(stat.blocks_available().saturating_mul(stat.fragment_size())),
        Ok(_) => Ok(u64::MAX),
        Err(_) => Err(EngineError::Unavailable("the engine's disk does not answer".into())),
    }
}
