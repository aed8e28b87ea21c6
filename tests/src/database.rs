//! A Postgres database for one test, gone when the test is over.

use anyhow::Context as _;
use shared::{
    config,
    store::{self, Store},
};
use sqlx::{Connection as _, Executor as _, PgConnection, PgPool};

/// Carries out a statement behind the program's back.
///
/// # Errors
/// When Postgres refuses it.
pub async fn execute(pool: &PgPool, statement: &'static str) -> anyhow::Result<u64> {
    Ok(sqlx::query(statement).execute(pool).await?.rows_affected())
}

/// Carries out statements likewise, of which some name what the test has made.
///
/// # Errors
/// When Postgres refuses one; then none is carried out.
pub async fn execute_all(pool: &PgPool, statements: String) -> anyhow::Result<()> {
    sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(pool).await?;
    Ok(())
}

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
        let template = template().await?;
        Self::copy_of(&template).await
    }

    /// Makes it without a schema: for a program that brings its own.
    ///
    /// # Errors
    /// When no server answers there.
    pub async fn create_empty() -> anyhow::Result<Self> {
        Self::copy_of("template1").await
    }

    async fn copy_of(template: &str) -> anyhow::Result<Self> {
        let (mut admin, admin_url) = admin().await?;
        let name = format!("slipway_test_{}", uuid::Uuid::now_v7().simple());
        admin.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name} TEMPLATE {template}"))).await?;
        admin.close().await?;
        let url = url_of(&admin_url, &name)?;
        let store = Store::connect(&settings(&url), "slipway-test")?;
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
        settings(&self.url)
    }
}

fn settings(url: &str) -> config::Database {
    config::Database { url: url.to_owned(), ..config::Database::default() }
}

/// A database of the same server.
fn url_of(admin_url: &str, name: &str) -> anyhow::Result<String> {
    let (server, _) = admin_url.rsplit_once('/').context("TEST_DATABASE_URL names no database")?;
    Ok(format!("{server}/{name}"))
}

/// The server that `TEST_DATABASE_URL` names.
async fn admin() -> anyhow::Result<(PgConnection, String)> {
    let url =
        std::env::var("TEST_DATABASE_URL").unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5599/postgres".to_owned());
    let admin = PgConnection::connect(&url).await.with_context(|| {
        format!("no Postgres answers at {url}: run the tests by `make test`, or set TEST_DATABASE_URL")
    })?;
    Ok((admin, url))
}

/// A database with the schema as it is now, for others to be copied from: that takes a tenth of the time of the migrations.
/// The first test of all makes it.
async fn template() -> anyhow::Result<String> {
    let name = format!("slipway_template_{}", &store::schema_digest()[..16]);
    let (mut admin, admin_url) = admin().await?;
    // Held until the connection is closed, also by an error.
    admin.execute("SELECT pg_advisory_lock(hashtextextended('template of tests', 0))").await?;
    let there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(&name)
        .fetch_one(&mut admin)
        .await?;
    if !there {
        // It gets its name when it is whole.
        let unfinished = format!("{name}_unfinished");
        for statement in
            [format!("DROP DATABASE IF EXISTS {unfinished} WITH (FORCE)"), format!("CREATE DATABASE {unfinished}")]
        {
            admin.execute(sqlx::AssertSqlSafe(statement)).await?;
        }
        let store = Store::connect(&settings(&url_of(&admin_url, &unfinished)?), "slipway-test")?;
        store.migrate().await?;
        store.pool().close().await;
        admin.execute(sqlx::AssertSqlSafe(format!("ALTER DATABASE {unfinished} RENAME TO {name}"))).await?;
    }
    admin.close().await?;
    Ok(name)
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
