//! Keys and sessions that somebody has shown before, and whose requests go on: whether they still may.

use std::time::Duration;

use sqlx::PgExecutor;
use uuid::Uuid;

use super::{Result, api_key, session};
use crate::domain::{
    access::Principal,
    ids::{ApiKeyId, SessionId},
};

/// Who holds each of these keys and sessions now, in no order: one that would be refused is left out. One statement, however
/// many they are.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn holders(
    executor: impl PgExecutor<'_>,
    keys: &[Uuid],
    sessions: &[Uuid],
    idle: Duration,
) -> Result<Vec<Principal>> {
    let rows = sqlx::query!(
        r#"SELECT k.id AS "id!", true AS "is_key!", k.name AS "name!", k.roles AS "roles!", k.teams AS "teams!",
                  k.scopes AS "scopes?", coalesce(p.id, s.id) AS "owner?", p.id IS NOT NULL AS "is_person!",
                  coalesce(p.name, s.name) AS "owner_name?", coalesce(p.roles, s.roles) AS "owner_roles?",
                  coalesce(p.teams, s.teams) AS "owner_teams?"
           FROM api_key k LEFT JOIN person p ON p.id = k.person_id LEFT JOIN service_account s ON s.id = k.service_account_id
           WHERE k.id = ANY ($1) AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
             AND p.disabled_at IS NULL AND s.disabled_at IS NULL
           UNION ALL
           SELECT s.id, false, p.name, p.roles, p.teams, NULL, p.id, true, NULL, NULL, NULL
           FROM session s JOIN person p ON p.id = s.person_id
           WHERE s.id = ANY ($2) AND s.ended_at IS NULL AND s.expires_at > now()
             AND s.last_seen_at > now() - make_interval(secs => $3) AND p.disabled_at IS NULL"#,
        keys,
        sessions,
        idle.as_secs_f64(),
    )
    .fetch_all(executor)
    .await?;
    let principals = rows.into_iter().map(|row| match row.owner {
        Some(person) if !row.is_key => {
            let (id, name) = (SessionId(row.id), row.name);
            session::Held { id, stale: false, person, name, roles: row.roles, teams: row.teams }.principal()
        }
        owner => api_key::Held {
            id: ApiKeyId(row.id),
            name: row.name,
            roles: row.roles,
            teams: row.teams,
            scopes: row.scopes,
            stale: false,
            owner,
            is_person: row.is_person,
            owner_name: row.owner_name,
            owner_roles: row.owner_roles,
            owner_teams: row.owner_teams,
        }
        .principal(),
    });
    Ok(principals.collect())
}
