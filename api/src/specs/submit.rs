//! Submitting a Score file.

use axum::{
    Json,
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::{
    domain::{
        access::Visible,
        change::Change,
        ids::{ResourceId, RunId},
        resource::ResourceState,
    },
    secrets::token,
    store::{
        StoreError, application,
        audit::{self, Entry},
        resource_list,
        submit::{self, Choices, Diff, Submission, Submitted},
        trace,
    },
    submission::workload,
    traces,
};
use utoipa::{IntoParams, ToSchema};

use super::{ApplicationView, RESOURCES, TRIES, dry_run};
use crate::{
    access::Grant,
    audit::Trail,
    error::{Problem, ProblemDetails},
    extract::{Body, Query},
    idempotency::Attempt,
    providers,
    resources::ResourceView,
    state::AppState,
    submission::{self, Beside},
};

/// How a submission is read.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SubmitQuery {
    /// Accepts what innominatus' own files have beyond Score, with one warning each.
    #[serde(default)]
    compat: bool,
    /// The team that owns a new application; `default` when nothing is said.
    team: Option<String>,
    /// Shows what would be changed, and changes nothing.
    #[serde(default)]
    dry_run: bool,
    /// How long the application lives from now on, as `8h`; goes before the annotation `slipway.dev/ttl`.
    ttl: Option<String>,
    /// Tags that workflows are chosen by, for every resource, separated by commas; added to the annotations `slipway.dev/tags`.
    tags: Option<String>,
    /// Workflows by resource, `db=fast-path,cache=small`; goes before the annotations `slipway.dev/workflow`.
    workflow_override: Option<String>,
}

impl SubmitQuery {
    fn beside(self, actor: String) -> Result<Beside, Problem> {
        let workflows = self.workflow_override.as_deref().map(submission::workflows).transpose()?;
        let tags = self.tags.as_deref().map(shared::submission::tags);
        let choices = Choices { tags: tags.unwrap_or_default(), workflows: workflows.unwrap_or_default() };
        Ok(Beside { compat: self.compat, team: self.team, ttl: self.ttl, choices, actor })
    }
}

/// One place at which two documents differ.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangeView {
    /// JSON pointer to the place.
    pub path: String,
    /// What was there; missing: nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What is there now; missing: nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

impl From<Change> for ChangeView {
    fn from(change: Change) -> Self {
        Self { path: change.path, before: change.before.map(token::masked), after: change.after.map(token::masked) }
    }
}

/// A resource that is asked for differently than before.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AlterationView {
    /// The resource's name.
    pub name: String,
    /// Which params differ, as written.
    pub params: Vec<ChangeView>,
}

/// What a submission changes.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct ChangesView {
    /// Resources that are made, what they need first.
    pub create: Vec<String>,
    /// Resources that are changed, what they need first.
    pub update: Vec<AlterationView>,
    /// Resources that are removed, what rests on them first. Those in `create` too are made anew once they are gone.
    pub remove: Vec<String>,
    /// Shared resources that the application lets go of and others go on using.
    pub release: Vec<String>,
}

impl ChangesView {
    fn of(diff: Diff) -> Self {
        let altered = diff
            .update
            .into_iter()
            .map(|it| AlterationView { name: it.name, params: it.params.into_iter().map(ChangeView::from).collect() });
        Self {
            create: diff.create,
            update: altered.collect(),
            remove: diff.remove.into_iter().map(|it| it.name).collect(),
            release: diff.release,
        }
    }

