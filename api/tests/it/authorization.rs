//! Who may do what, for every route there is.

use std::fmt::Write as _;

use axum::{body::Body, http::Request};
use chrono::{TimeDelta, Utc};
use serde_json::Value;
use shared::{
    config::SecretKey,
    domain::access::Role,
    store::{
        api_key::{self, NewKey, Owner},
        service_account,
    },
};
use tests::belongings::{self, Belongings, Others};
use uuid::Uuid;

use crate::harness::{Answer, Service};

/// Everybody who asks, in the order of the table's columns.
const PRINCIPALS: [&str; 10] =
    ["anonymous", "viewer", "developer", "stranger", "approver", "auditor", "admin", "scoped", "revoked", "expired"];

/// The team whose everything is; as long as an id, so that answers that name it can be compared with those about others.
const TEAM: &str = "payments-and-settlements";

/// Of each principal, which column it is.
const STRANGER: usize = 3;

/// What a handler asks for besides the action of its route, and names in its refusal.
const ASKED_BESIDES: [(&str, &str); 1] = [("DELETE /api/views/{id}", "view.share")];

struct World {
    service: Service,
    /// A key for each principal; none for the one who has none.
    keys: Vec<Option<String>>,
    /// Whose the keys and logins are that are asked about: the developer.
    dora: Uuid,
    _key: tempfile::NamedTempFile,
}

/// One of everything that a path may name.
struct Its {
    belongings: Belongings,
    others: Others,
    team: String,
}

impl World {
    async fn new() -> Self {
        let key = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(key.path(), "07".repeat(32)).unwrap();
        let sealing = SecretKey { id: "test".into(), file: Some(key.path().to_owned()), ..SecretKey::default() };
        let change = |config: &mut shared::config::Config| {
            config.secrets.keys.push(sealing);
            // No scheduler answers here, and the routes that wait for one must not wait for long.
            config.api.request_timeout_s = 2;
            config.limits.anonymous_per_minute = 0;
        };
        let service = Service::configured(change).await;
        let (store, pool) = (&service.database.store, &service.database.pool);
        let dora = belongings::person(pool, "dora", &["developer"], &[TEAM]).await.unwrap();
        let (roles, teams) = (["developer".to_owned()], [TEAM.to_owned()]);
        let robot = service_account::create(store.pool(), "robot", &roles, &teams, "test").await.unwrap().unwrap();
        let of =
            |role: Role, team: &str| NewKey { teams: vec![team.to_owned()], ..NewKey::of_nobody(role.as_str(), role) };
        let scopes = ["run.*", "metrics.read"].map(ToOwned::to_owned).to_vec();
        let mut keys = vec![None];
        for new in [
            of(Role::Viewer, TEAM),
            NewKey { owner: Owner::Person(dora), created_by: "test".into(), ..NewKey::default() },
            of(Role::Developer, "search"),
            of(Role::Approver, TEAM),
            NewKey::of_nobody("auditor", Role::Auditor),
            NewKey::of_nobody("admin", Role::Admin),
            NewKey { owner: Owner::ServiceAccount(robot), scopes: Some(scopes), ..NewKey::default() },
        ] {
            keys.push(Some(api_key::create(store.pool(), &new).await.unwrap().1));
        }
        let (id, revoked) = api_key::create(store.pool(), &NewKey::of_nobody("admin", Role::Admin)).await.unwrap();
        assert!(api_key::revoke(store.pool(), id).await.unwrap());
        let past = Utc::now() - TimeDelta::seconds(1);
        let over = NewKey { expires_at: Some(past), ..NewKey::of_nobody("admin", Role::Admin) };
        let (_, expired) = api_key::create(store.pool(), &over).await.unwrap();
        keys.extend([Some(revoked), Some(expired)]);
        Self { service, keys, dora, _key: key }
    }

    async fn its(&self) -> Its {
        let database = &self.service.database;
        let belongings = Belongings::make(&database.store, &database.pool, TEAM, self.dora).await.unwrap();
        let others = Others::make(&database.store, &database.pool, TEAM, self.dora, &belongings).await.unwrap();
        let chat = r#"{"kind": "chat", "url": "https://chat.example.org/hook"}"#;
        let kept = self.service.put(&format!("/api/integrations/{}", others.integration), chat).await;
        assert_eq!(kept.status, 200, "{}", kept.text());
        Its { belongings, others, team: TEAM.into() }
    }

