//! Codes that log in a command line: guessed, stolen, used again, sent elsewhere.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::json;
use tests::browser::{Browser, Page};

use super::{Site, assert_problem};

/// The SHA-256 of `verifier`, in base64url.
const CHALLENGE: &str = "iMnq5o6zALKXGivsnlom_0F5_WYda32GHkxlV7mq7hQ";

#[tokio::test]
async fn nobody_finds_a_devices_code_by_trying() {
    let site = Site::start().await;
    let program = site.browser();
    let asked = program.program("/api/login/device", &json!({"client": "victim"}), None).await.unwrap().json();
    let code = asked["user_code"].as_str().unwrap();
    assert_eq!(code.len(), 9, "eight letters of twenty: 25 thousand million");
    let mut mallory = site.logged_in("mallory").await;
    let mut statuses = Vec::new();
    for guess in ["BBBBBBBB", "BBBB-BBBC", "bbbbbbbd", "BBBBBBBF", "BBBBBBBG", "BBBBBBBH", "BBBBBBBJ"] {
        statuses.push(mallory.submit("/device", &[("user_code", guess), ("answer", "yes")]).await.unwrap().status);
        site.stay_refused().await;
    }
    assert_eq!(statuses, [404, 404, 404, 404, 404, 404, 429]);
    let page = mallory.submit("/device", &[("user_code", code), ("answer", "yes")]).await.unwrap();
    assert_eq!(page.status, 429, "the right one, by luck, is not looked at either");
    // Nor from another login of theirs, at the same place.
    let mut again = site.logged_in("mallory").await;
    assert_eq!(again.submit("/device", &[("user_code", code), ("answer", "yes")]).await.unwrap().status, 429);
    for guess in
        [json!("x"), json!(BASE64_URL_SAFE_NO_PAD.encode([0; 32])), json!("' OR true --"), asked["user_code"].clone()]
    {
        let page =
            program.program("/api/login/token", &json!({"grant": "device", "device_code": guess}), None).await.unwrap();
        assert_problem(&page, 400, "login-expired");
    }
}

/// Confirms a login of the command line, and gives the code that goes to the port.
async fn confirmed(browser: &mut Browser) -> String {
    let fields = [("port", "40123"), ("challenge", CHALLENGE), ("state", "mark"), ("answer", "yes")];
    let page = browser.submit("/cli/login", &fields).await.unwrap();
    page.location().strip_prefix("http://127.0.0.1:40123/callback?state=mark&code=").unwrap().to_owned()
}

async fn redeem(site: &Site, code: &str, verifier: &str) -> Page {
    let grant = json!({"grant": "code", "code": code, "verifier": verifier});
    site.browser().program("/api/login/token", &grant, None).await.unwrap()
}

#[tokio::test]
async fn a_code_that_is_used_again_takes_the_key_away_that_it_was_exchanged_for() {
    let site = Site::start().await;
    let code = confirmed(&mut site.logged_in("ada").await).await;
    let page = redeem(&site, &code, "verifier").await;
    assert_eq!(page.status, 200, "{}", page.text);
    let bearer = format!("Bearer {}", page.json()["api_key"].as_str().unwrap());
    let mut program = site.browser();
    let headers = [("authorization", bearer.as_str())];
    assert_eq!(program.send(Method::GET, "/api/whoami", &headers, None).await.unwrap().status, 200);
    let replayed = redeem(&site, &code, "verifier").await;
    assert_problem(&replayed, 400, "login-expired");
    assert_eq!(replayed.json()["detail"], "the code was used before; the key that it was exchanged for is revoked");
    assert_problem(&program.send(Method::GET, "/api/whoami", &headers, None).await.unwrap(), 401, "unauthorized");
}

#[tokio::test]
async fn a_stolen_code_is_worth_nothing_without_what_the_program_kept() {
    let site = Site::start().await;
    let mut ada = site.logged_in("ada").await;
    let code = confirmed(&mut ada).await;
    assert_problem(&redeem(&site, &code, "guess").await, 400, "login-expired");
    assert_problem(&redeem(&site, &code, "verifier").await, 400, "login-expired");
    let late = confirmed(&mut ada).await;
    site.sql("UPDATE login_request SET expires_at = now()").await;
    assert_problem(&redeem(&site, &late, "verifier").await, 400, "login-expired");
    let disabled = confirmed(&mut ada).await;
    site.sql("UPDATE person SET disabled_at = now() WHERE name = 'ada'").await;
    assert_problem(&redeem(&site, &disabled, "verifier").await, 400, "login-expired");
    assert_eq!(site.sql("SELECT FROM api_key WHERE person_id IS NOT NULL").await, 0, "no key was made");
}

#[tokio::test]
async fn a_code_is_sent_to_no_port_of_the_system_and_to_no_other_host() {
    let site = Site::start().await;
    let mut ada = site.logged_in("ada").await;
    for (port, challenge, state) in [
        ("80", CHALLENGE, "mark"),
        ("40123@evil.example", CHALLENGE, "mark"),
        ("40123", "short", "mark"),
        ("40123", CHALLENGE, "a&code=mine"),
        ("40123", CHALLENGE, "a\r\nx: y"),
        ("40123", CHALLENGE, ""),
    ] {
        let fields = [("port", port), ("challenge", challenge), ("state", state), ("answer", "yes")];
        let page = ada.submit("/cli/login", &fields).await.unwrap();
        assert_problem(&page, 400, "bad-request");
        assert_eq!(page.location(), "");
    }
}
