//! The whole log of a run that is over, put into the archive: one JSON object a line, compressed.

use std::io::Write as _;

use anyhow::Context as _;
use flate2::{Compression, write::GzEncoder};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use shared::{
    domain::ids::RunId,
    store::log::{self, Archived, Selection},
};

use crate::{context::Context, engine::Engine};

/// Lines read at once.
const PAGE: i64 = 2_000;

/// Where the log of a run is in the archive.
#[must_use]
pub fn key(run: RunId) -> String {
    format!("logs/{run}.ndjson.gz")
}

/// Archives the log of a run that is over and records where. Done twice, it does no harm.
///
/// # Errors
/// When Postgres or the archive fails.
pub async fn archive<E: Engine>(cx: &Context<E>, run: RunId) -> anyhow::Result<()> {
    let pool = cx.store.pool();
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    let (mut cursor, mut lines) = (0, 0);
    loop {
        let page = log::lines_after(pool, run, cursor, &Selection::default(), PAGE).await?;
        for line in &page {
            cursor = line.cursor;
            lines += 1;
            let object = json!({"cursor": line.cursor, "step": line.step, "attempt": line.attempt, "seq": line.seq, "at": line.at,
                                "stream": line.stream, "text": line.text});
            serde_json::to_writer(&mut packed, &object)?;
            packed.write_all(b"\n")?;
        }
        if page.len() < usize::try_from(PAGE)? {
            break;
        }
    }
    if lines == 0 {
        return Ok(());
    }
    let content = packed.finish()?;
    let key = key(run);
    let archived = Archived {
        key: key.clone(),
        sha256: Sha256::digest(&content).to_vec(),
        bytes: i64::try_from(content.len())?,
        lines,
        pruned_at: None,
    };
    cx.archive.put(&key, content.into()).await.context("the archive did not take the log")?;
    log::record_archived(pool, run, &archived).await?;
    Ok(())
}
