//! One run of an operation after the other: done, or not and why, each with its mark.

use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    super::{
        Result, audit,
        run::{self, Cancel, Retry},
    },
    BulkAction,
};
use crate::domain::{
    access::Visible,
    audit::{Actor, Entry, Origin},
    ids::RunId,
};

/// Stands for every team.
const EVERY: &str = "*";

/// A run whose turn it is, locked for the transaction.
#[derive(Clone, Debug)]
pub struct Turn {
    /// The operation.
    pub bulk: Uuid,
    /// The run.
    pub run: RunId,
    action: BulkAction,
    reason: String,
    requested_by: String,
    actor: Value,
    acts_for: Vec<String>,
}

/// The next run of the operation that was asked for first and is not over; none: there is nothing to do, or others are at it.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn next(conn: &mut PgConnection) -> Result<Option<Turn>> {
    Ok(sqlx::query_as!(
        Turn,
        r#"SELECT o.id AS bulk, i.run_id AS "run: RunId", o.action AS "action: BulkAction", o.reason, o.requested_by, o.actor, o.acts_for
           FROM bulk_operation o
           CROSS JOIN LATERAL (SELECT run_id FROM bulk_item WHERE bulk_id = o.id AND outcome IS NULL
                               ORDER BY run_id LIMIT 1 FOR UPDATE SKIP LOCKED) i
           WHERE o.finished_at IS NULL ORDER BY o.id LIMIT 1"#
    )
    .fetch_optional(conn)
    .await?)
}

/// Notes that it is not done to a run, and why, unless it was done.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn refuse(conn: &mut PgConnection, id: Uuid, run: RunId, why: &str) -> Result<()> {
    record(conn, id, run, None, Some(why)).await
}

/// Does what is asked for to the run whose turn it is, and marks that it is done. What is not committed has not happened.
///
/// # Errors
/// When Postgres cannot be reached, or another transaction stood in the way; roll back then, and call again.
pub async fn carry_out(conn: &mut PgConnection, turn: &Turn) -> Result<()> {
    let (run, by) = (turn.run, turn.requested_by.as_str());
    let outcome = match turn.action {
        BulkAction::Retry => retry(&mut *conn, run, by, &turn.acts_for).await?,
        BulkAction::Cancel => cancel(&mut *conn, run, by, &turn.reason).await?,
    };
    let new = match outcome {
        Ok(new) => new,
        Err(why) => return record(conn, turn.bulk, run, None, Some(&why)).await,
    };
    let (actor, origin) = asked_by(&turn.actor);
    let action = match turn.action {
        BulkAction::Retry => "run.retry",
        BulkAction::Cancel => "run.cancel",
    };
    let after = json!({"bulk": turn.bulk, "run": new});
    audit::record(&mut *conn, &Entry::done(actor, origin, action, format!("run/{run}")).after(after)).await?;
    record(conn, turn.bulk, run, new, None).await
}

/// Marks an item once, counts it, and ends the operation with its last.
async fn record(conn: &mut PgConnection, id: Uuid, run: RunId, new: Option<RunId>, failed: Option<&str>) -> Result<()> {
    let marked = sqlx::query!(
        "UPDATE bulk_item SET outcome = CASE WHEN $4::text IS NULL THEN 'done' ELSE 'failed' END, new_run_id = $3, detail = $4
         WHERE bulk_id = $1 AND run_id = $2 AND outcome IS NULL",
        id,
        run.0,
        new.map(|new| new.0),
        failed,
    )
    .execute(&mut *conn)
    .await?;
    if marked.rows_affected() == 0 {
        return Ok(());
    }
    let done = i32::from(failed.is_none());
    sqlx::query!(
        "UPDATE bulk_operation SET done = done + $2, failed = failed + 1 - $2,
                finished_at = coalesce(finished_at, CASE WHEN done + failed + 1 = total THEN now() END)
         WHERE id = $1",
        id,
        done,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The new run, or why there is none.
async fn retry(
    conn: &mut PgConnection,
    run: RunId,
    by: &str,
    acts_for: &[String],
) -> Result<std::result::Result<Option<RunId>, String>> {
    // Locked before it is asked, so that nobody retries it in between.
    let row =
        sqlx::query!("SELECT id FROM run WHERE id = $1 FOR NO KEY UPDATE", run.0).fetch_optional(&mut *conn).await?;
    if row.is_none() {
        return Ok(Err("there is no such run any more".into()));
    }
    let retried = sqlx::query_scalar!(r#"SELECT id AS "id: RunId" FROM run WHERE retry_of = $1 LIMIT 1"#, run.0)
        .fetch_optional(&mut *conn)
        .await?;
    if let Some(later) = retried {
        return Ok(Err(format!("it was retried meanwhile, as run {later}")));
    }
    Ok(match run::retry(&mut *conn, run, None, by).await? {
        Retry::Created { id, .. } => {
            let every = acts_for.iter().any(|team| team == EVERY);
            let acting = if every { Visible::All } else { Visible::Teams(acts_for.to_vec()) };
            run::let_act_for(&mut *conn, id, &acting).await?;
            Ok(Some(id))
        }
        Retry::NotOver(status) => Err(format!("the run is {status}")),
        Retry::Superseded => Err("the resource has another run, or moved on since".into()),
        Retry::FilesGone => Err("the files that it would begin with are not kept any more".into()),
        Retry::UnknownStep(_) | Retry::Unknown => Err("there is no such run any more".into()),
    })
}

async fn cancel(
    conn: &mut PgConnection,
    run: RunId,
    by: &str,
    reason: &str,
) -> Result<std::result::Result<Option<RunId>, String>> {
    Ok(match run::request_cancel(&mut *conn, run, by, reason).await? {
        Cancel::Cancelled | Cancel::Requested => Ok(None),
        Cancel::Over(status) => Err(format!("the run is {status} already")),
        Cancel::Unknown => Err("there is no such run any more".into()),
    })
}

/// Who asked for an operation, as [`create`](super::create) noted it.
fn asked_by(actor: &Value) -> (Actor, Origin) {
    let text = |name: &str| actor[name].as_str().unwrap_or_default().to_owned();
    let id = actor["id"].as_str().and_then(|id| id.parse().ok());
    (
        Actor { kind: text("kind"), id, name: text("name"), credential: text("credential") },
        Origin { request_id: text("request_id"), address: text("address"), agent: text("agent") },
    )
}
