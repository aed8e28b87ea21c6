//! One action for many runs: which runs is fixed by one statement, and each is then done in a transaction of its own with the
//! mark that it is done, so that no run is done twice, whoever stops where.

mod turn;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

pub use turn::{Turn, carry_out, next, refuse};

use super::{Result, run, run_list::Filter};
use crate::domain::{
    access::Visible,
    audit::{Actor, Origin},
    ids::RunId,
    states::states,
};

states! {
    /// What is done to many runs.
    BulkAction {
        /// They go on where they stopped, as new runs.
        Retry = "retry",
        /// They are stopped.
        Cancel = "cancel",
    }
}

impl BulkAction {
    /// What else `run_ids` is to look at, so that only runs are chosen that this can be done to.
    fn condition(self) -> &'static str {
        match self {
            Self::Retry => "retryable",
            Self::Cancel => "cancellable",
        }
    }
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct NewBulk {
    /// What is to be done.
    pub action: BulkAction,
    /// To which runs.
    pub filter: Filter,
    /// The filter as it was given, for people.
    pub shown_filter: Value,
    /// Why, for the people who find runs cancelled.
    pub reason: String,
    /// Who asks.
    pub actor: Actor,
    /// Their id; nil for a guest.
    pub requester: Uuid,
    /// From where.
    pub origin: Origin,
    /// Teams that the new runs may ask for applications of.
    pub acts_for: Visible,
}

/// How many runs of the filter this can be done to, counted up to `most` and one.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn count(executor: impl PgExecutor<'_>, action: BulkAction, filter: &Filter, most: i64) -> Result<i64> {
    let wanted = wanted(action, filter);
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM run_ids($1, $2, NULL, NULL, $3)"#,
        wanted,
        filter.visible.teams(),
        most.saturating_add(1),
    )
    .fetch_one(executor)
    .await?)
}

fn wanted(action: BulkAction, filter: &Filter) -> Value {
    let mut wanted = filter.wanted();
    if let Value::Object(members) = &mut wanted {
        members.insert(action.condition().into(), Value::Bool(true));
    }
    wanted
}

/// Fixes which runs it is for, at most `most`, and leaves the rest to the scheduler. Gives how many they are: more than `most`
/// means too many, and is to be rolled back.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn create(conn: &mut PgConnection, new: &NewBulk, most: i64) -> Result<(Uuid, i64)> {
    let id = Uuid::now_v7();
    let acts_for = run::acting(&new.acts_for);
    let actor = json!({
        "kind": new.actor.kind, "id": new.actor.id, "name": new.actor.name, "credential": new.actor.credential,
        "request_id": new.origin.request_id, "address": new.origin.address, "agent": new.origin.agent,
    });
    sqlx::query!(
        "INSERT INTO bulk_operation (id, action, filter, reason, requested_by, requester_id, actor, acts_for, teams, total)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '{}', 0)",
        id,
        new.action.as_str(),
        new.shown_filter,
        new.reason,
        new.actor.name,
        new.requester,
        actor,
        &acts_for,
    )
    .execute(&mut *conn)
    .await?;
    let count = sqlx::query!(
        "INSERT INTO bulk_item (bulk_id, run_id) SELECT $1, id FROM run_ids($2, $3, NULL, NULL, $4) AS chosen(id)",
        id,
        wanted(new.action, &new.filter),
        new.filter.visible.teams(),
        most.saturating_add(1),
    )
    .execute(&mut *conn)
    .await?
    .rows_affected();
    sqlx::query!(
        "UPDATE bulk_operation SET total = $2, finished_at = CASE WHEN $2 = 0 THEN now() END,
                teams = ARRAY(SELECT DISTINCT run.team FROM bulk_item i JOIN run ON run.id = i.run_id WHERE i.bulk_id = $1 ORDER BY 1)
         WHERE id = $1",
        id,
        i32::try_from(count).unwrap_or(i32::MAX),
    )
    .execute(conn)
    .await?;
    Ok((id, i64::try_from(count).unwrap_or(i64::MAX)))
}

