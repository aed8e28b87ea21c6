//! Templates, conditions and patterns that want all time or memory, and values that want to be read as templates.

use serde_json::{Map, Value, json};
use shared::formats::{condition, workflow};
use tests::stack::{Options, Stack};

fn options() -> Options {
    Options {
        configure: |config| {
            config.scheduler.providers.push(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/hostile").into());
        },
        ..Options::scripted()
    }
}

#[tokio::test]
async fn a_template_that_wants_everything_fails_its_own_run_and_no_other() -> anyhow::Result<()> {
    let mut stack = Stack::start(Options { slots: 8, ..options() }).await?;
    let before = stack.workers[0].pid();
    let mut wrong = Vec::new();
    for (attack, why) in [
        ("doubling", "a function produced a value larger than the 4194304 allowed"),
        ("endless", "range over 1000000000000 is more than the 10000 iterations allowed"),
        ("ranges", "the render would run more than the 1000000 iterations allowed"),
        ("recursion", "exceeded the maximum template nesting depth of 100"),
        ("output", "the render would write more than the 4194304 bytes allowed"),
    ] {
        let run = stack.client.execute(attack, &json!({})).await?;
        let neighbour = stack.client.execute("scripted", &json!({})).await?;
        let run = stack.run_becomes(&run, &["failed", "completed"]).await?;
        let said = (&run["status"], &run["error_code"], run["error_message"].as_str().unwrap_or_default());
        // On a slow machine the other bound may come first.
        let bounded = [why, "the templates took longer than 2 s to render"].iter().any(|why| said.2.ends_with(why));
        if (said.0, said.1) != (&json!("failed"), &json!("InvalidPlan")) || !bounded {
            wrong.push(format!("{attack}: {said:?}"));
        }
        stack.run_becomes(&neighbour, &["completed"]).await?;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    stack.workers[0].check()?;
    assert_eq!(stack.workers[0].pid(), before);
    assert_eq!(stack.count("SELECT count(*) FROM run WHERE losses > 0").await?, 0, "no worker was lost to it");
    stack.finish().await
}

#[tokio::test]
async fn a_value_that_looks_like_a_template_or_a_placeholder_stays_what_it_is() -> anyhow::Result<()> {
    let stack = Stack::start(options()).await?;
    for value in [
        "{{ .parameters.script }}",
        "{{ range 1000000000000 }}{{ end }}",
        "}}{{ printf \"%s\" .settings }}",
        "{{ template \"x\" }}",
        "${parameters.script}",
        "${secrets.password}",
        "${resources.db.password}",
        "$(id) `id` ; id",
        "{{/* */}}{{ .run }}",
    ] {
        let script = json!({"lines": [value]}).to_string();
        let run = stack.client.execute("scripted", &json!({"script": script})).await?;
        stack.run_becomes(&run, &["completed"]).await?;
        let log = stack.client.logs(&run).await?;
        assert!(log.lines().any(|line| line.ends_with(value)), "{value}: {log}");
    }
    stack.finish().await
}

#[tokio::test]
async fn a_value_in_a_steps_environment_is_no_part_of_its_script() -> anyhow::Result<()> {
    let stack = Stack::start(Options { engine: shared::config::EngineKind::Docker, slots: 4, ..options() }).await?;
    for value in ["$(touch /tmp/x)", "`id`", "'; id; '", "\"; id; \"", "a b  c", "-n", "%s%n", "\\", "*", "é\u{202e}"]
    {
        let run = stack.client.execute("quotes", &json!({"text": value})).await?;
        let run = stack.run_becomes(&run, &["completed", "failed"]).await?;
        assert_eq!(run["steps"][0]["outputs"]["text"], value, "{run:#}");
    }
    stack.finish().await
}

fn context() -> Map<String, Value> {
    let context = json!({"parameters": {
        "name": "x\" || true || \"", "list": vec!["a"; 1_000], "text": "a".repeat(100_000), "number": "1 == 1",
    }, "steps": {}, "variables": {}});
    let Value::Object(context) = context else { unreachable!("it is written as a map") };
    context
}

#[test]
fn a_condition_costs_no_more_than_it_may_whatever_it_says() {
    let loops = |depth: usize| {
        let open: String = (0..depth).map(|n| format!("parameters.list.all(x{n}, ")).collect();
        format!("{open}true{}", ")".repeat(depth))
    };
    for (what, attack) in [
        ("loops in loops", loops(3)),
        ("loops one after another", vec![loops(1); 5].join(" && ")),
        ("brackets", format!("{}true{}", "(".repeat(2_000), ")".repeat(2_000))),
        ("lists in lists", format!("{}{}.size() == 0", "[".repeat(2_000), "]".repeat(2_000))),
        ("more text than a condition has", format!("\"{}\" == \"\"", "x".repeat(5_000))),
        ("more parts than a condition has", vec!["true"; 800].join(" && ")),
        ("a pattern that multiplies", "parameters.text.matches(\"((a{1000}){1000}){1000}\")".to_owned()),
        ("a pattern longer than any", format!("parameters.text.matches(\"{}\")", "a?".repeat(600))),
        ("strings that double", format!("({}) == \"\"", vec!["parameters.text"; 700].join(" + "))),
        ("what is not known", "exec(\"id\")".to_owned()),
        ("what is no condition", "parameters.name = true".to_owned()),
    ] {
        assert!(condition::evaluate(&attack, &context()).is_err(), "{what}");
    }
    // A pattern that others take exponential time for.
    assert_eq!(condition::evaluate("(parameters.text + \"!\").matches(\"^(a+)+$\")", &context()), Ok(false));
}

#[test]
fn a_value_is_compared_and_never_read_as_a_condition() {
    assert_eq!(condition::evaluate("parameters.name == \"x\"", &context()), Ok(false));
    assert!(condition::evaluate("parameters.number", &context()).is_err());
    // Nor where a condition of an older dialect is made into one of ours, with the value's name in it.
    let older = "apiVersion: workflow.dev/v1\nkind: Workflow\nmetadata: {name: w}\nspec:\n  parameters: [{name: env, type: string}]\n  steps:\n    - {name: s, type: shell, config: {script: 'true'}, if: '${parameters.env} == \"x\\\" || true || \\\"\"'}\n";
    let (read, _) = workflow::parse(older, None).unwrap_or_default();
    let condition = serde_json::to_value(&read).unwrap()["steps"][0]["if"].clone();
    let evil = json!({"env": "prod"});
    if let (Some(cel), Value::Object(parameters)) = (condition.as_str(), json!({"parameters": evil})) {
        assert_eq!(condition::evaluate(cel, &parameters), Ok(false), "{cel}");
    }
}

#[test]
fn a_pattern_of_a_parameter_is_weighed_before_it_is_compiled() {
    let mut wrong = Vec::new();
    for (pattern, code) in [
        ("((a{1000}){1000}){1000}", "limit"),
        ("(?:\\p{L}{500}){100}", "limit"),
        ("(((((((((a{9}){9}){9}){9}){9}){9}){9}){9}){9})", "limit"),
        ("a{99999}", "limit"),
        ("(", "invalid_value"),
    ] {
        let text = format!(
            "apiVersion: slipway.dev/v1\nkind: Workflow\nmetadata: {{name: w}}\nparameters:\n  - {{name: p, type: string, pattern: {}}}\nsteps:\n  - {{name: s, type: shell, config: {{script: 'true'}}}}\n",
            serde_json::to_string(pattern).unwrap()
        );
        let problems = workflow::parse(&text, None).expect_err(pattern);
        if (problems[0].code, problems[0].path.as_str()) != (code, "/parameters/0/pattern") {
            wrong.push(format!("{pattern}: {problems:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
