//! The Docker engine.
//!
//! Each call has a time limit, so an engine that is stopped or stuck makes calls fail, never hang. A container's init
//! (see `worker/init`) takes its command over an attached standard input and reports its end on standard error; the
//! engine's own account of the end is used when that report does not come.

mod call;
mod cleanup;
mod exit;
mod lines;
mod network;
mod output;
mod parts;
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
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bollard::{
    API_DEFAULT_VERSION, Docker,
    container::AttachContainerResults,
    models::{ContainerStateStatusEnum, VolumeCreateRequest},
    query_parameters::{
        AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, CreateImageOptionsBuilder,
        DownloadFromContainerOptionsBuilder, StartContainerOptions, StopContainerOptionsBuilder,
    },
};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use shared::domain::{
    ids::{Fence, RunId},
    plan::NetworkMode,
};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    sync::{Mutex as AsyncMutex, mpsc, watch},
    time::timeout,
};
use tokio_stream::wrappers::ReceiverStream;

use self::{
    call::{Failure, QUICK, SLOW, call, unless_gone},
    output::{Pump, WAITING_LINES},
    protocol::{Command, File, Message, Report},
};
use super::{
    Archive, ContainerSpec, Engine, EngineError, Exit, Found, HandOver, Output,
    sandbox::{self, Parts, container_name},
};

/// How long an image may take to arrive.
const PULL: Duration = Duration::from_secs(600);
/// How long the init may take to read a message.
const SEND: Duration = Duration::from_secs(30);
/// How long nothing may come of an archive that is being read.
const ARCHIVE_PAUSE: Duration = Duration::from_secs(60);

type Input = Arc<AsyncMutex<Pin<Box<dyn AsyncWrite + Send>>>>;

/// What this process knows of a container it handed a command to.
struct Live {
    nonce: String,
    input: Option<Input>,
    report: watch::Receiver<Option<Report>>,
    stopped: bool,
}

/// Runs steps on a Docker engine. Cheap to clone; clones share connections to their containers.
#[derive(Clone)]
pub struct DockerEngine {
    docker: Docker,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    parts: AsyncMutex<Option<Parts>>,
    networks: AsyncMutex<()>,
    live: Mutex<HashMap<String, Live>>,
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
        // The client's own limit is out of the way: every call here has its own.
        let docker = Docker::connect_with_unix(&path, PULL.as_secs() * 2, API_DEFAULT_VERSION)
            .map_err(|error| EngineError::Unavailable(error.to_string()))?;
        let docker = call("negotiate the version", QUICK, docker.negotiate_version()).await?;
        Ok(Self { docker, shared: Arc::new(Shared::default()) })
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

    fn with_live<T>(&self, name: &str, look: impl FnOnce(&mut Live) -> T) -> Option<T> {
        self.shared.live.lock().unwrap_or_else(PoisonError::into_inner).get_mut(name).map(look)
    }

    async fn create(&self, spec: &ContainerSpec, parts: &Parts, joined: sandbox::Joined) -> Result<(), EngineError> {
        let name = container_name(&spec.owner);
        let body = sandbox::step(spec, parts, joined)?;
        let mut pulled = false;
        loop {
            let options = CreateContainerOptionsBuilder::default().name(&name).build();
            match call("create container", SLOW, self.docker.create_container(Some(options), body.clone())).await {
                Ok(_) => return Ok(()),
                Err(failure) if failure.is(409) => return Err(EngineError::Conflict(name)),
                Err(failure) if failure.is(404) && failure.says("No such image") && !pulled => {
                    self.pull(&spec.image).await?;
                    pulled = true;
                }
                Err(failure) => return Err(failure.into()),
            }
        }
    }

    async fn pull(&self, image: &str) -> Result<(), EngineError> {
        let last = image.rsplit('/').next().unwrap_or(image);
        let named = if last.contains([':', '@']) { image.to_owned() } else { format!("{image}:latest") };
        let options = CreateImageOptionsBuilder::default().from_image(&named).build();
        let pulling = self.docker.create_image(Some(options), None, None).try_for_each(|_| std::future::ready(Ok(())));
        match call("pull", PULL, pulling).await {
            Ok(()) => Ok(()),
            Err(Failure::Status(_, reason)) => Err(EngineError::Image { image: image.to_owned(), reason }),
            Err(silent) => Err(silent.into()),
        }
    }

