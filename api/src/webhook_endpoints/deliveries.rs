//! What was sent to an endpoint, try by try; sending it once more, and a test.

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::{
    domain::announcement::Occurred,
    store::{
        audit,
        webhook::{self, Endpoint},
        webhook_delivery::{self as delivery, Attempt, Delivery, DeliveryStatus},
    },
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::unknown;
use crate::{
    audit::Trail,
    error::{Problem, ProblemDetails},
    extract::{Caller, Path, Query},
    page::{Page, Paging, choice},
    state::AppState,
};

/// A delivery.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryView {
    /// Its id, which receivers find in `webhook-id`; the same over all tries.
    pub id: Uuid,
    /// The event's name; `webhook.test` for a test.
    #[serde(rename = "type")]
    pub kind: String,
    /// `pending`, `delivered` or `failed`.
    #[schema(value_type = String)]
    pub status: DeliveryStatus,
    /// Tries so far.
    pub attempts: i32,
    /// When the next one is due.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// When it is given up.
    pub give_up_at: DateTime<Utc>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was over.
    pub finished_at: Option<DateTime<Utc>>,
    /// The status of the last answer.
    pub last_status: Option<i16>,
    /// Why the last try did not succeed.
    pub last_error: Option<String>,
}

impl From<Delivery> for DeliveryView {
    fn from(row: Delivery) -> Self {
        Self {
            id: row.id,
            kind: row.kind,
            status: row.status,
            attempts: row.attempts,
            next_attempt_at: (row.status == DeliveryStatus::Pending).then_some(row.next_attempt_at),
            give_up_at: row.give_up_at,
            created_at: row.created_at,
            finished_at: row.finished_at,
            last_status: row.last_status,
            last_error: row.last_error,
        }
    }
}

/// Which deliveries to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeliveryFilter {
    /// `pending`, `delivered` or `failed`.
    status: Option<String>,
}

/// What was sent to an endpoint, newest first. Kept for two weeks unless the instance says otherwise.
#[utoipa::path(get, path = "/api/webhooks/{id}/deliveries", tag = "webhooks", params(("id" = Uuid, Path), DeliveryFilter, Paging),
    responses((status = 200, body = Page<DeliveryView>), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails)))]
pub(crate) async fn deliveries(
    State(app): State<AppState>,
    Path(id): Path<Uuid>,
    Query(filter): Query<DeliveryFilter>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<DeliveryView>>, Problem> {
    let status = choice("status", filter.status.as_deref())?;
    let rows = delivery::page(app.store.pool(), id, status, paging.before()?, paging.rows()?).await?;
    Ok(Json(paging.page(rows, |row| row.id, DeliveryView::from)?))
}

/// One try of a delivery.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TryView {
    /// Which, from 1.
    pub number: i32,
    /// When it was over.
    pub at: DateTime<Utc>,
    /// How long it took.
    pub duration_ms: i32,
    /// The address that was spoken to.
    pub address: Option<String>,
    /// What was sent, without the signature.
    #[schema(value_type = Object)]
    pub request_headers: Value,
    /// The status of the answer.
    pub response_status: Option<i16>,
    /// Its headers.
    #[schema(value_type = Option<Object>)]
    pub response_headers: Option<Value>,
    /// The first 4 KiB of its body.
    pub response_body: Option<String>,
    /// Why it did not succeed.
    pub error: Option<String>,
}

impl From<Attempt> for TryView {
    fn from(row: Attempt) -> Self {
        Self {
            number: row.number,
            at: row.at,
            duration_ms: row.duration_ms,
            address: row.address,
            request_headers: row.request_headers,
            response_status: row.response_status,
            response_headers: row.response_headers,
            response_body: row.response_body,
            error: row.error,
        }
    }
}

/// A delivery with what was sent and every try.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryDetail {
    /// The delivery.
    #[serde(flatten)]
    pub delivery: DeliveryView,
    /// What is sent: a CloudEvent.
    #[schema(value_type = Object)]
    pub payload: Value,
    /// The tries, the first first.
    pub tries: Vec<TryView>,
}

