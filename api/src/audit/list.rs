//! The record, read: page by page, as a whole, and where it ends.

use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderValue, header},
    response::Response,
};
use chrono::{DateTime, Utc};
use futures::{Stream, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{
    domain::audit::Outcome,
    formats::audit_log::{SignedHead, SigningKey},
    store::{
        Store, StoreError,
        audit::{self, Recorded, chain, stream as streams},
    },
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    error::{Problem, ProblemDetails},
    extract::Query,
    page::{Page, Paging, choice},
    state::AppState,
};

/// Entries read at once for an export.
const BATCH: i64 = 500;

/// Which entries to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditFilter {
    /// By the actor of this name or id.
    actor: Option<String>,
    /// Of this action, as `run.cancel`, or of all actions on a noun, as `run.*`.
    action: Option<String>,
    /// About this object, as `application/shop`, or about all of a kind, as `application/*`.
    object: Option<String>,
    /// About objects of this team.
    team: Option<String>,
    /// `done` or `refused`.
    outcome: Option<String>,
    /// Not before this moment (RFC 3339).
    since: Option<DateTime<Utc>>,
    /// Before this moment (RFC 3339).
    until: Option<DateTime<Utc>>,
}

/// One thing that somebody did, or was refused.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditView {
    /// Its number in the chain; none for a moment, until it is chained.
    pub seq: Option<i64>,
    /// The hash of the entry before it.
    pub previous: Option<String>,
    /// Its own hash.
    pub hash: Option<String>,
    /// Its id.
    pub id: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// `person`, `service_account`, `key`, `guest`, `system` or `unknown`.
    pub actor_kind: String,
    /// The actor's id.
    pub actor_id: Option<Uuid>,
    /// The actor's name.
    pub actor: String,
    /// What was shown: `key/ID` or `session/ID`.
    pub credential: String,
    /// What: `run.cancel`.
    pub action: String,
    /// To what: `run/ID`.
    pub object: String,
    /// The team whose it is.
    pub team: Option<String>,
    /// `done` or `refused`.
    #[schema(value_type = String)]
    pub outcome: Outcome,
    /// How it was.
    #[schema(value_type = Option<Object>)]
    pub before: Option<Value>,
    /// How it was then, or why it was refused.
    #[schema(value_type = Option<Object>)]
    pub after: Option<Value>,
    /// The request's id, as in the log.
    pub request_id: String,
    /// From where.
    pub address: String,
    /// With what program.
    pub agent: String,
}

impl From<Recorded> for AuditView {
    fn from(row: Recorded) -> Self {
        Self {
            seq: row.seq,
            previous: row.previous,
            hash: row.hash,
            id: row.id,
            at: row.at,
            actor_kind: row.actor_kind,
            actor_id: row.actor_id,
            actor: row.actor,
            credential: row.credential,
            action: row.action,
            object: row.object,
            team: row.team,
            outcome: row.outcome,
            before: row.before,
            after: row.after,
            request_id: row.request_id,
            address: row.address,
            agent: row.agent,
        }
    }
}

/// Who did what, newest first.
#[utoipa::path(get, path = "/api/audit", tag = "audit", params(AuditFilter, Paging),
    responses((status = 200, body = Page<AuditView>), (status = 400, body = ProblemDetails)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    Query(filter): Query<AuditFilter>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<AuditView>>, Problem> {
    let before = paging.cursor.as_deref().map(str::parse::<i64>).transpose();
    let before = before.map_err(|_| Problem::bad_request("cursor: not one that Slipway gave out"))?;
    let wanted = audit::Filter {
        actor: filter.actor,
        action: filter.action,
        object: filter.object,
        team: filter.team,
        outcome: choice("outcome", filter.outcome.as_deref())?,
        since: filter.since,
        until: filter.until,
    };
    let limit = paging.rows()?;
    let mut rows = audit::page(app.store.pool(), &wanted, before, limit).await?;
    let shown = usize::try_from(limit - 1).unwrap_or_default();
    let more = rows.len() > shown;
    rows.truncate(shown);
    let next_cursor = rows.last().filter(|_| more).map(|row| row.id.to_string());
    Ok(Json(Page { items: rows.into_iter().map(AuditView::from).collect(), next_cursor, previous_cursor: None }))
}

/// Where an export begins.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportFrom {
    /// After the entry of this number; from the first when nothing is said.
    #[serde(default)]
    #[param(minimum = 0, default = 0)]
    after: i64,
    /// Leaves out what is not chained yet, so that the next export goes on from the last number of this one.
    #[serde(default)]
    chained: bool,
}

