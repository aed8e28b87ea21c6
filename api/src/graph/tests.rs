use shared::store::graph::{CriticalPath, Edge, EdgeKind, Graph, Node, NodeKind};

use super::*;

fn node(id: &str, kind: NodeKind, name: &str, status: Option<&str>) -> Node {
    Node {
        id: id.into(),
        kind,
        name: name.into(),
        detail: None,
        status: status.map(str::to_owned),
        reason: None,
        started_at: None,
        finished_at: None,
        waiting_s: None,
        running_s: None,
        critical: false,
    }
}

fn sample() -> Graph {
    let edge = |from: &str, to: &str, kind, critical| Edge { from: from.into(), to: to.into(), kind, critical };
    let resource =
        Node { detail: Some("postgres".into()), ..node("resource/1", NodeKind::Resource, "db", Some("active")) };
    let run = Node {
        detail: Some("create".into()),
        waiting_s: Some(1.25),
        running_s: Some(42.0),
        critical: true,
        ..node("run/1", NodeKind::Run, "create-database", Some("failed"))
    };
    let step = Node {
        reason: Some("StepFailed".into()),
        critical: true,
        ..node("step/1", NodeKind::Step, "create", Some("failed"))
    };
    Graph {
        nodes: vec![
            node("application/1", NodeKind::Application, "shop", None),
            resource,
            node("provider/postgres@1", NodeKind::Provider, "postgres", None),
            run,
            step,
        ],
        edges: vec![
            edge("application/1", "resource/1", EdgeKind::Uses, false),
            edge("resource/1", "provider/postgres@1", EdgeKind::ServedBy, false),
            edge("provider/postgres@1", "run/1", EdgeKind::Has, false),
            edge("run/1", "step/1", EdgeKind::Contains, true),
        ],
        critical_path: CriticalPath { nodes: vec!["run/1".into(), "step/1".into()], waiting_s: 1.25, running_s: 42.0 },
        truncated: false,
    }
}

#[test]
fn a_graph_is_drawn_with_its_critical_path() {
    insta::assert_snapshot!("dot", dot::write(&sample()));
    insta::assert_snapshot!("mermaid", mermaid::write(&sample()));
}

#[test]
fn a_hostile_name_stays_inside_its_node() {
    let hostile = [
        r#""]; evil [label="owned"#,
        r"\N \",
        "a\nb\"]\nclick n0 href \"javascript:alert(1)\"",
        "<script>alert(1)</script>",
        "x\"]:::evil --> n9[\"y",
        "%%{init: {'securityLevel': 'loose'}}%%",
        "#quot;#35;end",
        "\u{202e}\u{1b}[31mred",
    ];
    let graph = Graph {
        nodes: hostile.iter().map(|name| node(&format!("run/{name}"), NodeKind::Run, name, Some(name))).collect(),
        ..Graph::default()
    };
    insta::assert_snapshot!("hostile_dot", dot::write(&graph));
    insta::assert_snapshot!("hostile_mermaid", mermaid::write(&graph));
    for line in dot::write(&graph).lines().filter(|line| line.starts_with("  n") && line.contains("label=")) {
        let inside = line.split_once("label=\"").unwrap().1;
        let mut escaped = false;
        let end = inside.char_indices().find(|&(_, c)| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        assert!(inside[end.unwrap().0..].starts_with("\", fillcolor=\""), "{line}");
    }
    for line in mermaid::write(&graph).lines().filter(|line| line.contains("([")) {
        assert_eq!(line.matches('"').count(), 2, "{line}");
        assert_eq!(line.matches('<').count(), line.matches("<br/>").count(), "{line}");
    }
}

#[test]
fn the_form_is_what_the_caller_accepts_first() {
    let headers = |accept: &'static str| HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
    assert_eq!(Form::accepted(&headers("text/html, text/vnd.mermaid;q=0.9, application/json")), Form::Mermaid);
    assert_eq!(Form::accepted(&headers("*/*")), Form::Json);
    assert_eq!(Form::accepted(&HeaderMap::new()), Form::Json);
    assert_eq!("png".parse::<Form>().unwrap_err().to_string(), "'png' is not one of: json, dot, mermaid");
}
