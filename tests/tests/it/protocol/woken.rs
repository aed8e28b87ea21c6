//! What wakes the schedulers.

use std::time::Duration;

use serde_json::json;
use shared::{
    formats::score::Mode,
    store::{self, submit},
    submission,
};
use tests::{database::TestDatabase, score::Score};
use tokio::time::timeout;

#[tokio::test]
async fn a_submission_says_that_it_is_one_and_what_else_wakes_the_schedulers_does_not() -> anyhow::Result<()> {
    let database = TestDatabase::create().await?;
    let mut listener = database.store.listen().await?;
    let yaml = |params| Score::new("shop").resource("db", "postgres", &params).yaml();
    // A new application, a change of it, and the same once more, which wakes nobody.
    for (params, wakes) in [(json!({}), true), (json!({"size": 1}), true), (json!({"size": 1}), false)] {
        let read = submission::read(yaml(params).as_bytes(), Mode::Strict, None, "ada".into());
        let mut tx = database.store.begin().await?;
        submit::submit(&mut tx, &read.map_err(|mistakes| anyhow::anyhow!("{mistakes:?}"))?).await?;
        if !wakes {
            // What comes next on the channel is this.
            store::notify(&mut tx).await?;
        }
        tx.commit().await?;
        assert_eq!(timeout(Duration::from_secs(20), listener.woken()).await??, wakes);
    }
    Ok(())
}
