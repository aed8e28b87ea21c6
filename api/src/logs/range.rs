//! Parts of a log, for lists that hold only what is on the screen.

use std::collections::VecDeque;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use shared::{
    domain::ids::RunId,
    store::log::{self, Line, Selection, range},
};
use utoipa::{IntoParams, ToSchema};

use super::{LineOut, archived, known, pages::Pages};
use crate::{
    error::{Problem, ProblemDetails},
    extract::{Path, Query},
    state::AppState,
};

const DEFAULT: usize = 500;
const MOST: usize = 5_000;
/// Bytes of lines that an answer has, about; it has at least one line.
const BYTES: usize = 4 * 1024 * 1024;

/// Which lines.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RangeQuery {
    /// Only this step's lines.
    step: Option<String>,
    /// Only this attempt's lines.
    attempt: Option<i16>,
    /// From the line with this cursor on; without it, from the first.
    from: Option<i64>,
    /// The last lines before the one with this cursor, in place of `from`.
    before: Option<i64>,
    /// Lines at most, 1 to 5000; long lines make it fewer.
    #[param(minimum = 1, maximum = 5000, default = 500)]
    limit: Option<usize>,
}

/// How long the log of one attempt is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PartView {
    /// The step's name.
    step: String,
    /// The number of the try.
    attempt: i16,
    /// Lines it has so far.
    lines: i64,
    /// Lines known to be missing.
    gaps: i64,
    /// When it was complete; none: it may grow.
    sealed_at: Option<DateTime<Utc>>,
}

/// A part of a log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LogRange {
    /// The lines, in order; one whose `stream` is `gap` says that lines are missing there.
    lines: Vec<LineOut>,
    /// Lines that the whole run has so far. Cursors go from 1 to here without a hole.
    total: i64,
    /// Give it as `from` to get the lines that follow; none: there are none yet.
    next: Option<i64>,
    /// Give it as `before` to get the lines before; none: there are none.
    previous: Option<i64>,
    /// Whether the run is over, so that no more will come.
    over: bool,
    /// Its attempts: those that are complete, and those that wrote lately.
    attempts: Vec<PartView>,
}

/// Lines of a log from any place in it, and how long it is.
#[utoipa::path(get, path = "/api/workflows/{id}/logs/lines", tag = "workflows", params(("id" = Uuid, Path), RangeQuery),
    responses((status = 200, body = LogRange), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails)))]
pub(crate) async fn lines(
    State(app): State<AppState>,
    Path(id): Path<RunId>,
    Query(query): Query<RangeQuery>,
) -> Result<Json<LogRange>, Problem> {
    let over = known(&app, id).await?.is_final();
    let limit = match query.limit.unwrap_or(DEFAULT) {
        limit @ 1..=MOST => limit,
        _ => return Err(Problem::bad_request(format!("limit: from 1 to {MOST}"))),
    };
    if query.from.is_some() && query.before.is_some() {
        return Err(Problem::bad_request("from, before: give one of them"));
    }
    // Read before the lines: what is counted is there.
    let extent = range::extent(app.store.pool(), id).await?;
    let total = match log::archived(app.store.pool(), id).await? {
        Some(archived) if archived.pruned_at.is_some() => archived.lines,
        _ => extent.last,
    };
    let selection = Selection { step: query.step, attempt: query.attempt };
    let lines = match query.before {
        Some(before) => backward(&app, id, &selection, before, limit).await?,
        None => forward(&app, id, selection, query.from.unwrap_or(1), limit).await?,
    };
    let (first, last) = (lines.first().map(|line| line.cursor), lines.last().map(|line| line.cursor));
    let parts = extent.parts.into_iter().map(|part| PartView {
        step: part.step,
        attempt: part.attempt,
        lines: part.lines,
        gaps: part.gaps,
        sealed_at: part.sealed_at,
    });
    Ok(Json(LogRange {
        total: total.max(last.unwrap_or_default()),
        next: last.filter(|last| *last < total).map(|last| last + 1),
        previous: first.filter(|first| *first > 1),
        lines: lines.into_iter().map(LineOut::from).collect(),
        over,
        attempts: parts.collect(),
    }))
}

async fn forward(
    app: &AppState,
    run: RunId,
    selection: Selection,
    from: i64,
    limit: usize,
) -> Result<Vec<Line>, Problem> {
    let mut pages = Pages::after(app.clone(), run, selection, from.saturating_sub(1));
    let (mut lines, mut bytes) = (Vec::new(), 0);
    while let Some(page) = pages.next().await? {
        for line in page {
            bytes += line.text.len();
            if lines.len() == limit || (bytes > BYTES && !lines.is_empty()) {
                return Ok(lines);
            }
            lines.push(line);
        }
    }
    Ok(lines)
}

/// The cursor after which the last `count` of the selected lines come.
///
/// # Errors
/// When Postgres or the archive does not answer.
pub(super) async fn before_last(app: &AppState, run: RunId, selection: &Selection, count: i64) -> Result<i64, Problem> {
    let Some(mut pages) = archived::pages(app, run, selection, 0).await? else {
        return Ok(range::before_last(app.store.pool(), run, selection, count).await?);
    };
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let mut last = VecDeque::new();
    while let Some(page) = pages.recv().await.transpose()? {
        for line in page {
            if last.len() == count {
                last.pop_front();
            }
            last.push_back(line.cursor);
        }
    }
    Ok(last.front().map_or(0, |first| first - 1))
}

async fn backward(
    app: &AppState,
    run: RunId,
    selection: &Selection,
    before: i64,
    limit: usize,
) -> Result<Vec<Line>, Problem> {
    let mut lines = VecDeque::new();
    if let Some(mut pages) = archived::pages(app, run, selection, 0).await? {
        'read: while let Some(page) = pages.recv().await.transpose()? {
            for line in page {
                if line.cursor >= before {
                    break 'read;
                }
                if lines.len() == limit {
                    lines.pop_front();
                }
                lines.push_back(line);
            }
        }
    } else {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        lines = range::lines_before(app.store.pool(), run, before, selection, limit).await?.into();
    }
    let mut bytes: usize = lines.iter().map(|line| line.text.len()).sum();
    while bytes > BYTES && lines.len() > 1 {
        bytes -= lines.pop_front().map_or(0, |line| line.text.len());
    }
    Ok(lines.into())
}
