//! What other sites' pages, thieves of codes and guessers of passwords cannot do by way of a browser.

mod codes;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};
use shared::{
    config::{Config, Environment, Guest, GuestRole},
    domain::access::Role,
    password,
    people::{People, Person},
    store::api_key::{self, NewKey},
};
use tests::{
    alone::Alone,
    browser::{Browser, OWN_PAGE, Page},
    database,
};

const PASSWORD: &str = "correct horse";

/// An api with two people.
struct Site {
    alone: Alone,
}

impl Site {
    async fn start() -> Self {
        Self::configured(with_people).await
    }

    async fn configured(configure: fn(&mut Config)) -> Self {
        let alone = Alone::start(|config| {
            config.environment = Environment::Production;
            configure(config);
        })
        .await
        .unwrap();
        let hash = password::hash(PASSWORD).unwrap();
        let person = |name: &str| Person {
            name: name.into(),
            password: hash.clone(),
            roles: vec!["developer".into()],
            teams: vec!["shop".into()],
            disabled: false,
        };
        let people = People { people: vec![person("ada"), person("mallory")] };
        people.write(alone.config.identity.people_file.as_ref().unwrap()).unwrap();
        Self { alone }
    }

    fn url(&self) -> String {
        self.alone.url.clone()
    }

    fn browser(&self) -> Browser {
        Browser::new(&self.url()).unwrap()
    }

    async fn logged_in(&self, name: &str) -> Browser {
        let mut browser = self.browser();
        assert_eq!(browser.log_in(name, PASSWORD).await.unwrap().status, 303);
        browser
    }

    async fn sql(&self, statement: &'static str) -> u64 {
        database::execute(&self.alone.database.pool, statement).await.unwrap()
    }

    /// Has those who are refused now be refused for as long as the test takes; says how many rows that are.
    async fn stay_refused(&self) -> u64 {
        self.sql("UPDATE login_failure SET blocked_until = now() + interval '1 hour' WHERE blocked_until IS NOT NULL")
            .await
    }
}

fn with_people(config: &mut Config) {
    let folder = config.archive.url.trim_start_matches("file://").rsplit_once('/').unwrap().0.to_owned();
    config.identity.people_file = Some(format!("{folder}/people.yaml").into());
}

#[track_caller]
fn assert_problem(page: &Page, status: u16, code: &str) {
    assert_eq!((page.status, page.problem().as_str()), (status, code), "{}", page.text);
}

async fn whoami(browser: &mut Browser) -> u16 {
    browser.send(Method::GET, "/api/whoami", &[OWN_PAGE], None).await.unwrap().status
}

#[tokio::test]
async fn another_sites_page_changes_nothing_by_a_persons_cookie() {
    let site = Site::start().await;
    let mut browser = site.logged_in("ada").await;
    let (own, neighbour) = (site.url(), format!("{}.evil.example", site.url()));
    let (own, neighbour) = (own.as_str(), neighbour.as_str());
    let own_host = own.trim_start_matches("http://");
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-site", "cross-site"), ("origin", own)],
        &[("origin", "https://evil.example")],
        &[("origin", neighbour)],
        &[("origin", "null")],
        &[("x-requested-with", "XMLHttpRequest"), ("x-forwarded-host", own_host)],
        &[],
    ] {
        let headers = [headers, &[("content-type", "text/plain")]].concat();
        for (method, path) in
            [(Method::POST, "/api/specs"), (Method::DELETE, "/api/sessions"), (Method::POST, "/api/logout")]
        {
            let page = browser.send(method.clone(), path, &headers, Some("metadata:".into())).await.unwrap();
            assert_problem(&page, 403, "cross-site");
            assert_eq!(
                page.json()["detail"],
                "a browser's session may only be used by Slipway's own pages; programs use an API key",
                "{method} {path} {headers:?}"
            );
        }
        for path in ["/login", "/logout", "/device", "/cli/login"] {
            assert_problem(
                &browser.submit_from(path, &[("user_code", "x")], &headers).await.unwrap(),
                403,
                "cross-site",
            );
        }
    }
    assert_eq!(whoami(&mut browser).await, 200, "the session is as it was");
    let page = browser.send(Method::POST, "/api/logout", &[("origin", own)], None).await.unwrap();
    assert_eq!(page.status, 204, "an old browser's own page");
}

