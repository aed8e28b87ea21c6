//! Graphs for Graphviz.

use std::{collections::HashMap, fmt::Write as _};

use shared::store::graph::{Graph, NodeKind};

use super::view::{colour, label};

/// The graph in DOT. Nodes are numbered: a name is only ever inside quotes.
pub(super) fn write(graph: &Graph) -> String {
    let numbers: HashMap<&str, usize> =
        graph.nodes.iter().enumerate().map(|(number, node)| (node.id.as_str(), number)).collect();
    let mut text = String::from(
        "digraph slipway {\n  rankdir=LR;\n  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\", fontsize=10];\n  edge [fontname=\"sans-serif\", fontsize=8, color=\"#666666\"];\n",
    );
    for (number, node) in graph.nodes.iter().enumerate() {
        let lines: Vec<String> = label(node).iter().map(|line| quoted(line)).collect();
        let shape = match node.kind {
            NodeKind::Application => ", shape=folder",
            NodeKind::Resource => ", shape=cylinder",
            NodeKind::Provider => ", shape=component",
            NodeKind::Run | NodeKind::Step => "",
        };
        let critical = if node.critical { ", color=\"#c02020\", penwidth=2" } else { "" };
        let fill = colour(node.status.as_deref());
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  n{number} [label=\"{}\", fillcolor=\"{fill}\"{shape}{critical}];", lines.join("\\n"));
    }
    for edge in &graph.edges {
        let (Some(from), Some(to)) = (numbers.get(edge.from.as_str()), numbers.get(edge.to.as_str())) else { continue };
        let kind = edge.kind.as_str().replace('_', " ");
        let critical = if edge.critical { ", color=\"#c02020\", penwidth=2" } else { "" };
        let _ = writeln!(text, "  n{from} -> n{to} [label=\"{kind}\"{critical}];");
    }
    text.push_str("}\n");
    text
}

/// For the inside of a quoted string. A backslash begins an escape such as `\N` there.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
