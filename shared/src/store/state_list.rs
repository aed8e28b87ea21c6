//! States that step types keep, as people look after them.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgExecutor;

use super::Result;
use crate::domain::{
    access::Visible,
    ids::{ResourceId, RunId},
};

/// One resource's state.
#[derive(Clone, Debug)]
pub struct KeptState {
    /// The resource.
    pub resource_id: ResourceId,
    /// Its application.
    pub application: String,
    /// Its name there.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// The latest version.
    pub version: i64,
    /// The tool's own count.
    pub serial: i64,
    /// Bytes; none left when it was removed.
    pub bytes: i32,
    /// Who wrote it.
    pub written_by: String,
    /// When.
    pub written_at: DateTime<Utc>,
    /// Who holds its lock.
    pub lock: Option<Value>,
    /// The run that holds its lock.
    pub locked_by_run: Option<RunId>,
    /// Since when a newer one may be lost.
    pub uncertain_since: Option<DateTime<Utc>>,
}

/// States of the resources of these teams, newest resource first, at most `limit` before `before` (the last row's resource).
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn page(
    executor: impl PgExecutor<'_>,
    application: Option<&str>,
    visible: &Visible,
    before: Option<uuid::Uuid>,
    limit: i64,
) -> Result<Vec<KeptState>> {
    // Most resources keep no state. Where all teams are seen, or more than 50, this steps through the states from one resource to
    // the next; for an application or fewer teams it asks each of their resources. What a state is of is joined last, one row at a
    // time: a plan that is made once for all limits takes a page for large and walks through all resources.
    Ok(sqlx::query_as!(
        KeptState,
        r#"WITH RECURSIVE walked (resource_id, shown, taken) AS (
               SELECT coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'), false, 0::bigint
               WHERE $1::text IS NULL AND ($4::text[] IS NULL OR cardinality($4) > 50)
               UNION ALL
               SELECT next.resource_id, next.shown, walked.taken + next.shown::int
               FROM walked CROSS JOIN LATERAL (
                   SELECT v.resource_id,
                          $4 IS NULL OR (SELECT a.team = ANY ($4) FROM resource r JOIN application a ON a.id = r.application_id
                                         WHERE r.id = v.resource_id) AS shown
                   FROM state_version v WHERE v.resource_id < walked.resource_id ORDER BY v.resource_id DESC LIMIT 1) next
               WHERE walked.taken < $3),
           owned AS MATERIALIZED (
               SELECT r.id FROM application a JOIN resource r ON r.application_id = a.id
               WHERE a.name = $1 AND ($4 IS NULL OR a.team = ANY ($4))
               UNION ALL
               SELECT r.id FROM application a JOIN resource r ON r.application_id = a.id
               WHERE $1 IS NULL AND cardinality($4) <= 50 AND a.team = ANY ($4)),
           chosen AS MATERIALIZED (
               SELECT resource_id FROM walked WHERE shown
               UNION ALL
               (SELECT o.id FROM (SELECT id FROM owned WHERE $2 IS NULL OR id < $2 ORDER BY id DESC OFFSET 0) o
                CROSS JOIN LATERAL (SELECT FROM state_version v WHERE v.resource_id = o.id LIMIT 1) kept
                ORDER BY o.id DESC LIMIT $3))
           SELECT r.id AS "resource_id!: ResourceId", a.name AS "application!", r.name AS "name!", r.type AS "kind!",
                  v.version AS "version!", v.serial AS "serial!",
                  CASE WHEN substr(v.content, 1, 9) = '\x00736c697077617901' THEN octet_length(v.content) - 53
                       ELSE octet_length(v.content) END AS "bytes!",
                  v.written_by AS "written_by!", v.created_at AS "written_at!", l.info AS "lock?",
                  l.run_id AS "locked_by_run?: RunId", r.state_uncertain_since AS "uncertain_since?"
           FROM chosen
           CROSS JOIN LATERAL (SELECT * FROM resource r WHERE r.id = chosen.resource_id LIMIT 1) r
           JOIN application a ON a.id = r.application_id
           CROSS JOIN LATERAL (SELECT * FROM state_version v WHERE v.resource_id = r.id ORDER BY v.version DESC LIMIT 1) v
           LEFT JOIN state_lock l ON l.resource_id = r.id
           ORDER BY r.id DESC LIMIT $3"#,
        application,
        before,
        limit,
        visible.teams(),
    )
    .fetch_all(executor)
    .await?)
}

/// One version of a state, without its content.
#[derive(Clone, Debug)]
pub struct Version {
    /// Rises by one with each write.
    pub version: i64,
    /// The tool's own count.
    pub serial: i64,
    /// The tool's own id of this line of states.
    pub lineage: String,
    /// Bytes; none: the state was removed.
    pub bytes: i32,
    /// MD5 of the content, in hex.
    pub md5: String,
    /// The run that wrote it.
    pub run_id: Option<RunId>,
    /// Who wrote it.
    pub written_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// Versions of a state, newest first, at most `limit` before the version `before`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn versions(
    executor: impl PgExecutor<'_>,
    id: ResourceId,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Version>> {
    Ok(sqlx::query_as!(
        Version,
        r#"SELECT version, serial, lineage, CASE WHEN substr(content, 1, 9) = '\x00736c697077617901' THEN octet_length(content) - 53 ELSE octet_length(content) END AS "bytes!", md5, run_id AS "run_id: RunId", written_by, created_at
           FROM state_version WHERE resource_id = $1 AND ($3::bigint IS NULL OR version < $3) ORDER BY version DESC LIMIT $2"#,
        id.0,
        limit,
        before,
    )
    .fetch_all(executor)
    .await?)
}

/// An earlier version, to be made the newest one.
#[derive(Clone, Debug)]
pub struct Earlier {
    /// The tool's own id of its line of states.
    pub lineage: String,
    /// The file, sealed; empty: the state was removed.
    pub content: Vec<u8>,
    /// The greatest of the tool's own counts so far.
    pub newest_serial: i64,
}

/// That version of a resource's state.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn earlier(executor: impl PgExecutor<'_>, id: ResourceId, version: i64) -> Result<Option<Earlier>> {
    Ok(sqlx::query_as!(
        Earlier,
        r#"SELECT lineage, content, (SELECT max(serial) FROM state_version WHERE resource_id = $1) AS "newest_serial!"
           FROM state_version WHERE resource_id = $1 AND version = $2"#,
        id.0,
        version
    )
    .fetch_optional(executor)
    .await?)
}

/// A state's file with another count: the tool would refuse one that is older than what it has seen.
#[must_use]
pub fn with_serial(content: Vec<u8>, serial: i64) -> Vec<u8> {
    match serde_json::from_slice::<Value>(&content) {
        Ok(Value::Object(mut fields)) if fields.contains_key("serial") => {
            fields.insert("serial".into(), serial.into());
            serde_json::to_vec_pretty(&fields).unwrap_or(content)
        }
        _ => content,
    }
}
