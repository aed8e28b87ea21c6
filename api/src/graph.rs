//! What hangs together, as a graph: JSON for programs, DOT and Mermaid for pictures.

mod dot;
mod mermaid;
mod view;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use shared::{
    domain::{
        ids::{ResourceId, RunId},
        states::UnknownName,
    },
    store::graph::{self, Graph},
};
use utoipa::IntoParams;

use crate::{
    access::Grant,
    conditional,
    error::{Problem, ProblemDetails},
    extract::{Path, Query},
    page::choice,
    state::AppState,
};

pub(crate) use view::GraphView;

/// The form of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// For programs.
    Json,
    /// For Graphviz.
    Dot,
    /// For pages that draw Mermaid.
    Mermaid,
}

const FORMS: [(&str, &str, Form); 3] = [
    ("json", "application/json", Form::Json),
    ("dot", "text/vnd.graphviz", Form::Dot),
    ("mermaid", "text/vnd.mermaid", Form::Mermaid),
];

impl std::str::FromStr for Form {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        FORMS.iter().find(|(name, ..)| *name == text).map(|(.., form)| *form).ok_or_else(|| UnknownName {
            found: text.chars().take(64).collect(),
            allowed: FORMS.map(|(name, ..)| name).join(", "),
        })
    }
}

impl Form {
    /// The first of the forms that the caller accepts; JSON when it names none of them.
    fn accepted(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let wanted =
            accepted.flat_map(|value| value.split(',')).map(|kind| kind.split(';').next().unwrap_or("").trim());
        wanted
            .filter_map(|kind| FORMS.iter().find(|(_, media, _)| *media == kind))
            .map(|(.., form)| *form)
            .next()
            .unwrap_or(Self::Json)
    }
}

/// How the graph is written.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FormQuery {
    /// `json`, `dot` or `mermaid`; else what `Accept` names (`text/vnd.graphviz`, `text/vnd.mermaid`), else JSON.
    format: Option<String>,
}

fn answer(graph: Graph, query: &FormQuery, headers: &HeaderMap) -> Result<Response, Problem> {
    let form = choice("format", query.format.as_deref())?.unwrap_or_else(|| Form::accepted(headers));
    let text = match form {
        Form::Json => return conditional::json(headers, &GraphView::from(graph)),
        Form::Dot => dot::write(&graph),
        Form::Mermaid => mermaid::write(&graph),
    };
    let kind = match form {
        Form::Mermaid => HeaderValue::from_static("text/vnd.mermaid; charset=utf-8"),
        Form::Json | Form::Dot => HeaderValue::from_static("text/vnd.graphviz; charset=utf-8"),
    };
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// An application: its resources, who serves them, and the run that works or worked last on each, with its steps.
#[utoipa::path(get, path = "/api/graph/{app}", tag = "graph", params(("app" = String, Path), FormQuery),
    responses((status = 200, content((GraphView = "application/json"), (String = "text/vnd.graphviz"), (String = "text/vnd.mermaid"))),
              (status = 304), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails)))]
pub(crate) async fn of_application(
    State(app): State<AppState>,
    grant: Grant,
    Path(name): Path<String>,
    Query(query): Query<FormQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let visible = grant.mentions().await?;
    let mut tx = app.store.begin().await?;
    let found = graph::of_application(&mut tx, &name, &visible).await?;
    answer(found.ok_or_else(|| Problem::not_found("application", &name))?, &query, &headers)
}

/// A run: the whole tree of runs that it is part of, with steps, times and the critical path.
#[utoipa::path(get, path = "/api/workflows/{id}/graph", tag = "graph", params(("id" = Uuid, Path), FormQuery),
    responses((status = 200, content((GraphView = "application/json"), (String = "text/vnd.graphviz"), (String = "text/vnd.mermaid"))),
              (status = 304), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails)))]
pub(crate) async fn of_run(
    State(app): State<AppState>,
    grant: Grant,
    Path(id): Path<RunId>,
    Query(query): Query<FormQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    // Those who are asked about a run may read it, whose team they are not in.
    let visible = grant.mentions_with_owner().await?;
    let mut tx = app.store.begin().await?;
    let found = graph::of_run(&mut tx, id, &visible).await?;
    answer(found.ok_or_else(|| Problem::not_found("workflow run", id))?, &query, &headers)
}

/// A resource: who uses it, what it needs and what needs it, and its last runs.
#[utoipa::path(get, path = "/api/resources/{id}/graph", tag = "graph", params(("id" = Uuid, Path), FormQuery),
    responses((status = 200, content((GraphView = "application/json"), (String = "text/vnd.graphviz"), (String = "text/vnd.mermaid"))),
              (status = 304), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails)))]
pub(crate) async fn of_resource(
    State(app): State<AppState>,
    grant: Grant,
    Path(id): Path<ResourceId>,
    Query(query): Query<FormQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let visible = grant.mentions().await?;
    let mut tx = app.store.begin().await?;
    let found = graph::of_resource(&mut tx, id, &visible).await?;
    answer(found.ok_or_else(|| Problem::not_found("resource", id))?, &query, &headers)
}

#[cfg(test)]
mod tests;
