//! What filters, cursors and selectors are: values, and never a part of a question to Postgres.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{alone::Alone, client::Answer, score::Score};

/// What would change a question if it were a part of it.
const PAYLOADS: &[&str] = &[
    "' OR '1'='1",
    "'; DROP TABLE application; --",
    "\\'; DROP TABLE application; --",
    "x') OR true; --",
    "$1",
    "$$; DROP TABLE application; $$",
    "%' OR name LIKE '%",
    "{\"a\": 1}'::jsonb OR true",
    "pg_sleep(10)",
    "shop' UNION SELECT * FROM api_key --",
    "shop\u{0}",
    "\u{202e}pohs",
];

async fn with_an_application() -> Alone {
    let alone = Alone::start(|_| {}).await.unwrap();
    let yaml = Score::new("shop").resource("it", "unknown", &json!({})).yaml();
    alone.client.submit(&yaml).await.unwrap().ok().unwrap();
    alone
}

async fn get(alone: &Alone, path: &str) -> Answer {
    alone.client.send(Method::GET, path, &[], None).await.unwrap()
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// The path and the query parameters of every list.
async fn lists(alone: &Alone) -> Vec<(String, Vec<String>)> {
    let document = alone.client.get("/api/openapi.json").await.unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    // A stream has no end to look at.
    let lists = paths.filter(|(path, methods)| {
        let json = methods["get"]["responses"]["200"]["content"]["application/json"].is_object();
        path.starts_with("/api/") && !path.contains('{') && json
    });
    let names = |operation: &Value| {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let in_query = parameters.filter(|parameter| parameter["in"] == "query");
        in_query.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    lists.map(|(path, methods)| (path.clone(), names(&methods["get"]))).filter(|(_, names)| !names.is_empty()).collect()
}

#[tokio::test]
async fn no_parameter_of_any_list_is_a_part_of_a_question() {
    let alone = with_an_application().await;
    let lists = lists(&alone).await;
    assert!(lists.len() >= 8, "{lists:?}");
    for (path, names) in &lists {
        for name in names {
            for payload in PAYLOADS {
                let answer = get(&alone, &format!("{path}?{name}={}", encoded(payload))).await;
                let status = answer.status.as_u16();
                assert!([200, 400, 404, 422].contains(&status), "{path}?{name}={payload}: {status} {:#}", answer.body);
                // What selects nothing finds nothing.
                let found = answer.body["items"].as_array().map_or(0, Vec::len);
                let everything = ["deleted", "terminated", "limit"].contains(&name.as_str());
                assert!(found == 0 || everything, "{path}?{name}={payload}: {:#}", answer.body);
            }
        }
    }
    let still = alone.client.get("/api/specs").await.unwrap();
    assert_eq!(still["items"][0]["name"], "shop", "{still:#}");
}

#[tokio::test]
async fn a_selector_of_labels_is_one_of_labels() {
    let alone = with_an_application().await;
    for (selector, status) in [
        ("a=b", 200),
        ("!a", 200),
        ("a=b'}", 200),
        ("a=\"}}' OR true --", 200),
        ("=b", 400),
        ("a==b", 200),
        ("a=b\u{0}", 400),
        // As many as the head of a request can hold.
        (&*vec!["a=b"; 2_000].join(","), 200),
    ] {
        let answer = get(&alone, &format!("/api/resources?labels={}", encoded(selector))).await;
        let shown: String = selector.chars().take(40).collect();
        assert_eq!(answer.status.as_u16(), status, "{shown}: {:#}", answer.body);
    }
}

#[tokio::test]
async fn a_cursor_that_was_not_given_out_is_refused() {
    let alone = with_an_application().await;
    let sixteen = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    for cursor in
        ["x".to_owned(), "'; --".to_owned(), sixteen(b"'; DROP TABLE"), sixteen(&[255; 17]), "A".repeat(10_000)]
    {
        let answer = get(&alone, &format!("/api/resources?cursor={}", encoded(&cursor))).await;
        let status = answer.status.as_u16();
        assert!([400, 414, 431].contains(&status), "{status}: {:#}", answer.body);
    }
    // One of sixteen bytes is a place in the list, wherever it comes from: it shows what comes after, to whom may see that.
    let anywhere = alone.client.get(&format!("/api/resources?cursor={}", sixteen(&[0; 16]))).await.unwrap();
    assert_eq!(anywhere["items"], json!([]));
}

#[tokio::test]
async fn an_id_that_is_none_names_nothing() {
    let alone = with_an_application().await;
    for id in [
        "1",
        "'",
        "01890000-0000-7000-8000-00000000000",
        "../specs",
        "01890000-0000-7000-8000-000000000000' OR true",
        "*",
    ] {
        for path in ["/api/resources/", "/api/workflows/", "/api/specs/", "/api/keys/", "/api/webhooks/"] {
            let answer = get(&alone, &format!("{path}{}", encoded(id))).await;
            assert_eq!(answer.status.as_u16(), 404, "{path}{id}: {:#}", answer.body);
        }
    }
}

#[tokio::test]
async fn a_parameter_that_a_list_does_not_have_is_not_passed_over() {
    let alone = with_an_application().await;
    for query in ["nmae=shop", "sort=name;DROP", "order=1", "team[]=x", "team=a&team=b"] {
        let answer = get(&alone, &format!("/api/specs?{query}")).await;
        assert_eq!(answer.status.as_u16(), 400, "{query}: {:#}", answer.body);
    }
}
