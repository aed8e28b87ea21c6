//! All SQL. A file a table or noun; functions named by verbs, checked against the schema when they are compiled.
//!
//! Lock order everywhere: run, step, resource, application. No transaction is open while a container runs.

use std::{str::FromStr as _, time::Duration};

use sqlx::{
    PgConnection, PgPool, Postgres, Transaction,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};

use crate::config::Database;

/// A connection, in a transaction mostly: for callers that name it without knowing sqlx.
pub use sqlx::PgConnection as Connection;

/// What [`Store::begin`] gives; rolled back when it is dropped without a commit.
pub type StoreTransaction = Transaction<'static, Postgres>;

pub mod advance;
pub mod api_key;
pub mod application;
pub mod approval;
pub mod bundle;
pub mod event;
pub mod graph;
pub mod history;
pub mod idempotency;
pub mod labels;
pub mod lease;
pub mod log;
pub mod provider;
pub mod provider_set;
pub mod provider_source;
pub mod queue;
pub mod resource_list;
pub mod run_list;
pub mod snapshot;
pub mod state;
pub mod state_list;
pub mod submit;

pub mod plan;
pub mod promote;
pub mod prune;
pub mod rescue;

pub mod resource;
pub mod run;
pub mod step;
pub mod waiting;
pub mod worker;
pub mod worker_list;

/// The one NOTIFY channel. Its payload is empty: it says "look", never what at.
const CHANNEL: &str = "slipway";

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
    options: PgConnectOptions,
}

impl Store {
    /// Makes the pool; connections are opened as they are needed, so this succeeds while Postgres is away.
    ///
    /// # Errors
    /// When the URL cannot be read.
    pub fn connect(config: &Database, application: &str) -> Result<Self> {
        let options = PgConnectOptions::from_str(&config.url)?.application_name(application).options([
            ("statement_timeout", config.statement_timeout_ms.to_string()),
            ("lock_timeout", config.lock_timeout_ms.to_string()),
            // A frozen process must not hold a decision's lock for ever.
            ("idle_in_transaction_session_timeout", config.statement_timeout_ms.to_string()),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(config.max_connections)
            .acquire_timeout(Duration::from_secs(5))
            .connect_lazy_with(options.clone());
        Ok(Self { pool, options })
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
        Ok(self.pool.begin().await?)
    }

    /// Brings the schema up to date. Safe to call from several processes at once.
    ///
    /// # Errors
    /// When Postgres cannot be reached or a migration fails.
    pub async fn migrate(&self) -> Result<()> {
        // Migrations build indexes: the statement timeout of ordinary work does not apply.
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(10))
            .connect_with(self.options.clone().options([("statement_timeout", "0"), ("lock_timeout", "60000")]))
            .await?;
        let outcome = sqlx::migrate!("../migrations").run(&pool).await;
        pool.close().await;
        outcome.map_err(|error| StoreError(sqlx::Error::from(error)))
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

/// Waits for NOTIFYs, on a connection of its own that is never in a transaction.
#[derive(Debug)]
pub struct Listener {
    inner: PgListener,
}

impl Listener {
    /// Returns at the next NOTIFY, and also when the connection was lost and made again.
    ///
    /// # Errors
    /// When the connection is lost and cannot be made again.
    pub async fn woken(&mut self) -> Result<()> {
        self.inner.try_recv().await?;
        Ok(())
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
