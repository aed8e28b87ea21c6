//! A container, made, filled and given its command.

use std::time::Duration;

use shared::{
    domain::plan::NetworkMode,
    traces::{self, Role},
};
use tokio::time::Instant;

use super::{Setback, bundle_folder, out_folder};
use crate::{
    attempt::{
        RunScope, Try,
        image::{self, Chosen},
    },
    contract::{Failure, Ready},
    engine::{ContainerSpec, Engine, EngineError, HandOver, Output, Ownership},
    held::Halt,
    tree::Packed,
    workspace::WorkspaceError,
};

/// Times a container is made whose name is taken.
const TRIES: u32 = 3;
/// Added to the label that says when nobody may want a container any more.
pub(crate) const LABEL_SLACK: Duration = Duration::from_secs(600);

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

/// Makes a container, fills its workspace, starts the command in it. `made` is set as soon as there is a container.
///
/// # Errors
/// When the engine or the archive fails, or the step cannot be started.
pub async fn start<E: Engine>(
    scope: &RunScope<E>,
    one: &Try,
    number: i16,
    (ready, image): (&Ready, &Chosen),
    state: Option<(String, Vec<u8>)>,
    made: &mut Option<String>,
) -> Result<Started, Setback> {
    let (worker, held, step) = (&scope.worker, &scope.held, &one.step);
    let began = Instant::now();
    let mut span = worker.traces.begin("start container", Role::Part, traces::current());
    span.set("container.image.name", scope.mask.clean(&ready.image));
    let timeout = Duration::from_secs(step.timeout_s.into());
    let image = image::secure(scope, one, number, image).await?;
    let volume = scope.workspace.make_volume(one.place, &step.name).await?;
    let attempt = u16::try_from(number).unwrap_or(u16::MAX);
    let until = chrono::Utc::now() + timeout + LABEL_SLACK;
    let spec = ContainerSpec {
        owner: Ownership {
            instance: worker.config.instance.0.clone(),
            run_id: held.lease.run_id,
            role: crate::engine::Role::Step,
            step: step.name.clone(),
            attempt,
            fence: held.lease.fence,
            deadline: until.timestamp(),
        },
        image,
        memory_mib: ready.granted.memory_mib,
        cpu_millis: ready.granted.cpu_millis,
        writable_root: ready.granted.writable_root,
        network: ready.granted.network,
        egress: if ready.granted.network == NetworkMode::Egress {
            ready.granted.egress.clone()
        } else {
            Default::default()
        },
        volume: Some(volume),
        tmpfs: Default::default(),
    };
    let name = prepare(scope, &spec, &ready.image).await?;
    span.set("container.name", name.clone());
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
    if let Some(parent) = traces::current() {
        env.entry("TRACEPARENT".to_owned()).or_insert_with(|| parent.to_string());
    }
    let command = HandOver {
        argv: ready.argv.clone(),
        env,
        cwd: "/workspace".to_owned(),
        files: ready.files.clone(),
        deadline: held.remaining(),
        grace: Duration::from_secs(step.step_type.grace_s.into()),
        max_output: worker.config.worker.max_log_bytes,
        max_disk: worker.config.worker.max_workspace_bytes,
    };
    // The last look before something really begins.
    if held.lost.is_cancelled() || held.is_late() {
        return Err(Halt::Lost.into());
    }
    let output = worker.engine.hand_over(&name, &command).await?;
    metrics::histogram!("slipway_container_start_seconds").record(began.elapsed().as_secs_f64());
    Ok(Started { name, output })
}

/// Makes the container; one that is there already is removed: it never started, or its worker would have recorded a
/// later try.
pub(crate) async fn prepare<E: Engine>(
    scope: &RunScope<E>,
    spec: &ContainerSpec,
    image: &str,
) -> Result<String, Setback> {
    let engine = &scope.worker.engine;
    for asked in 1.. {
        match engine.prepare(spec).await {
            Ok(name) => return Ok(name),
            Err(EngineError::Conflict(name)) if asked < TRIES => engine.remove(&name).await?,
            // People know it by the name that the step has for it.
            Err(EngineError::Image { reason, passing, .. }) => {
                return Err(EngineError::Image { image: image.to_owned(), reason, passing }.into());
            }
            Err(error) => return Err(error.into()),
        }
        if scope.held.lost.is_cancelled() {
            break;
        }
    }
    Err(Halt::Lost.into())
}
