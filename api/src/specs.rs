//! Applications: submitted as Score files, listed, looked at, deleted.

pub(crate) mod dry_run;
pub(crate) mod generations;
pub(crate) mod keeping;
pub(crate) mod submit;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::{
    domain::ids::ApplicationId,
    secrets::token,
    store::{
        application::{self, Application, Deletion},
        audit, resource_list,
    },
};
use utoipa::{IntoParams, ToSchema};

use crate::{
    access::Grant,
    audit::Trail,
    conditional,
    error::{Problem, ProblemDetails},
    extract::{Caller, Path, Query},
    page::{Page, Paging, selector},
    resources::ResourceView,
    state::AppState,
    submission,
};

/// Tries of a transaction that another one got in the way of.
const TRIES: usize = 4;
/// Resources shown with an application.
const RESOURCES: i64 = 1000;

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
    /// `active` when all its resources are, and as asked for; `failed` when one failed; `deleting`, `deleted`, or `progressing`.
    pub status: &'static str,
    /// The same in the words for resources: `active`, `failed`, `progressing`, `terminating`, `terminated`.
    pub state: &'static str,
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
    /// Whether it may not be deleted, by its spec or by a person.
    pub protected: bool,
    /// When it will be deleted by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// Since when its protection, or that of a resource of it, keeps it beyond that time.
    pub expiry_blocked_at: Option<DateTime<Utc>>,
}

impl From<Application> for ApplicationView {
    fn from(row: Application) -> Self {
        let (status, state) = match (row.deleted_at, row.delete_requested_at) {
            (Some(_), _) => ("deleted", "terminated"),
            (None, Some(_)) => ("deleting", "terminating"),
            (None, None) if row.failed > 0 => ("failed", "failed"),
            (None, None) if row.active == row.resources => ("active", "active"),
            (None, None) => ("progressing", "progressing"),
        };
        Self {
            id: row.id,
            name: row.name,
            team: row.team,
            generation: row.generation,
            status,
            state,
            labels: row.labels,
            resources: row.resources,
            active: row.active,
            failed: row.failed,
            created_at: row.created_at,
            updated_at: row.updated_at,
            delete_requested_at: row.delete_requested_at,
            deleted_at: row.deleted_at,
            protected: row.protected,
            expires_at: row.expires_at,
            expiry_blocked_at: row.expiry_blocked_at,
        }
    }
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
    grant: Grant,
    Query(filter): Query<ApplicationFilter>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<ApplicationView>>, Problem> {
    let wanted = application::Filter {
        team: filter.team,
        labels: selector(filter.labels.as_deref())?,
        deleted: filter.deleted,
        visible: grant.teams().clone(),
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
    /// The generation whose content it brought back, if it did.
    pub restores: Option<i32>,
    /// Its resources; of one that is being deleted, or was, also those that are gone since.
    pub items: Vec<ResourceView>,
}

/// One application: the live one of that name, or the one deleted last.
#[utoipa::path(get, path = "/api/specs/{name}", tag = "specs", params(("name" = String, Path)),
    responses((status = 200, body = ApplicationDetail), (status = 304), (status = 404, body = ProblemDetails)))]
pub(crate) async fn get(
    State(app): State<AppState>,
    grant: Grant,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let pool = app.store.pool();
    let unknown = || Problem::not_found("application", &name);
    let row = application::find(pool, &name).await?.ok_or_else(unknown)?;
    let generation = application::latest_generation(pool, row.id).await?.ok_or_else(unknown)?;
    let visible = grant.mentions().await?;
    let items = resource_list::of_application(pool, row.id, row.delete_requested_at, &visible, RESOURCES).await?;
    let detail = ApplicationDetail {
        application: row.into(),
        spec: token::masked(generation.spec),
        warnings: generation.warnings,
        submitted_by: generation.submitted_by,
        submitted_at: generation.created_at,
        restores: generation.restores,
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
    responses((status = 202, body = DeletionAnswer), (status = 404, body = ProblemDetails),
              (status = 409, description = "It is protected from deletion", body = ProblemDetails)))]
pub(crate) async fn delete(
    State(app): State<AppState>,
    Caller(caller): Caller,
    trail: Trail,
    Path(name): Path<String>,
) -> Result<(StatusCode, Json<DeletionAnswer>), Problem> {
    let mut tries = 0;
    let deletion = loop {
        tries += 1;
        let mut tx = app.store.begin().await?;
        match application::delete(&mut tx, &name, &caller.name).await {
            Ok(deletion) => {
                if let Deletion::Requested { .. } | Deletion::Done = deletion {
                    let resources = if let Deletion::Requested { resources } = deletion { resources } else { 0 };
                    let entry = trail.entry("application.delete", format!("application/{name}"));
                    audit::record(&mut tx, &entry.after(json!({"removes_resources": resources}))).await?;
                }
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
        Deletion::Protected { application, resources } => {
            return Err(submission::protected(&name, application, resources));
        }
        Deletion::Unknown => return Err(Problem::not_found("application", &name)),
    };
    Ok((StatusCode::ACCEPTED, Json(DeletionAnswer { name, status, message })))
}
