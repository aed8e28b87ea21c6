//! Rendering in the real child process.

use serde_json::{Map, Value, json};
use worker::render::{RenderError, RenderRequest, RenderResponse, Renderer};

fn renderer() -> Renderer {
    Renderer::start(Some(env!("CARGO_BIN_EXE_slipway-worker").into())).unwrap()
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        other => panic!("not a map: {other}"),
    }
}

fn context() -> Map<String, Value> {
    map(json!({
        "parameters": {
            "name": "db", "replicas": 3, "ratio": 0.5, "dry": false, "nothing": null, "list": ["a", "b"],
            "labels": {"team": "x", "tier": "gold"}, "app-name": "shop", "evil": "{{ .parameters.name }}",
        },
        "steps": {"create-database": {"output": {"db-host": "10.0.0.1", "port": 5432}}},
        "settings": {"host": "h"},
    }))
}

async fn render(renderer: &Renderer, values: Value) -> Result<RenderResponse, RenderError> {
    renderer.render(RenderRequest { context: context(), values: map(values), ..RenderRequest::default() }).await
}

async fn text(source: &str) -> String {
    let rendered = render(&renderer(), json!({"it": source})).await;
    rendered.unwrap_or_else(|error| panic!("{source}: {error}")).values["it"].as_str().unwrap().to_owned()
}

async fn reason(source: &str) -> String {
    match render(&renderer(), json!({"config": {"items": ["fine", source]}})).await {
        Err(RenderError::Template { path, line, reason }) => {
            assert_eq!(path, "config.items[1]");
            format!("{line}: {reason}")
        }
        other => panic!("{source}: {other:?}"),
    }
}

#[tokio::test]
async fn a_string_that_is_one_field_keeps_the_type_of_its_value() {
    let values = json!({
        "replicas": "{{ .parameters.replicas }}", "ratio": "{{.parameters.ratio}}", "dry": "{{- .parameters.dry -}}",
        "list": "{{ .parameters.list }}", "labels": "{{ $.parameters.labels }}", "nothing": "{{ .parameters.nothing }}",
        "deep": [{"port": "{{ .steps.create-database.output.port }}"}], "text": "{{ .parameters.replicas }}!", "plain": 7,
    });
    let rendered = render(&renderer(), values).await.unwrap().values;
    let expected = json!({
        "replicas": 3, "ratio": 0.5, "dry": false, "list": ["a", "b"], "labels": {"team": "x", "tier": "gold"},
        "nothing": null, "deep": [{"port": 5432}], "text": "3!", "plain": 7,
    });
    assert_eq!(Value::Object(rendered), expected);
}

#[tokio::test]
async fn the_dialect_of_go_templates_is_understood() {
    let cases = [
        ("{{ .steps.create-database.output.db-host }}:{{ .steps.create-database.output.port }}", "10.0.0.1:5432"),
        ("{{ if .parameters.dry }}a{{ else if eq .parameters.name \"db\" }}b{{ else }}c{{ end }}", "b"),
        ("{{ if and (not .parameters.dry) (gt .parameters.replicas 2) }}y{{ end }}", "y"),
        (
            "{{ if or .parameters.dry (lt .parameters.replicas 2) (ne .parameters.name \"db\") }}y{{ else }}n{{ end }}",
            "n",
        ),
        ("{{ range $i, $x := .parameters.list }}{{ $i }}={{ $x }};{{ end }}", "0=a;1=b;"),
        ("{{ range .parameters.list }}[{{ . }}/{{ $.parameters.app-name }}]{{ end }}", "[a/shop][b/shop]"),
        ("{{ range $k, $v := .parameters.labels }}{{ $k }}:{{ $v }},{{ end }}", "team:x,tier:gold,"),
        ("{{ with .parameters.labels }}{{ .team }}{{ end }}", "x"),
        ("{{ $l := .parameters.labels }}{{ $l.tier }}", "gold"),
        ("{{ index .parameters.list 1 }}{{ index .parameters.labels \"team\" }}", "bx"),
        ("{{ printf \"%s-%03d\" .parameters.name .parameters.replicas }}", "db-003"),
        ("{{ len .parameters.list }}", "2"),
        ("{{ .parameters.missing | default \"d\" }}{{ default 4 .parameters.nothing }}", "d4"),
        ("{{ .parameters.name | upper | quote }}{{ lower \"AbC\" }}{{ trim \" x \" }}", "\"DB\"abcx"),
        ("{{ replace \"-\" \"_\" .parameters.app-name }}{{ \"a-b\" | replace \"-\" \"_\" }}", "shopa_b"),
        ("{{ toJson .parameters.labels }}{{ toJson .parameters.ratio }}", "{\"team\":\"x\",\"tier\":\"gold\"}0.5"),
        ("{{ join \",\" .parameters.list }} {{ .parameters.list }}", "a,b [a b]"),
        ("a {{- /* gone */ -}} b", "ab"),
        ("{{ if .parameters.never.there }}y{{ else }}n{{ end }}", "n"),
    ];
    for (source, expected) in cases {
        assert_eq!(text(source).await, expected, "{source}");
    }
    assert!(text("at {{ now }}").await.starts_with("at 20"));
}

