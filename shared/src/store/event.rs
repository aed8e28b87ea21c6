//! The append-only record of every transition.

pub mod feed;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgExecutor;

use self::feed::Cursor;
use super::Result;
use crate::domain::ids::{ApplicationId, ResourceId, RunId};

/// An event to append. What it is about is given by the ids that are set.
#[derive(Clone, Debug, Default)]
pub struct NewEvent {
    /// One of the names in `domain::event`.
    pub kind: String,
    /// The application it is about.
    pub application_id: Option<ApplicationId>,
    /// The resource it is about.
    pub resource_id: Option<ResourceId>,
    /// The run it is about.
    pub run_id: Option<RunId>,
    /// The step of that run.
    pub step: Option<String>,
    /// Who did it; `system` when nobody asked.
    pub actor: Option<String>,
    /// Anything more, for people and machines.
    pub data: Value,
}

/// Appends the events in the order given.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn append(executor: impl PgExecutor<'_>, events: &[NewEvent]) -> Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let column = |pick: fn(&NewEvent) -> Option<uuid::Uuid>| events.iter().map(pick).collect::<Vec<_>>();
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    let steps: Vec<Option<&str>> = events.iter().map(|event| event.step.as_deref()).collect();
    let actors: Vec<&str> = events.iter().map(|event| event.actor.as_deref().unwrap_or("system")).collect();
    let data: Vec<Value> = events
        .iter()
        .map(|event| if event.data.is_null() { Value::Object(serde_json::Map::new()) } else { event.data.clone() })
        .collect();
    sqlx::query!(
        "INSERT INTO event (type, application_id, resource_id, run_id, step, actor, data)
         SELECT * FROM UNNEST($1::text[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::jsonb[])",
        &kinds as &[&str],
        &column(|event| event.application_id.map(|id| id.0)) as &[Option<uuid::Uuid>],
        &column(|event| event.resource_id.map(|id| id.0)) as &[Option<uuid::Uuid>],
        &column(|event| event.run_id.map(|id| id.0)) as &[Option<uuid::Uuid>],
        &steps as &[Option<&str>],
        &actors as &[&str],
        &data,
    )
    .execute(executor)
    .await?;
    Ok(())
}

/// An event as it was appended.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its number; not the order of commits.
    pub id: i64,
    /// The transaction that appended it.
    xid: String,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// One of the names in `domain::event`.
    pub kind: String,
    /// The application it is about.
    pub application_id: Option<ApplicationId>,
    /// The resource it is about.
    pub resource_id: Option<ResourceId>,
    /// The run it is about.
    pub run_id: Option<RunId>,
    /// The step of that run.
    pub step: Option<String>,
    /// Who did it.
    pub actor: String,
    /// Anything more.
    pub data: Value,
}

impl Event {
    /// Its place in the stream of events.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor { xid: self.xid.parse().unwrap_or_default(), id: self.id }
    }
}

/// Which events about a resource.
#[derive(Clone, Copy, Debug, Default)]
pub struct OfResource {
    /// Only what became of the resource itself, not what its runs did.
    pub own: bool,
    /// Those before this place.
    pub before: Option<Cursor>,
}

/// Events about a resource, newest first, at most `limit`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn of_resource(
    executor: impl PgExecutor<'_>,
    id: ResourceId,
    OfResource { own, before }: OfResource,
    limit: i64,
) -> Result<Vec<Event>> {
    let (xid, number) = before.map(|cursor| (cursor.xid.to_string(), cursor.id)).unzip();
    // Two statements: what there is of the one kind has an index, which a condition that may be off does not use.
    if own {
        return Ok(sqlx::query_as!(
            Event,
            r#"SELECT id, xid::text AS "xid!", at, type AS kind, application_id AS "application_id: ApplicationId",
                      resource_id AS "resource_id: ResourceId", run_id AS "run_id: RunId", step, actor, data
               FROM event
               WHERE resource_id = $1 AND type LIKE 'resource.%' AND ($2::text IS NULL OR (xid, id) < ($2::text::xid8, $3))
               ORDER BY xid DESC, id DESC LIMIT $4"#,
            id.0,
            xid,
            number,
            limit,
        )
        .fetch_all(executor)
        .await?);
    }
    Ok(sqlx::query_as!(
        Event,
        r#"SELECT id, xid::text AS "xid!", at, type AS kind, application_id AS "application_id: ApplicationId",
                  resource_id AS "resource_id: ResourceId", run_id AS "run_id: RunId", step, actor, data
           FROM event
           WHERE resource_id = $1 AND ($2::text IS NULL OR (xid, id) < ($2::text::xid8, $3))
           ORDER BY xid DESC, id DESC LIMIT $4"#,
        id.0,
        xid,
        number,
        limit,
    )
    .fetch_all(executor)
    .await?)
}

/// The last `limit` events about a run, newest first.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn of_run(executor: impl PgExecutor<'_>, id: RunId, limit: i64) -> Result<Vec<Event>> {
    Ok(sqlx::query_as!(
        Event,
        r#"SELECT id, xid::text AS "xid!", at, type AS kind, application_id AS "application_id: ApplicationId", resource_id AS "resource_id: ResourceId",
                  run_id AS "run_id: RunId", step, actor, data
           FROM event WHERE run_id = $1 ORDER BY xid DESC, id DESC LIMIT $2"#,
        id.0,
        limit,
    )
    .fetch_all(executor)
    .await?)
}
