//! A database of its own for each test, and a worker on the scripted engine.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::{Map, Value, json};
use shared::{
    archive::Archive,
    config::Config,
    domain::{
        access::Visible,
        ids::{ApplicationId, Fence, ResourceId, RunId},
        plan::{Plan, PlannedStep},
        run::{Operation, RunKind, RunStatus},
        states::Applied,
        step::StepStatus,
    },
    queue::LiveLogs,
    store::{
        Store,
        lease::{self, Claimed},
        log::{self, Line, Selection},
        promote, rescue, resource, resource_list,
        run::{self, NewRun},
        run_list, step, submit,
        worker::{self as workers, NewWorker},
    },
};
use tests::{database::TestDatabase, seed};
use tokio_util::sync::CancellationToken;
use worker::{
    clock::boottime,
    context::Context,
    drive::{self, Over},
    engine::{Engine, scripted::Scripted},
    render::Renderer,
};

/// Longer than any test takes where a lease's end plays no part.
const TTL: u32 = 60;

/// One test's own Postgres database, archive and engine.
pub(crate) struct Stage {
    pub(crate) store: Store,
    pub(crate) engine: Arc<Scripted>,
    pub(crate) config: Config,
    folder: tempfile::TempDir,
    _database: TestDatabase,
}

/// A worker of the stage, keeping its leases.
pub(crate) struct Crew<E = Scripted> {
    pub(crate) cx: Arc<Context<E>>,
    ended: CancellationToken,
}

impl<E> Drop for Crew<E> {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

impl Stage {
    /// Asks for a retry of a run, as a person does.
    pub(crate) async fn retry(&self, run: RunId) -> run::Retry {
        self.retry_from(run, None).await
    }

    /// The same, from a step.
    pub(crate) async fn retry_from(&self, run: RunId, from: Option<&str>) -> run::Retry {
        let mut tx = self.store.begin().await.unwrap();
        let retry = run::retry(&mut tx, run, from, "someone").await.unwrap();
        tx.commit().await.unwrap();
        retry
    }

    pub(crate) async fn new() -> Self {
        let database = TestDatabase::create().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config { database: database.config(), ..Config::default() };
        config.archive.url = format!("file://{}", folder.path().display());
        config.worker.lease_ttl_s = TTL;
        // Nobody listens there: live logs are not what these tests look at.
        config.redis.url = "redis://127.0.0.1:1/0".into();
        Self { store: database.store.clone(), engine: Arc::new(Scripted::new()), config, folder, _database: database }
    }

    /// A directory of the test's own.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// A worker that is registered and keeps its leases.
    pub(crate) async fn crew(&self) -> Crew {
        self.crew_with(self.config.clone()).await
    }

    pub(crate) async fn crew_with(&self, config: Config) -> Crew {
        self.crew_on(config, Arc::clone(&self.engine), "engine-1").await
    }

    /// A worker that keeps no lease longer than it was given, with connections of its own: what it leaves open when it dies
    /// ends within a second.
    pub(crate) async fn crew_that_dies(&self) -> Crew {
        let mut config = self.config.clone();
        config.database.statement_timeout_ms = 1_000;
        let store = Store::connect(&config.database, "slipway-test").unwrap();
        let crew = self.crew_over(config, store, Arc::clone(&self.engine), "engine-1").await;
        crew.ended.cancel();
        crew
    }

    /// The ticket of a run that is queued and has none out.
    pub(crate) async fn due(&self, run: RunId) -> Option<Fence> {
        let due = rescue::due_tickets(self.store.pool(), Duration::from_secs(60), 100).await.unwrap();
        due.into_iter().find(|due| due.run_id == run).map(|due| due.fence)
    }

    /// A worker on an engine of this name.
    pub(crate) async fn crew_on<E: Engine>(&self, config: Config, engine: Arc<E>, engine_id: &str) -> Crew<E> {
        self.crew_over(config, self.store.clone(), engine, engine_id).await
    }

