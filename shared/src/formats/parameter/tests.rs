use serde_json::json;

use super::*;

fn inputs(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

fn size() -> Parameter {
    Parameter {
        name: "size".into(),
        kind: ParameterType::Number,
        required: true,
        min: Some(1.0),
        max: Some(9.0),
        ..Parameter::default()
    }
}

#[test]
fn defaults_are_filled_in_and_types_kept() {
    let flag = Parameter {
        name: "public".into(),
        kind: ParameterType::Boolean,
        default: Some(json!(false)),
        ..Parameter::default()
    };
    let checked = check_inputs(&[size(), flag], &inputs(json!({"size": 3, "app_name": "shop"})), Unknown::Keep);
    assert_eq!(Value::Object(checked.unwrap()), json!({"size": 3, "public": false, "app_name": "shop"}));
}

#[test]
fn everything_wrong_with_the_inputs_is_told_at_once() {
    let region =
        Parameter { name: "region".into(), allowed: Some(vec![json!("eu"), json!("us")]), ..Parameter::default() };
    let name =
        Parameter { name: "name".into(), pattern: Some("^[a-z]+$".into()), required: true, ..Parameter::default() };
    let wrong = inputs(json!({"size": "3", "region": "mars", "name": "X", "nmae": 1}));
    let problems = check_inputs(&[size(), region, name], &wrong, Unknown::Refuse).unwrap_err();
    let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(text.join("\n"), @r"
    'size' must be a number, not a string (at /size)
    'region' must be one of: eu, us (at /region)
    'name' does not match '^[a-z]+$' (at /name)
    there is no parameter 'nmae'; did you mean 'name'? (at /nmae)
    ");
    let missing = check_inputs(&[size()], &Map::new(), Unknown::Refuse).unwrap_err();
    assert_eq!(missing[0].to_string(), "'size' is required (a number) (at /size)");
    let small = check_inputs(&[size()], &inputs(json!({"size": 0})), Unknown::Refuse).unwrap_err();
    assert_eq!(small[0].to_string(), "'size' must be at least 1 (at /size)");
}
