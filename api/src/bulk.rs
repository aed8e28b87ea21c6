//! Many runs at once: cancelled or retried in the background, with progress, and stopped when somebody says so.

use axum::{
    Json,
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::{
    domain::{access::Visible, audit::Actor, ids::RunId},
    store::{
        Connection, audit,
        bulk::{self, Bulk, BulkAction, NewBulk},
        run_list::Filter,
    },
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    access::{Action, Grant},
    audit::Trail,
    error::{Problem, ProblemDetails},
    extract::{Body, Caller, Path, Query},
    idempotency::Attempt,
    page::{Page, Paging},
    run_filter::RunFilter,
    state::AppState,
};

/// Runs that one operation may be for.
const MOST: i64 = 50_000;
/// The same, where an instance's own policies have each of them looked at.
const MOST_JUDGED: i64 = 5_000;
/// Runs that it could not be done to, as told with the progress.
const TOLD: i64 = 100;

/// What is to be done to which runs.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulkRequest {
    /// `retry` or `cancel`.
    #[schema(value_type = String, example = "retry")]
    action: BulkAction,
    /// Which runs: the filters of `GET /api/workflows`. Of those, the ones that this can be done to: `retry` is for failed and
    /// cancelled runs that were not retried yet and (unless `kind` says so) were not started by another run; `cancel` for runs
    /// that are not over.
    filter: RunFilter,
    /// How many runs these are, as a dry run says; when they are more or fewer by now, nothing is done.
    #[serde(default)]
    expected_count: Option<i64>,
    /// Says how many runs these are, and does nothing.
    #[serde(default)]
    dry_run: bool,
    /// Why, for the people who find runs cancelled.
    #[serde(default)]
    reason: Option<String>,
}

/// What would be done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BulkPreview {
    /// What would be done.
    #[schema(value_type = String)]
    action: BulkAction,
    /// To how many runs; one more than `most` stands for any number beyond.
    count: i64,
    /// How many runs one operation may be for.
    most: i64,
}

/// An operation on many runs, and how far it is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BulkView {
    /// Its id.
    id: Uuid,
    /// `retry` or `cancel`.
    #[schema(value_type = String, example = "retry")]
    action: BulkAction,
    /// `running`, `stopped` or `finished`.
    status: &'static str,
    /// Which runs were chosen, as it was given.
    #[schema(value_type = Object)]
    filter: Value,
    /// Who asked for it.
    requested_by: String,
    /// How many runs it is for. Which ones was fixed when it was asked for.
    total: i32,
    /// How many are done.
    done: i32,
    /// To how many it could not be done.
    failed: i32,
    /// How many are left; of a stopped one, left undone.
    remaining: i32,
    /// When it was asked for.
    created_at: DateTime<Utc>,
    /// When it was stopped.
    stopped_at: Option<DateTime<Utc>>,
    /// By whom.
    stopped_by: Option<String>,
    /// When it was over.
    finished_at: Option<DateTime<Utc>>,
}

impl From<Bulk> for BulkView {
    fn from(bulk: Bulk) -> Self {
        let status = match (bulk.stopped_at, bulk.finished_at) {
            (Some(_), _) => "stopped",
            (None, Some(_)) => "finished",
            (None, None) => "running",
        };
        Self {
            id: bulk.id,
            action: bulk.action,
            status,
            filter: bulk.filter,
            requested_by: bulk.requested_by,
            total: bulk.total,
            done: bulk.done,
            failed: bulk.failed,
            remaining: bulk.total - bulk.done - bulk.failed,
            created_at: bulk.created_at,
            stopped_at: bulk.stopped_at,
            stopped_by: bulk.stopped_by,
            finished_at: bulk.finished_at,
        }
    }
}

/// A run that it could not be done to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BulkFailure {
    /// The run.
    #[schema(value_type = Uuid)]
    run_id: RunId,
    /// Why.
    detail: String,
}

