//! What people do to a batch.

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::{
    batch as survey,
    domain::{
        access::Visible,
        batch::{BatchStatus, Budget},
        event::{BATCH_ABORTED, BATCH_APPROVAL_VOID, BATCH_APPROVED, BATCH_PAUSED, BATCH_RESUMED, BATCH_ROLLING_BACK},
        states::Applied,
    },
    store::{
        Connection, StoreTransaction, audit,
        batch::{self, Batch, Resumed},
    },
};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{changed, detail, find, unknown, view::BatchDetail};
use crate::{
    access::{Action, Grant},
    audit::Trail,
    error::{Problem, ProblemDetails},
    execute::json_body,
    extract::{Body, Path},
    providers,
    state::AppState,
};

/// What is approved.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApproveRequest {
    /// Hex of the digest of the preview that was looked at.
    digest: String,
}

/// Why.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActRequest {
    /// For whoever wonders.
    #[serde(default)]
    reason: Option<String>,
}

/// How it goes on.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResumeRequest {
    /// How many may fail from now on, a number or a percentage; as before when nothing is said.
    #[serde(default)]
    max_failures: Option<String>,
}

/// An empty body says nothing.
fn optional<T: serde::de::DeserializeOwned + Default>(body: &[u8]) -> Result<T, Problem> {
    if body.iter().all(u8::is_ascii_whitespace) { Ok(T::default()) } else { json_body(body) }
}

/// Refuses who may not approve this batch.
pub(super) async fn may_approve(app: &AppState, grant: &Grant, trail: &Trail, batch: &Batch) -> Result<(), Problem> {
    let visible = grant.visible(Action::BatchApprove).await?;
    in_all_teams(grant, Action::BatchApprove, &visible, batch)?;
    if app.config.batches.second_person && batch.requester_id == trail.caller().id {
        let detail = "whoever asked for a batch does not approve it here (batches.second_person): ask somebody else";
        return Err(Problem::new(StatusCode::FORBIDDEN, "second-person", detail)
            .with("action", Action::BatchApprove.as_str())
            .with("object", format!("batch/{}", batch.id)));
    }
    Ok(())
}

/// Refuses who may not do this in every team that the batch is about.
fn in_all_teams(grant: &Grant, action: Action, visible: &Visible, batch: &Batch) -> Result<(), Problem> {
    let missing: Vec<&str> = batch.teams.iter().filter(|team| !visible.has(team)).map(String::as_str).collect();
    match missing.first() {
        None => Ok(()),
        Some(team) => Err(grant.refused_of(action, "batch", batch.id, team).with("missing_in", missing)),
    }
}

/// Approves what the batch's digest is of.
pub(super) async fn record_approval(conn: &mut Connection, trail: &Trail, batch: &Batch) -> Result<(), Problem> {
    let name = &trail.caller().name;
    applied(batch, batch::approve(&mut *conn, batch.id, &batch.digest, name).await?, "approved")?;
    record(
        conn,
        trail,
        batch,
        "batch.approve",
        json!({"digest": hex::encode(&batch.digest), "resources": batch.total}),
    )
    .await?;
    Ok(batch::tell(conn, batch.id, BATCH_APPROVED, name).await?)
}

async fn record(
    conn: &mut Connection,
    trail: &Trail,
    batch: &Batch,
    action: &str,
    after: Value,
) -> Result<(), Problem> {
    let entry = trail.entry(action, format!("batch/{}", batch.id)).before(json!({"status": batch.status})).after(after);
    Ok(audit::record(conn, &entry).await?)
}

/// Refuses what cannot be done to a batch that stands as it does.
fn applied(batch: &Batch, applied: Applied, done: &str) -> Result<(), Problem> {
    if applied.is_applied() {
        return Ok(());
    }
    Err(Problem::conflict("batch-state", format!("the batch is {}: it cannot be {done}", batch.status))
        .with("status", batch.status.as_str()))
}

