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
use utoipa_axum::{router::UtoipaMethodRouterExt as _, routes};

use crate::{
    access::{self, Action as A, Routes, Target as T},
    approvals, audit, auth, batches, bulk, care, dashboard,
    error::Problem,
    events, execute, explain, freezes, golden_paths, graph, health, identity, integrations, kept_states, keys, limits,
    logs, marks, notifications, openapi, overview, pace, people, preview, provider_sources, providers, query_names,
    queues, request, resources, retries, run_limits, secrets, service_accounts, specs,
    state::AppState,
    teams, terraform_state, views, webhook_endpoints, webhooks, workers, workflows,
};

/// The service, and the description of it that is generated from the same handlers.
pub fn router(app: AppState) -> (Router, utoipa::openapi::OpenApi) {
    let routes = Routes::new(&app)
        .open(routes!(health::livez))
        .open(routes!(health::readyz))
        .open(routes!(webhooks::push))
        .open(routes!(identity::ask))
        .open(routes!(identity::exchange))
        .add(routes!(openapi::document), A::DocumentRead, T::Instance)
        .add(routes!(health::metrics), A::MetricsRead, T::Instance)
        .add(routes!(identity::whoami), A::SelfRead, T::Instance)
        .add(routes!(access::can_i::can_i), A::SelfRead, T::Instance)
        .add(routes!(access::can_i::can_i_all), A::SelfRead, T::Instance)
        .add(routes!(access::can_i::explain), A::SelfRead, T::Instance)
        .add(routes!(keys::list), A::KeyRead, T::Own)
        .add(routes!(keys::create::create), A::KeyCreate, T::Own)
        .add(routes!(keys::get), A::KeyRead, T::Key)
        .add(routes!(keys::rotate), A::KeyRotate, T::Key)
        .add(routes!(keys::revoke), A::KeyRevoke, T::Key)
        .add(routes!(identity::list), A::SessionRead, T::Own)
        .add(routes!(identity::end_all), A::SessionEnd, T::Own)
        .add(routes!(identity::end), A::SessionEnd, T::Session)
        .add(routes!(identity::log_out), A::SelfRead, T::Instance);
    let (open, keyed, mut description) =
        applications(golden_paths(runs(resources(states(records(instance(routes))))))).split();
    openapi::complete(&mut description);

    let document = openapi::Document::of(&description);
    let names = query_names::QueryNames::of(&description);
    let router = keyed
        .route_layer(from_fn_with_state(names, query_names::refuse_unknown))
        .route_layer(from_fn_with_state(app.clone(), audit::refusals))
        // The page holds nothing but itself: a browser opens it without a key, and it asks for one to read the document.
        .route_layer(from_fn_with_state(app.clone(), limits::known))
        .route_layer(from_fn_with_state(app.clone(), auth::require_key))
        .route_layer(from_fn_with_state(app.clone(), limits::unknown))
        .merge(open.merge(identity::pages()).route_layer(from_fn_with_state(app.clone(), limits::anybody)))
        .route("/api/docs", get(|| async { Html(openapi::PAGE) }))
        .fallback(dashboard::file_or_page)
        .method_not_allowed_fallback(|| async { method_not_allowed() })
        .layer(axum::Extension(document))
        .layer(DefaultBodyLimit::max(app.config.api.max_body_bytes))
        .layer(CatchPanicLayer::custom(request::panicked))
        .layer(from_fn(bare_errors))
        .layer(from_fn_with_state(app.clone(), request::observe))
        .with_state(app);
    (router, description)
}

fn applications(routes: Routes) -> Routes {
    routes
        .add(routes!(specs::submit::submit), A::ApplicationSubmit, T::Teams)
        .add(routes!(specs::list), A::ApplicationRead, T::Teams)
        .add(routes!(specs::get), A::ApplicationRead, T::Application)
        .add(routes!(specs::delete), A::ApplicationDelete, T::Application)
        .add(routes!(specs::generations::list), A::ApplicationRead, T::Application)
        .add(routes!(specs::generations::get), A::ApplicationRead, T::Application)
        .add(routes!(specs::generations::rollback), A::ApplicationRollback, T::Application)
        .add(routes!(specs::keeping::protect), A::ApplicationProtect, T::Application)
        .add(routes!(specs::keeping::extend), A::ApplicationExtend, T::Application)
        .add(routes!(graph::of_application), A::ApplicationRead, T::Application)
        .add(routes!(secrets::list_of_application), A::SecretRead, T::Application)
        .add(routes!(secrets::put_of_application), A::SecretWrite, T::Application)
        .add(routes!(secrets::remove_of_application), A::SecretWrite, T::Application)
}

