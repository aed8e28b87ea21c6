//! Where events are sent to, and which events those are.

pub mod spread;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Result;
use crate::domain::access::Visible;

/// An endpoint.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Its id.
    pub id: Uuid,
    /// Whose events it gets; none: all teams', and the installation's.
    pub team: Option<String>,
    /// Where they are sent.
    pub url: String,
    /// For people.
    pub description: String,
    /// Names of events, or `run.*`; none: all.
    pub events: Vec<String>,
    /// Until when the secret before signs too.
    pub previous_until: Option<DateTime<Utc>>,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
    /// Since when it gets nothing.
    pub disabled_at: Option<DateTime<Utc>>,
    /// Why.
    pub disabled_reason: Option<String>,
    /// Since when no delivery has succeeded.
    pub failing_since: Option<DateTime<Utc>>,
}

/// An endpoint to be made.
#[derive(Clone, Debug)]
pub struct NewEndpoint<'a> {
    /// Its id.
    pub id: Uuid,
    /// Whose events it gets; none: all teams', and the installation's.
    pub team: Option<&'a str>,
    /// Where they are sent.
    pub url: &'a str,
    /// For people.
    pub description: &'a str,
    /// Names of events.
    pub events: &'a [String],
    /// What deliveries are signed with, sealed where the instance has a key for that.
    pub secret: &'a str,
    /// Who makes it.
    pub created_by: &'a str,
}

/// What became of a new endpoint.
#[derive(Clone, Debug)]
pub enum Created {
    /// It is there.
    Created(Box<Endpoint>),
    /// There is one of that URL for the team already.
    Exists(Uuid),
    /// The team has as many as it may have.
    Full,
}

/// Makes an endpoint. It gets what happens in transactions that begin from now on.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn create(conn: &mut PgConnection, new: &NewEndpoint<'_>, most: u32) -> Result<Created> {
    // Two at once wait for each other, so that neither passes the bound.
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtext('webhook_endpoint'), hashtext(coalesce($1, '')))", new.team)
        .fetch_one(&mut *conn)
        .await?;
    let there = sqlx::query!(
        r#"SELECT count(*) AS "count!", (array_agg(id) FILTER (WHERE url = $2))[1] AS same
           FROM webhook_endpoint WHERE team IS NOT DISTINCT FROM $1"#,
        new.team,
        new.url
    )
    .fetch_one(&mut *conn)
    .await?;
    if let Some(id) = there.same {
        return Ok(Created::Exists(id));
    }
    if there.count >= i64::from(most) {
        return Ok(Created::Full);
    }
    let id = new.id;
    sqlx::query!(
        "INSERT INTO webhook_endpoint (id, team, url, description, events, secret, created_by) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        id,
        new.team,
        new.url,
        new.description,
        new.events,
        new.secret,
        new.created_by
    )
    .execute(&mut *conn)
    .await?;
    let made = find(conn, id).await?;
    made.map(|made| Created::Created(Box::new(made))).ok_or_else(|| sqlx::Error::RowNotFound.into())
}

/// One endpoint.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn find(executor: impl PgExecutor<'_>, id: Uuid) -> Result<Option<Endpoint>> {
    Ok(sqlx::query_as!(
        Endpoint,
        "SELECT id, team, url, description, events, previous_until, created_by, created_at, updated_at, disabled_at,
                disabled_reason, failing_since
         FROM webhook_endpoint WHERE id = $1",
        id
    )
    .fetch_optional(executor)
    .await?)
}

/// Endpoints, newest first, before the one with the id `before`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn page(
    executor: impl PgExecutor<'_>,
    visible: &Visible,
    team: Option<&str>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Endpoint>> {
    let teams = match visible {
        Visible::All => None,
        Visible::Teams(teams) => Some(teams.as_slice()),
    };
    Ok(sqlx::query_as!(
        Endpoint,
        "SELECT id, team, url, description, events, previous_until, created_by, created_at, updated_at, disabled_at,
                disabled_reason, failing_since
         FROM webhook_endpoint
         WHERE ($1::text[] IS NULL OR team = ANY($1)) AND ($2::text IS NULL OR team = $2) AND ($3::uuid IS NULL OR id < $3)
         ORDER BY id DESC LIMIT $4",
        teams,
        team,
        before,
        limit
    )
    .fetch_all(executor)
    .await?)
}

/// What is to be changed of an endpoint; what is none stays.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Where events are sent.
    pub url: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// Names of events.
    pub events: Option<Vec<String>>,
    /// Enabled, or disabled by this person. One that is enabled again gets what happens from then on.
    pub enabled: Option<bool>,
    /// Who changes it.
    pub by: String,
}

/// Changes an endpoint. False when there is none.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn change(conn: &mut PgConnection, id: Uuid, changes: &Changes) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE webhook_endpoint SET
             url = coalesce($2, url), description = coalesce($3, description), events = coalesce($4, events), updated_at = now(),
             from_xid = CASE WHEN $5 AND disabled_at IS NOT NULL THEN pg_current_xact_id() ELSE from_xid END,
             failing_since = CASE WHEN $5 AND disabled_at IS NOT NULL THEN NULL ELSE failing_since END,
             disabled_at = CASE $5 WHEN true THEN NULL WHEN false THEN coalesce(disabled_at, now()) ELSE disabled_at END,
             disabled_reason = CASE $5 WHEN true THEN NULL WHEN false THEN coalesce(disabled_reason, 'by ' || $6) ELSE disabled_reason END
         WHERE id = $1",
        id,
        changes.url,
        changes.description,
        changes.events.as_deref(),
        changes.enabled,
        changes.by
    )
    .execute(&mut *conn)
    .await?;
    if changes.enabled == Some(false) {
        drop_waiting(conn, id, "the endpoint was disabled").await?;
    }
    Ok(done.rows_affected() == 1)
}

/// Gives an endpoint a new secret; the one before signs too for `hours`. False when there is no such endpoint.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn rotate(executor: impl PgExecutor<'_>, id: Uuid, secret: &str, hours: u32) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE webhook_endpoint SET previous_secret = CASE WHEN $3 > 0 THEN secret END,
                previous_until = CASE WHEN $3 > 0 THEN now() + make_interval(hours => $3) END, secret = $2, updated_at = now()
         WHERE id = $1",
        id,
        secret,
        i32::try_from(hours).unwrap_or(i32::MAX)
    )
    .execute(executor)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Removes an endpoint with its deliveries. False when there was none.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn remove(executor: impl PgExecutor<'_>, id: Uuid) -> Result<bool> {
    Ok(sqlx::query!("DELETE FROM webhook_endpoint WHERE id = $1", id).execute(executor).await?.rows_affected() == 1)
}

/// Disables an endpoint that does not take what it gets. False when it was disabled before.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn disable(conn: &mut PgConnection, id: Uuid, reason: &str) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE webhook_endpoint SET disabled_at = now(), disabled_reason = $2, updated_at = now()
         WHERE id = $1 AND disabled_at IS NULL",
        id,
        reason
    )
    .execute(&mut *conn)
    .await?;
    drop_waiting(conn, id, "the endpoint was disabled").await?;
    Ok(done.rows_affected() == 1)
}

async fn drop_waiting(conn: &mut PgConnection, id: Uuid, why: &str) -> Result<()> {
    sqlx::query!(
        "UPDATE webhook_delivery SET status = 'failed', finished_at = now(), lease_until = NULL,
                last_error = coalesce(last_error || '; ', '') || $2
         WHERE endpoint_id = $1 AND status = 'pending'",
        id,
        why
    )
    .execute(conn)
    .await?;
    Ok(())
}
