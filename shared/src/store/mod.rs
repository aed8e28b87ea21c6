//! All SQL. A file a table or noun; functions named by verbs, checked against the schema when they are compiled.
//!
//! Lock order everywhere: run, step, resource, application. No transaction is open while a container runs.

use std::{str::FromStr as _, time::Duration};

use sha2::{Digest as _, Sha256};
use sqlx::{
    Connection as _, PgConnection, PgPool, Postgres, Transaction,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};

use self::finished::Finished;
use crate::config::Database;

/// A connection, in a transaction mostly: for callers that name it without knowing sqlx.
pub use sqlx::PgConnection as Connection;

/// What [`Store::begin`] gives; rolled back when it is dropped without a commit.
pub type StoreTransaction = Transaction<'static, Postgres>;

pub mod access;
pub mod advance;
pub mod api_key;
pub mod application;
pub mod approval;
pub mod audit;
pub mod batch;
pub mod bulk;
pub mod bundle;
pub mod credential;
pub mod data_key;
pub mod event;
pub mod examine;
pub mod explain;
pub mod figures;
mod finished;
pub mod freeze;
pub mod graph;
pub mod history;
pub mod idempotency;
pub mod integration;
pub mod labels;
pub mod lease;
pub mod limits;
pub mod log;
pub mod login_failure;
pub mod login_request;
pub mod mark;
pub mod minute;
pub mod notification;
pub mod oidc_login;
pub mod person;
pub mod provider;
pub mod provider_set;
pub mod provider_source;
pub mod queue;
pub mod quota;
pub mod resource_list;
pub mod roles;
pub mod run_list;
pub mod secret;
pub mod service_account;
pub mod session;
pub mod snapshot;
pub mod state;
pub mod state_list;
pub mod submit;
pub mod tally;
pub mod team;
pub mod trace;
mod transport;

pub mod plan;
pub mod promote;
pub mod prune;
pub mod rescue;

pub mod resource;
pub mod run;
pub mod step;
pub mod view;
pub mod waiting;
pub mod webhook;
pub mod webhook_delivery;
pub mod worker;
pub mod worker_list;

/// How long a connection may be idle and is still used without asking whether it is there.
const UNTESTED: Duration = Duration::from_millis(500);

/// The one NOTIFY channel. It says "look", at everything.
const CHANNEL: &str = "slipway";
/// The payload of a submission's NOTIFY, which says where to look first; that of others is empty.
const SUBMITTED: &str = "submitted";

/// The schema, as this program knows it.
static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../migrations");

/// The SHA-256 of every migration's checksum, in hex: another one for every change of the schema.
#[must_use]
pub fn schema_digest() -> String {
    let mut digest = Sha256::new();
    for migration in MIGRATOR.iter() {
        digest.update(&migration.checksum);
    }
    hex::encode(digest.finalize())
}

/// Something went wrong between us and Postgres.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct StoreError(#[from] sqlx::Error);

impl StoreError {
    /// Whether Postgres could not be reached or is going away: worth another try, and nobody's fault.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match &self.0 {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Protocol(_) => true,
            // 08: connection; 53: out of resources; 57: operator intervention (shutdown, crash recovery, cancelled).
            sqlx::Error::Database(error) => {
                error.code().is_some_and(|code| ["08", "53", "57"].iter().any(|class| code.starts_with(class)))
            }
            _ => false,
        }
    }

    /// Whether two transactions stood in each other's way and one should simply be tried again.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        // Serialization failure, deadlock, lock timeout, unique violation.
        matches!(&self.0, sqlx::Error::Database(error)
            if error.code().is_some_and(|code| ["40001", "40P01", "55P03", "23505"].contains(&&*code)))
    }

    /// Whether a value was given that Postgres cannot hold (a zero byte in a text, say): the caller's fault.
    #[must_use]
    pub fn is_unstorable(&self) -> bool {
        matches!(&self.0, sqlx::Error::Database(error) if error.code().is_some_and(|code| code.starts_with("22")))
    }

    /// Whether something of that name is there already.
    fn is_taken(&self) -> bool {
        // Duplicate object, unique violation.
        matches!(&self.0, sqlx::Error::Database(error)
            if error.code().is_some_and(|code| ["42710", "23505"].contains(&&*code)))
    }

    /// Whether the named constraint or unique index was violated.
    #[must_use]
    pub fn violates(&self, constraint: &str) -> bool {
        matches!(&self.0, sqlx::Error::Database(error) if error.constraint() == Some(constraint))
    }
}

/// What store functions return.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// A pool of connections to Slipway's database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pool: PgPool,
    /// As whom the schema is brought up to date.
    owner: PgConnectOptions,
}

