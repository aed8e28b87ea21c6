use serde_json::json;

use super::*;

const FULL: &str = r#"
apiVersion: score.dev/v1b1
metadata:
  name: shop
  team: blue
  annotations: {example.com/Cost_Centre.1: "42"}
service:
  ports:
    web: {port: 80, protocol: TCP, targetPort: 8080}
containers:
  app:
    image: registry.example/shop:1
    command: [/bin/shop]
    args: [--fast]
    variables: {DB: "${resources.db.uri}"}
    files:
      /etc/shop.conf: {mode: "0640", content: "tier=${metadata.team}"}
      /etc/logo: {binaryContent: aGk=}
      /etc/more: {source: ./more, noExpand: true}
    volumes:
      /data: {source: "${resources.disk}", path: sub, readOnly: true}
    before: {side: {ready: healthy}}
    resources:
      limits: {cpu: "0.5", memory: 1.5Gi}
      requests: {cpu: 100m, memory: 128M}
    livenessProbe: {exec: {command: [/bin/true]}}
    readinessProbe:
      httpGet: {host: localhost, scheme: HTTPS, path: /ready, port: 8080, httpHeaders: [{name: X-A, value: b}]}
  side: {image: .}
resources:
  db:
    type: Postgres
    class: large
    id: shared.main-db
    metadata: {annotations: {note: important thing}, owner: dba}
    params: {size: 3, extensions: [pg_trgm]}
  disk: {type: volume}
"#;

fn refusal(text: &str, mode: Mode) -> String {
    parse(text, mode).unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn all_that_the_specification_has_is_read_and_kept() {
    let parsed = parse(FULL, Mode::Strict).unwrap();
    assert!(parsed.warnings.is_empty());
    let score = parsed.score;
    assert_eq!(score.metadata.rest["team"], "blue");
    assert_eq!(score.resources["db"].annotations["note"], "important thing");
    assert_eq!(score.resources["db"].metadata["owner"], "dba");
    assert_eq!(score.containers["app"].before["side"].ready, Ready::Healthy);
    let stored = serde_json::to_value(&score).unwrap();
    assert_eq!(serde_json::from_value::<Score>(stored).unwrap(), score);
}

#[test]
fn deprecated_lists_of_files_and_volumes_are_read_with_a_warning_each() {
    let text = "apiVersion: score.dev/v1b1\nmetadata: {name: old}\ncontainers:\n  main:\n    image: x\n    files: [{target: /a, content: b}]\n    volumes: [{target: /v, source: s}]\n";
    let parsed = parse(text, Mode::Strict).unwrap();
    assert_eq!(parsed.score.containers["main"].files["/a"].content.as_deref(), Some("b"));
    assert_eq!(parsed.score.containers["main"].volumes["/v"].source, "s");
    let warnings: Vec<String> = parsed.warnings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(warnings.join("\n"), @r"
    6:5: 'files' as a list is deprecated; write a mapping from path to details (at /containers/main/files)
    7:5: 'volumes' as a list is deprecated; write a mapping from path to details (at /containers/main/volumes)
    ");
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let text = r#"
apiVersion: score.dev/v2
metadata: {name: Shop_}
servce: {}
containers:
  a: {image: x}
  app:
    imag: x
    image: ""
    command: ls
    variables: {A: 1, "B=C": x}
    files:
      /a: {mode: 0640, content: x, source: y}
      /b: {content: x, target: /c}
    before: {b-c: {ready: soon}}
    resources: {limits: {cpu: lots, memory: 1.5Q}}
    livenessProbe: {}
    readinessProbe: {httpGet: {port: 70000, path: 1}}
resources:
  db: {class: x, param: {}}
  x: {type: postgres}
  db2: {type: postgres, id: UPPER, params: []}
"#;
    insta::assert_snapshot!(refusal(text, Mode::Strict));
}

#[test]
fn what_must_be_there_is_named_when_it_is_not() {
    insta::assert_snapshot!(refusal("{}", Mode::Strict), @r"
    1:1: 'apiVersion' is missing
    1:1: 'metadata' is missing
    1:1: 'containers' is missing
    ");
    insta::assert_snapshot!(refusal("", Mode::Strict), @"expected a mapping, found nothing");
    let none = "apiVersion: score.dev/v1b1\nmetadata: {name: shop}\ncontainers: {}\n";
    insta::assert_snapshot!(refusal(none, Mode::Strict), @"3:1: at least one container is needed (at /containers)");
    let null = "apiVersion: score.dev/v1b1\nmetadata: {name: shop}\ncontainers: {ab: {image: x}}\nservice:\n";
    insta::assert_snapshot!(refusal(null, Mode::Strict), @"4:1: expected a mapping, found nothing (at /service)");
}

const COMPAT: &str = r#"
apiVersion: score.dev/v1b1
metadata: {name: shop}
environment: {type: kubernetes}
workflows: {deploy: {}}
containers:
  app: {image: x, env: {A: b}}
resources:
  db: {type: postgres, properties: {size: 3}}
"#;

#[test]
fn older_files_are_read_in_compatibility_mode_with_one_warning_each() {
    let parsed = parse(COMPAT, Mode::Compat).unwrap();
    assert_eq!(parsed.score.resources["db"].params["size"], 3);
    assert_eq!(parsed.score.containers["app"].variables["A"], "b");
    let warnings: Vec<String> = parsed.warnings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(warnings.join("\n"));
    insta::assert_snapshot!(refusal(COMPAT, Mode::Strict), @r"
    4:1: unknown key 'environment'; allowed here: apiVersion, metadata, service, containers, resources (at /environment)
    5:1: unknown key 'workflows'; allowed here: apiVersion, metadata, service, containers, resources (at /workflows)
    7:19: unknown key 'env'; allowed here: image, command, args, variables, files, volumes, before, resources, livenessProbe, readinessProbe (at /containers/app/env)
    9:24: unknown key 'properties'; allowed here: type, class, id, metadata, params (at /resources/db/properties)
    ");
}

#[test]
fn the_digest_is_of_what_a_file_says_and_not_of_how() {
    let one = "apiVersion: score.dev/v1b1\nmetadata: {name: shop}\ncontainers: {ab: {image: x}}\nresources: {db: {type: tt, params: {b: 1, a: 2}}}\n";
    let same = "# other layout\nresources:\n  db:\n    params: {a: 2, b: 1}\n    type: tt\ncontainers: {ab: {image: 'x'}}\nmetadata: {name: shop}\napiVersion: score.dev/v1b1\n";
    let other = one.replace("a: 2", "a: 3");
    let of = |text: &str| digest(&parse(text, Mode::Strict).unwrap().score);
    assert_eq!(of(one), of(same));
    assert_ne!(of(one), of(&other));
}

#[test]
fn a_resource_is_identified_by_type_class_and_name_or_id() {
    let score = parse(FULL, Mode::Strict).unwrap().score;
    assert_eq!(score.identity("db").unwrap(), "Postgres.large#shared.main-db");
    assert_eq!(score.identity("disk").unwrap(), "volume.default#shop.disk");
    assert_eq!(score.identity("none"), None);
}

#[test]
fn a_submission_in_json_is_a_submission() {
    let value = json!({
        "apiVersion": "score.dev/v1b1",
        "metadata": {"name": "shop"},
        "containers": {"ab": {"image": "x"}},
    });
    assert!(parse(&value.to_string(), Mode::Strict).is_ok());
}
