//! People log in: by browser, by device code, and on behalf of the command line. Over real sockets.

use std::{path::PathBuf, time::Duration};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use shared::{
    config::{Config, Environment, Guest, GuestRole},
    password,
    people::{People, Person},
    store::Store,
};
use tests::{
    browser::{Browser, OWN_PAGE},
    database::TestDatabase,
    wait,
};
use tokio_util::sync::CancellationToken;

const PASSWORD: &str = "correct horse";

/// What a test changes in the configuration.
type Change = fn(&mut Config);

/// A service that answers at an address of its own, with one person.
struct Site {
    url: String,
    config: Config,
    file: PathBuf,
    database: TestDatabase,
    shutdown: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Site {
    async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let database = TestDatabase::create().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("people.yaml");
        People { people: vec![ada()] }.write(&file).unwrap();
        let mut config =
            Config { database: database.config(), environment: Environment::Development, ..Config::default() };
        config.api.listen = "127.0.0.1:0".into();
        config.identity.people_file = Some(file.clone());
        config.redis.url = std::env::var("TEST_REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6399/0".into());
        config.redis.prefix = format!("api-test-{}", uuid::Uuid::now_v7());
        change(&mut config);
        let shutdown = CancellationToken::new();
        let url = serve(&config, &database.store, &shutdown).await.unwrap();
        Self { url, config, file, database, shutdown, _folder: folder }
    }

    fn browser(&self) -> Browser {
        Browser::new(&self.url).unwrap()
    }

    async fn logged_in(&self) -> Browser {
        let mut browser = self.browser();
        let page = browser.log_in("ada", PASSWORD).await.unwrap();
        assert_eq!((page.status, page.location()), (303, "/"), "{}", page.text);
        browser
    }

    fn write(&self, people: Vec<Person>) {
        People { people }.write(&self.file).unwrap();
    }

    async fn sql(&self, statement: &'static str) {
        tests::database::execute(&self.database.pool, statement).await.unwrap();
    }
}

async fn serve(config: &Config, store: &Store, shutdown: &CancellationToken) -> anyhow::Result<String> {
    let server = api::bind(config.clone(), store.clone(), shutdown.clone()).await?;
    let url = format!("http://{}", server.address()?);
    tokio::spawn(server.run());
    Ok(url)
}

fn ada() -> Person {
    Person {
        name: "ada".into(),
        password: password::hash(PASSWORD).unwrap(),
        roles: vec!["developer".into(), "release-board".into()],
        teams: vec!["shop".into()],
        disabled: false,
    }
}

async fn status(browser: &mut Browser, path: &str) -> u16 {
    browser.send(Method::GET, path, &[OWN_PAGE], None).await.unwrap().status
}

