//! What was submitted before, what changed from one to the next, and the way back.

use std::collections::BTreeSet;

use axum::{
    Json,
    extract::{OriginalUri, State},
    http::HeaderMap,
    response::Response,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use shared::{
    domain::change,
    secrets::token,
    store::application::{self, Application, Generation},
    submission as reading,
};
use utoipa::{IntoParams, ToSchema};

use super::submit::{ChangeView, SubmissionAnswer, accept};
use crate::{
    access::Grant,
    audit::Trail,
    error::{Problem, ProblemDetails},
    execute::optional_body,
    extract::{Body, Path, Query},
    idempotency::Attempt,
    state::AppState,
    submission,
};

const DEFAULT_LIMIT: i64 = 50;
const MAX_LIMIT: i64 = 500;

/// Which page of generations.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct GenerationPaging {
    /// `next_cursor` of the page before; without it, the first page.
    cursor: Option<i32>,
    /// Items a page has at most, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<i64>,
}

/// A generation of an application: one accepted submission.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GenerationView {
    /// Its number.
    pub number: i32,
    /// Whether it is the latest.
    pub current: bool,
    /// The name of the key that it came with.
    pub submitted_by: String,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
    /// The generation whose content it brought back, if it did.
    pub restores: Option<i32>,
    /// Resources that the generation before did not have.
    pub added: Vec<String>,
    /// Resources that it asks for differently.
    pub changed: Vec<String>,
    /// Resources that only the generation before had.
    pub removed: Vec<String>,
    /// Whether anything beside the resources differs: containers, service, metadata, the choice of workflows.
    pub others: bool,
}

/// Generations, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GenerationPage {
    /// Its items.
    pub items: Vec<GenerationView>,
    /// Give this as `cursor` to get the next page; none on the last one.
    pub next_cursor: Option<String>,
}

/// One generation with its content.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GenerationDetail {
    /// The generation.
    #[serde(flatten)]
    pub generation: GenerationView,
    /// The Score file as JSON.
    #[schema(value_type = Object)]
    pub spec: Value,
    /// Tags and workflows that came beside it.
    #[schema(value_type = Object)]
    pub choices: Value,
    /// What compatibility mode had to say about it.
    #[schema(value_type = Vec<Object>)]
    pub warnings: Value,
    /// Each place at which its content differs from the generation before.
    pub diff: Vec<ChangeView>,
}

async fn find(app: &AppState, name: &str) -> Result<Application, Problem> {
    application::find(app.store.pool(), name).await?.ok_or_else(|| Problem::not_found("application", name))
}

fn view(it: &Generation, before: Option<&Generation>, latest: i32) -> GenerationView {
    let none = Map::new();
    let resources = |generation: &Generation| {
        generation.spec.get("resources").and_then(Value::as_object).cloned().unwrap_or_default()
    };
    let (old, new) = (before.map_or_else(|| none.clone(), resources), resources(it));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let of = |wanted: fn(Option<&Value>, Option<&Value>) -> bool| -> Vec<String> {
        names.iter().filter(|name| wanted(old.get(**name), new.get(**name))).map(|name| (*name).clone()).collect()
    };
    let rest = |generation: &Generation| {
        let mut spec = generation.spec.clone();
        spec.as_object_mut().map(|spec| spec.remove("resources"));
        (spec, generation.choices.0.clone())
    };
    GenerationView {
        number: it.number,
        current: it.number == latest,
        submitted_by: it.submitted_by.clone(),
        created_at: it.created_at,
        restores: it.restores,
        added: of(|old, new| old.is_none() && new.is_some()),
        changed: of(|old, new| old.is_some() && new.is_some() && old != new),
        removed: of(|old, new| old.is_some() && new.is_none()),
        others: before.is_some_and(|before| rest(before) != rest(it)),
    }
}