/// The whole record: a JSON object a line, in the order of the chain; then what is not chained yet, with `seq` null.
#[utoipa::path(get, path = "/api/audit/export", tag = "audit", params(ExportFrom),
    responses((status = 200, description = "JSON lines", content_type = "application/x-ndjson", body = String),
              (status = 400, body = ProblemDetails)))]
pub(crate) async fn export(State(app): State<AppState>, Query(from): Query<ExportFrom>) -> Result<Response, Problem> {
    let chained =
        lines(
            app.store.clone(),
            from.after,
            |store, after| async move { audit::after(store.pool(), after, BATCH).await },
        );
    let rest = lines(app.store.clone(), if from.chained { i64::MAX } else { 0 }, |store, after| async move {
        if after == i64::MAX { Ok(Vec::new()) } else { audit::unchained(store.pool(), after, BATCH).await }
    });
    let body = Body::from_stream(stream::iter([chained, rest].map(Ok::<_, std::io::Error>)).try_flatten());
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

type Lines = std::pin::Pin<Box<dyn Stream<Item = Result<Bytes, std::io::Error>> + Send>>;

/// Batches of lines until there are no more. An error ends the body early, which its reader notices.
fn lines<F>(store: Store, after: i64, read: impl Fn(Store, i64) -> F + Send + 'static) -> Lines
where
    F: Future<Output = Result<Vec<Recorded>, StoreError>> + Send + 'static,
{
    Box::pin(stream::try_unfold(after, move |after| {
        let rows = read(store.clone(), after);
        async move {
            let rows = rows.await.map_err(|error| {
                tracing::error!(%error, "an export of the audit log ended early");
                std::io::Error::other("the database did not answer")
            })?;
            let Some(last) = rows.last() else { return Ok(None) };
            let next = last.seq.unwrap_or(last.id);
            let mut text = Vec::new();
            for row in &rows {
                serde_json::to_writer(&mut text, row)?;
                text.push(b'\n');
            }
            Ok(Some((Bytes::from(text), next)))
        }
    }))
}

/// How a stream of the record to somewhere else stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StreamView {
    /// `webhook` or `syslog`.
    name: String,
    /// Every entry up to this number was taken.
    seq: i64,
    /// When the last was.
    sent_at: Option<DateTime<Utc>>,
    /// Why the last try failed.
    error: Option<String>,
    /// Since when none succeeds.
    failing_since: Option<DateTime<Utc>>,
}

/// Where the record ends.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HeadView {
    /// The installation.
    instance: String,
    /// The number of the last chained entry; 0: there is none.
    seq: i64,
    /// Its hash.
    hash: String,
    /// When it was looked at.
    at: DateTime<Utc>,
    /// The public key of the signature.
    key: Option<String>,
    /// An Ed25519 signature over all that, when `audit.signing_key` is set.
    signature: Option<String>,
    /// Entries that are not chained yet, counted up to a thousand.
    unchained: i64,
    /// How streams to elsewhere stand.
    streams: Vec<StreamView>,
}

/// Number and hash of the last entry, signed. Kept elsewhere, it shows later whether the end was cut off.
#[utoipa::path(get, path = "/api/audit/head", tag = "audit", responses((status = 200, body = HeadView)))]
pub(crate) async fn head(State(app): State<AppState>) -> Result<Json<HeadView>, Problem> {
    let pool = app.store.pool();
    let chain::Head { seq, hash } = chain::head(pool).await?;
    let seed = app.config.audit.signing_key.as_ref().map(|source| source.read()).transpose();
    let seed = seed.map_err(|error| Problem::internal(&format!("audit.signing_key: {error}")))?;
    let key = seed.map(|seed| SigningKey::from_hex(&seed)).transpose().map_err(|error| Problem::internal(&error))?;
    let signed = SignedHead::now(&app.config.instance.0, seq, &hash, key.as_ref());
    let streams = streams::list(pool).await?;
    Ok(Json(HeadView {
        instance: signed.instance,
        seq,
        hash: signed.hash,
        at: signed.at,
        key: signed.key,
        signature: signed.signature,
        unchained: chain::waiting(pool).await?,
        streams: streams
            .into_iter()
            .map(|it| StreamView {
                name: it.name,
                seq: it.seq,
                sent_at: it.sent_at,
                error: it.error,
                failing_since: it.failing_since,
            })
            .collect(),
    }))
}