#[tokio::test]
async fn a_foreign_origin_opens_no_stream_by_a_persons_cookie() {
    let site = Site::start().await;
    let mut browser = site.logged_in("ada").await;
    let path = "/api/workflows/01890000-0000-7000-8000-000000000000/logs";
    let socket = "/ws/workflows/01890000-0000-7000-8000-000000000000/logs";
    let events = ("accept", "text/event-stream");
    for foreign in [
        &[("origin", "https://evil.example"), events][..],
        &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "cors"), events],
        &[("sec-fetch-site", "same-site"), ("sec-fetch-mode", "cors"), events],
        // A page cannot have a browser navigate to a stream and read it; nor does it need to.
        &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), events],
        &[("origin", "https://evil.example"), ("upgrade", "websocket"), ("connection", "Upgrade")],
        &[("sec-fetch-site", "cross-site"), ("upgrade", "websocket"), ("connection", "Upgrade")],
        &[("upgrade", "websocket"), ("connection", "Upgrade")],
    ] {
        for path in [path, socket, "/api/events/stream"] {
            let page = browser.send(Method::GET, path, foreign, None).await.unwrap();
            assert_problem(&page, 403, "cross-site");
        }
    }
    // From one of our own pages it is only that there is no such run.
    let page = browser.send(Method::GET, path, &[OWN_PAGE, events], None).await.unwrap();
    assert_eq!((page.status, page.problem().as_str()), (404, "not-found"), "{}", page.text);
}

#[tokio::test]
async fn a_foreign_origin_opens_no_websocket_whatever_the_browser_sends_along() {
    let site = Site::start().await;
    let database = &site.alone.database;
    let run = tests::belongings::run_of(&database.store, &database.pool, "shop").await.unwrap();
    let key = NewKey::of_nobody("kept", Role::Viewer);
    let (_, key) = api_key::create(&database.pool, &NewKey { teams: vec!["shop".into()], ..key }).await.unwrap();
    let url = format!("{}/ws/workflows/{run}/logs", site.url());
    let (own, neighbour) = (site.url(), format!("{}.evil.example", site.url()));
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let open = async |origin: Option<&str>, site: Option<&str>| {
        let mut request = http
            .get(&url)
            .basic_auth("any", Some(&key))
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        if let Some(site) = site {
            request = request.header("sec-fetch-site", site);
        }
        request.send().await.unwrap()
    };
    for (origin, site) in [
        (Some("https://evil.example"), None),
        (Some(neighbour.as_str()), None),
        (Some("null"), None),
        (Some(own.as_str()), Some("cross-site")),
        (None, Some("same-site")),
    ] {
        let answer = open(origin, site).await;
        assert_eq!(answer.status(), 403, "{origin:?} {site:?}");
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["type"], "/problems/cross-site", "{origin:?} {site:?}");
    }
    // Our own pages, and programs, which have no origin.
    for origin in [Some(own.as_str()), None] {
        assert_eq!(open(origin, None).await.status(), 101, "{origin:?}");
    }
}

#[tokio::test]
async fn another_sites_page_logs_nobody_in_as_somebody_else() {
    let site = Site::start().await;
    let mut browser = site.logged_in("ada").await;
    let before = browser.cookies.clone();
    let fields = [("name", "mallory"), ("password", PASSWORD)];
    for headers in [&[("origin", "https://evil.example")][..], &[("sec-fetch-site", "cross-site")], &[]] {
        assert_problem(&browser.submit_from("/login", &fields, headers).await.unwrap(), 403, "cross-site");
    }
    assert_eq!(browser.cookies, before);
}