    /// `: makes a, b; changes c`, or nothing.
    pub(super) fn in_words(&self) -> String {
        let update: Vec<String> = self.update.iter().map(|it| it.name.clone()).collect();
        let parts =
            [("makes", &self.create), ("changes", &update), ("removes", &self.remove), ("lets go of", &self.release)];
        let parts: Vec<String> = parts
            .into_iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(verb, names)| format!("{verb} {}", names.join(", ")))
            .collect();
        if parts.is_empty() { String::new() } else { format!(": {}", parts.join("; ")) }
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
    /// What it changes.
    pub changes: ChangesView,
    /// What compatibility mode had to say.
    #[schema(value_type = Vec<Object>)]
    pub warnings: Value,
    /// What else is to be known, as that its containers are recorded and not run.
    pub notes: Vec<String>,
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
    grant: Grant,
    trail: Trail,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<SubmitQuery>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    let caller = trail.caller();
    let attempt = Attempt::of(&headers, caller.id, &uri, &body)?;
    let dry_run = query.dry_run;
    let mut submission = submission::read(body, query.beside(caller.name.clone())?).await?;
    submission.team = submission::team(&app, &grant, &submission).await?;
    if dry_run {
        return Ok(Json(dry_run::show(&app, &grant, &submission).await?).into_response());
    }
    let entry = trail.entry("application.submit", format!("application/{}", submission.name));
    accept(&app, &grant, &attempt, &submission, &entry).await
}

/// Submits, and tries again when another transaction stood in the way. What it changes is recorded as `entry`.
pub(super) async fn accept(
    app: &AppState,
    grant: &Grant,
    attempt: &Attempt,
    submission: &Submission,
    entry: &Entry,
) -> Result<Response, Problem> {
    let mut tries = 0;
    loop {
        tries += 1;
        match submit_once(app, grant, attempt, submission, entry).await {
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

async fn submit_once(
    app: &AppState,
    grant: &Grant,
    attempt: &Attempt,
    submission: &Submission,
    entry: &Entry,
) -> Result<Response, Failure> {
    let mut tx = app.store.begin_short().await?;
    if let Some(response) = attempt.replay(&mut tx).await? {
        return Ok(response);
    }
    let mut submission = submission.clone();
    let registry = providers::loaded(app, &mut tx).await?;
    let notes = workload::include(&mut tx, &registry, &mut submission)
        .await?
        .map_err(submission::invalid)?
        .into_iter()
        .collect();
    let (status, generation, diff) = match submit::submit(&mut tx, &submission).await? {
        Submitted::Accepted { generation, diff, .. } => (StatusCode::CREATED, generation, Some(diff)),
        Submitted::Unchanged { generation, .. } => (StatusCode::OK, generation, None),
        Submitted::Refused(refusal) => return Err(submission::refused(&submission.name, refusal, grant).into()),
    };
    let row = application::find(&mut *tx, &submission.name)
        .await?
        .ok_or_else(|| Problem::internal(&"the application just submitted is not there"))?;
    if let Some(parent) = traces::current().filter(|_| diff.is_some()) {
        trace::note_generation(&mut *tx, row.id, generation, &parent.to_string()).await?;
    }
    // Runs of a shared resource's owner are not named to those who use it.
    let visible = Visible::Teams(vec![row.team.clone()]);
    let resources: Vec<ResourceView> = resource_list::of_application(&mut *tx, row.id, None, &visible, RESOURCES)
        .await?
        .into_iter()
        .map(|row| ResourceView::of(row, false))
        .collect();
    let failed: Vec<FailedResource> = resources.iter().filter_map(failed).collect();
    let unchanged = diff.is_none();
    let changes = ChangesView::of(diff.unwrap_or_default());
    if !unchanged {
        let done = entry.clone().team(row.team.clone()).after(json!({"generation": generation, "changes": &changes}));
        audit::record(&mut tx, &done).await?;
    }
    let message = match (unchanged, failed.is_empty()) {
        (false, _) => format!("generation {generation} was accepted{}", changes.in_words()),
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
        changes,
        warnings: submission.warnings,
        notes,
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
        run_id: resource.failed_run_id,
        retry: match resource.failed_run_id {
            Some(run) => format!("slipway workflow retry {run}"),
            None => format!("slipway resource retry {}", resource.id),
        },
    })
}
