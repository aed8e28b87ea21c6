//! Events in the order in which they became visible, for readers who go on from a place and must not miss any.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgExecutor;

use crate::{
    domain::ids::{ApplicationId, ResourceId, RunId},
    store::Result,
};

/// A place in the stream of events: after this one. Ids commit out of order, so the transaction counts first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    pub(super) xid: u64,
    pub(super) id: i64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.xid, self.id)
    }
}

/// A text that is no place in the stream of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a place in the stream of events that Slipway gave out")]
pub struct InvalidCursor;

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let (xid, id) = text.split_once('-').ok_or(InvalidCursor)?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(xid) || !digits(id) {
            return Err(InvalidCursor);
        }
        Ok(Self { xid: xid.parse().map_err(|_| InvalidCursor)?, id: id.parse().map_err(|_| InvalidCursor)? })
    }
}

/// An event, and what it is about by name.
#[derive(Clone, Debug)]
pub struct Occurred {
    /// Its place.
    pub cursor: Cursor,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// One of the names in `domain::event`.
    pub kind: String,
    /// Who did it.
    pub actor: String,
    /// Anything more.
    pub data: Value,
    /// The step of the run.
    pub step: Option<String>,
    /// The run it is about.
    pub run_id: Option<RunId>,
    /// That run's workflow.
    pub workflow: Option<String>,
    /// That run's queue.
    pub queue: Option<String>,
    /// The resource it is about, by itself or through its run.
    pub resource_id: Option<ResourceId>,
    /// That resource's name.
    pub resource: Option<String>,
    /// The application it is about, by itself or through its run or resource.
    pub application_id: Option<ApplicationId>,
    /// That application's name.
    pub application: Option<String>,
    /// The team whose it is; none: the installation's.
    pub team: Option<String>,
    /// Other teams that use the resource; of a batch, the teams that it is about.
    pub users: Vec<String>,
    /// The batch it is about, by itself or through its run.
    pub batch_id: Option<uuid::Uuid>,
}

/// The place where the stream stands now: all events that become visible from now on come after it.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn head(executor: impl PgExecutor<'_>) -> Result<Cursor> {
    let xid = sqlx::query_scalar!(r#"SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS "xid!""#);
    Ok(Cursor { xid: xid.fetch_one(executor).await?.parse().unwrap_or_default(), id: 0 })
}

/// The next events after a place, at most `limit`, in order. What comes after the last of fewer than `limit` is not visible yet.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn after(executor: impl PgExecutor<'_>, cursor: Cursor, limit: i64) -> Result<Vec<Occurred>> {
    let rows = sqlx::query!(
        r#"SELECT e.xid::text AS "xid!", e.id, e.at, e.type AS kind, e.actor, e.data, e.step, e.run_id AS "run_id: RunId",
                  run.workflow AS "workflow?", run.queue AS "queue?",
                  r.id AS "resource_id?: ResourceId", r.name AS "resource?",
                  coalesce(app.id, owner.id) AS "application_id: ApplicationId", coalesce(app.name, owner.name) AS application,
                  coalesce(run.team, app.team, owner.team) AS team,
                  CASE WHEN e.type LIKE 'resource.%' AND r.shared
                       THEN ARRAY(SELECT DISTINCT a.team FROM resource_user u JOIN application a ON a.id = u.application_id
                                  WHERE u.resource_id = r.id)
                       WHEN b.id IS NOT NULL THEN b.teams END AS "users?",
                  coalesce(b.id, run.batch_id) AS batch_id
           FROM event e LEFT JOIN run ON run.id = e.run_id
                LEFT JOIN batch b ON e.type LIKE 'batch.%' AND b.id = (e.data ->> 'batch')::uuid
                LEFT JOIN resource r ON r.id = coalesce(e.resource_id, run.resource_id)
                LEFT JOIN application owner ON owner.id = r.application_id
                LEFT JOIN application app ON app.id = coalesce(e.application_id, run.application_id)
           WHERE (e.xid, e.id) > ($1::text::xid8, $2) AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
           ORDER BY e.xid, e.id LIMIT $3"#,
        cursor.xid.to_string(),
        cursor.id,
        limit
    )
    .fetch_all(executor)
    .await?;
    let occurred = rows.into_iter().map(|row| Occurred {
        cursor: Cursor { xid: row.xid.parse().unwrap_or_default(), id: row.id },
        at: row.at,
        kind: row.kind,
        actor: row.actor,
        data: row.data,
        step: row.step,
        run_id: row.run_id,
        workflow: row.workflow,
        queue: row.queue,
        resource_id: row.resource_id,
        resource: row.resource,
        application_id: row.application_id,
        application: row.application,
        team: row.team,
        users: row.users.unwrap_or_default(),
        batch_id: row.batch_id,
    });
    Ok(occurred.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written_and_nothing_else_is() {
        let cursor = Cursor { xid: u64::MAX, id: 7 };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in
            ["", "-", "1", "1-", "-1", "1-2-3", "+1-2", "1--2", "99999999999999999999-1", "1-9223372036854775808"]
        {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidCursor), "{text}");
        }
    }
}
