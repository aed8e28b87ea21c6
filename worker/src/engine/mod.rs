//! What runs containers, behind a small trait with stated contracts.
//!
//! Prepare, hand over, await and remove are calls of their own, so that a container can be made ready before its
//! step is due and removed after its outcome is recorded.

pub mod docker;
pub mod sandbox;
pub mod scripted;
mod seccomp;

use std::{collections::BTreeMap, future::Future, pin::Pin, time::Duration};

use bytes::Bytes;
use futures::Stream;
use shared::domain::{
    ids::{Fence, RunId},
    plan::NetworkMode,
    posture::Posture,
    service::Check,
};

/// What a container is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// One try of a step.
    #[default]
    Step,
    /// One start of a service of a run.
    Service,
}

/// Who a container belongs to; written as labels, read back by the janitor and by a rescue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// The installation.
    pub instance: String,
    /// The run.
    pub run_id: RunId,
    /// What it is for.
    pub role: Role,
    /// The name of the step, or of the service.
    pub step: String,
    /// The number of the try, or of the start.
    pub attempt: u16,
    /// The fence the container was started under.
    pub fence: Fence,
    /// Unix seconds after which nobody may want it any more.
    pub deadline: i64,
}

/// All that may differ between two containers. The rest is the restricted profile, in `sandbox.rs`.
#[derive(Clone, Debug)]
pub struct ContainerSpec {
    /// Whose it is. Run, step and attempt also give its name, so that one engine cannot hold two of the same.
    pub owner: Ownership,
    /// The id of an image that the engine has, or its name.
    pub image: String,
    /// MiB.
    pub memory_mib: u32,
    /// Thousandths of a processor.
    pub cpu_millis: u32,
    /// Whether it may write outside `/workspace`, `/tmp` and `/run/slipway`.
    pub writable_root: bool,
    /// Whom it may talk to.
    pub network: NetworkMode,
    /// With `NetworkMode::Egress`: name the step connects to → `host:port` it really reaches. Same port on both sides.
    /// A key may be `name:port` where one name needs several ports. The host `host.docker.internal` in a target is
    /// the machine that runs the engine.
    pub egress: BTreeMap<String, String>,
    /// The volume at `/workspace`, made by `ensure_volume`; a service has none.
    pub volume: Option<String>,
    /// Where else it may write, all of it memory: folder → MiB.
    pub tmpfs: BTreeMap<String, u32>,
}

/// A file put into the container's memory before the command starts.
#[derive(Clone)]
pub struct StepFile {
    /// Absolute, under `/run/slipway`.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// The bytes; possibly secret, hence no `Debug`.
    pub content: Bytes,
}

impl std::fmt::Debug for StepFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StepFile({}, {:o}, {} bytes)", self.path, self.mode, self.content.len())
    }
}

/// What the init inside a prepared container is told to run. Travels over its standard input: neither the
/// environment nor the files show in `docker inspect`.
#[derive(Clone, Debug)]
pub struct HandOver {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// The whole environment of the step, over the image's own.
    pub env: BTreeMap<String, String>,
    /// Where it starts.
    pub cwd: String,
    /// Files to put first.
    pub files: Vec<StepFile>,
    /// How long the init waits for `renew` before it ends the step by itself.
    pub deadline: Duration,
    /// Between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// Bytes of output that are passed on from its beginning. Of what comes after, the end is passed on, with a
    /// [`OutputStream::Gap`] before it that counts what is missing.
    pub max_output: u64,
    /// Bytes that its files on disk may take while it runs; beyond that the init kills it. 0: not looked at.
    pub max_disk: u64,
}

/// How a container ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exit {
    /// The command's exit code; 128 + n after signal n.
    pub code: i64,
    /// Whether the kernel killed a process of it for memory (the exit code may be 0 all the same).
    pub oom_killed: bool,
    /// True when the engine, a person or the init for want of renewals ended it, and not the step or this process'
    /// own `stop`: says nothing about the step.
    pub infrastructure: bool,
    /// Whether the init killed it because its files took more than [`HandOver::max_disk`].
    pub disk_full: bool,
}

/// A question to a service.
#[derive(Clone, Debug)]
pub struct Probe {
    /// What is tried.
    pub check: Check,
    /// The environment of a program that is tried.
    pub env: BTreeMap<String, String>,
    /// How long one try may take.
    pub timeout: Duration,
}

/// What a service answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is ready.
    Ready,
    /// It is not, and why.
    NotYet(String),
}

/// Where an output line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// Lines are missing here; the text says why.
    Gap,
}

