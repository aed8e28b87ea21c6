//! Logins of browsers. All of them are rows, looked at for each request: one that is ended is over everywhere at once.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use super::{Result, api_key::roles_of};
use crate::domain::{
    access::{Credential, Principal, PrincipalKind},
    ids::SessionId,
};

/// A token: 256 bits in base64url.
const TOKEN_LENGTH: usize = 43;
/// Sessions that a person may have; the oldest ends when one more begins.
const PER_PERSON: i64 = 20;

/// A session to be.
#[derive(Clone, Copy, Debug)]
pub struct NewSession<'a> {
    /// Whose.
    pub person: Uuid,
    /// Where they are.
    pub address: &'a str,
    /// What their browser calls itself.
    pub agent: &'a str,
    /// How long it lasts at most.
    pub lifetime: Duration,
}

/// A session, without its token.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Where it began.
    pub address: String,
    /// What the browser called itself.
    pub agent: String,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it was used last, to the minute.
    pub last_seen_at: DateTime<Utc>,
    /// When it ends, used or not.
    pub expires_at: DateTime<Utc>,
}

/// Begins a session and returns its token, which is stored as a hash and never accepted from outside: whatever token the
/// browser had before is worth nothing here.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn begin(conn: &mut PgConnection, session: NewSession<'_>) -> Result<(SessionId, String)> {
    let token = BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
    let id = SessionId::new();
    sqlx::query!(
        "INSERT INTO session (id, hash, person_id, address, agent, expires_at)
         VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))",
        id.0,
        &digest(&token)[..],
        session.person,
        session.address,
        session.agent,
        session.lifetime.as_secs_f64(),
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "UPDATE session SET ended_at = now() WHERE id IN (
             SELECT id FROM session WHERE person_id = $1 AND ended_at IS NULL ORDER BY id DESC OFFSET $2)",
        session.person,
        PER_PERSON
    )
    .execute(conn)
    .await?;
    Ok((id, token))
}

/// Whose session this token is for; none when it is unknown, over, or idle for too long, or the person disabled. Their roles
/// and teams are those of this moment. Notes its use once a minute at most.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn authenticate(pool: &PgPool, token: &str, idle: Duration) -> Result<Option<Principal>> {
    if token.len() != TOKEN_LENGTH {
        return Ok(None);
    }
    let row = sqlx::query_as!(
        Held,
        r#"SELECT s.id AS "id: SessionId", s.last_seen_at < now() - interval '1 minute' AS "stale!",
                  p.id AS person, p.name, p.roles, p.teams
           FROM session s JOIN person p ON p.id = s.person_id
           WHERE s.hash = $1 AND s.ended_at IS NULL AND s.expires_at > now()
             AND s.last_seen_at > now() - make_interval(secs => $2) AND p.disabled_at IS NULL"#,
        &digest(token)[..],
        idle.as_secs_f64(),
    )
    .fetch_optional(pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    if row.stale {
        sqlx::query!(
            "UPDATE session SET last_seen_at = now() WHERE id = $1 AND last_seen_at < now() - interval '1 minute'",
            row.id.0
        )
        .execute(pool)
        .await?;
    }
    Ok(Some(row.principal()))
}

/// A session that is good, and whose it is.
pub(super) struct Held {
    pub(super) id: SessionId,
    /// Whether its use was noted more than a minute ago.
    pub(super) stale: bool,
    pub(super) person: Uuid,
    pub(super) name: String,
    pub(super) roles: Vec<String>,
    pub(super) teams: Vec<String>,
}

impl Held {
    pub(super) fn principal(self) -> Principal {
        let (roles, other_roles) = roles_of(&self.roles);
        Principal {
            kind: PrincipalKind::Person,
            id: self.person,
            name: self.name,
            roles,
            other_roles,
            teams: self.teams.into_iter().collect(),
            scopes: None,
            credential: Credential::Session(self.id),
        }
    }
}

/// A person's sessions that are not over, newest first, those before this one.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn page(
    executor: impl PgExecutor<'_>,
    person: Uuid,
    idle: Duration,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Session>> {
    Ok(sqlx::query_as!(
        Session,
        r#"SELECT id AS "id: SessionId", address, agent, created_at, last_seen_at, expires_at FROM session
           WHERE person_id = $1 AND ended_at IS NULL AND expires_at > now()
             AND last_seen_at > now() - make_interval(secs => $2) AND ($3::uuid IS NULL OR id < $3)
           ORDER BY id DESC LIMIT $4"#,
        person,
        idle.as_secs_f64(),
        before,
        limit,
    )
    .fetch_all(executor)
    .await?)
}

/// Ends a session of this person's, or of whoever's it is. False when there is no such one, or it is over.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn end(executor: impl PgExecutor<'_>, person: Option<Uuid>, id: SessionId) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE session SET ended_at = now()
         WHERE id = $1 AND ($2::uuid IS NULL OR person_id = $2) AND ended_at IS NULL AND expires_at > now()",
        id.0,
        person
    )
    .execute(executor)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends all sessions of a person; says how many.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn end_all(executor: impl PgExecutor<'_>, person: Uuid) -> Result<u64> {
    let done = sqlx::query!("UPDATE session SET ended_at = now() WHERE person_id = $1 AND ended_at IS NULL", person)
        .execute(executor)
        .await?;
    Ok(done.rows_affected())
}

/// Ends the session of a token, if it is one; gives the person's id.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn end_by_token(executor: impl PgExecutor<'_>, token: &str) -> Result<Option<Uuid>> {
    Ok(sqlx::query_scalar!(
        "UPDATE session SET ended_at = now() WHERE hash = $1 AND ended_at IS NULL RETURNING person_id",
        &digest(token)[..]
    )
    .fetch_optional(executor)
    .await?)
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