    /// Sends a request as one of the principals. What goes on for long is answered once it began.
    async fn ask(&self, who: usize, route: &Route, uri: &str) -> Answer {
        let mut request = Request::builder().method(route.method.as_str()).uri(uri);
        let key = match &self.keys[who] {
            // The old one may have been given back by what was asked before.
            Some(_) if PRINCIPALS[who] == "developer" => {
                Some(belongings::key_of(&self.service.database.pool, self.dora).await.unwrap().1)
            }
            known => known.clone(),
        };
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        self.service.begin(request.body(Body::from(route.body())).unwrap()).await
    }

    /// What became of it: `401`, `403`, `404` when it cannot be told from something that is not there, `yes` when the handler
    /// had it; and whether what the path names was found.
    async fn outcome(&self, who: usize, route: &Route, its: &Its) -> (&'static str, bool) {
        let there = route.uri(its);
        let answer = self.ask(who, route, &there).await;
        let kind = answer.problem_type();
        let outcome = match answer.status.as_u16() {
            401 if kind.as_deref() == Some("/problems/unauthorized") => "401",
            403 => {
                let body = answer.json();
                assert_eq!(body["type"], "/problems/forbidden", "{} {there}: {body}", route.method);
                let besides = ASKED_BESIDES.iter().find(|(it, _)| *it == route.name()).map(|(_, action)| *action);
                let asked = [Some(route.action.as_str()), besides];
                assert!(asked.contains(&body["action"].as_str()), "{} {there}: {body}", route.method);
                // Who is of no team was asked about no object.
                assert!(body["roles"].is_array(), "{body}");
                let of_no_team = body["detail"].as_str().is_some_and(|detail| detail.contains("you belong to no team"));
                assert!(body["object"].is_string() != of_no_team, "{body}");
                "403"
            }
            404 if self.is_as_if_missing(who, route, &there, &answer).await => "404",
            status => {
                assert_ne!(status, 500, "{} {there}: {}", route.method, answer.text());
                assert!(who != STRANGER || !route.is_of_a_team(), "{} {there} is another team's", route.method);
                return ("yes", status != 404);
            }
        };
        // Whoever is of another team learns nothing about whether it is there.
        if who == STRANGER && route.is_of_a_team() {
            let told = self.is_as_if_missing(who, route, &there, &answer).await;
            assert!(told, "{} {there} tells another team: {}", route.method, answer.text());
        }
        (outcome, false)
    }

    /// Whether the answer is the one about something that is not there.
    async fn is_as_if_missing(&self, who: usize, route: &Route, there: &str, answer: &Answer) -> bool {
        // Gone before anybody asks, under names of the same length.
        let missing = route.uri(&missing());
        let other = self.ask(who, route, &missing).await;
        let same = |answer: &Answer, uri: &str| {
            let mut body = answer.json();
            body["request_id"] = Value::Null;
            let last = uri.split('?').next().unwrap_or_default().split('/').collect::<Vec<_>>();
            let mut text = body.to_string();
            for part in last.into_iter().filter(|part| part.len() > 20) {
                text = text.replace(part, "IT");
            }
            (answer.status, answer.headers.get("content-type").cloned(), text)
        };
        same(answer, there) == same(&other, &missing)
    }
}

fn missing() -> Its {
    let belongings = Belongings {
        application: format!("shop-{}", Uuid::now_v7().simple()),
        resource: Uuid::now_v7(),
        run: Uuid::now_v7(),
        step: "one".into(),
        key: shared::domain::ids::ApiKeyId(Uuid::now_v7()),
        session: Uuid::now_v7(),
        webhook: Uuid::now_v7(),
        notification: Uuid::now_v7(),
        own_notification: Uuid::now_v7(),
    };
    let others = Others::missing();
    Its { belongings, team: others.limited.clone(), others }
}

/// A documented operation.
struct Route {
    method: String,
    path: String,
    /// What it needs; empty: nothing, it is open.
    action: String,
    target: String,
}

