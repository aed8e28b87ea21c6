//! Files that are meant to exhaust, confuse or get through whoever reads them: each is refused, with what is wrong and where.

use std::fmt::Write as _;

use reqwest::Method;
use serde_json::Value;
use shared::formats::{
    golden_path,
    problem::Problem,
    provider::{self, own_version},
    step_type, workflow, yaml,
};
use tests::{alone::Alone, client::Answer};

const SCORE: &str = "apiVersion: score.dev/v1b1\nmetadata:\n  name: shop\ncontainers:\n  main:\n    image: x\n";

/// A file, and the code, line and column of the first problem it has.
type Case = (&'static str, String, &'static str, u64, u64);

/// What no file may hold, whatever its kind; `head` is a good one's, of `lines` lines, and `key: value` may follow it.
fn cases(head: &str) -> Vec<Case> {
    let at = head.lines().count() as u64 + 1;
    let after = |text: &str| format!("{head}{text}");
    let bomb = (1..40).fold("a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(), |mut bomb, n| {
        let _ = writeln!(bomb, "a{n}: &a{n} [{}]", vec![format!("*a{}", n - 1); 9].join(", "));
        bomb
    });
    let many = format!("a: &a x\nb: [{}]\n", vec!["*a"; 100].join(", "));
    let keys = (0..20_000).fold(String::new(), |mut keys, n| {
        let _ = writeln!(keys, "k{n}: 1");
        keys
    });
    vec![
        ("an alias bomb", after(&bomb), "limit", at + 4, 10),
        ("an alias of what holds it", after("a: &a [*a]\n"), "syntax", at, 0),
        ("an alias of nothing", after("a: *nothing\n"), "syntax", at, 0),
        ("more aliases than anyone needs", after(&many), "limit", at + 1, 0),
        ("lists in lists", after(&format!("a: {}\n", "[".repeat(100_000))), "limit", at, 0),
        ("mappings in mappings", after(&format!("a: {}\n", "{a: ".repeat(100_000))), "limit", at, 0),
        ("lists in lists, by dashes", after(&format!("a:\n  {}x\n", "- ".repeat(100_000))), "limit", at + 1, 0),
        ("keys that are mappings", after(&format!("{}a\n", "? ".repeat(50_000))), "wrong_type", at, 3),
        ("more keys than anyone needs", after(&keys), "limit", 0, 0),
        ("a million bytes and one", after(&format!("a: {}\n", "x".repeat(1024 * 1024))), "limit", 0, 0),
        ("a key that is there twice", after("a: 1\na: 2\n"), "duplicate_key", at + 1, 1),
        ("a key that is there twice, written differently", after("a: 1\n\"\\x61\": 2\n"), "duplicate_key", at + 1, 1),
        ("a tab for spaces", after("a:\n\tb: 1\n"), "syntax", at + 1, 0),
        ("a zero byte", after("a: \"x\u{0}y\"\n"), "syntax", at, 0),
        (
            "a tag that makes objects elsewhere",
            after("a: !!python/object/apply:os.system [id]\n"),
            "unsupported",
            at,
            4,
        ),
        ("a tag of our own making", after("a: !include /etc/passwd\n"), "unsupported", at, 4),
        ("a mapping for a key", after("? {a: b}\n: 1\n"), "wrong_type", at, 3),
        ("a list for a key", after("[a]: 1\n"), "wrong_type", at, 1),
        ("an anchor on a key, and an alias for one", after("&a a: 1\n*a : 2\n"), "syntax", at + 1, 1),
        ("keys merged in", after("a: &a {b: 1}\nc:\n  <<: *a\n"), "unsupported", at + 2, 3),
        ("a quote that never ends", after("a: \"x\n"), "syntax", 0, 0),
    ]
}

/// As a case says it: no column is said where the reader's own place is good enough.
fn check(kind: &str, case: &Case, first: (&str, u64, u64)) -> Option<String> {
    let (what, _, code, line, column) = case;
    let same = first.0 == *code && (*line == 0 || first.1 == *line) && (*column == 0 || first.2 == *column);
    (!same).then(|| format!("{kind}: {what}: {first:?} instead of {:?}", (code, line, column)))
}

