//! Approvals, and steps that wait to be started: listed and decided by people.

use axum::{
    Json,
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::{
    domain::{
        access::Principal,
        approval::{Decider, Decision},
        ids::RunId,
    },
    secrets::token,
    store::{
        approval::{self, Approval, Decided},
        audit,
        waiting::{self, Started},
    },
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    access::Grant,
    audit::Trail,
    error::{Problem, ProblemDetails},
    execute::json_body,
    extract::{Body, Caller, Path, Query},
    idempotency::Attempt,
    page::{Page, Paging, choice},
    state::AppState,
    workflows::location,
};

/// Characters that a reason may have.
const MAX_REASON: usize = 2000;

/// Who decides, as the rule about approvals sees them.
fn decider(caller: &Principal) -> Decider {
    let roles = caller.role_names().map(ToOwned::to_owned).collect();
    Decider { name: caller.name.clone(), roles, teams: caller.teams.iter().cloned().collect() }
}

/// Which approvals to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ApprovalFilter {
    /// `open` when nothing is said; `approved`, `rejected`, `expired`, `withdrawn`, or `all`.
    status: Option<String>,
    /// Of the run of this id.
    run: Option<Uuid>,
    /// Of runs for the application of this name.
    application: Option<String>,
    /// Of runs of this team.
    team: Option<String>,
}

/// A step that waits for a decision, or waited for one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApprovalView {
    /// The run.
    #[schema(value_type = Uuid)]
    pub run_id: RunId,
    /// The step.
    pub step: String,
    /// The run's workflow.
    pub workflow: String,
    /// The workflow's provider.
    pub provider: String,
    /// The application that the run is for.
    pub application: Option<String>,
    /// The resource that it works on.
    pub resource: Option<String>,
    /// The team whose run it is.
    pub team: String,
    /// Who asked for the run.
    pub requested_by: String,
    /// What is to be decided.
    pub message: String,
    /// Roles that may decide; none: approvers.
    pub roles: Vec<String>,
    /// Teams whose people may decide; none: all.
    pub teams: Vec<String>,
    /// `open`, `approved`, `rejected`, `expired` or `withdrawn`.
    pub status: &'static str,
    /// When the step asked.
    pub requested_at: DateTime<Utc>,
    /// When the time to decide is up.
    pub expires_at: Option<DateTime<Utc>>,
    /// What it means when nobody decides: `reject` or `approve`.
    pub on_timeout: String,
    /// When it was decided.
    pub decided_at: Option<DateTime<Utc>>,
    /// By whom.
    pub decided_by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

impl From<Approval> for ApprovalView {
    fn from(row: Approval) -> Self {
        Self {
            run_id: row.run_id,
            step: row.step,
            workflow: row.workflow,
            provider: row.provider,
            application: row.application,
            resource: row.resource,
            team: row.team,
            requested_by: row.requested_by,
            message: token::masked_text(&row.message).into_owned(),
            roles: row.roles,
            teams: row.teams,
            status: row.decision.map_or("open", Decision::as_str),
            requested_at: row.requested_at,
            expires_at: row.expires_at,
            on_timeout: row.on_timeout,
            decided_at: row.decided_at,
            decided_by: row.decided_by,
            reason: row.reason,
        }
    }
}

/// Approvals, those of the newest runs first; the open ones unless another status is asked for.
#[utoipa::path(get, path = "/api/approvals", tag = "approvals", params(ApprovalFilter, Paging),
    responses((status = 200, body = Page<ApprovalView>), (status = 400, body = ProblemDetails)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    grant: Grant,
    Query(filter): Query<ApprovalFilter>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<ApprovalView>>, Problem> {
    let (open, decision) = match filter.status.as_deref() {
        None | Some("open") => (true, None),
        Some("all") => (false, None),
        Some(_) => (false, choice("status", filter.status.as_deref())?),
    };
    let wanted = approval::Filter {
        open,
        decision,
        run_id: filter.run.map(RunId),
        application: filter.application,
        team: filter.team,
        visible: grant.teams().clone(),
    };
    let rows = approval::page(app.store.pool(), &wanted, paging.before()?, paging.rows()?).await?;
    Ok(Json(paging.page(rows, |row| row.step_id.0, ApprovalView::from)?))
}

/// Why it is decided so.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecisionRequest {
    /// For the people who find it decided, and for the steps that come after.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What became of a step that a person decided about.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DecisionAnswer {
    /// The run.
    #[schema(value_type = Uuid)]
    pub run_id: RunId,
    /// The step.
    pub step: String,
    /// `approved`, `rejected` or `started`.
    pub status: &'static str,
}

/// Approves a step that waits for it. The first decision stands.
#[utoipa::path(post, path = "/api/workflows/{id}/steps/{step}/approve", tag = "approvals",
    params(("id" = Uuid, Path), ("step" = String, Path),
           ("Idempotency-Key" = Option<String>, Header, description = "Carries the request out once, however often it is sent")),
    request_body(content = Option<DecisionRequest>, description = "May be empty"),
    responses((status = 200, body = DecisionAnswer), (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails),
              (status = 409, body = ProblemDetails)))]
pub(crate) async fn approve(
    State(app): State<AppState>,
    Caller(caller): Caller,
    trail: Trail,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Path((id, step)): Path<(RunId, String)>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let attempt = Attempt::of(&headers, caller.id, &uri, &body)?;
    decide(&app, &attempt, (&caller, &trail), id, step, true, &body).await
}

