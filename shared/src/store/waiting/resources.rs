//! Steps that wait for resources which they ask for by a Score file, or that are to be gone.
//!
//! Asking takes the application's name first and the step's run then, as every change of an application does, and is noted
//! in the step in the same transaction: a second pass finds that it was done.

use serde_json::{Map, Value, json};
use sqlx::{PgConnection, PgExecutor};

use super::{Resolution, resolve};
use crate::{
    domain::{
        ids::{RunId, StepId},
        run::error_code,
        wait::Asked,
    },
    store::{
        Result,
        application::{self, Deletion},
        run,
        submit::{self, Refusal, Submission, Submitted},
    },
};

/// Bytes that the outputs of all resources together may have in a step's outputs, written as JSON.
const MAX_OUTPUTS: usize = 64 * 1024;

/// A step that is to ask for resources.
#[derive(Clone, Debug)]
pub struct ToAsk {
    /// The step.
    pub step_id: StepId,
    /// The step's run.
    pub run_id: RunId,
    /// `step.wait`.
    pub wait: Value,
    /// The team of the run.
    pub team: String,
    /// Who asked for the run.
    pub requested_by: String,
    /// Teams beside it that the run may act for.
    pub acts_for: Vec<String>,
}

impl ToAsk {
    fn may_act_for(&self, team: &str) -> bool {
        run::acts_for(&self.team, &self.acts_for, team)
    }
}

/// Up to `limit` steps that are to ask for resources and have not.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn to_ask(executor: impl PgExecutor<'_>, limit: i64) -> Result<Vec<ToAsk>> {
    Ok(sqlx::query_as!(
        ToAsk,
        r#"SELECT s.id AS "step_id: StepId", s.run_id AS "run_id: RunId", s.wait AS "wait!", run.team, run.requested_by,
                  -- What starts with a run may do no more than it.
                  coalesce((SELECT root.acts_for FROM run root WHERE root.id = run.root_run_id), '{}') AS "acts_for!"
           FROM step s JOIN run ON run.id = s.run_id
           WHERE s.status = 'waiting' AND s.wait ->> 'kind' IN ('child', 'resources') AND NOT (s.wait ? 'run' OR s.wait ? 'asked')
             AND s.wait ->> 'kind' = 'resources' AND run.finished_at IS NULL
           ORDER BY s.id LIMIT $1"#,
        limit
    )
    .fetch_all(executor)
    .await?)
}

/// What became of asking.
#[derive(Clone, Debug, PartialEq)]
pub enum AskOutcome {
    /// It is noted in the step.
    Asked,
    /// Nothing was written: roll back, and say so in the step.
    Refused(Refusal),
    /// Nothing was written: there is no such application, or it may not be deleted, for this reason.
    Undeletable(String),
    /// Nothing was written: the step waits no more, was served before, or another scheduler is at it.
    Stale,
}

/// Locks the run of a step that has not asked yet.
async fn lock(conn: &mut PgConnection, step: &ToAsk) -> Result<bool> {
    let found = sqlx::query_scalar!(
        "SELECT 1 AS one FROM run WHERE id = $1 AND finished_at IS NULL FOR NO KEY UPDATE SKIP LOCKED",
        step.run_id.0
    )
    .fetch_optional(&mut *conn)
    .await?;
    if found.is_none() {
        return Ok(false);
    }
    let waits = sqlx::query_scalar!(
        r#"SELECT status = 'waiting' AND NOT wait ? 'asked' AS "waits!" FROM step WHERE id = $1"#,
        step.step_id.0
    );
    Ok(waits.fetch_one(conn).await?)
}

async fn note(conn: &mut PgConnection, step: &ToAsk, asked: &Asked) -> Result<()> {
    sqlx::query!("UPDATE step SET wait = wait || $2 WHERE id = $1", step.step_id.0, json!({"asked": asked}))
        .execute(conn)
        .await?;
    Ok(())
}

/// Submits what a step asks for. Commit unless it was refused.
///
/// # Errors
/// When Postgres cannot be reached, or another change of the application got in between
/// ([`crate::store::StoreError::is_conflict`]): roll back and try again.
pub async fn ask_create(conn: &mut PgConnection, step: &ToAsk, submission: &Submission) -> Result<AskOutcome> {
    application::lock_name(conn, &submission.name).await?;
    if !lock(conn, step).await? {
        return Ok(AskOutcome::Stale);
    }
    if let Some(team) = submission.team.as_ref().filter(|team| !step.may_act_for(team)) {
        return Ok(AskOutcome::Refused(Refusal::OtherTeam(team.clone())));
    }
    let (application_id, generation) = match submit::submit(conn, submission).await? {
        Submitted::Accepted { id, generation, .. } | Submitted::Unchanged { id, generation } => (id, generation),
        Submitted::Refused(refusal) => return Ok(AskOutcome::Refused(refusal)),
    };
    note(conn, step, &Asked { application_id, application: submission.name.clone(), generation }).await?;
    Ok(AskOutcome::Asked)
}

