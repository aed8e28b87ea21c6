//! Login by a certified OpenID provider, as a browser goes through it.
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use shared::config::{Config, GroupGrant, Oidc, SecretSource};
use tests::{
    alone::Alone,
    openid::{OpenId, Options, SECRET},
    process::free_port,
    visitor::{Browser, Visit},
};

/// People, by the login that the provider knows them by.
fn people() -> Value {
    json!({
        "ada": {"preferred_username": "ada", "email": "ada@example.com", "groups": ["platform", "shop-dev"]},
        "eve": {"preferred_username": "eve", "groups": ["strangers", "<b>bold</b>"]},
        "nul": {"preferred_username": "nul"},
    })
}

fn grant(group: &str, roles: &[&str], teams: &[&str]) -> GroupGrant {
    let owned = |items: &[&str]| items.iter().map(|&item| item.to_owned()).collect();
    GroupGrant { group: group.into(), roles: owned(roles), teams: owned(teams) }
}

/// Settings for a provider at `issuer`, whose client's secret is in the api's folder.
fn settings(issuer: String, config: &Config) -> Oidc {
    let folder = std::path::Path::new(config.archive.url.trim_start_matches("file://")).parent().unwrap();
    let secret = folder.join("client-secret");
    std::fs::write(&secret, SECRET).unwrap();
    Oidc {
        issuer,
        client_secret: Some(SecretSource::File(secret)),
        groups: vec![grant("platform", &["approver"], &["platform"]), grant("shop-dev", &["developer"], &["shop"])],
        label: "Acme".into(),
        timeout_s: 5,
        ..Oidc::default()
    }
}

/// An api at its port, for a provider at its own.
#[derive(Clone, Copy)]
struct Ports {
    api: u16,
    provider: u16,
}

impl Ports {
    fn free() -> Self {
        Self { api: free_port().unwrap(), provider: free_port().unwrap() }
    }

    async fn api(self) -> Alone {
        let issuer = format!("http://127.0.0.1:{}", self.provider);
        let configure = |config: &mut Config| {
            config.api.listen = format!("127.0.0.1:{}", self.api);
            config.identity.oidc = Some(settings(issuer, config));
        };
        Alone::start(configure).await.unwrap()
    }

    fn options(self) -> Options {
        let redirect = format!("http://127.0.0.1:{}/login/oidc/callback", self.api);
        Options { port: self.provider, issuer: None, redirect, people: people(), algorithm: "RS256" }
    }
}

async fn both_with(options: impl FnOnce(Options) -> Options) -> (Alone, OpenId) {
    let ports = Ports::free();
    let provider = OpenId::start(options(ports.options())).await.unwrap();
    (ports.api().await, provider)
}

async fn both() -> (Alone, OpenId) {
    both_with(|options| options).await
}

/// From the login page through the provider's forms to where Slipway leads in the end.
async fn log_in(api: &Alone, provider: &OpenId, browser: &Browser, login: &str) -> Visit {
    let page = browser.open(&format!("{}/login/oidc?return_to=/api/whoami", api.url)).await.unwrap();
    provider.consent(browser, &page, login).await.unwrap()
}

/// As [`log_in`], by a provider whose key is new: keys are fetched again ten seconds after they were fetched last.
async fn log_in_by_a_new_key(api: &Alone, provider: &OpenId) -> Visit {
    let landed = tests::wait::until("the new key is known", Duration::from_secs(40), async || {
        let landed = log_in(api, provider, &Browser::new()?, "ada").await;
        let unknown = landed.body.contains("The ID token is signed with a key that the provider does not publish.");
        Ok((!unknown).then_some(landed))
    });
    landed.await.unwrap()
}

#[tokio::test]
async fn groups_at_the_provider_give_roles_and_teams_here() {
    let (api, provider) = both().await;
    let browser = Browser::new().unwrap();
    let login_page = browser.get(&format!("{}/login?return_to=/api/whoami", api.url)).await.unwrap();
    assert!(
        login_page.body.contains("href=\"/login/oidc?return_to=%2Fapi%2Fwhoami\">Log in by Acme<"),
        "{}",
        login_page.body
    );

    let landed = log_in(&api, &provider, &browser, "ada").await;
    assert_eq!((landed.url.path(), landed.status), ("/api/whoami", StatusCode::OK), "{}", landed.body);
    let who: Value = serde_json::from_str(&landed.body).unwrap();
    assert_eq!(who["name"], "ada");
    assert_eq!(who["kind"], "person");
    assert_eq!(who["roles"], json!(["developer", "approver"]));
    assert_eq!(who["teams"], json!(["platform", "shop"]));
    let row: (String, String, Option<String>) =
        sqlx::query_as("SELECT issuer, subject, email FROM person").fetch_one(&api.database.pool).await.unwrap();
    assert_eq!(row, (provider.issuer.clone(), "ada".into(), Some("ada@example.com".into())));
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM oidc_login").fetch_one(&api.database.pool).await.unwrap();
    assert_eq!(left, 0, "the login was used up");
}

#[tokio::test]
async fn somebody_whose_groups_give_nothing_is_told_which_they_are() {
    let (api, provider) = both().await;
    let browser = Browser::new().unwrap();
    let refused = log_in(&api, &provider, &browser, "eve").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(
        refused.body.contains("Acme knows you as eve, but none of your groups there gives you a role here."),
        "{}",
        refused.body
    );
    assert!(refused.body.contains("Your groups there: strangers, &lt;b&gt;bold&lt;/b&gt;."), "{}", refused.body);
    let other = Browser::new().unwrap();
    let refused = log_in(&api, &provider, &other, "nul").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(
        refused.body.contains("It named no groups at all: there is nothing in its claim &#39;groups&#39;."),
        "{}",
        refused.body
    );
    let people: i64 = sqlx::query_scalar("SELECT count(*) FROM person").fetch_one(&api.database.pool).await.unwrap();
    assert_eq!(people, 0);
    let recorded: Vec<String> =
        sqlx::query_scalar("SELECT actor_name FROM audit_entry WHERE outcome = 'refused' ORDER BY id")
            .fetch_all(&api.database.pool)
            .await
            .unwrap();
    assert_eq!(recorded, ["eve", "nul"]);
}