    async fn crew_over<E: Engine>(&self, config: Config, store: Store, engine: Arc<E>, engine_id: &str) -> Crew<E> {
        let archive = Archive::open(&config.archive).unwrap();
        let renderer = Renderer::start(Some(env!("CARGO_BIN_EXE_slipway-worker").into())).unwrap();
        let live = LiveLogs::connect(&config.redis).unwrap();
        let cx = Context::new(config, store, engine, engine_id.into(), archive, renderer, live);
        let new = NewWorker { id: cx.id, posture: json!({"engine_id": engine_id}), ..seed::new_worker(100) };
        workers::register(self.store.pool(), &new).await.unwrap();
        let (cx, ended) = (Arc::new(cx), CancellationToken::new());
        tokio::spawn(Arc::clone(&cx.keeper).run(ended.clone()));
        Crew { cx, ended }
    }

    /// A run of this plan, ready to be promoted.
    pub(crate) async fn run(&self, plan: &Plan, inputs: Value) -> RunId {
        self.run_for(plan, inputs, None).await
    }

    /// A run of this plan of another kind, that belongs to no resource.
    pub(crate) async fn run_of(&self, kind: RunKind, plan: &Plan, inputs: Value) -> RunId {
        let mut tx = self.store.begin().await.unwrap();
        let inputs = Some(inputs.as_object().cloned().unwrap_or_default());
        let new = NewRun { kind, inputs, ..seed::new_run(plan).unwrap() };
        run::create_all(&mut tx, std::slice::from_ref(&new)).await.unwrap();
        tx.commit().await.unwrap();
        new.id
    }

    /// A run of this plan that creates a resource.
    pub(crate) async fn run_for(&self, plan: &Plan, inputs: Value, of: Option<(ApplicationId, ResourceId)>) -> RunId {
        self.run_to(Operation::Create, plan, inputs, of).await
    }

    /// A run of this plan that does something to a resource.
    pub(crate) async fn run_to(
        &self,
        operation: Operation,
        plan: &Plan,
        inputs: Value,
        of: Option<(ApplicationId, ResourceId)>,
    ) -> RunId {
        let id = RunId::new();
        let mut tx = self.store.begin().await.unwrap();
        let new = NewRun {
            id,
            kind: if of.is_some() { RunKind::Resource } else { RunKind::GoldenPath },
            operation: if of.is_some() { operation } else { Operation::Execute },
            resource_id: of.map(|(_, resource)| resource),
            application_id: of.map(|(application, _)| application),
            inputs: Some(inputs.as_object().cloned().unwrap_or_default()),
            ..seed::new_run(plan).unwrap()
        };
        run::create_all(&mut tx, &[new]).await.unwrap();
        if let Some((application_id, resource_id)) = of {
            let attachment = resource::Attachment {
                resource_id,
                application_id,
                run_id: id,
                operation,
                provider: "p".into(),
                provider_version: "1.0.0".into(),
                resolved_params: Some(json!({})),
            };
            resource::attach_all(&mut tx, &[attachment]).await.unwrap();
        }
        tx.commit().await.unwrap();
        id
    }

    /// An application with one resource.
    pub(crate) async fn resource(&self) -> (ApplicationId, ResourceId) {
        let wanted = submit::Wanted {
            kind: "thing".into(),
            identity: "thing.default#app.main".into(),
            params: json!({}),
            annotations: json!({}),
            labels: json!({}),
            ..submit::Wanted::default()
        };
        let submission = submit::Submission {
            name: "app".into(),
            team: None,
            labels: json!({}),
            spec: json!({}),
            digest: [0; 32],
            warnings: json!([]),
            resources: BTreeMap::from([("main".to_owned(), wanted)]),
            choices: submit::Choices::default(),
            ttl_s: None,
            requested_ttl_s: None,
            restores: None,
            workload: None,
            actor: "test".into(),
        };
        let mut tx = self.store.begin().await.unwrap();
        let submitted = submit::submit(&mut tx, &submission).await.unwrap();
        let submit::Submitted::Accepted { id, .. } = submitted else { panic!("{submitted:?}") };
        tx.commit().await.unwrap();
        let filter = resource_list::Filter { visible: Visible::All, ..resource_list::Filter::default() };
        let found = resource_list::page(self.store.pool(), &filter, None, 1).await.unwrap();
        (id, found[0].id)
    }

