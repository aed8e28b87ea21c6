//! Secrets of teams and applications. Only the newest value of each is kept, sealed.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::{Result, lease::Lease};
use crate::{
    domain::ids::{ApplicationId, ResourceId},
    secrets::{keyring::Wrapped, stored::Stored},
};

/// Whose a secret is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner<'a> {
    /// The team.
    pub team: &'a str,
    /// Of this application, or else of the whole team.
    pub application: Option<ApplicationId>,
}

/// A secret, without its value.
#[derive(Clone, Debug)]
pub struct Secret {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub team: String,
    /// The application that alone sees it.
    pub application: Option<String>,
    /// As files name it: `${secrets.NAME}`.
    pub name: String,
    /// Rises with each value.
    pub version: i32,
    /// Where the value is read each time it is needed, when it is not kept here.
    pub source: Option<String>,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Who gave the newest value.
    pub updated_by: String,
    /// When.
    pub updated_at: DateTime<Utc>,
}

/// What a secret is to hold.
#[derive(Clone, Debug)]
pub enum Content {
    /// A value.
    Sealed(Stored),
    /// Where to read it.
    Source(String),
}

/// Locks the secret of that name, and gives the version that the next value is to have.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn next_version(conn: &mut PgConnection, owner: Owner<'_>, name: &str) -> Result<i32> {
    // Two who make the same secret at once: the second waits here, and sees the first.
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended('secret ' || $1 || ' ' || coalesce($2::uuid::text, '') || ' ' || $3, 0))",
        owner.team,
        owner.application.map(|id| id.0),
        name
    )
    .execute(&mut *conn)
    .await?;
    let version = sqlx::query_scalar!(
        "SELECT version FROM secret WHERE team = $1 AND application_id IS NOT DISTINCT FROM $2 AND name = $3 FOR UPDATE",
        owner.team,
        owner.application.map(|id| id.0) as Option<Uuid>,
        name
    )
    .fetch_optional(conn)
    .await?;
    Ok(version.unwrap_or(0) + 1)
}

/// Stores a version in the place of the one before, and gives the secret's id.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn put(
    executor: impl PgExecutor<'_>,
    owner: Owner<'_>,
    name: &str,
    version: i32,
    content: &Content,
    actor: &str,
) -> Result<Uuid> {
    let (stored, source) = match content {
        Content::Sealed(stored) => (Some(stored), None),
        Content::Source(source) => (None, Some(source)),
    };
    Ok(sqlx::query_scalar!(
        "INSERT INTO secret (id, team, application_id, name, version, key_id, wrapped, sealed, source, created_by, updated_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
         ON CONFLICT (team, application_id, name) DO UPDATE SET version = excluded.version, key_id = excluded.key_id,
             wrapped = excluded.wrapped, sealed = excluded.sealed, source = excluded.source, updated_by = excluded.updated_by, updated_at = now()
         RETURNING id",
        Uuid::now_v7(),
        owner.team,
        owner.application.map(|id| id.0) as Option<Uuid>,
        name,
        version,
        stored.map(|stored| stored.key.key_id.as_str()),
        stored.map(|stored| &stored.key.bytes[..]),
        stored.map(|stored| &stored.sealed[..]),
        source,
        actor,
    )
    .fetch_one(executor)
    .await?)
}

/// Removes a secret; false when there was none.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn remove(executor: impl PgExecutor<'_>, owner: Owner<'_>, name: &str) -> Result<bool> {
    let done = sqlx::query!(
        "DELETE FROM secret WHERE team = $1 AND application_id IS NOT DISTINCT FROM $2 AND name = $3",
        owner.team,
        owner.application.map(|id| id.0) as Option<Uuid>,
        name
    );
    Ok(done.execute(executor).await?.rows_affected() == 1)
}

impl Secret {
    /// Where it stands in a list: `APPLICATION/NAME`, with no application for the team's own, which come first.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}/{}", self.application.as_deref().unwrap_or_default(), self.name)
    }
}

/// Secrets of a team and its applications, or of one application alone, by application and name: at most `limit` after `after`,
/// the place of one ([`Secret::place`]).
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn page(
    executor: impl PgExecutor<'_>,
    owner: Owner<'_>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Secret>> {
    let (application, name) = after.map(|place| place.split_once('/').unwrap_or(("", place))).unzip();
    Ok(sqlx::query_as!(
        Secret,
        r#"SELECT s.id, s.team, a.name AS "application?", s.name, s.version, s.source, s.created_by, s.created_at, s.updated_by, s.updated_at
           FROM secret s LEFT JOIN application a ON a.id = s.application_id
           WHERE s.team = $1 AND ($2::uuid IS NULL OR s.application_id = $2) AND a.deleted_at IS NULL
             AND ($3::text IS NULL OR (coalesce(a.name, ''), s.name) > ($3, $4::text))
           ORDER BY coalesce(a.name, ''), s.name LIMIT $5"#,
        owner.team,
        owner.application.map(|id| id.0) as Option<Uuid>,
        application,
        name,
        limit,
    )
    .fetch_all(executor)
    .await?)
}

/// How many secrets an owner has.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn count(executor: impl PgExecutor<'_>, owner: Owner<'_>) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM secret WHERE team = $1 AND application_id IS NOT DISTINCT FROM $2"#,
        owner.team,
        owner.application.map(|id| id.0) as Option<Uuid>,
    )
    .fetch_one(executor)
    .await?)
}

