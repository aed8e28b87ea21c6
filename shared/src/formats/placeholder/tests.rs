use proptest::prelude::*;
use serde_json::json;

use super::{super::score, *};

fn fill(reference: &Reference) -> Option<Value> {
    let outputs =
        json!({"host": "db.local", "port": 5432, "tls": {"on": true}, "a.b": "dotted", "odd": "${metadata.name}"});
    match reference {
        Reference::Resource { name, path } if name == "db" => lookup(&outputs, path).cloned(),
        Reference::Metadata(keys) => lookup(&json!({"name": "shop"}), keys).cloned(),
        Reference::Resource { .. } | Reference::Secret(_) => None,
    }
}

#[test]
fn a_value_that_is_one_placeholder_keeps_its_type_and_others_become_text() {
    let value = json!({
        "port": "${resources.db.port}",
        "url": "pg://${resources.db.host}:${resources.db.port}/${metadata.name}",
        "tls": ["${resources.db.tls}", "tls=${resources.db.tls}"],
        "dotted": r"${resources.db.a\.b}",
        "money": "$$5 and $6 and $${metadata.name}",
        "once": "${resources.db.odd}",
        "n": 3,
    });
    let expected = json!({
        "port": 5432,
        "url": "pg://db.local:5432/shop",
        "tls": [{"on": true}, "tls={\"on\":true}"],
        "dotted": "dotted",
        "money": "$5 and $6 and ${metadata.name}",
        "once": "${metadata.name}",
        "n": 3,
    });
    assert_eq!(resolve(&value, &fill).unwrap(), expected);
}

#[test]
fn what_cannot_be_filled_is_told_with_its_place() {
    let error = resolve(&json!({"a": ["x", "${resources.db.nope.deep}"]}), &fill).unwrap_err();
    assert_eq!(error.to_string(), "the resource 'db' has no output 'nope.deep' (needed at /a/1)");
    let error = resolve(&json!("${metadata.owner}!"), &fill).unwrap_err();
    assert_eq!(error.to_string(), "the metadata has no 'owner' (needed at )");
}

#[test]
fn malformed_placeholders_are_refused_with_their_path() {
    let all: Vec<String> =
        ["${env.HOME}", "${resources.db.host", "${}", "${metadata}", "${resources..x}", "${ resources.db.x }"]
            .iter()
            .map(|text| references(&json!({"params": {"x": text}})).unwrap_err().to_string())
            .collect();
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_secret_is_named_by_one_plain_name_and_nothing_in_it() {
    let value =
        json!({"url": "db://u:${secrets.DB_PASSWORD}@h", "same": ["${secrets.DB_PASSWORD}"], "not": "$${secrets.X}"});
    assert_eq!(secrets(&value), BTreeMap::from([("DB_PASSWORD".to_owned(), "/url".to_owned())]));
    let filled = resolve(&value, &|reference| match reference {
        Reference::Secret(name) => Some(json!(format!("<{name}>"))),
        _ => None,
    });
    let expected = json!({"url": "db://u:<DB_PASSWORD>@h", "same": ["<DB_PASSWORD>"], "not": "${secrets.X}"});
    assert_eq!(filled.unwrap(), expected);
    for wrong in ["${secrets}", "${secrets.}", "${secrets.a.b}", "${secrets.1x}", "${secrets.a b}", "${secrets.../x}"] {
        assert!(references(&json!(wrong)).is_err(), "{wrong}");
    }
    let missing = resolve(&json!(["${secrets.X}"]), &|_| None).unwrap_err();
    assert_eq!(missing.to_string(), "there is no secret 'X' (needed at /0): `slipway secret set X` stores one");
}

#[test]
fn references_come_once_each_in_order() {
    let found = references(&json!(["${resources.b.x}", {"y": "${resources.a.y}-${resources.b.x}"}])).unwrap();
    let named = |name: &str, key: &str| Reference::Resource { name: name.into(), path: vec![key.into()] };
    assert_eq!(found, [named("b", "x"), named("a", "y")]);
}

fn workload(resources: &str) -> String {
    format!(
        "apiVersion: score.dev/v1b1\nmetadata: {{name: shop, tier: gold}}\ncontainers: {{web: {{image: x}}}}\nresources:\n{resources}"
    )
}

#[test]
fn resources_are_ordered_by_what_they_name() {
    let text = workload(
        "  db: {type: postgres}\n  app: {type: dns, params: {to: '${resources.db.host}', tier: '${metadata.tier}'}}\n",
    );
    let score = score::parse(&text, score::Mode::Strict).unwrap().score;
    let edges = dependencies(&score).unwrap();
    assert_eq!(edges["app"].iter().collect::<Vec<_>>(), ["db"]);
    assert!(edges["db"].is_empty());
}

#[test]
fn a_circle_is_printed() {
    let text = workload(
        "  ab: {type: t1, params: {x: '${resources.bc.y}'}}\n  bc: {type: t1, params: {x: '${resources.ca.y}'}}\n  ca: {type: t1, params: {x: ['${resources.ab.y}']}}\n",
    );
    let problems = score::parse(&text, score::Mode::Strict).unwrap_err();
    assert_eq!(
        problems[0].to_string(),
        "5:18: resources need each other in a circle: ab -> bc -> ca -> ab (at /resources/ab/params)"
    );
}

#[test]
fn placeholders_of_containers_are_checked_too() {
    let text = r#"
apiVersion: score.dev/v1b1
metadata: {name: shop}
containers:
  web:
    image: x
    variables:
      A: ${resources.dp.host}
      B: ${metadata.owner}
      C: ${resources.db.host} is fine
    files:
      /a: {content: "${env.X}"}
      /b: {content: "${env.X}", noExpand: true}
    volumes:
      /v: {source: "${resources.disk}"}
resources:
  db: {type: postgres}
"#;
    let problems = score::parse(text, score::Mode::Strict).unwrap_err();
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

proptest! {
    #[test]
    fn text_whose_dollars_are_doubled_comes_back_as_it_was(text in r"[a-z${}.\\ ]{0,40}") {
        let doubled = text.replace('$', "$$");
        prop_assert_eq!(resolve(&json!(doubled), &|_| None).unwrap(), json!(text));
        prop_assert!(references(&json!(doubled)).unwrap().is_empty());
    }

    #[test]
    fn any_key_can_be_named_when_its_dots_are_escaped(key in r"[a-zA-Z0-9_.-]{1,12}") {
        let text = format!("${{resources.db.{}}}", key.replace('.', r"\."));
        let expected = Reference::Resource { name: "db".into(), path: vec![key] };
        prop_assert_eq!(references(&json!(text)).unwrap(), vec![expected]);
    }

    #[test]
    fn resolving_and_listing_agree_on_what_is_well_formed(text in r"[a-z${}.\\]{0,30}") {
        let listed = references(&json!(text)).is_ok();
        let resolved = resolve(&json!(text), &|_| Some(Value::Null)).is_ok();
        prop_assert_eq!(listed, resolved);
    }
}

#[test]
fn every_bad_placeholder_is_told_not_only_the_first() {
    let text = "apiVersion: score.dev/v1b1\nmetadata: {name: shop}\ncontainers: {main: {image: x}}\nresources:\n  aa:\n    \
                type: t1\n    params: {x: '${resources.zz.host}', y: '${foo.bar}', z: '${resources.aa'}\n";
    let problems = score::parse(text, score::Mode::Strict).unwrap_err();
    assert_eq!(problems.len(), 3, "{problems:?}");
}