/// Approves a batch: it begins, if what would be done is still what the digest is of. Otherwise its preview is made anew, and the
/// answer is 409.
#[utoipa::path(post, path = "/api/batches/{id}/approve", tag = "batches", params(("id" = Uuid, Path)), request_body = ApproveRequest,
    responses((status = 200, body = BatchDetail), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails),
              (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails)))]
pub(crate) async fn approve(
    State(app): State<AppState>,
    grant: Grant,
    trail: Trail,
    Path(id): Path<Uuid>,
    Body(body): Body,
) -> Result<Json<BatchDetail>, Problem> {
    let request: ApproveRequest = json_body(&body)?;
    let (mut tx, batch) = locked(&app, &grant, &trail, id).await?;
    may_approve(&app, &grant, &trail, &batch).await?;
    if !matches!(batch.status, BatchStatus::AwaitingApproval | BatchStatus::ApprovalVoid) {
        applied(&batch, Applied::Stale, "approved")?;
    }
    if hex::encode(&batch.digest) != request.digest {
        return Err(changed("this is not the digest of the batch's preview: look at it again")
            .with("digest", hex::encode(&batch.digest)));
    }
    let registry = providers::loaded(&app, &mut tx).await?;
    if !survey::is_as_approved(&mut tx, &registry, &batch).await? {
        let preview = survey::survey(&mut tx, &registry, &batch).await?;
        survey::plan_ways(&mut tx, &registry, &batch).await?;
        let why = "what would be done has changed since it was looked at: look at the new preview, and approve that";
        let _ = batch::ask_anew(&mut tx, id, why).await?;
        batch::tell(&mut tx, id, BATCH_APPROVAL_VOID, "system").await?;
        crate::commit(tx).await?;
        return Err(changed(why).with("digest", preview.digest));
    }
    record_approval(&mut tx, &trail, &batch).await?;
    done(tx, id).await
}

/// The batch, locked, if the caller may know of it.
async fn locked(app: &AppState, grant: &Grant, trail: &Trail, id: Uuid) -> Result<(StoreTransaction, Batch), Problem> {
    let mut tx = app.store.begin().await?;
    let known = grant.visible(Action::BatchRead).await?;
    find(&mut tx, &known, trail.caller().id, id).await?;
    let batch = batch::lock(&mut tx, id).await?.ok_or_else(|| unknown(id))?;
    in_all_teams(grant, grant.action(), grant.teams(), &batch)?;
    Ok((tx, batch))
}

async fn done(mut tx: StoreTransaction, id: Uuid) -> Result<Json<BatchDetail>, Problem> {
    let detail = detail(&mut tx, id).await?;
    crate::commit(tx).await?;
    Ok(Json(detail))
}

/// The words that a batch keeps about what somebody did.
fn words(done: &str, trail: &Trail, reason: Option<&str>) -> String {
    let reason: String = reason.unwrap_or_default().chars().take(500).collect();
    let colon = if reason.is_empty() { "" } else { ": " };
    format!("{done} by {}{colon}{reason}", trail.caller().name)
}

/// Holds a batch: nothing more of it begins, what runs goes on.
#[utoipa::path(post, path = "/api/batches/{id}/pause", tag = "batches", params(("id" = Uuid, Path)), request_body = Option<ActRequest>,
    responses((status = 200, body = BatchDetail), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails)))]
pub(crate) async fn pause(
    State(app): State<AppState>,
    grant: Grant,
    trail: Trail,
    Path(id): Path<Uuid>,
    Body(body): Body,
) -> Result<Json<BatchDetail>, Problem> {
    let request: ActRequest = optional(&body)?;
    let (mut tx, batch) = locked(&app, &grant, &trail, id).await?;
    let words = words("paused", &trail, request.reason.as_deref());
    applied(&batch, batch::pause(&mut tx, id, &words).await?, "paused")?;
    record(&mut tx, &trail, &batch, "batch.act", json!({"status": "paused", "reason": request.reason})).await?;
    batch::tell(&mut tx, id, BATCH_PAUSED, &trail.caller().name).await?;
    done(tx, id).await
}