#[tokio::test]
async fn who_has_left_the_groups_has_nothing_in_older_sessions_either() {
    let ports = Ports::free();
    let provider = OpenId::start(ports.options()).await.unwrap();
    let api = ports.api().await;
    let before = Browser::new().unwrap();
    let landed = log_in(&api, &provider, &before, "ada").await;
    assert_eq!(landed.status, StatusCode::OK);
    drop(provider);
    let mut options = ports.options();
    options.people["ada"]["groups"] = json!(["strangers"]);
    let provider = OpenId::start(options).await.unwrap();
    let refused = log_in_by_a_new_key(&api, &provider).await;
    assert!(refused.body.contains("none of your groups there gives you a role here"), "{}", refused.body);
    let who = before.get(&format!("{}/api/whoami", api.url)).await.unwrap();
    let who: Value = serde_json::from_str(&who.body).unwrap();
    assert_eq!((&who["roles"], &who["teams"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn a_provider_with_new_keys_is_believed_without_a_restart() {
    let (api, provider) = both().await;
    assert_eq!(log_in(&api, &provider, &Browser::new().unwrap(), "ada").await.status, StatusCode::OK);
    provider.rotate().await.unwrap();
    let landed = log_in_by_a_new_key(&api, &provider).await;
    assert_eq!((landed.url.path(), landed.status), ("/api/whoami", StatusCode::OK), "{}", landed.body);
}

#[tokio::test]
async fn every_algorithm_of_the_list_is_believed() {
    for algorithm in ["PS256", "ES256", "EdDSA"] {
        let (api, provider) = both_with(|options| Options { algorithm, ..options }).await;
        let landed = log_in(&api, &provider, &Browser::new().unwrap(), "ada").await;
        assert_eq!(landed.status, StatusCode::OK, "{algorithm}: {}", landed.body);
    }
}

#[tokio::test]
async fn an_issuer_that_calls_itself_otherwise_is_named_and_everything_else_is_served() {
    let slash = |options: Options| Options { issuer: Some(format!("http://127.0.0.1:{}/", options.port)), ..options };
    let (api, provider) = both_with(slash).await;
    let port = provider.issuer.rsplit_once(':').unwrap().1;
    let expected = format!(
        "The login service cannot be used now: the provider calls itself &#39;http://127.0.0.1:{port}/&#39;, and \
         identity.oidc.issuer says &#39;http://127.0.0.1:{port}&#39;: they must be the same to the letter (mind the / at the end)"
    );
    let browser = Browser::new().unwrap();
    let page = browser.get(&format!("{}/login/oidc", api.url)).await.unwrap();
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{}", page.body);
    assert!(page.body.contains(&expected) && page.body.contains("slipway doctor"), "{}", page.body);
    let login_page = browser.get(&format!("{}/login", api.url)).await.unwrap();
    assert_eq!(login_page.status, StatusCode::OK);
    assert!(
        login_page.body.contains("Login by Acme does not work now: the provider calls itself"),
        "{}",
        login_page.body
    );
    api.client.get("/api/whoami").await.unwrap();
}

#[tokio::test]
async fn a_provider_that_is_down_is_said_and_needs_no_restart_when_it_is_back() {
    let ports = Ports::free();
    let (api, port) = (ports.api().await, ports.provider);
    let browser = Browser::new().unwrap();
    let page = browser.get(&format!("{}/login/oidc", api.url)).await.unwrap();
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    let expected = format!(
        "The login service cannot be used now: http://127.0.0.1:{port}/.well-known/openid-configuration does not answer<"
    );
    assert!(page.body.contains(&expected), "{}", page.body);
    let provider = OpenId::start(ports.options()).await.unwrap();
    let landed = tests::wait::until("people can log in", Duration::from_secs(30), async || {
        let page = browser.open(&format!("{}/login/oidc?return_to=/api/whoami", api.url)).await?;
        if page.status == StatusCode::SERVICE_UNAVAILABLE {
            return Ok(None);
        }
        provider.consent(&browser, &page, "ada").await.map(Some)
    });
    assert_eq!(landed.await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn a_login_ends_at_the_provider_too_when_one_asks_for_it() {
    let (api, provider) = both().await;
    let browser = Browser::new().unwrap();
    assert_eq!(log_in(&api, &provider, &browser, "ada").await.status, StatusCode::OK);
    let logout = reqwest::Url::parse(&format!("{}/logout", api.url)).unwrap();
    let page = browser.send(&logout, &[]).await.unwrap();
    assert_eq!((page.url.path(), page.status), ("/login/oidc/goodbye", StatusCode::OK));
    assert!(page.body.contains("You may still be logged in at Acme"), "{}", page.body);
    assert_eq!(browser.get(&format!("{}/api/whoami", api.url)).await.unwrap().status, StatusCode::UNAUTHORIZED);

    let there = browser.open(&format!("{}/login/oidc/logout", api.url)).await.unwrap();
    assert!(there.url.as_str().starts_with(&format!("{}/session/end", provider.issuer)), "{}", there.url);
    let query: Vec<(String, String)> = there.url.query_pairs().into_owned().collect();
    let back = format!("{}/login", api.url);
    assert_eq!(query, [("client_id".into(), "slipway".into()), ("post_logout_redirect_uri".into(), back)]);
}
