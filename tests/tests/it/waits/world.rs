//! Runs whose steps wait, with a worker and a scheduler played by hand.

use std::time::Duration;

use serde_json::{Map, Value, json};
use shared::{
    domain::{
        approval::Decider,
        ids::{Fence, RunId, StepId, WorkerId},
        plan::{Plan, PlannedStep, StepType},
        run::WaitReason,
        states::Applied,
        step::StepStatus,
    },
    store::{
        approval::{self, Decided},
        lease::{self, Lease, Question, Suspension, Until, Wait},
        promote,
        run::{self, Cancel, NewRun},
        step::{self, Step},
        waiting, worker,
    },
};
use tests::{database::TestDatabase, seed};

const TTL: Duration = Duration::from_secs(30);
const GONE: Duration = Duration::from_secs(3600);

pub(crate) struct World {
    pub(crate) database: TestDatabase,
    worker: WorkerId,
}

/// A plan of scripted steps: (name, what it depends on).
pub(crate) fn plan(steps: &[(&str, &[&str])]) -> Plan {
    let step = |(name, depends_on): &(&str, &[&str])| PlannedStep {
        name: (*name).into(),
        step_type: StepType { name: "scripted".into(), ..StepType::default() },
        depends_on: depends_on.iter().map(ToString::to_string).collect(),
        timeout_s: 60,
        ..PlannedStep::default()
    };
    Plan { steps: steps.iter().map(step).collect(), timeout_s: 600, max_parallel: 4, ..Plan::default() }
}

pub(crate) fn admin(name: &str) -> Decider {
    Decider { name: name.into(), roles: vec!["admin".into()], teams: Vec::new() }
}

impl World {
    pub(crate) async fn new() -> Self {
        let database = TestDatabase::create().await.unwrap();
        let new = seed::new_worker(1000);
        let worker = new.id;
        worker::register(&database.pool, &new).await.unwrap();
        Self { database, worker }
    }

    pub(crate) fn pool(&self) -> &sqlx::PgPool {
        &self.database.pool
    }

    /// A pending run of this plan.
    pub(crate) async fn run(&self, plan: &Plan) -> RunId {
        self.run_with(plan, |_| {}).await
    }

