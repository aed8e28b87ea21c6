//! Every route, in one place.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    middleware::{from_fn, from_fn_with_state},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouterExt as _},
    routes,
};

use crate::{
    approvals, auth, care, error::Problem, execute, golden_paths, graph, health, kept_states, logs, openapi, preview,
    provider_sources, providers, query_names, queues, request, resources, retries, specs, state::AppState,
    terraform_state, webhooks, workers, workflows,
};

/// The service, and the description of it that is generated from the same handlers.
pub fn router(app: AppState) -> (Router, utoipa::openapi::OpenApi) {
    let open = OpenApiRouter::new()
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(webhooks::push));

    let keyed = OpenApiRouter::new()
        .routes(routes!(health::metrics))
        .routes(routes!(specs::submit::submit, specs::list))
        .routes(routes!(specs::get, specs::delete))
        .routes(routes!(specs::generations::list))
        .routes(routes!(specs::generations::get))
        .routes(routes!(specs::generations::rollback))
        .routes(routes!(specs::keeping::protect))
        .routes(routes!(specs::keeping::extend))
        .routes(routes!(execute::execute))
        .routes(routes!(golden_paths::list))
        .routes(routes!(golden_paths::get))
        .routes(routes!(execute::run_golden_path))
        .routes(routes!(workflows::list))
        .routes(routes!(workflows::get))
        .routes(routes!(workflows::cancel))
        .routes(routes!(retries::retry))
        .routes(routes!(retries::rerun))
        .routes(routes!(approvals::list))
        .routes(routes!(approvals::approve))
        .routes(routes!(approvals::reject))
        .routes(routes!(approvals::start))
        .routes(routes!(logs::get))
        .routes(routes!(graph::of_application))
        .routes(routes!(graph::of_run))
        .routes(routes!(graph::of_resource))
        .routes(routes!(preview::of_resource))
        .routes(routes!(resources::list))
        .routes(routes!(resources::get))
        .routes(routes!(resources::retry))
        .routes(routes!(care::read))
        .routes(routes!(care::reconcile))
        .routes(routes!(care::adopt))
        .routes(routes!(care::import))
        .routes(routes!(care::forget))
        .routes(routes!(care::at))
        .routes(routes!(kept_states::list))
        .routes(routes!(kept_states::versions))
        .routes(routes!(kept_states::unlock))
        .routes(routes!(kept_states::rollback))
        .routes(routes!(terraform_state::read, terraform_state::write, terraform_state::remove).map(|methods| {
            methods
                .fallback(terraform_state::lock_or_unlock)
                .layer(DefaultBodyLimit::max(terraform_state::MAX_STATE_BYTES))
        }))
        .routes(routes!(providers::list))
        .routes(routes!(providers::get))
        .routes(routes!(providers::workflows))
        .routes(routes!(provider_sources::list, provider_sources::put))
        .routes(routes!(provider_sources::remove))
        .routes(routes!(provider_sources::reload))
        .routes(routes!(provider_sources::validate))
        .routes(routes!(queues::list))
        .routes(routes!(workers::list))
        .routes(routes!(openapi::document));

    let (open, mut description) = open.split_for_parts();
    let (keyed, rest) = keyed.split_for_parts();
    description.merge(rest);
    openapi::complete(&mut description);

    let document = openapi::Document::of(&description);
    let names = query_names::QueryNames::of(&description);
    let router = keyed
        .route_layer(from_fn_with_state(names, query_names::refuse_unknown))
        // The page holds nothing but itself: a browser opens it without a key, and it asks for one to read the document.
        .route_layer(from_fn_with_state(app.clone(), auth::require_key))
        .merge(open)
        .route("/api/docs", get(|| async { Html(openapi::PAGE) }))
        .fallback(|uri: axum::http::Uri| async move { Problem::not_found("route", uri.path()) })
        .method_not_allowed_fallback(|| async { method_not_allowed() })
        .layer(axum::Extension(document))
        .layer(DefaultBodyLimit::max(app.config.api.max_body_bytes))
        .layer(CatchPanicLayer::custom(request::panicked))
        .layer(from_fn(bare_errors))
        .layer(from_fn_with_state(app.clone(), request::observe))
        .with_state(app);
    (router, description)
}

/// 405.
pub(crate) fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "this route does not take that method")
}

/// Makes problems of errors that a library answered with its own text.
async fn bare_errors(request: axum::extract::Request, next: axum::middleware::Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let ours = response.extensions().get::<Problem>().is_some() || response.headers().contains_key("content-type");
    if !(status.is_client_error() || status.is_server_error()) || ours {
        return response;
    }
    Problem::new(status, "error", status.canonical_reason().unwrap_or("the request failed")).into_response()
}
