//! From rows to nodes and edges.

use std::collections::{HashMap, HashSet};

use super::{
    CriticalPath, Edge, EdgeKind, Graph, Node, NodeKind,
    chain::{self, Search},
    rows::{Application, Resource, Rows, Run, Step},
    timing::{self, StepsOf, Times, before},
};
use crate::domain::{
    ids::{ApplicationId, ResourceId, RunId, StepId},
    resource::ResourceState,
    run::RunKind,
};

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Application(ApplicationId),
    Resource(ResourceId),
    Run(RunId),
}

pub(super) fn application_node(id: ApplicationId) -> String {
    format!("application/{id}")
}
pub(super) fn resource_node(id: ResourceId) -> String {
    format!("resource/{id}")
}
pub(super) fn provider_node(name: &str, version: &str) -> String {
    format!("provider/{name}@{version}")
}
pub(super) fn run_node(id: RunId) -> String {
    format!("run/{id}")
}
pub(super) fn step_node(id: StepId) -> String {
    format!("step/{id}")
}

pub(super) fn graph(rows: &Rows, of: Of) -> Graph {
    let mut steps_of: StepsOf<'_> = HashMap::new();
    for step in &rows.steps {
        steps_of.entry(step.run_id).or_default().push(step);
    }
    let times = timing::of(rows, &steps_of);
    let mut nodes = Vec::new();
    nodes.extend(rows.applications.iter().map(|it| application(it, rows, of)));
    nodes.extend(rows.resources.iter().map(resource));
    nodes.extend(providers(rows));
    nodes.extend(rows.runs.iter().map(|it| run(it, &times)));
    nodes.extend(rows.steps.iter().map(|it| step(it, &times)));

    let path = Search::new(rows, &times, &steps_of).critical(of);
    let critical: HashSet<&str> = path.nodes.iter().map(String::as_str).collect();
    nodes.iter_mut().for_each(|node| node.critical = critical.contains(node.id.as_str()));
    let known: HashSet<&str> = nodes.iter().map(|node| node.id.as_str()).collect();
    let followed = chain::pairs(&path.nodes);
    let mut seen = HashSet::new();
    let mut edges = Vec::new();
    for (from, to, kind) in links(rows, &steps_of) {
        // What was pruned, or fell to a limit, has no node.
        if known.contains(from.as_str()) && known.contains(to.as_str()) && seen.insert((from.clone(), to.clone(), kind))
        {
            let critical = followed.contains(&(from.as_str(), to.as_str()));
            edges.push(Edge { from, to, kind, critical });
        }
    }
    let critical_path = CriticalPath { waiting_s: path.time.waiting, running_s: path.time.running, nodes: path.nodes };
    Graph { nodes, edges, critical_path, truncated: rows.truncated }
}

fn node(id: String, kind: NodeKind, name: &str) -> Node {
    Node {
        id,
        kind,
        name: name.to_owned(),
        detail: None,
        status: None,
        reason: None,
        started_at: None,
        finished_at: None,
        waiting_s: None,
        running_s: None,
        critical: false,
    }
}

fn application(it: &Application, rows: &Rows, of: Of) -> Node {
    let whole = of == Of::Application(it.id);
    let all = |state: ResourceState| rows.resources.iter().all(|resource| resource.state == state);
    let status = match (it.deleted_at, it.delete_requested_at) {
        (Some(_), _) => Some("deleted"),
        (None, Some(_)) => Some("deleting"),
        // Elsewhere not all of its resources are there to be asked.
        (None, None) if !whole => None,
        (None, None) if rows.resources.iter().any(|it| it.state == ResourceState::Failed) => Some("failed"),
        (None, None) if all(ResourceState::Active) => Some("active"),
        (None, None) => Some("progressing"),
    };
    Node {
        detail: Some(format!("generation {}", it.generation)),
        status: status.map(str::to_owned),
        started_at: Some(it.created_at),
        finished_at: it.deleted_at,
        ..node(application_node(it.id), NodeKind::Application, &it.name)
    }
}

fn resource(it: &Resource) -> Node {
    let kind = it.class.as_ref().map_or_else(|| it.kind.clone(), |class| format!("{}.{class}", it.kind));
    Node {
        detail: Some(kind),
        status: Some(it.state.to_string()),
        reason: it.error_code.clone(),
        started_at: Some(it.created_at),
        ..node(resource_node(it.id), NodeKind::Resource, &it.name)
    }
}

