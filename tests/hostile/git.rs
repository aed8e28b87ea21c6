//! Addresses of repositories that are commands, options or secrets in disguise. What a repository itself may hold against whoever
//! fetches it (hooks, links, submodules, filters, trees that git would not make, bombs) is fetched for real in the scheduler's
//! own `tests/hostile.rs`.

use serde_json::json;
use shared::store::provider_source;
use tests::{alone::Alone, client::Answer};

const SOURCES: &str = "/api/admin/providers/sources";

async fn refused(alone: &Alone, body: serde_json::Value, path: &str, why: &str) {
    let answer: Answer = alone.client.post(SOURCES, &body).await.unwrap();
    let problem = &answer.body;
    assert_eq!(
        (answer.status.as_u16(), problem["type"].as_str()),
        (422, Some("/problems/invalid-source")),
        "{body}: {problem:#}"
    );
    assert_eq!(problem["errors"][0]["path"], path, "{body}: {problem:#}");
    let said = problem["errors"][0]["message"].as_str().unwrap();
    assert!(said.contains(why), "{body}: {said}");
}

#[tokio::test]
async fn an_address_that_runs_something_is_refused() {
    let alone = Alone::start(|_| {}).await.unwrap();
    for (url, why) in [
        ("ext::sh -c touch% /tmp/x", "without spaces"),
        ("ext::sh", "'ext' is not fetched from"),
        ("fd::7", "'fd' is not fetched from"),
        ("git://h.example/x", "'git' is not fetched from"),
        ("ftp://h.example/x", "'ftp' is not fetched from"),
        ("gopher://h.example/x", "'gopher' is not fetched from"),
        ("javascript:alert(1)", "'javascript' is not fetched from"),
        ("--upload-pack=touch /tmp/x", "without spaces"),
        ("--upload-pack=id", "is no URL"),
        ("-oProxyCommand=id", "is no URL"),
        ("git@h.example:x.git", "is no URL"),
        ("/srv/git/x", "is no URL"),
        ("ssh://-oProxyCommand=id/x", "names no host"),
        ("ssh://-oProxyCommand%3Did/x", "names no host"),
        ("ssh://-oProxyCommand@h.example/x", "the user's name"),
        ("ssh://git%40x@h.example/x", "the user's name"),
        ("ssh://h.example;id/x", "names no host"),
        ("ssh://$(id)/x", "names no host"),
        ("https://h.example/x?a=b", "neither '?' nor '#'"),
        ("https://h.example/x#y", "neither '?' nor '#'"),
        ("https://user:secret@h.example/x", "no credentials"),
        ("https://token@h.example/x", "no credentials"),
        ("https://h.example/x%00y", "names no repository"),
        ("https://h.example/x\ny", "without spaces"),
        ("https://h.example", "names no repository"),
        ("file://h.example/srv", "names no host"),
        ("https:///x y", "without spaces"),
    ] {
        refused(&alone, json!({"name": "x", "url": url, "ref": "v1"}), "/url", why).await;
    }
    let long = format!("https://h.example/{}", "x".repeat(10_000));
    refused(&alone, json!({"name": "x", "url": long, "ref": "v1"}), "/url", "at most 512 bytes").await;
    assert_eq!(alone.client.get(SOURCES).await.unwrap()["items"], json!([]));
}

#[tokio::test]
async fn a_reference_or_a_folder_that_is_an_option_an_expression_or_leads_out_is_refused() {
    let alone = Alone::start(|_| {}).await.unwrap();
    let url = "https://h.example/x";
    for reference in [
        "--upload-pack=id",
        "-x",
        "main..other",
        "main...other",
        "main@{1}",
        "@",
        "HEAD^",
        "HEAD~1",
        ":/fix",
        "main:path",
        "a b",
        "a\nb",
        "refs/../x",
        "a//b",
        "/a",
        ".a",
        "a.lock",
        "a\u{0}b",
        "*",
        "[a]",
        "a?b",
        "",
        "é",
    ] {
        refused(&alone, json!({"name": "x", "url": url, "ref": reference}), "/ref", "no tag, branch or commit").await;
    }
    for (path, why) in [
        ("..", "leads out of the repository"),
        ("a/../../b", "leads out of the repository"),
        ("/etc", "leads out of the repository"),
        ("-x", "is no folder"),
        ("a\nb", "is no folder"),
        ("a:b", "is no folder"),
        ("a\\..\\b", "is no folder"),
    ] {
        refused(&alone, json!({"name": "x", "url": url, "ref": "v1", "path": path}), "/path", why).await;
    }
    for name in ["../x", "A", "x y", "-x", "x-", "x/y", "x\u{202e}", "é"] {
        refused(&alone, json!({"name": name, "url": url, "ref": "v1"}), "/name", "").await;
    }
}

#[tokio::test]
async fn a_secret_that_a_source_names_is_one_of_the_configuration_and_no_file() {
    let alone = Alone::start(|_| {}).await.unwrap();
    for secret in ["/etc/passwd", "file:/etc/passwd", "env:PATH", "../x", ""] {
        let body = json!({"name": "x", "url": "https://h.example/x", "ref": "v1", "secret": secret});
        let answer = alone.client.post(SOURCES, &body).await.unwrap();
        assert_eq!(
            (answer.status.as_u16(), answer.body["type"].as_str()),
            (422, Some("/problems/invalid-source")),
            "{secret}: {:#}",
            answer.body
        );
        assert!(!answer.body.to_string().contains("root:"), "{:#}", answer.body);
    }
    assert!(provider_source::find(&alone.database.pool, "x").await.unwrap().is_none());
}
