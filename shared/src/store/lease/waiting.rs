//! Steps that wait for something that is not a container, and runs that wait with them.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgExecutor;

use super::Lease;
use crate::{
    domain::{ids::StepId, run::WaitReason, states::Applied},
    store::{Result, Store},
};

/// What a step waits for.
#[derive(Clone, Debug, PartialEq)]
pub struct Wait {
    /// `{"kind": "approval" | "start" | "delay" | "child" | "resources", …}`. A delay's `until` is added when it is recorded.
    pub what: Value,
    /// When the wait is over by itself.
    pub until: Option<Until>,
    /// The question to ask, when a person decides.
    pub approval: Option<Question>,
}

/// A moment to come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Until {
    /// That one.
    At(DateTime<Utc>),
    /// Seconds from when it is recorded, by the database's clock.
    After(f64),
}

/// What a person is asked, and who may answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// In words.
    pub message: String,
    /// Anyone of one of these roles may answer; none: approvers.
    pub roles: Vec<String>,
    /// And of one of these teams, when there are any.
    pub teams: Vec<String>,
    /// Whether no answer in time means yes.
    pub approve_on_timeout: bool,
}

/// Records that a pending step waits. The schedulers are woken when it is they who make what it waits for.
///
/// # Errors
/// When Postgres cannot be reached; the wait may have been recorded all the same, and calling again is safe.
pub async fn step_waiting(executor: impl PgExecutor<'_>, lease: Lease, step: StepId, wait: &Wait) -> Result<Applied> {
    let (at, after) = match wait.until {
        Some(Until::At(at)) => (Some(at), None),
        Some(Until::After(seconds)) => (None, Some(seconds)),
        None => (None, None),
    };
    let question = wait.approval.as_ref();
    let done = sqlx::query_scalar!(
        r#"SELECT lease_step_waiting($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) AS "done!""#,
        lease.run_id.0,
        lease.fence.0,
        lease.token.0,
        step.0,
        wait.what,
        at,
        after,
        question.map(|question| question.message.clone()),
        &question.map(|question| question.roles.clone()).unwrap_or_default(),
        &question.map(|question| question.teams.clone()).unwrap_or_default(),
        if question.is_some_and(|question| question.approve_on_timeout) { "approve" } else { "reject" },
    )
    .fetch_one(executor)
    .await?;
    Ok(Applied::from_row(done.then_some(())))
}

/// Why a run gives its slot back.
#[derive(Clone, Debug, PartialEq)]
pub struct Suspension {
    /// What it waits for.
    pub reason: WaitReason,
    /// The reason in words.
    pub detail: String,
    /// Seconds until it goes on by itself; none: when what it waits for is there.
    pub until_s: Option<f64>,
    /// Its waiting steps, as far as the worker knows.
    pub waiting: usize,
    /// Whether a wish to cancel keeps it no more from waiting, because nothing that it could stop is left.
    pub cancel_heeded: bool,
}

/// Gives the slot back while the run waits. Says false, and changes nothing, when the rows are no longer as the worker knew
/// them: a step runs, a wait is over, someone wants the run stopped.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn suspend(store: &Store, lease: Lease, suspension: &Suspension) -> Result<Applied<bool>> {
    let given = sqlx::query_scalar!(
        "SELECT lease_suspend($1, $2, $3, $4, $5, $6, $7, $8)",
        lease.run_id.0,
        lease.fence.0,
        lease.token.0,
        suspension.reason.as_str(),
        suspension.detail,
        suspension.until_s,
        i64::try_from(suspension.waiting).unwrap_or(i64::MAX),
        suspension.cancel_heeded,
    )
    .fetch_one(store.pool())
    .await?;
    Ok(Applied::from_row(given))
}
