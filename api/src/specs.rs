//! Applications: submitted as Score files, listed, looked at, deleted.

use axum::{
    Json,
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{
    domain::{
        ids::{ApplicationId, ResourceId, RunId},
        resource::ResourceState,
    },
    store::{
        StoreError,
        application::{self, Application, Deletion},
        resource_list,
        submit::{self, Submission, Submitted},
    },
};
use utoipa::{IntoParams, ToSchema};

use crate::{
    conditional,
    error::{Problem, ProblemDetails},
    extract::{Body, Caller, Path, Query},
    idempotency::Attempt,
    page::{Page, Paging, selector},
    resources::ResourceView,
    state::AppState,
    submission,
};

/// Tries of a transaction that another one got in the way of.
const TRIES: usize = 4;
/// Resources shown with an application.
const RESOURCES: i64 = 1000;

/// How a submission is read.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SubmitQuery {
    /// Accepts what innominatus' own files have beyond Score, with one warning each.
    #[serde(default)]
    compat: bool,
    /// The team that owns a new application; `default` when nothing is said.
    team: Option<String>,
}

/// An application.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApplicationView {
    /// Its id; a name may be used again after a deletion, an id is not.
    #[schema(value_type = Uuid)]
    pub id: ApplicationId,
    /// Its name.
    pub name: String,
    /// The team that owns it.
    pub team: String,
    /// The number of its latest generation.
    pub generation: i32,
    /// `active` when all its resources are, `failed` when one failed, `deleting`, `deleted`, or `progressing`.
    pub status: &'static str,
    /// Labels.
    #[schema(value_type = Object)]
    pub labels: Value,
    /// How many resources it uses.
    pub resources: i64,
    /// How many of them are active.
    pub active: i64,
    /// How many of them failed.
    pub failed: i64,
    /// When it was first submitted.
    pub created_at: DateTime<Utc>,
    /// When it changed last.
    pub updated_at: DateTime<Utc>,
    /// When its deletion was asked for.
    pub delete_requested_at: Option<DateTime<Utc>>,
    /// When its last resource was gone.
    pub deleted_at: Option<DateTime<Utc>>,
}

impl From<Application> for ApplicationView {
    fn from(row: Application) -> Self {
        let status = match (row.deleted_at, row.delete_requested_at) {
            (Some(_), _) => "deleted",
            (None, Some(_)) => "deleting",
            (None, None) if row.failed > 0 => "failed",
            (None, None) if row.active == row.resources => "active",
            (None, None) => "progressing",
        };
        Self {
            id: row.id,
            name: row.name,
            team: row.team,
            generation: row.generation,
            status,
            labels: row.labels,
            resources: row.resources,
            active: row.active,
            failed: row.failed,
            created_at: row.created_at,
            updated_at: row.updated_at,
            delete_requested_at: row.delete_requested_at,
            deleted_at: row.deleted_at,
        }
    }
}

/// A resource that failed, and what to do about it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FailedResource {
    /// The resource's name.
    pub name: String,
    /// The resource.
    #[schema(value_type = Uuid)]
    pub id: ResourceId,
    /// Why it failed: a stable code.
    pub error_code: Option<String>,
    /// Why it failed, for people.
    pub error_message: Option<String>,
    /// The run that failed.
    #[schema(value_type = Option<Uuid>)]
    pub run_id: Option<RunId>,
    /// The command that tries again.
    pub retry: String,
}

/// What became of a submission.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SubmissionAnswer {
    /// The application.
    pub application: ApplicationView,
    /// The generation that this submission is.
    pub generation: i32,
    /// Whether the content is that of the latest generation, so that nothing was changed.
    pub unchanged: bool,
    /// What happens now, for people.
    pub message: String,
    /// What compatibility mode had to say.
    #[schema(value_type = Vec<Object>)]
    pub warnings: Value,
    /// The resources of the application.
    pub resources: Vec<ResourceView>,
    /// Those that failed, when the same content was submitted again.
    pub failed: Vec<FailedResource>,
}