#[tokio::test]
async fn a_planted_session_does_not_become_somebodys() {
    let site = Site::start().await;
    let mallory = site.logged_in("mallory").await;
    let planted = mallory.cookies["__Host-slipway"].clone();
    let made_up = BASE64_URL_SAFE_NO_PAD.encode([7; 32]);
    for token in [planted, made_up] {
        let mut ada = site.browser();
        ada.cookies.insert("__Host-slipway".into(), token.clone());
        assert_eq!(ada.log_in("ada", PASSWORD).await.unwrap().status, 303);
        assert_ne!(ada.cookies["__Host-slipway"], token, "a login gives a new token");
        let mut thief = site.browser();
        thief.cookies.insert("__Host-slipway".into(), token);
        assert_eq!(whoami(&mut thief).await, 401, "the old one is over");
        assert_eq!(whoami(&mut ada).await, 200);
    }
    // A neighbour's host may plant a second cookie of the name; then neither counts.
    let mut ada = site.logged_in("ada").await;
    let token = ada.cookies["__Host-slipway"].clone();
    ada.cookies.insert("__Host-slipway=x; __Host-slipway".into(), token);
    assert_eq!(whoami(&mut ada).await, 401);
}

#[tokio::test]
async fn a_session_that_was_idle_or_long_enough_is_over() {
    let site = Site::start().await;
    for statement in [
        "UPDATE session SET last_seen_at = now() - interval '61 minutes'",
        "UPDATE session SET expires_at = now()",
        "UPDATE person SET disabled_at = now() WHERE name = 'ada'",
    ] {
        let mut browser = site.logged_in("ada").await;
        assert_eq!(whoami(&mut browser).await, 200);
        site.sql(statement).await;
        let page = browser.send(Method::GET, "/api/whoami", &[OWN_PAGE], None).await.unwrap();
        assert_problem(&page, 401, "unauthorized");
        assert!(browser.open("/account").await.unwrap().location().starts_with("/login"), "{statement}");
    }
}

#[tokio::test]
async fn a_forged_forwarding_header_does_not_make_a_guesser_many() {
    let site = Site::start().await;
    let mut browser = site.browser();
    let mut statuses = Vec::new();
    for number in 0..22 {
        let refused = site.stay_refused().await;
        assert_eq!(refused, u64::from(number == 21), "after {number} attempts");
        let (name, address) = (format!("person{number}"), format!("198.51.100.{number}"));
        let headers = [
            OWN_PAGE,
            ("x-forwarded-for", address.as_str()),
            ("x-real-ip", address.as_str()),
            ("forwarded", "for=192.0.2.1"),
        ];
        let fields = [("name", name.as_str()), ("password", "guess number 1")];
        statuses.push(browser.submit_from("/login", &fields, &headers).await.unwrap().status);
    }
    assert_eq!(statuses[..21], [401; 21], "twenty mistakes of one address are free");
    assert_eq!(statuses[21], 429);
}

