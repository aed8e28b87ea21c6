//! Login by an OpenID provider: what others in the middle, other sites and a hostile provider cannot do.

pub(crate) mod issuer;

use std::time::Duration;

use issuer::{Issuer, Reply, begin, begin_in, come_back};
use serde_json::{Value, json};
use shared::config::{GroupGrant, Oidc};
use tests::{
    alone::Alone,
    visitor::{Browser, Visit},
};

const OVER: &str = "This login is over: it was used before, took too long, or was begun in another browser.";

/// An api whose people log in by this provider; all of them are viewers of the team `shop`.
pub(crate) async fn api_for(issuer: &str) -> Alone {
    let all = GroupGrant { group: "all".into(), roles: vec!["viewer".into()], teams: vec!["shop".into()] };
    let oidc = Oidc { issuer: issuer.to_owned(), groups: vec![all], timeout_s: 2, ..Oidc::default() };
    Alone::start(|config| config.identity.oidc = Some(oidc)).await.unwrap()
}

pub(crate) async fn both() -> (Alone, Issuer) {
    let issuer = Issuer::start().await;
    (api_for(&issuer.url).await, issuer)
}

/// Asserts that a visit logged nobody in, and why.
#[track_caller]
pub(crate) fn refused(visit: &Visit, status: u16, why: &str) {
    assert_eq!(visit.status.as_u16(), status, "{}", visit.body);
    assert!(visit.body.contains(why), "{}", visit.body);
    let cookies: Vec<_> = visit.headers.get_all("set-cookie").iter().collect();
    assert!(cookies.is_empty(), "{cookies:?}");
}

/// Asserts that a visit logged somebody in, and leads on to `path`.
#[track_caller]
pub(crate) fn logged_in(visit: &Visit, path: &str) {
    assert_eq!(visit.status.as_u16(), 303, "{}", visit.body);
    assert_eq!(visit.headers["location"], path);
    assert!(
        visit.headers.get_all("set-cookie").iter().any(|value| value.to_str().unwrap().starts_with("slipway-dev="))
    );
}

pub(crate) async fn sessions(api: &Alone) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM session").fetch_one(&api.database.pool).await.unwrap()
}

fn es256() -> Value {
    json!({"alg": "ES256", "kid": "good"})
}

#[tokio::test]
async fn a_state_is_good_once() {
    let (api, issuer) = both().await;
    let login = begin(&api, "/x").await;
    issuer.gives(&issuer.sign(&es256(), &issuer.claims(&login)));
    logged_in(&come_back(&api, &login.browser, &login.state, "").await, "/x");
    // The login's cookie is gone, and would not help either: the row is.
    refused(&come_back(&api, &login.browser, &login.state, "").await, 400, OVER);
    assert_eq!(sessions(&api).await, 1);
}

#[tokio::test]
async fn a_state_that_nobody_began_or_that_is_missing_logs_nobody_in() {
    let (api, issuer) = both().await;
    let login = begin(&api, "/").await;
    issuer.gives(&issuer.sign(&es256(), &issuer.claims(&login)));
    refused(&come_back(&api, &login.browser, &"A".repeat(43), "").await, 400, OVER);
    let bare = login.browser.get(&format!("{}/login/oidc/callback?code=c", api.url)).await.unwrap();
    refused(&bare, 400, OVER);
    let twice = come_back(&api, &login.browser, &login.state, "&state=other").await;
    refused(&twice, 400, OVER);
    assert!(!issuer.asked().contains(&"/token".to_owned()), "no code was exchanged");
    assert_eq!(sessions(&api).await, 0);
}

#[tokio::test]
async fn a_code_brought_to_another_browser_is_worth_nothing_and_ends_nothing() {
    let (api, issuer) = both().await;
    let login = begin(&api, "/mine").await;
    issuer.gives(&issuer.sign(&es256(), &issuer.claims(&login)));
    // Somebody sends the link to a victim, who would then work in the sender's account.
    let victim = Browser::new().unwrap();
    refused(&come_back(&api, &victim, &login.state, "").await, 400, OVER);
    let with_own_login = begin(&api, "/").await;
    refused(&come_back(&api, &with_own_login.browser, &login.state, "").await, 400, OVER);
    logged_in(&come_back(&api, &login.browser, &login.state, "").await, "/mine");
}

#[tokio::test]
async fn a_nonce_of_an_earlier_login_is_refused() {
    let (api, issuer) = both().await;
    let first = begin(&api, "/").await;
    let token = issuer.sign(&es256(), &issuer.claims(&first));
    issuer.gives(&token);
    logged_in(&come_back(&api, &first.browser, &first.state, "").await, "/");
    // The same browser, a fresh state, and the token of before.
    let second = begin_in(&api, first.browser, "/").await;
    let replayed = come_back(&api, &second.browser, &second.state, "").await;
    refused(&replayed, 403, "The ID token belongs to another login.");
    assert_eq!(sessions(&api).await, 1);
}

