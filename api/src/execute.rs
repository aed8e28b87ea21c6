//! Golden paths: workflows that a person starts.

use axum::{
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use shared::{
    domain::{
        ids::RunId,
        run::{Operation, RunKind},
    },
    formats::{
        problem::{code, did_you_mean, nearest},
        provider::Category,
        registry::{ProviderRecord, WorkflowRecord},
        workflow::{self, Unknown},
    },
    store::{
        notify, plan,
        run::{self, NewRun},
    },
};
use utoipa::ToSchema;

use crate::{
    error::{InputError, Problem, ProblemDetails},
    extract::{Body, Caller},
    idempotency::Attempt,
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
    /// Its provider; needed only when several have a golden path of that name.
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
}

/// Starts a golden path.
#[utoipa::path(post, path = "/api/workflows/execute", tag = "workflows",
    params(("Idempotency-Key" = Option<String>, Header, description = "Carries the request out once, however often it is sent")),
    request_body = ExecuteRequest,
    responses((status = 202, body = RunAccepted, headers(("Location", description = "The run"))), (status = 400, body = ProblemDetails),
              (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails), (status = 422, body = ProblemDetails)))]
pub(crate) async fn execute(
    State(app): State<AppState>,
    Caller(caller): Caller,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    let attempt = Attempt::of(&headers, caller.id, &uri, &body)?;
    let request: ExecuteRequest = json_body(&body)?;
    for (name, value) in [("team", &request.team), ("queue", &request.queue)] {
        if value.as_ref().is_some_and(|value| !is_plain_name(value)) {
            return Err(Problem::bad_request(format!("{name}: up to 63 letters, digits, `-`, `_` and `.`")));
        }
    }
    if !(-100..=100).contains(&request.priority) {
        return Err(Problem::bad_request("priority: from -100 to 100"));
    }
    let mut tx = app.store.begin().await?;
    if let Some(response) = attempt.replay(&mut tx).await? {
        return Ok(response);
    }
    let records = providers::current(&mut tx).await?;
    let (provider, workflow) = find(&records, &request)?;
    let inputs =
        workflow::check_inputs(&workflow.parameters, &request.inputs, Unknown::Refuse).map_err(|mistakes| {
            let detail = mistakes.iter().map(|mistake| mistake.message.clone()).collect::<Vec<_>>().join("; ");
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-inputs", detail)
                .with_errors(mistakes.into_iter().map(InputError::from).collect())
        })?;
    let id = RunId::new();
    let new = NewRun {
        id,
        kind: RunKind::GoldenPath,
        operation: Operation::Execute,
        resource_id: None,
        application_id: None,
        team: request.team.unwrap_or_else(|| "default".into()),
        provider: provider.name.clone(),
        provider_version: provider.version.clone(),
        provider_commit: provider.commit.clone(),
        workflow: workflow.name.clone(),
        plan_digest: plan::store(&mut tx, &workflow.plan).await?,
        steps: run::steps_of(&workflow.plan),
        inputs: Some(inputs),
        reason: None,
        requested_by: caller.name,
        queue: request.queue.unwrap_or_else(|| "default".into()),
        priority: request.priority,
    };
    run::create_all(&mut tx, &[new]).await?;
    notify(&mut tx).await?;
    let accepted = RunAccepted { id, retry_of: None };
    let response = attempt.answer(&mut tx, StatusCode::ACCEPTED, Some(location(id)), &accepted).await?;
    crate::commit(tx).await?;
    Ok(response)
}

fn is_plain_name(name: &str) -> bool {
    (1..=63).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// The one golden path of that name, and its provider.
fn find<'a>(
    records: &'a [ProviderRecord],
    request: &ExecuteRequest,
) -> Result<(&'a ProviderRecord, &'a WorkflowRecord), Problem> {
    let paths = || {
        let of = |record: &'a ProviderRecord| record.workflows.iter().map(move |workflow| (record, workflow));
        records
            .iter()
            .filter(|record| request.provider.as_ref().is_none_or(|provider| *provider == record.name))
            .flat_map(of)
            .filter(|(_, workflow)| workflow.category == Category::GoldenPath)
    };
    let mut found = paths().filter(|(_, workflow)| workflow.name == request.workflow);
    let Some((provider, workflow)) = found.next() else {
        let hint = did_you_mean(&nearest(&request.workflow, paths().map(|(_, workflow)| workflow.name.as_str())));
        let detail = format!("there is no golden path '{}'{hint}", request.workflow);
        return Err(Problem::new(StatusCode::NOT_FOUND, "not-found", detail));
    };
    if let Some((other, _)) = found.next() {
        let detail = format!(
            "the providers '{}' and '{}' both have a golden path '{}'; name one as `provider`",
            provider.name, other.name, request.workflow
        );
        return Err(Problem::conflict("ambiguous", detail));
    }
    if let Some(reason) = &workflow.unavailable {
        let detail = format!("the golden path '{}' cannot run here: {reason}", workflow.name);
        return Err(Problem::conflict("workflow-unavailable", detail));
    }
    Ok((provider, workflow))
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