impl Route {
    /// As the table has it.
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// What is sent where nothing would be refused before anything is looked for.
    fn body(&self) -> &'static str {
        match self.name().as_str() {
            "POST /api/batches/{id}/approve" => r#"{"digest": "00"}"#,
            "PUT /api/limits/{kind}/{name}" => r#"{"most": 9}"#,
            "PUT /api/specs/{app}/secrets/{name}" | "PUT /api/teams/{team}/secrets/{name}" => r#"{"value": "a value"}"#,
            "POST /api/workflows/{id}/override-freeze" => r#"{"reason": "it must be"}"#,
            "POST /api/resources/{id}/state/rollback" => r#"{"version": 1}"#,
            "PUT /api/service-accounts/{name}/disabled" => r#"{"disabled": true}"#,
            _ => "",
        }
    }

    fn noun(&self) -> &str {
        self.path.trim_start_matches("/api/").split('/').next().unwrap_or_default()
    }

    /// Whether its path names what belongs to a team, or to somebody of it.
    fn is_of_a_team(&self) -> bool {
        let of_all = self.target.is_empty() || self.target == "instance";
        // Golden paths are everybody's; who starts one is asked for the team.
        self.path.contains('{') && self.noun() != "golden-paths" && (!of_all || self.noun() == "limits")
    }

    fn uri(&self, its: &Its) -> String {
        let Its { belongings, others, team } = its;
        let id = match (self.noun(), self.target.as_str()) {
            ("batches", _) => others.batch,
            ("bulk", _) => others.bulk,
            ("views", _) => others.view,
            ("marks", _) => others.mark,
            ("workers", _) => others.worker,
            (_, "resource") => belongings.resource,
            (_, "run" | "approval") => belongings.run,
            (_, "key") => belongings.key.0,
            (_, "session") => belongings.session,
            (_, "webhook") => belongings.webhook,
            (_, "notification") => belongings.notification,
            (_, "ownnotification") => belongings.own_notification,
            _ => Uuid::nil(),
        };
        let name: &str = match (self.noun(), self.target.as_str()) {
            ("specs" | "teams", _) if self.path.contains("/secrets/") => &others.secret,
            ("limits", _) => &others.limited,
            ("queues", _) => &others.queue,
            ("service-accounts", _) => &others.account,
            ("integrations", _) => &others.integration,
            ("freezes", _) => &others.freeze,
            ("golden-paths", _) => &others.golden_path,
            ("providers", _) => &others.provider,
            ("admin", _) => &others.source,
            (_, "application") => &belongings.application,
            (_, "team") => team,
            (_, "resource") => "host",
            _ => "x",
        };
        let (id, resource, delivery) = (id.to_string(), belongings.resource.to_string(), others.delivery.to_string());
        let known: [(&str, &str); 10] = [
            ("{id}", id.as_str()),
            ("{name}", name),
            ("{step}", &belongings.step),
            ("{app}", &belongings.application),
            ("{team}", team),
            ("{number}", "1"),
            ("{resource}", &resource),
            ("{delivery}", &delivery),
            ("{kind}", "team"),
            ("{source}", &others.source),
        ];
        let path = known.iter().fold(self.path.clone(), |path, (from, to)| path.replace(from, to));
        assert!(!path.contains('{'), "say what {path} is to be asked about");
        path
    }
}

/// Every operation that the description of the API has.
fn routes(service: &Service) -> Vec<Route> {
    let document = serde_json::to_value(&service.description).unwrap();
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let said = |name: &str| operation[name].as_str().unwrap_or_default().to_owned();
            routes.push(Route {
                method: method.to_uppercase(),
                path: path.clone(),
                action: said("x-slipway-action"),
                target: said("x-slipway-target"),
            });
        }
    }
    routes.sort_by(|a, b| (&a.path, &a.method).cmp(&(&b.path, &b.method)));
    routes
}

