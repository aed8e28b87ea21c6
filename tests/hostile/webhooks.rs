//! What anyone may send to the address where forges announce pushes: only who knows the secret is heard, and hearing it twice
//! does no more than hearing it once.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::StatusCode;
use ring::hmac;
use serde_json::{Value, json};
use shared::{config::SecretSource, store::provider_source};
use tests::alone::Alone;

const SECRET: &str = "the forge and Slipway know it";
const BODY: &str = r#"{"ref": "refs/heads/main"}"#;

/// An api with the sources `db`, which has a secret, and `open`, which has none; neither is due.
async fn with_sources() -> Alone {
    let file = std::env::temp_dir().join(format!("slipway-webhook-{}", uuid::Uuid::now_v7().simple()));
    std::fs::write(&file, SECRET).unwrap();
    let alone = Alone::start(|config| {
        config.git.webhook_secrets.insert("db".into(), SecretSource::File(file));
    })
    .await
    .unwrap();
    for name in ["db", "open"] {
        let body = json!({"url": "https://h.example/x", "ref": "v1", "name": name, "interval_s": 0});
        alone.client.post("/api/admin/providers/sources", &body).await.unwrap().ok().unwrap();
        provider_source::begin_look(&alone.database.pool, name).await.unwrap();
    }
    assert!(due(&alone).await.is_empty());
    alone
}

async fn due(alone: &Alone) -> Vec<String> {
    provider_source::due(&alone.database.pool).await.unwrap()
}

fn mac(algorithm: hmac::Algorithm, secret: &str, body: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(algorithm, secret.as_bytes()), body.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Seconds since 1970.
fn now() -> i64 {
    chrono::Utc::now().timestamp()
}

fn right() -> String {
    hex(&mac(hmac::HMAC_SHA256, SECRET, BODY))
}

async fn push(
    alone: &Alone,
    source: &str,
    headers: &[(&str, String)],
    body: impl Into<reqwest::Body>,
) -> (StatusCode, Value) {
    let mut request = reqwest::Client::new().post(format!("{}/api/webhooks/git/{source}", alone.url));
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let answer = request.body(body).timeout(std::time::Duration::from_secs(30)).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap_or_default())
}

async fn refused(alone: &Alone, source: &str, headers: &[(&str, String)]) {
    let (status, problem) = push(alone, source, headers, BODY).await;
    assert_eq!(
        (status.as_u16(), problem["type"].as_str()),
        (401, Some("/problems/webhook-refused")),
        "{source} {headers:?}: {problem:#}"
    );
    // One answer for all, so that it tells nobody which sources there are.
    assert_eq!(
        problem["detail"],
        "there is no such source, it has no webhook secret, or the signature is not made with it, or more than five minutes ago",
        "{problem:#}"
    );
    assert!(due(alone).await.is_empty(), "{source} {headers:?}");
}

#[tokio::test]
async fn a_forged_signature_is_refused() {
    let alone = with_sources().await;
    let right = right();
    for value in [
        String::new(),
        "sha256=".to_owned(),
        right.clone(),
        format!("sha256={}", hex(&mac(hmac::HMAC_SHA256, "", BODY))),
        format!("sha256={}", hex(&mac(hmac::HMAC_SHA256, "db", BODY))),
        format!("sha256={}", hex(&mac(hmac::HMAC_SHA256, SECRET, ""))),
        format!("sha256={}", &right[..62]),
        format!("sha256={right}00"),
        format!("sha256={}", "0".repeat(64)),
        format!("sha256={}", "g".repeat(64)),
        format!("SHA256={right}"),
        format!("sha256= {right}"),
    ] {
        refused(&alone, "db", &[("x-hub-signature-256", value)]).await;
    }
    let good = [("x-hub-signature-256", format!("sha256={right}"))];
    for source in ["open", "none", "..%2fdb", "%27%20OR%20true", "DB"] {
        let (status, problem) = push(&alone, source, &good, BODY).await;
        assert_eq!(
            (status.as_u16(), problem["type"].as_str()),
            (401, Some("/problems/webhook-refused")),
            "{source}: {problem:#}"
        );
    }
    assert_eq!(push(&alone, "db%00", &good, BODY).await.0, 400);
    assert!(due(&alone).await.is_empty());
    assert_eq!(push(&alone, "db", &good, BODY).await.0, 202);
    assert_eq!(due(&alone).await, ["db"]);
}

#[tokio::test]
async fn a_signature_by_another_algorithm_is_refused() {
    let alone = with_sources().await;
    let weak = hex(&mac(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, SECRET, BODY));
    let long = hex(&mac(hmac::HMAC_SHA512, SECRET, BODY));
    for (header, value) in [
        ("x-hub-signature", format!("sha1={weak}")),
        ("x-hub-signature-256", format!("sha1={weak}")),
        ("x-hub-signature-256", format!("sha256={weak}")),
        ("x-hub-signature-256", format!("sha512={long}")),
        ("x-hub-signature-256", format!("none={}", right())),
        ("x-gitea-signature", long),
        ("authorization", format!("Bearer {SECRET}")),
    ] {
        refused(&alone, "db", &[(header, value)]).await;
    }
}

