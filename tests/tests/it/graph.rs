//! Graphs of what is large or deep, straight from the rows.

use std::collections::{HashMap, HashSet};

use anyhow::Context as _;
use shared::{
    domain::{
        access::Visible,
        ids::{ResourceId, RunId},
        plan::{Plan, PlannedStep, StepType},
    },
    store::graph::{self, EdgeKind, Graph, NodeKind},
};
use sqlx::{PgPool, Row as _};
use tests::{database::TestDatabase, seed};
use uuid::Uuid;

/// Every edge has its ends, and from the first node all others can be reached.
fn assert_in_one_piece(graph: &Graph) {
    let ids: HashSet<&str> = graph.nodes.iter().map(|node| node.id.as_str()).collect();
    let mut next: HashMap<&str, Vec<&str>> = HashMap::new();
    for edge in &graph.edges {
        assert!(ids.contains(edge.from.as_str()) && ids.contains(edge.to.as_str()), "{edge:?}");
        next.entry(&edge.from).or_default().push(&edge.to);
        next.entry(&edge.to).or_default().push(&edge.from);
    }
    let mut reached = HashSet::new();
    let mut open: Vec<&str> = graph.nodes.first().map(|node| node.id.as_str()).into_iter().collect();
    while let Some(id) = open.pop() {
        if reached.insert(id) {
            open.extend(next.get(id).into_iter().flatten());
        }
    }
    assert_eq!(reached.len(), ids.len(), "not in one piece");
}

fn count(graph: &Graph, kind: NodeKind) -> usize {
    graph.nodes.iter().filter(|node| node.kind == kind).count()
}

/// A plan of steps one after another, stored.
async fn chain(database: &TestDatabase, names: &[&str]) -> anyhow::Result<Vec<u8>> {
    let step = |place: usize, name: &str| PlannedStep {
        name: name.into(),
        step_type: StepType { name: "shell".into(), ..StepType::default() },
        depends_on: place.checked_sub(1).map(|before| names[before].to_owned()).into_iter().collect(),
        ..PlannedStep::default()
    };
    let plan =
        Plan { steps: names.iter().enumerate().map(|(place, name)| step(place, name)).collect(), ..Plan::default() };
    let mut tx = database.store.begin().await?;
    let digest = seed::store_plan(&mut tx, &plan).await?;
    tx.commit().await?;
    Ok(digest.to_vec())
}

/// 300 resources, each made by a run of three steps: ten chains of thirty that waited for each other, the last chain the slowest.
async fn large_application(pool: &PgPool, digest: &[u8]) -> anyhow::Result<()> {
    sqlx::raw_sql(
        "CREATE TEMP TABLE n AS SELECT n, n / 30 AS chain, n % 30 AS place, gen_random_uuid() AS resource, gen_random_uuid() AS run
             FROM generate_series(0, 299) n;
         INSERT INTO application (id, name, team, generation) VALUES (gen_random_uuid(), 'large', 't', 1);
         INSERT INTO resource (id, application_id, name, type, identity, shared, state, provider, provider_version)
             SELECT resource, application.id, 'r' || n, 'thing', 'thing.default#large.r' || n, false, 'active', 'p', '1'
             FROM n, application;
         INSERT INTO resource_dependency SELECT a.resource, b.resource FROM n a JOIN n b ON b.chain = a.chain AND b.place = a.place - 1;",
    )
    .execute(pool)
    .await?;
    // Every resource of a chain takes (chain + 1) seconds, one after another.
    sqlx::query(
        "INSERT INTO run (id, root_run_id, kind, operation, resource_id, application_id, team, provider, provider_version, workflow,
                          plan_digest, inputs, status, created_at, started_at, finished_at)
         SELECT run, run, 'resource', 'create', resource, application.id, 't', 'p', '1', 'make', $1, '{}', 'completed', epoch.at,
                epoch.at + make_interval(secs => (chain + 1) * place), epoch.at + make_interval(secs => (chain + 1) * (place + 1))
         FROM n, application, (SELECT now() - interval '1 day' AS at) epoch",
    )
    .bind(digest)
    .execute(pool)
    .await?;
    sqlx::raw_sql(
        "UPDATE resource SET last_run_id = n.run FROM n WHERE n.resource = resource.id;
         INSERT INTO step (id, run_id, name, position, type, status, idempotency_key, started_at, finished_at)
             SELECT gen_random_uuid(), run.id, names.name, names.place, 'shell', 'completed', '', run.started_at, run.finished_at
             FROM run, (VALUES ('one', 0), ('two', 1), ('three', 2)) names (name, place);
         INSERT INTO attempt (step_id, number, run_id, fence, worker_id, status, started_at, finished_at)
             SELECT id, 1, run_id, 1, gen_random_uuid(), 'completed', started_at, finished_at FROM step WHERE name = 'one';",
    )
    .execute(pool)
    .await?;
    Ok(())
}

