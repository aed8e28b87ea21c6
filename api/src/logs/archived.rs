//! The log of a run that is in the archive alone: one JSON object a line, compressed.

use std::io::{BufRead as _, BufReader, Read as _};

use axum::http::StatusCode;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use flate2::read::GzDecoder;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use shared::{
    archive::Archive,
    domain::ids::RunId,
    store::log::{self, Line, LogStream, Selection},
};
use tokio::sync::mpsc;

use crate::{error::Problem, state::AppState};

/// Bytes that a log may have in the archive for it to be shown.
const MAX_BYTES: u64 = 128 * 1024 * 1024;
/// Bytes that one line may have as JSON.
const MAX_LINE: u64 = 1024 * 1024;
/// Lines that are passed on together.
const PAGE: usize = 500;

/// Pages of lines; an error is the last.
pub(crate) type Pages = mpsc::Receiver<Result<Vec<Line>, Problem>>;

/// A line as it is archived.
#[derive(Deserialize)]
struct Archived {
    cursor: i64,
    step: String,
    attempt: i16,
    seq: i64,
    at: DateTime<Utc>,
    stream: LogStream,
    text: String,
}

/// The selected lines after a cursor, when the lines of the run are in Postgres no more. None: they are there, as far as there
/// are any.
///
/// # Errors
/// When the archive does not have the log, or has another, or does not answer.
pub(crate) async fn pages(
    app: &AppState,
    run: RunId,
    selection: &Selection,
    after: i64,
) -> Result<Option<Pages>, Problem> {
    let Some(archived) = log::archived(app.store.pool(), run).await?.filter(|it| it.pruned_at.is_some()) else {
        return Ok(None);
    };
    let config = app.config.archive.clone();
    let opened = tokio::task::spawn_blocking(move || Archive::open(&config)).await;
    let archive = opened.map_err(|error| Problem::internal(&error))?.map_err(|error| unreadable(run, &error))?;
    let content = archive.get(&archived.key, MAX_BYTES).await.map_err(|error| unreadable(run, &error))?;
    if Sha256::digest(&content)[..] != archived.sha256[..] {
        return Err(unreadable(run, &"what is there is not what was stored"));
    }
    let (sender, pages) = mpsc::channel(2);
    let selection = selection.clone();
    tokio::task::spawn_blocking(move || {
        if let Err(error) = unpack(&content, &selection, after, &sender) {
            // Nobody may be there to hear it.
            let _ = sender.blocking_send(Err(unreadable(run, &error)));
        }
    });
    Ok(Some(pages))
}

/// 503: the archive is elsewhere, or has lost it.
fn unreadable(run: RunId, cause: &(dyn std::fmt::Display + Send + Sync)) -> Problem {
    tracing::error!(run.id = %run, error = %cause, "an archived log cannot be read");
    let detail = "the log is in the archive, and this api cannot read it there; `archive.url` must lead it and the workers to the \
                  same place";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "log-archived", detail)
}

impl From<Archived> for Line {
    fn from(it: Archived) -> Self {
        let Archived { cursor, step, attempt, seq, at, stream, text } = it;
        Self { cursor, step, attempt, seq, at, stream, text }
    }
}

/// Sends the lines, page by page, until nobody takes them.
fn unpack(
    content: &Bytes,
    selection: &Selection,
    after: i64,
    pages: &mpsc::Sender<Result<Vec<Line>, Problem>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::with_capacity(64 * 1024, GzDecoder::new(&content[..]));
    let (mut text, mut page) = (Vec::new(), Vec::with_capacity(PAGE));
    loop {
        text.clear();
        if reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut text)? == 0 {
            break;
        }
        if cursor_of(&text).is_some_and(|cursor| cursor <= after) {
            continue;
        }
        let line: Line = serde_json::from_slice::<Archived>(&text)?.into();
        let selected = selection.step.as_ref().is_none_or(|step| *step == line.step)
            && selection.attempt.is_none_or(|attempt| attempt == line.attempt);
        if line.cursor <= after || !selected {
            continue;
        }
        page.push(line);
        if page.len() == PAGE && pages.blocking_send(Ok(std::mem::take(&mut page))).is_err() {
            return Ok(());
        }
    }
    if !page.is_empty() {
        let _ = pages.blocking_send(Ok(page));
    }
    Ok(())
}

/// The cursor of a line that begins as all do, without reading the rest.
fn cursor_of(line: &[u8]) -> Option<i64> {
    let digits = line.strip_prefix(b"{\"cursor\":")?;
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
}
