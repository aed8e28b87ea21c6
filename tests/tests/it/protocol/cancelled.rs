//! Whoever begins a transaction may be gone before it has begun: nothing of it stays open then.

use std::pin::pin;

use futures::poll;
use shared::{config, store::Store};
use tests::database::TestDatabase;

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_nobody_waits_for_leaves_nothing_open_for_the_next_one() -> anyhow::Result<()> {
    let database = TestDatabase::create().await?;
    // All that follow use the same connection.
    let store = Store::connect(&config::Database { max_connections: 1, ..database.config() }, "slipway-test")?;
    for round in 0..60 {
        let short = round % 2 == 0;
        {
            let mut begin = pin!(async { if short { store.begin_short().await } else { store.begin().await } });
            for _ in 0..=round % 6 {
                if poll!(&mut begin).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        let name = format!("round-{round}");
        sqlx::query("INSERT INTO team (name) VALUES ($1)").bind(&name).execute(store.pool()).await?;
        let there = sqlx::query_scalar::<_, bool>("SELECT EXISTS (SELECT FROM team WHERE name = $1)").bind(&name);
        assert!(there.fetch_one(&database.pool).await?, "what was written after try {round} is not committed");
    }
    Ok(())
}
