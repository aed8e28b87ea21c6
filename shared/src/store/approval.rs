//! Approvals: steps that wait for a person's decision.
//!
//! Whoever decides first, a person or the time, holds the run's row and then the approval's: there is one outcome, and the
//! step takes it in the same transaction.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::{
    Result,
    event::{self, NewEvent},
    notify,
    waiting::{self, Resolution},
};
use crate::domain::{
    access::Visible,
    approval::{Decider, Decision, may_decide},
    event as events,
    ids::{ApplicationId, ResourceId, RunId, StepId},
    run::{RunStatus, error_code},
    step::StepStatus,
};

/// An approval and what it is about.
#[derive(Clone, Debug)]
pub struct Approval {
    /// The step that waits.
    pub step_id: StepId,
    /// That step's name.
    pub step: String,
    /// Its run.
    pub run_id: RunId,
    /// The run's workflow.
    pub workflow: String,
    /// The workflow's provider.
    pub provider: String,
    /// The resource that the run works on.
    pub resource: Option<String>,
    /// The application that the run is for.
    pub application: Option<String>,
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
    /// When the step asked.
    pub requested_at: DateTime<Utc>,
    /// When the time to decide is up.
    pub expires_at: Option<DateTime<Utc>>,
    /// What it means when nobody decides: `reject` or `approve`.
    pub on_timeout: String,
    /// How it came out; none while it is open.
    pub decision: Option<Decision>,
    /// When.
    pub decided_at: Option<DateTime<Utc>>,
    /// By whom.
    pub decided_by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// Which approvals to list. What is not set does not restrict.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Open ones only.
    pub open: bool,
    /// That came out like this.
    pub decision: Option<Decision>,
    /// Of this run.
    pub run_id: Option<RunId>,
    /// Of runs for the application of this name.
    pub application: Option<String>,
    /// Of runs of this team.
    pub team: Option<String>,
    /// Of runs of these teams, and those that ask their people.
    pub visible: Visible,
}