#[tokio::test]
async fn an_answer_that_names_another_issuer_is_refused() {
    let (api, issuer) = both().await;
    let login = begin(&api, "/").await;
    issuer.gives(&issuer.sign(&es256(), &issuer.claims(&login)));
    let mixed = come_back(&api, &login.browser, &login.state, "&iss=https://evil.example").await;
    refused(&mixed, 403, "The answer is another issuer&#39;s.");
    assert!(!issuer.asked().contains(&"/token".to_owned()), "the code was not given away");
}

#[tokio::test]
async fn what_the_provider_says_in_an_error_is_text() {
    let (api, _issuer) = both().await;
    let login = begin(&api, "/").await;
    let url = format!(
        "{}/login/oidc/callback?error=access_denied&error_description=%3Cscript%3Ealert(1)%3C/script%3E%1b[2J%E2%80%AE&state={}",
        api.url, login.state
    );
    let page = login.browser.get(&url).await.unwrap();
    refused(&page, 403, "The login service said no: access_denied: &lt;script&gt;alert(1)&lt;/script&gt;[2J<");
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
}

#[tokio::test]
async fn nobody_is_sent_to_another_site_after_a_login() {
    let (api, issuer) = both().await;
    for foreign in ["//evil.example", "https://evil.example/", "/%5Cevil.example", "/%09/evil.example"] {
        let login = begin(&api, foreign).await;
        issuer.gives(&issuer.sign(&es256(), &issuer.claims(&login)));
        logged_in(&come_back(&api, &login.browser, &login.state, "").await, "/");
    }
}

#[tokio::test]
async fn a_discovery_document_cannot_send_secrets_to_places_without_tls() {
    let issuer = Issuer::start().await;
    let mut document = issuer.document();
    document["token_endpoint"] = json!("http://198.51.100.7/token");
    issuer.answers("/.well-known/openid-configuration", Reply::json(&document));
    let api = api_for(&issuer.url).await;
    let page = Browser::new().unwrap().get(&format!("{}/login/oidc", api.url)).await.unwrap();
    refused(
        &page,
        503,
        "the provider&#39;s token_endpoint &#39;http://198.51.100.7/token&#39;: it must begin with https://",
    );
}

#[tokio::test]
async fn a_discovery_document_that_is_elsewhere_huge_or_slow_is_not_waited_for() {
    let issuer = Issuer::start().await;
    let elsewhere = Reply {
        status: 302,
        headers: vec![("location", format!("{}/other", issuer.url))],
        body: Vec::new(),
        after: Duration::ZERO,
    };
    let huge = Reply { body: vec![b' '; 2 * 1024 * 1024], ..Reply::json(&json!({})) };
    let slow = Reply { after: Duration::from_secs(600), ..Reply::json(&json!({})) };
    let place = "/.well-known/openid-configuration";
    let url = format!("{}{place}", issuer.url);
    for (reply, why) in [
        (elsewhere, format!("{url} answers 302, and not with the document that it should")),
        (huge, format!("{url} does not answer<")),
        (slow, format!("{url} does not answer<")),
    ] {
        issuer.answers(place, reply);
        let api = api_for(&issuer.url).await;
        let page = Browser::new().unwrap().get(&format!("{}/login/oidc", api.url)).await.unwrap();
        refused(&page, 503, &why);
    }
    assert!(!issuer.asked().contains(&"/other".to_owned()), "redirects are not followed");
}

#[tokio::test]
async fn one_address_cannot_fill_the_table_of_logins() {
    let (api, issuer) = both().await;
    let first = begin(&api, "/").await;
    for _ in 0..205 {
        begin(&api, "/").await;
    }
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM oidc_login").fetch_one(&api.database.pool).await.unwrap();
    assert_eq!(rows, 200);
    issuer.gives(&issuer.sign(&es256(), &issuer.claims(&first)));
    refused(&come_back(&api, &first.browser, &first.state, "").await, 400, OVER);
}

#[tokio::test]
async fn a_database_that_is_read_tells_nothing_that_ends_a_login() {
    let (api, _issuer) = both().await;
    let login = begin(&api, "/").await;
    let row: String = sqlx::query_scalar("SELECT row_to_json(oidc_login)::text FROM oidc_login")
        .fetch_one(&api.database.pool)
        .await
        .unwrap();
    let site = api.url.trim_start_matches("http://");
    let cookie = login.browser.cookie(site, "slipway-dev-oidc").unwrap();
    for secret in [&login.state, &login.nonce, &cookie] {
        assert!(!row.contains(secret.as_str()), "{row}");
    }
}
