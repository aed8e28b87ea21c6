//! What happens, as server-sent events: one stream a page, which goes on where it broke.

mod hub;
mod wanted;

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse, Response, sse},
};
use chrono::{DateTime, Utc};
use futures::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{
    domain::ids::{ApplicationId, ResourceId, RunId},
    secrets::token,
    store::{
        access,
        event::feed::{self, Cursor, Occurred},
    },
};
use tokio::{
    sync::{broadcast::error::RecvError, mpsc},
    time::{interval, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

pub(crate) use self::hub::Hub;
use self::{
    hub::{BATCH, Subscription},
    wanted::{Sight, Wanted},
};
use crate::{
    access::Grant,
    error::{Problem, ProblemDetails},
    extract::{Caller, Query},
    state::AppState,
    streams,
};

/// Between signs of life on a silent connection.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Events a stream may be behind; one that is more is told to look at everything anew.
const MAX_BEHIND: usize = 5_000;
/// Events that wait for a client to take them.
const BUFFER: usize = 256;
/// How long a client may take none before it is cut off.
const STUCK: Duration = Duration::from_secs(30);

/// Which events to stream.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventQuery {
    /// About the run of this id.
    run: Option<Uuid>,
    /// About the resource of this id.
    resource: Option<Uuid>,
    /// About the application of this name, its resources and runs.
    application: Option<String>,
    /// Of runs in the queue of this name.
    queue: Option<String>,
    /// Of the team of this name.
    team: Option<String>,
    /// About the batch of this id, and about its runs.
    batch: Option<Uuid>,
    /// Of these names, separated by commas: `run.failed,resource.*`.
    kind: Option<String>,
    /// Only what happened after this id of a stream's; `Last-Event-ID` says the same and wins. Without either, from now on.
    after: Option<String>,
}

/// The data of an event without a name of its own. Its id is a place in the stream.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventView<'a> {
    /// When it happened.
    at: DateTime<Utc>,
    /// What: `run.failed`, `resource.active`, `step.started`, ….
    #[serde(rename = "type")]
    kind: &'a str,
    /// Who did it; `system` when nobody asked.
    actor: &'a str,
    /// The team whose it is; none: the installation's.
    team: Option<&'a str>,
    /// The application.
    application: Option<&'a str>,
    /// Its id.
    #[schema(value_type = Option<Uuid>)]
    application_id: Option<ApplicationId>,
    /// The resource.
    resource: Option<&'a str>,
    /// Its id.
    #[schema(value_type = Option<Uuid>)]
    resource_id: Option<ResourceId>,
    /// The run.
    #[schema(value_type = Option<Uuid>)]
    run_id: Option<RunId>,
    /// Its workflow.
    workflow: Option<&'a str>,
    /// Its queue.
    queue: Option<&'a str>,
    /// Its step.
    step: Option<&'a str>,
    /// Anything more.
    #[schema(value_type = Object)]
    data: Value,
}

/// The data of a `ready` event, the first of a stream: what a page reads after it has come misses nothing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReadyView {
    /// Where the stream begins; its id too.
    cursor: String,
}

/// The data of a `reset` event: events were left out, and whoever shows what they told of must read it anew.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ResetView {
    /// Where the stream goes on; its id too.
    cursor: String,
    /// Why.
    reason: &'static str,
}

enum Item {
    Ready(Cursor),
    Event(Arc<Occurred>, Sight),
    Reset(Cursor),
    Alive(Cursor),
}

/// What happens, as it happens: a `ready` event, then one without a name for everything that happened to what the caller may
/// read. Reconnecting with `Last-Event-ID` leaves nothing out; who is more than 5,000 events behind gets a `reset` event
/// instead. Every 15 s a comment with the newest id says that the stream lives. It ends when the key or session does.
#[utoipa::path(get, path = "/api/events/stream", tag = "events",
    params(EventQuery, ("Last-Event-ID" = Option<String>, Header, description = "Only what happened after this one")),
    responses((status = 200, content((EventView = "text/event-stream"))), (status = 400, body = ProblemDetails),
              (status = 429, body = ProblemDetails), (status = 503, body = ProblemDetails)))]
pub(crate) async fn stream(
    State(app): State<AppState>,
    grant: Grant,
    Caller(caller): Caller,
    Query(query): Query<EventQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let last =
        headers.get("last-event-id").map(|value| value.to_str().unwrap_or("?")).filter(|value| !value.is_empty());
    let read = |name: &'static str, text: &str| {
        text.parse::<Cursor>().map_err(|error| Problem::bad_request(format!("{name}: {error}")))
    };
    let after = match (last, query.after.as_deref()) {
        (Some(last), _) => Some(read("Last-Event-ID", last)?),
        (None, Some(after)) => Some(read("after", after)?),
        (None, None) => None,
    };
    let mut wanted = Wanted {
        run: query.run.map(RunId),
        resource: query.resource.map(ResourceId),
        application: query.application,
        queue: query.queue,
        team: query.team,
        batch: query.batch,
        kinds: wanted::kinds(query.kind.as_deref())?,
        visible: grant.teams().clone(),
    };
    if let Some(run) = wanted.run
        && let Some(found) = access::run(app.store.pool(), run).await?
        && found.asked.iter().any(|team| wanted.visible.has(team))
    {
        // Who is asked to decide about a run may read it, whosever it is.
        wanted.visible = wanted.visible.and(&found.team);
    }
    let permit = streams::open(&app, &caller)?;
    let lapsed = permit.lapsed().clone();
    let Some(subscription) = app.events.subscribe().await else {
        let detail = "events cannot be followed at the moment; try again in a few seconds";
        return Err(Problem::new(axum::http::StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail));
    };
    let (items, received) = mpsc::channel(BUFFER);
    tokio::spawn(async move {
        let stopped = app.shutdown.clone();
        let feed = Feed { at: after.unwrap_or(subscription.from), wanted, items: items.clone() };
        tokio::select! {
            () = stopped.cancelled() => {}
            () = items.closed() => {}
            () = permit.lapsed().cancelled() => {}
            _ = feed.run(&app, subscription) => {}
        }
    });
    // What waits to be sent is not sent any more either.
    let received = ReceiverStream::new(received).take_until(lapsed.cancelled_owned());
    let events = received.filter_map(|item| async move { event(&item).map(Ok::<_, Infallible>) });
    let mut response = sse::Sse::new(events).into_response();
    // Proxies that collect a response before they pass it on would hide the events until the end.
    response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// One stream's events, on their way.