/// Rejects a step that waits for approval: it fails. The first decision stands.
#[utoipa::path(post, path = "/api/workflows/{id}/steps/{step}/reject", tag = "approvals",
    params(("id" = Uuid, Path), ("step" = String, Path),
           ("Idempotency-Key" = Option<String>, Header, description = "Carries the request out once, however often it is sent")),
    request_body(content = Option<DecisionRequest>, description = "May be empty"),
    responses((status = 200, body = DecisionAnswer), (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails),
              (status = 409, body = ProblemDetails)))]
pub(crate) async fn reject(
    State(app): State<AppState>,
    Caller(caller): Caller,
    trail: Trail,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Path((id, step)): Path<(RunId, String)>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let attempt = Attempt::of(&headers, caller.id, &uri, &body)?;
    decide(&app, &attempt, (&caller, &trail), id, step, false, &body).await
}

async fn decide(
    app: &AppState,
    attempt: &Attempt,
    (caller, trail): (&Principal, &Trail),
    id: RunId,
    step: String,
    approve: bool,
    body: &[u8],
) -> Result<Response, Problem> {
    let request: DecisionRequest = if body.is_empty() { DecisionRequest::default() } else { json_body(body)? };
    if request.reason.as_ref().is_some_and(|reason| reason.chars().count() > MAX_REASON) {
        return Err(Problem::bad_request(format!("reason: at most {MAX_REASON} characters")));
    }
    let mut tx = app.store.begin().await?;
    if let Some(response) = attempt.replay(&mut tx).await? {
        return Ok(response);
    }
    let decided = approval::decide(&mut tx, id, &step, &decider(caller), approve, request.reason.as_deref()).await?;
    let problem = match decided {
        Decided::Applied => {
            let status = if approve { "approved" } else { "rejected" };
            let after = json!({"step": step, "decision": status, "reason": request.reason});
            audit::record(&mut tx, &trail.entry("approval.decide", format!("run/{id}")).after(after)).await?;
            let answer = DecisionAnswer { run_id: id, step, status };
            let response = attempt.answer(&mut tx, StatusCode::OK, None, &answer).await?;
            crate::commit(tx).await?;
            return Ok(response);
        }
        Decided::Before { decision, by, at } => {
            // That its time was up may have been found only now.
            crate::commit(tx).await?;
            let detail = format!("step '{step}' was {decision} by {by} at {}", at.to_rfc3339());
            Problem::conflict("already-decided", detail).with("decision", decision.as_str()).with("decided_by", by)
        }
        Decided::NotAllowed { roles, teams } => {
            let roles = if roles.is_empty() { "approver".to_owned() } else { roles.join(" or ") };
            let teams = if teams.is_empty() { String::new() } else { format!(" of team {}", teams.join(" or ")) };
            let detail = format!("step '{step}' is for the role {roles}{teams} to decide");
            Problem::new(StatusCode::FORBIDDEN, "not-allowed", detail)
        }
        Decided::NotAsked(status) => {
            let detail = format!("step '{step}' is {status} and asks for no approval");
            Problem::conflict("not-waiting", detail).with("step_status", status.as_str())
        }
        Decided::Unknown => unknown(app, id, &step).await?,
    };
    Err(problem)
}

/// Lets a step begin that waits for a person to say so.
#[utoipa::path(post, path = "/api/workflows/{id}/steps/{step}/start", tag = "approvals",
    params(("id" = Uuid, Path), ("step" = String, Path),
           ("Idempotency-Key" = Option<String>, Header, description = "Carries the request out once, however often it is sent")),
    responses((status = 200, body = DecisionAnswer), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails)))]
pub(crate) async fn start(
    State(app): State<AppState>,
    Caller(caller): Caller,
    trail: Trail,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Path((id, step)): Path<(RunId, String)>,
) -> Result<Response, Problem> {
    let attempt = Attempt::of(&headers, caller.id, &uri, &[])?;
    let mut tx = app.store.begin().await?;
    if let Some(response) = attempt.replay(&mut tx).await? {
        return Ok(response);
    }
    match waiting::start(&mut tx, id, &step, &caller.name).await? {
        Started::Started => {
            let entry = trail.entry("run.start", format!("run/{id}")).after(json!({"step": step}));
            audit::record(&mut tx, &entry).await?;
            let answer = DecisionAnswer { run_id: id, step, status: "started" };
            let response = attempt.answer(&mut tx, StatusCode::OK, None, &answer).await?;
            crate::commit(tx).await?;
            Ok(response)
        }
        Started::NotWaiting(status) => {
            let detail = format!("step '{step}' is {status} and does not wait to be started");
            Err(Problem::conflict("not-waiting", detail).with("step_status", status.as_str()))
        }
        Started::Unknown => Err(unknown(&app, id, &step).await?),
    }
}

/// Says which of the two there is not.
async fn unknown(app: &AppState, id: RunId, step: &str) -> Result<Problem, Problem> {
    let run = shared::store::run_list::status(app.store.pool(), id).await?;
    Ok(match run {
        None => Problem::not_found("workflow run", id),
        Some(_) => {
            let detail = format!("the run {} has no step '{step}'", location(id));
            Problem::new(StatusCode::NOT_FOUND, "not-found", detail)
        }
    })
}
