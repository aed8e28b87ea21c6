//! Teams: what each may use, and what it uses.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use chrono::{DateTime, Months, NaiveDate, NaiveTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::{
    domain::quota::Quotas,
    store::{
        audit, notify,
        team::{self, Team, Usage},
    },
};
use utoipa::ToSchema;

use crate::{
    access::Grant,
    audit::Trail,
    error::{Problem, ProblemDetails},
    execute::json_body,
    extract::{Body, Path, Query},
    page::{Page, Paging},
    state::AppState,
};

/// What a team may use. What is null or missing is not bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct QuotasView {
    /// Runs that are queued or run at once. One beyond it waits with the reason `TeamQuota`.
    runs: Option<i32>,
    /// By type: resources that are not gone. A submission that asks for more is refused.
    resources: BTreeMap<String, i32>,
    /// Minutes of processor that steps are given in a calendar month (UTC). Runs wait for the next month then.
    cpu_minutes: Option<i64>,
    /// Bytes of log that steps write in a calendar month (UTC). Likewise.
    log_bytes: Option<i64>,
    /// Bytes kept: workspaces that runs may go on from, finished logs, states. Runs wait until less is kept.
    storage_bytes: Option<i64>,
}

impl From<Quotas> for QuotasView {
    fn from(quotas: Quotas) -> Self {
        let Quotas { runs, resources, cpu_minutes, log_bytes, storage_bytes } = quotas;
        Self { runs, resources, cpu_minutes, log_bytes, storage_bytes }
    }
}

impl From<QuotasView> for Quotas {
    fn from(quotas: QuotasView) -> Self {
        let QuotasView { runs, resources, cpu_minutes, log_bytes, storage_bytes } = quotas;
        Self { runs, resources, cpu_minutes, log_bytes, storage_bytes }
    }
}

/// A team.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TeamView {
    /// Its name.
    name: String,
    /// When it was first named.
    created_at: DateTime<Utc>,
    /// What it may use.
    quotas: QuotasView,
    /// Its share of the slots of a queue, beside those of the other teams that wait: from 1 to 1000. One of weight 3 gets three times
    /// the slots of one of weight 1.
    weight: i16,
}

impl From<Team> for TeamView {
    fn from(row: Team) -> Self {
        Self { name: row.name, created_at: row.created_at, quotas: row.quotas.into(), weight: row.weight }
    }
}

/// What a team uses now. What steps took and what is kept is added up within seconds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsageView {
    /// Runs that are queued or run.
    runs: i64,
    /// Runs that could start, and wait for a slot or for the team's quota.
    ready: i64,
    /// Why ready runs of its wait for its own quota, when they do.
    waits_for: Option<String>,
    /// By type: resources that are not gone, of its applications.
    resources: BTreeMap<String, i64>,
    /// Minutes of processor that its steps were given this month (UTC).
    cpu_minutes: i64,
    /// Bytes of log that its steps wrote this month.
    log_bytes: i64,
    /// When the month is over, and both begin at 0 again.
    month_ends_at: DateTime<Utc>,
    /// Bytes kept.
    storage_bytes: i64,
    /// Those of workspaces that runs may go on from.
    workspace_bytes: i64,
    /// Those of finished logs.
    kept_log_bytes: i64,
    /// Those of states.
    state_bytes: i64,
}

impl From<Usage> for UsageView {
    fn from(usage: Usage) -> Self {
        Self {
            runs: usage.runs,
            ready: usage.ready,
            waits_for: usage.waits_for,
            resources: usage.resources,
            cpu_minutes: usage.cpu_ms / 60_000,
            log_bytes: usage.log_bytes,
            month_ends_at: end_of(usage.month),
            storage_bytes: usage.workspace_bytes + usage.kept_log_bytes + usage.state_bytes,
            workspace_bytes: usage.workspace_bytes,
            kept_log_bytes: usage.kept_log_bytes,
            state_bytes: usage.state_bytes,
        }
    }
}

fn end_of(month: NaiveDate) -> DateTime<Utc> {
    (month.checked_add_months(Months::new(1)).unwrap_or(month)).and_time(NaiveTime::MIN).and_utc()
}

/// A team and what it uses.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TeamAnswer {
    /// The team.
    #[serde(flatten)]
    team: TeamView,
    /// What it uses.
    used: UsageView,
}