/// Submits a Score file, YAML or JSON. The same content again changes nothing.
#[utoipa::path(post, path = "/api/specs", tag = "specs",
    params(SubmitQuery, ("Idempotency-Key" = Option<String>, Header, description = "Carries the request out once, however often it is sent")),
    request_body(content((String = "application/yaml"), (Object = "application/json")), description = "A Score file, at most 1 MiB"),
    responses((status = 201, body = SubmissionAnswer, headers(("Location", description = "The application"))),
              (status = 200, description = "The same content as before: nothing was changed", body = SubmissionAnswer),
              (status = 400, body = ProblemDetails), (status = 409, body = ProblemDetails),
              (status = 413, body = ProblemDetails), (status = 422, body = ProblemDetails)))]
pub(crate) async fn submit(
    State(app): State<AppState>,
    Caller(caller): Caller,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<SubmitQuery>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    let attempt = Attempt::of(&headers, caller.id, &uri, &body)?;
    let submission = submission::read(body, query.compat, query.team, caller.name).await?;
    let mut tries = 0;
    loop {
        tries += 1;
        match submit_once(&app, &attempt, &submission).await {
            Err(Failure::Store(error)) if error.is_conflict() && tries < TRIES => {
                tracing::debug!(%error, tries, "a submission is tried again");
            }
            Err(Failure::Store(error)) => return Err(error.into()),
            Err(Failure::Problem(problem)) => return Err(*problem),
            Ok(response) => return Ok(response),
        }
    }
}

enum Failure {
    Store(StoreError),
    Problem(Box<Problem>),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

async fn submit_once(app: &AppState, attempt: &Attempt, submission: &Submission) -> Result<Response, Failure> {
    let mut tx = app.store.begin().await?;
    if let Some(response) = attempt.replay(&mut tx).await? {
        return Ok(response);
    }
    let (status, generation, unchanged) = match submit::submit(&mut tx, submission).await? {
        Submitted::Accepted { generation, .. } => (StatusCode::CREATED, generation, false),
        Submitted::Unchanged { generation, .. } => (StatusCode::OK, generation, true),
        Submitted::Refused(refusal) => return Err(submission::refused(&submission.name, refusal).into()),
    };
    let row = application::find(&mut *tx, &submission.name)
        .await?
        .ok_or_else(|| Problem::internal(&"the application just submitted is not there"))?;
    let filter = resource_list::Filter { application_id: Some(row.id), ..resource_list::Filter::default() };
    let resources: Vec<ResourceView> = resource_list::page(&mut *tx, &filter, None, RESOURCES)
        .await?
        .into_iter()
        .map(|row| ResourceView::of(row, false))
        .collect();
    let failed: Vec<FailedResource> = resources.iter().filter_map(failed).collect();
    let message = match (unchanged, failed.is_empty()) {
        (false, _) => format!("generation {generation} was accepted"),
        (true, true) => format!("nothing has changed since generation {generation}"),
        (true, false) => {
            let names: Vec<&str> = failed.iter().map(|it| it.name.as_str()).collect();
            format!(
                "nothing has changed since generation {generation}; failed: {}; `retry` of each says how to try again",
                names.join(", ")
            )
        }
    };
    let location = format!("/api/specs/{}", row.name);
    let answer = SubmissionAnswer {
        application: row.into(),
        generation,
        unchanged,
        message,
        warnings: submission.warnings.clone(),
        resources,
        failed,
    };
    let response = attempt.answer(&mut tx, status, Some(location), &answer).await?;
    tx.commit().await.map_err(StoreError::from)?;
    Ok(response)
}

fn failed(resource: &ResourceView) -> Option<FailedResource> {
    (resource.state == ResourceState::Failed).then(|| FailedResource {
        name: resource.name.clone(),
        id: resource.id,
        error_code: resource.error_code.clone(),
        error_message: resource.error_message.clone(),
        run_id: resource.last_run_id,
        retry: match resource.last_run_id {
            Some(run) => format!("slipway workflow retry {run}"),
            None => format!("slipway resource retry {}", resource.id),
        },
    })
}

/// Which applications to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ApplicationFilter {
    /// Owned by this team.
    team: Option<String>,
    /// `key=value`, `key!=value`, `key`, `!key`, separated by commas.
    labels: Option<String>,
    /// Deleted ones too.
    #[serde(default)]
    deleted: bool,
}

