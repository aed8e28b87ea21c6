//! Batches as people look at them.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgExecutor;
use uuid::Uuid;

use super::{Batch, batches};
use crate::{
    domain::{
        access::Visible,
        batch::{BatchOperation, BatchStatus, ItemStatus},
        ids::{ResourceId, RunId},
        resource::ResourceState,
    },
    store::Result,
};

/// The batches that a caller asked for, or that are about resources of these teams alone, newest first: those before `before`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn page(
    executor: impl PgExecutor<'_>,
    id: Option<Uuid>,
    status: Option<BatchStatus>,
    caller: Uuid,
    visible: &Visible,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Batch>> {
    Ok(batches!(
        "WHERE ($1::uuid IS NULL OR b.id = $1) AND ($2::uuid IS NULL OR b.id < $2) AND ($3::text IS NULL OR b.status = $3)
           AND (b.requester_id = $4 OR $5::text[] IS NULL OR (b.teams <> '{}' AND b.teams <@ $5))
         ORDER BY b.id DESC LIMIT $6",
        id,
        before,
        status.map(BatchStatus::as_str),
        caller,
        visible.teams(),
        limit,
    )
    .fetch_all(executor)
    .await?)
}

/// One wave, and how its resources stand.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Its number, from 0.
    pub number: i32,
    /// How many resources it has.
    pub total: i32,
    /// How many have not begun.
    pub open: i32,
    /// On how many a run works.
    pub in_flight: i32,
    /// How many are done.
    pub succeeded: i32,
    /// How many could not be.
    pub failed: i32,
    /// How many had nothing to be done.
    pub skipped: i32,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When the last of them was done.
    pub ended_at: Option<DateTime<Utc>>,
    /// When it is looked at whether it is well.
    pub bake_until: Option<DateTime<Utc>>,
    /// When it was found to be.
    pub passed_at: Option<DateTime<Utc>>,
}

/// The waves of a batch.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn stages(executor: impl PgExecutor<'_>, id: Uuid) -> Result<Vec<Stage>> {
    Ok(sqlx::query_as!(
        Stage,
        r#"SELECT number, total, total - running - succeeded - failed - skipped AS "open!", running AS in_flight, succeeded, failed, skipped,
                  started_at, ended_at, bake_until, passed_at
           FROM batch_wave WHERE batch_id = $1 ORDER BY number"#,
        id
    )
    .fetch_all(executor)
    .await?)
}

/// Which resources of a batch. What is not set does not restrict.
#[derive(Clone, Copy, Debug, Default)]
pub struct ItemFilter {
    /// In this status.
    pub status: Option<ItemStatus>,
    /// Of this wave, from 0.
    pub wave: Option<i32>,
    /// This one.
    pub resource: Option<ResourceId>,
}

/// One resource of a batch.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its place in the batch, from 1.
    pub position: i32,
    /// The same as a text that sorts.
    pub place: String,
    /// Its wave, from 0.
    pub wave: i32,
    /// Where it stands.
    pub status: ItemStatus,
    /// The resource.
    pub resource_id: ResourceId,
    /// Its name.
    pub resource: Option<String>,
    /// Its application.
    pub application: Option<String>,
    /// That application's team.
    pub team: Option<String>,
    /// Its type.
    pub kind: Option<String>,
    /// Its environment.
    pub environment: Option<String>,
    /// The state that the resource is in.
    pub state: Option<ResourceState>,
    /// Its provider.
    pub provider: Option<String>,
    /// The version it had when the batch was looked at.
    pub from_version: Option<String>,
    /// The version it is to have.
    pub to_version: Option<String>,
    /// By this workflow.
    pub workflow: Option<String>,
    /// Its params, as they are now.
    pub params: Option<Value>,
    /// What batches have set of them, as it is now.
    pub overrides: Option<Value>,
    /// How it was before the batch.
    pub before: Option<Value>,
    /// The run that works on it, or did.
    pub run_id: Option<RunId>,
    /// Why it is as it is.
    pub detail: Option<String>,
    /// When the run was made, or it was left out.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was done.
    pub finished_at: Option<DateTime<Utc>>,
    /// Where its way back stands.
    pub undo: Option<ItemStatus>,
    /// The run that takes it back.
    pub undo_run_id: Option<RunId>,
    /// Why that is as it is.
    pub undo_detail: Option<String>,
}