/// What was submitted, newest first, and what each changed.
#[utoipa::path(get, path = "/api/specs/{name}/generations", tag = "specs", params(("name" = String, Path), GenerationPaging),
    responses((status = 200, body = GenerationPage), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    Path(name): Path<String>,
    Query(paging): Query<GenerationPaging>,
) -> Result<Json<GenerationPage>, Problem> {
    let limit = paging.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::bad_request(format!("limit: from 1 to {MAX_LIMIT}")));
    }
    let found = find(&app, &name).await?;
    // One more than shown: the last one shown is compared with it.
    let rows = application::generations(app.store.pool(), found.id, paging.cursor, limit + 1).await?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let views = rows.iter().enumerate().take(shown);
    let items: Vec<GenerationView> = views.map(|(at, row)| view(row, rows.get(at + 1), found.generation)).collect();
    let next_cursor = items.last().filter(|_| rows.len() > shown).map(|last| last.number.to_string());
    Ok(Json(GenerationPage { items, next_cursor }))
}

/// One generation, and every place at which it differs from the one before.
#[utoipa::path(get, path = "/api/specs/{name}/generations/{number}", tag = "specs",
    params(("name" = String, Path), ("number" = i32, Path)),
    responses((status = 200, body = GenerationDetail), (status = 404, body = ProblemDetails)))]
pub(crate) async fn get(
    State(app): State<AppState>,
    Path((name, number)): Path<(String, i32)>,
) -> Result<Json<GenerationDetail>, Problem> {
    let found = find(&app, &name).await?;
    let rows = application::generations(app.store.pool(), found.id, Some(number.saturating_add(1)), 2).await?;
    let unknown = || Problem::not_found("generation", format!("{number} of {name}"));
    let it = rows.first().filter(|row| row.number == number).ok_or_else(unknown)?;
    let before = rows.get(1);
    let empty = Value::Object(Map::new());
    let diff = change::between(before.map_or(&empty, |before| &before.spec), &it.spec);
    Ok(Json(GenerationDetail {
        generation: view(it, before, found.generation),
        spec: token::masked(it.spec.clone()),
        choices: serde_json::to_value(&it.choices.0).map_err(|error| Problem::internal(&error))?,
        warnings: it.warnings.clone(),
        diff: diff.into_iter().map(ChangeView::from).collect(),
    }))
}

/// Where to go back to.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollbackRequest {
    /// The number of the generation whose content comes back; without it, the one before the latest.
    generation: Option<i32>,
}

/// Brings the content of an earlier generation back, as a new generation.
#[utoipa::path(post, path = "/api/specs/{name}/rollback", tag = "specs",
    params(("name" = String, Path),
           ("Idempotency-Key" = Option<String>, Header, description = "Carries the request out once, however often it is sent")),
    request_body(content = RollbackRequest),
    responses((status = 201, body = SubmissionAnswer), (status = 200, description = "It has that content already", body = SubmissionAnswer),
              (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails)))]
pub(crate) async fn rollback(
    State(app): State<AppState>,
    grant: Grant,
    trail: Trail,
    OriginalUri(uri): OriginalUri,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    let caller = trail.caller();
    let attempt = Attempt::of(&headers, caller.id, &uri, &body)?;
    let request: RollbackRequest = optional_body(&body)?;
    let found = find(&app, &name).await?;
    if found.delete_requested_at.is_some() {
        return Err(Problem::conflict(
            "being-deleted",
            format!("'{name}' is deleted, or being so; submit a spec to have it again"),
        ));
    }
    let number = match request.generation {
        Some(number) => number,
        None if found.generation > 1 => found.generation - 1,
        None => return Err(Problem::conflict("no-earlier-generation", format!("'{name}' has only one generation"))),
    };
    let generation = application::generation(app.store.pool(), found.id, number).await?;
    let generation = generation.ok_or_else(|| Problem::not_found("generation", format!("{number} of {name}")))?;
    let mut submission =
        reading::restore(&generation.spec, number, generation.warnings, generation.choices.0, caller.name.clone())
            .map_err(submission::invalid)?;
    // The one that the caller may change, should the name have changed hands meanwhile.
    submission.team = grant.object_team().map(ToOwned::to_owned);
    let entry = trail
        .entry("application.rollback", format!("application/{name}"))
        .before(json!({"generation": found.generation}));
    accept(&app, &grant, &attempt, &submission, &entry).await
}
