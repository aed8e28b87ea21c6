//! Graphs: derived from the rows, in the form that was asked for.

use axum::body::Body;
use serde_json::{Value, json};

use crate::harness::{Service, score};

fn names(graph: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    graph["nodes"].as_array().unwrap().iter().map(|node| (text(&node["kind"]), text(&node["name"]))).collect()
}

#[tokio::test]
async fn a_run_is_shown_with_its_provider_its_steps_and_their_order() {
    let service = Service::start().await;
    let id = service.run().await;
    let graph = service.get(&format!("/api/workflows/{id}/graph")).await.json();
    let expected = [("provider", "p"), ("run", "w"), ("step", "one"), ("step", "two")];
    assert_eq!(names(&graph), expected.map(|(kind, name)| (kind.to_owned(), name.to_owned())));
    let edges: Vec<&Value> = graph["edges"].as_array().unwrap().iter().map(|edge| &edge["kind"]).collect();
    assert_eq!(edges, [&json!("has"), &json!("contains"), &json!("contains"), &json!("before")]);
    assert_eq!((&graph["nodes"][1]["status"], &graph["truncated"]), (&json!("pending"), &json!(false)));
    service.get("/api/workflows/0198c7a2-70d9-7494-8221-6f4cc9e19904/graph").await.problem(404, "not-found");
    service.get("/api/resources/0198c7a2-70d9-7494-8221-6f4cc9e19904/graph").await.problem(404, "not-found");
}

#[tokio::test]
async fn an_application_is_shown_with_what_it_needs_in_which_order() {
    let service = Service::start().await;
    let resources = ["db: {type: postgres}", "reader: {type: reader, params: {of: '${resources.db.name}'}}"];
    let answer = service.post("/api/specs", score("shop", &resources)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let graph = service.get("/api/graph/shop").await.json();
    let mut shown = names(&graph);
    shown.sort();
    let expected = [("application", "shop"), ("resource", "db"), ("resource", "reader")];
    assert_eq!(shown, expected.map(|(kind, name)| (kind.to_owned(), name.to_owned())));
    let kinds = |wanted: &str| graph["edges"].as_array().unwrap().iter().filter(|edge| edge["kind"] == wanted).count();
    assert_eq!((kinds("uses"), kinds("precedes")), (2, 1), "{graph:#}");
    assert_eq!(graph["critical_path"]["nodes"], json!([]), "nothing has run");

    let db = graph["nodes"].as_array().unwrap().iter().find(|node| node["name"] == "db").unwrap();
    let id = db["id"].as_str().unwrap().strip_prefix("resource/").unwrap();
    let neighbours = service.get(&format!("/api/resources/{id}/graph")).await.json();
    assert_eq!(neighbours["nodes"].as_array().unwrap().len(), 3, "itself, what needs it, who uses it: {neighbours:#}");
    service.get("/api/graph/shpo").await.problem(404, "not-found");
}

#[tokio::test]
async fn a_graph_comes_in_the_form_that_was_asked_for() {
    let service = Service::start().await;
    let uri = format!("/api/workflows/{}/graph", service.run().await);
    let kind = |answer: &crate::harness::Answer| answer.headers["content-type"].to_str().unwrap().to_owned();
    let dot = service.get(&format!("{uri}?format=dot")).await;
    assert_eq!(kind(&dot), "text/vnd.graphviz; charset=utf-8");
    assert!(dot.bytes.starts_with(b"digraph slipway {"), "{dot:?}");
    let accepted = service.request("GET", &uri).header("accept", "text/vnd.mermaid, application/json;q=0.5");
    let mermaid = service.send(accepted.body(Body::empty()).unwrap()).await;
    assert_eq!(kind(&mermaid), "text/vnd.mermaid; charset=utf-8");
    assert!(mermaid.bytes.starts_with(b"flowchart LR\n"), "{mermaid:?}");
    let refused = service.get(&format!("{uri}?format=png")).await.problem(400, "bad-request");
    assert_eq!(refused["detail"], "format: 'png' is not one of: json, dot, mermaid");
}
