//! Accounts of programs. They have no password: their keys let them in.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Result;

/// An account of a program.
#[derive(Clone, Debug)]
pub struct ServiceAccount {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub roles: Vec<String>,
    /// The teams it belongs to.
    pub teams: Vec<String>,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Since when its keys are refused.
    pub disabled_at: Option<DateTime<Utc>>,
    /// Its keys that work.
    pub keys: i64,
}

/// Makes an account. None when the name is taken, by a disabled one too.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn create(
    executor: impl PgExecutor<'_>,
    name: &str,
    roles: &[String],
    teams: &[String],
    created_by: &str,
) -> Result<Option<Uuid>> {
    Ok(sqlx::query_scalar!(
        "WITH named AS (INSERT INTO team (name) SELECT DISTINCT * FROM UNNEST($4::text[]) ON CONFLICT DO NOTHING)
         INSERT INTO service_account (id, name, roles, teams, created_by) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (name) DO NOTHING RETURNING id",
        Uuid::now_v7(),
        name,
        roles,
        teams,
        created_by,
    )
    .fetch_optional(executor)
    .await?)
}

/// Accounts by name, those after `after`; disabled ones too when `disabled`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn page(
    executor: impl PgExecutor<'_>,
    disabled: bool,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<ServiceAccount>> {
    select(executor, None, disabled, after, limit).await
}

/// One account, disabled or not.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn find(executor: impl PgExecutor<'_>, name: &str) -> Result<Option<ServiceAccount>> {
    Ok(select(executor, Some(name), true, None, 1).await?.pop())
}

async fn select(
    executor: impl PgExecutor<'_>,
    name: Option<&str>,
    disabled: bool,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<ServiceAccount>> {
    Ok(sqlx::query_as!(
        ServiceAccount,
        r#"SELECT id, name, roles, teams, created_by, created_at, disabled_at,
                  (SELECT count(*) FROM api_key k WHERE k.service_account_id = s.id AND k.revoked_at IS NULL
                                                    AND (k.expires_at IS NULL OR k.expires_at > now())) AS "keys!"
           FROM service_account s
           WHERE ($1::text IS NULL OR name = $1) AND ($2 OR disabled_at IS NULL) AND ($3::text IS NULL OR name > $3)
           ORDER BY name LIMIT $4"#,
        name,
        disabled,
        after,
        limit,
    )
    .fetch_all(executor)
    .await?)
}

/// Has the keys of an account refused from now on, or accepted again. False when there is no such account.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn set_disabled(executor: impl PgExecutor<'_>, name: &str, disabled: bool) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE service_account SET disabled_at = CASE WHEN $2 THEN coalesce(disabled_at, now()) END WHERE name = $1",
        name,
        disabled,
    )
    .execute(executor)
    .await?;
    Ok(done.rows_affected() == 1)
}
