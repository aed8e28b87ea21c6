//! Batches: one operation on very many resources. Which ones is fixed by one statement when a batch is made; the scheduler takes
//! them on with the batch's row locked, in the transaction that notes it, so that none is done twice, whoever stops where.
//!
//! Lock order: batch, item, then as everywhere: run, step, resource, application.

mod act;
mod create;
mod list;
mod look;
mod plan;
mod selector;
mod turn;
mod undo;
mod wave;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

pub use act::{Resumed, abort, approve, ask_anew, pause, resume, roll_back};
pub use create::{NewBatch, create, open_resources, refuse};
pub use list::{Item, ItemFilter, Stage, failures, items, page, stages};
pub use look::{
    AsOf, Dependents, Facet, Group, Likeness, Median, Setting, basis, dependents, facets, group, likenesses, medians,
    refresh, settings, store,
};
pub use plan::{ItemPlan, Prospect, forget_plans, note_plan, plans, prospect, ways, workflow_before};
pub use selector::{InvalidSelector, ProviderTerm, Selector};
pub use turn::{
    Candidate, Gathered, Started, candidates, close_items, complete, gather, leave, lock_idle, lock_next, note,
    retried, start, stop,
};
pub use undo::{Undoable, close_undo, is_undone, start_undo, undoable};
pub use wave::{WaveState, begin_wave, end_wave, looks_are_over, pass_wave, unhealthy, wave};

use super::{
    Result,
    event::{self, NewEvent},
};
use crate::domain::batch::{BatchOperation, BatchStatus};

/// A batch, as it stands.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Its id.
    pub id: Uuid,
    /// What it is called.
    pub name: String,
    /// Why, as whoever asked for it says.
    pub reason: String,
    /// What is done.
    pub operation: BatchOperation,
    /// What chose the resources, as it was given.
    pub selector: String,
    /// The version of their providers that they are brought to.
    pub provider_version: Option<String>,
    /// Params that are set.
    pub params: Value,
    /// See [`crate::domain::batch::Waves`].
    pub waves: String,
    /// Resources that runs of it work on at once.
    pub max_in_flight: i32,
    /// Seconds between the end of a wave and the look at whether it is well.
    pub bake_s: i32,
    /// See [`crate::domain::batch::Budget`].
    pub max_failures: String,
    /// See [`crate::domain::batch::Window`].
    pub window_cron: Option<String>,
    /// Whether reads look at each wave before the next begins.
    pub verify: bool,
    /// Where it stands.
    pub status: BatchStatus,
    /// Why, for people.
    pub detail: String,
    /// What would be done, for people.
    pub preview: Value,
    /// The digest of what would be done.
    pub digest: Vec<u8>,
    /// Whose resources they are.
    pub teams: Vec<String>,
    /// How many resources it is for.
    pub total: i32,
    /// The wave whose resources may begin, from 0.
    pub wave: i32,
    /// How many are done.
    pub succeeded: i32,
    /// To how many it could not be done.
    pub failed: i32,
    /// For how many there was nothing to do, or nothing that may be done.
    pub skipped: i32,
    /// On how many a run works.
    pub in_flight: i32,
    /// How many are as they were again.
    pub rolled_back: i32,
    /// Failures that do not count any more.
    pub forgiven: i32,
    /// Who asked for it.
    pub requested_by: String,
    /// Their id; nil for a guest.
    pub requester_id: Uuid,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Who said that it may.
    pub approved_by: Option<String>,
    /// When.
    pub approved_at: Option<DateTime<Utc>>,
    /// To what.
    pub approved_digest: Option<Vec<u8>>,
    /// When its first wave began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was over.
    pub finished_at: Option<DateTime<Utc>>,
    /// When its progress was told last.
    pub told_at: DateTime<Utc>,
}

/// Reads batches: what follows the list of columns, then its parameters.
macro_rules! batches {
    ($which:literal $(, $value:expr)* $(,)?) => {
        sqlx::query_as!(
            Batch,
            r#"SELECT b.id, b.name, b.reason, b.operation AS "operation: BatchOperation", b.selector, b.provider_version, b.params, b.waves,
                      b.max_in_flight, b.bake_s, b.max_failures, b.window_cron, b.verify, b.status AS "status: BatchStatus", b.detail,
                      b.preview, b.digest, b.teams, b.total, b.wave, b.succeeded, b.failed, b.skipped, b.in_flight, b.rolled_back,
                      b.forgiven, b.requested_by, b.requester_id, b.created_at, b.approved_by, b.approved_at, b.approved_digest,
                      b.started_at, b.finished_at, b.told_at
               FROM batch b "# + $which
            $(, $value)*
        )
    };
}
use batches;

impl Batch {
    /// Resources whose turn has not come.
    #[must_use]
    pub fn open(&self) -> i32 {
        self.total - self.succeeded - self.failed - self.skipped - self.in_flight
    }

    /// What its events say.
    fn told(&self) -> Value {
        json!({
            "batch": self.id, "name": self.name, "status": self.status, "detail": self.detail, "total": self.total,
            "succeeded": self.succeeded, "failed": self.failed, "skipped": self.skipped, "in_flight": self.in_flight,
            "rolled_back": self.rolled_back, "wave": self.wave + 1,
        })
    }
}

/// The batch of that id.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn find(executor: impl PgExecutor<'_>, id: Uuid) -> Result<Option<Batch>> {
    Ok(batches!("WHERE b.id = $1", id).fetch_optional(executor).await?)
}

/// The batch of that id, locked for the transaction.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn lock(conn: &mut PgConnection, id: Uuid) -> Result<Option<Batch>> {
    Ok(batches!("WHERE b.id = $1 FOR NO KEY UPDATE", id).fetch_optional(conn).await?)
}

/// Appends an event about a batch, as it stands now.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn tell(conn: &mut PgConnection, id: Uuid, kind: &str, actor: &str) -> Result<()> {
    let Some(batch) = find(&mut *conn, id).await? else { return Ok(()) };
    let told = NewEvent { kind: kind.into(), actor: Some(actor.into()), data: batch.told(), ..NewEvent::default() };
    event::append(conn, &[told]).await
}

/// Forgets up to `limit` batches that were over more than `days` ago. Returns how many resources they were about.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn prune(executor: impl PgExecutor<'_>, days: u32, limit: i64) -> Result<u64> {
    let pruned = sqlx::query!(
        "WITH old AS (DELETE FROM batch WHERE id IN (SELECT id FROM batch WHERE finished_at < now() - make_interval(days => $1) AND in_flight = 0
                                                     ORDER BY finished_at LIMIT $2) RETURNING id)
         DELETE FROM batch_item WHERE batch_id IN (SELECT id FROM old)",
        i32::try_from(days).unwrap_or(i32::MAX),
        limit,
    );
    Ok(pruned.execute(executor).await?.rows_affected())
}
