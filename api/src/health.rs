//! Whether the service lives, whether it can do its work, and its figures.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use futures::{FutureExt as _, StreamExt as _};
use serde::Serialize;
use shared::{domain::ids::RunId, queue::LiveEvent};
use utoipa::ToSchema;

use crate::{error::Problem, state::AppState};

/// How long Postgres and Redis may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether the service can do its work, and what stands in the way.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// Whether requests can be answered.
    pub ready: bool,
    /// What works less well than it should: without Redis, live logs come by polling.
    pub degraded: Vec<String>,
    /// Why it is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Whether the process lives.
#[utoipa::path(get, path = "/livez", tag = "health", security(()), responses((status = 200, description = "It lives", body = String)))]
pub(crate) async fn livez() -> &'static str {
    "ok\n"
}

/// Whether requests can be answered.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()),
    responses((status = 200, body = Readiness), (status = 503, body = Readiness)))]
pub(crate) async fn readyz(State(app): State<AppState>) -> impl IntoResponse {
    let (postgres, redis) = tokio::join!(
        tokio::time::timeout(PATIENCE, app.store.ping()),
        tokio::time::timeout(PATIENCE, redis_answers(&app))
    );
    let problem = match postgres {
        Ok(Ok(())) => None,
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            Some("postgres: refuses or fails".to_owned())
        }
        Err(_) => Some(format!("postgres: no answer within {} s", PATIENCE.as_secs())),
    };
    let degraded = match redis {
        Ok(true) => Vec::new(),
        _ => vec!["redis: no answer; live logs are polled from postgres".to_owned()],
    };
    let status = if problem.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready: problem.is_none(), degraded, problem }))
}

/// Whether live lines would arrive, found out by watching a run that does not exist.
async fn redis_answers(app: &AppState) -> bool {
    let mut watch = app.live.subscribe(RunId(uuid::Uuid::nil())).await;
    watch.next().now_or_never().flatten() != Some(LiveEvent::Lost)
}

/// The process's figures and those of the queues, in the Prometheus text format.
#[utoipa::path(get, path = "/metrics", tag = "health", responses((status = 200, body = String, content_type = "text/plain")))]
pub(crate) async fn metrics(State(app): State<AppState>) -> Result<impl IntoResponse, Problem> {
    let pool = app.store.pool();
    metrics::gauge!("slipway_db_connections", "state" => "open").set(f64::from(pool.size()));
    metrics::gauge!("slipway_db_connections", "state" => "idle").set(pool.num_idle() as f64);
    metrics::gauge!("slipway_http_streams").set(app.streams.count() as f64);
    let mut text = shared::telemetry::metrics().render();
    text.push_str(&app.figures.text().await?);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}
