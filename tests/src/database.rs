//! A Postgres database for one test, gone when the test is over.

use anyhow::Context as _;
use shared::{config, store::Store};
use sqlx::{Connection as _, Executor as _, PgConnection, PgPool};

/// A database of its own.
#[derive(Debug)]
pub struct TestDatabase {
    /// As the program under test uses it.
    pub store: Store,
    /// For what a test wants to see or break behind the program's back.
    pub pool: PgPool,
    /// Its URL.
    pub url: String,
    admin_url: String,
    name: String,
}

impl TestDatabase {
    /// Makes it on the server that `TEST_DATABASE_URL` names.
    ///
    /// # Errors
    /// When no server answers there.
    pub async fn create() -> anyhow::Result<Self> {
        let database = Self::create_empty().await?;
        database.store.migrate().await?;
        Ok(database)
    }

    /// Makes it without a schema: for a program that brings its own.
    ///
    /// # Errors
    /// When no server answers there.
    pub async fn create_empty() -> anyhow::Result<Self> {
        let admin_url = std::env::var("TEST_DATABASE_URL")
            .unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5599/postgres".to_owned());
        let name = format!("slipway_test_{}", uuid::Uuid::now_v7().simple());
        let mut admin = PgConnection::connect(&admin_url).await.with_context(|| {
            format!("no Postgres answers at {admin_url}: run the tests by `make test`, or set TEST_DATABASE_URL")
        })?;
        admin.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).await?;
        admin.close().await?;
        let (server, _) = admin_url.rsplit_once('/').context("TEST_DATABASE_URL names no database")?;
        let url = format!("{server}/{name}");
        let config = config::Database { url: url.clone(), ..config::Database::default() };
        let store = Store::connect(&config, "slipway-test")?;
        let pool = PgPool::connect_lazy(&url)?;
        Ok(Self { store, pool, url, admin_url, name })
    }

    /// The data of every event of a kind, oldest first.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn events(&self, kind: &str) -> anyhow::Result<Vec<serde_json::Value>> {
        let data = sqlx::query_scalar("SELECT data FROM event WHERE type = $1 ORDER BY xid, id").bind(kind);
        Ok(data.fetch_all(&self.pool).await?)
    }

    /// The settings that lead to it.
    #[must_use]
    pub fn config(&self) -> config::Database {
        config::Database { url: self.url.clone(), ..config::Database::default() }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (admin_url, name) = (self.admin_url.clone(), self.name.clone());
        // A destructor cannot await, and the test's runtime may be gone: a thread with a small runtime of its own.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut admin = PgConnection::connect(&admin_url).await?;
                admin.execute(sqlx::AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).await?;
                anyhow::Ok(())
            })
        });
        if !matches!(dropped.join(), Ok(Ok(()))) {
            eprintln!("test database {} was left behind", self.name);
        }
    }
}
