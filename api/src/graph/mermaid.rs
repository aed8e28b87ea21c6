//! Graphs for pages that draw Mermaid.

use std::{collections::HashMap, fmt::Write as _};

use shared::store::graph::{Graph, Node, NodeKind};

use super::view::{colour, label};

/// The graph as a Mermaid flowchart. Nodes are numbered: a name is only ever inside quotes, with what has a meaning to
/// Mermaid or to HTML written as a character's number.
pub(super) fn write(graph: &Graph) -> String {
    let numbers: HashMap<&str, usize> =
        graph.nodes.iter().enumerate().map(|(number, node)| (node.id.as_str(), number)).collect();
    let mut text = String::from("flowchart LR\n");
    for (number, node) in graph.nodes.iter().enumerate() {
        let lines: Vec<String> = label(node).iter().map(|line| escaped(line)).collect();
        let (open, close) = match node.kind {
            NodeKind::Application => ("[[", "]]"),
            NodeKind::Resource => ("[(", ")]"),
            NodeKind::Provider => ("{{", "}}"),
            NodeKind::Run => ("([", "])"),
            NodeKind::Step => ("[", "]"),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  n{number}{open}\"{}\"{close}", lines.join("<br/>"));
    }
    let mut critical = Vec::new();
    let shown = graph
        .edges
        .iter()
        .filter_map(|edge| Some((edge, numbers.get(edge.from.as_str())?, numbers.get(edge.to.as_str())?)));
    for (place, (edge, from, to)) in shown.enumerate() {
        if edge.critical {
            critical.push(place.to_string());
        }
        let _ = writeln!(text, "  n{from} -->|{}| n{to}", edge.kind.as_str().replace('_', " "));
    }
    for (class, fill) in classes(&graph.nodes) {
        let _ = writeln!(text, "  classDef {class} fill:{fill},stroke:#666666,color:#111111");
    }
    for (number, node) in graph.nodes.iter().enumerate() {
        let _ = writeln!(text, "  class n{number} {}", class_of(node));
        if node.critical {
            let _ = writeln!(text, "  style n{number} stroke:#c02020,stroke-width:3px");
        }
    }
    if !critical.is_empty() {
        let _ = writeln!(text, "  linkStyle {} stroke:#c02020,stroke-width:3px", critical.join(","));
    }
    text
}

fn class_of(node: &Node) -> String {
    format!("c{}", colour(node.status.as_deref()).trim_start_matches('#'))
}

fn classes(nodes: &[Node]) -> Vec<(String, &'static str)> {
    let mut found: Vec<(String, &'static str)> =
        nodes.iter().map(|node| (class_of(node), colour(node.status.as_deref()))).collect();
    found.sort();
    found.dedup();
    found
}

/// Letters, digits and what is harmless stay; all else is written by its number.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() || " -_.,:()/@·…+=".contains(c) {
            safe.push(c);
        } else {
            let _ = write!(safe, "#{};", u32::from(c));
        }
    }
    safe
}