/// Applications, newest first.
#[utoipa::path(get, path = "/api/specs", tag = "specs", params(ApplicationFilter, Paging),
    responses((status = 200, body = Page<ApplicationView>), (status = 400, body = ProblemDetails)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    Query(filter): Query<ApplicationFilter>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<ApplicationView>>, Problem> {
    let wanted = application::Filter {
        name: None,
        team: filter.team,
        labels: selector(filter.labels.as_deref())?,
        deleted: filter.deleted,
    };
    let rows = application::page(app.store.pool(), &wanted, paging.before()?, paging.rows()?).await?;
    Ok(Json(paging.page(rows, |row| row.id.0, ApplicationView::from)?))
}

/// An application with its latest spec and its resources.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApplicationDetail {
    /// The application.
    #[serde(flatten)]
    pub application: ApplicationView,
    /// The Score file of its latest generation, as JSON.
    #[schema(value_type = Object)]
    pub spec: Value,
    /// What compatibility mode had to say about it.
    #[schema(value_type = Vec<Object>)]
    pub warnings: Value,
    /// The name of the key that it came with.
    pub submitted_by: String,
    /// When it was accepted.
    pub submitted_at: DateTime<Utc>,
    /// Its resources.
    pub items: Vec<ResourceView>,
}

/// One application: the live one of that name, or the one deleted last.
#[utoipa::path(get, path = "/api/specs/{name}", tag = "specs", params(("name" = String, Path)),
    responses((status = 200, body = ApplicationDetail), (status = 304), (status = 404, body = ProblemDetails)))]
pub(crate) async fn get(
    State(app): State<AppState>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let pool = app.store.pool();
    let unknown = || Problem::not_found("application", &name);
    let row = application::find(pool, &name).await?.ok_or_else(unknown)?;
    let generation = application::latest_generation(pool, row.id).await?.ok_or_else(unknown)?;
    let filter = resource_list::Filter { application_id: Some(row.id), ..resource_list::Filter::default() };
    let items = resource_list::page(pool, &filter, None, RESOURCES).await?;
    let detail = ApplicationDetail {
        application: row.into(),
        spec: generation.spec,
        warnings: generation.warnings,
        submitted_by: generation.submitted_by,
        submitted_at: generation.created_at,
        items: items.into_iter().map(|row| ResourceView::of(row, false)).collect(),
    };
    conditional::json(&headers, &detail)
}

/// What became of the request to delete.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeletionAnswer {
    /// The application's name.
    pub name: String,
    /// `deleting`, or `deleted` when nothing had to be removed first.
    pub status: &'static str,
    /// What happens now, for people.
    pub message: String,
}

/// Deletes an application and the resources that only it uses. Asking again changes nothing.
#[utoipa::path(delete, path = "/api/specs/{name}", tag = "specs", params(("name" = String, Path)),
    responses((status = 202, body = DeletionAnswer), (status = 404, body = ProblemDetails)))]
pub(crate) async fn delete(
    State(app): State<AppState>,
    Caller(caller): Caller,
    Path(name): Path<String>,
) -> Result<(StatusCode, Json<DeletionAnswer>), Problem> {
    let mut tries = 0;
    let deletion = loop {
        tries += 1;
        let mut tx = app.store.begin().await?;
        match application::delete(&mut tx, &name, &caller.name).await {
            Ok(deletion) => {
                crate::commit(tx).await?;
                break deletion;
            }
            Err(error) if error.is_conflict() && tries < TRIES => {}
            Err(error) => return Err(error.into()),
        }
    };
    let (status, message) = match deletion {
        Deletion::Requested { resources } => ("deleting", format!("{resources} resource(s) are being removed first")),
        Deletion::Underway => ("deleting", "its deletion was asked for before".to_owned()),
        Deletion::Done => ("deleted", "nothing had to be removed first".to_owned()),
        Deletion::Unknown => return Err(Problem::not_found("application", &name)),
    };
    Ok((StatusCode::ACCEPTED, Json(DeletionAnswer { name, status, message })))
}
