//! Runs, outside of a lease: made, finished, cancelled, retried.

use serde_json::{Map, Value};
use sqlx::PgConnection;

use super::{Result, resource};
use crate::domain::{
    ids::RunId,
    run::{RunStatus, error_code},
};

mod acting;
mod base;
mod cancel;
mod create;
mod retry;

pub(super) use acting::acts_for;
pub use acting::{acting, let_act_for};
pub(super) use cancel::miss_deadline;
pub use cancel::{Cancel, request_cancel};
pub use create::{NewRun, Parent, create_all, create_child, steps_of};
pub(super) use retry::inherit;
pub use retry::{Original, Retry, original, rerun, retry};

/// How a run ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Finish {
    /// Completed, failed or cancelled.
    pub status: RunStatus,
    /// What it gives back; empty unless completed.
    pub outputs: Map<String, Value>,
    /// Names among the outputs that are masked wherever they are shown.
    pub sensitive: Vec<String>,
    /// A code of `domain::run::error_code` and a message for people; set unless completed.
    pub error: Option<(String, String)>,
    /// Who or what ended it.
    pub actor: String,
}

impl Finish {
    /// Success with these outputs.
    #[must_use]
    pub fn completed(outputs: Map<String, Value>, sensitive: Vec<String>) -> Self {
        Self { status: RunStatus::Completed, outputs, sensitive, error: None, actor: "system".into() }
    }

    /// Failure.
    #[must_use]
    pub fn failed(code: &str, message: impl Into<String>) -> Self {
        Self {
            status: RunStatus::Failed,
            outputs: Map::new(),
            sensitive: Vec::new(),
            error: Some((code.into(), message.into())),
            actor: "system".into(),
        }
    }

    /// Stopped at someone's wish.
    #[must_use]
    pub fn cancelled(message: impl Into<String>, actor: impl Into<String>) -> Self {
        Self {
            status: RunStatus::Cancelled,
            outputs: Map::new(),
            sensitive: Vec::new(),
            error: Some((error_code::CANCELLED.into(), message.into())),
            actor: actor.into(),
        }
    }
}

/// Ends a run whose row the caller has locked and found live, with all that follows: its open steps and approvals, its lock
/// on a state, its resource, its events, one NOTIFY. The fence rises unless the run was the caller's own lease, so that tickets go stale.
///
/// # Errors
/// When Postgres cannot be reached.
pub(super) async fn finish(conn: &mut PgConnection, id: RunId, finish: &Finish) -> Result<()> {
    let (code, message) = finish.error.as_ref().map_or((None, None), |(code, message)| (Some(code), Some(message)));
    sqlx::query!(
        "SELECT end_run($1, $2, $3, $4, $5, $6, $7, $8)",
        id.0,
        finish.status.as_str(),
        Value::Object(finish.outputs.clone()),
        &finish.sensitive,
        code,
        message,
        finish.actor,
        resource::drift_in(&finish.outputs),
    )
    .execute(conn)
    .await?;
    Ok(())
}