#[tokio::test]
async fn an_application_of_300_resources_is_one_graph_with_its_slowest_chain() -> anyhow::Result<()> {
    let database = TestDatabase::create().await?;
    let digest = chain(&database, &["one", "two", "three"]).await?;
    // Temporary tables belong to one connection.
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(1).connect(&database.url).await?;
    large_application(&pool, &digest).await?;

    let mut tx = database.store.begin().await?;
    let began = std::time::Instant::now();
    let graph = graph::of_application(&mut tx, "large", &Visible::All).await?.context("no graph")?;
    eprintln!("{} nodes, {} edges in {:?}", graph.nodes.len(), graph.edges.len(), began.elapsed());
    assert_eq!(
        (count(&graph, NodeKind::Resource), count(&graph, NodeKind::Run), count(&graph, NodeKind::Step)),
        (300, 300, 900)
    );
    assert_eq!((count(&graph, NodeKind::Provider), graph.truncated), (1, false));
    assert_in_one_piece(&graph);
    let path: Vec<&str> = graph
        .critical_path
        .nodes
        .iter()
        .filter_map(|id| graph.nodes.iter().find(|node| node.id == *id && node.kind == NodeKind::Resource))
        .map(|node| node.name.as_str())
        .collect();
    let expected: Vec<String> = (270..300).map(|n| format!("r{n}")).collect();
    assert_eq!(path, expected);
    let total = graph.critical_path.running_s + graph.critical_path.waiting_s;
    assert!((total - 300.0).abs() < 1e-6, "thirty runs of ten seconds took {total}");
    assert!(graph.edges.iter().filter(|edge| edge.critical && edge.kind == EdgeKind::Has).count() >= 30);

    let id: Uuid = sqlx::query("SELECT id FROM resource WHERE name = 'r275'").fetch_one(&pool).await?.get(0);
    let graph = graph::of_resource(&mut tx, ResourceId(id), &Visible::All).await?.context("no graph")?;
    assert_eq!((count(&graph, NodeKind::Resource), count(&graph, NodeKind::Run)), (3, 1), "itself and its neighbours");
    assert_in_one_piece(&graph);
    Ok(())
}

#[tokio::test]
async fn a_run_deep_in_a_tree_shows_the_whole_tree() -> anyhow::Result<()> {
    let database = TestDatabase::create().await?;
    let digest = chain(&database, &["start"]).await?;
    let mut runs: Vec<(Uuid, Uuid)> = Vec::new();
    for depth in 0..4i16 {
        let (run, step) = (Uuid::now_v7(), Uuid::now_v7());
        let parent = runs.last().copied();
        sqlx::query(
            "INSERT INTO run (id, root_run_id, kind, operation, team, provider, provider_version, workflow, plan_digest, inputs,
                              parent_run_id, parent_step_id, depth, status, reason)
             VALUES ($1, $2, CASE WHEN $3::uuid IS NULL THEN 'golden_path' ELSE 'child' END, 'execute', 't', 'p', '1', 'w' || $5, $6,
                     '{}', $3, $4, $5, 'suspended', 'WaitingForChild')",
        )
        .bind(run)
        .bind(runs.first().map_or(run, |(root, _)| *root))
        .bind(parent.map(|(run, _)| run))
        .bind(parent.map(|(_, step)| step))
        .bind(depth)
        .bind(&digest)
        .execute(&database.pool)
        .await?;
        sqlx::query(
            "INSERT INTO step (id, run_id, name, position, type, idempotency_key, status, wait)
             VALUES ($1, $2, 'start', 0, 'workflow', '', 'waiting', '{\"kind\": \"child\"}')",
        )
        .bind(step)
        .bind(run)
        .execute(&database.pool)
        .await?;
        runs.push((run, step));
    }
    // A retry of the first run is its neighbour.
    sqlx::query(
        "INSERT INTO run (id, root_run_id, kind, operation, team, provider, provider_version, workflow, plan_digest, inputs, retry_of)
         VALUES ($1, $1, 'golden_path', 'execute', 't', 'p', '1', 'again', $2, '{}', $3)",
    )
    .bind(Uuid::now_v7())
    .bind(&digest)
    .bind(runs[0].0)
    .execute(&database.pool)
    .await?;

    let mut tx = database.store.begin().await?;
    let from_below = graph::of_run(&mut tx, RunId(runs[3].0), &Visible::All).await?.context("no graph")?;
    assert_eq!((count(&from_below, NodeKind::Run), count(&from_below, NodeKind::Step)), (5, 4));
    assert_in_one_piece(&from_below);
    let kinds = |kind| from_below.edges.iter().filter(|edge| edge.kind == kind).count();
    assert_eq!((kinds(EdgeKind::Starts), kinds(EdgeKind::RetriedBy)), (3, 1));
    assert!(from_below.nodes.iter().any(|node| node.reason.as_deref() == Some("child")));
    assert!(graph::of_run(&mut tx, RunId(Uuid::now_v7()), &Visible::All).await?.is_none());
    Ok(())
}