/// One delivery, with what was sent and what came back each time.
#[utoipa::path(get, path = "/api/webhooks/{id}/deliveries/{delivery}", tag = "webhooks",
    params(("id" = Uuid, Path), ("delivery" = Uuid, Path)),
    responses((status = 200, body = DeliveryDetail), (status = 404, body = ProblemDetails)))]
pub(crate) async fn delivery_detail(
    State(app): State<AppState>,
    Path((id, number)): Path<(Uuid, Uuid)>,
) -> Result<Json<DeliveryDetail>, Problem> {
    let pool = app.store.pool();
    let row = delivery::find(pool, id, number).await?.ok_or_else(|| Problem::not_found("delivery", number))?;
    let tries = delivery::attempts(pool, number).await?.into_iter().map(TryView::from).collect();
    Ok(Json(DeliveryDetail { payload: row.payload.clone(), delivery: row.into(), tries }))
}

/// Sends a delivery that is over once more, under its own id.
#[utoipa::path(post, path = "/api/webhooks/{id}/deliveries/{delivery}/redeliver", tag = "webhooks",
    params(("id" = Uuid, Path), ("delivery" = Uuid, Path)),
    responses((status = 202, body = DeliveryView), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails)))]
pub(crate) async fn redeliver(
    State(app): State<AppState>,
    trail: Trail,
    Path((id, number)): Path<(Uuid, Uuid)>,
) -> Result<(StatusCode, Json<DeliveryView>), Problem> {
    enabled(&app, id).await?;
    let mut tx = app.store.begin().await?;
    let missing = || Problem::not_found("delivery", number);
    delivery::find(&mut *tx, id, number).await?.ok_or_else(missing)?;
    if !delivery::again(&mut *tx, id, number, app.config.webhooks.give_up_after_s).await? {
        return Err(Problem::conflict("delivery-pending", "the delivery is not over: it is tried again by itself"));
    }
    let entry = trail.entry("webhook.redeliver", format!("webhook/{id}")).after(json!({"delivery": number}));
    audit::record(&mut tx, &entry).await?;
    let row = delivery::find(&mut *tx, id, number).await?.ok_or_else(missing)?;
    crate::commit(tx).await?;
    Ok((StatusCode::ACCEPTED, Json(row.into())))
}

/// Sends an event of the name `webhook.test` to an endpoint, whichever events it asks for.
#[utoipa::path(post, path = "/api/webhooks/{id}/test", tag = "webhooks", params(("id" = Uuid, Path)),
    responses((status = 202, body = DeliveryView), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails)))]
pub(crate) async fn test(
    State(app): State<AppState>,
    Caller(caller): Caller,
    trail: Trail,
    Path(id): Path<Uuid>,
) -> Result<(StatusCode, Json<DeliveryView>), Problem> {
    let endpoint = enabled(&app, id).await?;
    let config = &app.config.webhooks;
    let source = config.source.clone().unwrap_or_else(|| app.config.instance.0.clone());
    let now = Utc::now();
    let event = Occurred {
        id: now.timestamp_millis(),
        at: now,
        kind: "webhook.test".into(),
        actor: caller.name,
        data: json!({"webhook": id}),
        team: endpoint.team,
        ..Occurred::default()
    };
    let mut tx = app.store.begin().await?;
    let payload = event.cloud_event(&source);
    let made = delivery::create(&mut *tx, id, &event.kind, &payload, config.give_up_after_s).await?;
    let entry = trail.entry("webhook.test", format!("webhook/{id}")).after(json!({"delivery": made}));
    audit::record(&mut tx, &entry).await?;
    let row = delivery::find(&mut *tx, id, made).await?.ok_or_else(|| unknown(id))?;
    crate::commit(tx).await?;
    Ok((StatusCode::ACCEPTED, Json(row.into())))
}

async fn enabled(app: &AppState, id: Uuid) -> Result<Endpoint, Problem> {
    let endpoint = webhook::find(app.store.pool(), id).await?.ok_or_else(|| unknown(id))?;
    match &endpoint.disabled_reason {
        None => Ok(endpoint),
        Some(reason) => {
            let detail = format!("the webhook is disabled ({reason}); enable it first: `slipway webhook enable {id}`");
            Err(Problem::conflict("webhook-disabled", detail))
        }
    }
}
