//! The log of a run, as text or as server-sent events.

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
    domain::ids::RunId,
    store::{
        log::{LogStream, Selection},
        run_list,
    },
};
use utoipa::{IntoParams, ToSchema};

use crate::{
    error::{Problem, ProblemDetails},
    extract::{Path, Query},
    state::AppState,
    tail::{Item, Tail},
};

/// Between comments that keep a silent connection open.
const HEARTBEAT: Duration = Duration::from_secs(15);

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
    Path(id): Path<RunId>,
    Query(query): Query<LogQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if run_list::status(app.store.pool(), id).await?.is_none() {
        return Err(Problem::not_found("workflow run", id));
    }
    let events = headers
        .get_all(header::ACCEPT)
        .iter()
        .any(|value| value.to_str().is_ok_and(|value| value.contains("text/event-stream")));
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty());
    let last = last
        .map(|last| last.parse().map_err(|_| Problem::bad_request("Last-Event-ID: not a cursor of this log")))
        .transpose()?;
    let tail = Tail {
        run: id,
        selection: Selection { step: query.step, attempt: query.attempt },
        cursor: last.or(query.after).unwrap_or(0),
        follow: query.follow.unwrap_or(events),
    };
    let names = tail.selection.step.is_none();
    let items = tail.start(app).await?;
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
            let view = LineView {
                cursor: line.cursor,
                step: &line.step,
                attempt: line.attempt,
                seq: line.seq,
                at: line.at,
                stream: line.stream,
                text: &line.text,
            };
            let name = if line.stream == LogStream::Gap { "gap" } else { "line" };
            Event::default().event(name).id(line.cursor.to_string()).json_data(view)
        }
        // Without an id: `Last-Event-ID` stays that of the last line.
        Item::Seal(seal) => {
            let view = SealView { step: &seal.step, attempt: seal.attempt, lines: seal.lines, gaps: seal.gaps };
            Event::default().event("seal").json_data(view)
        }
        Item::End(status) => Event::default().event("end").json_data(EndView { status: status.as_str() }),
    };
    event.inspect_err(|error| tracing::error!(%error, "a log event could not be written")).ok()
}

/// The text for an item: lines with their step in front unless one step was asked for.
fn text(item: &Item, names: bool) -> Option<Bytes> {
    let Item::Line(line) = item else { return None };
    let text = match line.stream {
        LogStream::Gap => format!("--- lines are missing here: {} ---", line.text),
        LogStream::Stdout | LogStream::Stderr | LogStream::System => line.text.clone(),
    };
    Some(Bytes::from(if names { format!("{} | {text}\n", line.step) } else { format!("{text}\n") }))
}