fn golden_paths(routes: Routes) -> Routes {
    routes
        .add(routes!(golden_paths::list), A::GoldenPathRead, T::Instance)
        .add(routes!(golden_paths::get), A::GoldenPathRead, T::Instance)
        .add(routes!(execute::run_golden_path), A::GoldenPathRun, T::Teams)
        .add(routes!(execute::execute), A::GoldenPathRun, T::Teams)
}

fn runs(routes: Routes) -> Routes {
    routes
        .add(routes!(workflows::list), A::RunRead, T::Teams)
        .add(routes!(workflows::get), A::RunRead, T::Run)
        .add(routes!(workflows::cancel), A::RunCancel, T::Run)
        .add(routes!(retries::retry), A::RunRetry, T::Run)
        .add(routes!(retries::rerun), A::RunRerun, T::Run)
        .add(routes!(logs::get), A::RunRead, T::Run)
        .add(routes!(logs::range::lines), A::RunRead, T::Run)
        .add(routes!(logs::search::search), A::RunRead, T::Run)
        .add(routes!(logs::download::download), A::RunRead, T::Run)
        .add(routes!(logs::socket::socket), A::RunRead, T::Run)
        .add(routes!(bulk::create), A::RunBulk, T::Teams)
        .add(routes!(bulk::list), A::RunRead, T::Teams)
        .add(routes!(bulk::get), A::RunRead, T::Teams)
        .add(routes!(bulk::stop), A::RunBulk, T::Teams)
        .add(routes!(graph::of_run), A::RunRead, T::Run)
        .add(routes!(explain::of_run), A::RunRead, T::Run)
        .add(routes!(freezes::override_for), A::FreezeOverride, T::Run)
        .add(routes!(approvals::list), A::ApprovalRead, T::Teams)
        .add(routes!(approvals::approve), A::ApprovalDecide, T::Approval)
        .add(routes!(approvals::reject), A::ApprovalDecide, T::Approval)
        .add(routes!(approvals::start), A::RunStart, T::Run)
}

fn resources(routes: Routes) -> Routes {
    routes
        .add(routes!(resources::list), A::ResourceRead, T::Teams)
        .add(routes!(resources::get), A::ResourceRead, T::Resource)
        .add(routes!(resources::users), A::ResourceRead, T::Resource)
        .add(routes!(resources::all_history), A::ResourceRead, T::Resource)
        .add(routes!(resources::output), A::ResourceReveal, T::Resource)
        .add(routes!(resources::retry), A::ResourceRetry, T::Resource)
        .add(routes!(graph::of_resource), A::ResourceRead, T::Resource)
        .add(routes!(explain::of_resource), A::ResourceRead, T::Resource)
        .add(routes!(preview::of_resource), A::ResourcePlan, T::Resource)
        .add(routes!(care::read), A::ResourceRefresh, T::Resource)
        .add(routes!(care::reconcile), A::ResourceReconcile, T::Resource)
        .add(routes!(care::adopt), A::ResourceAdopt, T::Resource)
        .add(routes!(care::import), A::ResourceImport, T::Resource)
        .add(routes!(care::forget), A::ResourceForget, T::Resource)
        .add(routes!(care::at), A::ResourceRead, T::Resource)
        .add(routes!(batches::create), A::BatchCreate, T::Teams)
        .add(routes!(batches::list), A::BatchRead, T::Teams)
        .add(routes!(batches::get), A::BatchRead, T::Teams)
        .add(routes!(batches::item::list), A::BatchRead, T::Teams)
        .add(routes!(batches::item::get), A::BatchRead, T::Teams)
        .add(routes!(batches::item::plan), A::ResourcePlan, T::Teams)
        .add(routes!(batches::act::approve), A::BatchApprove, T::Teams)
        .add(routes!(batches::act::pause), A::BatchAct, T::Teams)
        .add(routes!(batches::act::resume), A::BatchAct, T::Teams)
        .add(routes!(batches::act::abort), A::BatchAct, T::Teams)
        .add(routes!(batches::act::roll_back), A::BatchAct, T::Teams)
}

