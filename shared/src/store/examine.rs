//! What an administrator wants to know about the database before anything is blamed on it.
//!
//! Nothing is prepared here: behind some poolers that fails at random, and the answers must not.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, Executor as _, Row as _, postgres::PgListener};

use super::{MIGRATOR, Result, Store};

/// How long a NOTIFY may take to arrive.
const NOTIFY: Duration = Duration::from_secs(2);

/// The server, as it answered.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its version in words: `15.14 (Debian …)`.
    pub version: String,
    /// The same as a number: 150014.
    pub number: i32,
    /// Who we are there.
    pub role: String,
    /// Whether nothing is forbidden to that role.
    pub superuser: bool,
    /// Whether the connection is encrypted.
    pub encrypted: bool,
    /// Its clock.
    pub now: DateTime<Utc>,
    /// How long one question took.
    pub round_trip: Duration,
}

/// The schema, compared with this program's migrations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// Migrations that are there.
    pub applied: usize,
    /// Names of those that are not.
    pub missing: Vec<String>,
    /// Versions that this program does not know: a newer one was here.
    pub unknown: Vec<i64>,
    /// Names of those that differ from what was applied under the same version, or broke off.
    pub different: Vec<String>,
}

/// Asks the server about itself.
///
/// # Errors
/// When it cannot be reached.
pub async fn server(store: &Store) -> Result<Server> {
    // The first question waits for the connection too.
    store.pool().execute(sqlx::raw_sql("SELECT 1")).await?;
    let began = Instant::now();
    let row = store
        .pool()
        .fetch_one(sqlx::raw_sql(
            "SELECT current_setting('server_version'), current_setting('server_version_num')::int, current_user::text,
                    current_setting('is_superuser') = 'on',
                    coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false), clock_timestamp()",
        ))
        .await?;
    let round_trip = began.elapsed();
    Ok(Server {
        version: row.try_get(0)?,
        number: row.try_get(1)?,
        role: row.try_get(2)?,
        superuser: row.try_get(3)?,
        encrypted: row.try_get(4)?,
        now: row.try_get(5)?,
        round_trip,
    })
}

/// Compares the schema with this program's migrations; changes nothing.
///
/// # Errors
/// When the server cannot be reached, or does not let us look.
pub async fn schema(store: &Store) -> Result<Schema> {
    let there = store.pool().fetch_one(sqlx::raw_sql("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")).await?;
    let mut rows: Vec<(i64, bool, Vec<u8>)> = Vec::new();
    if there.try_get(0)? {
        let sql = "SELECT version, success, checksum FROM _sqlx_migrations ORDER BY version";
        for row in store.pool().fetch_all(sqlx::raw_sql(sql)).await? {
            rows.push((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
        }
    }
    let mut schema = Schema { applied: rows.len(), ..Schema::default() };
    for migration in MIGRATOR.iter() {
        let name = format!("{} {}", migration.version, migration.description);
        match rows.iter().find(|(version, ..)| *version == migration.version) {
            None => schema.missing.push(name),
            Some((_, success, checksum)) if !success || checksum[..] != migration.checksum[..] => {
                schema.different.push(name);
            }
            Some(_) => {}
        }
    }
    let known = |version: &i64| MIGRATOR.iter().any(|migration| migration.version == *version);
    schema.unknown = rows.iter().map(|(version, ..)| *version).filter(|version| !known(version)).collect();
    Ok(schema)
}

/// Whether a NOTIFY reaches a listener. It does not where a pooler gives every transaction another connection.
///
/// # Errors
/// When the server cannot be reached.
pub async fn notices_arrive(store: &Store) -> Result<bool> {
    let channel = format!("slipway_doctor_{}", uuid::Uuid::now_v7().simple());
    let mut listener = PgListener::connect_with(store.pool()).await?;
    listener.listen(&channel).await?;
    // The channel is of our own making.
    let notify = sqlx::raw_sql(AssertSqlSafe(format!("NOTIFY {channel}")));
    match store.pool().execute(notify).await {
        // Two of our connections share one of the server's: the notice came to the one that sent it.
        Err(sqlx::Error::Protocol(_)) => return Ok(false),
        sent => sent.map(drop)?,
    }
    match tokio::time::timeout(NOTIFY, listener.recv()).await {
        Ok(arrived) => arrived.map(|_| true).map_err(Into::into),
        Err(_) => Ok(false),
    }
}
