//! Holding a program at an exact point: by the row lock that its next statement needs.

use std::time::Duration;

use sqlx::{PgPool, Postgres, Transaction};

use crate::wait;

/// A row that is locked until this is dropped or released. What needs it waits meanwhile.
#[derive(Debug)]
pub struct RowLock {
    /// The transaction that holds the lock, for a test that has more to do in it.
    pub transaction: Transaction<'static, Postgres>,
    pool: PgPool,
}

impl RowLock {
    /// Locks the row of that id in `run` or `resource`.
    ///
    /// # Errors
    /// When Postgres refuses.
    pub async fn take(pool: &PgPool, table: &str, id: &str) -> anyhow::Result<Self> {
        let mut transaction = pool.begin().await?;
        let sql = format!("SELECT 1 FROM {table} WHERE id = $1::uuid FOR UPDATE");
        let locked: Option<i32> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).bind(id).fetch_optional(&mut *transaction).await?;
        anyhow::ensure!(locked.is_some(), "there is no {table} {id}");
        Ok(Self { transaction, pool: pool.clone() })
    }

    /// Waits until a statement waits for a lock whose text contains `part` within its first thousand bytes, which is as far
    /// as Postgres shows it; gives its backend.
    ///
    /// # Errors
    /// When none does within half a minute.
    pub async fn blocks(&self, part: &str) -> anyhow::Result<i32> {
        wait::until(&format!("a statement with '{part}' waits for a lock"), Duration::from_secs(30), async || {
            Ok(sqlx::query_scalar(
                "SELECT pid FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event_type = 'Lock' AND position($1 IN query) > 0 LIMIT 1",
            )
            .bind(part)
            .fetch_optional(&self.pool)
            .await?)
        })
        .await
    }

    /// Lets what waits go on.
    ///
    /// # Errors
    /// When Postgres refuses.
    pub async fn release(self) -> anyhow::Result<()> {
        Ok(self.transaction.commit().await?)
    }
}