fn states(routes: Routes) -> Routes {
    // LOCK and UNLOCK are what comes with no method that OpenAPI knows; they need what writing needs.
    let write = routes!(terraform_state::write).map(|methods| {
        let limit = DefaultBodyLimit::max(terraform_state::MAX_STATE_BYTES);
        methods.fallback(terraform_state::lock_or_unlock).layer(limit)
    });
    routes
        .add(routes!(kept_states::list), A::StateList, T::Teams)
        .add(routes!(kept_states::versions), A::StateList, T::Resource)
        .add(routes!(kept_states::unlock), A::StateUnlock, T::Resource)
        .add(routes!(kept_states::rollback), A::StateRollback, T::Resource)
        .add(routes!(terraform_state::read), A::StateRead, T::Resource)
        .add(write, A::StateWrite, T::Resource)
        .add(routes!(terraform_state::remove), A::StateWrite, T::Resource)
}

fn instance(routes: Routes) -> Routes {
    routes
        .add(routes!(providers::list), A::ProviderRead, T::Instance)
        .add(routes!(providers::get), A::ProviderRead, T::Instance)
        .add(routes!(providers::workflows), A::ProviderRead, T::Instance)
        .add(routes!(provider_sources::list), A::ProviderSourceRead, T::Instance)
        .add(routes!(provider_sources::put), A::ProviderSourceWrite, T::Instance)
        .add(routes!(provider_sources::remove), A::ProviderSourceWrite, T::Instance)
        .add(routes!(provider_sources::reload), A::ProviderReload, T::Instance)
        .add(routes!(provider_sources::validate), A::ProviderValidate, T::Instance)
        .add(routes!(overview::overview), A::QueueRead, T::Instance)
        .add(routes!(pace::history), A::QueueRead, T::Instance)
        .add(routes!(marks::list), A::MarkRead, T::Teams)
        .add(routes!(marks::create), A::MarkWrite, T::Teams)
        .add(routes!(marks::remove), A::MarkWrite, T::Teams)
        .add(routes!(queues::list), A::QueueRead, T::Instance)
        .add(routes!(queues::get), A::QueueRead, T::Instance)
        .add(routes!(queues::demand), A::QueueRead, T::Instance)
        .add(routes!(queues::hold::change), A::QueueWrite, T::Instance)
        .add(routes!(queues::hold::pause), A::QueueWrite, T::Instance)
        .add(routes!(queues::hold::resume), A::QueueWrite, T::Instance)
        .add(routes!(queues::hold::drain), A::QueueWrite, T::Instance)
        .add(routes!(run_limits::list), A::LimitRead, T::Instance)
        .add(routes!(run_limits::get), A::LimitRead, T::Instance)
        .add(routes!(run_limits::put), A::LimitWrite, T::Instance)
        .add(routes!(run_limits::remove), A::LimitWrite, T::Instance)
        .add(routes!(freezes::list), A::FreezeRead, T::Instance)
        .add(routes!(freezes::create), A::FreezeWrite, T::Instance)
        .add(routes!(freezes::remove), A::FreezeWrite, T::Instance)
        .add(routes!(workers::list), A::WorkerRead, T::Instance)
        .add(routes!(workers::get), A::WorkerRead, T::Instance)
        .add(routes!(workers::hold::cordon), A::WorkerWrite, T::Instance)
        .add(routes!(workers::hold::uncordon), A::WorkerWrite, T::Instance)
        .add(routes!(workers::hold::drain), A::WorkerWrite, T::Instance)
        .add(routes!(people::list), A::PeopleList, T::Instance)
        .add(routes!(service_accounts::list), A::ServiceAccountRead, T::Instance)
        .add(routes!(service_accounts::get), A::ServiceAccountRead, T::Instance)
        .add(routes!(service_accounts::create), A::ServiceAccountWrite, T::Instance)
        .add(routes!(service_accounts::disable), A::ServiceAccountWrite, T::Instance)
        .add(routes!(keys::create::create_for_account), A::ServiceAccountWrite, T::Instance)
        .add(routes!(integrations::list), A::IntegrationRead, T::Instance)
        .add(routes!(integrations::put), A::IntegrationWrite, T::Instance)
        .add(routes!(integrations::check), A::IntegrationWrite, T::Instance)
        .add(routes!(integrations::remove), A::IntegrationWrite, T::Instance)
        .add(routes!(secrets::keys), A::SecretRotateKeys, T::Instance)
        .add(routes!(secrets::rotate), A::SecretRotateKeys, T::Instance)
        .add(routes!(secrets::list_of_team), A::SecretRead, T::Team)
        .add(routes!(secrets::put_of_team), A::SecretWrite, T::Team)
        .add(routes!(secrets::remove_of_team), A::SecretWrite, T::Team)
        .add(routes!(teams::list), A::TeamRead, T::Teams)
        .add(routes!(teams::get), A::TeamRead, T::Team)
        .add(routes!(teams::change), A::QuotaWrite, T::Team)
        .add(routes!(teams::set_quotas), A::QuotaWrite, T::Team)
}

