//! The log of a run, as text or as server-sent events; parts of it, search in it, and the whole as a file are below.

pub(crate) mod archived;
pub(crate) mod download;
mod pages;
pub(crate) mod range;
pub(crate) mod search;
pub(crate) mod socket;

use std::{convert::Infallible, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::StreamExt as _;
use serde::{Deserialize, Serialize};
use shared::{
    domain::{ids::RunId, run::RunStatus},
    store::{
        log::{Line, LogStream, Seal, Selection},
        run_list,
    },
};
use utoipa::{IntoParams, ToSchema};

use crate::{
    error::{Problem, ProblemDetails},
    extract::{Caller, Path, Query},
    state::AppState,
    tail::{Item, Tail},
};

/// Between comments that keep a silent connection open.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Lines that may be asked for from the end of a log.
const MOST_TAIL: i64 = 100_000;

/// Which part of a log.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LogQuery {
    /// Only this step's lines.
    step: Option<String>,
    /// Only this attempt's lines.
    attempt: Option<i16>,
    /// Waits for more lines until the run is over. Server-sent events always do, unless this is `false`.
    follow: Option<bool>,
    /// Only lines after this cursor; `Last-Event-ID` says the same and wins.
    after: Option<i64>,
    /// Of what was printed so far only the last lines, as many as this, 1 to 100000. With `Last-Event-ID` it says nothing.
    #[param(minimum = 1, maximum = 100000)]
    tail: Option<i64>,
}

/// The data of a `line` or `gap` event. Its id is the line's cursor in the whole run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LineView<'a> {
    /// The line's place in the log of the whole run.
    cursor: i64,
    /// The step's name.
    step: &'a str,
    /// The number of the try.
    attempt: i16,
    /// The line's place in the log of that attempt.
    seq: i64,
    /// When it was written.
    at: chrono::DateTime<chrono::Utc>,
    /// `stdout`, `stderr`, `system`, or `gap` where lines are missing.
    #[schema(value_type = String)]
    stream: LogStream,
    /// The line; of a gap, why lines are missing.
    text: &'a str,
}

impl<'a> From<&'a Line> for LineView<'a> {
    fn from(line: &'a Line) -> Self {
        let Line { cursor, step, attempt, seq, at, stream, text } = line;
        Self { cursor: *cursor, step, attempt: *attempt, seq: *seq, at: *at, stream: *stream, text }
    }
}

/// A line of a log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LineOut {
    /// The line's place in the log of the whole run.
    cursor: i64,
    /// The step's name.
    step: String,
    /// The number of the try.
    attempt: i16,
    /// The line's place in the log of that attempt.
    seq: i64,
    /// When it was written.
    at: chrono::DateTime<chrono::Utc>,
    /// `stdout`, `stderr`, `system`, or `gap` where lines are missing.
    #[schema(value_type = String)]
    stream: LogStream,
    /// The line; of a gap, why lines are missing.
    text: String,
}

impl From<Line> for LineOut {
    fn from(line: Line) -> Self {
        let Line { cursor, step, attempt, seq, at, stream, text } = line;
        Self { cursor, step, attempt, seq, at, stream, text }
    }
}

/// The data of a `seal` event: that attempt's log is complete.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SealView<'a> {
    /// The step's name.
    step: &'a str,
    /// The number of the try.
    attempt: i16,
    /// Lines it has.
    lines: i64,
    /// Lines known to be missing.
    gaps: i64,
}

impl<'a> From<&'a Seal> for SealView<'a> {
    fn from(seal: &'a Seal) -> Self {
        Self { step: &seal.step, attempt: seal.attempt, lines: seal.lines, gaps: seal.gaps }
    }
}

/// The data of an `end` event: the run is over and every line was sent.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EndView {
    /// How the run ended.
    status: &'static str,
}

/// The log of a run: text, or with `Accept: text/event-stream` the events `line`, `gap`, `seal` and `end`. Reconnecting
/// with `Last-Event-ID` goes on after that line: none is left out, none comes twice.
#[utoipa::path(get, path = "/api/workflows/{id}/logs", tag = "workflows",
    params(("id" = Uuid, Path), LogQuery, ("Last-Event-ID" = Option<i64>, Header, description = "Only lines after this one")),
    responses((status = 200, content((String = "text/plain"), (LineView = "text/event-stream"))), (status = 404, body = ProblemDetails)))]
pub(crate) async fn get(
    State(app): State<AppState>,
    Caller(caller): Caller,
    Path(id): Path<RunId>,
    Query(query): Query<LogQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    known(&app, id).await?;
    let events = headers
        .get_all(header::ACCEPT)
        .iter()
        .any(|value| value.to_str().is_ok_and(|value| value.contains("text/event-stream")));
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty());
    let last = last
        .map(|last| last.parse().map_err(|_| Problem::bad_request("Last-Event-ID: not a cursor of this log")))
        .transpose()?;
    let selection = Selection { step: query.step, attempt: query.attempt };
    let cursor = match (last, query.tail) {
        (Some(last), _) => last,
        (None, None) => query.after.unwrap_or(0),
        (None, Some(count @ 1..=MOST_TAIL)) => {
            range::before_last(&app, id, &selection, count).await?.max(query.after.unwrap_or(0))
        }
        (None, Some(_)) => return Err(Problem::bad_request(format!("tail: from 1 to {MOST_TAIL}"))),
    };
    let tail = Tail { run: id, selection, cursor, follow: query.follow.unwrap_or(events) };
    let names = tail.selection.step.is_none();
    let items = tail.start(app, caller).await?;
    let mut response = if events {
        let stream = items.filter_map(|item| async move { event(&item).map(Ok::<_, Infallible>) });
        Sse::new(stream).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("alive")).into_response()
    } else {
        let stream = items.filter_map(move |item| async move { text(&item, names).map(Ok::<_, Infallible>) });
        let mut response = Body::from_stream(stream).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        response
    };
    // Proxies that collect a response before they pass it on would hide the lines until the end.
    response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The event for an item. Serialising these structs cannot fail; were it to, the item would be left out of no log but this one.
fn event(item: &Item) -> Option<Event> {
    let event = match item {
        Item::Line(line) => {
            let name = if line.stream == LogStream::Gap { "gap" } else { "line" };
            Event::default().event(name).id(line.cursor.to_string()).json_data(LineView::from(line))
        }
        // Without an id: `Last-Event-ID` stays that of the last line.
        Item::Seal(seal) => Event::default().event("seal").json_data(SealView::from(seal)),
        Item::End(status) => Event::default().event("end").json_data(EndView { status: status.as_str() }),
    };
    event.inspect_err(|error| tracing::error!(%error, "a log event could not be written")).ok()
}

/// The text for an item.
fn text(item: &Item, names: bool) -> Option<Bytes> {
    let Item::Line(line) = item else { return None };
    Some(Bytes::from(written(line, names)))
}

/// A line as text, with its step in front unless one step was asked for.
fn written(line: &Line, names: bool) -> String {
    let step = if names { format!("{} | ", line.step) } else { String::new() };
    match line.stream {
        LogStream::Gap => format!("{step}--- lines are missing here: {} ---\n", line.text),
        LogStream::Stdout | LogStream::Stderr | LogStream::System => format!("{step}{}\n", line.text),
    }
}

/// Where the run stands; 404 when there is none.
async fn known(app: &AppState, id: RunId) -> Result<RunStatus, Problem> {
    let status = run_list::status(app.store.pool(), id).await?;
    status.ok_or_else(|| Problem::not_found("workflow run", id))
}
