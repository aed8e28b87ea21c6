//! Logins that are on their way to an OpenID provider and back.

use sha2::{Digest as _, Sha256};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Result;

/// Seconds in which a login must be back.
pub const SECONDS: i32 = 600;
/// Logins that one address can have on their way; one more ends its oldest. An office behind one address logs in too.
const PER_ADDRESS: i64 = 200;
/// Logins on their way over all addresses; one more ends the oldest.
const ALL: i64 = 50_000;
/// Rows removed at once, so that nobody's login waits for the mess that others left.
const SWEEP: i64 = 500;
/// Held by who removes rows: two at once would wait for each other.
const SWEEP_LOCK: i64 = 0x6f69_6463;

/// A login that begins. `state` travels by way of the provider, `browser` is in the browser's cookie.
#[derive(Clone, Copy, Debug)]
pub struct NewLogin<'a> {
    /// 256 random bits.
    pub state: &'a str,
    /// 256 random bits.
    pub browser: &'a str,
    /// The path to go on to; 2000 characters at most.
    pub return_to: &'a str,
    /// Where it comes from; 100 characters at most.
    pub address: &'a str,
}

/// Notes a login that begins; removes some that are over, and the oldest where there are too many.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn begin(connection: &mut PgConnection, login: NewLogin<'_>) -> Result<()> {
    sqlx::query!(
        "WITH turn AS MATERIALIZED (SELECT pg_try_advisory_xact_lock($5) AS ours)
         DELETE FROM oidc_login WHERE (SELECT ours FROM turn) AND state_hash IN (
             (SELECT state_hash FROM oidc_login WHERE expires_at <= now() ORDER BY expires_at LIMIT $2)
             UNION
             (SELECT state_hash FROM oidc_login WHERE address = $1 ORDER BY expires_at DESC OFFSET $3 LIMIT $2)
             UNION
             (SELECT state_hash FROM oidc_login ORDER BY expires_at DESC OFFSET $4 LIMIT $2))",
        login.address,
        SWEEP,
        PER_ADDRESS - 1,
        ALL - 1,
        SWEEP_LOCK,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO oidc_login (state_hash, browser_hash, return_to, address, expires_at)
         VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))",
        &digest(login.state)[..],
        &digest(login.browser)[..],
        login.return_to,
        login.address,
        f64::from(SECONDS),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Uses up the login that this browser began with this state, and gives the path to go on to. None: there is none, it was
/// used, it took too long, or another browser began it, whose login stays.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn take(connection: &mut PgConnection, state: &str, browser: &str) -> Result<Option<String>> {
    Ok(sqlx::query_scalar!(
        "DELETE FROM oidc_login WHERE state_hash = $1 AND browser_hash = $2 AND expires_at > now() RETURNING return_to",
        &digest(state)[..],
        &digest(browser)[..],
    )
    .fetch_optional(connection)
    .await?)
}

/// Takes all roles and teams from somebody whom their provider no longer vouches for here, so that sessions and keys that they
/// have are worth nothing from now on. Nothing happens when they never were here.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn take_away(executor: impl PgExecutor<'_>, issuer: &str, subject: &str) -> Result<()> {
    sqlx::query!("UPDATE person SET roles = '{}', teams = '{}' WHERE issuer = $1 AND subject = $2", issuer, subject)
        .execute(executor)
        .await?;
    Ok(())
}

/// Whether this issuer vouches for the person.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn vouches_for(executor: impl PgExecutor<'_>, issuer: &str, person: Uuid) -> Result<bool> {
    let found = sqlx::query_scalar!("SELECT issuer = $1 AS \"theirs!\" FROM person WHERE id = $2", issuer, person);
    Ok(found.fetch_optional(executor).await?.unwrap_or(false))
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}
