//! Why something waits.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use shared::{
    domain::{
        explain::Estimate,
        ids::{ResourceId, RunId},
    },
    secrets::token,
    store::explain::{self, Blocker, Explanation},
};
use utoipa::ToSchema;

use crate::{
    access::Grant,
    error::{Problem, ProblemDetails},
    extract::Path,
    state::AppState,
};

/// Something that blocks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BlockerView {
    /// `run`, `resource`, `step`, `queue`, `team`, `limit` or `freeze`.
    kind: &'static str,
    /// Its id, or its name where names are what such things are known by; null: the caller may not know.
    id: Option<String>,
    /// What to call it.
    name: String,
    /// Where the API tells of it.
    link: Option<String>,
}

impl BlockerView {
    fn of(blocker: Blocker, run: Option<RunId>) -> Self {
        let known = |kind, name: String, link: String| Self { kind, id: Some(name.clone()), name, link: Some(link) };
        match blocker {
            Blocker::Run(Some(id)) => known("run", id.to_string(), format!("/api/workflows/{id}")),
            Blocker::Run(None) => Self { kind: "run", id: None, name: "a run of another team".into(), link: None },
            Blocker::Resource(Some((id, name))) => {
                Self { name, ..known("resource", id.to_string(), format!("/api/resources/{id}")) }
            }
            Blocker::Resource(None) => {
                Self { kind: "resource", id: None, name: "a resource of another team".into(), link: None }
            }
            Blocker::Step(step, waits) => Self {
                kind: "step",
                name: format!("{step}: {waits}"),
                id: Some(step),
                link: run.map(|run| format!("/api/workflows/{run}")),
            },
            Blocker::Queue(name) => {
                let link = format!("/api/queues/{}", segment(&name));
                known("queue", name, link)
            }
            Blocker::Team(name) => {
                let link = format!("/api/teams/{}", segment(&name));
                known("team", name, link)
            }
            Blocker::Limit(name) => {
                let link = name.split_once('/').map(|(kind, name)| format!("/api/limits/{kind}/{}", segment(name)));
                Self { kind: "limit", id: Some(name.clone()), name, link }
            }
            Blocker::Freeze(name) => known("freeze", name, "/api/freezes".into()),
        }
    }
}

/// A name as a piece of a path.
fn segment(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    name.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// A guess.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EstimateView {
    /// From now on.
    seconds: f64,
    /// What it rests on.
    basis: String,
}

impl From<Estimate> for EstimateView {
    fn from(estimate: Estimate) -> Self {
        Self { seconds: estimate.seconds, basis: estimate.basis }
    }
}

/// Why something waits.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExplanationView {
    /// The run that waits, or is on its way; null: there is none, or the caller may not know of it.
    #[schema(value_type = Option<Uuid>)]
    run: Option<RunId>,
    /// Where the run stands, or else the resource.
    status: String,
    /// Why it waits, as `reason` of a run; null: it does not.
    code: Option<String>,
    /// In words.
    what: String,
    /// What blocks it, at most 50 of them.
    blocked_by: Vec<BlockerView>,
    /// Since when it waits.
    since: Option<DateTime<Utc>>,
    /// What would end the wait.
    unblocked_by: Option<String>,
    /// Its place, from 1, among the ready runs of its team in its queue, or among those of its group that wait; 10001: or further back.
    position: Option<i64>,
    /// How long it may take; null: nothing is known.
    estimate: Option<EstimateView>,
}

impl From<Explanation> for ExplanationView {
    fn from(it: Explanation) -> Self {
        let run = it.run;
        Self {
            run,
            status: it.status,
            code: it.code.map(|code| code.to_string()),
            what: token::masked_text(&it.what).into_owned(),
            blocked_by: it.blocked_by.into_iter().map(|blocker| BlockerView::of(blocker, run)).collect(),
            since: it.since,
            unblocked_by: it.unblocked_by,
            position: it.position,
            estimate: it.estimate.map(EstimateView::from),
        }
    }
}

/// Why a run waits: the code, what blocks it, what would end the wait, and how long that may take.
#[utoipa::path(get, path = "/api/workflows/{id}/explain", tag = "workflows", params(("id" = Uuid, Path)),
    responses((status = 200, body = ExplanationView), (status = 404, body = ProblemDetails)))]
pub(crate) async fn of_run(
    State(app): State<AppState>,
    grant: Grant,
    Path(id): Path<RunId>,
) -> Result<Json<ExplanationView>, Problem> {
    let visible = grant.mentions_with_owner().await?;
    let mut tx = app.store.begin().await?;
    let found = explain::of_run(&mut tx, id, &visible).await?;
    Ok(Json(found.ok_or_else(|| Problem::not_found("workflow run", id))?.into()))
}

/// Why a resource is not as it should be yet: what its run waits for, or what it waits for itself.
#[utoipa::path(get, path = "/api/resources/{id}/explain", tag = "resources", params(("id" = Uuid, Path)),
    responses((status = 200, body = ExplanationView), (status = 404, body = ProblemDetails)))]
pub(crate) async fn of_resource(
    State(app): State<AppState>,
    grant: Grant,
    Path(id): Path<ResourceId>,
) -> Result<Json<ExplanationView>, Problem> {
    let visible = grant.mentions().await?;
    let mut tx = app.store.begin().await?;
    let found = explain::of_resource(&mut tx, id, &visible).await?;
    Ok(Json(found.ok_or_else(|| Problem::not_found("resource", id))?.into()))
}
