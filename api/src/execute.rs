//! Golden paths, started; and dry runs of them.

use axum::{
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use shared::{
    domain::{
        ids::RunId,
        run::{Operation, RunClass, RunKind},
    },
    formats::{
        problem::{Problem as Mistake, code, did_you_mean, nearest},
        provider::Category,
        registry::{ProviderRecord, Registry, WorkflowRecord},
        workflow::{self, Parameter, Unknown},
    },
    secrets::token,
    store::{
        Connection, audit, notify,
        plan::NewPlan,
        run::{self, NewRun},
        trace,
    },
    traces,
};
use utoipa::ToSchema;

use crate::{
    access::{Action, Grant},
    audit::Trail,
    error::{InputError, Problem, ProblemDetails},
    extract::{Body, Path},
    golden_paths::expected,
    idempotency::Attempt,
    preview::{self, PreviewAnswer},
    providers,
    state::AppState,
    workflows::{RunAccepted, location},
};

/// Which golden path to start, and with what.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExecuteRequest {
    /// Name of the golden path. `golden_path` means the same.
    #[serde(alias = "golden_path")]
    workflow: String,
    /// Its provider, or `NAME@VERSION`; needed only when several have a golden path of that name.
    #[serde(default)]
    provider: Option<String>,
    /// Values for its parameters.
    #[serde(default)]
    #[schema(value_type = Object)]
    inputs: Map<String, Value>,
    /// The team whose share it uses; `default` when nothing is said.
    #[serde(default)]
    team: Option<String>,
    /// The queue it goes through; `default` when nothing is said.
    #[serde(default)]
    queue: Option<String>,
    /// Higher goes first, from -100 to 100.
    #[serde(default)]
    priority: i16,
    /// Shows what would be run, and runs nothing.
    #[serde(default)]
    dry_run: bool,
}

/// What to start a golden path with.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunRequest {
    /// Its provider, or `NAME@VERSION`; needed only when several have a golden path of that name.
    #[serde(default)]
    provider: Option<String>,
    /// Values for its parameters.
    #[serde(default)]
    #[schema(value_type = Object)]
    inputs: Map<String, Value>,
    /// The team whose share it uses; `default` when nothing is said.
    #[serde(default)]
    team: Option<String>,
    /// The queue it goes through; `default` when nothing is said.
    #[serde(default)]
    queue: Option<String>,
    /// Higher goes first, from -100 to 100.
    #[serde(default)]
    priority: i16,
    /// Shows what would be run, and runs nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Starts a golden path. With `dry_run` it answers with the plan: steps, order, rendered configuration, images, privileges,
/// conditions and what is unknown until run time; nothing is run.
#[utoipa::path(post, path = "/api/workflows/execute", tag = "workflows",
    params(("Idempotency-Key" = Option<String>, Header, description = "Carries the request out once, however often it is sent")),
    request_body = ExecuteRequest,
    responses((status = 200, description = "The plan of a dry run", body = PreviewAnswer),
              (status = 202, body = RunAccepted, headers(("Location", description = "The run"))), (status = 400, body = ProblemDetails),
              (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails), (status = 422, body = ProblemDetails)))]
pub(crate) async fn execute(
    State(app): State<AppState>,
    grant: Grant,
    trail: Trail,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    let caller = trail.caller();
    let attempt = Attempt::of(&headers, caller.id, &uri, &body)?;
    let ExecuteRequest { workflow, provider, inputs, team, queue, priority, dry_run } = json_body(&body)?;
    let request = RunRequest { provider, inputs, team, queue, priority, dry_run };
    start(&app, &grant, &attempt, &trail, &workflow, request).await
}

/// Starts a golden path, or with `dry_run` answers with its plan.
#[utoipa::path(post, path = "/api/golden-paths/{name}/run", tag = "golden paths",
    params(("name" = String, Path),
           ("Idempotency-Key" = Option<String>, Header, description = "Carries the request out once, however often it is sent")),
    request_body(content = Option<RunRequest>, description = "May be empty"),
    responses((status = 200, description = "The plan of a dry run", body = PreviewAnswer),
              (status = 202, body = RunAccepted, headers(("Location", description = "The run"))), (status = 400, body = ProblemDetails),
              (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails), (status = 422, body = ProblemDetails)))]