/// One line of output, without its newline; a longer line than 16 KiB comes in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputLine {
    /// Where from.
    pub stream: OutputStream,
    /// When it arrived here; the engine's own time where it was read from the engine's log after a lost connection.
    pub at: chrono::DateTime<chrono::Utc>,
    /// Lossy UTF-8.
    pub text: String,
}

/// The lines of a container, ending when it has ended and all was read.
pub type Output = Pin<Box<dyn Stream<Item = OutputLine> + Send>>;
/// A tar archive in chunks.
pub type Archive = Pin<Box<dyn Stream<Item = Result<Bytes, EngineError>> + Send>>;

/// A container found on the engine.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// From its labels.
    pub owner: Ownership,
    /// Whether it runs.
    pub running: bool,
}

/// What goes wrong with an engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// There is a container of this run, step and attempt already.
    #[error("container {0} exists already")]
    Conflict(String),
    /// The image is not on the engine, cannot be pulled, or brings along what it must not.
    #[error("image {image}: {reason}")]
    Image {
        /// As asked for.
        image: String,
        /// Ours, or the engine's words.
        reason: String,
        /// Whether another try may fare better.
        passing: bool,
    },
    /// The engine refused what it was asked: trying the same again would not help.
    #[error("the engine refused: {0}")]
    Refused(String),
    /// The engine does not answer, or not in time; says nothing about the step.
    #[error("the engine is unavailable: {0}")]
    Unavailable(String),
    /// More bytes than allowed.
    #[error("archive is larger than {0} bytes")]
    TooLarge(u64),
}

/// Runs containers. Every call has a timeout of its own; every call but `prepare` may be made twice.
pub trait Engine: Send + Sync + 'static {
    /// The id of an image that the engine has and need not fetch anew; `None` for another. Asks no registry.
    fn known_image(&self, image: &str) -> impl Future<Output = Result<Option<String>, EngineError>> + Send;

    /// Fetches an image as the instance lets it; gives its id. `Image` when that cannot be.
    fn fetch_image(&self, image: &str) -> impl Future<Output = Result<String, EngineError>> + Send;

    /// Makes the container and puts the init into it, without starting the step. `Conflict` when it exists. Fetches nothing.
    fn prepare(&self, spec: &ContainerSpec) -> impl Future<Output = Result<String, EngineError>> + Send;

    /// Starts a prepared container, gives its init the command, and returns its output from the first byte on.
    fn hand_over(&self, name: &str, command: &HandOver) -> impl Future<Output = Result<Output, EngineError>> + Send;

    /// Tells the init to wait `deadline` longer, from now. An ended container is no error.
    fn renew(&self, name: &str, deadline: Duration) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Asks a container that runs whether it is ready, from inside it, within its own limits.
    fn probe(&self, name: &str, probe: &Probe) -> impl Future<Output = Result<Answer, EngineError>> + Send;

    /// Waits, for as long as it takes, until the container has ended.
    fn wait(&self, name: &str) -> impl Future<Output = Result<Exit, EngineError>> + Send;

    /// SIGTERM, then SIGKILL after `grace`; returns when it has ended. No error when it never started or is gone.
    fn stop(&self, name: &str, grace: Duration) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Reads a folder or file of a container, running or ended, as a tar of at most `limit` bytes.
    fn read(&self, name: &str, path: &str, limit: u64) -> impl Future<Output = Result<Archive, EngineError>> + Send;

    /// Unpacks a tar into a folder of a container that is prepared or ended.
    fn write(&self, name: &str, path: &str, tar: Bytes) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Removes the container, by force, and what was made for it alone (its gate, its network). No error when gone.
    fn remove(&self, name: &str) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Every container of a step or a service of this installation, ended ones too.
    fn list(&self, instance: &str) -> impl Future<Output = Result<Vec<Found>, EngineError>> + Send;

    /// Makes the volume, labelled with its run and writable for steps; returns true when it was not there before.
    fn ensure_volume(
        &self,
        instance: &str,
        run: RunId,
        name: &str,
    ) -> impl Future<Output = Result<bool, EngineError>> + Send;

    /// Removes the volume. No error when gone.
    fn remove_volume(&self, name: &str) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Runs that have a volume, a network or a gate of this installation on the engine.
    fn leftovers(&self, instance: &str) -> impl Future<Output = Result<Vec<RunId>, EngineError>> + Send;

    /// Removes every container, volume, network and gate of the run started under a fence lower than `below`.
    fn sweep(&self, instance: &str, run: RunId, below: Fence) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// What isolation the engine gives, in its own words.
    fn posture(&self) -> impl Future<Output = Result<Posture, EngineError>> + Send;

    /// Bytes free where the engine keeps images and volumes.
    fn free_disk(&self) -> impl Future<Output = Result<u64, EngineError>> + Send;
}