fn providers(rows: &Rows) -> Vec<Node> {
    let of_runs = rows.runs.iter().map(|run| (run.provider.as_str(), run.provider_version.as_str()));
    let of_resources = rows.resources.iter().filter_map(served_by);
    let mut seen = HashSet::new();
    let each = of_resources.chain(of_runs).filter(|it| seen.insert(*it));
    each.map(|(name, version)| Node {
        detail: Some(version.to_owned()),
        ..node(provider_node(name, version), NodeKind::Provider, name)
    })
    .collect()
}

fn served_by(resource: &Resource) -> Option<(&str, &str)> {
    resource.provider.as_deref().zip(resource.provider_version.as_deref())
}

fn run(it: &Run, times: &Times) -> Node {
    let time = times.runs.get(&it.id);
    let detail = if it.kind == RunKind::Preview { "preview".to_owned() } else { it.operation.to_string() };
    Node {
        detail: Some(detail),
        status: Some(it.status.to_string()),
        reason: it.error_code.clone().or_else(|| it.reason.clone()),
        started_at: it.started_at,
        finished_at: it.finished_at,
        waiting_s: time.map(|time| time.waiting),
        running_s: time.map(|time| time.running),
        ..node(run_node(it.id), NodeKind::Run, &it.workflow)
    }
}

fn step(it: &Step, times: &Times) -> Node {
    let time = times.steps.get(&it.id);
    Node {
        detail: Some(it.kind.clone()),
        status: Some(it.status.to_string()),
        reason: it.reason.clone(),
        started_at: it.started_at,
        finished_at: it.finished_at,
        waiting_s: time.map(|time| time.waiting),
        running_s: time.map(|time| time.running),
        ..node(step_node(it.id), NodeKind::Step, &it.name)
    }
}

/// Every pair that the rows speak of, whether it has nodes or not.
fn links(rows: &Rows, steps_of: &StepsOf<'_>) -> Vec<(String, String, EdgeKind)> {
    let mut links = Vec::new();
    for &(application, resource) in &rows.uses {
        links.push((application_node(application), resource_node(resource), EdgeKind::Uses));
    }
    for &(first, then) in &rows.needs {
        links.push((resource_node(first), resource_node(then), EdgeKind::Precedes));
    }
    for resource in &rows.resources {
        if let Some((name, version)) = served_by(resource) {
            links.push((resource_node(resource.id), provider_node(name, version), EdgeKind::ServedBy));
        }
    }
    let present: HashSet<StepId> = rows.steps.iter().map(|step| step.id).collect();
    for run in &rows.runs {
        let this = run_node(run.id);
        links.push((provider_node(&run.provider, &run.provider_version), this.clone(), EdgeKind::Has));
        match (run.resource_id, run.application_id) {
            (Some(resource), _) => links.push((resource_node(resource), this.clone(), EdgeKind::Has)),
            (None, Some(application)) => links.push((application_node(application), this.clone(), EdgeKind::Has)),
            (None, None) => {}
        }
        match (run.parent_step_id.filter(|step| present.contains(step)), run.parent_run_id) {
            (Some(step), _) => links.push((step_node(step), this.clone(), EdgeKind::Starts)),
            (None, Some(parent)) => links.push((run_node(parent), this.clone(), EdgeKind::Starts)),
            (None, None) => {}
        }
        if let Some(before) = run.retry_of {
            links.push((run_node(before), this, EdgeKind::RetriedBy));
        }
        of_steps(run, steps_of.get(&run.id).map(Vec::as_slice).unwrap_or_default(), rows, &mut links);
    }
    links
}

fn of_steps(run: &Run, steps: &[&Step], rows: &Rows, links: &mut Vec<(String, String, EdgeKind)>) {
    let order = rows.orders.get(&run.plan_digest);
    let by_name: HashMap<&str, StepId> = steps.iter().map(|step| (step.name.as_str(), step.id)).collect();
    for step in steps {
        let this = step_node(step.id);
        let parent = step.parent.as_deref().and_then(|parent| by_name.get(parent));
        let owner = parent.map_or_else(|| run_node(run.id), |&parent| step_node(parent));
        links.push((owner, this.clone(), EdgeKind::Contains));
        for first in before(step, order).iter().filter_map(|name| by_name.get(name.as_str())) {
            links.push((step_node(*first), this.clone(), EdgeKind::Before));
        }
        if let Some(asked) = step.asked_id {
            links.push((this, application_node(asked), EdgeKind::Starts));
        }
    }
}
