//! `slipway graph`.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::Value;

use super::{Globals, resource, workflow};
use crate::{
    client::segment,
    output::{self, Format, Printer, clean, seconds},
    views,
};

#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// An application: its resources, who serves them, and the run behind each
    #[command(
        visible_alias = "application",
        after_help = "Examples:\n  slipway graph app shop\n  slipway graph app shop -o dot | dot -Tsvg > shop.svg"
    )]
    App {
        /// The application
        #[arg(value_name = "APP")]
        name: String,
    },
    /// A run: its steps, the runs that they start, and what took how long
    #[command(
        visible_alias = "workflow",
        after_help = "Examples:\n  slipway graph run shop/db\n  slipway graph run 0198c7a2-70d9-7494-8221-6f4cc9e19904 -o mermaid"
    )]
    Run {
        /// The run's id, or APP/RESOURCE for that resource's latest
        #[arg(value_name = "RUN")]
        run: String,
    },
    /// A resource: who uses it, what it needs and what needs it, and its last runs
    #[command(after_help = "Example:\n  slipway graph resource shop/db -o json")]
    Resource {
        /// Its id, or its application's name and its own
        #[arg(value_name = "ID|APP/NAME")]
        resource: String,
    },
}

/// Carries it out.
///
/// # Errors
/// When the server cannot be reached or says no.
pub(crate) async fn run(globals: &Globals, command: Command) -> anyhow::Result<()> {
    let (client, printer) = (globals.client()?, globals.printer());
    let path = match command {
        Command::App { name } => format!("/api/graph/{}", segment(&name)),
        Command::Run { run } => format!("{}/graph", workflow::path_of(&workflow::id_of(&client, &run).await?)),
        Command::Resource { resource: given } => {
            format!("/api/resources/{}/graph", segment(&resource::id_of(&client, &given).await?))
        }
    };
    let form = match printer.format {
        Format::Dot => "dot",
        Format::Mermaid => "mermaid",
        Format::Table | Format::Json | Format::Yaml => return printer.print(&client.get(&path, &[]).await?, tree),
    };
    let text = client.text(&path, &[("format", form.to_owned())]).await?;
    output::print(&if printer.terminal { text.lines().map(|line| clean(line) + "\n").collect() } else { text });
    Ok(())
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Graph {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    critical_path: Path,
    truncated: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Node {
    id: String,
    kind: String,
    name: String,
    detail: Option<String>,
    status: Option<String>,
    reason: Option<String>,
    waiting_s: Option<f64>,
    running_s: Option<f64>,
    critical: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Edge {
    from: String,
    to: String,
    kind: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Path {
    nodes: Vec<String>,
    waiting_s: f64,
    running_s: f64,
}

/// A graph as a tree: what belongs to a thing is below it, what comes before it is named beside it.
struct Tree<'a> {
    printer: Printer,
    nodes: HashMap<&'a str, &'a Node>,
    below: HashMap<&'a str, Vec<&'a str>>,
    beside: HashMap<&'a str, Vec<(&'a str, &'a str)>>,
    shown: HashSet<&'a str>,
    text: String,
}

fn tree(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let graph: Graph = views::read(value)?;
    let nodes: HashMap<&str, &Node> = graph.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let mut tree = Tree {
        printer,
        nodes,
        below: HashMap::new(),
        beside: HashMap::new(),
        shown: HashSet::new(),
        text: String::new(),
    };
    let mut has_owner = HashSet::new();
    for edge in &graph.edges {
        let (from, to) = (edge.from.as_str(), edge.to.as_str());
        match edge.kind.as_str() {
            // A provider is named beside what it serves.
            "has" if from.starts_with("provider/") => {}
            "uses" | "has" | "contains" | "starts" => {
                tree.below.entry(from).or_default().push(to);
                has_owner.insert(to);
            }
            "before" | "precedes" => tree.beside.entry(to).or_default().push(("after", from)),
            "served_by" => tree.beside.entry(from).or_default().push(("by", to)),
            "retried_by" => tree.beside.entry(to).or_default().push(("goes on from", from)),
            _ => {}
        }
    }
    let owners = graph.nodes.iter().filter(|node| node.kind != "provider");
    let (roots, rest): (Vec<&Node>, Vec<&Node>) = owners.partition(|node| !has_owner.contains(node.id.as_str()));
    // What is left belongs to itself in a circle, which no server of this version sends.
    for node in roots.into_iter().chain(rest) {
        if !tree.shown.contains(node.id.as_str()) {
            tree.write(node, "", "");
        }
    }
    let mut text = tree.text;
    if graph.nodes.is_empty() {
        text.push_str("nothing is there yet\n");
    }
    if !graph.critical_path.nodes.is_empty() {
        let path = &graph.critical_path;
        text.push_str(&format!(
            "\n* critical path: {} ({} running, {} waiting)\n",
            seconds(path.running_s + path.waiting_s),
            seconds(path.running_s),
            seconds(path.waiting_s)
        ));
    }
    if graph.truncated {
        text.push_str("there is more than is shown\n");
    }
    Ok(text)
}

impl<'a> Tree<'a> {
    fn write(&mut self, node: &'a Node, first: &str, rest: &str) {
        let again = !self.shown.insert(&node.id);
        self.text.push_str(&format!("{first}{}{}\n", self.line(node), if again { "  (see above)" } else { "" }));
        if again {
            return;
        }
        let below: Vec<&Node> = self
            .below
            .get(node.id.as_str())
            .into_iter()
            .flatten()
            .filter_map(|id| self.nodes.get(id).copied())
            .collect();
        let last = below.len().saturating_sub(1);
        for (place, node) in below.into_iter().enumerate() {
            let (branch, trunk) = if place == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            self.write(node, &format!("{rest}{branch}"), &format!("{rest}{trunk}"));
        }
    }

    fn line(&self, node: &Node) -> String {
        let mut parts = vec![clean(&node.name)];
        let detail = node.detail.as_ref().map(|detail| format!(" {}", clean(detail))).unwrap_or_default();
        parts.push(format!("({}{detail})", clean(&node.kind)));
        if let Some(status) = &node.status {
            parts.push(self.printer.state(status));
        }
        if let Some(reason) = &node.reason {
            parts.push(clean(reason));
        }
        if let (Some(waiting), Some(running)) = (node.waiting_s, node.running_s) {
            parts.push(format!("ran {}, waited {}", seconds(running), seconds(waiting)));
        }
        let mut beside: Vec<(&str, Vec<String>)> = Vec::new();
        for (word, id) in self.beside.get(node.id.as_str()).into_iter().flatten() {
            let Some(other) = self.nodes.get(id) else { continue };
            match beside.iter_mut().find(|(known, _)| known == word) {
                Some((_, names)) => names.push(clean(&other.name)),
                None => beside.push((word, vec![clean(&other.name)])),
            }
        }
        parts.extend(beside.into_iter().map(|(word, names)| format!("{word} {}", few(&names))));
        let mark = if node.critical { "* " } else { "" };
        format!("{mark}{}", parts.join("  "))
    }
}

/// The first names, and how many more there are.
fn few(names: &[String]) -> String {
    const MOST: usize = 4;
    let more = if names.len() > MOST { format!(" and {} more", names.len() - MOST) } else { String::new() };
    format!("{}{more}", names[..names.len().min(MOST)].join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_graph_is_drawn_as_a_tree() {
        let node = |id: &str, name: &str, detail: &str, status: &str, critical: bool| {
            let kind = id.split('/').next().unwrap();
            let time = matches!(kind, "run" | "step").then_some(12.0);
            json!({"id": id, "kind": kind, "name": name, "detail": detail, "status": status, "running_s": time, "waiting_s": time, "critical": critical})
        };
        let edge = |from: &str, to: &str, kind: &str| json!({"from": from, "to": to, "kind": kind});
        let graph = json!({
            "nodes": [node("application/1", "shop", "generation 2", "progressing", false), node("resource/1", "db", "postgres", "active", true),
                      node("resource/2", "reader", "postgres-reader", "failed", false),
                      {"id": "provider/p@1", "kind": "provider", "name": "postgres", "detail": "1"},
                      node("run/1", "create-database", "create", "completed", true), node("step/1", "create", "psql", "completed", true),
                      node("step/2", "\u{1b}[2Jcheck", "shell", "completed", false)],
            "edges": [edge("application/1", "resource/1", "uses"), edge("application/1", "resource/2", "uses"),
                      edge("resource/1", "resource/2", "precedes"), edge("resource/1", "provider/p@1", "served_by"),
                      edge("provider/p@1", "run/1", "has"), edge("resource/1", "run/1", "has"), edge("run/1", "step/1", "contains"),
                      edge("run/1", "step/2", "contains"), edge("step/1", "step/2", "before")],
            "critical_path": {"nodes": ["resource/1", "run/1", "step/1"], "waiting_s": 12.0, "running_s": 12.0},
        });
        let printer = Printer { format: Format::Table, colour: false, terminal: false };
        insta::assert_snapshot!(tree(printer, &graph).unwrap(), @r"
        shop  (application generation 2)  progressing
        ├─ * db  (resource postgres)  active  by postgres
        │  └─ * create-database  (run create)  completed  ran 12s, waited 12s
        │     ├─ * create  (step psql)  completed  ran 12s, waited 12s
        │     └─ check  (step shell)  completed  ran 12s, waited 12s  after create
        └─ reader  (resource postgres-reader)  failed  after db

        * critical path: 24s (12s running, 12s waiting)
        ");
    }

    #[test]
    fn things_in_a_circle_are_shown_once() {
        let graph = json!({
            "nodes": [{"id": "run/1", "kind": "run", "name": "a"}, {"id": "run/2", "kind": "run", "name": "b"}],
            "edges": [{"from": "run/1", "to": "run/2", "kind": "starts"}, {"from": "run/2", "to": "run/1", "kind": "starts"}],
        });
        let printer = Printer { format: Format::Table, colour: false, terminal: false };
        assert_eq!(tree(printer, &graph).unwrap(), "a  (run)\n└─ b  (run)\n   └─ a  (run)  (see above)\n");
    }
}
