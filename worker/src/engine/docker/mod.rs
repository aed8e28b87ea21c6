//! The Docker engine.
//!
//! Each call has a time limit, so an engine that is stopped or stuck makes calls fail, never hang. A container's init
//! (see `worker/init`) takes its command over an attached standard input and reports its end on standard error; the
//! engine's own account of the end is used when that report does not come.

mod archive;
mod call;
mod cleanup;
mod exit;
mod hand_over;
mod image;
mod lines;
mod network;
mod output;
mod parts;
mod posture;
mod probe;
#[path = "../../../init/protocol.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    clippy::missing_errors_doc,
    reason = "shared with the init, which uses the other half"
)]
mod protocol;

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bollard::{
    API_DEFAULT_VERSION, Docker,
    models::{ContainerStateStatusEnum, VolumeCreateRequest},
    query_parameters::{CreateContainerOptionsBuilder, StopContainerOptionsBuilder},
};
use bytes::Bytes;
use shared::{
    config::Sandbox,
    domain::{
        ids::{Fence, RunId},
        plan::NetworkMode,
        posture::Posture,
    },
};
use tokio::sync::Mutex as AsyncMutex;

use self::{
    call::{QUICK, SLOW, call, unless_gone},
    hand_over::Live,
};
use super::{
    Answer, Archive, ContainerSpec, Engine, EngineError, Exit, Found, HandOver, Output, Probe,
    sandbox::{self, Base, Parts, container_name},
};

/// The client's own limit, out of the way: every call here has one of its own.
const CLIENT_LIMIT_S: u64 = 24 * 3600;
/// What is known of images is forgotten when it is about this many.
const KNOWN_IMAGES: usize = 256;

/// Runs steps on a Docker engine. Cheap to clone; clones share connections to their containers.
#[derive(Clone)]
pub struct DockerEngine {
    docker: Docker,
    sandbox: Arc<Sandbox>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    parts: AsyncMutex<Option<Parts>>,
    networks: AsyncMutex<()>,
    live: Mutex<HashMap<String, Live>>,
    /// By id: an image of an id never changes.
    images: Mutex<HashMap<String, Base>>,
}

impl std::fmt::Debug for DockerEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DockerEngine").field("api", &self.docker.client_version()).finish_non_exhaustive()
    }
}

impl DockerEngine {
    /// Connects to the engine at a Unix socket and agrees on a version. `Unavailable` when none answers in time.
    pub async fn connect(socket: impl AsRef<Path>) -> Result<Self, EngineError> {
        let path = socket.as_ref().to_string_lossy();
        let docker = Docker::connect_with_unix(&path, CLIENT_LIMIT_S, API_DEFAULT_VERSION)
            .map_err(|error| EngineError::Unavailable(error.to_string()))?;
        let docker = call("negotiate the version", QUICK, docker.negotiate_version()).await?;
        Ok(Self { docker, sandbox: Arc::default(), shared: Arc::default() })
    }

    /// Holds the engine to what the instance allows. `Refused` when it does not have the runtime that steps are to have, or cannot
    /// hold steps to the restricted profile.
    pub async fn governed_by(mut self, sandbox: &Sandbox) -> Result<Self, EngineError> {
        self.sandbox = Arc::new(sandbox.clone());
        let posture = self.posture().await?;
        if let Some(runtime) = sandbox.runtime
            && !posture.runtimes.iter().any(|known| known == runtime.as_str())
        {
            return Err(EngineError::Refused(format!(
                "sandbox.runtime is {runtime}, and the engine has only {}: register it in the engine's daemon.json under that name",
                posture.runtimes.join(", ")
            )));
        }
        self.check_quota().await?;
        let failings = posture.failings();
        if !failings.is_empty() && !sandbox.accept_weak_engine {
            return Err(EngineError::Refused(format!(
                "it cannot hold steps to the restricted profile: {}; sandbox.accept_weak_engine runs them all the same",
                failings.join(", ")
            )));
        }
        Ok(self)
    }