struct Feed {
    /// Everything up to here was looked at.
    at: Cursor,
    wanted: Wanted,
    items: mpsc::Sender<Item>,
}

/// The client left, or takes nothing.
struct Gone;

impl Feed {
    async fn run(mut self, app: &AppState, mut live: Subscription) -> Result<(), Gone> {
        self.send(Item::Ready(self.at)).await?;
        // A place that nothing has come to yet: the database was restored to an earlier time.
        match feed::head(app.store.pool()).await {
            Ok(head) if self.at > head => self.start_anew(head).await?,
            Ok(_) => {}
            Err(_) => return Err(Gone),
        }
        self.catch_up(app).await?;
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.reset();
        loop {
            tokio::select! {
                batch = live.batches.recv() => match batch {
                    Ok(batch) => {
                        for event in batch.iter() {
                            self.pass(event).await?;
                        }
                    }
                    Err(RecvError::Lagged(_)) => self.catch_up(app).await?,
                    Err(RecvError::Closed) => return Ok(()),
                },
                _ = heartbeat.tick() => self.send(Item::Alive(self.at)).await?,
            }
        }
    }

    /// Reads from Postgres what happened since; what the hub tells of it again is dropped.
    async fn catch_up(&mut self, app: &AppState) -> Result<(), Gone> {
        let mut read = 0;
        loop {
            let events = match feed::after(app.store.pool(), self.at, BATCH).await {
                Ok(events) => events,
                Err(error) => {
                    tracing::warn!(%error, "a stream of events cannot catch up; it is ended");
                    return Err(Gone);
                }
            };
            read += events.len();
            let last = events.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
            for event in events {
                self.pass(&Arc::new(event)).await?;
            }
            if last {
                return Ok(());
            }
            if read >= MAX_BEHIND {
                let Ok(head) = feed::head(app.store.pool()).await else { return Err(Gone) };
                return self.start_anew(head).await;
            }
        }
    }

    async fn start_anew(&mut self, head: Cursor) -> Result<(), Gone> {
        self.at = head;
        self.send(Item::Reset(head)).await
    }

    async fn pass(&mut self, event: &Arc<Occurred>) -> Result<(), Gone> {
        if event.cursor <= self.at {
            return Ok(());
        }
        self.at = event.cursor;
        match self.wanted.sight(event) {
            Some(sight) => self.send(Item::Event(Arc::clone(event), sight)).await,
            None => Ok(()),
        }
    }

    async fn send(&self, item: Item) -> Result<(), Gone> {
        match timeout(STUCK, self.items.send(item)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }
}

/// The event for an item. Serialising these structs cannot fail; were it to, the item would be left out of this stream.
fn event(item: &Item) -> Option<sse::Event> {
    let event = match item {
        Item::Ready(at) => {
            sse::Event::default().event("ready").id(at.to_string()).json_data(ReadyView { cursor: at.to_string() })
        }
        Item::Reset(at) => {
            let view = ResetView { cursor: at.to_string(), reason: "more happened than could be told" };
            sse::Event::default().event("reset").id(at.to_string()).json_data(view)
        }
        // Without data no event is dispatched, but a client that comes back comes back to here.
        Item::Alive(at) => return Some(sse::Event::default().id(at.to_string()).comment("alive")),
        Item::Event(occurred, sight) => {
            sse::Event::default().id(occurred.cursor.to_string()).json_data(EventView::of(occurred, *sight))
        }
    };
    event.inspect_err(|error| tracing::error!(%error, "an event could not be written")).ok()
}

impl<'a> EventView<'a> {
    fn of(event: &'a Occurred, sight: Sight) -> Self {
        let whole = sight == Sight::Whole;
        Self {
            at: event.at,
            kind: &event.kind,
            actor: if whole { &event.actor } else { "-" },
            team: event.team.as_deref().filter(|_| whole),
            application: event.application.as_deref().filter(|_| whole),
            application_id: event.application_id.filter(|_| whole),
            resource: event.resource.as_deref(),
            resource_id: event.resource_id,
            run_id: event.run_id.filter(|_| whole),
            workflow: event.workflow.as_deref().filter(|_| whole),
            queue: event.queue.as_deref().filter(|_| whole),
            step: event.step.as_deref().filter(|_| whole),
            data: if whole { token::masked(event.data.clone()) } else { Value::Object(Default::default()) },
        }
    }
}