    pub(crate) async fn run_with(&self, plan: &Plan, change: impl FnOnce(&mut NewRun)) -> RunId {
        let mut tx = self.database.store.begin().await.unwrap();
        let mut new = seed::new_run(plan).unwrap();
        change(&mut new);
        let id = new.id;
        run::create_all(&mut tx, &[new]).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    pub(crate) async fn promote(&self) -> Vec<(RunId, Fence)> {
        let promoted = promote::promote(self.pool(), GONE, 100).await.unwrap();
        promoted.into_iter().map(|due| (due.run_id, due.fence)).collect()
    }

    pub(crate) async fn promoted(&self) -> Vec<RunId> {
        self.promote().await.into_iter().map(|(run, _)| run).collect()
    }

    /// Claims a run that is queued, whatever its fence.
    pub(crate) async fn claim(&self, run: RunId) -> Lease {
        self.try_claim(run).await.unwrap_or_else(|| panic!("run {run} cannot be claimed"))
    }

    /// The same, if it is queued.
    pub(crate) async fn try_claim(&self, run: RunId) -> Option<Lease> {
        let fence = sqlx::query_scalar("SELECT fence FROM run WHERE id = $1").bind(run.0).fetch_one(self.pool()).await;
        match lease::claim(self.pool(), run, Fence(fence.unwrap()), self.worker, TTL).await.unwrap() {
            Applied::Applied(claimed) => Some(claimed.lease),
            Applied::Stale => None,
        }
    }

    /// Promotes and claims a run.
    pub(crate) async fn claimed(&self, plan: &Plan) -> (RunId, Lease) {
        let run = self.run(plan).await;
        assert!(self.promoted().await.contains(&run), "promoted");
        (run, self.claim(run).await)
    }

    pub(crate) async fn step(&self, run: RunId, name: &str) -> Step {
        step::list(self.pool(), run).await.unwrap().into_iter().find(|step| step.name == name).unwrap()
    }

    /// Has a step of a run wait, as its worker does.
    pub(crate) async fn wait(&self, lease: Lease, step: &str, what: Value, until: Option<Until>) -> StepId {
        let id = self.step(lease.run_id, step).await.id;
        let approval =
            (what["kind"] == "approval").then(|| Question { message: "go on?".into(), ..Question::default() });
        let wait = Wait { what, until, approval };
        assert!(lease::step_waiting(self.pool(), lease, id, &wait).await.unwrap().is_applied());
        id
    }

    /// Gives the slot back for the steps that wait, as a worker does that knows of so many.
    pub(crate) async fn suspend(&self, lease: Lease, waiting: usize) -> Applied<bool> {
        let steps = step::list(self.pool(), lease.run_id).await.unwrap();
        let waits = steps.into_iter().filter(|step| step.status == StepStatus::Waiting).filter_map(|step| step.wait);
        let kinds: Vec<String> = waits.filter_map(|wait| wait["kind"].as_str().map(str::to_owned)).collect();
        let suspension = Suspension {
            reason: super::told::by_need(&kinds).unwrap_or(WaitReason::WaitingForApproval),
            detail: "a step waits".into(),
            until_s: None,
            waiting,
            cancel_heeded: false,
        };
        lease::suspend(&self.database.store, lease, &suspension).await.unwrap()
    }

    /// A run that is suspended because this step of it waits.
    pub(crate) async fn waiting(&self, plan: &Plan, step: &str, what: Value, until: Option<Until>) -> RunId {
        let (run, lease) = self.claimed(plan).await;
        self.wait(lease, step, what, until).await;
        assert_eq!(self.suspend(lease, 1).await, Applied::Applied(true));
        run
    }

    pub(crate) async fn decide(&self, run: RunId, step: &str, who: &Decider, approve: bool) -> Decided {
        let mut tx = self.database.store.begin().await.unwrap();
        let decided = approval::decide(&mut tx, run, step, who, approve, Some("because")).await.unwrap();
        tx.commit().await.unwrap();
        decided
    }

    pub(crate) async fn start(&self, run: RunId, step: &str) -> waiting::Started {
        let mut tx = self.database.store.begin().await.unwrap();
        let started = waiting::start(&mut tx, run, step, "me").await.unwrap();
        tx.commit().await.unwrap();
        started
    }

    pub(crate) async fn cancel(&self, run: RunId) -> Cancel {
        let mut tx = self.database.store.begin().await.unwrap();
        let cancel = run::request_cancel(&mut tx, run, "me", "not wanted").await.unwrap();
        tx.commit().await.unwrap();
        cancel
    }

    /// The passes of the scheduler that end what only time and other rows end.
    pub(crate) async fn pass(&self) {
        let store = &self.database.store;
        let mut tx = store.begin().await.unwrap();
        waiting::end_due(&mut tx, 100).await.unwrap();
        approval::expire(&mut tx, 100).await.unwrap();
        tx.commit().await.unwrap();
        waiting::tell_parents(store, 100).await.unwrap();
        waiting::cancel_orphans(store, 100).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        shared::store::rescue::end_overdue(&mut tx, 100).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Starts the runs that steps wait for, all of this plan.
    pub(crate) async fn start_children(&self, plan: &Plan) -> Vec<RunId> {
        let mut tx = self.database.store.begin().await.unwrap();
        let mut made = Vec::new();
        for step in waiting::to_start(&mut tx, 100).await.unwrap() {
            let new = NewRun {
                kind: shared::domain::run::RunKind::Child,
                inputs: Some(Map::from_iter([("n".to_owned(), json!(1))])),
                ..seed::new_run(plan).unwrap()
            };
            made.push(new.id);
            waiting::begin_child(&mut tx, &step, new).await.unwrap();
        }
        tx.commit().await.unwrap();
        made
    }

    pub(crate) async fn text(&self, sql: &'static str, id: uuid::Uuid) -> Option<String> {
        sqlx::query_scalar(sql).bind(id).fetch_one(self.pool()).await.unwrap()
    }

    pub(crate) async fn status(&self, run: RunId) -> String {
        self.text("SELECT status FROM run WHERE id = $1", run.0).await.unwrap()
    }

    pub(crate) async fn reason(&self, run: RunId) -> Option<String> {
        self.text("SELECT reason FROM run WHERE id = $1", run.0).await
    }

    pub(crate) async fn execute(&self, sql: &'static str, id: uuid::Uuid) {
        sqlx::query(sql).bind(id).execute(self.pool()).await.unwrap();
    }
}
