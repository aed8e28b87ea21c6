//! Providers: who makes resources, and with which workflows.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{
    domain::run::Operation,
    formats::{
        provider::Category,
        registry::{ProviderRecord, Registry, WorkflowRecord},
    },
    store::{Connection, provider, provider_set},
};
use utoipa::{IntoParams, ToSchema};

use crate::{
    conditional,
    error::{Problem, ProblemDetails},
    extract::{Path, Query},
    page::{Page, Paging, foreign_cursor},
    state::AppState,
};

/// Reads what the scheduler has stored.
fn record(row: &provider::Provider) -> Result<ProviderRecord, Problem> {
    serde_json::from_value(row.manifest.clone())
        .map_err(|error| Problem::internal(&format!("the record of provider {} cannot be read: {error}", row.name)))
}

/// A set of providers, and its number.
#[derive(Clone, Debug)]
struct Set {
    generation: i64,
    registry: Arc<Registry>,
    /// As they are listed: by name and version.
    views: Arc<[ProviderView]>,
}

/// The providers as this process read them last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept(Arc<Mutex<Option<Set>>>);

impl Kept {
    fn of(&self, generation: i64) -> Option<Set> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|set| set.generation == generation).cloned()
    }
}

/// The providers that are loaded now. Read when the set's number has changed: the records are large, and the same for thousands
/// of requests.
async fn set(app: &AppState, conn: &mut Connection) -> Result<Set, Problem> {
    // Its number first: a set that changes in between is read again by the next request.
    let generation = provider_set::generation(&mut *conn).await?;
    if let Some(set) = app.providers.of(generation) {
        return Ok(set);
    }
    let rows = provider::list(conn).await?;
    let registry = Arc::new(registry(&rows)?);
    let mut views = rows.iter().map(|row| ProviderView::of(row, &registry)).collect::<Result<Vec<_>, _>>()?;
    views.sort_by(|one, other| one.key().cmp(&other.key()));
    let set = Set { generation, registry, views: views.into() };
    *app.providers.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(set.clone());
    Ok(set)
}

/// The providers that are loaded now, in all their versions.
pub(crate) async fn loaded(app: &AppState, conn: &mut Connection) -> Result<Arc<Registry>, Problem> {
    Ok(set(app, conn).await?.registry)
}

fn registry(rows: &[provider::Provider]) -> Result<Registry, Problem> {
    rows.iter().map(record).collect::<Result<_, _>>().map(Registry::from_records)
}

/// A provider.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ProviderView {
    /// Its name.
    name: String,
    /// Its version.
    version: String,
    /// Whether it is the version that serves where no application pins another.
    default: bool,
    /// The name of the source it was fetched from; none for a folder of the instance.
    source: Option<String>,
    /// The commit its files are of, when they come from Git.
    commit: Option<String>,
    /// Free text.
    category: Option<String>,
    /// For people.
    description: Option<String>,
    /// Who wrote it.
    author: Option<String>,
    /// Where to read about it.
    homepage: Option<String>,
    /// Tags.
    tags: Vec<String>,
    /// Resource types it serves, other names too.
    resource_types: Vec<String>,
    /// How many workflows it has.
    workflows: usize,
    /// Step types it brings.
    step_types: Vec<String>,
    /// What its authors should change.
    warnings: Vec<String>,
    /// SHA-256 of all that it consists of.
    digest: String,
    /// When this version was loaded first.
    loaded_at: DateTime<Utc>,
}

impl ProviderView {
    /// What they are in order of.
    fn key(&self) -> (&str, &str) {
        (&self.name, &self.version)
    }

    fn of(row: &provider::Provider, registry: &Registry) -> Result<Self, Problem> {
        let record = record(row)?;
        Ok(Self {
            default: registry.is_default(&row.name, &row.version),
            digest: row.digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            loaded_at: row.loaded_at,
            name: record.name,
            version: record.version,
            commit: record.commit,
            source: record.source,
            category: record.category,
            description: record.description,
            author: record.author,
            homepage: record.homepage,
            tags: record.tags,
            resource_types: record.capabilities.into_keys().collect(),
            workflows: record.workflows.len(),
            step_types: record.step_types.into_iter().map(|it| it.step_type.name).collect(),
            warnings: record.warnings,
        })
    }
}

/// The providers that are loaded, in every version, by name and version.
#[utoipa::path(get, path = "/api/providers", tag = "providers", params(Paging),
    responses((status = 200, body = Page<ProviderView>), (status = 400, body = ProblemDetails)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<ProviderView>>, Problem> {
    let after = paging.after_parts(|[name, version]| Some((name.to_owned(), version.to_owned())))?;
    let rows = usize::try_from(paging.rows()?).unwrap_or(usize::MAX);
    let mut tx = app.store.begin().await?;
    let views = set(&app, &mut tx).await?.views;
    let after = after.as_ref().map(|(name, version)| (name.as_str(), version.as_str()));
    let from = views.partition_point(|it| after.is_some_and(|last| it.key() <= last));
    let views = views.iter().skip(from).take(rows).cloned().collect();
    Ok(Json(paging.page_by(views, |it: &ProviderView| format!("{}/{}", it.name, it.version), |it| it)?))
}

/// A provider and what it can do for each resource type.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProviderDetail {
    /// The provider.
    #[serde(flatten)]
    provider: ProviderView,
    /// By resource type: which workflow serves which operation.
    #[schema(value_type = Object)]
    capabilities: Value,
}