/// An operation, and what it could not be done to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BulkDetail {
    /// The operation.
    #[serde(flatten)]
    bulk: BulkView,
    /// The first hundred runs that it could not be done to.
    failures: Vec<BulkFailure>,
}

/// Cancels or retries all runs that filters choose. Which ones these are is fixed now; the scheduler does one after the other,
/// each once, and goes on after a crash.
#[utoipa::path(post, path = "/api/workflows/bulk", tag = "workflows", request_body = BulkRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "Carries the request out once, however often it is sent")),
    responses((status = 200, body = BulkPreview, description = "A dry run"),
              (status = 202, body = BulkView, headers(("Location", description = "Its progress"))),
              (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails), (status = 409, body = ProblemDetails),
              (status = 422, body = ProblemDetails)))]
pub(crate) async fn create(
    State(app): State<AppState>,
    grant: Grant,
    trail: Trail,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    let attempt = Attempt::of(&headers, trail.caller().id, &uri, &body)?;
    let request: BulkRequest =
        serde_json::from_slice(&body).map_err(|error| Problem::bad_request(error.to_string()))?;
    let each = match request.action {
        BulkAction::Retry => Action::RunRetry,
        BulkAction::Cancel => Action::RunCancel,
    };
    let filter = request.filter.read(both(grant.teams(), &grant.visible(each).await?))?;
    if filter.visible == Visible::Teams(Vec::new()) {
        // What is not for them one by one is not in bulk either.
        return Err(grant.refused_everywhere(each));
    }
    let most = if grant.looks_at_each() { MOST_JUDGED } else { MOST };
    if request.dry_run {
        let count = bulk::count(app.store.pool(), request.action, &filter, most).await?;
        return Ok(Json(BulkPreview { action: request.action, count, most }).into_response());
    }
    let Some(expected) = request.expected_count else {
        let detail = "expected_count: say how many runs you mean; `dry_run` says how many they are";
        return Err(Problem::bad_request(detail));
    };
    let mut tx = app.store.begin().await?;
    if let Some(response) = attempt.replay(&mut tx).await? {
        return Ok(response);
    }
    let new = new(&grant, &trail, &request, filter).await?;
    let (id, count) = bulk::create(&mut tx, &new, most).await?;
    if count > most {
        let detail =
            format!("the filter chooses more than {most} runs, the most that one operation may be for: narrow it");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "too-many-runs", detail).with("most", most));
    }
    if count != expected {
        let detail =
            format!("{expected} runs were expected and {count} are chosen by now; look again, and ask for {count}");
        return Err(Problem::conflict("count-changed", detail).with("count", count));
    }
    if grant.looks_at_each() {
        judge_each(&mut tx, &grant, each, id).await?;
    }
    let bulk = bulk::page(&mut *tx, Some(id), trail.caller().id, &Visible::All, None, 1).await?.pop();
    let view = BulkView::from(bulk.ok_or_else(|| Problem::internal(&"a bulk operation that was made is not there"))?);
    let after = json!({"action": request.action, "filter": new.shown_filter, "runs": count, "reason": new.reason});
    audit::record(&mut tx, &trail.entry("run.bulk", format!("bulk/{id}")).after(after)).await?;
    let response = attempt.answer(&mut tx, StatusCode::ACCEPTED, Some(format!("/api/bulk/{id}")), &view).await?;
    crate::commit(tx).await?;
    Ok(response)
}

async fn new(grant: &Grant, trail: &Trail, request: &BulkRequest, filter: Filter) -> Result<NewBulk, Problem> {
    let caller = trail.caller();
    let otherwise = || match request.action {
        BulkAction::Retry => String::new(),
        BulkAction::Cancel => format!("cancelled by {}, with others", caller.name),
    };
    let reason = request.reason.clone().unwrap_or_else(otherwise);
    Ok(NewBulk {
        action: request.action,
        filter,
        shown_filter: serde_json::to_value(&request.filter).map_err(|error| Problem::internal(&error))?,
        reason: reason.chars().take(500).collect(),
        actor: Actor::from(caller),
        requester: caller.id,
        origin: trail.origin().clone(),
        acts_for: grant.visible(Action::ApplicationSubmit).await?,
    })
}