#[tokio::test]
async fn a_person_logs_in_by_name_and_password_and_is_known_from_then_on() {
    let site = Site::start(|_| {}).await;
    let mut browser = site.browser();
    let account = browser.open("/account").await.unwrap();
    assert_eq!((account.status, account.location()), (303, "/login?return_to=%2Faccount"));
    let page = browser.open("/login?return_to=%2Faccount").await.unwrap();
    assert!(page.text.contains("action=\"/login\"") && !page.text.contains("<script"), "{}", page.text);
    assert_eq!(
        page.header("content-security-policy"),
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    );
    assert_eq!((page.header("cache-control"), page.header("x-frame-options")), ("no-store", "DENY"));

    let wrong = browser.log_in("ada", "wrong password").await.unwrap();
    assert_eq!(wrong.status, 401);
    assert!(wrong.text.contains("Name and password do not match."), "{}", wrong.text);
    let unknown = browser.log_in("bob", PASSWORD).await.unwrap();
    assert_eq!(unknown.text, wrong.text.replace("value=\"ada\"", "value=\"bob\""), "it does not tell who is known");
    assert!(browser.cookies.is_empty());

    let page = browser.log_in("ada", PASSWORD).await.unwrap();
    assert_eq!((page.status, page.location()), (303, "/"));
    let set = page.header("set-cookie");
    assert!(set.starts_with("slipway-dev=") && set.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{set}");
    let whoami = browser.send(Method::GET, "/api/whoami", &[OWN_PAGE], None).await.unwrap().json();
    assert_eq!((&whoami["name"], &whoami["kind"]), (&json!("ada"), &json!("person")));
    assert_eq!((&whoami["roles"], &whoami["teams"]), (&json!(["developer", "release-board"]), &json!(["shop"])));
    assert_eq!((&whoami["credential"]["kind"], &whoami["scopes"]), (&json!("session"), &json!(null)));
    assert!(browser.open("/account").await.unwrap().text.contains("developer, release-board"));
}

#[tokio::test]
async fn in_production_the_cookie_is_for_this_host_and_https_alone() {
    let site = Site::start(|config| config.environment = Environment::Production).await;
    let page = site.browser().log_in("ada", PASSWORD).await.unwrap();
    let set = page.header("set-cookie");
    assert!(set.starts_with("__Host-slipway=") && set.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{set}");
}

#[tokio::test]
async fn a_logout_ends_the_session_at_once_at_every_api() {
    let site = Site::start(|_| {}).await;
    let other = serve(&site.config, &site.database.store, &site.shutdown).await.unwrap();
    let mut browser = site.logged_in().await;
    let mut elsewhere = Browser::new(&other).unwrap();
    elsewhere.cookies.clone_from(&browser.cookies);
    assert_eq!(status(&mut elsewhere, "/api/whoami").await, 200);
    let page = browser.submit("/logout", &[]).await.unwrap();
    assert_eq!((page.status, page.location()), (303, "/login"));
    assert!(browser.cookies.is_empty());
    assert_eq!(status(&mut elsewhere, "/api/whoami").await, 401);
}

#[tokio::test]
async fn sessions_are_listed_and_ended_by_whom_they_belong_to() {
    let site = Site::start(|_| {}).await;
    site.write(vec![ada(), Person { name: "bob".into(), ..ada() }]);
    let (mut first, mut second) = (site.logged_in().await, site.logged_in().await);
    let sessions = first.send(Method::GET, "/api/sessions", &[OWN_PAGE], None).await.unwrap().json();
    let items = sessions["items"].as_array().unwrap();
    assert_eq!(items.iter().map(|it| it["current"] == true).collect::<Vec<_>>(), [false, true]);
    assert_eq!(items[0]["address"], "127.0.0.1");
    let path = format!("/api/sessions/{}", items[0]["id"].as_str().unwrap());

    let mut bob = site.browser();
    assert_eq!(bob.log_in("bob", PASSWORD).await.unwrap().status, 303);
    assert_eq!(bob.send(Method::DELETE, &path, &[OWN_PAGE], None).await.unwrap().status, 404);
    assert_eq!(first.send(Method::DELETE, &path, &[OWN_PAGE], None).await.unwrap().status, 204);
    assert_eq!(status(&mut second, "/api/whoami").await, 401);
    assert_eq!(first.send(Method::DELETE, "/api/sessions", &[OWN_PAGE], None).await.unwrap().status, 204);
    assert_eq!(status(&mut first, "/api/whoami").await, 401);
    assert_eq!(status(&mut bob, "/api/whoami").await, 200);
}

#[tokio::test]
async fn what_the_file_says_about_a_person_counts_for_the_sessions_that_they_have() {
    let site = Site::start(|_| {}).await;
    let mut browser = site.logged_in().await;
    site.write(vec![Person { roles: vec!["viewer".into()], ..ada_as_now(&site) }]);
    wait::until("ada is a viewer", Duration::from_secs(10), async || {
        let whoami = browser.send(Method::GET, "/api/whoami", &[OWN_PAGE], None).await?.json();
        Ok((whoami["roles"] == json!(["viewer"])).then_some(()))
    })
    .await
    .unwrap();
    site.write(vec![Person { disabled: true, ..ada_as_now(&site) }]);
    wait::until("ada is kept out", Duration::from_secs(10), async || {
        Ok((status(&mut browser, "/api/whoami").await == 401).then_some(()))
    })
    .await
    .unwrap();
    let page = site.browser().log_in("ada", PASSWORD).await.unwrap();
    assert_eq!(page.status, 401, "the right password of somebody who is kept out");
    assert!(page.text.contains("Name and password do not match."));
}

fn ada_as_now(site: &Site) -> Person {
    People::read(&site.file).unwrap().unwrap().find("ada").unwrap().clone()
}

#[tokio::test]
async fn a_new_password_ends_the_sessions_that_the_old_one_began() {
    let site = Site::start(|_| {}).await;
    let mut browser = site.logged_in().await;
    site.write(vec![Person { password: password::hash("another horse").unwrap(), ..ada() }]);
    wait::until("the session is over", Duration::from_secs(10), async || {
        Ok((status(&mut browser, "/api/whoami").await == 401).then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(site.browser().log_in("ada", PASSWORD).await.unwrap().status, 401);
    assert_eq!(site.browser().log_in("ada", "another horse").await.unwrap().status, 303);
}

#[tokio::test]
async fn a_file_that_is_wrong_changes_nothing_until_it_is_mended_and_keeps_an_api_from_starting() {
    let site = Site::start(|_| {}).await;
    let mut browser = site.logged_in().await;
    std::fs::write(&site.file, "people:\n  - name: ada\n    pasword: x\n").unwrap();
    let mut again = site.browser();
    assert_eq!(again.log_in("ada", PASSWORD).await.unwrap().status, 303, "the people of before");
    assert_eq!(status(&mut browser, "/api/whoami").await, 200);
    let refused = api::bind(site.config.clone(), site.database.store.clone(), site.shutdown.clone()).await;
    let message = format!("{:#}", refused.unwrap_err());
    assert!(message.starts_with("identity.people_file: ") && message.contains("pasword"), "{message}");
}

#[tokio::test]
async fn a_cookie_opens_neither_the_metrics_nor_the_state_protocol() {
    let site = Site::start(|_| {}).await;
    site.write(vec![Person { roles: vec!["admin".into()], ..ada() }]);
    let mut browser = site.logged_in().await;
    assert_eq!(status(&mut browser, "/api/queues").await, 200);
    let state = "/api/resources/01890000-0000-7000-8000-000000000000/state";
    for path in ["/metrics", state] {
        assert_eq!(status(&mut browser, path).await, 401, "{path}");
    }
    // A resource's page shows them, and must not lead to the login for it.
    assert_eq!(status(&mut browser, &format!("{state}/versions")).await, 404, "no such resource, for one who is known");
}

#[tokio::test]
async fn failures_are_slowed_down_and_a_success_is_as_good_as_none() {
    let site = Site::start(|_| {}).await;
    let mut browser = site.browser();
    for _ in 0..6 {
        assert_eq!(browser.log_in("ada", "wrong password").await.unwrap().status, 401);
    }
    // However long this takes.
    site.sql("UPDATE login_failure SET blocked_until = now() + interval '1 minute' WHERE blocked_until IS NOT NULL")
        .await;
    let page = browser.log_in("ada", PASSWORD).await.unwrap();
    assert_eq!(page.status, 429, "the right password, too early");
    assert!((1..=60).contains(&page.header("retry-after").parse::<u32>().unwrap()), "{:?}", page.headers);
    assert!(page.text.contains("Too many attempts have failed. The next one is looked at in "), "{}", page.text);
    // As if the time had passed.
    site.sql("UPDATE login_failure SET blocked_until = now() - interval '1 second'").await;
    assert_eq!(browser.log_in("ada", PASSWORD).await.unwrap().status, 303);
    for _ in 0..5 {
        assert_eq!(site.browser().log_in("ada", "wrong password").await.unwrap().status, 401);
    }
    assert_eq!(site.browser().log_in("ada", PASSWORD).await.unwrap().status, 303, "five mistakes are free again");
}

#[tokio::test]
async fn a_program_is_logged_in_by_a_code_that_a_person_types() {
    let site = Site::start(|_| {}).await;
    let program = site.browser();
    let asked = program.program("/api/login/device", &json!({"client": "ada@laptop"}), None).await.unwrap().json();
    assert_eq!(
        (&asked["interval"], asked["verification_uri"].as_str()),
        (&json!(5), Some(&*format!("{}/device", site.url)))
    );
    let (code, device_code) = (asked["user_code"].as_str().unwrap(), asked["device_code"].clone());
    let poll = || {
        let body = json!({"grant": "device", "device_code": device_code});
        let program = program.clone();
        async move { program.program("/api/login/token", &body, None).await.unwrap() }
    };
    let pending = poll().await;
    assert_eq!((pending.status, pending.problem().as_str()), (400, "authorization-pending"));
    let hasty = poll().await;
    assert_eq!((hasty.status, hasty.problem().as_str(), &hasty.json()["interval"]), (400, "slow-down", &json!(10)));

    let mut browser = site.browser();
    let page = browser.open("/device").await.unwrap();
    assert_eq!((page.status, page.location()), (303, "/login?return_to=%2Fdevice"));
    browser.log_in("ada", PASSWORD).await.unwrap();
    let typed = code.to_lowercase().replace('-', " ");
    let page = browser.submit("/device", &[("user_code", typed.as_str())]).await.unwrap();
    assert!(page.text.contains("ada@laptop") && page.text.contains("127.0.0.1"), "{}", page.text);
    let page = browser.submit("/device", &[("user_code", typed.as_str()), ("answer", "yes")]).await.unwrap();
    assert!(page.text.contains("The device is logged in."), "{}", page.text);

    // As if the program had waited.
    site.sql("UPDATE login_request SET polled_at = now() - interval '1 minute'").await;
    let granted = poll().await;
    assert_eq!(granted.status, 200, "{}", granted.text);
    let key = granted.json()["api_key"].as_str().unwrap().to_owned();
    let again = poll().await;
    assert_eq!((again.status, again.problem().as_str()), (403, "login-refused"));
    assert_key_of_ada(&program, &key).await;

    let gone = program.program("/api/logout", &json!(null), Some(&key)).await.unwrap();
    assert_eq!(gone.status, 204);
    assert_eq!(program.program("/api/logout", &json!(null), Some(&key)).await.unwrap().status, 401);
}

async fn assert_key_of_ada(program: &Browser, key: &str) {
    let bearer = format!("Bearer {key}");
    let whoami = program
        .clone()
        .send(Method::GET, "/api/whoami", &[("authorization", bearer.as_str())], None)
        .await
        .unwrap()
        .json();
    assert_eq!((&whoami["name"], &whoami["kind"]), (&json!("ada"), &json!("person")), "{whoami}");
    assert_eq!((&whoami["credential"]["kind"], &whoami["teams"]), (&json!("key"), &json!(["shop"])));
    let ends: chrono::DateTime<chrono::Utc> = whoami["credential"]["expires_at"].as_str().unwrap().parse().unwrap();
    let hours = (ends - chrono::Utc::now()).num_minutes() as f64 / 60.0;
    assert!((11.9..=12.0).contains(&hours), "{hours}");
}

#[tokio::test]
async fn a_device_that_is_refused_or_too_late_gets_nothing() {
    let site = Site::start(|_| {}).await;
    let program = site.browser();
    let mut browser = site.logged_in().await;
    for (answer, late, expected) in [("no", false, (403, "login-refused")), ("", true, (400, "login-expired"))] {
        let asked = program.program("/api/login/device", &json!({}), None).await.unwrap().json();
        let code = asked["user_code"].as_str().unwrap();
        browser.submit("/device", &[("user_code", code), ("answer", answer)]).await.unwrap();
        if late {
            site.sql("UPDATE login_request SET expires_at = now() WHERE status = 'pending'").await;
        }
        let poll = json!({"grant": "device", "device_code": asked["device_code"]});
        let page = program.program("/api/login/token", &poll, None).await.unwrap();
        assert_eq!((page.status, page.problem().as_str()), expected);
    }
}

#[tokio::test]
async fn too_many_devices_that_wait_are_told_so() {
    let site = Site::start(|_| {}).await;
    let program = site.browser();
    for _ in 0..20 {
        assert_eq!(program.program("/api/login/device", &json!({}), None).await.unwrap().status, 200);
    }
    let page = program.program("/api/login/device", &json!({}), None).await.unwrap();
    assert_eq!((page.status, page.problem().as_str()), (429, "too-many-attempts"));
}

#[tokio::test]
async fn a_program_on_the_same_machine_is_logged_in_by_the_browser() {
    let site = Site::start(|_| {}).await;
    let (verifier, mut browser) = ("a verifier that only the program knows", site.browser());
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    let path = format!("/cli/login?port=40123&challenge={challenge}&state=mark&client=ada%40laptop");
    let page = browser.open(&path).await.unwrap();
    assert_eq!(page.status, 303);
    let page = browser.open(page.location()).await.unwrap();
    let return_to = path.replace('&', "&amp;");
    assert!(page.text.contains(&format!("value=\"{return_to}\"")), "{}", page.text);
    let fields = [("name", "ada"), ("password", PASSWORD), ("return_to", path.as_str())];
    assert_eq!(browser.submit("/login", &fields).await.unwrap().location(), path);
    let page = browser.open(&path).await.unwrap();
    assert!(page.text.contains("ada@laptop"), "{}", page.text);
    assert!(page.header("content-security-policy").contains("form-action 'self' http://127.0.0.1:40123;"));

    let asked = [("port", "40123"), ("challenge", challenge.as_str()), ("state", "mark"), ("client", "ada@laptop")];
    let refused = browser.submit("/cli/login", &[&asked[..], &[("answer", "no")]].concat()).await.unwrap();
    assert_eq!(refused.location(), "http://127.0.0.1:40123/callback?state=mark&error=refused");
    let page = browser.submit("/cli/login", &[&asked[..], &[("answer", "yes")]].concat()).await.unwrap();
    let code = page.location().strip_prefix("http://127.0.0.1:40123/callback?state=mark&code=").unwrap().to_owned();
    let grant = json!({"grant": "code", "code": code, "verifier": verifier});
    let page = browser.program("/api/login/token", &grant, None).await.unwrap();
    assert_eq!(page.status, 200, "{}", page.text);
    assert_key_of_ada(&browser, page.json()["api_key"].as_str().unwrap()).await;
}

#[tokio::test]
async fn a_key_of_nobody_is_not_a_login() {
    let site = Site::start(|_| {}).await;
    let new = shared::store::api_key::NewKey::of_nobody("x", shared::domain::access::Role::Admin);
    let (_, key) = shared::store::api_key::create(site.database.store.pool(), &new).await.unwrap();
    let page = site.browser().program("/api/logout", &json!(null), Some(&key)).await.unwrap();
    assert_eq!((page.status, page.problem().as_str()), (409, "not-a-login"));
}

#[tokio::test]
async fn guests_are_let_in_on_the_developers_own_machine_and_nowhere_else() {
    let guest = |config: &mut Config| {
        config.identity.guest = Some(Guest { role: GuestRole::Viewer, teams: vec!["shop".into()] });
    };
    let site = Site::start(guest).await;
    let whoami = site.browser().send(Method::GET, "/api/whoami", &[], None).await.unwrap().json();
    assert_eq!((&whoami["name"], &whoami["kind"], &whoami["id"]), (&json!("guest"), &json!("guest"), &json!(null)));
    assert_eq!((&whoami["roles"], &whoami["teams"]), (&json!(["viewer"]), &json!(["shop"])));
    assert_eq!(status(&mut site.browser(), "/metrics").await, 401);

    let cases: [(Change, &str); 3] = [
        (|config| config.environment = Environment::Production, "this installation is not for development"),
        (|config| config.api.listen = "0.0.0.0:0".into(), "others reach this installation too"),
        (|config| config.api.public_url = Some("https://slipway.example".into()), "by way of a proxy"),
    ];
    for (change, reason) in cases {
        let mut config = site.config.clone();
        change(&mut config);
        let refused = api::bind(config, site.database.store.clone(), site.shutdown.clone()).await;
        let message = format!("{:#}", refused.unwrap_err());
        assert!(message.starts_with("identity.guest lets in whoever comes") && message.contains(reason), "{message}");
    }
}