/// Which version of a provider.
#[derive(Debug, Default, Deserialize, IntoParams)]
pub(crate) struct Which {
    /// A loaded version; the one that serves by default when nothing is said.
    version: Option<String>,
}

async fn find(app: &AppState, name: &str, which: &Which) -> Result<(provider::Provider, Registry), Problem> {
    let rows = provider::versions(app.store.pool(), name).await?;
    let registry = registry(&rows)?;
    let version = registry.provider(name, which.version.as_deref()).map(|record| record.version.clone());
    let Some(row) = rows.into_iter().find(|row| Some(&row.version) == version.as_ref()) else {
        return Err(match (&which.version, registry.versions(name)) {
            (Some(version), loaded) if !loaded.is_empty() => {
                let detail = format!("{name} is not loaded in version {version}, but in {}", loaded.join(", "));
                Problem::new(StatusCode::NOT_FOUND, "not-found", detail)
            }
            _ => Problem::not_found("provider", name),
        });
    };
    Ok((row, registry))
}

/// One provider.
#[utoipa::path(get, path = "/api/providers/{name}", tag = "providers", params(("name" = String, Path), Which),
    responses((status = 200, body = ProviderDetail), (status = 304), (status = 404, body = ProblemDetails)))]
pub(crate) async fn get(
    State(app): State<AppState>,
    Path(name): Path<String>,
    Query(which): Query<Which>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (row, registry) = find(&app, &name, &which).await?;
    let capabilities = serde_json::to_value(record(&row)?.capabilities).map_err(|error| Problem::internal(&error))?;
    conditional::json(&headers, &ProviderDetail { provider: ProviderView::of(&row, &registry)?, capabilities })
}

/// A workflow of a provider.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkflowView {
    /// Its name.
    name: String,
    /// `provisioner` serves one resource operation, `goldenpath` is started by a person.
    #[schema(value_type = String, example = "provisioner")]
    category: Category,
    /// The operation it serves.
    #[schema(value_type = Option<String>, example = "create")]
    operation: Option<Operation>,
    /// For people.
    description: Option<String>,
    /// Its version.
    version: Option<String>,
    /// Tags.
    tags: Vec<String>,
    /// What its runs take.
    #[schema(value_type = Vec<Object>)]
    parameters: Value,
    /// Its steps, in order: name, type, what they wait for.
    steps: Vec<WorkflowStepView>,
    /// Names of what its runs give back.
    outputs: Vec<String>,
    /// Why it cannot run on this instance, if so.
    unavailable: Option<String>,
}

/// A step of a workflow.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkflowStepView {
    /// Its name.
    name: String,
    /// Its step type.
    #[serde(rename = "type")]
    kind: String,
    /// Steps that are over before it begins.
    depends_on: Vec<String>,
}

impl WorkflowView {
    fn of(record: WorkflowRecord) -> Result<Self, Problem> {
        Ok(Self {
            parameters: serde_json::to_value(&record.parameters).map_err(|error| Problem::internal(&error))?,
            name: record.name,
            category: record.category,
            operation: record.operation,
            description: record.description,
            version: record.version,
            tags: record.tags,
            outputs: record.plan.outputs.into_keys().collect(),
            steps: record
                .plan
                .steps
                .into_iter()
                .map(|step| WorkflowStepView {
                    name: step.name,
                    kind: step.step_type.name,
                    depends_on: step.depends_on,
                })
                .collect(),
            unavailable: record.unavailable,
        })
    }
}

/// The workflows of one provider, in the order of its manifest.
#[utoipa::path(get, path = "/api/providers/{name}/workflows", tag = "providers", params(("name" = String, Path), Which, Paging),
    responses((status = 200, body = Page<WorkflowView>), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails)))]
pub(crate) async fn workflows(
    State(app): State<AppState>,
    Path(name): Path<String>,
    Query(which): Query<Which>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<WorkflowView>>, Problem> {
    let after = paging.after()?;
    let (row, _) = find(&app, &name, &which).await?;
    let mut workflows = record(&row)?.workflows;
    if let Some(last) = after {
        // One that is gone since is no place to go on from.
        let place = workflows.iter().position(|it| it.name == last).ok_or_else(foreign_cursor)?;
        workflows.drain(..=place);
    }
    workflows.truncate(usize::try_from(paging.rows()?).unwrap_or(usize::MAX));
    let views = workflows.into_iter().map(WorkflowView::of).collect::<Result<_, _>>()?;
    Ok(Json(paging.page_by_name(views, |it: &WorkflowView| &it.name, |it| it)?))
}
