//! Batches as they are answered.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use shared::{
    domain::{
        batch::{BatchOperation, BatchStatus},
        ids::{ResourceId, RunId},
    },
    secrets::token,
    store::batch::{Batch, Item, Stage},
};
use utoipa::ToSchema;
use uuid::Uuid;

use super::preview::PreviewView;

/// A batch, and how far it is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchView {
    /// Its id.
    id: Uuid,
    /// What it is called.
    name: String,
    /// Why, as whoever asked for it says.
    reason: String,
    /// `update`, `reprovision`, `read`, `delete` or `retry`.
    #[schema(value_type = String, example = "update")]
    operation: BatchOperation,
    /// What chose the resources, as it was given.
    select: String,
    /// The version of their providers that the resources get.
    provider_version: Option<String>,
    /// Params that are set in place of the specs'.
    #[schema(value_type = Object)]
    params: Value,
    /// How many resources have begun when each wave has.
    #[schema(example = "1,10%,50%,100%")]
    waves: String,
    /// Resources that are worked on at once, at most.
    max_in_flight: i32,
    /// Seconds that each wave is watched.
    bake_s: i32,
    /// How many may fail.
    max_failures: String,
    /// The minutes in which runs may begin, as cron has them, in UTC.
    window: Option<String>,
    /// Whether reads look at each wave.
    verify: bool,
    /// `awaiting_approval`, `approval_void`, `running`, `paused`, `stopped`, `aborted`, `completed`, `rolling_back` or `rolled_back`.
    #[schema(value_type = String, example = "running")]
    status: BatchStatus,
    /// Why it is as it is, for people.
    detail: String,
    /// Whose resources it is about.
    teams: Vec<String>,
    /// How many resources it is for. Which ones was fixed when it was made.
    total: i32,
    /// How many are done.
    succeeded: i32,
    /// How many could not be, or were not well afterwards.
    failed: i32,
    /// How many had nothing to be done, or nothing that may be.
    skipped: i32,
    /// On how many a run works, to do it or to take it back.
    in_flight: i32,
    /// How many have not begun.
    remaining: i32,
    /// How many are as they were again.
    rolled_back: i32,
    /// The number of the wave whose resources may begin, from 1.
    wave: i32,
    /// Hex of the digest of what would be done.
    digest: String,
    /// Who asked for it.
    requested_by: String,
    /// When.
    created_at: DateTime<Utc>,
    /// Who approved it.
    approved_by: Option<String>,
    /// When.
    approved_at: Option<DateTime<Utc>>,
    /// When its first wave began.
    started_at: Option<DateTime<Utc>>,
    /// When it was over.
    finished_at: Option<DateTime<Utc>>,
}

impl From<Batch> for BatchView {
    fn from(batch: Batch) -> Self {
        let ends = matches!(batch.status, BatchStatus::RollingBack | BatchStatus::RolledBack);
        Self {
            remaining: if ends { 0 } else { batch.open() },
            id: batch.id,
            name: batch.name,
            reason: batch.reason,
            operation: batch.operation,
            select: batch.selector,
            provider_version: batch.provider_version,
            params: token::masked(batch.params),
            waves: batch.waves,
            max_in_flight: batch.max_in_flight,
            bake_s: batch.bake_s,
            max_failures: batch.max_failures,
            window: batch.window_cron,
            verify: batch.verify,
            status: batch.status,
            detail: batch.detail,
            teams: batch.teams,
            total: batch.total,
            succeeded: batch.succeeded,
            failed: batch.failed,
            skipped: batch.skipped,
            in_flight: batch.in_flight,
            rolled_back: batch.rolled_back,
            wave: batch.wave + 1,
            digest: hex::encode(batch.digest),
            requested_by: batch.requested_by,
            created_at: batch.created_at,
            approved_by: batch.approved_by,
            approved_at: batch.approved_at,
            started_at: batch.started_at,
            finished_at: batch.finished_at,
        }
    }
}

/// One wave, and how its resources stand.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StageView {
    /// Its number, from 1.
    number: i32,
    /// How many resources it has.
    total: i32,
    /// How many have not begun.
    open: i64,
    /// On how many a run works.
    in_flight: i64,
    /// How many are done.
    succeeded: i64,
    /// How many could not be.
    failed: i64,
    /// How many had nothing to be done.
    skipped: i64,
    /// When it began.
    started_at: Option<DateTime<Utc>>,
    /// When the last of its resources was done.
    ended_at: Option<DateTime<Utc>>,
    /// Until when it is watched.
    bake_until: Option<DateTime<Utc>>,
    /// When it was found to be well.
    passed_at: Option<DateTime<Utc>>,
}

impl From<Stage> for StageView {
    fn from(stage: Stage) -> Self {
        Self {
            number: stage.number + 1,
            total: stage.total,
            open: stage.open.into(),
            in_flight: stage.in_flight.into(),
            succeeded: stage.succeeded.into(),
            failed: stage.failed.into(),
            skipped: stage.skipped.into(),
            started_at: stage.started_at,
            ended_at: stage.ended_at,
            bake_until: stage.bake_until,
            passed_at: stage.passed_at,
        }
    }
}

/// A resource that could not be done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchFailure {
    /// The resource.
    #[schema(value_type = Uuid)]
    resource_id: ResourceId,
    /// Its name.
    resource: Option<String>,
    /// Its application.
    application: Option<String>,
    /// The run that failed; none: none could be made.
    #[schema(value_type = Option<Uuid>)]
    run_id: Option<RunId>,
    /// Why.
    detail: String,
}

impl From<Item> for BatchFailure {
    fn from(item: Item) -> Self {
        Self {
            resource_id: item.resource_id,
            resource: item.resource,
            application: item.application,
            run_id: item.run_id,
            detail: item.detail.unwrap_or_default(),
        }
    }
}

/// A batch with its waves, what it would do or does, and what it could not.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchDetail {
    /// The batch.
    #[serde(flatten)]
    pub(super) batch: BatchView,
    /// Its waves.
    pub(super) stages: Vec<StageView>,
    /// What would be done, as it was when it was looked at last.
    pub(super) preview: PreviewView,
    /// The first hundred resources that could not be done.
    pub(super) failures: Vec<BatchFailure>,
}
