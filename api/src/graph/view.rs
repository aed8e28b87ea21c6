//! Graphs as the API shows them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use shared::store::graph::{CriticalPath, Edge, EdgeKind, Graph, Node, NodeKind};
use utoipa::ToSchema;

/// A graph. Every edge names nodes that are in it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GraphView {
    /// Its nodes.
    pub nodes: Vec<NodeView>,
    /// Its edges.
    pub edges: Vec<EdgeView>,
    /// The chain that decided how long all of it took.
    pub critical_path: CriticalPathView,
    /// Whether there is more than is shown.
    pub truncated: bool,
}

/// One thing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NodeView {
    /// `<kind>/<its own id>`; the same each time.
    pub id: String,
    /// `application`, `resource`, `provider`, `run` or `step`.
    #[schema(value_type = String, example = "step")]
    pub kind: NodeKind,
    /// Its name.
    pub name: String,
    /// A resource's or step's type, a run's operation, a provider's version.
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
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EdgeView {
    /// A node's id.
    pub from: String,
    /// Another node's id.
    pub to: String,
    /// `uses`, `precedes`, `served_by`, `has`, `contains`, `before`, `starts` or `retried_by`.
    #[schema(value_type = String, example = "before")]
    pub kind: EdgeKind,
    /// Whether it is on the critical path.
    pub critical: bool,
}

/// The longest chain by measured time: to be faster, shorten something on it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CriticalPathView {
    /// Ids of its nodes, in the order of time.
    pub nodes: Vec<String>,
    /// Seconds of it in which nothing ran.
    pub waiting_s: f64,
    /// Seconds of it in which a step ran.
    pub running_s: f64,
}

/// Thousandths are all that clocks on several machines are good for.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

impl From<Graph> for GraphView {
    fn from(graph: Graph) -> Self {
        Self {
            nodes: graph.nodes.into_iter().map(NodeView::from).collect(),
            edges: graph.edges.into_iter().map(EdgeView::from).collect(),
            critical_path: graph.critical_path.into(),
            truncated: graph.truncated,
        }
    }
}

impl From<Node> for NodeView {
    fn from(node: Node) -> Self {
        Self {
            id: node.id,
            kind: node.kind,
            name: node.name,
            detail: node.detail,
            status: node.status,
            reason: node.reason,
            started_at: node.started_at,
            finished_at: node.finished_at,
            waiting_s: node.waiting_s.map(rounded),
            running_s: node.running_s.map(rounded),
            critical: node.critical,
        }
    }
}

impl From<Edge> for EdgeView {
    fn from(edge: Edge) -> Self {
        Self { from: edge.from, to: edge.to, kind: edge.kind, critical: edge.critical }
    }
}

impl From<CriticalPath> for CriticalPathView {
    fn from(path: CriticalPath) -> Self {
        Self { nodes: path.nodes, waiting_s: rounded(path.waiting_s), running_s: rounded(path.running_s) }
    }
}

/// What is written into a node of a picture: its name, then what it is, how it stands and how long it took.
pub(super) fn label(node: &Node) -> Vec<String> {
    let kind = node.kind.as_str();
    let mut lines = vec![plain(&node.name)];
    lines.push(plain(&node.detail.as_ref().map_or_else(|| kind.to_owned(), |detail| format!("{kind} · {detail}"))));
    if let Some(status) = &node.status {
        let reason = node.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        lines.push(plain(&format!("{status}{reason}")));
    }
    if let (Some(waiting), Some(running)) = (node.waiting_s, node.running_s) {
        lines.push(format!("waited {}, ran {}", seconds(waiting), seconds(running)));
    }
    lines
}

/// Without what steers a terminal or turns the direction of writing, and not longer than a node can be.
fn plain(text: &str) -> String {
    const MOST: usize = 120;
    let steers = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut kept: String =
        text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !steers(*c)).take(MOST + 1).collect();
    if kept.chars().count() > MOST {
        kept.pop();
        kept.push('…');
    }
    kept
}

fn seconds(length: f64) -> String {
    if length < 10.0 { format!("{length:.1}s") } else { format!("{length:.0}s") }
}

/// The colour of a state.
pub(super) fn colour(status: Option<&str>) -> &'static str {
    match status {
        Some("active" | "completed") => "#d3f0d8",
        Some("failed" | "degraded") => "#f8d0cf",
        Some("cancelled" | "skipped" | "deleted" | "terminated") => "#e4e4e4",
        Some(_) => "#fdeebc",
        None => "#dfe8f7",
    }
}
