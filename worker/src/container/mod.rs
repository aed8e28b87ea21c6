//! The container of one try: made and filled ([`start`]), followed to its end ([`follow`]), read out ([`outputs`], [`save`]).

mod follow;
mod leave;
pub(crate) mod rest;
mod start;

use shared::{
    domain::{ids::Fence, run::error_code},
    store::lease::Lease,
};

pub(crate) use self::start::{LABEL_SLACK, prepare};
pub use self::{
    follow::{Ended, Limits, Stop, follow},
    leave::{outputs, save},
    start::{Started, start},
};
use crate::{
    attempt::is_passing,
    contract::Failure,
    engine::{Engine, EngineError},
    held::Halt,
    workspace::WorkspaceError,
};

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

/// Where, in the workspace, a step puts what it gives back.
fn out_folder(step: &str) -> String {
    format!(".slipway/out/{step}")
}

/// Where, in the workspace, a step finds its provider's files.
fn bundle_folder(step: &str) -> String {
    format!(".slipway/bundle/{step}")
}

/// Removes what the engine still has of a run that was driven under this lease, and nothing of a later one. Call it
/// while the lease is held, or when the run is over: else it races with the next worker's volumes.
pub async fn clear<E: Engine>(engine: &E, instance: &str, lease: Lease) {
    if let Err(error) = engine.sweep(instance, lease.run_id, Fence(lease.fence.0 + 1)).await {
        tracing::warn!(run.id = %lease.run_id, %error, "the janitor removes what is left of the run");
    }
}