#[tokio::test]
async fn of_two_signatures_the_stronger_counts_and_a_good_one_does_not_help_a_bad_one() {
    let alone = with_sources().await;
    let wrong = "0".repeat(64);
    refused(&alone, "db", &[("x-hub-signature-256", format!("sha256={wrong}")), ("x-gitlab-token", SECRET.to_owned())])
        .await;
    refused(&alone, "db", &[("x-hub-signature-256", format!("sha256={wrong}")), ("x-gitea-signature", right())]).await;
    refused(&alone, "db", &[("x-gitea-signature", wrong.clone()), ("x-gitlab-token", SECRET.to_owned())]).await;
    refused(
        &alone,
        "db",
        &[("x-hub-signature-256", format!("sha256={wrong}")), ("x-hub-signature-256", format!("sha256={}", right()))],
    )
    .await;
}

#[tokio::test]
async fn a_body_that_was_changed_after_signing_is_refused() {
    let alone = with_sources().await;
    let signature = [("x-hub-signature-256", format!("sha256={}", right()))];
    for body in ["", "{}", r#"{"ref": "refs/heads/main"} "#, r#"{"ref":"refs/heads/main"}"#] {
        let (status, problem) = push(&alone, "db", &signature, body).await;
        assert_eq!(
            (status.as_u16(), problem["type"].as_str()),
            (401, Some("/problems/webhook-refused")),
            "{body}: {problem:#}"
        );
    }
    assert!(due(&alone).await.is_empty());
}

#[tokio::test]
async fn an_announcement_that_is_sent_again_asks_for_the_same_look_and_nothing_else() {
    let alone = with_sources().await;
    let (id, at) = ("msg_1", now().to_string());
    let signed = mac(hmac::HMAC_SHA256, SECRET, &format!("{id}.{at}.{BODY}"));
    let headers = [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", at),
        ("webhook-signature", format!("v1,{}", BASE64_STANDARD.encode(&signed))),
    ];
    for _ in 0..20 {
        assert_eq!(push(&alone, "db", &headers, BODY).await.0, 202);
        assert_eq!(due(&alone).await, ["db"]);
    }
    let looks = alone.client.get("/api/admin/providers/sources").await.unwrap();
    let looks = looks["items"].as_array().unwrap().iter().map(|source| source["name"].clone()).collect::<Vec<_>>();
    assert_eq!(looks, [json!("db"), json!("open")]);
    provider_source::begin_look(&alone.database.pool, "db").await.unwrap();
    // The id and the time are signed, too.
    for (name, value) in [("webhook-id", "msg_2".to_owned()), ("webhook-timestamp", (now() + 5).to_string())] {
        let changed = headers.clone().map(|(header, old)| (header, if header == name { value.clone() } else { old }));
        refused(&alone, "db", &changed).await;
    }
    // Of nine signatures the ninth is not looked at.
    let many = format!("{}v1,{}", "v1,AAAA ".repeat(8), BASE64_STANDARD.encode(&signed));
    let listed = headers.map(|(header, old)| (header, if header == "webhook-signature" { many.clone() } else { old }));
    refused(&alone, "db", &listed).await;
}

#[tokio::test]
async fn an_announcement_that_says_it_was_made_long_ago_or_later_than_now_is_refused_though_its_signature_is_right() {
    let alone = with_sources().await;
    let headers = |at: String| {
        let signed = mac(hmac::HMAC_SHA256, SECRET, &format!("msg_1.{at}.{BODY}"));
        [
            ("webhook-id", "msg_1".to_owned()),
            ("webhook-timestamp", at),
            ("webhook-signature", format!("v1,{}", BASE64_STANDARD.encode(signed))),
        ]
    };
    let hour = 3600;
    for at in [now() - hour, now() + hour, 0, -1, i64::MAX, i64::MIN] {
        refused(&alone, "db", &headers(at.to_string())).await;
    }
    for at in ["", " ", "now", "1e9", "0x10", "9223372036854775808", "1614265330.5"] {
        refused(&alone, "db", &headers(at.to_owned())).await;
    }
    assert_eq!(push(&alone, "db", &headers((now() - 60).to_string()), BODY).await.0, 202);
    assert_eq!(due(&alone).await, ["db"]);
}

#[tokio::test]
async fn an_announcement_larger_than_any_is_cut_off() {
    let alone = with_sources().await;
    let headers = [("x-gitlab-token", SECRET.to_owned())];
    let large = vec![b'x'; 25 * 1024 * 1024 + 1];
    let (status, problem) = push(&alone, "db", &headers, large).await;
    assert_eq!((status.as_u16(), problem["type"].as_str()), (413, Some("/problems/too-large")), "{problem:#}");
    assert!(due(&alone).await.is_empty());
}
