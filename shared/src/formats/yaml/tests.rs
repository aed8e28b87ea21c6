use proptest::prelude::*;
use serde_json::json;

use super::*;

fn refusal(text: &str) -> String {
    parse(text).unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn scalars_mean_what_the_core_schema_says() {
    let (value, _) = parse(
        "a: 1\nb: -2.5\nc: true\nd: ~\ne: 0x1F\nf: '1'\ng: yes\nh: 1e3\ni: .5\nj: 0o17\nk: 1.2.3\nl: [~]\nm: '<'\nn: !!str 5\no: +7\np: 2026-11-21\n",
    )
    .unwrap();
    let expected = json!({
        "a": 1, "b": -2.5, "c": true, "d": null, "e": 31, "f": "1", "g": "yes", "h": 1000.0, "i": 0.5, "j": 15,
        "k": "1.2.3", "l": [null], "m": "<", "n": "5", "o": 7, "p": "2026-11-21"
    });
    assert_eq!(value, expected);
}

#[test]
fn json_is_read_as_it_is() {
    let text = "{\n\t\"a\": [1, \"x\\/y \\ud83d\\ude00 \\\\ud83d\"],\n\t\"b\": {\"c\": null, \"d\": \"\\u00e9\"}\n}";
    let (value, positions) = parse(text).unwrap();
    assert_eq!(value, serde_json::from_str::<Value>(text).unwrap());
    assert_eq!(positions.of("/b/c"), Some(Position { line: 3, column: 8 }));
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_text() {
    assert_eq!(parse("\u{feff}a: 1").unwrap().0, json!({"a": 1}));
}

#[test]
fn an_empty_text_is_null() {
    for text in ["", "\n\n", "# only a comment\n", "---\n"] {
        assert_eq!(parse(text).unwrap().0, Value::Null, "{text:?}");
    }
}

#[test]
fn every_value_has_a_place() {
    let (_, positions) = parse("a:\n  - x\n  - b/c: 1\n").unwrap();
    assert_eq!(positions.of("/a/1/b~1c"), Some(Position { line: 3, column: 5 }));
    assert_eq!(positions.of("/a/0"), Some(Position { line: 2, column: 5 }));
    // What is not there is where it is missing.
    assert_eq!(positions.of("/a/1/none/of/it"), positions.of("/a/1"));
    assert_eq!(Positions::default().of("/a"), None);
}

#[test]
fn a_key_given_twice_is_refused_with_the_place_of_the_second() {
    let text = "a: 1\nb:\n  x: 1\n  'x': 2\nc: {y: 1, y: 2}\na: 3\n";
    insta::assert_snapshot!(refusal(text), @r"
    4:3: the key 'x' is given twice; it is first given on line 3 (at /b/x)
    5:11: the key 'y' is given twice; it is first given on line 5 (at /c/y)
    6:1: the key 'a' is given twice; it is first given on line 1 (at /a)
    ");
    assert!(refusal("{\"a\": 1,\n \"a\": 2}").starts_with("2:2: the key 'a' is given twice"));
}

#[test]
fn what_has_no_place_in_a_configuration_file_is_refused_with_a_reason() {
    let all: Vec<String> = [
        "a: 1\n---\nb: 2\n",
        "1: a\n",
        "[a]: b\n",
        "null: b\n",
        "base: &b {x: 1}\nc:\n  <<: *b\n",
        "a: !secret x\n",
        "a: .inf\n",
        "a: 99999999999999999999\n",
        "a: *nobody\n",
        "a: &a [*a]\n",
        "a: [1\n",
        "a:\n\tb: 1\n",
    ]
    .iter()
    .map(|text| refusal(text))
    .collect();
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn aliases_repeat_values_within_bounds() {
    let (value, _) = parse("a: &a {x: [1]}\nb: *a\n").unwrap();
    assert_eq!(value, json!({"a": {"x": [1]}, "b": {"x": [1]}}));
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..30 {
        let inner = vec![format!("*a{}", level - 1); 9].join(",");
        bomb.push_str(&format!("a{level}: &a{level} [{inner}]\n"));
    }
    insta::assert_snapshot!(refusal(&bomb), @"5:10: more than 10000 values (at /a4/0)");
    let many = format!("- &a x\n{}", "- *a\n".repeat(100));
    assert_eq!(refusal(&many), "66:3: more than 64 aliases (at /65)");
    let long = format!("- &a '{}'\n{}", "x".repeat(200_000), "- *a\n".repeat(60));
    assert!(refusal(&long).contains("aliases repeat more than"), "{}", refusal(&long));
    let nested = format!("a: &a {}x{}\nb: {}*a{}", "[".repeat(40), "]".repeat(40), "[".repeat(40), "]".repeat(40));
    assert_eq!(refusal(&nested).lines().next().unwrap().split(':').count(), 3, "a depth built by an alias counts");
}

#[test]
fn depth_is_bounded_in_every_style() {
    let deep: Vec<String> = vec![
        "[".repeat(MAX_BYTES),
        "{a: ".repeat(100_000),
        "- ".repeat(MAX_BYTES / 2),
        (0..1400).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect(),
        format!("{}{}", "[".repeat(250), "a,".repeat(400_000)),
    ];
    for text in deep {
        let problems = parse(&text).unwrap_err();
        let last = problems.last().unwrap();
        assert_eq!(last.code, code::LIMIT, "{last}");
        assert!(last.line.is_some() && last.column.is_some());
    }
    assert!(parse(&format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH))).is_ok());
}

#[test]
fn size_is_bounded() {
    assert!(refusal(&"x".repeat(MAX_BYTES + 1)).contains("larger than"));
    let keys: String = (0..90_000).map(|key| format!("k{key}: 1\n")).collect();
    assert_eq!(refusal(&keys), "5000:8: more than 10000 values (at /k4999)");
    let line = format!("a: {}", "x".repeat(MAX_BYTES - 3));
    assert_eq!(parse(&line).unwrap().0["a"].as_str().unwrap().len(), MAX_BYTES - 3);
    let duplicates = "a: 1\n".repeat(9_000);
    assert!(parse(&duplicates).unwrap_err().len() <= super::super::problem::MAX_PROBLEMS + 1);
}

#[test]
fn a_script_full_of_brackets_is_no_attack() {
    let script = "  if [[ $a == \"{\" ]]; then case $x in a) echo '[';; esac; fi\n".repeat(200);
    let (value, _) = parse(&format!("script: |\n{script}")).unwrap();
    assert!(value["script"].as_str().unwrap().starts_with("if [["));
}

proptest! {
    #[test]
    fn nothing_that_is_read_ever_panics(text in r#"[\[\]{}:,&*!|>'"%@`#?\-a-c \n\t\\$~0-9.]{0,200}"#) {
        let _ = parse(&text);
    }

    #[test]
    fn any_json_is_read_like_a_json_parser_does(value in json_value()) {
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            prop_assert_eq!(&parse(&text).unwrap().0, &value);
        }
    }

    #[test]
    fn what_was_written_as_yaml_is_read_back(value in json_value()) {
        let text = serde_yaml::to_string(&value).unwrap();
        prop_assert_eq!(&parse(&text).unwrap().0, &value);
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9_f64).prop_map(|n| Value::from((n * 8.0).round() / 8.0)),
        "[a-zA-Z0-9 .:#'\"\\\\\n\u{e9}\u{1F600}-]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-z]{1,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

#[test]
fn a_zero_byte_is_refused_with_its_place() {
    let problems = parse("a: 1\nb: \"x\0y\"\n").unwrap_err();
    assert_eq!((problems[0].line, problems[0].column), (Some(2), Some(6)));
}