/// A page of approvals, those of the newest runs first: those before `before` (a step's id), at most `limit`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn page(
    executor: impl PgExecutor<'_>,
    filter: &Filter,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Approval>> {
    // First which approvals: each part of `found` is for one way of asking, and the others read nothing. One in a hundred runs asks a
    // person, so a team's approvals are found from its runs' ids, unless there are more than 30,000: then they are frequent enough
    // among all. Last what the approvals are about, by keys and one row at a time: a plan that is made once for all limits takes a
    // page for large and joins the tables as a whole.
    Ok(sqlx::query_as!(
        Approval,
        r#"WITH of_teams AS MATERIALIZED (
               SELECT id FROM run WHERE NOT $1 AND $3::uuid IS NULL AND $4::text IS NULL
                                    AND team = ANY (CASE WHEN $5::text IS NULL THEN $8::text[] ELSE ARRAY[$5] END)
               LIMIT 30001),
           found AS MATERIALIZED (
               -- Open ones, of which there are few at a time.
               (SELECT p.* FROM approval p
                WHERE $1 AND $3 IS NULL AND $4 IS NULL AND p.decision IS NULL
                  AND p.step_id < coalesce($6::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
                  AND ($5 IS NULL AND $8 IS NULL OR
                       (SELECT ($5 IS NULL OR run.team = $5) AND ($8 IS NULL OR run.team = ANY ($8) OR p.teams && $8)
                        FROM run WHERE run.id = p.run_id))
                ORDER BY p.step_id DESC LIMIT $7)
               UNION ALL
               -- All, as they come, unless the teams have so few runs that most would be passed over.
               (SELECT p.* FROM approval p
                WHERE NOT $1 AND $3 IS NULL AND $4 IS NULL
                  AND ($5 IS NULL AND $8 IS NULL OR (SELECT count(*) FROM of_teams) > 30000) AND ($2::text IS NULL OR p.decision = $2)
                  AND p.step_id < coalesce($6, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
                  AND ($5 IS NULL AND $8 IS NULL OR
                       (SELECT ($5 IS NULL OR run.team = $5) AND ($8 IS NULL OR run.team = ANY ($8) OR p.teams && $8)
                        FROM run WHERE run.id = p.run_id))
                ORDER BY p.step_id DESC LIMIT $7)
               UNION ALL
               -- Of the few runs of these teams, and those that ask their people.
               SELECT p.* FROM of_teams CROSS JOIN LATERAL (SELECT * FROM approval a WHERE a.run_id = of_teams.id OFFSET 0) p
               WHERE (SELECT count(*) FROM of_teams) <= 30000
               UNION ALL
               SELECT p.* FROM approval p
               WHERE NOT $1 AND $3 IS NULL AND $4 IS NULL AND $5 IS NULL AND $8 IS NOT NULL
                 AND (SELECT count(*) FROM of_teams) <= 30000 AND p.teams <> '{}' AND p.teams && $8
                 AND (SELECT run.team <> ALL ($8) FROM run WHERE run.id = p.run_id)
               UNION ALL
               -- Of one run, or of an application's.
               SELECT p.* FROM approval p WHERE p.run_id = $3
               UNION ALL
               SELECT p.* FROM application a JOIN run ON run.application_id = a.id JOIN approval p ON p.run_id = run.id
               WHERE $3 IS NULL AND a.name = $4)
           SELECT p.step_id AS "step_id!: StepId", step.name AS "step!", p.run_id AS "run_id!: RunId", run.workflow AS "workflow!",
                  run.provider AS "provider!", r.name AS "resource?", a.name AS "application?", run.team AS "team!",
                  run.requested_by AS "requested_by!", p.message AS "message!", p.roles AS "roles!", p.teams AS "teams!",
                  p.requested_at AS "requested_at!", p.expires_at AS "expires_at?", p.on_timeout AS "on_timeout!",
                  p.decision AS "decision?: Decision", p.decided_at AS "decided_at?", p.decided_by AS "decided_by?", p.reason AS "reason?"
           FROM (SELECT * FROM found f
                 WHERE (NOT $1 OR f.decision IS NULL) AND ($2 IS NULL OR f.decision = $2) AND ($6 IS NULL OR f.step_id < $6)
                 ORDER BY f.step_id DESC OFFSET 0) p
           CROSS JOIN LATERAL (SELECT * FROM run WHERE run.id = p.run_id LIMIT 1) run
           CROSS JOIN LATERAL (SELECT * FROM step WHERE step.id = p.step_id LIMIT 1) step
           LEFT JOIN LATERAL (SELECT * FROM resource r WHERE r.id = run.resource_id LIMIT 1) r ON true
           LEFT JOIN LATERAL (SELECT * FROM application a WHERE a.id = run.application_id LIMIT 1) a ON true
           WHERE ($4 IS NULL OR a.name = $4) AND ($5 IS NULL OR run.team = $5)
             AND ($8 IS NULL OR run.team = ANY ($8) OR p.teams && $8)
           ORDER BY p.step_id DESC LIMIT $7"#,
        filter.open,
        filter.decision.map(Decision::as_str),
        filter.run_id.map(|id| id.0),
        filter.application,
        filter.team,
        before,
        limit,
        filter.visible.teams(),
    )
    .fetch_all(executor)
    .await?)
}

/// How many questions wait for a decision, of runs of these teams and those that ask their people (none: all).
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn count_open(executor: impl PgExecutor<'_>, teams: Option<&[String]>) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT coalesce(sum(open), 0)::bigint AS "open!" FROM approval_count
           WHERE $1::text[] IS NULL OR team = ANY ($1) OR asked && $1"#,
        teams,
    )
    .fetch_one(executor)
    .await?)
}

/// What became of a decision.
#[derive(Clone, Debug, PartialEq)]
pub enum Decided {
    /// It stands.
    Applied,
    /// It was decided before, or its time was up.
    Before {
        /// How.
        decision: Decision,
        /// By whom.
        by: String,
        /// When.
        at: DateTime<Utc>,
    },
    /// Only people of these roles and teams may decide.
    NotAllowed {
        /// The roles; none: approvers.
        roles: Vec<String>,
        /// The teams; none: all.
        teams: Vec<String>,
    },
    /// The step asks for no approval now.
    NotAsked(StepStatus),
    /// There is no such run, or it has no such step.
    Unknown,
}