/// Reads resources of the batch `$1`, those after the position `$2`, at most `$3`: which of them, with `AND` before it, and its
/// parameters. One statement for each way to restrict them, since a plan that serves all of them walks through the whole batch.
macro_rules! items {
    ($which:literal $(, $value:expr)* $(,)?) => {
        sqlx::query_as!(
            Item,
            // Chosen before the rest is looked up: what is joined is read for these alone.
            r#"WITH chosen AS MATERIALIZED (
                   SELECT i.* FROM batch_item i WHERE i.batch_id = $1 AND i.position > $2 "# + $which + r#" ORDER BY i.position LIMIT $3)
               SELECT i.position AS "position!", to_char(i.position, 'FM0000000000') AS "place!", i.wave AS "wave!",
                      i.status AS "status!: ItemStatus", i.resource_id AS "resource_id!: ResourceId", r.name AS "resource?",
                      a.name AS "application?", a.team AS "team?", r.type AS "kind?", c.environment AS "environment?",
                      r.state AS "state?: ResourceState", coalesce(g.provider, r.provider) AS provider,
                      coalesce(i.before ->> 'version', g.from_version) AS from_version, g.to_version AS "to_version?",
                      g.workflow AS "workflow?", r.params AS "params?", r.overrides AS "overrides?", i.before AS "before?",
                      i.run_id AS "run_id?: RunId", i.detail AS "detail?", i.started_at AS "started_at?", i.finished_at AS "finished_at?",
                      i.undo AS "undo?: ItemStatus", i.undo_run_id AS "undo_run_id?: RunId", i.undo_detail AS "undo_detail?"
               FROM chosen i
               LEFT JOIN batch_group g ON g.batch_id = $1 AND g.key = i.group_key
               LEFT JOIN resource r ON r.id = i.resource_id
               LEFT JOIN application a ON a.id = r.application_id
               LEFT JOIN batch_candidate c ON c.id = i.resource_id
               ORDER BY i.position"#
            $(, $value)*
        )
    };
}

/// The resources of a batch by position, those after `after`, at most `limit`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn items(
    executor: impl PgExecutor<'_>,
    id: Uuid,
    filter: ItemFilter,
    after: i32,
    limit: i64,
) -> Result<Vec<Item>> {
    let status = filter.status.map(ItemStatus::as_str);
    let items = match (filter.resource, filter.wave, status) {
        (Some(resource), wave, status) => {
            items!(
                "AND i.resource_id = $4 AND ($5::text IS NULL OR i.status = $5) AND ($6::int IS NULL OR i.wave = $6)",
                id,
                after,
                limit,
                resource.0,
                status,
                wave,
            )
            .fetch_all(executor)
            .await
        }
        (None, None, None) => items!("", id, after, limit).fetch_all(executor).await,
        (None, None, Some(status)) => items!("AND i.status = $4", id, after, limit, status).fetch_all(executor).await,
        // The positions of a wave come behind those of the waves before it, and are as many as it has resources.
        (None, Some(wave), None) => {
            items!(
                "AND i.wave = $4
                 AND i.position > (SELECT coalesce(sum(w.total), 0) FROM batch_wave w WHERE w.batch_id = $1 AND w.number < $4)
                 AND i.position <= (SELECT sum(w.total) FROM batch_wave w WHERE w.batch_id = $1 AND w.number <= $4)",
                id,
                after,
                limit,
                wave,
            )
            .fetch_all(executor)
            .await
        }
        (None, Some(wave), Some(status)) => {
            items!(
                "AND i.wave = $4 AND i.status = $5
                 AND i.position > (SELECT coalesce(sum(w.total), 0) FROM batch_wave w WHERE w.batch_id = $1 AND w.number < $4)
                 AND i.position <= (SELECT sum(w.total) FROM batch_wave w WHERE w.batch_id = $1 AND w.number <= $4)",
                id,
                after,
                limit,
                wave,
                status,
            )
            .fetch_all(executor)
            .await
        }
    };
    Ok(items?)
}

/// The first `limit` resources that a batch could not do.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn failures(executor: impl PgExecutor<'_>, id: Uuid, limit: i64) -> Result<Vec<Item>> {
    items(executor, id, ItemFilter { status: Some(ItemStatus::Failed), ..ItemFilter::default() }, 0, limit).await
}

impl Batch {
    /// Whether it can be taken back, by what it does.
    #[must_use]
    pub const fn can_be_undone(&self) -> bool {
        BatchOperation::changes(self.operation)
    }
}
