//! The description of the API, generated from the handlers, and a page to read it.
//!
//! The document needs a key like every other route; the page is static and asks for one.

use std::sync::Arc;

use axum::{
    Extension,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use utoipa::{
    Modify as _, OpenApi,
    openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
};

/// The page; it has no parts elsewhere.
pub(crate) const PAGE: &str = include_str!("docs.html");

#[derive(OpenApi)]
#[openapi(
    info(title = "Slipway", description = "Score files in, running resources out."),
    tags(
        (name = "specs", description = "Applications, as Score files"),
        (name = "workflows", description = "Runs of workflows"),
        (name = "approvals", description = "What waits for people"),
        (name = "resources", description = "What applications asked for"),
        (name = "batches", description = "One operation on very many resources, in waves"),
        (name = "state", description = "Terraform's HTTP state protocol; LOCK and UNLOCK work on the same path"),
        (name = "golden paths", description = "Workflows that a person starts"),
        (name = "graph", description = "What hangs together, and what took how long"),
        (name = "providers", description = "Who makes resources"),
        (name = "audit", description = "Who did what"),
        (name = "webhooks", description = "Events, sent to others"),
        (name = "queues", description = "What waits, and who serves"),
        (name = "identity", description = "Logins: who one is, and as whom programs act"),
        (name = "access", description = "Who may do what"),
        (name = "health", description = "Of this process"),
    ),
    components(schemas(crate::error::ProblemDetails))
)]
struct Base;

struct Keys;

impl utoipa::Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("api_key", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        document.security = Some(vec![SecurityRequirement::new("api_key", Vec::<String>::new())]);
    }
}

/// Adds what is not said at the handlers: title, tags, how to authenticate.
pub(crate) fn complete(document: &mut utoipa::openapi::OpenApi) {
    let base = Base::openapi();
    document.info = base.info.clone();
    document.info.version = env!("CARGO_PKG_VERSION").into();
    document.tags = base.tags.clone();
    document.merge(base);
    Keys.modify(document);
}

/// The document, serialised once.
#[derive(Clone, Debug)]
pub(crate) struct Document(Arc<str>);

impl Document {
    pub(crate) fn of(description: &utoipa::openapi::OpenApi) -> Self {
        // Strings and maps only: what serde_json refuses (maps with keys that are no strings) cannot occur.
        Self(description.to_json().unwrap_or_default().into())
    }
}

/// This document.
#[utoipa::path(get, path = "/api/openapi.json", tag = "health", responses((status = 200, body = Object)))]
pub(crate) async fn document(Extension(document): Extension<Document>) -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], document.0.to_string()).into_response()
}
