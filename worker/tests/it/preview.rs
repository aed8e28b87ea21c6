//! What a run would do, shown without doing it.

use serde_json::{Value, json};
use shared::domain::{
    plan::{NetworkMode, Plan, PlannedStep},
    run::{RunKind, RunStatus},
};
use worker::{drive::Over, engine::Engine as _};

use crate::stage::{Stage, plan, scripted};

/// The plan's preview, and that nothing was begun for it.
async fn preview(plan: &Plan, inputs: Value) -> Value {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let run = stage.run_of(RunKind::Preview, plan, inputs).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Completed), "{:?}", stage.row(run).await);
    let steps = shared::store::step::list(stage.store.pool(), run).await.unwrap();
    assert!(steps.iter().all(|step| step.tries == 0));
    assert!(stage.engine.list("slipway").await.unwrap().is_empty());
    assert!(stage.log(run).await.is_empty());
    stage.row(run).await.outputs["plan"].clone()
}

#[tokio::test]
async fn a_preview_shows_what_is_known_and_names_what_is_not() {
    let mut make = scripted("make", &[], json!({"outputs": {"size": "{{ .parameters.size }}"}}));
    make.set_variables.insert("host".into(), json!("{{ .output.host }}"));
    let mut use_it = scripted(
        "use-it",
        &["make"],
        json!({"lines": ["{{ .steps.make.output.url }}/{{ .parameters.size }}"], "outputs": {"host": "{{ .variables.host }}"}}),
    );
    use_it.env.insert("SIZE".into(), "{{ .parameters.size }}".into());
    let mut plan = plan(vec![use_it, make]);
    plan.outputs
        .insert("url".into(), serde_json::from_value(json!({"value": "{{ .steps.make.output.url }}"})).unwrap());
    let shown = preview(&plan, json!({"size": 3})).await;
    let (later, first) = (&shown["steps"][0], &shown["steps"][1]);
    assert_eq!((&first["order"], &later["order"]), (&json!(1), &json!(2)));
    assert_eq!(first["config"]["script"]["outputs"]["size"], json!(3), "types are kept");
    assert_eq!((&first["unknown"], &first["problems"]), (&json!([]), &json!([])));
    assert_eq!(later["config"]["script"]["lines"], json!(["<known after step make>/3"]));
    assert_eq!(later["config"]["script"]["outputs"]["host"], json!("<known after step make>"));
    assert_eq!(later["unknown"], json!(["config.script.lines[0]", "config.script.outputs.host"]));
    assert_eq!((&later["env"]["SIZE"], &later["image"]), (&json!(3), &json!("scripted")));
    assert_eq!(later["depends_on"], json!(["make"]));
    assert_eq!(shown["outputs"]["url"], json!("<known after step make>"));
}

#[tokio::test]
async fn a_preview_looks_at_conditions_and_lists_as_far_as_it_can() {
    let conditional =
        |name: &str, cel: &str| PlannedStep { condition: Some(cel.into()), ..scripted(name, &[], json!({})) };
    let mut each = scripted("each", &[], json!({"lines": ["{{ .item }}"]}));
    each.for_each = Some(json!("{{ .parameters.names }}"));
    let steps = vec![
        conditional("never", "parameters.size > 5"),
        conditional("depends", "steps.never.skipped"),
        conditional("broken", "parameters.nothing == 1"),
        each,
    ];
    let shown = preview(&plan(steps), json!({"size": 3, "names": ["x", "y"]})).await;
    let steps = &shown["steps"];
    assert_eq!(steps[0]["condition"], json!({"expression": "parameters.size > 5", "result": false}));
    assert_eq!(steps[1]["condition"]["result"], Value::Null);
    assert!(steps[2]["problems"][0].as_str().unwrap().contains("nothing"));
    assert_eq!(steps[3]["for_each"], json!(["x", "y"]));
    assert_eq!(steps[3]["config"]["script"]["lines"], json!(["<each element>"]));
}

#[tokio::test]
async fn a_preview_tells_what_is_wrong_and_what_would_be_refused() {
    let mut reaches = scripted("reaches", &[], json!({}));
    reaches.step_type.privileges.network = NetworkMode::Egress;
    reaches.egress = vec!["10.0.0.1:22".into()];
    let mut lacks = scripted("lacks", &[], json!({}));
    lacks.config.clear();
    let wrong = scripted("wrong", &[], json!({"lines": ["{{ .parameters.missing }}"]}));
    let shown = preview(&plan(vec![reaches, lacks, wrong]), json!({})).await;
    let problem = |at: usize| shown["steps"][at]["problems"][0].as_str().unwrap().to_owned();
    assert!(problem(0).contains("sandbox.egress"), "{}", problem(0));
    assert!(problem(1).contains("script"), "{}", problem(1));
    assert!(problem(2).contains("config.script") && problem(2).contains("missing"), "{}", problem(2));
}
