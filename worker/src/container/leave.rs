//! What a container leaves: outputs and files.

use std::time::Duration;

use futures::StreamExt as _;
use shared::domain::{plan::PlannedStep, run::error_code};

use super::{Setback, out_folder};
use crate::{
    attempt::{RunScope, Try},
    contract::Failure,
    engine::{Engine, EngineError},
    held::Halt,
    outputs::{self, Outputs, Printed},
    retry::Pause,
    tree::{files, only_file},
    workspace::{Checkpoint, Place},
};

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
    // The step may have removed the folder: it gives nothing back this way.
    let archive = archive(scope, name, &out_folder(&step.name)).await?;
    let found = files(&archive);
    let content = |wanted: &str| found.iter().find(|(name, _)| name == wanted).map(|(_, content)| content.as_slice());
    let failed = |error: outputs::OutputsError| {
        Setback::Failed(Failure { code: error_code::STEP_FAILED, message: error.to_string() })
    };
    let own = match &step.output_file {
        Some(path) => output_file(scope, name, path).await?,
        None => None,
    };
    let mut outputs = printed.finish(&[content("output"), own.as_deref()]).map_err(failed)?;
    if let Some(names) = content("output.sensitive") {
        outputs.sensitive.extend(
            String::from_utf8_lossy(names).lines().map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned),
        );
    }
    Ok(outputs)
}

/// A file that the step's definition names, if the step wrote it.
async fn output_file<E: Engine>(scope: &RunScope<E>, name: &str, path: &str) -> Result<Option<Vec<u8>>, Setback> {
    let inside = path.strip_prefix("/workspace/").unwrap_or(path);
    let parts: Vec<&str> = inside.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if inside.starts_with('/') || parts.is_empty() || parts.contains(&"..") {
        return Err(Setback::Failed(Failure::plan(format!("outputFile '{path}' is not below the workspace"))));
    }
    // Each folder on the way is looked at: the engine would follow a link out of the workspace.
    for end in 1..parts.len() {
        if is_link(scope, name, &parts[..end].join("/")).await? {
            let message = format!("outputFile '{path}' leads over a link, which is not followed");
            return Err(Setback::Failed(Failure { code: error_code::STEP_FAILED, message }));
        }
    }
    // A link in its place is no plain file, and is not taken.
    Ok(only_file(&archive(scope, name, &parts.join("/")).await?))
}

/// Whether a path of the workspace is a symbolic link; its archive begins with the entry itself.
async fn is_link<E: Engine>(scope: &RunScope<E>, name: &str, path: &str) -> Result<bool, Setback> {
    let mut source = match scope.worker.engine.read(name, &format!("/workspace/{path}"), u64::MAX).await {
        Err(EngineError::Refused(_)) => return Ok(false),
        source => source?,
    };
    let mut begin = Vec::new();
    while begin.len() < 512
        && let Some(chunk) = source.next().await
    {
        begin.extend_from_slice(&chunk?);
    }
    Ok(begin.get(..512).is_some_and(|block| tar::Header::from_byte_slice(block).entry_type().is_symlink()))
}

/// A file or folder of the workspace as a tar archive; empty when there is none.
async fn archive<E: Engine>(scope: &RunScope<E>, name: &str, path: &str) -> Result<Vec<u8>, Setback> {
    let mut archive = Vec::new();
    match scope.worker.engine.read(name, &format!("/workspace/{path}"), outputs::LIMIT as u64 * 4).await {
        Err(EngineError::Refused(_)) => {}
        Err(error) => return Err(too_large(error)),
        Ok(mut source) => {
            while let Some(chunk) = source.next().await {
                archive.extend_from_slice(&chunk.map_err(too_large)?);
            }
        }
    }
    Ok(archive)
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