    /// Tries what `ensure_volume` asks for: an engine that cannot hold a volume to its size refuses to make one.
    async fn check_quota(&self) -> Result<(), EngineError> {
        let Some(mib) = self.sandbox.workspace_quota_mib else { return Ok(()) };
        let name = format!("slipway-quota-{}", parts::uuid_like());
        let request =
            VolumeCreateRequest { name: Some(name.clone()), driver_opts: self.volume_options(), ..Default::default() };
        match call("create volume", SLOW, self.docker.create_volume(request)).await {
            Ok(_) => cleanup::remove_volume(&self.docker, &name).await.map(|_| ()),
            Err(call::Failure::Status(_, why)) => Err(EngineError::Refused(format!(
                "sandbox.workspace_quota_mib is {mib}, and the engine cannot hold a volume to a size ({}): it needs Docker 23 or \
                 later with its volumes on xfs, mounted with pquota",
                why.trim()
            ))),
            Err(silent) => Err(silent.into()),
        }
    }

    fn volume_options(&self) -> Option<HashMap<String, String>> {
        self.sandbox.workspace_quota_mib.map(|mib| HashMap::from([("size".to_owned(), format!("{mib}m"))]))
    }

    /// Removes what an installation keeps on the engine between runs: the network that its gates share. Fails while a
    /// gate is up.
    pub async fn retire(&self, instance: &str) -> Result<(), EngineError> {
        match cleanup::remove_network(&self.docker, &network::outside_name(instance)).await? {
            true => Ok(()),
            false => Err(EngineError::Refused("gates of this installation are up".into())),
        }
    }

    async fn parts(&self) -> Result<Parts, EngineError> {
        let mut known = self.shared.parts.lock().await;
        if let Some(parts) = known.as_ref() {
            return Ok(parts.clone());
        }
        Ok(known.insert(parts::ensure(&self.docker).await?).clone())
    }

    async fn forget_parts(&self) {
        self.shared.parts.lock().await.take();
    }

    /// What a container of this image is made on. Looked at once for each id.
    async fn base(&self, image: &str) -> Result<Base, EngineError> {
        let known = || self.shared.images.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(base) = known().get(image) {
            return Ok(base.clone());
        }
        let base = image::base(&self.docker, &self.sandbox, image).await?;
        let mut known = known();
        if known.len() >= KNOWN_IMAGES {
            known.clear();
        }
        known.insert(base.image.clone(), base.clone());
        Ok(base)
    }

