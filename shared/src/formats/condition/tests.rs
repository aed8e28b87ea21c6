use serde_json::json;

use super::*;
use crate::formats::parameter::ParameterType;

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

/// A file with the parameters `env` (text) and `size` (number), the variable `BRANCH`, the step `build-app`, and in the
/// step's own environment `REPLICAS`.
struct File;

impl Names for File {
    fn meaning(&self, name: &str) -> Meaning {
        let path = |names: &[&str]| Meaning::Path(names.iter().map(|name| (*name).to_owned()).collect());
        match name {
            "parameters.env" => path(&["parameters", "env"]),
            "parameters.size" => path(&["parameters", "size"]),
            "parameters.my-tags" => path(&["parameters", "my-tags"]),
            "BRANCH" | "workflow.BRANCH" => path(&["variables", "BRANCH"]),
            "build-app.coverage" => path(&["steps", "build-app", "output", "coverage"]),
            "REPLICAS" => Meaning::Text("3".to_owned()),
            "BOTH" => Meaning::Text("${parameters.env}-$BRANCH".to_owned()),
            "nowhere.x" => Meaning::Unknown("there is no step 'nowhere'".to_owned()),
            _ => Meaning::Unset,
        }
    }

    fn certain_type(&self, parameter: &str) -> Option<ParameterType> {
        match parameter {
            "env" => Some(ParameterType::String),
            "size" => Some(ParameterType::Number),
            _ => None,
        }
    }
}

#[test]
fn conditions_of_older_dialects_become_cel() {
    let translated: Vec<String> = [
        "${parameters.env} == production",
        "${parameters.size} >= 3",
        "$BRANCH startsWith feature/",
        "${workflow.BRANCH} contains hotfix && ${build-app.coverage} >= 80",
        "$BRANCH matches ^v[0-9]+\\.(0|1)$",
        "$BRANCH matches ^(a|b)$ || $BRANCH endsWith '.yaml'",
        "$BRANCH.contains(hotfix)",
        "build-app.success",
        "!build-app.failed && !(build-app.skipped || $BRANCH == main)",
        "$REPLICAS < 5",
        "$BOTH == prod-main",
        "$SKIP_TESTS",
        "$SKIP_TESTS == true",
        "${build-app.coverage} != null",
        "\"two words\" == $BRANCH",
        "$BRANCH == two words",
        "TRUE",
        "{{ .parameters.env }} == production",
        "{{ eq .parameters.env \"prod\" \"test\" }}",
        "{{ not (and .parameters.env (gt .parameters.size 3)) }}",
        "{{ if eq .parameters.env `prod` }}true{{ else }}false{{ end }}",
        "{{ .steps.build-app.output.coverage }} > 3",
        "{{ index .parameters \"my-tags\" | len }} > 0",
        "parameters.env == prod",
        "${parameters.my-tags} contains '{{x'",
        "$BRANCH == it's",
    ]
    .into_iter()
    .map(|text| {
        let translated = translate(text, &File).unwrap_or_else(|mistake| panic!("{text}: {mistake}"));
        check(&translated.cel).unwrap_or_else(|mistake| panic!("{text}: {}: {mistake}", translated.cel));
        assert!(!translated.cel.contains("{{") && !translated.cel.contains("${"), "{}", translated.cel);
        format!("{text}  =>  {}", translated.cel)
    })
    .collect();
    insta::assert_snapshot!(translated.join("\n"));
}

#[test]
fn what_is_no_condition_is_told_with_its_column() {
    let told: Vec<String> = [
        "${parameters.env} ==",
        "== production",
        "production",
        "${parameters.env == production",
        "$BRANCH matches (",
        "$BRANCH == x && ",
        "(build-app.success",
        "{{ .parameters.env",
        "{{ printf \"%s\" .parameters.env }} == x",
        "$BRANCH == x && ${nowhere.x} == 1",
        "",
    ]
    .into_iter()
    .map(|text| format!("{text}: {}", translate(text, &File).unwrap_err()))
    .collect();
    insta::assert_snapshot!(told.join("\n"));
    for hostile in
        ["(".repeat(4000), "!".repeat(4000), "{{ (".repeat(1000), "a".repeat(100_000), "$BRANCH && ".repeat(300)]
    {
        let _ = translate(&hostile, &File).map(|translated| check(&translated.cel));
    }
}

proptest::proptest! {
    #[test]
    fn translating_never_panics_and_gives_valid_cel(text in "([a-z $(){}.!&|=<>\"'0-9-]|\\{\\{ | \\}\\}|\\$\\{parameters\\.env\\}|\\.success|contains |matches ){0,30}") {
        if let Ok(translated) = translate(&text, &File) {
            let checked = check(&translated.cel);
            proptest::prop_assert!(checked.is_ok(), "{text}: {}: {checked:?}", translated.cel);
        }
    }
}