#[tokio::test]
async fn what_a_value_holds_is_never_rendered_again() {
    let request = RenderRequest {
        context: context(),
        values: map(json!({"config": {"script": "echo {{ .parameters.evil }}", "raw": "{{ .parameters.evil }}"}})),
        then: map(
            json!({"command": ["sh", "-c", "{{ .config.script }}"], "files": [{"content": "# {{ .config.raw }}"}]}),
        ),
        ..RenderRequest::default()
    };
    let rendered = renderer().render(request).await.unwrap();
    assert_eq!(rendered.then["command"], json!(["sh", "-c", "echo {{ .parameters.name }}"]));
    assert_eq!(rendered.then["files"], json!([{"content": "# {{ .parameters.name }}"}]));
}

#[tokio::test]
async fn the_second_pass_sees_what_the_first_made_and_nothing_else() {
    let request = RenderRequest {
        context: context(),
        values: map(json!({"config": {"n": "{{ .parameters.replicas }}"}})),
        then: map(json!({"n": "{{ .config.n }}", "peek": "x{{ .parameters.name }}"})),
        ..RenderRequest::default()
    };
    let refused = renderer().render(request).await.unwrap_err();
    assert_eq!(refused.to_string(), "peek, line 1: '.parameters.name' does not exist: '.' has: config");
}

#[tokio::test]
async fn what_is_missing_is_named_with_what_is_there() {
    let missing = reason("x\ny {{ .steps.create-database.output.hots }}").await;
    assert_eq!(
        missing,
        "2: '.steps.create-database.output.hots' does not exist: '.steps.create-database.output' has: db-host, port"
    );
    assert_eq!(
        reason("{{ .parameters.name.first }}").await,
        "1: '.parameters.name.first' does not exist: '.parameters.name' is a string, not a map"
    );
    assert!(reason("x{{ .parameters.nothing }}").await.starts_with("1: '.parameters.nothing' is null"));
}

#[tokio::test]
async fn a_field_is_the_same_whether_a_child_looks_it_up_or_not() {
    let renderer = renderer();
    for field in [
        "{{ .parameters.name }}",
        "{{- $.parameters.labels -}}",
        "{{ .parameters.nothing }}",
        "{{ .parameters.no }}",
        "{{ .no.x }}",
    ] {
        let alone = render(&renderer, json!({"it": {"a": [field]}})).await;
        let beside = render(&renderer, json!({"it": {"a": [field]}, "program": "{{ 1 }}"})).await;
        let it =
            |rendered: Result<RenderResponse, RenderError>| rendered.map(|mut rendered| rendered.values.remove("it"));
        assert_eq!(it(alone), it(beside), "{field}");
    }
}

#[tokio::test]
async fn a_template_that_cannot_be_read_says_where() {
    assert!(reason("fine\n{{ if .parameters.dry }}").await.starts_with("2: "), "{}", reason("fine\n{{ if .x }}").await);
    assert!(reason("{{ nosuch .parameters.name }}").await.contains("nosuch"));
    assert!(reason("a\nb\n{{ upper 3 }}").await.starts_with("3: "));
}