/// Lets a batch go on that was paused, or that stopped by itself: what failed until now does not count any more.
#[utoipa::path(post, path = "/api/batches/{id}/resume", tag = "batches", params(("id" = Uuid, Path)), request_body = Option<ResumeRequest>,
    responses((status = 200, body = BatchDetail), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails),
              (status = 409, body = ProblemDetails)))]
pub(crate) async fn resume(
    State(app): State<AppState>,
    grant: Grant,
    trail: Trail,
    Path(id): Path<Uuid>,
    Body(body): Body,
) -> Result<Json<BatchDetail>, Problem> {
    let request: ResumeRequest = optional(&body)?;
    let budget = request.max_failures.as_deref().map(str::parse::<Budget>).transpose();
    let max_failures = budget.map_err(|error| Problem::bad_request(error.to_string()))?;
    let (mut tx, batch) = locked(&app, &grant, &trail, id).await?;
    applied(&batch, batch::resume(&mut tx, id, Resumed { max_failures }).await?, "resumed")?;
    let after = json!({"status": "running", "max_failures": request.max_failures, "failed_so_far": batch.failed});
    record(&mut tx, &trail, &batch, "batch.act", after).await?;
    batch::tell(&mut tx, id, BATCH_RESUMED, &trail.caller().name).await?;
    done(tx, id).await
}

/// Ends a batch: what it has not begun with stays as it is, what runs goes on.
#[utoipa::path(post, path = "/api/batches/{id}/abort", tag = "batches", params(("id" = Uuid, Path)), request_body = Option<ActRequest>,
    responses((status = 200, body = BatchDetail), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails)))]
pub(crate) async fn abort(
    State(app): State<AppState>,
    grant: Grant,
    trail: Trail,
    Path(id): Path<Uuid>,
    Body(body): Body,
) -> Result<Json<BatchDetail>, Problem> {
    let request: ActRequest = optional(&body)?;
    let (mut tx, batch) = locked(&app, &grant, &trail, id).await?;
    let words = words("aborted", &trail, request.reason.as_deref());
    applied(&batch, batch::abort(&mut tx, id, &words).await?, "aborted")?;
    record(&mut tx, &trail, &batch, "batch.act", json!({"status": "aborted", "reason": request.reason})).await?;
    batch::tell(&mut tx, id, BATCH_ABORTED, &trail.caller().name).await?;
    done(tx, id).await
}

/// Takes back what a batch did: each of its resources gets the version and the params that it had, the last one first. Ends the
/// batch.
#[utoipa::path(post, path = "/api/batches/{id}/rollback", tag = "batches", params(("id" = Uuid, Path)), request_body = Option<ActRequest>,
    responses((status = 200, body = BatchDetail), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails)))]
pub(crate) async fn roll_back(
    State(app): State<AppState>,
    grant: Grant,
    trail: Trail,
    Path(id): Path<Uuid>,
    Body(body): Body,
) -> Result<Json<BatchDetail>, Problem> {
    let request: ActRequest = optional(&body)?;
    let (mut tx, batch) = locked(&app, &grant, &trail, id).await?;
    if !batch.can_be_undone() {
        let detail = format!("what '{}' did cannot be taken back; 'update' and 'reprovision' can", batch.operation);
        return Err(Problem::conflict("no-way-back", detail));
    }
    let words = words("rolled back", &trail, request.reason.as_deref());
    applied(&batch, batch::roll_back(&mut tx, id, &words).await?, "rolled back")?;
    record(&mut tx, &trail, &batch, "batch.act", json!({"status": "rolling_back", "reason": request.reason})).await?;
    batch::tell(&mut tx, id, BATCH_ROLLING_BACK, &trail.caller().name).await?;
    done(tx, id).await
}