    /// The ticket of a run, as the scheduler would send it.
    pub(crate) async fn ticket(&self, run: RunId) -> Fence {
        let promoted = promote::promote(self.store.pool(), Duration::from_secs(60), 100).await.unwrap();
        promoted.into_iter().find(|due| due.run_id == run).expect("the run is promoted").fence
    }

    /// The run, claimed by a worker under a ticket's fence.
    pub(crate) async fn claim<E: Engine>(&self, crew: &Crew<E>, run: RunId, fence: Fence) -> (Claimed, Duration) {
        let sent = boottime();
        match lease::claim(self.store.pool(), run, fence, crew.cx.id, crew.cx.ttl()).await.unwrap() {
            Applied::Applied(claimed) => (claimed, sent),
            Applied::Stale => panic!("the ticket is stale"),
        }
    }

    /// Promotes, claims and drives the run.
    pub(crate) async fn drive<E: Engine>(&self, crew: &Crew<E>, run: RunId) -> Over {
        let fence = self.ticket(run).await;
        let (claimed, sent) = self.claim(crew, run, fence).await;
        drive::drive(Arc::clone(&crew.cx), claimed, sent).await
    }

    /// The same on a task of its own, for tests that meddle meanwhile.
    pub(crate) async fn driving<E: Engine>(
        &self,
        crew: &Crew<E>,
        run: RunId,
    ) -> (Claimed, tokio::task::JoinHandle<Over>) {
        let fence = self.ticket(run).await;
        let (claimed, sent) = self.claim(crew, run, fence).await;
        let driving = tokio::spawn(drive::drive(Arc::clone(&crew.cx), claimed.clone(), sent));
        (claimed, driving)
    }

    pub(crate) async fn row(&self, run: RunId) -> run_list::Run {
        run_list::find(self.store.pool(), run).await.unwrap().expect("the run exists")
    }

    pub(crate) async fn status(&self, run: RunId) -> RunStatus {
        self.row(run).await.status
    }

    pub(crate) async fn step(&self, run: RunId, name: &str) -> step::Step {
        let steps = step::list(self.store.pool(), run).await.unwrap();
        steps.into_iter().find(|step| step.name == name).expect("the step exists")
    }

    /// Where all steps stand, by name.
    pub(crate) async fn statuses(&self, run: RunId) -> BTreeMap<String, StepStatus> {
        let steps = step::list(self.store.pool(), run).await.unwrap();
        steps.into_iter().map(|step| (step.name, step.status)).collect()
    }

    /// Returns once the step stands there.
    pub(crate) async fn until(&self, run: RunId, name: &str, status: StepStatus) {
        while self.statuses(run).await.get(name) != Some(&status) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Asks for the run to stop.
    pub(crate) async fn cancel(&self, run: RunId) {
        let mut tx = self.store.begin().await.unwrap();
        run::request_cancel(&mut tx, run, "someone", "not needed").await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) async fn log(&self, run: RunId) -> Vec<Line> {
        log::lines_after(self.store.pool(), run, 0, &Selection::default(), 10_000).await.unwrap()
    }

    /// The log's texts, in order, of what steps printed.
    pub(crate) async fn printed(&self, run: RunId) -> Vec<String> {
        let lines = self.log(run).await;
        lines.into_iter().filter(|line| line.stream == log::LogStream::Stdout).map(|line| line.text).collect()
    }

    /// Returns once the step runs.
    pub(crate) async fn until_running(&self, run: RunId, name: &str) {
        while self.step(run, name).await.status != shared::domain::step::StepStatus::Running {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// A step that does what `script` says, after the steps named.
pub(crate) fn scripted(name: &str, after: &[&str], script: Value) -> PlannedStep {
    let step = json!({
        "name": name,
        "depends_on": after,
        "step_type": {
            "name": "scripted", "version": "1.0.0", "image": "scripted", "grace_s": 1,
            "command": ["{{ toJson .config.script }}"],
            "config_schema": {"type": "object", "required": ["script"]},
        },
        "config": {"script": script},
    });
    serde_json::from_value(step).unwrap()
}

/// A plan of these steps, up to four at once.
pub(crate) fn plan(steps: Vec<PlannedStep>) -> Plan {
    Plan { steps, max_parallel: 4, timeout_s: 600, settings: Map::new(), ..Plan::default() }
}