#[tokio::test]
async fn every_route_answers_every_principal_as_the_table_says() {
    let world = World::new().await;
    let routes = routes(&world.service);
    let mut its = world.its().await;
    let (mut table, mut unreached) = (String::new(), Vec::new());
    let columns: String = PRINCIPALS.iter().map(|name| format!("{name:<10}")).collect();
    writeln!(table, "{:<62}{:<24}{}", "route", "action", columns.trim_end()).unwrap();
    for route in &routes {
        let mut row = format!("{:<62}", route.name());
        if route.action.is_empty() {
            // Whoever reaches the service may use it: a valid key is not asked for.
            assert_ne!(world.outcome(0, route, &its).await.0, "401", "{row}");
            writeln!(table, "{row}open").unwrap();
            continue;
        }
        row.push_str(&format!("{:<24}", route.action));
        let mut reached = false;
        for who in 0..PRINCIPALS.len() {
            let (outcome, found) = world.outcome(who, route, &its).await;
            reached |= found;
            if outcome == "yes" && route.method != "GET" {
                // It may be another thing now, or gone.
                its = world.its().await;
            }
            row.push_str(&format!("{outcome:<10}"));
        }
        if !reached {
            unreached.push(row.clone());
        }
        writeln!(table, "{}", row.trim_end()).unwrap();
    }
    // What nobody reaches shows nothing about who is kept from it.
    assert!(unreached.is_empty(), "what the paths name is not there:\n{}", unreached.join("\n"));
    // A route that is new, or answers somebody else than before, is to be looked at and taken into the table.
    insta::assert_snapshot!("matrix", table);
}

/// Routes that are not registered with an action, and why each may be without: whoever adds one says so here.
const UNGUARDED: [(&str, &str, &str); 12] = [
    ("routes.rs", "\"/api/docs\"", "a page that holds nothing but itself, and asks for a key"),
    ("identity/mod.rs", "\"/login\"", "before a login nobody is known"),
    ("identity/mod.rs", "\"/login/style.css\"", "its looks"),
    ("identity/mod.rs", "\"/logout\"", "ends the session that its cookie shows, and nothing else"),
    ("identity/mod.rs", "\"/account\"", "looks at the session itself, and shows its own"),
    ("identity/mod.rs", "\"/device\"", "looks at the session itself"),
    ("identity/mod.rs", "\"/cli/login\"", "looks at the session itself"),
    ("oidc/flow.rs", "\"/login/oidc\"", "before a login nobody is known"),
    ("oidc/flow.rs", "CALLBACK", "state, nonce and PKCE of a login that was begun here"),
    ("oidc/flow.rs", "GOODBYE", "where the provider sends people after their logout"),
    ("oidc/flow.rs", "\"/login/oidc/logout\"", "looks at the session itself"),
    ("routes.rs", ".fallback(dashboard::file_or_page)", "the files of the dashboard, which are everybody's"),
];

#[test]
fn no_route_is_registered_past_the_policies_but_those_that_are_listed_with_a_reason() {
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut found, mut files) = (vec![source.clone()], Vec::new(), 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let name = path.strip_prefix(&source).unwrap().display().to_string();
            // What `Routes::add` does with them is the one way that is meant.
            if !name.ends_with(".rs") || name == "access/route.rs" {
                continue;
            }
            files += 1;
            let calls = [".route(", ".route_service(", ".nest(", ".nest_service(", ".fallback_service("];
            for call in calls {
                for (at, _) in text.match_indices(call) {
                    let first = text[at + call.len()..].trim_start();
                    found.push((name.clone(), first[..first.find(',').unwrap_or(0)].to_owned()));
                }
            }
            // A fallback of a method, as LOCK of a state, is below the route's own gate.
            let whole = text.match_indices(".fallback(").filter(|(at, _)| !text[..*at].ends_with("methods"));
            found.extend(whole.map(|(at, call)| {
                let end = at + call.len() + text[at + call.len()..].find(')').unwrap_or(0) + 1;
                (name.clone(), text[at..end].to_owned())
            }));
        }
    }
    assert!(files > 60, "the sources are not read");
    found.sort();
    let mut listed: Vec<_> = UNGUARDED.iter().map(|(file, path, _)| ((*file).to_owned(), (*path).to_owned())).collect();
    listed.sort();
    assert_eq!(found, listed, "a route belongs into routes.rs, with its action, or into this list, with a reason");
}
