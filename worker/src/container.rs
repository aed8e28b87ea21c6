//! The container of one try: made and filled, followed to its end, read out.

use std::time::Duration;

use futures::StreamExt as _;
use shared::{
    domain::{
        ids::Fence,
        plan::{NetworkMode, PlannedStep},
        run::error_code,
    },
    store::lease::Lease,
};
use tokio::time::Instant;

use crate::{
    attempt::{RunScope, Try, is_passing},
    contract::{Failure, Ready},
    engine::{ContainerSpec, Engine, EngineError, Exit, HandOver, Output, OutputStream, Ownership},
    held::Halt,
    kept::Kept,
    logs::AttemptLog,
    outputs::{self, Outputs, Printed},
    retry::Pause,
    tree::{Packed, files},
    workspace::{Checkpoint, Place, WorkspaceError},
};

/// Times an image is asked for before the step fails for want of it.
const IMAGE_TRIES: u32 = 3;
/// How often a file of kept state is looked at while its step runs.
const STATE_EVERY: Duration = Duration::from_secs(1);
/// How long output may still come after the container has ended.
const OUTPUT_LATE: Duration = Duration::from_secs(10);
/// Added to the label that says when nobody may want a container any more.
const LABEL_SLACK: Duration = Duration::from_secs(600);

/// Why a try did not get on.
#[derive(Debug)]
pub enum Setback {
    /// Because of the step or the instance: recorded as a failure.
    Failed(Failure),
    /// Because of the engine, the archive or the like: recorded as a lost try.
    Passing(String),
    /// The run is not to be driven on.
    Halt(Halt),
}

impl From<Halt> for Setback {
    fn from(halt: Halt) -> Self {
        Self::Halt(halt)
    }
}

impl From<EngineError> for Setback {
    fn from(error: EngineError) -> Self {
        if is_passing(&error) {
            Self::Passing(error.to_string())
        } else {
            Self::Failed(Failure { code: error_code::STEP_FAILED, message: error.to_string() })
        }
    }
}

impl From<WorkspaceError> for Setback {
    fn from(error: WorkspaceError) -> Self {
        if error.is_passing() {
            return Self::Passing(error.to_string());
        }
        let message = match &error {
            WorkspaceError::Engine(EngineError::TooLarge(limit)) => {
                format!("its workspace has more than {limit} bytes (worker.max_workspace_bytes)")
            }
            other => other.to_string(),
        };
        Self::Failed(Failure { code: error_code::STEP_FAILED, message })
    }
}

/// A container at work.
pub struct Started {
    /// Its name.
    pub name: String,
    /// What it prints.
    pub output: Output,
}

impl std::fmt::Debug for Started {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Started({})", self.name)
    }
}

/// How long a container may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For everything.
    pub timeout: Duration,
    /// From SIGTERM to SIGKILL.
    pub grace: Duration,
}

/// Why a container was stopped before its own end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Someone wants the run stopped.
    Cancelled,
    /// The worker stops.
    HandBack,
    /// The step took too long.
    TimedOut,
    /// The run took too long.
    RunTimedOut,
}

/// A container that has ended.
#[derive(Debug)]
pub struct Ended {
    /// How.
    pub exit: Exit,
    /// Why it was stopped, if it was.
    pub stopped: Option<Stop>,
    /// What it printed, as far as outputs go.
    pub printed: Printed,
    /// The last line it printed, masked.
    pub last_line: Option<String>,
    /// Why the state it keeps could not be read at the end, if that is so.
    pub state_unread: Option<String>,
}

fn out_folder(step: &str) -> String {
    format!(".slipway/out/{step}")
}

fn bundle_folder(step: &str) -> String {
    format!(".slipway/bundle/{step}")
}