pub(crate) async fn run_golden_path(
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
    start(&app, &grant, &attempt, &trail, &name, optional_body(&body)?).await
}

async fn start(
    app: &AppState,
    grant: &Grant,
    attempt: &Attempt,
    trail: &Trail,
    name: &str,
    request: RunRequest,
) -> Result<Response, Problem> {
    for (field, value) in [("team", &request.team), ("queue", &request.queue)] {
        if value.as_ref().is_some_and(|value| !is_plain_name(value)) {
            return Err(Problem::bad_request(format!("{field}: up to 63 letters, digits, `-`, `_` and `.`")));
        }
    }
    if !(-100..=100).contains(&request.priority) {
        return Err(Problem::bad_request("priority: from -100 to 100"));
    }
    let team = grant.team(request.team.as_deref())?.unwrap_or_else(|| "default".into());
    let acting = grant.visible(Action::ApplicationSubmit).await?;
    let mut tx = app.store.begin_short().await?;
    if let Some(response) = attempt.replay(&mut tx).await? {
        return Ok(response);
    }
    let registry = providers::loaded(app, &mut tx).await?;
    let (provider, workflow) = find(&registry, name, request.provider.as_deref())?;
    if let Some(reason) = &workflow.unavailable {
        let detail = format!("the golden path '{}' cannot run here: {reason}", workflow.name);
        return Err(Problem::conflict("workflow-unavailable", detail));
    }
    if let Some((name, _)) = request.inputs.iter().find(|(_, value)| token::find(value).is_some()) {
        let detail =
            format!("inputs: '{name}' holds a text that is how Slipway writes a sealed value, and cannot be given");
        return Err(Problem::bad_request(detail));
    }
    let mut inputs = workflow::check_inputs(&workflow.parameters, &request.inputs, Unknown::Refuse)
        .map_err(|mistakes| unfit(mistakes, &workflow.parameters))?;
    let id = RunId::new();
    for parameter in workflow.parameters.iter().filter(|parameter| parameter.sensitive) {
        if let Some(value) = inputs.get_mut(&parameter.name) {
            app.seals.seal_value(&app.store, &team, id.0, value).await?;
        }
    }
    let new = NewRun {
        id,
        kind: if request.dry_run { RunKind::Preview } else { RunKind::GoldenPath },
        operation: Operation::Execute,
        resource_id: None,
        application_id: None,
        team,
        provider: provider.name.clone(),
        provider_version: provider.version.clone(),
        provider_commit: provider.commit.clone(),
        workflow: workflow.name.clone(),
        plan: NewPlan::of(&workflow.plan)?,
        steps: run::steps_of(&workflow.plan),
        inputs: Some(inputs),
        reason: None,
        requested_by: trail.caller().name.clone(),
        queue: request.queue.unwrap_or_else(|| "default".into()),
        priority: request.priority,
        class: RunClass::Interactive,
        acts_for: run::acting(&acting),
    };
    let id = new.id;
    let entry = trail.entry("golden_path.run", format!("run/{id}")).team(new.team.clone()).after(json!({
        "workflow": new.workflow, "provider": new.provider, "version": new.provider_version,
        "inputs": new.inputs.iter().flat_map(Map::keys).collect::<Vec<_>>(),
        "queue": new.queue, "priority": new.priority, "dry_run": request.dry_run,
    }));
    audit::record(&mut tx, &entry).await?;
    let accepted = create(&mut tx, attempt, new).await?;
    crate::commit(tx).await?;
    if request.dry_run { preview::answer(app, id, accepted).await } else { Ok(accepted) }
}

/// Notes the trace that a new run belongs to, when there is one.
pub(crate) async fn belongs(conn: &mut Connection, run: RunId) -> Result<(), Problem> {
    if let Some(parent) = traces::current() {
        trace::note_run(conn, run, &parent.to_string()).await?;
    }
    Ok(())
}

