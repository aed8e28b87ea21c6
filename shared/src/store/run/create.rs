//! Runs, made.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sqlx::PgConnection;

use crate::{
    domain::{
        event as events, group,
        ids::{ApplicationId, ResourceId, RunId, StepId},
        plan::Plan,
        run::{Operation, RunClass, RunKind, WaitReason},
    },
    store::{
        Result,
        plan::{NewPlan, PlanDigest},
    },
};

/// A run to make, `pending`.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// Its id.
    pub id: RunId,
    /// What it is for.
    pub kind: RunKind,
    /// What it does.
    pub operation: Operation,
    /// The resource it works on; set exactly when `kind` is `Resource`.
    pub resource_id: Option<ResourceId>,
    /// The application it is for.
    pub application_id: Option<ApplicationId>,
    /// Whose fair share it uses.
    pub team: String,
    /// Name of the provider.
    pub provider: String,
    /// Version of the provider.
    pub provider_version: String,
    /// Commit of the provider, when it comes from Git.
    pub provider_commit: Option<String>,
    /// Name of the workflow.
    pub workflow: String,
    /// Its plan.
    pub plan: NewPlan,
    /// Names and types of the plan's steps, in order.
    pub steps: Vec<(String, String)>,
    /// Parameters by name; none while they depend on outputs that are not there yet, and then `reason` says so.
    pub inputs: Option<Map<String, Value>>,
    /// Why it cannot go on yet; none when it is ready.
    pub reason: Option<(WaitReason, String)>,
    /// Who asked for it.
    pub requested_by: String,
    /// The queue whose workers serve it.
    pub queue: String,
    /// Higher goes first. Counted from what its queue has, unless a step starts it.
    pub priority: i16,
    /// What kind of work it is. A run that a step starts has the class of its parent, whatever this says.
    pub class: RunClass,
    /// The teams, besides its own, for which its steps may ask for applications: see [`super::acting`].
    pub acts_for: Vec<String>,
}

/// Names and types of a plan's steps, as [`NewRun`] wants them.
#[must_use]
pub fn steps_of(plan: &Plan) -> Vec<(String, String)> {
    plan.steps.iter().map(|step| (step.name.clone(), step.step_type.name.clone())).collect()
}

/// The step that starts a run, whose own run the caller has locked and found live.
#[derive(Clone, Copy, Debug)]
pub struct Parent {
    /// Its run.
    pub run_id: RunId,
    /// The step.
    pub step_id: StepId,
    /// The run at the top.
    pub root_run_id: RunId,
    /// How many runs are above the parent.
    pub depth: i16,
}

/// Makes the runs and their steps, and stores their plans; one round trip however many there are. A run whose plan names a concurrency group
/// waits for the group's turn.
///
/// # Errors
/// When Postgres cannot be reached, or a resource has a live run already (`run_one_live_per_resource`).
pub async fn create_all(conn: &mut PgConnection, runs: &[NewRun]) -> Result<()> {
    if runs.is_empty() {
        return Ok(());
    }
    let groups = groups(runs);
    insert(conn, runs, &groups, None).await
}

/// Makes a run that a step starts. It needs no turn in a group that a run above it has: it would wait for ever.
///
/// # Errors
/// When Postgres cannot be reached, or the step has a live child already (`run_one_live_per_step`).
pub async fn create_child(conn: &mut PgConnection, run: &NewRun, parent: &Parent) -> Result<()> {
    let runs = std::slice::from_ref(run);
    let mut groups = groups(runs);
    if let Some(group) = groups.iter_mut().find(|group| group.is_some())
        && is_held_above(conn, group.as_deref(), parent.run_id).await?
    {
        *group = None;
    }
    sqlx::query!("UPDATE run SET has_children = true WHERE id = $1 AND NOT has_children", parent.run_id.0)
        .execute(&mut *conn)
        .await?;
    insert(conn, runs, &groups, Some(parent)).await
}

/// The group of each run, as far as its inputs are complete.
fn groups(runs: &[NewRun]) -> Vec<Option<String>> {
    let of = |run: &NewRun| {
        let (pattern, settings) = run.plan.group.as_deref()?;
        let inputs = run.inputs.as_ref().filter(|_| run.reason.is_none() && run.kind != RunKind::Preview)?;
        group::name(pattern, inputs, settings)
    };
    runs.iter().map(of).collect()
}

/// Whether a run, or one above it, has the turn of a group.
async fn is_held_above(conn: &mut PgConnection, group: Option<&str>, run: RunId) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"WITH RECURSIVE above AS (
               SELECT id, parent_run_id, concurrency_group FROM run WHERE id = $1
               UNION ALL
               SELECT run.id, run.parent_run_id, run.concurrency_group FROM run JOIN above ON run.id = above.parent_run_id)
           SELECT EXISTS (SELECT FROM above WHERE concurrency_group = $2) AS "held!""#,
        run.0,
        group,
    )
    .fetch_one(conn)
    .await?)
}