/// Makes a container, fills its workspace, starts the command in it. `made` is set as soon as there is a container.
///
/// # Errors
/// When the engine or the archive fails, or the step cannot be started.
pub async fn start<E: Engine>(
    scope: &RunScope<E>,
    one: &Try,
    number: i16,
    ready: &Ready,
    state: Option<(String, Vec<u8>)>,
    made: &mut Option<String>,
) -> Result<Started, Setback> {
    let (worker, held, step) = (&scope.worker, &scope.held, &one.step);
    let began = Instant::now();
    let timeout = Duration::from_secs(step.timeout_s.into());
    let volume = scope.workspace.make_volume(one.place, &step.name).await?;
    let attempt = u16::try_from(number).unwrap_or(u16::MAX);
    let until = chrono::Utc::now() + timeout + LABEL_SLACK;
    let spec = ContainerSpec {
        owner: Ownership {
            instance: worker.config.instance.0.clone(),
            run_id: held.lease.run_id,
            step: step.name.clone(),
            attempt,
            fence: held.lease.fence,
            deadline: until.timestamp(),
        },
        image: ready.image.clone(),
        memory_mib: ready.granted.memory_mib,
        cpu_millis: ready.granted.cpu_millis,
        writable_root: ready.granted.writable_root,
        network: ready.granted.network,
        egress: if ready.granted.network == NetworkMode::Egress {
            ready.granted.egress.clone()
        } else {
            Default::default()
        },
        volume,
    };
    let name = prepare(scope, &spec).await?;
    *made = Some(name.clone());
    held.watch(&name);

    let mut extra = Packed::default();
    let packing = |error: std::io::Error| Setback::from(WorkspaceError::Packing(error));
    extra.directory(&out_folder(&step.name)).map_err(packing)?;
    extra.directory(&bundle_folder(&step.name)).map_err(packing)?;
    if let Some((path, content)) = state {
        let path = path.trim_matches('/');
        if let Some((folder, _)) = path.rsplit_once('/') {
            extra.directory(folder).map_err(packing)?;
        }
        extra.file(path, &content).map_err(packing)?;
    }
    scope.workspace.fill(&name, one.place, &one.after, extra).await?;
    if let Some(bundle) = &step.bundle {
        let gone = || {
            Setback::Failed(Failure::plan(format!("the provider's files {} are not stored any more", bundle.digest)))
        };
        let digest = hex::decode(&bundle.digest).map_err(|_| gone())?;
        let content = held.attempt(|| worker.bundle(&digest)).await?.ok_or_else(gone)?;
        worker.engine.write(&name, &format!("/workspace/{}", bundle_folder(&step.name)), (*content).clone()).await?;
    }
    let out = format!("/workspace/{}/output", out_folder(&step.name));
    let mut env = ready.env.clone();
    for (variable, value) in [
        ("SLIPWAY_OUTPUT", out),
        ("SLIPWAY_IDEMPOTENCY_KEY", one.row.idempotency_key.clone()),
        ("SLIPWAY_RUN_ID", held.lease.run_id.to_string()),
        ("SLIPWAY_STEP", step.name.clone()),
        ("SLIPWAY_ATTEMPT", number.to_string()),
        ("SLIPWAY_BUNDLE", format!("/workspace/{}", bundle_folder(&step.name))),
        ("HOME", "/tmp".to_owned()),
    ] {
        env.insert(variable.to_owned(), value);
    }
    let command = HandOver {
        argv: ready.argv.clone(),
        env,
        cwd: "/workspace".to_owned(),
        files: ready.files.clone(),
        deadline: held.remaining(),
        grace: Duration::from_secs(step.step_type.grace_s.into()),
    };
    // The last look before something really begins.
    if held.lost.is_cancelled() || held.is_late() {
        return Err(Halt::Lost.into());
    }
    let output = worker.engine.hand_over(&name, &command).await?;
    metrics::histogram!("slipway_container_start_seconds").record(began.elapsed().as_secs_f64());
    Ok(Started { name, output })
}