/// Teams that were ever named, by name: those whose things the caller may see.
#[utoipa::path(get, path = "/api/teams", tag = "teams", params(Paging),
    responses((status = 200, body = Page<TeamView>), (status = 400, body = ProblemDetails)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    grant: Grant,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<TeamView>>, Problem> {
    let after = paging.after()?;
    let rows = team::page(app.store.pool(), grant.teams().teams(), after.as_deref(), paging.rows()?).await?;
    Ok(Json(paging.page_by_name(rows, |row| &row.name, TeamView::from)?))
}

/// One team: its quotas, and what it uses.
#[utoipa::path(get, path = "/api/teams/{name}", tag = "teams", params(("name" = String, Path)),
    responses((status = 200, body = TeamAnswer), (status = 404, body = ProblemDetails)))]
pub(crate) async fn get(State(app): State<AppState>, Path(name): Path<String>) -> Result<Json<TeamAnswer>, Problem> {
    let found = team::find(app.store.pool(), &name).await?.ok_or_else(|| Problem::not_found("team", &name))?;
    let used = team::usage(app.store.pool(), &name).await?;
    Ok(Json(TeamAnswer { team: found.into(), used: used.into() }))
}

/// A team that nobody named yet can be told of, if that can be its name.
fn fitting(name: &str) -> Result<(), Problem> {
    let unfit = |c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c));
    if !(1..=63).contains(&name.len()) || name.chars().any(unfit) {
        return Err(Problem::not_found("team", name));
    }
    Ok(())
}

/// What is to be changed of a team.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TeamChange {
    /// Its share of the slots of a queue, beside those of the other teams that wait: from 1 to 1000.
    weight: i16,
}

/// Sets a team's share of the slots. From the next slot on that becomes free.
#[utoipa::path(put, path = "/api/teams/{name}", tag = "teams", params(("name" = String, Path)), request_body = TeamChange,
    responses((status = 200, body = TeamAnswer), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails)))]
pub(crate) async fn change(
    State(app): State<AppState>,
    trail: Trail,
    Path(name): Path<String>,
    Body(body): Body,
) -> Result<Json<TeamAnswer>, Problem> {
    fitting(&name)?;
    let TeamChange { weight } = json_body(&body)?;
    if !(1..=1000).contains(&weight) {
        return Err(Problem::bad_request("weight: from 1 to 1000"));
    }
    let mut tx = app.store.begin().await?;
    let before = team::find(&mut *tx, &name).await?.map(|team| json!({"weight": team.weight}));
    team::set_weight(&mut *tx, &name, weight).await?;
    let found = team::find(&mut *tx, &name).await?.ok_or_else(|| Problem::not_found("team", &name))?;
    let used = team::usage(&mut *tx, &name).await?;
    let entry = trail.entry("quota.write", format!("team/{name}")).team(name).after(json!({"weight": weight}));
    audit::record(&mut tx, &entry.before(json!(before))).await?;
    notify(&mut tx).await?;
    crate::commit(tx).await?;
    Ok(Json(TeamAnswer { team: found.into(), used: used.into() }))
}

/// Sets all that a team may use; what is left out is not bounded any more. What runs goes on, what is there stays.
#[utoipa::path(put, path = "/api/teams/{name}/quotas", tag = "teams", params(("name" = String, Path)),
    request_body(content = QuotasView),
    responses((status = 200, body = TeamAnswer), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails)))]
pub(crate) async fn set_quotas(
    State(app): State<AppState>,
    trail: Trail,
    Path(name): Path<String>,
    Body(body): Body,
) -> Result<Json<TeamAnswer>, Problem> {
    fitting(&name)?;
    let quotas = Quotas::from(json_body::<QuotasView>(&body)?);
    if let Some(wrong) = quotas.wrong() {
        return Err(Problem::bad_request(wrong));
    }
    let mut tx = app.store.begin().await?;
    let before = team::find(&mut *tx, &name).await?.map(|team| QuotasView::from(team.quotas));
    team::set_quotas(&mut *tx, &name, &quotas).await?;
    let found = team::find(&mut *tx, &name).await?.ok_or_else(|| Problem::not_found("team", &name))?;
    let used = team::usage(&mut *tx, &name).await?;
    let entry = trail.entry("quota.write", format!("team/{name}")).team(name);
    let entry = entry.before(json!(before)).after(json!(QuotasView::from(found.quotas.clone())));
    audit::record(&mut tx, &entry).await?;
    // Runs that waited for it may go on.
    notify(&mut tx).await?;
    crate::commit(tx).await?;
    Ok(Json(TeamAnswer { team: found.into(), used: used.into() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_ends_when_the_next_begins() {
        let end = end_of(NaiveDate::from_ymd_opt(2026, 12, 1).unwrap());
        assert_eq!(end.to_rfc3339(), "2027-01-01T00:00:00+00:00");
    }
}
