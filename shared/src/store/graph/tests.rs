use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::{
    Graph, NodeKind,
    build::{self, Of},
    rows::{Application, Resource, Rows, Run, Step},
};
use crate::domain::{
    ids::{ApplicationId, ResourceId, RunId, StepId},
    resource::ResourceState,
    run::{Operation, RunKind, RunStatus},
    step::StepStatus,
};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
}

fn run(id: RunId, digest: &[u8]) -> Run {
    Run {
        id,
        kind: RunKind::GoldenPath,
        operation: Operation::Execute,
        resource_id: None,
        application_id: None,
        provider: "p".into(),
        provider_version: "1".into(),
        workflow: "w".into(),
        plan_digest: digest.to_vec(),
        status: RunStatus::Completed,
        reason: None,
        error_code: None,
        parent_run_id: None,
        parent_step_id: None,
        retry_of: None,
        created_at: at(0),
        started_at: Some(at(1)),
        finished_at: Some(at(100)),
    }
}

/// Ran from `from` to `to`, of which its tries took `tried`.
fn step(run_id: RunId, name: &str, from: i64, to: i64, tried: Option<f64>) -> Step {
    Step {
        id: StepId::new(),
        run_id,
        name: name.into(),
        kind: "shell".into(),
        status: StepStatus::Completed,
        parent: None,
        inherited: false,
        reason: None,
        asked_id: None,
        started_at: Some(at(from)),
        finished_at: Some(at(to)),
        tried_s: tried,
    }
}

fn resource(application_id: ApplicationId, name: &str, run: Option<RunId>) -> Resource {
    Resource {
        id: ResourceId::new(),
        application_id,
        name: name.into(),
        kind: "postgres".into(),
        class: None,
        state: ResourceState::Active,
        error_code: None,
        provider: Some("p".into()),
        provider_version: Some("1".into()),
        current_run_id: None,
        last_run_id: run,
        created_at: at(0),
    }
}

fn names(graph: &Graph) -> Vec<String> {
    let of = |id: &String| graph.nodes.iter().find(|node| node.id == *id).map(|node| node.name.clone());
    graph.critical_path.nodes.iter().filter_map(of).collect()
}

#[test]
fn the_slow_side_of_a_diamond_is_critical_and_waits_are_told_from_work() {
    let id = RunId::new();
    let order = HashMap::from([
        ("slow".to_owned(), vec!["first".to_owned()]),
        ("fast".to_owned(), vec!["first".to_owned()]),
        ("last".to_owned(), vec!["slow".to_owned(), "fast".to_owned()]),
    ]);
    let steps = vec![
        step(id, "first", 1, 11, Some(10.0)),
        // Tried twice for 20 s in all, and backed off in between.
        step(id, "slow", 12, 62, Some(20.0)),
        step(id, "fast", 12, 20, Some(8.0)),
        step(id, "last", 70, 100, Some(30.0)),
    ];
    let rows = Rows {
        now: at(200),
        runs: vec![run(id, b"d")],
        steps,
        orders: HashMap::from([(b"d".to_vec(), order)]),
        ..Rows::default()
    };
    let graph = build::graph(&rows, Of::Run(id));
    assert_eq!(names(&graph), ["w", "first", "slow", "last"]);
    assert_eq!((graph.critical_path.running_s, graph.critical_path.waiting_s), (60.0, 40.0));
    let slow = graph.nodes.iter().find(|node| node.name == "slow").unwrap();
    assert_eq!((slow.running_s, slow.waiting_s), (Some(20.0), Some(31.0)));
    assert!(graph.nodes.iter().any(|node| node.name == "fast" && !node.critical));
}

#[test]
fn the_path_goes_on_in_the_run_that_a_step_waited_for() {
    let (parent, child) = (RunId::new(), RunId::new());
    let starter = Step { kind: "workflow".into(), ..step(parent, "starter", 1, 90, None) };
    let below = Run {
        kind: RunKind::Child,
        workflow: "below".into(),
        parent_run_id: Some(parent),
        parent_step_id: Some(starter.id),
        created_at: at(2),
        started_at: Some(at(10)),
        finished_at: Some(at(80)),
        ..run(child, b"d")
    };
    let rows = Rows {
        now: at(200),
        steps: vec![starter, step(child, "work", 10, 80, Some(70.0))],
        runs: vec![run(parent, b"d"), below],
        ..Rows::default()
    };
    let graph = build::graph(&rows, Of::Run(parent));
    assert_eq!(names(&graph), ["w", "starter", "below", "work"]);
    assert_eq!((graph.critical_path.running_s, graph.critical_path.waiting_s), (70.0, 30.0));
}

#[test]
fn the_path_of_an_application_goes_through_the_resources_that_waited_for_each_other() {
    let application = ApplicationId::new();
    let (a, b, c) = (RunId::new(), RunId::new(), RunId::new());
    let resources = vec![
        resource(application, "db", Some(a)),
        resource(application, "reader", Some(b)),
        resource(application, "cache", Some(c)),
    ];
    let ran = |id: RunId, name: &str, from: i64, to: i64| Run {
        workflow: name.into(),
        started_at: Some(at(from)),
        finished_at: Some(at(to)),
        ..run(id, b"d")
    };
    let rows = Rows {
        now: at(200),
        needs: vec![(resources[0].id, resources[1].id)],
        runs: vec![ran(a, "make-db", 2, 42), ran(b, "make-reader", 45, 65), ran(c, "make-cache", 1, 51)],
        resources,
        ..Rows::default()
    };
    let graph = build::graph(&rows, Of::Application(application));
    assert_eq!(names(&graph), ["db", "make-db", "reader", "make-reader"]);
    // Two seconds before the first, three before the second, whose run was made at the very beginning.
    assert_eq!((graph.critical_path.running_s, graph.critical_path.waiting_s), (60.0, 5.0));
}