/// The teams that are in both.
fn both(one: &Visible, other: &Visible) -> Visible {
    match (one, other) {
        (Visible::All, same) | (same, Visible::All) => same.clone(),
        (Visible::Teams(teams), other) => {
            Visible::Teams(teams.iter().filter(|team| other.has(team)).cloned().collect())
        }
    }
}

/// Takes the runs out that a policy forbids one by one.
async fn judge_each(conn: &mut Connection, grant: &Grant, action: Action, id: Uuid) -> Result<(), Problem> {
    let runs = bulk::open(&mut *conn, id, None, MOST_JUDGED).await?;
    for run in runs {
        if let Some(why) = grant.refusal_of_run(action, run).await? {
            bulk::refuse(&mut *conn, id, run, &why).await?;
        }
    }
    Ok(())
}

/// Operations on many runs: one's own, and those on runs of one's teams alone, newest first.
#[utoipa::path(get, path = "/api/bulk", tag = "workflows", params(Paging),
    responses((status = 200, body = Page<BulkView>), (status = 400, body = ProblemDetails)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    grant: Grant,
    Caller(caller): Caller,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<BulkView>>, Problem> {
    let pool = app.store.pool();
    let rows = bulk::page(pool, None, caller.id, grant.teams(), paging.before()?, paging.rows()?).await?;
    Ok(Json(paging.page(rows, |row| row.id, BulkView::from)?))
}

/// How far an operation is, and what it could not be done to.
#[utoipa::path(get, path = "/api/bulk/{id}", tag = "workflows", params(("id" = Uuid, Path)),
    responses((status = 200, body = BulkDetail), (status = 404, body = ProblemDetails)))]
pub(crate) async fn get(
    State(app): State<AppState>,
    grant: Grant,
    Caller(caller): Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<BulkDetail>, Problem> {
    let pool = app.store.pool();
    let bulk = bulk::page(pool, Some(id), caller.id, grant.teams(), None, 1).await?.pop();
    let bulk = bulk.ok_or_else(|| Problem::not_found("bulk operation", id))?;
    let failures = bulk::failed(pool, id, None, TOLD).await?;
    let failures = failures.into_iter().map(|it| BulkFailure { run_id: it.run_id, detail: it.detail });
    Ok(Json(BulkDetail { bulk: bulk.into(), failures: failures.collect() }))
}

/// Stops an operation: what is not done stays undone.
#[utoipa::path(post, path = "/api/bulk/{id}/stop", tag = "workflows", params(("id" = Uuid, Path)),
    responses((status = 200, body = BulkView), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails)))]
pub(crate) async fn stop(
    State(app): State<AppState>,
    grant: Grant,
    trail: Trail,
    Path(id): Path<Uuid>,
) -> Result<Json<BulkView>, Problem> {
    let mut tx = app.store.begin().await?;
    let caller = trail.caller();
    let unknown = || Problem::not_found("bulk operation", id);
    // Whoever may do the like to all its runs may stop it too.
    if bulk::page(&mut *tx, Some(id), caller.id, grant.teams(), None, 1).await?.is_empty() {
        return Err(unknown());
    }
    if !bulk::stop(&mut *tx, id, &caller.name).await? {
        return Err(Problem::conflict("bulk-over", "the operation is over already"));
    }
    let bulk = bulk::page(&mut *tx, Some(id), caller.id, grant.teams(), None, 1).await?.pop().ok_or_else(unknown)?;
    let after = json!({"stopped": true, "done": bulk.done, "failed": bulk.failed});
    audit::record(&mut tx, &trail.entry("run.bulk", format!("bulk/{id}")).after(after)).await?;
    crate::commit(tx).await?;
    Ok(Json(bulk.into()))
}