/// Makes the run, and the answer that it was accepted.
pub(crate) async fn create(conn: &mut Connection, attempt: &Attempt, new: NewRun) -> Result<Response, Problem> {
    let id = new.id;
    run::create_all(&mut *conn, &[new]).await?;
    accepted(conn, attempt, id).await
}

/// The answer that a run which was just made is accepted.
pub(crate) async fn accepted(conn: &mut Connection, attempt: &Attempt, id: RunId) -> Result<Response, Problem> {
    belongs(&mut *conn, id).await?;
    notify(&mut *conn).await?;
    let accepted = RunAccepted { id, retry_of: None };
    attempt.answer(conn, StatusCode::ACCEPTED, Some(location(id)), &accepted).await
}

/// Everything that is wrong with the inputs at once, each with what was expected.
fn unfit(mistakes: Vec<Mistake>, parameters: &[Parameter]) -> Problem {
    let detail = mistakes.iter().map(|mistake| mistake.message.clone()).collect::<Vec<_>>().join("; ");
    let about = |mistake: &Mistake| {
        let name = mistake.path.strip_prefix('/')?;
        let parameter = parameters.iter().find(|parameter| parameter.name == name)?;
        Some((parameter.name.clone(), Value::String(expected(parameter))))
    };
    let expected: Map<String, Value> = mistakes.iter().filter_map(about).collect();
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-inputs", detail)
        .with("expected", expected)
        .with_errors(mistakes.into_iter().map(InputError::from).collect())
}

fn is_plain_name(name: &str) -> bool {
    (1..=63).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// The golden paths of the providers, each in the version that serves by default.
pub(crate) fn all(registry: &Registry) -> impl Iterator<Item = (&ProviderRecord, &WorkflowRecord)> {
    registry.serving().flat_map(of_provider)
}

fn of_provider(record: &ProviderRecord) -> impl Iterator<Item = (&ProviderRecord, &WorkflowRecord)> {
    let paths = record.workflows.iter().filter(|workflow| workflow.category == Category::GoldenPath);
    paths.map(move |workflow| (record, workflow))
}

/// The one golden path of that name, available or not, and its provider. A `provider` may be `NAME@VERSION`.
pub(crate) fn find<'a>(
    registry: &'a Registry,
    name: &str,
    provider: Option<&str>,
) -> Result<(&'a ProviderRecord, &'a WorkflowRecord), Problem> {
    let paths: Vec<_> = match provider {
        None => all(registry).collect(),
        Some(provider) => {
            let (provider, version) = match provider.split_once('@') {
                Some((provider, version)) => (provider, Some(version)),
                None => (provider, None),
            };
            registry.provider(provider, version).into_iter().flat_map(of_provider).collect()
        }
    };
    let mut found = paths.iter().filter(|(_, workflow)| workflow.name == name);
    let Some(&(provider, workflow)) = found.next() else {
        let hint = did_you_mean(&nearest(name, paths.iter().map(|(_, workflow)| workflow.name.as_str())));
        let of = provider.map(|provider| format!(" of the provider '{provider}'")).unwrap_or_default();
        let detail = format!("there is no golden path '{name}'{of}{hint}");
        return Err(Problem::new(StatusCode::NOT_FOUND, "not-found", detail));
    };
    if let Some((other, _)) = found.next() {
        let detail = format!(
            "the providers '{}' and '{}' both have a golden path '{name}'; name one as `provider`",
            provider.name, other.name
        );
        return Err(Problem::conflict("ambiguous", detail));
    }
    Ok((provider, workflow))
}

/// Reads a JSON body that may be left out.
pub(crate) fn optional_body<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, Problem> {
    if body.is_empty() { Ok(T::default()) } else { json_body(body) }
}

/// Reads a JSON body.
pub(crate) fn json_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        let mistake = InputError {
            code: code::SYNTAX,
            path: String::new(),
            line: u32::try_from(error.line()).ok(),
            column: u32::try_from(error.column()).ok(),
            message: error.to_string(),
        };
        Problem::bad_request(format!("the body is not what this route takes: {error}")).with_errors(vec![mistake])
    })
}