#[test]
fn a_run_that_never_began_has_a_graph_too() {
    let id = RunId::new();
    let waiting = Run { status: RunStatus::Pending, started_at: None, finished_at: None, ..run(id, b"d") };
    let pending =
        Step { status: StepStatus::Pending, started_at: None, finished_at: None, ..step(id, "one", 0, 0, None) };
    let rows = Rows { now: at(9), runs: vec![waiting], steps: vec![pending], ..Rows::default() };
    let graph = build::graph(&rows, Of::Run(id));
    assert_eq!(graph.nodes[1].waiting_s, Some(9.0));
    assert_eq!(graph.edges.len(), 2, "provider to run to step: {:?}", graph.edges);
}

/// A tree of runs, each with steps, of which some are elements of loops; what is below may be missing, as if it had been pruned.
fn trees() -> impl Strategy<Value = Rows> {
    let one = (1usize..6, any::<u8>(), prop::collection::vec((any::<u8>(), any::<u8>(), 0i64..50, 0i64..50), 0..8));
    prop::collection::vec(one, 1..12).prop_map(|runs| {
        let application = ApplicationId::new();
        let mut rows = Rows { now: at(500), ..Rows::default() };
        for (number, (of, parent, steps)) in runs.into_iter().enumerate() {
            let id = RunId::new();
            let digest = vec![number as u8];
            let mut new = run(id, &digest);
            if number > 0 {
                let above = &rows.runs[parent as usize % rows.runs.len()];
                let candidates: Vec<StepId> =
                    rows.steps.iter().filter(|step| step.run_id == above.id).map(|step| step.id).collect();
                new.kind = RunKind::Child;
                new.parent_run_id = Some(above.id);
                // A step that is not among the rows, where the parent has none.
                new.parent_step_id = Some(*candidates.get(of % candidates.len().max(1)).unwrap_or(&StepId::new()));
            } else if parent % 3 == 0 {
                let known = resource(application, "r", Some(id));
                new.resource_id = Some(if parent % 2 == 0 { known.id } else { ResourceId::new() });
                rows.resources.push(known);
                rows.applications.push(Application {
                    id: application,
                    name: "a".into(),
                    generation: 1,
                    created_at: at(0),
                    delete_requested_at: None,
                    deleted_at: None,
                });
                rows.uses.push((application, rows.resources[0].id));
            }
            let mut order: HashMap<String, Vec<String>> = HashMap::new();
            for (place, (first, shape, from, length)) in steps.into_iter().enumerate() {
                let mut new = step(id, &format!("s{place}"), from, from + length, Some(length as f64));
                match shape % 5 {
                    0 if place > 0 => new.parent = Some(format!("s{}", first as usize % place)),
                    // Names of steps that are there, that are not, and of itself.
                    1 | 2 => drop(order.insert(new.name.clone(), vec![format!("s{}", first % 9)])),
                    3 => (new.started_at, new.finished_at, new.tried_s) = (None, None, None),
                    _ => new.inherited = true,
                }
                rows.steps.push(new);
            }
            rows.orders.insert(digest, order);
            rows.runs.push(new);
        }
        rows
    })
}

proptest! {
    #[test]
    fn every_edge_names_nodes_that_exist_and_the_graph_of_a_run_is_in_one_piece(rows in trees()) {
        let root = rows.runs[0].id;
        // A resource or an application that is not the run's would be an island that no query gives.
        let known = rows.runs[0].resource_id.is_none_or(|id| rows.resources.iter().any(|resource| resource.id == id));
        let rows = if known { rows } else { Rows { resources: Vec::new(), applications: Vec::new(), ..rows } };
        let graph = build::graph(&rows, Of::Run(root));
        let ids: HashSet<&str> = graph.nodes.iter().map(|node| node.id.as_str()).collect();
        prop_assert_eq!(ids.len(), graph.nodes.len(), "two nodes with one id");
        for edge in &graph.edges {
            prop_assert!(ids.contains(edge.from.as_str()) && ids.contains(edge.to.as_str()), "{:?}", edge);
        }
        prop_assert!(graph.critical_path.nodes.iter().all(|id| ids.contains(id.as_str())));
        prop_assert!(graph.critical_path.waiting_s >= 0.0 && graph.critical_path.running_s >= 0.0);
        prop_assert_eq!(graph.nodes.iter().filter(|node| node.kind == NodeKind::Step).count(), rows.steps.len());

        let mut reached = HashSet::from([graph.nodes[0].id.as_str()]);
        loop {
            let before = reached.len();
            for edge in &graph.edges {
                if reached.contains(edge.from.as_str()) || reached.contains(edge.to.as_str()) {
                    reached.extend([edge.from.as_str(), edge.to.as_str()]);
                }
            }
            if reached.len() == before {
                break;
            }
        }
        prop_assert_eq!(reached.len(), graph.nodes.len(), "not in one piece: {:#?}", graph);
    }
}
