//! Runs and workers that a test writes to the database itself.

use serde_json::{Map, json};
use shared::{
    domain::{
        ids::{RunId, WorkerId},
        plan::{Plan, PlannedStep, StepType},
        run::{Operation, RunClass, RunKind},
    },
    store::{
        Connection,
        plan::{NewPlan, PlanDigest},
        run::{NewRun, steps_of},
        worker::NewWorker,
    },
};

/// A plan of two steps, `two` after `one`.
#[must_use]
pub fn two_steps() -> Plan {
    let step = |name: &str, depends_on: &[&str]| PlannedStep {
        name: name.into(),
        step_type: StepType { name: "scripted".into(), ..StepType::default() },
        depends_on: depends_on.iter().map(ToString::to_string).collect(),
        timeout_s: 60,
        ..PlannedStep::default()
    };
    Plan { steps: vec![step("one", &[]), step("two", &["one"])], timeout_s: 600, max_parallel: 4, ..Plan::default() }
}

/// Stores a plan that no run is made of yet.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn store_plan(conn: &mut Connection, plan: &Plan) -> anyhow::Result<PlanDigest> {
    let digest = NewPlan::of(plan)?.digest;
    sqlx::query("INSERT INTO plan (digest, body) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(digest)
        .bind(serde_json::to_value(plan)?)
        .execute(conn)
        .await?;
    Ok(digest)
}

/// A run of this plan that belongs to no resource, not written yet.
///
/// # Errors
/// When the plan cannot be written as JSON.
pub fn new_run(plan: &Plan) -> anyhow::Result<NewRun> {
    Ok(NewRun {
        id: RunId::new(),
        kind: RunKind::GoldenPath,
        operation: Operation::Execute,
        resource_id: None,
        application_id: None,
        team: "default".into(),
        provider: "p".into(),
        provider_version: "1.0.0".into(),
        provider_commit: None,
        workflow: "w".into(),
        plan: NewPlan::of(plan)?,
        steps: steps_of(plan),
        inputs: Some(Map::new()),
        reason: None,
        requested_by: "test".into(),
        queue: "default".into(),
        priority: 0,
        class: RunClass::Interactive,
        acts_for: Vec::new(),
    })
}

/// A worker that serves `default`, not registered yet.
#[must_use]
pub fn new_worker(slots: i32) -> NewWorker {
    NewWorker {
        id: WorkerId::new(),
        name: "w".into(),
        host: "h".into(),
        version: "1".into(),
        queues: vec!["default".into()],
        labels: [("zone".to_owned(), "a".to_owned())].into(),
        slots,
        posture: json!({}),
    }
}