#[tokio::test]
async fn without_any_program_no_child_is_needed() {
    let nowhere = Renderer::start(Some("/does/not/exist".into())).unwrap();
    assert_eq!(render(&nowhere, json!({"a": ["b", 1]})).await.unwrap().values["a"], json!(["b", 1]));
    let looked_up =
        render(&nowhere, json!({"a": ["{{ .parameters.labels }}", "{{ .parameters.evil }}"]})).await.unwrap();
    assert_eq!(looked_up.values["a"], json!([{"team": "x", "tier": "gold"}, "{{ .parameters.name }}"]));
    let refused = render(&nowhere, json!({"a": "{{ .parameters.name }}!"})).await.unwrap_err();
    assert!(matches!(refused, RenderError::Unavailable(_)) && !refused.is_final(), "{refused}");
}

/// After each attack the same renderer must serve the next request.
#[tokio::test]
async fn templates_that_want_everything_get_an_error_and_the_next_one_renders() {
    let doubling =
        "{{ $s := \"xxxxxxxxxxxxxxxx\" }}".to_owned() + &"{{ $s = printf \"%s%s\" $s $s }}".repeat(40) + "{{ len $s }}";
    let lists = "{{ $s := .parameters.list }}".to_owned() + &"{{ $s = printf \"%v%v\" $s $s }}".repeat(40);
    let attacks = [
        ("doubling a string", doubling),
        ("doubling what a list prints", lists),
        ("a range without end", "{{ range 1000000000000 }}{{ end }}".to_owned()),
        (
            "ranges within ranges",
            "{{ range 9999 }}{{ range 9999 }}{{ range 9999 }}x{{ end }}{{ end }}{{ end }}".to_owned(),
        ),
        ("much output", "{{ range 9999 }}".to_owned() + &"x".repeat(2_000) + "{{ end }}"),
        ("replacing nothing by much", "{{ replace \"\" .parameters.big .parameters.big }}".to_owned()),
        (
            "a template that calls itself",
            "{{ define \"r\" }}{{ template \"r\" . }}{{ end }}{{ template \"r\" . }}".to_owned(),
        ),
        ("deep brackets", "{{ ".to_owned() + &"(".repeat(100_000) + "1" + &")".repeat(100_000) + " }}"),
        ("deep actions", "{{ if 1 }}".repeat(100_000) + &"{{ end }}".repeat(100_000)),
        ("a million fields", "{{ .parameters }}".repeat(400_000)),
    ];
    let renderer = renderer();
    for (what, attack) in attacks {
        let mut seen = context();
        seen["parameters"]["big"] = "x".repeat(100_000).into();
        let request = RenderRequest { context: seen, values: map(json!({"it": attack})), ..RenderRequest::default() };
        let refused = renderer.render(request).await.expect_err(what);
        assert!(refused.is_final(), "{what}: {refused}");
        let next = render(&renderer, json!({"a": "{{ .parameters.name }}!"})).await;
        assert_eq!(next.unwrap_or_else(|error| panic!("after {what}: {error}")).values["a"], json!("db!"));
    }
}

#[tokio::test]
async fn values_that_multiply_by_reference_are_too_large() {
    let mut seen = context();
    seen["parameters"]["big"] = "x".repeat(1_000_000).into();
    let values: Vec<&str> = vec!["{{ .parameters.big }}"; 100];
    let request = RenderRequest { context: seen, values: map(json!({"all": values})), ..RenderRequest::default() };
    assert_eq!(renderer().render(request).await, Err(RenderError::OutputTooLarge));
}

#[tokio::test]
async fn a_request_of_a_hundred_megabytes_is_refused_before_it_is_sent() {
    let refused = render(&renderer(), json!({"it": "{{ 1 }}".to_owned() + &"x".repeat(100_000_000)})).await;
    assert!(matches!(refused, Err(RenderError::RequestTooLarge { bytes }) if bytes > 100_000_000));
}

#[tokio::test]
async fn many_requests_at_once_are_all_served() {
    let renderer = renderer();
    let all = (0..50).map(|n| {
        let renderer = renderer.clone();
        async move { render(&renderer, json!({"it": format!("{n}-{{{{ .parameters.name }}}}")})).await.unwrap().values }
    });
    for (n, values) in futures::future::join_all(all).await.into_iter().enumerate() {
        assert_eq!(values["it"], json!(format!("{n}-db")));
    }
}