/// The secrets that an application of this name sees, by name, each with its version as files are filled in with it. One that is
/// not there yet sees its team's; without a team, that of the application, or `default`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn visible(
    executor: impl PgExecutor<'_>,
    application: &str,
    team: Option<&str>,
) -> Result<Map<String, Value>> {
    let seen = sqlx::query_scalar!(
        r#"SELECT visible_secrets(a.id, coalesce($2, a.team, 'default')) AS "seen!"
           FROM (SELECT) AS one LEFT JOIN application a
                ON a.name = $1 AND a.deleted_at IS NULL AND ($2::text IS NULL OR a.team = $2)"#,
        application,
        team
    )
    .fetch_one(executor)
    .await?;
    Ok(match seen {
        Value::Object(seen) => seen,
        _ => Map::new(),
    })
}

/// Has the resources that name a secret compared with what they were made with, so that a new value reaches them. Gives
/// how many there are.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn mark_users(conn: &mut PgConnection, owner: Owner<'_>, name: &str) -> Result<u64> {
    let marked = sqlx::query!(
        "UPDATE resource SET reconcile_requested_at = now() FROM application a
         WHERE a.id = resource.application_id AND a.team = $1 AND ($2::uuid IS NULL OR a.id = $2) AND a.deleted_at IS NULL
           AND resource.state NOT IN ('requested', 'terminated') AND resource.desired = 'present'
           AND strpos(resource.params::text, '${secrets.' || $3 || '}') > 0",
        owner.team,
        owner.application.map(|id| id.0) as Option<Uuid>,
        name,
    )
    .execute(&mut *conn)
    .await?
    .rows_affected();
    if marked > 0 {
        super::notify(conn).await?;
    }
    Ok(marked)
}

/// The resources that name a secret which neither their application nor its team has, as `application/resource`; at most 20.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn left_without(executor: impl PgExecutor<'_>, owner: Owner<'_>, name: &str) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar!(
        r#"SELECT a.name || '/' || r.name AS "name!" FROM resource r JOIN application a ON a.id = r.application_id
           WHERE a.team = $1 AND ($2::uuid IS NULL OR a.id = $2) AND a.deleted_at IS NULL
             AND r.state <> 'terminated' AND r.desired = 'present' AND strpos(r.params::text, '${secrets.' || $3 || '}') > 0
             AND NOT EXISTS (SELECT FROM secret s WHERE s.team = a.team AND s.name = $3
                             AND (s.application_id IS NULL OR s.application_id = a.id))
           ORDER BY 1 LIMIT 20"#,
        owner.team,
        owner.application.map(|id| id.0) as Option<Uuid>,
        name,
    )
    .fetch_all(executor)
    .await?)
}

/// The team whose application a resource belongs to.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn team_of_resource(executor: impl PgExecutor<'_>, id: ResourceId) -> Result<Option<String>> {
    let team = sqlx::query_scalar!(
        "SELECT a.team FROM resource r JOIN application a ON a.id = r.application_id WHERE r.id = $1",
        id.0
    );
    Ok(team.fetch_optional(executor).await?)
}

/// A secret as a run is given it.
#[derive(Clone, Debug)]
pub struct Given {
    /// Whose.
    pub team: String,
    /// Of this application, or else of the whole team.
    pub application: Option<ApplicationId>,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: i32,
    /// What it holds.
    pub content: Content,
}

/// The secrets of these names that the application of a run sees; nothing when the lease is gone. That they are given to this
/// step (empty: to what the run gives) is in the audit log with it, once for the same versions.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn of_run(executor: impl PgExecutor<'_>, lease: Lease, names: &[String], step: &str) -> Result<Vec<Given>> {
    let rows = sqlx::query!(
        r#"SELECT team AS "team!", application_id AS "application_id: ApplicationId", name AS "name!", version AS "version!",
                  key_id, wrapped, sealed, source
           FROM lease_secrets($1, $2, $3, $4, $5)"#,
        lease.run_id.0,
        lease.fence.0,
        lease.token.0,
        names,
        step
    )
    .fetch_all(executor)
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let content = match (row.source, row.key_id, row.wrapped, row.sealed) {
                (Some(source), ..) => Content::Source(source),
                (None, Some(key_id), Some(bytes), Some(sealed)) => {
                    Content::Sealed(Stored { key: Wrapped { key_id, bytes }, sealed })
                }
                _ => return None,
            };
            Some(Given {
                team: row.team,
                application: row.application_id,
                name: row.name,
                version: row.version,
                content,
            })
        })
        .collect())
}

/// A secret whose key another key than the current one wraps.
#[derive(Clone, Debug)]
pub struct Rewrap {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub team: String,
    /// Of this application, or else of the whole team.
    pub application: Option<ApplicationId>,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: i32,
    /// Its key.
    pub key: Wrapped,
}

/// Up to `limit` secrets whose keys another key than this one wraps.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn wrapped_otherwise(executor: impl PgExecutor<'_>, current: &str, limit: i64) -> Result<Vec<Rewrap>> {
    let rows = sqlx::query!(
        r#"SELECT id, team, application_id AS "application_id: ApplicationId", name, version, key_id AS "key_id!", wrapped AS "wrapped!"
           FROM secret WHERE key_id <> $1 ORDER BY id LIMIT $2"#,
        current,
        limit
    )
    .fetch_all(executor)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Rewrap {
            id: row.id,
            team: row.team,
            application: row.application_id,
            name: row.name,
            version: row.version,
            key: Wrapped { key_id: row.key_id, bytes: row.wrapped },
        })
        .collect())
}

/// Puts a secret's key in another wrapping; false when it is no longer in the one that it was read in.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn rewrap(executor: impl PgExecutor<'_>, id: Uuid, old: &Wrapped, new: &Wrapped) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE secret SET key_id = $2, wrapped = $3 WHERE id = $1 AND key_id = $4 AND wrapped = $5",
        id,
        new.key_id,
        new.bytes,
        old.key_id,
        old.bytes,
    );
    Ok(done.execute(executor).await?.rows_affected() == 1)
}