/// Deletes the application that a step names. Commit unless it was refused.
///
/// # Errors
/// As [`ask_create`].
pub async fn ask_delete(conn: &mut PgConnection, step: &ToAsk, name: &str) -> Result<AskOutcome> {
    application::lock_name(conn, name).await?;
    if !lock(conn, step).await? {
        return Ok(AskOutcome::Stale);
    }
    // Another team's is none that the run may know of.
    let found = application::find(&mut *conn, name).await?.filter(|found| step.may_act_for(&found.team));
    let Some(found) = found else {
        return Ok(AskOutcome::Undeletable(format!("there is no application '{name}'")));
    };
    let asked = Asked { application_id: found.id, application: found.name, generation: found.generation };
    match application::delete(conn, name, &step.requested_by).await? {
        Deletion::Requested { .. } | Deletion::Underway | Deletion::Done => {}
        Deletion::Protected { application: true, .. } => {
            return Ok(AskOutcome::Undeletable(format!("application '{name}' is protected from deletion")));
        }
        Deletion::Protected { resources, .. } => {
            let what =
                format!("resources of application '{name}' are protected from deletion: {}", resources.join(", "));
            return Ok(AskOutcome::Undeletable(what));
        }
        // It was deleted before: gone is gone.
        Deletion::Unknown if found.delete_requested_at.is_some() => {}
        Deletion::Unknown => return Ok(AskOutcome::Undeletable(format!("there is no application '{name}'"))),
    }
    note(conn, step, &asked).await?;
    Ok(AskOutcome::Asked)
}

/// Fails a step from [`to_ask`] that cannot have what it asks for.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn fail_asking(conn: &mut PgConnection, step: &ToAsk, code: &'static str, message: &str) -> Result<()> {
    if lock(conn, step).await? {
        // It was found waiting under the lock of its run.
        let _ = resolve(conn, step.run_id, step.step_id, &Resolution::failed(code, message), "system").await?;
    }
    Ok(())
}

/// Ends the waits of up to `limit` steps whose resources are all there, or gone, or one of which failed. Returns how many.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn settle(conn: &mut PgConnection, limit: i64) -> Result<usize> {
    let over = sqlx::query!(
        r#"SELECT s.id AS "id: StepId", s.run_id AS "run_id: RunId", s.wait -> 'asked' AS "asked!",
                  coalesce(s.wait ->> 'operation', 'create') = 'delete' AS "delete!",
                  a.delete_requested_at IS NOT NULL AS "leaving!", stand.failed, stand.outputs, coalesce(stand.sensitive, false) AS "sensitive!"
           FROM step s
           JOIN run ON run.id = s.run_id
           JOIN application a ON a.id = (s.wait -> 'asked' ->> 'application_id')::uuid
           CROSS JOIN LATERAL (
               -- A shared resource belongs to one application and is used by several; what is leaving has no users any more.
               SELECT string_agg(format('%s (%s)', r.name, r.error_message), '; ')
                          FILTER (WHERE r.state = 'failed' AND r.retry_requested_at IS NULL AND r.reconcile_requested_at IS NULL) AS failed,
                      coalesce(bool_and(r.state IN ('active', 'degraded') AND r.reconcile_requested_at IS NULL AND r.desired = 'present'), true)
                          AS made,
                      jsonb_object_agg(r.name, r.outputs) AS outputs, bool_or(cardinality(r.sensitive_outputs) > 0) AS sensitive
               FROM resource r
               WHERE r.state <> 'terminated'
                 AND CASE WHEN a.delete_requested_at IS NULL
                          THEN r.id IN (SELECT resource_id FROM resource_user u WHERE u.application_id = a.id)
                          ELSE r.application_id = a.id AND r.desired = 'absent' END) stand
           WHERE s.status = 'waiting' AND s.wait ->> 'kind' = 'resources' AND s.wait ? 'asked' AND run.finished_at IS NULL
             AND (stand.failed IS NOT NULL
                  OR CASE WHEN s.wait ->> 'operation' = 'delete' THEN a.deleted_at IS NOT NULL
                          ELSE stand.made OR a.delete_requested_at IS NOT NULL END)
           ORDER BY s.id LIMIT $1 FOR NO KEY UPDATE OF run SKIP LOCKED"#,
        limit
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut ended = 0;
    for step in over {
        let asked: Option<Asked> = serde_json::from_value(step.asked).ok();
        let name = asked.as_ref().map_or("", |asked| asked.application.as_str());
        let resolution = match (&step.failed, step.delete, step.leaving) {
            (Some(failed), ..) => {
                let message = format!("resources of application '{name}' failed: {failed}");
                Resolution::failed(error_code::CHILD_FAILED, message)
            }
            (None, false, true) => {
                let message = format!("application '{name}' is being deleted");
                Resolution::failed(error_code::CHILD_FAILED, message)
            }
            (None, ..) => {
                let resources = if step.delete { Value::Null } else { step.outputs.unwrap_or(Value::Null) };
                completed(asked.as_ref(), resources, step.sensitive)
            }
        };
        ended += usize::from(resolve(&mut *conn, step.run_id, step.id, &resolution, "system").await?.is_applied());
    }
    Ok(ended)
}

/// What a step gives back once its resources are there. Were they more than a step may give back, they are left out; a step
/// that needs them can ask for each.
fn completed(asked: Option<&Asked>, resources: Value, sensitive: bool) -> Resolution {
    let mut outputs = Map::new();
    if let Some(asked) = asked {
        outputs.insert("application".into(), json!(asked.application));
        outputs.insert("generation".into(), json!(asked.generation));
    }
    let resources = if resources.is_object() { resources } else { json!({}) };
    let fits = resources.to_string().len() <= MAX_OUTPUTS;
    outputs.insert("resources".into(), if fits { resources } else { json!({}) });
    if !fits {
        outputs.insert("resources_left_out".into(), json!(true));
    }
    Resolution::Completed { outputs, sensitive: if sensitive { vec!["resources".into()] } else { Vec::new() } }
}