/// Decides about a step that waits for a person: approved, or rejected.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn decide(
    conn: &mut PgConnection,
    run: RunId,
    step: &str,
    who: &Decider,
    approve: bool,
    reason: Option<&str>,
) -> Result<Decided> {
    // The run first: the lock order.
    sqlx::query!("SELECT 1 AS one FROM run WHERE id = $1 FOR NO KEY UPDATE", run.0).fetch_optional(&mut *conn).await?;
    let Some(found) = sqlx::query!(
        r#"SELECT s.id AS "id: StepId", s.status AS "status: StepStatus", p.roles AS "roles?", p.teams AS "teams?", p.on_timeout AS "on_timeout?",
                  p.decision AS "decision?: Decision", p.decided_by, p.decided_at, coalesce(p.expires_at <= now(), false) AS "late!",
                  run.finished_at IS NOT NULL AS "over!"
           FROM step s JOIN run ON run.id = s.run_id LEFT JOIN approval p ON p.step_id = s.id
           WHERE s.run_id = $1 AND s.name = $2"#,
        run.0,
        step,
    )
    .fetch_optional(&mut *conn)
    .await?
    else {
        return Ok(Decided::Unknown);
    };
    let (Some(roles), Some(teams)) = (found.roles, found.teams) else { return Ok(Decided::NotAsked(found.status)) };
    if let (Some(decision), Some(at)) = (found.decision, found.decided_at) {
        return Ok(Decided::Before { decision, by: found.decided_by.unwrap_or_else(|| "system".into()), at });
    }
    if found.over || found.status != StepStatus::Waiting {
        return Ok(Decided::NotAsked(found.status));
    }
    if found.late {
        // Its time was up before anyone said so.
        let decision = expire_one(conn, run, found.id, found.on_timeout.as_deref() == Some("approve")).await?;
        notify(conn).await?;
        return Ok(Decided::Before { decision, by: "system".into(), at: Utc::now() });
    }
    if !may_decide(&roles, &teams, who) {
        return Ok(Decided::NotAllowed { roles, teams });
    }
    let decision = if approve { Decision::Approved } else { Decision::Rejected };
    record(conn, run, found.id, decision, &who.name, reason).await?;
    notify(conn).await?;
    Ok(Decided::Applied)
}

/// Decides about up to `limit` approvals whose time is up. Returns how many.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn expire(conn: &mut PgConnection, limit: i64) -> Result<usize> {
    let due = sqlx::query!(
        r#"SELECT p.step_id AS "step_id: StepId", p.run_id AS "run_id: RunId", p.on_timeout = 'approve' AS "approve!"
           FROM approval p JOIN run ON run.id = p.run_id
           WHERE p.decision IS NULL AND p.expires_at <= now()
           ORDER BY p.expires_at LIMIT $1 FOR NO KEY UPDATE OF run SKIP LOCKED"#,
        limit
    )
    .fetch_all(&mut *conn)
    .await?;
    for one in &due {
        expire_one(conn, one.run_id, one.step_id, one.approve).await?;
    }
    Ok(due.len())
}

async fn expire_one(conn: &mut PgConnection, run: RunId, step: StepId, approve: bool) -> Result<Decision> {
    let decision = if approve { Decision::Approved } else { Decision::Expired };
    record(conn, run, step, decision, "system", Some("nobody decided in time")).await?;
    Ok(decision)
}

/// Records a decision, unless there is one, and gives it to the step. The run is locked.
async fn record(
    conn: &mut PgConnection,
    run: RunId,
    step: StepId,
    decision: Decision,
    by: &str,
    reason: Option<&str>,
) -> Result<()> {
    let Some(decided) = sqlx::query!(
        r#"UPDATE approval SET decision = $2, decided_at = now(), decided_by = $3, reason = $4
           FROM step JOIN run ON run.id = step.run_id
           WHERE approval.step_id = $1 AND decision IS NULL AND step.id = $1
           RETURNING decided_at AS "decided_at!", step.name AS step, run.application_id AS "application_id: ApplicationId",
                     run.resource_id AS "resource_id: ResourceId", run.status AS "status: RunStatus""#,
        step.0,
        decision.as_str(),
        by,
        reason,
    )
    .fetch_optional(&mut *conn)
    .await?
    else {
        return Ok(());
    };
    event::append(
        &mut *conn,
        &[NewEvent {
            kind: events::APPROVAL_DECIDED.into(),
            application_id: decided.application_id,
            resource_id: decided.resource_id,
            run_id: Some(run),
            step: Some(decided.step.clone()),
            actor: Some(by.into()),
            data: json!({"decision": decision, "reason": reason}),
        }],
    )
    .await?;
    if decided.status.is_final() {
        return Ok(());
    }
    let why = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    let resolution = match decision {
        Decision::Approved => {
            let outputs = json!({"approved": true, "by": by, "reason": reason, "at": decided.decided_at});
            let outputs: Map<String, Value> = outputs.as_object().cloned().unwrap_or_default();
            Resolution::Completed { outputs, sensitive: Vec::new() }
        }
        Decision::Rejected => Resolution::failed(error_code::REJECTED, format!("rejected by {by}{why}")),
        Decision::Expired | Decision::Withdrawn => {
            Resolution::failed(error_code::APPROVAL_EXPIRED, "nobody decided in time")
        }
    };
    // A step that waits no more has its outcome already.
    let _ = waiting::resolve(conn, run, step, &resolution, by).await?;
    Ok(())
}