/// Makes the container; an image that cannot be had is asked for again, a container that is there already is removed:
/// it never started, or its worker would have recorded a later try.
async fn prepare<E: Engine>(scope: &RunScope<E>, spec: &ContainerSpec) -> Result<String, Setback> {
    let engine = &scope.worker.engine;
    let mut pause = Pause::up_to(Duration::from_secs(5));
    for asked in 1.. {
        match engine.prepare(spec).await {
            Ok(name) => return Ok(name),
            Err(EngineError::Image { .. }) if asked < IMAGE_TRIES => pause.wait().await,
            Err(EngineError::Conflict(name)) if asked < IMAGE_TRIES => engine.remove(&name).await?,
            Err(error) => return Err(error.into()),
        }
        if scope.held.lost.is_cancelled() {
            break;
        }
    }
    Err(Halt::Lost.into())
}

/// Stores what the container prints and waits for its end, or ends it: when the run is cancelled, out of time, to be
/// handed back, or no longer this worker's.
///
/// # Errors
/// When the lease is lost, or the engine does not answer.
pub async fn follow<E: Engine>(
    scope: &RunScope<E>,
    name: &str,
    mut output: Output,
    limits: Limits,
    log: &mut AttemptLog,
    mut kept: Option<&mut Kept>,
) -> Result<Ended, Setback> {
    let (engine, held) = (&scope.worker.engine, &scope.held);
    let mut printed = Printed::default();
    let mut last_line = None;
    let reading = async {
        while let Some(line) = output.next().await {
            if line.stream == OutputStream::Stdout {
                printed.line(&line.text);
            }
            if line.stream != OutputStream::Gap && !line.text.trim().is_empty() {
                last_line = Some(line.text.clone());
            }
            log.output(line).await;
        }
    };
    let timeout = tokio::time::sleep(limits.timeout);
    let waiting = async {
        tokio::pin!(timeout);
        let mut stopped = None;
        let mut exit = None;
        let mut state_every = tokio::time::interval_at(Instant::now() + STATE_EVERY, STATE_EVERY);
        let ending = engine.wait(name);
        tokio::pin!(ending);
        while exit.is_none() && stopped.is_none() {
            tokio::select! {
                biased;
                () = held.lost.cancelled() => return Err(Setback::Halt(Halt::Lost)),
                ended = &mut ending => exit = Some(ended?),
                () = held.cancelled.cancelled() => stopped = Some(Stop::Cancelled),
                () = scope.stop.cancelled() => stopped = Some(Stop::HandBack),
                () = tokio::time::sleep_until(scope.deadline) => stopped = Some(Stop::RunTimedOut),
                () = &mut timeout => stopped = Some(Stop::TimedOut),
                _ = state_every.tick(), if kept.is_some() => {
                    if let Some(kept) = kept.as_deref_mut() {
                        // A look that fails is made again a second later; the one at the end counts.
                        let _ = kept.send(&**engine, name).await?;
                    }
                }
            }
        }
        let exit = match exit {
            Some(exit) => exit,
            None => {
                let stopping = engine.stop(name, limits.grace);
                tokio::pin!(stopping);
                loop {
                    // What is written while it winds down is kept as well: the grace may be minutes.
                    tokio::select! {
                        biased;
                        () = held.lost.cancelled() => return Err(Setback::Halt(Halt::Lost)),
                        done = &mut stopping => { done?; break }
                        _ = state_every.tick(), if kept.is_some() => {
                            if let Some(kept) = kept.as_deref_mut() {
                                let _ = kept.send(&**engine, name).await?;
                            }
                        }
                    }
                }
                ending.await?
            }
        };
        let state_unread = match kept {
            Some(kept) => final_state(scope, kept, name).await?,
            None => None,
        };
        Ok::<_, Setback>((exit, stopped, state_unread))
    };
    let over = async {
        let ended = waiting.await;
        (ended, Instant::now())
    };
    let ended = {
        tokio::pin!(reading);
        tokio::pin!(over);
        let mut read_all = false;
        let (ended, at) = loop {
            tokio::select! {
                ended = &mut over => break ended,
                () = &mut reading, if !read_all => read_all = true,
            }
        };
        if ended.is_ok() && !read_all {
            // A child that keeps the pipe open must not keep the run.
            let _ = tokio::time::timeout_at(at + OUTPUT_LATE, reading).await;
        }
        ended
    };
    let (exit, stopped, state_unread) = ended?;
    let last_line = last_line.map(|line| short(&scope.mask.clean(&line)));
    Ok(Ended { exit, stopped, printed, last_line, state_unread })
}

