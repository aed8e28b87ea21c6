//! The log of a run over a WebSocket: all that was written, then what is written, until the run is over.

use std::time::Duration;

use axum::{
    extract::{
        State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::Response,
};
use futures::{SinkExt as _, Stream, StreamExt as _, stream::SplitSink};
use serde::{Deserialize, Serialize};
use shared::{domain::ids::RunId, store::log::Selection};
use tokio::time::{Instant, interval, timeout};
use tokio_util::sync::CancellationToken;
use utoipa::{IntoParams, ToSchema};

use super::{EndView, LineView, SealView, known};
use crate::{
    error::{Problem, ProblemDetails},
    extract::{Caller, Path, Query},
    identity,
    state::AppState,
    tail::{Item, Tail},
};

/// Between signs of life.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A client that says nothing for this long, not even to a ping, is gone.
const SILENCE: Duration = Duration::from_secs(45);
/// How long a client may take no message.
const STUCK: Duration = Duration::from_secs(30);
/// Bytes that a client may send at once: it has nothing to say.
const MAX_MESSAGE: usize = 4 * 1024;
/// Lines sent together.
const TOGETHER: usize = 256;

/// Which part of a log.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SocketQuery {
    /// Only this step's lines.
    step: Option<String>,
    /// Only this attempt's lines.
    attempt: Option<i16>,
    /// Only lines after this cursor: what a connection that broke has not brought.
    after: Option<i64>,
}

/// A message of the log's WebSocket.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum SocketMessage<'a> {
    /// Lines, in order; one whose `stream` is `gap` says that lines are missing there.
    Lines {
        /// The lines.
        lines: Vec<LineView<'a>>,
    },
    /// The log of an attempt is complete.
    Seal(SealView<'a>),
    /// The run is over and every line was sent; the connection is closed.
    End(EndView),
    /// Every 15 seconds: the connection lives.
    Heartbeat {
        /// When it was sent.
        at: chrono::DateTime<chrono::Utc>,
    },
}

/// The log of a run over a WebSocket: messages are JSON, of the types `lines`, `seal`, `end` and `heartbeat`. A connection that
/// broke is made again with `after`, the cursor of the last line. Pages of other origins are refused.
#[utoipa::path(get, path = "/ws/workflows/{id}/logs", tag = "workflows", params(("id" = Uuid, Path), SocketQuery),
    responses((status = 101, body = SocketMessage, description = "Each text message is one of these"),
              (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails), (status = 426, body = ProblemDetails),
              (status = 429, body = ProblemDetails)))]
pub(crate) async fn socket(
    State(app): State<AppState>,
    Caller(caller): Caller,
    Path(id): Path<RunId>,
    Query(query): Query<SocketQuery>,
    parts: Parts,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    // Whatever was shown to be let in: a browser sends along more than cookies.
    identity::refuse_other_sites(&app, &parts)?;
    known(&app, id).await?;
    let upgrade = upgrade.map_err(|_| {
        let detail = "this route speaks WebSocket; with plain HTTP, read /api/workflows/{id}/logs";
        Problem::new(StatusCode::UPGRADE_REQUIRED, "upgrade-required", detail)
            .with_header(header::UPGRADE, HeaderValue::from_static("websocket"))
    })?;
    let selection = Selection { step: query.step, attempt: query.attempt };
    let tail = Tail { run: id, selection, cursor: query.after.unwrap_or(0), follow: true };
    let shutdown = app.shutdown.clone();
    let items = tail.start(app, caller).await?;
    Ok(upgrade
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
        .on_upgrade(move |socket| async move { carry(socket, items, shutdown).await }))
}

/// Why a connection is closed.
enum Closed {
    /// The run is over.
    Over,
    /// The service stops: come back, elsewhere.
    Restart,
    /// The key or session is good no more, or for something else.
    Lapsed,
    /// The client says nothing, or takes nothing.
    Gone,
}

async fn carry(socket: WebSocket, items: impl Stream<Item = Item> + Send, shutdown: CancellationToken) {
    let (mut sink, mut incoming) = socket.split();
    let mut items = std::pin::pin!(items.ready_chunks(TOGETHER));
    let (mut heartbeat, mut heard) = (interval(HEARTBEAT), Instant::now());
    heartbeat.reset();
    let closed = loop {
        tokio::select! {
            chunk = items.next() => match chunk {
                Some(chunk) => match pass(&mut sink, &chunk).await {
                    Ok(true) => break Closed::Over,
                    Ok(false) => {}
                    Err(Gone) => break Closed::Gone,
                },
                None if shutdown.is_cancelled() => break Closed::Restart,
                None => break Closed::Lapsed,
            },
            message = incoming.next() => match message {
                Some(Ok(Message::Close(_))) | Some(Err(_)) | None => break Closed::Gone,
                // Pings are answered by the protocol; what else a client says has no meaning, but it lives.
                Some(Ok(_)) => heard = Instant::now(),
            },
            _ = heartbeat.tick() => {
                let message = SocketMessage::Heartbeat { at: chrono::Utc::now() };
                let sent = heard.elapsed() < SILENCE
                    && send(&mut sink, Message::Ping(Default::default())).await.is_ok()
                    && say(&mut sink, &message).await.is_ok();
                if !sent {
                    break Closed::Gone;
                }
            }
        }
    };
    let (code, reason) = match closed {
        Closed::Over => (1000, "the run is over"),
        Closed::Restart => (1012, "the service stops; connect again"),
        Closed::Lapsed => (1008, "the key or session is good no more"),
        Closed::Gone => (1001, "no sign of life"),
    };
    // It may be gone already.
    let _ = send(&mut sink, Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
}

/// The client takes nothing.
struct Gone;

/// Sends what came together; whether that was the end.
async fn pass(sink: &mut SplitSink<WebSocket, Message>, items: &[Item]) -> Result<bool, Gone> {
    let mut lines = Vec::new();
    for item in items {
        let message = match item {
            Item::Line(line) => {
                lines.push(LineView::from(line));
                continue;
            }
            Item::Seal(seal) => SocketMessage::Seal(SealView::from(seal)),
            Item::End(status) => SocketMessage::End(EndView { status: status.as_str() }),
        };
        if !lines.is_empty() {
            say(sink, &SocketMessage::Lines { lines: std::mem::take(&mut lines) }).await?;
        }
        let over = matches!(message, SocketMessage::End(_));
        say(sink, &message).await?;
        if over {
            return Ok(true);
        }
    }
    if !lines.is_empty() {
        say(sink, &SocketMessage::Lines { lines }).await?;
    }
    Ok(false)
}

async fn say(sink: &mut SplitSink<WebSocket, Message>, message: &SocketMessage<'_>) -> Result<(), Gone> {
    // Serialising these structs cannot fail; were it to, the connection ends and the client asks again.
    let text = serde_json::to_string(message).map_err(|error| {
        tracing::error!(%error, "a message could not be written");
        Gone
    })?;
    send(sink, Message::text(text)).await
}

async fn send(sink: &mut SplitSink<WebSocket, Message>, message: Message) -> Result<(), Gone> {
    match timeout(STUCK, sink.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Gone),
    }
}