impl Store {
    /// Makes the pool; connections are opened as they are needed, so this succeeds while Postgres is away.
    ///
    /// # Errors
    /// When the URL cannot be read, or a file that `database.tls` names cannot be used.
    pub fn connect(config: &Database, application: &str) -> Result<Self> {
        let settings = [
            ("statement_timeout", config.statement_timeout_ms.to_string()),
            ("lock_timeout", config.lock_timeout_ms.to_string()),
            // Nothing here runs long enough to be worth compiling, whatever the planner fears.
            ("jit", "off".to_owned()),
            // A frozen process must not hold a decision's lock for ever.
            ("idle_in_transaction_session_timeout", config.statement_timeout_ms.to_string()),
            // What this process is known by: see `worker_token`.
            ("slipway.process", hex::encode(rand::random::<[u8; 32]>())),
        ];
        let options = |url: &str| -> Result<PgConnectOptions> {
            let options = PgConnectOptions::from_str(url)?;
            let options = match &config.tls {
                Some(tls) => transport::secured(options, tls)?,
                None => options,
            };
            Ok(options.application_name(application).options(settings.clone()))
        };
        let owner = options(config.migration_url.as_ref().unwrap_or(&config.url))?;
        let options = options(&config.url)?;
        let pool = PgPoolOptions::new()
            .max_connections(config.max_connections)
            .acquire_timeout(Duration::from_secs(5))
            .test_before_acquire(false)
            .before_acquire(|conn, meta| {
                Box::pin(async move {
                    // A round trip less for what comes one after the other.
                    if meta.idle_for > UNTESTED {
                        conn.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(options);
        Ok(Self { pool, owner })
    }

    /// The pool, for the functions of this module that take an executor.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// When no connection can be had within 5 s.
    pub async fn begin(&self) -> Result<Transaction<'static, Postgres>> {
        begin(&self.pool, "BEGIN").await
    }

    /// Begins a transaction of short statements that find their rows by key, as a submission is: each keeps one plan, by
    /// indexes. Planning them anew each time, which Postgres does for arrays, takes longer than they do.
    ///
    /// # Errors
    /// When no connection can be had within 5 s.
    pub async fn begin_short(&self) -> Result<Transaction<'static, Postgres>> {
        begin(&self.pool, "BEGIN; SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off").await
    }

    /// Brings the schema up to date, as `database.migration_url` says. Safe to call from several processes at once; where
    /// nothing is to be done, whoever may read can call it.
    ///
    /// # Errors
    /// When Postgres cannot be reached or a migration fails.
    pub async fn migrate(&self) -> Result<()> {
        if self.is_current().await? {
            return Ok(());
        }
        // Migrations build indexes: the statement timeout of ordinary work does not apply.
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(10))
            .connect_with(self.owner.clone().options([("statement_timeout", "0"), ("lock_timeout", "60000")]))
            .await?;
        let outcome = MIGRATOR.run(&pool).await;
        pool.close().await;
        outcome.map_err(|error| StoreError(sqlx::Error::from(error)))
    }

    /// Whether every migration that this program knows has been applied, as it knows it.
    async fn is_current(&self) -> Result<bool> {
        let there = "SELECT coalesce(has_table_privilege(to_regclass('_sqlx_migrations'), 'SELECT'), false)";
        if !sqlx::query_scalar::<_, bool>(there).fetch_one(&self.pool).await? {
            return Ok(false);
        }
        let applied: Vec<(i64, Vec<u8>)> =
            sqlx::query_as("SELECT version, checksum FROM _sqlx_migrations WHERE success")
                .fetch_all(&self.pool)
                .await?;
        Ok(MIGRATOR
            .iter()
            .all(|one| applied.iter().any(|(version, checksum)| *version == one.version && *checksum == *one.checksum)))
    }

    /// Asks Postgres for an answer.
    ///
    /// # Errors
    /// When none comes.
    pub async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Listens for [`notify`]. It is a hint: NOTIFYs sent while the connection was down are lost, so poll as well.
    ///
    /// # Errors
    /// When Postgres cannot be reached.
    pub async fn listen(&self) -> Result<Listener> {
        let mut inner = PgListener::connect_with(&self.pool).await?;
        inner.listen(CHANNEL).await?;
        Ok(Listener { inner })
    }
}

/// Begins a transaction by this statement, to its end even when nobody waits for it any more: a request whose client is gone, a
/// call that ran out of its time. Given up between BEGIN and its answer, sqlx hands the connection to the next one as if nothing
/// were open on it, and what that one writes is committed with somebody else's work, or never.
async fn begin(pool: &PgPool, statement: &'static str) -> Result<StoreTransaction> {
    let pool = pool.clone();
    Ok(Finished::new(async move { pool.begin_with(statement).await }).await?)
}

/// Waits for NOTIFYs, on a connection of its own that is never in a transaction.
#[derive(Debug)]
pub struct Listener {
    inner: PgListener,
}

impl Listener {
    /// Returns at the next NOTIFY, and also when the connection was lost and made again. True: something was submitted.
    ///
    /// # Errors
    /// When the connection is lost and cannot be made again.
    pub async fn woken(&mut self) -> Result<bool> {
        let notification = self.inner.try_recv().await?;
        Ok(notification.is_some_and(|notification| notification.payload() == SUBMITTED))
    }
}

/// Wakes the schedulers when the transaction commits. Call once a transaction at most.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn notify(conn: &mut PgConnection) -> Result<()> {
    sqlx::query("SELECT pg_notify($1, '')").bind(CHANNEL).execute(conn).await?;
    Ok(())
}
