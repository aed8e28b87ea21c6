//! What hangs together: application → resource → provider → run → step, with the runs that steps start.
//!
//! Runs, applications and resources of teams whose things the reader may not see are left out as if they were not there.
//!
//! A graph is derived from the rows each time it is asked for and kept nowhere, so it cannot disagree with them. Whatever is
//! shown, it takes a fixed number of statements, each over the whole set.

mod build;
mod chain;
mod rows;
#[cfg(test)]
mod tests;
mod timing;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::Result;
use crate::domain::{
    access::Visible,
    ids::{ApplicationId, ResourceId, RunId},
    states::states,
};

states! {
    /// What a node stands for.
    NodeKind {
        /// An application in its latest generation.
        Application = "application",
        /// A resource.
        Resource = "resource",
        /// A provider in one version.
        Provider = "provider",
        /// A run.
        Run = "run",
        /// A step of a run, or one element of a loop.
        Step = "step",
    }
}

states! {
    /// What an edge says of its two ends.
    EdgeKind {
        /// An application uses a resource.
        Uses = "uses",
        /// A resource is made after another one, whose outputs it is given.
        Precedes = "precedes",
        /// A resource is served by a provider.
        ServedBy = "served_by",
        /// A resource, an application or a provider has this run.
        Has = "has",
        /// A run consists of a step, or a loop of an element.
        Contains = "contains",
        /// A step is over before another one begins.
        Before = "before",
        /// A step starts a run, or asks for an application.
        Starts = "starts",
        /// A run is gone on with by another one.
        RetriedBy = "retried_by",
    }
}

/// One thing of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Unique in the graph: `<kind>/<its own id>`; the same each time.
    pub id: String,
    /// What it stands for.
    pub kind: NodeKind,
    /// Its name.
    pub name: String,
    /// A resource's or step's type, a run's operation.
    pub detail: Option<String>,
    /// Its state or status, where it has one.
    pub status: Option<String>,
    /// Why it does not go on, or why it failed.
    pub reason: Option<String>,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was over.
    pub finished_at: Option<DateTime<Utc>>,
    /// Seconds it could have gone on and did not: in line, suspended, between two tries.
    pub waiting_s: Option<f64>,
    /// Seconds something of it ran.
    pub running_s: Option<f64>,
    /// Whether it is on the critical path.
    pub critical: bool,
}

/// How two things hang together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// A node's id.
    pub from: String,
    /// Another node's id.
    pub to: String,
    /// What it says.
    pub kind: EdgeKind,
    /// Whether it is on the critical path.
    pub critical: bool,
}

/// The chain that decided how long all of it took: to be faster, shorten something on it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CriticalPath {
    /// Ids of its nodes, in the order of time.
    pub nodes: Vec<String>,
    /// Seconds of it in which nothing ran.
    pub waiting_s: f64,
    /// Seconds of it in which a step ran.
    pub running_s: f64,
}

/// A graph. Every edge names nodes that are in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// Its nodes.
    pub nodes: Vec<Node>,
    /// Its edges.
    pub edges: Vec<Edge>,
    /// Its critical path; empty where nothing has run.
    pub critical_path: CriticalPath,
    /// Whether there is more than is shown.
    pub truncated: bool,
}

/// The graph of the application of that name (the live one, else the one deleted last): its resources, and the run that
/// works on each or worked on it last. None when there is no such application.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn of_application(conn: &mut PgConnection, name: &str, visible: &Visible) -> Result<Option<Graph>> {
    let Some(id) = rows::application(&mut *conn, name).await? else { return Ok(None) };
    let resources = rows::resources_of(&mut *conn, id).await?;
    let runs: Vec<RunId> = resources.iter().filter_map(|resource| resource.shown_run()).collect();
    let rows = rows::gather(conn, resources, &runs, vec![id], visible).await?;
    Ok(Some(build::graph(&rows, build::Of::Application(id))))
}

/// The graph of a run: the whole tree of runs that it is part of, what they are for, and the runs it goes on from or that go
/// on from it. None when there is no such run.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn of_run(conn: &mut PgConnection, id: RunId, visible: &Visible) -> Result<Option<Graph>> {
    let Some(root) = rows::root(&mut *conn, id).await? else { return Ok(None) };
    let resources = rows::resources_of_tree(&mut *conn, root).await?;
    let rows = rows::gather(conn, resources, &[root], Vec::new(), visible).await?;
    Ok(Some(build::graph(&rows, build::Of::Run(root))))
}

/// The graph of a resource: who uses it, what it needs and what needs it, and its last runs. None when there is no such
/// resource.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn of_resource(conn: &mut PgConnection, id: ResourceId, visible: &Visible) -> Result<Option<Graph>> {
    let resources = rows::resource_and_neighbours(&mut *conn, id, visible).await?;
    if !resources.iter().any(|resource| resource.id == id) {
        return Ok(None);
    }
    let runs = rows::last_runs(&mut *conn, id).await?;
    let users: Vec<ApplicationId> = rows::users(&mut *conn, id).await?;
    let rows = rows::gather(conn, resources, &runs, users, visible).await?;
    Ok(Some(build::graph(&rows, build::Of::Resource(id))))
}