fn records(routes: Routes) -> Routes {
    routes
        .add(routes!(audit::list), A::AuditRead, T::Instance)
        .add(routes!(audit::export), A::AuditRead, T::Instance)
        .add(routes!(audit::head), A::AuditRead, T::Instance)
        .add(routes!(events::stream), A::EventRead, T::Teams)
        .add(routes!(views::list), A::ViewRead, T::Teams)
        .add(routes!(views::keep), A::ViewWrite, T::Teams)
        .add(routes!(views::remove), A::ViewWrite, T::Teams)
        .add(routes!(webhook_endpoints::create), A::WebhookCreate, T::Teams)
        .add(routes!(webhook_endpoints::list), A::WebhookRead, T::Teams)
        .add(routes!(webhook_endpoints::get), A::WebhookRead, T::Webhook)
        .add(routes!(webhook_endpoints::change), A::WebhookWrite, T::Webhook)
        .add(routes!(webhook_endpoints::remove), A::WebhookWrite, T::Webhook)
        .add(routes!(webhook_endpoints::rotate), A::WebhookWrite, T::Webhook)
        .add(routes!(webhook_endpoints::deliveries::test), A::WebhookWrite, T::Webhook)
        .add(routes!(webhook_endpoints::deliveries::deliveries), A::WebhookRead, T::Webhook)
        .add(routes!(webhook_endpoints::deliveries::delivery_detail), A::WebhookRead, T::Webhook)
        .add(routes!(webhook_endpoints::deliveries::redeliver), A::WebhookWrite, T::Webhook)
        .add(routes!(notifications::mine::list), A::NotificationOwn, T::Own)
        .add(routes!(notifications::mine::create), A::NotificationOwn, T::Own)
        .add(routes!(notifications::mine::change), A::NotificationOwn, T::OwnNotification)
        .add(routes!(notifications::mine::remove), A::NotificationOwn, T::OwnNotification)
        .add(routes!(notifications::mine::test), A::NotificationOwn, T::OwnNotification)
        .add(routes!(notifications::mine::deliveries), A::NotificationOwn, T::OwnNotification)
        .add(routes!(notifications::team::list), A::NotificationRead, T::Teams)
        .add(routes!(notifications::team::create), A::NotificationWrite, T::Teams)
        .add(routes!(notifications::team::change), A::NotificationWrite, T::Notification)
        .add(routes!(notifications::team::remove), A::NotificationWrite, T::Notification)
        .add(routes!(notifications::team::test), A::NotificationWrite, T::Notification)
        .add(routes!(notifications::team::deliveries), A::NotificationRead, T::Notification)
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
