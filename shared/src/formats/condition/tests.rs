use serde_json::json;

use super::*;

fn context() -> Map<String, Value> {
    let context = json!({
        "parameters": {"size": 3, "half": 2.5, "name": "shop", "public": false, "ttl": "2h", "tags": ["a", "b"], "none": null},
        "steps": {"make-db": {"status": "completed", "success": true, "failed": false, "skipped": false,
                              "output": {"count": "12", "flag": "false", "url": "postgres://x"}},
                  "plan": {"status": "skipped", "success": false, "failed": false, "skipped": true, "output": {}}},
        "variables": {"ENVIRONMENT": "production"}, "settings": {}, "run": {"id": "r", "team": "blue"},
    });
    context.as_object().cloned().unwrap()
}

fn is(cel: &str) -> Result<bool, String> {
    evaluate(cel, &context())
}

#[test]
fn a_condition_sees_typed_values() {
    for cel in [
        "parameters.size == 3",
        "parameters.size > 2.5",
        "parameters.half < 3",
        "parameters.size == 3.0",
        "!parameters.public",
        "parameters.name.startsWith('sh') && parameters.name.matches('^s.*p$')",
        "'b' in parameters.tags",
        "size(parameters.tags) == 2",
        "parameters.tags.exists(tag, tag == 'a')",
        "steps['make-db'].success && steps.plan.skipped",
        "steps[\"make-db\"].output.url.contains('postgres')",
        "parameters.none == null",
        "has(parameters.name) && !has(parameters.nothing)",
        "variables.ENVIRONMENT == 'production' ? true : false",
        "run.team == 'blue'",
    ] {
        assert_eq!(is(cel), Ok(true), "{cel}");
    }
}

#[test]
fn values_without_a_declared_type_are_compared_as_what_they_look_like() {
    for cel in [
        "same(steps['make-db'].output.count, 12)",
        "compare(steps['make-db'].output.count, 9) > 0",
        "compare('b', 'a') > 0",
        "same(parameters.public, 'false')",
        "!truthy(steps['make-db'].output.flag)",
        "!truthy(get(steps.plan.output, 'nothing'))",
        "same(get(get(parameters, 'tags'), '0'), 'a')",
        "text(parameters.none) == ''",
        "text(parameters.size).matches('^[0-9]$')",
        "seconds(parameters.ttl) == 7200.0",
    ] {
        assert_eq!(is(cel), Ok(true), "{cel}");
    }
}

#[test]
fn what_cannot_be_decided_is_told() {
    let told: Vec<String> = [
        "parameters.sise > 3",
        "item == 1",
        "parameters.size > 'x'",
        "parameters.size",
        "parameters.name.matches('(')",
        "steps.plan.output.x == 1",
        "parameters.size / 0 == 1",
        "seconds('soon') > 1.0",
        "parameters.size && true",
        "nothing(1)",
        "parameters.size ==",
        "",
    ]
    .iter()
    .map(|cel| format!("{cel}: {}", is(cel).unwrap_err()))
    .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn what_a_condition_costs_is_bounded_before_it_is_evaluated() {
    let hostile = [
        "(".repeat(4000),
        "!".repeat(4000),
        "-".repeat(4000),
        format!("true{}", " && true".repeat(500)),
        format!("1{} == 1", "+1".repeat(2000)),
        format!("a{}", ".a".repeat(2000)),
        format!("a{}", "[0]".repeat(1300)),
        format!("'{}'.matches('(a{{1000}}){{1000}}')", "a".repeat(500)),
        "[1].map(a, [1].map(b, [1].map(c, true)))".to_owned(),
        "x".repeat(100_000),
        "[".repeat(2000) + &"]".repeat(2000),
        "true ? ".repeat(570),
        "has(".repeat(30) + "a.b" + &")".repeat(30),
    ];
    for text in hostile {
        assert!(is(&text).is_err(), "{}", &text[..text.len().min(40)]);
    }
}