    async fn create(&self, spec: &ContainerSpec, parts: &Parts, joined: sandbox::Joined) -> Result<(), EngineError> {
        let name = container_name(&spec.owner);
        let base = self.base(&spec.image).await?;
        let image = base.image.clone();
        let body = sandbox::step(spec, parts, base, joined)?;
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        match call("create container", SLOW, self.docker.create_container(Some(options), body)).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.is(409) => Err(EngineError::Conflict(name)),
            Err(failure) if failure.is(404) && failure.says("No such image") => {
                self.shared.images.lock().unwrap_or_else(PoisonError::into_inner).remove(&image);
                let reason = "the engine does not have it any more".into();
                Err(EngineError::Image { image: spec.image.clone(), reason, passing: false })
            }
            Err(failure) => Err(failure.into()),
        }
    }

    async fn status(&self, name: &str) -> Result<Option<ContainerStateStatusEnum>, EngineError> {
        match call("inspect container", QUICK, self.docker.inspect_container(name, None)).await {
            Ok(found) => Ok(found.state.and_then(|state| state.status)),
            Err(failure) if failure.is(404) => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    fn with_live<T>(&self, name: &str, look: impl FnOnce(&mut Live) -> T) -> Option<T> {
        self.shared.live.lock().unwrap_or_else(PoisonError::into_inner).get_mut(name).map(look)
    }

    /// Lets go of what was remembered, so that a container of the same name begins afresh.
    fn forget(&self, name: &str) {
        self.shared.live.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

impl Engine for DockerEngine {
    async fn known_image(&self, image: &str) -> Result<Option<String>, EngineError> {
        image::known(&self.docker, &self.sandbox, image).await
    }

    async fn fetch_image(&self, image: &str) -> Result<String, EngineError> {
        image::fetch(&self.docker, &self.sandbox, image).await
    }

    async fn prepare(&self, spec: &ContainerSpec) -> Result<String, EngineError> {
        let name = container_name(&spec.owner);
        let parts = self.parts().await?;
        if spec.network == NetworkMode::Egress {
            if self.status(&name).await?.is_some() {
                return Err(EngineError::Conflict(name));
            }
            parts::ensure_image(&self.docker, &parts).await?;
        }
        let joined = network::provide(&self.docker, &parts, spec, &self.shared.networks).await?;
        let created = self.create(spec, &parts, joined).await;
        if created.is_err() && spec.network == NetworkMode::Egress {
            cleanup::remove_made_for(&self.docker, &name).await?;
        }
        created.map(|()| name)
    }

    async fn hand_over(&self, name: &str, command: &HandOver) -> Result<Output, EngineError> {
        hand_over::hand_over(self, name, command).await
    }

    async fn renew(&self, name: &str, deadline: Duration) -> Result<(), EngineError> {
        hand_over::renew(self, name, deadline).await
    }

    async fn probe(&self, name: &str, probe: &Probe) -> Result<Answer, EngineError> {
        probe::probe(&self.docker, name, probe).await
    }

    async fn wait(&self, name: &str) -> Result<Exit, EngineError> {
        exit::wait(self, name).await
    }

    async fn stop(&self, name: &str, grace: Duration) -> Result<(), EngineError> {
        self.with_live(name, |live| live.stopped = true);
        let seconds = grace.as_millis().div_ceil(1000);
        let options = StopContainerOptionsBuilder::default().t(i32::try_from(seconds).unwrap_or(i32::MAX)).build();
        let limit = grace + SLOW;
        Ok(unless_gone(call("stop container", limit, self.docker.stop_container(name, Some(options))).await)?)
    }

    async fn read(&self, name: &str, path: &str, limit: u64) -> Result<Archive, EngineError> {
        archive::read(&self.docker, name, path, limit).await
    }

    async fn write(&self, name: &str, path: &str, tar: Bytes) -> Result<(), EngineError> {
        parts::upload(&self.docker, name, path, tar).await
    }

    async fn remove(&self, name: &str) -> Result<(), EngineError> {
        self.forget(name);
        cleanup::remove_container(&self.docker, name).await?;
        cleanup::remove_made_for(&self.docker, name).await
    }

    async fn list(&self, instance: &str) -> Result<Vec<Found>, EngineError> {
        cleanup::list(&self.docker, instance).await
    }

    async fn ensure_volume(&self, instance: &str, run: RunId, name: &str) -> Result<bool, EngineError> {
        sandbox::check_volume(name)?;
        let labels = sandbox::run_labels(instance, run, "workspace");
        let parts = self.parts().await?;
        parts::ensure_image(&self.docker, &parts).await?;
        let fresh = match call("inspect volume", QUICK, self.docker.inspect_volume(name)).await {
            Ok(found) if found.labels == labels => false,
            Ok(_) => return Err(EngineError::Refused(format!("volume {name} belongs to something else"))),
            Err(failure) if failure.is(404) => true,
            Err(failure) => return Err(failure.into()),
        };
        if fresh {
            let request = VolumeCreateRequest {
                name: Some(name.to_owned()),
                labels: Some(labels),
                driver_opts: self.volume_options(),
                ..Default::default()
            };
            call("create volume", SLOW, self.docker.create_volume(request)).await?;
        }
        parts::give_to_steps(&self.docker, &parts, name, sandbox::run_labels(instance, run, "holder")).await?;
        Ok(fresh)
    }

    async fn remove_volume(&self, name: &str) -> Result<(), EngineError> {
        match cleanup::remove_volume(&self.docker, name).await? {
            true => Ok(()),
            false => Err(EngineError::Refused(format!("volume {name} is in use"))),
        }
    }

    async fn leftovers(&self, instance: &str) -> Result<Vec<RunId>, EngineError> {
        cleanup::leftovers(&self.docker, instance).await
    }

    async fn sweep(&self, instance: &str, run: RunId, below: Fence) -> Result<(), EngineError> {
        cleanup::sweep(&self.docker, instance, run, below).await
    }

    async fn posture(&self) -> Result<Posture, EngineError> {
        posture::posture(&self.docker, &self.sandbox).await
    }

    async fn free_disk(&self) -> Result<u64, EngineError> {
        posture::free_disk(&self.docker).await
    }
}