fn first(problems: &[Problem]) -> (&str, u64, u64) {
    problems.first().map_or(("", 0, 0), |it| (it.code, it.line.unwrap_or(0).into(), it.column.unwrap_or(0).into()))
}

#[test]
fn no_reader_of_files_is_exhausted_confused_or_got_through() {
    type Reader = fn(&str) -> Vec<Problem>;
    let readers: [(&str, &str, Reader); 5] = [
        ("yaml", "", |text| yaml::parse(text).err().unwrap_or_default()),
        ("provider", "apiVersion: v1\nkind: Provider\nmetadata: {name: p, version: 1.0.0}\n", |text| {
            provider::parse(text, None, &own_version()).err().unwrap_or_default()
        }),
        ("workflow", "apiVersion: slipway.dev/v1\nkind: Workflow\nmetadata: {name: w}\n", |text| {
            workflow::parse(text, None).err().unwrap_or_default()
        }),
        ("golden paths", "goldenpaths: {}\n", |text| golden_path::parse(text, None).err().unwrap_or_default()),
        ("step type", "apiVersion: slipway.dev/v1\nkind: StepType\n", |text| {
            step_type::parse(text, None).err().unwrap_or_default()
        }),
    ];
    let mut wrong = Vec::new();
    for (kind, head, read) in readers {
        for case in cases(head) {
            let problems = read(&case.1);
            assert!(problems.len() <= 101, "{kind}: {}", case.0);
            wrong.extend(check(kind, &case, first(&problems)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn submit(alone: &Alone, body: impl Into<reqwest::Body>) -> (u16, Value) {
    let http = reqwest::Client::new();
    let request = http.post(format!("{}/api/specs", alone.url)).bearer_auth(alone.client.key()).body(body);
    let answer = request.timeout(std::time::Duration::from_secs(20)).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn place(problem: &Value) -> (&str, u64, u64) {
    let error = &problem["errors"][0];
    let number = |key: &str| error[key].as_u64().unwrap_or(0);
    (error["code"].as_str().unwrap_or_default(), number("line"), number("column"))
}

#[tokio::test]
async fn a_score_file_that_means_harm_is_refused_with_the_place() {
    let alone = Alone::start(|_| {}).await.unwrap();
    let mut wrong = Vec::new();
    for case in cases(SCORE) {
        let (status, problem) = submit(&alone, case.1.clone()).await;
        if case.0 == "a million bytes and one" {
            assert_eq!((status, problem["type"].as_str()), (413, Some("/problems/too-large")), "{problem:#}");
            continue;
        }
        // What cannot be read is a bad request; what can be read and is wrong is not.
        assert!(matches!(status, 400 | 422), "{}: {status} {problem:#}", case.0);
        assert_eq!(problem["type"], "/problems/invalid-spec", "{}: {problem:#}", case.0);
        wrong.extend(check("score", &case, place(&problem)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(alone.client.get("/api/specs").await.unwrap()["items"], serde_json::json!([]));
}

#[tokio::test]
async fn bytes_that_are_no_text_are_refused_at_their_place() {
    let alone = Alone::start(|_| {}).await.unwrap();
    for (bytes, line, column) in [
        (&b"# \xff\n"[..], 7, 3),
        // An overlong '/', a surrogate, and what is beyond Unicode.
        (b"a: \xc0\xaf\n", 7, 4),
        (b"a: \xed\xa0\x80\n", 7, 4),
        (b"a: \xf4\x90\x80\x80\n", 7, 4),
    ] {
        let (status, problem) = submit(&alone, [SCORE.as_bytes(), bytes].concat()).await;
        assert_eq!((status, place(&problem)), (400, ("syntax", line, column)), "{problem:#}");
    }
    // UTF-16, with and without its mark.
    for mark in [&b"\xff\xfe"[..], b""] {
        let wide: Vec<u8> = SCORE.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let (status, problem) = submit(&alone, [mark, &wide].concat()).await;
        assert_eq!((status, place(&problem).0), (400, "syntax"), "{problem:#}");
    }
}

#[tokio::test]
async fn the_same_file_with_another_systems_line_ends_and_mark_is_the_same() {
    let alone = Alone::start(|_| {}).await.unwrap();
    let submitted = async |text: String| -> Answer { alone.client.submit(&text).await.unwrap() };
    assert_eq!(submitted(SCORE.to_owned()).await.status, 201);
    for same in [format!("\u{feff}{SCORE}"), SCORE.replace('\n', "\r\n"), format!("---\n{SCORE}...\n")] {
        let answer = submitted(same).await;
        assert_eq!((answer.status.as_u16(), &answer.body["generation"]), (200, &Value::from(1)), "{:#}", answer.body);
    }
    let two = submitted(format!("{SCORE}---\n{SCORE}")).await;
    assert_eq!(two.status.as_u16(), 400, "which of the two is meant: {:#}", two.body);
}

#[tokio::test]
async fn json_is_read_with_the_same_care() {
    let alone = Alone::start(|_| {}).await.unwrap();
    let mut wrong = Vec::new();
    let good = r#"{"apiVersion": "score.dev/v1b1", "metadata": {"name": "shop"}, "containers": {"m": {"image": "x"}}"#;
    for (rest, status, code) in [
        (r#", "containers": {}}"#.to_owned(), 422, "duplicate_key"),
        (r#", "\u0061piVersion": "x"}"#.to_owned(), 422, "duplicate_key"),
        (format!(r#", "x": {}"#, "[".repeat(100_000)), 400, "limit"),
        (format!(r#", "x": {}"#, r#"{"x": "#.repeat(100_000)), 400, "limit"),
        (r#", "x": NaN}"#.to_owned(), 422, "invalid_value"),
        (r#", "resources": {"db": {"type": "tt", "params": {"x": "\u0000"}}}}"#.to_owned(), 422, "invalid_value"),
        (r#", "resources": {"db": {"type": "tt", "params": {"x": "\ud800"}}}}"#.to_owned(), 400, "syntax"),
        (r#"} {"#.to_owned(), 400, "syntax"),
    ] {
        let shown: String = rest.chars().take(60).collect();
        let (found, problem) = submit(&alone, format!("{good}{rest}")).await;
        if (found, place(&problem).0) != (status, code) {
            wrong.push(format!("{shown}: {found} {:?}", place(&problem)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The bodies that are no files are read by other code.
    for (body, status) in [
        (format!(r#"{{"workflow": "w", "inputs": {{"a": {}}}"#, "[".repeat(100_000)), 400),
        (r#"{"workflow": "w", "workflow": "v"}"#.to_owned(), 400),
        (r#"{"workflow": "w", "inputs": {"a": "\u0000"}}"#.to_owned(), 404),
        (r#"{"workflow": 1e999}"#.to_owned(), 400),
    ] {
        let shown: String = body.chars().take(60).collect();
        let headers = [("content-type", "application/json")];
        let answer = alone.client.send(Method::POST, "/api/workflows/execute", &headers, Some(body)).await.unwrap();
        if answer.status.as_u16() != status {
            wrong.push(format!("{shown}: {:#}", answer.body));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn numbers_beyond_all_measure_are_kept_as_they_are_or_refused() {
    let alone = Alone::start(|_| {}).await.unwrap();
    for (number, status) in [
        ("9223372036854775807", 201),
        ("18446744073709551615", 201),
        ("1e308", 201),
        ("99999999999999999999999999999999999999999", 422),
        (".inf", 422),
        ("-.inf", 422),
        (".nan", 422),
    ] {
        let name = format!("n{}", uuid::Uuid::now_v7().simple());
        let text = format!("{}resources:\n  db: {{type: tt, params: {{x: {number}}}}}\n", SCORE.replace("shop", &name));
        let answer = alone.client.submit(&text).await.unwrap();
        assert_eq!(answer.status.as_u16(), status, "{number}: {:#}", answer.body);
    }
    // What is longer than any number is a text, and no work that grows with its square.
    let text = format!("{SCORE}resources:\n  db: {{type: tt, params: {{x: {}}}}}\n", "9".repeat(500_000));
    let answer = alone.client.submit(&text).await.unwrap();
    assert_eq!(answer.status.as_u16(), 201, "{:#}", answer.body);
}