async fn insert(
    conn: &mut PgConnection,
    runs: &[NewRun],
    groups: &[Option<String>],
    parent: Option<&Parent>,
) -> Result<()> {
    fn column<T>(runs: &[NewRun], pick: impl Fn(&NewRun) -> T) -> Vec<T> {
        runs.iter().map(pick).collect()
    }
    let (mut ids, mut run_ids, mut names, mut positions, mut types) = (vec![], vec![], vec![], vec![], vec![]);
    for run in runs {
        for (position, (name, kind)) in (0i32..).zip(&run.steps) {
            ids.push(StepId::new().0);
            run_ids.push(run.id.0);
            names.push(name.clone());
            positions.push(position);
            types.push(kind.clone());
        }
    }
    let plans: BTreeMap<PlanDigest, Value> =
        runs.iter().map(|run| (run.plan.digest, Value::clone(&run.plan.body))).collect();
    let told = |run: &NewRun| {
        json!({"operation": run.operation, "workflow": run.workflow, "provider": run.provider,
               "provider_version": run.provider_version, "parent": parent.map(|parent| parent.run_id)})
    };
    sqlx::query!(
        "WITH new AS (
             SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[],
                                  $9::text[], $10::text[], $11::bytea[], $12::jsonb[], $13::text[], $14::text[], $15::text[], $16::text[],
                                  $17::int2[], $18::text[], $23::text[], $24::text[], $30::jsonb[])
                 AS new (id, kind, operation, resource_id, application_id, team, provider, provider_version,
                         provider_commit, workflow, plan_digest, inputs, reason, reason_detail, requested_by, queue, priority,
                         concurrency_group, class, acts_for, told)),
         plans AS (
             INSERT INTO plan (digest, body) SELECT * FROM UNNEST($32::bytea[], $33::jsonb[]) AS plan (digest, body)
             ORDER BY digest ON CONFLICT DO NOTHING),
         made AS (
             INSERT INTO run (id, root_run_id, kind, operation, resource_id, application_id, team, provider, provider_version,
                              provider_commit, workflow, plan_digest, inputs, reason, reason_detail, requested_by, queue, priority,
                              concurrency_group, parent_run_id, parent_step_id, depth, class, acts_for)
             SELECT id, coalesce($21, id), kind, operation, resource_id, application_id, team, provider, provider_version,
                    provider_commit, workflow, plan_digest, inputs,
                    CASE WHEN concurrency_group IS NULL THEN reason ELSE 'ConcurrencyGroup' END, reason_detail, requested_by, queue,
                    -- A run that a step starts has what its parent was given.
                    priority + CASE WHEN $19::uuid IS NULL THEN coalesce((SELECT q.priority FROM queue q WHERE q.name = new.queue), 0::int2) ELSE 0::int2 END,
                    concurrency_group, $19, $20, $22, coalesce((SELECT above.class FROM run above WHERE above.id = $19), class),
                    string_to_array(acts_for, ',')
             FROM new),
         steps AS (
             INSERT INTO step (id, run_id, name, position, type, idempotency_key)
             SELECT id, run_id, name, position, type, run_id || ':' || name
             FROM UNNEST($25::uuid[], $26::uuid[], $27::text[], $28::int[], $29::text[]) AS step (id, run_id, name, position, type)),
         teams AS (INSERT INTO team (name) SELECT DISTINCT team FROM new ON CONFLICT DO NOTHING),
         queues AS (INSERT INTO queue (name) SELECT DISTINCT queue FROM new ON CONFLICT DO NOTHING)
         INSERT INTO event (type, application_id, resource_id, run_id, actor, data)
         SELECT $31, application_id, resource_id, id, requested_by, told FROM new",
        &column(runs, |run| run.id.0),
        &column(runs, |run| run.kind.as_str()) as &[&str],
        &column(runs, |run| run.operation.as_str()) as &[&str],
        &column(runs, |run| run.resource_id.map(|id| id.0)) as &[Option<uuid::Uuid>],
        &column(runs, |run| run.application_id.map(|id| id.0)) as &[Option<uuid::Uuid>],
        &column(runs, |run| run.team.clone()),
        &column(runs, |run| run.provider.clone()),
        &column(runs, |run| run.provider_version.clone()),
        &column(runs, |run| run.provider_commit.clone()) as &[Option<String>],
        &column(runs, |run| run.workflow.clone()),
        &column(runs, |run| run.plan.digest.to_vec()),
        &column(runs, |run| run.inputs.clone().map(Value::Object)) as &[Option<Value>],
        &column(runs, |run| run.reason.as_ref().map(|(reason, _)| reason.as_str())) as &[Option<&str>],
        &column(runs, |run| run.reason.as_ref().map(|(_, detail)| detail.clone())) as &[Option<String>],
        &column(runs, |run| run.requested_by.clone()),
        &column(runs, |run| run.queue.clone()),
        &column(runs, |run| run.priority),
        groups as &[Option<String>],
        parent.map(|parent| parent.run_id.0),
        parent.map(|parent| parent.step_id.0),
        parent.map(|parent| parent.root_run_id.0),
        parent.map_or(0, |parent| parent.depth + 1),
        &column(runs, |run| run.class.as_str()) as &[&str],
        // An array of arrays of different lengths is none in Postgres, and no team has a comma in its name.
        &column(runs, |run| run.acts_for.join(",")),
        &ids,
        &run_ids,
        &names,
        &positions,
        &types,
        &column(runs, told),
        events::RUN_CREATED,
        &plans.keys().map(|digest| digest.to_vec()).collect::<Vec<_>>(),
        &plans.into_values().collect::<Vec<_>>() as &[Value],
    )
    .execute(conn)
    .await?;
    Ok(())
}