/// The state as the step left it; asked for again and again, because nothing else knows it.
async fn final_state<E: Engine>(scope: &RunScope<E>, kept: &mut Kept, name: &str) -> Result<Option<String>, Halt> {
    let mut pause = Pause::up_to(Duration::from_secs(2));
    let mut why = String::new();
    for _ in 0..5 {
        match kept.send(&*scope.worker.engine, name).await? {
            Ok(()) => return Ok(None),
            Err(error) => why = error.to_string(),
        }
        pause.wait().await;
    }
    Ok(Some(why))
}

/// As much of a line as a message can hold.
fn short(line: &str) -> String {
    line.chars().take(300).collect()
}

/// What the step gave back.
///
/// # Errors
/// When it gave back too much or wrote nonsense, or the engine fails.
pub async fn outputs<E: Engine>(
    scope: &RunScope<E>,
    name: &str,
    step: &PlannedStep,
    printed: Printed,
) -> Result<Outputs, Setback> {
    let limit = outputs::LIMIT as u64 * 4;
    let mut archive = Vec::new();
    match scope.worker.engine.read(name, &format!("/workspace/{}", out_folder(&step.name)), limit).await {
        // The step removed the folder: it gives nothing back this way.
        Err(EngineError::Refused(_)) => {}
        Err(error) => return Err(too_large(error)),
        Ok(mut source) => {
            while let Some(chunk) = source.next().await {
                archive.extend_from_slice(&chunk.map_err(too_large)?);
            }
        }
    }
    let found = files(&archive);
    let content = |wanted: &str| found.iter().find(|(name, _)| name == wanted).map(|(_, content)| content.as_slice());
    let failed = |error: outputs::OutputsError| {
        Setback::Failed(Failure { code: error_code::STEP_FAILED, message: error.to_string() })
    };
    let mut outputs = printed.finish(content("output")).map_err(failed)?;
    if let Some(names) = content("output.sensitive") {
        outputs.sensitive.extend(
            String::from_utf8_lossy(names).lines().map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned),
        );
    }
    Ok(outputs)
}

fn too_large(error: EngineError) -> Setback {
    match error {
        EngineError::TooLarge(_) => Setback::Failed(Failure {
            code: error_code::STEP_FAILED,
            message: outputs::OutputsError::TooLarge.to_string(),
        }),
        other => other.into(),
    }
}

/// Stores the workspace as the step left it, if later steps could need it. An archive that fails is asked again.
///
/// # Errors
/// When it is too large, or the engine or the archive keep failing.
pub async fn save<E: Engine>(
    scope: &RunScope<E>,
    name: &str,
    one: &Try,
    number: i16,
) -> Result<Option<Checkpoint>, Setback> {
    if one.place == Place::Own {
        return Ok(None);
    }
    let key = format!("{}-{}-{number}", scope.held.lease.fence, one.row.id);
    let mut pause = Pause::up_to(Duration::from_secs(5));
    for tried in 1.. {
        match scope.workspace.save(name, one.place, &key).await {
            Ok(checkpoint) => return Ok(checkpoint),
            Err(error) if error.is_passing() && tried < 4 => {
                tracing::warn!(run.id = %scope.held.lease.run_id, %error, "a checkpoint will be tried again");
                pause.wait().await;
            }
            Err(error) => return Err(error.into()),
        }
        if scope.held.lost.is_cancelled() {
            break;
        }
    }
    Err(Halt::Lost.into())
}

/// Removes what the engine still has of a run that was driven under this lease, and nothing of a later one. Call it
/// while the lease is held, or when the run is over: else it races with the next worker's volumes.
pub async fn clear<E: Engine>(engine: &E, instance: &str, lease: Lease) {
    if let Err(error) = engine.sweep(instance, lease.run_id, Fence(lease.fence.0 + 1)).await {
        tracing::warn!(run.id = %lease.run_id, %error, "the janitor removes what is left of the run");
    }
}
