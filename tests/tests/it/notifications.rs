//! Who is told of what, over real sockets: mail, chats and webhooks, first at once and then together.
use std::{sync::Mutex, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use shared::{
    config::{Config, Smtp, SmtpTls},
    domain::access::Role,
    outgoing::{Secret, signature},
    store::api_key,
};
use tests::{
    belongings,
    client::Client,
    mailbox::Mailbox,
    receiver::{Receiver, status},
    score::Score,
    stack::{Options, Stack},
};

const MINUTE: Duration = Duration::from_secs(60);
const BASE: &str = "https://slipway.example.org";

/// Where the next stack's mail goes: a stack is configured by a function that captures nothing.
static MAIL_PORT: Mutex<u16> = Mutex::new(1);

fn configure(config: &mut Config) {
    config.webhooks.allow = vec!["127.0.0.0/8".parse().unwrap()];
    config.webhooks.plain_http = true;
    config.webhooks.timeout_s = 2;
    config.api.public_url = Some(BASE.into());
    config.notifications.backoff_s = 1;
    config.notifications.mail_domains = vec!["example.org".into()];
    config.notifications.smtp = Some(Smtp {
        host: "127.0.0.1".into(),
        port: Some(*MAIL_PORT.lock().unwrap()),
        tls: SmtpTls::None,
        ca_file: None,
        user: None,
        password: None,
        from: "Slipway <slipway@example.org>".into(),
        timeout_s: 5,
    });
}

async fn with_mail(mailbox: &Mailbox) -> anyhow::Result<Stack> {
    static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _one = ONE.lock().await;
    *MAIL_PORT.lock().unwrap() = mailbox.address.port();
    Stack::start(Options { configure, ..Options::scripted() }).await
}

async fn without_mail() -> anyhow::Result<Stack> {
    let configure = |config: &mut Config| {
        configure(config);
        config.notifications.smtp = None;
    };
    Stack::start(Options { configure, ..Options::scripted() }).await
}

/// A run that fails; gives its id when it has.
async fn failing(stack: &Stack) -> anyhow::Result<String> {
    let run = stack.client.execute("scripted", &json!({"script": r#"{"exit_code": 3}"#})).await?;
    stack.run_becomes(&run, &["failed"]).await?;
    Ok(run)
}

async fn add(client: &Client, path: &str, body: &Value) -> anyhow::Result<Value> {
    client.post(&format!("/api/notifications/{path}"), body).await?.ok()
}

async fn messages(client: &Client, path: &str, rule: &Value) -> anyhow::Result<Vec<Value>> {
    let id = rule["id"].as_str().unwrap();
    let page = client.get(&format!("/api/notifications/{path}/{id}/deliveries")).await?;
    Ok(page["items"].as_array().cloned().unwrap_or_default())
}

/// A person of the team, and a client with a key of theirs.
async fn person(stack: &Stack, name: &str, roles: &[&str], teams: &[&str]) -> anyhow::Result<Client> {
    let id = belongings::person(&stack.pool, name, roles, teams).await?;
    sqlx::query("UPDATE person SET email = $2 WHERE id = $1")
        .bind(id)
        .bind(format!("{name}@example.org"))
        .execute(&stack.pool)
        .await?;
    let (_, key) = belongings::key_of(&stack.pool, id).await?;
    Client::new(stack.client.base(), &key)
}

#[tokio::test]
async fn the_first_failure_is_told_at_once_and_those_after_it_together_with_links_to_each() -> anyhow::Result<()> {
    let stack = without_mail().await?;
    let chat = Receiver::start(|_, _| status(200)).await?;
    let body = json!({"channel": "slack", "target": chat.url(), "on": ["failure"], "digest_s": 5});
    let rule = add(&stack.client, "rules", &body).await?;
    assert_eq!(rule["owner"], "installation");
    assert_eq!(rule["target"], "http://127.0.0.1/…", "what is secret of a chat's URL is not shown");
    let first = failing(&stack).await?;
    stack.until("the first is told", MINUTE, async || Ok((chat.received().len() == 1).then_some(()))).await?;
    let told = chat.received()[0].json();
    assert_eq!(told["text"], "scripted failed");
    let block = told["blocks"][0]["text"]["text"].as_str().unwrap();
    assert!(block.starts_with(&format!("*<{BASE}/runs/{first}|scripted failed>*\n>")), "{block}");
    // What happens while the window is open is told when it closes.
    let mut later = Vec::new();
    for _ in 0..4 {
        later.push(belongings::run_of(&stack.store, &stack.pool, "red").await?);
    }
    sqlx::query("INSERT INTO event (type, run_id) SELECT 'run.failed', unnest($1::uuid[])")
        .bind(&later)
        .execute(&stack.pool)
        .await?;
    stack.until("the rest is told", MINUTE, async || Ok((chat.received().len() >= 2).then_some(()))).await?;
    let digest = chat.received()[1].json();
    assert_eq!(digest["text"], "4 failed");
    let blocks = digest["blocks"].to_string();
    assert!(later.iter().all(|run| blocks.contains(&format!("{BASE}/runs/{run}|w failed"))), "{digest}");
    let shown = messages(&stack.client, "rules", &rule).await?;
    assert_eq!(shown.last().unwrap()["subject"], "scripted failed");
    stack
        .until("they are shown as delivered", MINUTE, async || {
            let shown = messages(&stack.client, "rules", &rule).await?;
            Ok(shown.iter().all(|it| it["status"] == "delivered").then_some(()))
        })
        .await?;
    stack.finish().await
}

#[tokio::test]
async fn a_person_is_mailed_what_concerns_their_teams_and_a_server_that_says_later_is_asked_again() -> anyhow::Result<()>
{
    let mailbox = Mailbox::start(|before, to| match (before, to) {
        (_, "bob@example.org") => "550 no such user".into(),
        (0, _) => "451 later".into(),
        _ => "250 yes".into(),
    })
    .await?;
    let stack = with_mail(&mailbox).await?;
    let (ann, bob) =
        (person(&stack, "ann", &["viewer"], &["default"]).await?, person(&stack, "bob", &["viewer"], &["red"]).await?);
    let rule = add(&ann, "mine", &json!({"channel": "email", "digest_s": 0})).await?;
    assert_eq!((&rule["target"], &rule["owner"]), (&json!("ann@example.org"), &json!("me")));
    let others = add(&bob, "mine", &json!({"channel": "email", "digest_s": 0})).await?;
    let run = failing(&stack).await?;
    stack.until("the mail comes", MINUTE, async || Ok((mailbox.taken().len() == 1).then_some(()))).await?;
    let mail = mailbox.taken()[0].clone();
    assert_eq!((mail.from.as_str(), mail.to.as_slice()), ("slipway@example.org", &["ann@example.org".to_owned()][..]));
    assert_eq!(mail.header("subject"), "scripted failed");
    assert!(mail.body().contains(&format!("{BASE}/runs/{run}")), "{}", mail.body());
    let shown = stack
        .until("it is shown", MINUTE, async || {
            let shown = messages(&ann, "mine", &rule).await?;
            Ok((shown[0]["status"] == "delivered").then_some(shown))
        })
        .await?;
    assert_eq!(shown[0]["attempts"], 2, "{shown:?}");
    let id = shown[0]["id"].as_str().unwrap();
    assert!(mail.header("message-id").contains(id), "doubles are told by the id: {}", mail.header("message-id"));
    // What is another team's is not told, and what the server never takes is not tried for ever.
    assert!(messages(&bob, "mine", &others).await?.is_empty());
    bob.post(&format!("/api/notifications/mine/{}/test", others["id"].as_str().unwrap()), &Value::Null).await?.ok()?;
    let refused = stack
        .until("the test is given up", MINUTE, async || {
            let shown = messages(&bob, "mine", &others).await?;
            Ok((shown[0]["status"] == "failed").then_some(shown))
        })
        .await?;
    assert!(refused[0]["last_error"].as_str().unwrap().contains("no such user"), "{refused:?}");
    assert_eq!((refused[0]["attempts"].as_i64(), refused.len()), (Some(1), 1));
    // One's own is nobody else's.
    let path = format!("/api/notifications/mine/{}", rule["id"].as_str().unwrap());
    let foreign = bob.send(Method::DELETE, &path, &[], None).await?;
    assert_eq!((foreign.status.as_u16(), &foreign.body["type"]), (404, &json!("/problems/not-found")));
    stack.finish().await
}

#[tokio::test]
async fn whoever_is_asked_is_told_that_an_approval_is_needed_in_signed_json() -> anyhow::Result<()> {
    let stack = without_mail().await?;
    let (asked, others) = (Receiver::start(|_, _| status(204)).await?, Receiver::start(|_, _| status(204)).await?);
    let rule = |url: String, team: &str| json!({"channel": "webhook", "target": url, "on": ["approval"], "team": team});
    let made = add(&stack.client, "rules", &rule(asked.url(), "platform")).await?;
    let secret: Secret = made["secret"].as_str().unwrap().parse()?;
    add(&stack.client, "rules", &rule(others.url(), "elsewhere")).await?;
    // A run of another team, whose step asks people of the team `platform`.
    let run = belongings::run_of(&stack.store, &stack.pool, "red").await?;
    belongings::asked(&stack.pool, run, &[], &["platform"]).await?;
    sqlx::query("INSERT INTO event (type, run_id, step) VALUES ('approval.requested', $1, 'one')")
        .bind(run)
        .execute(&stack.pool)
        .await?;
    stack.until("it is told", MINUTE, async || Ok((!asked.received().is_empty()).then_some(()))).await?;
    let request = asked.received()[0].clone();
    let timestamp: i64 = request.header("webhook-timestamp").parse()?;
    let signed = signature(&[&secret], request.header("webhook-id"), timestamp, &request.body);
    assert_eq!(request.header("webhook-signature"), signed);
    let told = request.json();
    assert_eq!(told["id"], request.header("webhook-id"));
    let item = &told["items"][0];
    assert_eq!((&item["kind"], &item["step"], &item["message"]), (&json!("approval"), &json!("one"), &json!("go on?")));
    assert_eq!(item["url"], format!("{BASE}/runs/{run}"));
    assert!(others.received().is_empty(), "{:?}", others.received());
    // The secret is shown once.
    let listed = stack.client.get("/api/notifications/rules?team=platform").await?;
    assert_eq!((listed["items"].as_array().unwrap().len(), listed["items"][0].get("secret")), (1, None));
    stack.finish().await
}

#[tokio::test]
async fn drift_is_told_with_a_link_to_the_resource_and_a_paused_rule_tells_nothing() -> anyhow::Result<()> {
    let stack = without_mail().await?;
    let (chat, silent) = (Receiver::start(|_, _| status(200)).await?, Receiver::start(|_, _| status(200)).await?);
    let rule = |url: String| json!({"channel": "slack", "target": url, "on": ["drift"], "digest_s": 0});
    add(&stack.client, "rules", &rule(chat.url())).await?;
    let paused = add(&stack.client, "rules", &rule(silent.url())).await?;
    let path = format!("/api/notifications/rules/{}", paused["id"].as_str().unwrap());
    let headers = [("content-type", "application/json")];
    let changed = stack.client.send(Method::PATCH, &path, &headers, Some(json!({"paused": true}).to_string())).await?;
    assert_eq!(changed.ok()?["status"], "paused");
    let refused = stack.client.post(&format!("{path}/test"), &Value::Null).await?;
    assert_eq!((refused.status.as_u16(), &refused.body["type"]), (409, &json!("/problems/notification-paused")));
    stack.client.submit(&Score::new("shop").resource("db", "scripted", &json!({})).yaml()).await?.ok()?;
    let resource = stack.resource_becomes("shop", "db", "active").await?;
    let id = resource["id"].as_str().unwrap().to_owned();
    sqlx::query("INSERT INTO event (type, resource_id, data) VALUES ('resource.drift_found', $1::uuid, '{}')")
        .bind(uuid::Uuid::parse_str(&id)?)
        .execute(&stack.pool)
        .await?;
    stack.until("it is told", MINUTE, async || Ok((!chat.received().is_empty()).then_some(()))).await?;
    let told = chat.received()[0].json().to_string();
    assert!(told.contains(&format!("{BASE}/resources/{id}")) && told.contains("shop/db differs"), "{told}");
    assert!(silent.received().is_empty());
    stack.finish().await
}

#[tokio::test]
async fn a_flood_is_one_message_with_a_count_and_a_chat_that_is_away_gets_it_later() -> anyhow::Result<()> {
    let stack = without_mail().await?;
    let chat = Receiver::start(|before, _| if before == 0 { status(503) } else { status(200) }).await?;
    let rule =
        add(&stack.client, "rules", &json!({"channel": "slack", "target": chat.url(), "on": ["failure"]})).await?;
    let run = belongings::run_of(&stack.store, &stack.pool, "red").await?;
    sqlx::query("INSERT INTO event (type, run_id) SELECT 'run.failed', $1 FROM generate_series(1, 3000)")
        .bind(run)
        .execute(&stack.pool)
        .await?;
    stack.until("it is told", MINUTE, async || Ok((chat.received().len() >= 2).then_some(()))).await?;
    let (first, second) = (chat.received()[0].json(), chat.received()[1].json());
    assert_eq!(first, second, "the same message, tried again");
    assert_eq!(first["text"], "20 failed, 2980 more");
    let shown = stack
        .until("it is delivered", MINUTE, async || {
            let shown = messages(&stack.client, "rules", &rule).await?;
            Ok((shown[0]["status"] == "delivered").then_some(shown))
        })
        .await?;
    assert_eq!((shown.len(), &shown[0]["count"], &shown[0]["attempts"]), (1, &json!(3000), &json!(2)));
    stack.finish().await
}

#[tokio::test]
async fn where_nothing_may_go_is_refused_with_what_would_do() -> anyhow::Result<()> {
    let stack = without_mail().await?;
    let refused = |path: &'static str, body: Value| {
        let client = stack.client.clone();
        async move {
            let answer = client.post(&format!("/api/notifications/{path}"), &body).await?;
            anyhow::Ok((answer.status.as_u16(), answer.body["type"].clone(), answer.body["detail"].to_string()))
        }
    };
    for (path, body, status, kind, word) in [
        ("mine", json!({"channel": "slack", "target": "https://example.com/x"}), 409, "no-person", "--team"),
        ("rules", json!({"channel": "email", "target": "a@example.org"}), 409, "no-mail", "notifications.smtp"),
        ("rules", json!({"channel": "pigeon", "target": "x"}), 422, "invalid-notification", "email, slack, webhook"),
        ("rules", json!({"channel": "slack"}), 422, "invalid-notification", "a URL is needed"),
        (
            "rules",
            json!({"channel": "slack", "target": "http://10.0.0.1/x"}),
            422,
            "invalid-notification",
            "webhooks.allow",
        ),
        ("rules", json!({"channel": "slack", "target": "file:///etc/passwd"}), 422, "invalid-notification", "http"),
        (
            "rules",
            json!({"channel": "slack", "target": "http://127.0.0.1/", "on": ["test"]}),
            422,
            "invalid-notification",
            "failure, approval, drift",
        ),
        (
            "rules",
            json!({"channel": "slack", "target": "http://127.0.0.1/", "digest_s": 86401}),
            422,
            "invalid-notification",
            "a day",
        ),
    ] {
        let (answered, said, detail) = refused(path, body.clone()).await?;
        assert_eq!((answered, &said), (status, &json!(format!("/problems/{kind}"))), "{body}: {detail}");
        assert!(detail.contains(word), "{body}: {detail}");
    }
    // A viewer has rules of their own, and makes none for the team.
    let eve = person(&stack, "eve", &["viewer"], &["default"]).await?;
    let body = json!({"channel": "slack", "target": "http://127.0.0.1/x", "team": "default"});
    assert_eq!(eve.post("/api/notifications/rules", &body).await?.status.as_u16(), 403);
    let own = json!({"channel": "slack", "target": "http://127.0.0.1/x"});
    assert_eq!(eve.post("/api/notifications/mine", &own).await?.status.as_u16(), 201);
    let entries = stack.client.get("/api/audit?action=notification.create").await?;
    assert_eq!(entries["items"][0]["after"]["target"], "http://127.0.0.1/…", "{entries}");
    // A robot has none of its own either.
    let robot = api_key::NewKey {
        roles: vec![Role::Developer],
        teams: vec!["default".into()],
        name: "robot".into(),
        created_by: "test".into(),
        ..api_key::NewKey::default()
    };
    let (_, key) = api_key::create(&stack.pool, &robot).await?;
    let robot = Client::new(stack.client.base(), &key)?;
    assert_eq!(robot.post("/api/notifications/mine", &own).await?.status.as_u16(), 409);
    stack.finish().await
}