/// How an operation stands.
#[derive(Clone, Debug)]
pub struct Bulk {
    /// Its id.
    pub id: Uuid,
    /// What is done.
    pub action: BulkAction,
    /// The filter, as it was given.
    pub filter: Value,
    /// Who asked for it.
    pub requested_by: String,
    /// Their id.
    pub requester_id: Uuid,
    /// Whose runs they are.
    pub teams: Vec<String>,
    /// How many runs it is for.
    pub total: i32,
    /// How many are done.
    pub done: i32,
    /// To how many it could not be done.
    pub failed: i32,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When someone stopped it.
    pub stopped_at: Option<DateTime<Utc>>,
    /// Who did.
    pub stopped_by: Option<String>,
    /// When the last run was done, or it was stopped.
    pub finished_at: Option<DateTime<Utc>>,
}

/// The operations that a caller asked for, or that are for runs of these teams alone, newest first: those before `before`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn page(
    executor: impl PgExecutor<'_>,
    id: Option<Uuid>,
    caller: Uuid,
    visible: &Visible,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Bulk>> {
    Ok(sqlx::query_as!(
        Bulk,
        r#"SELECT id, action AS "action: BulkAction", filter, requested_by, requester_id, teams, total, done, failed, created_at,
                  stopped_at, stopped_by, finished_at
           FROM bulk_operation
           WHERE ($1::uuid IS NULL OR id = $1) AND ($2::uuid IS NULL OR id < $2)
             AND (requester_id = $3 OR $4::text[] IS NULL OR (teams <> '{}' AND teams <@ $4))
           ORDER BY id DESC LIMIT $5"#,
        id,
        before,
        caller,
        visible.teams(),
        limit,
    )
    .fetch_all(executor)
    .await?)
}

/// A run that it could not be done to.
#[derive(Clone, Debug)]
pub struct Failed {
    /// The run.
    pub run_id: RunId,
    /// Why.
    pub detail: String,
}

/// The runs that an operation could not be done to, those after `after`, at most `limit`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn failed(executor: impl PgExecutor<'_>, id: Uuid, after: Option<Uuid>, limit: i64) -> Result<Vec<Failed>> {
    Ok(sqlx::query_as!(
        Failed,
        r#"SELECT run_id AS "run_id: RunId", coalesce(detail, '') AS "detail!" FROM bulk_item
           WHERE bulk_id = $1 AND outcome = 'failed' AND ($2::uuid IS NULL OR run_id > $2) ORDER BY run_id LIMIT $3"#,
        id,
        after,
        limit,
    )
    .fetch_all(executor)
    .await?)
}

/// Stops an operation: what is not done stays undone. False: it was over.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn stop(executor: impl PgExecutor<'_>, id: Uuid, by: &str) -> Result<bool> {
    let stopped = sqlx::query!(
        "UPDATE bulk_operation SET stopped_at = now(), stopped_by = $2, finished_at = now() WHERE id = $1 AND finished_at IS NULL",
        id,
        by
    );
    Ok(stopped.execute(executor).await?.rows_affected() == 1)
}

/// Runs of an operation that are not done, after `after`, at most `limit`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn open(executor: impl PgExecutor<'_>, id: Uuid, after: Option<Uuid>, limit: i64) -> Result<Vec<RunId>> {
    Ok(sqlx::query_scalar!(
        r#"SELECT run_id AS "run_id: RunId" FROM bulk_item
           WHERE bulk_id = $1 AND outcome IS NULL AND ($2::uuid IS NULL OR run_id > $2) ORDER BY run_id LIMIT $3"#,
        id,
        after,
        limit,
    )
    .fetch_all(executor)
    .await?)
}

/// Forgets up to `limit` operations that were over more than `days` ago. Returns how many.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn forget(executor: impl PgExecutor<'_>, days: u32, limit: i64) -> Result<i64> {
    let removed = sqlx::query!(
        "DELETE FROM bulk_operation WHERE id IN (
             SELECT id FROM bulk_operation WHERE finished_at < now() - make_interval(days => $1) ORDER BY id LIMIT $2)",
        i32::try_from(days).unwrap_or(i32::MAX),
        limit,
    );
    Ok(i64::try_from(removed.execute(executor).await?.rows_affected()).unwrap_or(i64::MAX))
}