    /// Attaches, so that no output is missed, and starts.
    async fn attach_and_start(&self, name: &str) -> Result<AttachContainerResults, Failure> {
        let options = AttachContainerOptionsBuilder::default();
        let options = options.stream(true).stdin(true).stdout(true).stderr(true).build();
        let attached = call("attach", QUICK, self.docker.attach_container(name, Some(options))).await?;
        call("start container", SLOW, self.docker.start_container(name, None::<StartContainerOptions>)).await?;
        Ok(attached)
    }

    async fn start(&self, name: &str) -> Result<AttachContainerResults, EngineError> {
        match self.attach_and_start(name).await {
            // Somebody cleaned up volumes since the container was made, and the engine put an empty one in its place.
            Err(failure) if failure.says("/.slipway/init") => {
                self.forget_parts().await;
                self.parts().await?;
                Ok(self.attach_and_start(name).await?)
            }
            other => Ok(other?),
        }
    }

    async fn send(&self, input: &Input, message: &Message) -> Result<(), EngineError> {
        let frame = message.encode();
        let writing = async {
            let mut input = input.lock().await;
            input.write_all(&frame).await?;
            input.flush().await
        };
        match timeout(SEND, writing).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(EngineError::Unavailable(format!("the init's input: {error}"))),
            Err(_) => Err(EngineError::Unavailable("the init does not read its input".into())),
        }
    }

    async fn status(&self, name: &str) -> Result<Option<ContainerStateStatusEnum>, EngineError> {
        match call("inspect container", QUICK, self.docker.inspect_container(name, None)).await {
            Ok(found) => Ok(found.state.and_then(|state| state.status)),
            Err(failure) if failure.is(404) => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Lets go of what was remembered, so that a container of the same name begins afresh.
    fn forget(&self, name: &str) {
        self.shared.live.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

fn message(nonce: &str, command: &HandOver) -> Result<Message, EngineError> {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let size: usize = command.files.iter().map(|file| file.content.len()).sum();
    if size > protocol::MAX_FRAME / 2 {
        return Err(EngineError::TooLarge(protocol::MAX_FRAME as u64 / 2));
    }
    let nul = |text: &String| text.contains('\0');
    if command.argv.is_empty()
        || command.argv.iter().any(nul)
        || command.env.iter().any(|(k, v)| k.contains('=') || nul(k) || nul(v))
    {
        return Err(EngineError::Refused("the command or its environment cannot be expressed".into()));
    }
    let file =
        |file: &super::StepFile| File { path: file.path.clone(), mode: file.mode, content: file.content.to_vec() };
    Ok(Message::Command(Box::new(Command {
        nonce: nonce.to_owned(),
        argv: command.argv.clone(),
        env: command.env.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        cwd: command.cwd.clone(),
        files: command.files.iter().map(file).collect(),
        deadline_ms: millis(command.deadline),
        grace_ms: millis(command.grace),
    })))
}

impl Engine for DockerEngine {
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
        let fresh = parts::uuid_like() + &parts::uuid_like();
        let nonce = self.with_live(name, |live| live.nonce.clone()).unwrap_or(fresh);
        let message = message(&nonce, command)?;
        let (to, lines) = mpsc::channel(WAITING_LINES);
        let (reports, report) = watch::channel(None);
        let pump = Pump::new(self.docker.clone(), name.to_owned(), nonce.clone(), to, reports);
        let status = self.status(name).await?;
        let mut live = Live { nonce, input: None, report, stopped: false };
        // Never start a container twice: the step would run twice.
        let attached = match status {
            None => return Err(EngineError::Refused(format!("there is no container {name}"))),
            Some(ContainerStateStatusEnum::CREATED) => {
                let attached = self.start(name).await?;
                let input: Input = Arc::new(AsyncMutex::new(attached.input));
                self.send(&input, &message).await?;
                live.input = Some(input);
                Some(attached.output)
            }
            Some(_) => None,
        };
        self.shared.live.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), live);
        tokio::spawn(pump.run(attached));
        Ok(Box::pin(ReceiverStream::new(lines)))
    }

    async fn renew(&self, name: &str, deadline: Duration) -> Result<(), EngineError> {
        let message = Message::Renew(u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX));
        if let Some(input) = self.with_live(name, |live| live.input.clone()).flatten()
            && self.send(&input, &message).await.is_ok()
        {
            return Ok(());
        }
        if self.status(name).await? != Some(ContainerStateStatusEnum::RUNNING) {
            return Ok(());
        }
        let options = AttachContainerOptionsBuilder::default().stream(true).stdin(true).build();
        let attached = call("attach", QUICK, self.docker.attach_container(name, Some(options))).await?;
        let input: Input = Arc::new(AsyncMutex::new(attached.input));
        self.send(&input, &message).await?;
        self.with_live(name, |live| live.input = Some(input));
        Ok(())
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
        let options = DownloadFromContainerOptionsBuilder::default().path(path).build();
        let mut chunks = Box::pin(self.docker.download_from_container(name, Some(options)));
        // The first piece tells whether there is anything to read.
        let first = match timeout(ARCHIVE_PAUSE, chunks.next()).await {
            Ok(Some(Err(error))) => return Err(Failure::from(error).into()),
            Ok(first) => first,
            Err(_) => return Err(EngineError::Unavailable("the archive does not begin".into())),
        };
        let whole = futures::stream::iter(first).chain(chunks);
        let bounded = futures::stream::try_unfold((Box::pin(whole), 0_u64), move |(mut chunks, read)| async move {
            match timeout(ARCHIVE_PAUSE, chunks.next()).await {
                Err(_) => Err(EngineError::Unavailable("the archive stands still".into())),
                Ok(None) => Ok(None),
                Ok(Some(Err(error))) => Err(Failure::from(error).into()),
                Ok(Some(Ok(chunk))) => {
                    let read = read + chunk.len() as u64;
                    if read > limit { Err(EngineError::TooLarge(limit)) } else { Ok(Some((chunk, (chunks, read)))) }
                }
            }
        });
        Ok(Box::pin(bounded))
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
            let request =
                VolumeCreateRequest { name: Some(name.to_owned()), labels: Some(labels), ..Default::default() };
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

    async fn posture(&self) -> Result<serde_json::Value, EngineError> {
        let info = call("info", QUICK, self.docker.info()).await?;
        let options = info.security_options.unwrap_or_default();
        let has = |word: &str| options.iter().any(|option| option.contains(word));
        Ok(serde_json::json!({
            "engine": "docker",
            "engine_id": info.id,
            "version": info.server_version,
            "api": self.docker.client_version().to_string(),
            "kernel": info.kernel_version,
            "runtime": info.default_runtime,
            "cgroup_version": info.cgroup_version.map(|version| version.to_string()),
            "seccomp": has("name=seccomp"),
            "apparmor": has("name=apparmor"),
            "selinux": has("name=selinux"),
            "user_namespaces": has("name=userns"),
            "rootless": has("name=rootless"),
            "live_restore": info.live_restore_enabled,
            "storage": info.driver,
        }))
    }

    /// Where the engine's folder is not on this host, its free space cannot be seen: then this is `u64::MAX`.
    async fn free_disk(&self) -> Result<u64, EngineError> {
        let info = call("info", QUICK, self.docker.info()).await?;
        let Some(root) = info.docker_root_dir else { return Ok(u64::MAX) };
        let looking = tokio::task::spawn_blocking(move || nix::sys::statvfs::statvfs(root.as_str()));
        match timeout(QUICK, looking).await {
            Ok(Ok(Ok(stat))) => Ok(stat.blocks_available().saturating_mul(stat.fragment_size())),
            Ok(_) => Ok(u64::MAX),
            Err(_) => Err(EngineError::Unavailable("the engine's disk does not answer".into())),
        }
    }
}
