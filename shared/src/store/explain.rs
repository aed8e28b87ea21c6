//! Why a run or a resource waits: what blocks it, where it stands in line, and how long that may take.

mod blockers;
mod pace;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::{Result, run_list};
use crate::domain::{
    access::Visible,
    explain::Estimate,
    ids::{ResourceId, RunId},
    resource::ResourceState,
    run::{RunStatus, WaitReason},
};

/// What blocks a run is of one of these kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocker {
    /// A run; none: of a team whose runs the asker may not read.
    Run(Option<RunId>),
    /// A resource and its name; none: likewise.
    Resource(Option<(ResourceId, String)>),
    /// A step of the run, by name, and what it waits for.
    Step(String, String),
    /// A queue.
    Queue(String),
    /// A team.
    Team(String),
    /// A limit, as `type/postgres`.
    Limit(String),
    /// A freeze.
    Freeze(String),
}

/// Why something waits.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The run that waits, or is on its way; none: there is none.
    pub run: Option<RunId>,
    /// Where the run stands, or else the resource.
    pub status: String,
    /// Why it waits; none: it does not.
    pub code: Option<WaitReason>,
    /// In words.
    pub what: String,
    /// What blocks it, at most 50 of them.
    pub blocked_by: Vec<Blocker>,
    /// Since when it waits.
    pub since: Option<DateTime<Utc>>,
    /// What would end the wait.
    pub unblocked_by: Option<String>,
    /// Its place in line, from 1; at most 10001 is counted.
    pub position: Option<i64>,
    /// How long it may take.
    pub estimate: Option<Estimate>,
}

impl Explanation {
    fn plain(run: Option<RunId>, status: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            run,
            status: status.into(),
            code: None,
            what: what.into(),
            blocked_by: Vec::new(),
            since: None,
            unblocked_by: None,
            position: None,
            estimate: None,
        }
    }
}

/// Why a run waits, for somebody who may read these teams' runs; none when there is no such run.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn of_run(conn: &mut PgConnection, id: RunId, visible: &Visible) -> Result<Option<Explanation>> {
    let Some(run) = run_list::find_as(&mut *conn, id, visible.clone()).await? else { return Ok(None) };
    let code = run.reason.as_deref().and_then(|reason| reason.parse::<WaitReason>().ok());
    let Some(code) = code.filter(|_| matches!(run.status, RunStatus::Pending | RunStatus::Suspended)) else {
        let what = match run.status {
            RunStatus::Pending | RunStatus::Suspended | RunStatus::Queued => {
                "its turn has come; the next worker with a free slot takes it".to_owned()
            }
            RunStatus::Running => "a worker drives it".to_owned(),
            RunStatus::Completed => "it is over".to_owned(),
            RunStatus::Failed | RunStatus::Cancelled => {
                format!("it is over: {}", run.error_message.or(run.cancel_reason).unwrap_or_default())
            }
        };
        return Ok(Some(Explanation::plain(Some(id), run.status.as_str(), what)));
    };
    let found = blockers::of(&mut *conn, &run, code, visible).await?;
    let (position, estimate) = pace::of(&mut *conn, &run, code).await?;
    Ok(Some(Explanation {
        run: Some(id),
        status: run.status.to_string(),
        code: Some(code),
        what: run.reason_detail.filter(|detail| !detail.is_empty()).unwrap_or_else(|| code.meaning().to_owned()),
        blocked_by: found,
        since: run.waiting_since,
        unblocked_by: Some(code.unblocked_by().to_owned()),
        position,
        estimate,
    }))
}

/// Why a resource is not as it should be yet, for somebody who may read these teams' runs; none when there is no such resource.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn of_resource(conn: &mut PgConnection, id: ResourceId, visible: &Visible) -> Result<Option<Explanation>> {
    let Some(found) = sqlx::query!(
        r#"SELECT r.state AS "state!: ResourceState", r.state_since AS "since!", r.current_run_id AS "run: RunId",
                  r.error_message, r.run_reason AS "reason: WaitReason", r.reconciling AS "reconciling!",
                  run.team AS "run_team?", last.id AS "failed: RunId", last.team AS "failed_team?"
           FROM resource_seen r LEFT JOIN run ON run.id = r.current_run_id LEFT JOIN run last ON last.id = r.failed_run_id
           WHERE r.id = $1"#,
        id.0
    )
    .fetch_optional(&mut *conn)
    .await?
    else {
        return Ok(None);
    };
    if let (Some(run), Some(team)) = (found.run, found.run_team) {
        // A shared resource may be worked on by a run of another team: why it waits is told, and not which one it is.
        let mut told = of_run(&mut *conn, run, &visible.clone().and(&team)).await?;
        if let Some(told) = told.as_mut().filter(|_| !visible.has(&team)) {
            told.run = None;
        }
        return Ok(told);
    }
    if let Some(code) = found.reason {
        let mut told = Explanation::plain(None, found.state.as_str(), code.meaning());
        told.code = Some(code);
        told.blocked_by = blockers::needed_by(&mut *conn, id, visible).await?;
        told.unblocked_by = Some(code.unblocked_by().to_owned());
        told.since = Some(found.since);
        return Ok(Some(told));
    }
    let what = match found.state {
        ResourceState::Requested => "nothing: it is about to be planned".to_owned(),
        ResourceState::Failed => found.error_message.unwrap_or_else(|| "it failed".to_owned()),
        _ if found.reconciling => "nothing: it is about to be compared with what is asked for".to_owned(),
        state => format!("nothing: it is {state}"),
    };
    let mut told = Explanation::plain(None, found.state.as_str(), what);
    if found.state == ResourceState::Failed {
        told.since = Some(found.since);
        told.unblocked_by = Some("somebody who tries it again: `slipway resource retry`".to_owned());
        let may_know = found.failed_team.is_some_and(|team| visible.has(&team));
        told.blocked_by = found.failed.map(|run| Blocker::Run(may_know.then_some(run))).into_iter().collect();
    }
    Ok(Some(told))
}