#[tokio::test]
async fn a_proxy_that_is_ours_tells_guessers_apart() {
    let site = Site::configured(|config| {
        with_people(config);
        config.api.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let mut browser = site.browser();
    let mut last = 0;
    for number in 0..22 {
        site.stay_refused().await;
        let (name, forwarded) = (format!("person{number}"), format!("192.0.2.{number}, 198.51.100.7"));
        let headers = [OWN_PAGE, ("x-forwarded-for", forwarded.as_str())];
        let fields = [("name", name.as_str()), ("password", "guess number 1")];
        last = browser.submit_from("/login", &fields, &headers).await.unwrap().status;
    }
    assert_eq!(last, 429, "what the guesser wrote in front of the proxy's own is not believed");
    let fields = [("name", "ada"), ("password", PASSWORD)];
    let other = browser.submit_from("/login", &fields, &[OWN_PAGE, ("x-forwarded-for", "198.51.100.8")]).await.unwrap();
    assert_eq!(other.status, 303, "somebody else behind the same proxy");
}

#[tokio::test]
async fn guesses_sent_all_at_once_are_counted_one_by_one() {
    let site = Site::start().await;
    let guesses = (0..16).map(|number| {
        let mut browser = site.browser();
        async move { browser.log_in("ada", &format!("guess number {number}")).await.unwrap().status }
    });
    let statuses = futures::future::join_all(guesses).await;
    let looked_at = statuses.iter().filter(|status| **status == 401).count();
    // On a machine that is busy, the two seconds of the first refusal may pass meanwhile, and four, and eight.
    assert!((6..=9).contains(&looked_at), "five free mistakes and the one that was one too many: {statuses:?}");
    assert!(statuses.iter().all(|status| [401, 429].contains(status)), "{statuses:?}");
}

#[tokio::test]
async fn a_login_leads_to_no_other_site() {
    let site = Site::start().await;
    for foreign in [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "/\t/evil.example",
        "///evil.example",
        "javascript:alert(document.cookie)",
        "/x\r\nSet-Cookie: a=b",
        "http:/evil.example",
    ] {
        let mut browser = site.browser();
        let fields = [("name", "ada"), ("password", PASSWORD), ("return_to", foreign)];
        let page = browser.submit("/login", &fields).await.unwrap();
        assert_eq!((page.status, page.location()), (303, "/"), "{foreign:?}");
        assert_eq!(page.headers.get_all("set-cookie").iter().count(), 1);
    }
}

#[tokio::test]
async fn what_a_program_calls_itself_is_no_markup_and_cannot_dress_up() {
    let site = Site::start().await;
    let mut ada = site.logged_in("ada").await;
    let client = "<script>alert(1)</script>\u{202e}gpj.\"onload='x'\u{1b}[2J";
    let asked = ada.program("/api/login/device", &json!({"client": client}), None).await.unwrap().json();
    let page = ada.submit("/device", &[("user_code", asked["user_code"].as_str().unwrap())]).await.unwrap();
    assert_eq!(page.status, 200);
    assert!(
        page.text.contains("<dd>&lt;script&gt;alert(1)&lt;/script&gt;gpj.&quot;onload=&#39;x&#39;[2J</dd>"),
        "{}",
        page.text
    );
    let policy = page.header("content-security-policy");
    assert_eq!(
        policy,
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    );
    let name = ada.submit("/login", &[("name", "\"><script>"), ("password", "wrong password")]).await.unwrap();
    assert!(name.text.contains("value=\"&quot;&gt;&lt;script&gt;\""), "{}", name.text);
}

#[tokio::test]
async fn a_guest_is_nobody_who_comes_from_elsewhere() {
    let site = Site::configured(|config| {
        with_people(config);
        config.environment = Environment::Development;
        config.identity.guest = Some(Guest { role: GuestRole::Developer, teams: vec!["shop".into()] });
    })
    .await;
    let mut browser = site.browser();
    let own = browser.send(Method::GET, "/api/whoami", &[], None).await.unwrap();
    assert_eq!((own.status, &own.json()["kind"]), (200, &Value::from("guest")));
    for headers in [
        // A name of the attacker's own that means this machine: rebinding.
        &[("host", "evil.example")][..],
        &[("host", "127.0.0.1.evil.example:8080")],
        &[("x-forwarded-for", "198.51.100.7")],
        &[("forwarded", "for=198.51.100.7")],
        &[("via", "1.1 proxy")],
        &[("origin", "https://evil.example")],
        &[("sec-fetch-site", "cross-site")],
    ] {
        for (method, path) in [(Method::GET, "/api/whoami"), (Method::POST, "/api/specs")] {
            let page = browser.send(method, path, headers, None).await.unwrap();
            assert_problem(&page, 401, "unauthorized");
        }
    }
}
