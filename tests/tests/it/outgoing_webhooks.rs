//! Webhooks that Slipway sends, to receivers on real sockets.
use std::{
    collections::HashSet,
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::{Value, json};
use shared::{
    config::{Config, SecretKey},
    domain::access::Role,
    outgoing::{Client as Outgoing, HeaderMap, OutgoingError, Policy, Resolve, Secret, signature},
    secrets::keyring,
    store::api_key,
};
use tests::{
    client::Client,
    receiver::{Received, Receiver, status},
    score::Score,
    stack::{Options, Stack},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

const MINUTE: Duration = Duration::from_secs(60);

/// Receivers are on this machine, and take part in seconds.
fn configure(config: &mut Config) {
    config.webhooks.allow = vec!["127.0.0.0/8".parse().unwrap()];
    config.webhooks.plain_http = true;
    config.webhooks.timeout_s = 2;
    config.webhooks.backoff_s = 1;
    config.webhooks.source = Some("https://slipway.example.org".into());
}

fn without_workers() -> Options {
    Options { workers: 0, configure, ..Options::scripted() }
}

async fn add(client: &Client, body: &Value) -> anyhow::Result<(String, Secret)> {
    let made = client.post("/api/webhooks", body).await?.ok()?;
    let secret = made["secret"].as_str().context("a new webhook without a secret")?.parse()?;
    Ok((made["id"].as_str().context("a webhook without an id")?.to_owned(), secret))
}

/// Whether a receiver that knows the secret takes this for genuine.
fn is_signed(request: &Received, secret: &Secret) -> bool {
    let timestamp: i64 = request.header("webhook-timestamp").parse().unwrap_or_default();
    let expected = signature(&[secret], request.header("webhook-id"), timestamp, &request.body);
    request.header("webhook-signature").split(' ').any(|one| one == expected)
}

async fn deliveries(client: &Client, id: &str) -> anyhow::Result<Vec<Value>> {
    let page = client.get(&format!("/api/webhooks/{id}/deliveries?limit=200")).await?;
    page["items"].as_array().cloned().context("a page without items")
}

async fn change(client: &Client, method: Method, path: &str, body: &Value) -> anyhow::Result<Value> {
    client.send(method, path, &[("content-type", "application/json")], Some(body.to_string())).await?.ok()
}

#[tokio::test]
async fn what_happens_to_a_run_is_told_once_each_in_signed_cloudevents_though_two_schedulers_are_at_it()
-> anyhow::Result<()> {
    let stack = Stack::start(Options { schedulers: 2, configure, ..Options::scripted() }).await?;
    let receiver = Receiver::start(|_, _| status(204)).await?;
    let (id, secret) =
        add(&stack.client, &json!({"url": receiver.url(), "events": ["run.*", "step.finished"]})).await?;
    let mut runs = HashSet::new();
    for _ in 0..10 {
        runs.insert(stack.client.execute("no-op", &json!({})).await?);
    }
    let kinds = ["run.created", "run.claimed", "run.completed", "step.finished"];
    stack
        .until("all is told", MINUTE, async || {
            let all = receiver.received();
            let told = |kind: &str| all.iter().filter(|it| it.json()["slipwaytype"] == kind).count();
            Ok(kinds.iter().all(|kind| told(kind) >= runs.len()).then_some(()))
        })
        .await?;
    // That a delivery was taken is noted after the receiver has answered.
    stack
        .until("all deliveries are over", MINUTE, async || {
            let all = deliveries(&stack.client, &id).await?;
            Ok(all.iter().all(|it| it["status"] != "pending").then_some(()))
        })
        .await?;
    let received = receiver.received();
    let ids: HashSet<&str> = received.iter().map(|it| it.header("webhook-id")).collect();
    assert_eq!(ids.len(), received.len(), "an event was told twice, or two under one id");
    let told = |kind: &str| received.iter().filter(|it| it.json()["slipwaytype"] == kind).count();
    for kind in kinds {
        assert_eq!(told(kind), runs.len(), "{kind}");
    }
    for request in &received {
        assert!(is_signed(request, &secret), "{request:?}");
        assert!(!is_signed(request, &Secret::random()));
        assert_eq!(request.header("content-type"), "application/cloudevents+json; charset=utf-8");
    }
    let end = received.iter().map(Received::json).find(|it| it["slipwaytype"] == "run.completed").unwrap();
    assert_eq!(end["specversion"], "1.0");
    assert_eq!(end["type"], "dev.cdevents.pipelinerun.finished.0.2.0");
    assert_eq!(end["source"], "https://slipway.example.org");
    assert_eq!(end["slipwayteam"], "default");
    assert_eq!(end["data"]["subject"]["content"]["outcome"], "success");
    assert!(runs.contains(end["data"]["subject"]["id"].as_str().unwrap()), "{end}");
    // The deliveries are shown, with what came back.
    let shown = deliveries(&stack.client, &id).await?;
    assert!(shown.iter().all(|it| it["status"] == "delivered" && it["attempts"] == 1), "{shown:?}");
    let one = stack.client.get(&format!("/api/webhooks/{id}/deliveries/{}", shown[0]["id"].as_str().unwrap())).await?;
    assert_eq!(one["tries"][0]["response_status"], 204);
    assert_eq!(one["tries"][0]["request_headers"]["webhook-signature"], "***");
    assert_eq!(one["payload"]["specversion"], "1.0");
    // What was shown once is shown no more.
    let again = stack.client.get(&format!("/api/webhooks/{id}")).await?;
    assert_eq!(again.get("secret"), None);
    stack.finish().await
}

#[tokio::test]
async fn a_delivery_that_is_not_taken_is_tried_again_under_its_id_when_the_receiver_asks_for_it() -> anyhow::Result<()>
{
    let stack = Stack::start(without_workers()).await?;
    let receiver = Receiver::start(|before, _| match before {
        0 => status(500),
        1 => "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".into(),
        _ => "HTTP/1.1 429 Slow\r\nretry-after: 3600\r\nset-cookie: a=b\r\ncontent-length: 4\r\n\r\nlate".into(),
    })
    .await?;
    let (id, _) = add(&stack.client, &json!({"url": receiver.url(), "events": ["nothing.at_all"]})).await?;
    let test = stack.client.post(&format!("/api/webhooks/{id}/test"), &Value::Null).await?;
    assert_eq!(test.status.as_u16(), 202, "{}", test.body);
    let delivery = test.body["id"].as_str().unwrap().to_owned();
    let path = format!("/api/webhooks/{id}/deliveries/{delivery}");
    let shown = stack
        .until("it was tried three times", MINUTE, async || {
            let shown = stack.client.get(&path).await?;
            Ok((shown["tries"].as_array().map(Vec::len) >= Some(3)).then_some(shown))
        })
        .await?;
    assert!(receiver.received().iter().all(|it| it.header("webhook-id") == delivery));
    assert_eq!(receiver.received()[0].json()["slipwaytype"], "webhook.test");
    assert_eq!(shown["status"], "pending");
    assert_eq!(shown["tries"][0]["error"], "it answered 500 Internal Server Error");
    let redirected = "it answered 302 Found: redirects are not followed; give the endpoint the new URL";
    assert_eq!(shown["tries"][1]["error"], redirected);
    assert_eq!(shown["tries"][2]["response_body"], "late");
    assert_eq!(shown["tries"][2]["response_headers"]["set-cookie"], "***");
    let (last, next) = (moment(&shown["tries"][2]["at"])?, moment(&shown["next_attempt_at"])?);
    assert!(next.signed_duration_since(last).num_seconds() >= 3590, "{shown:#}");
    // A person need not wait that long, nor send what is still tried.
    let refused = stack.client.post(&format!("{path}/redeliver"), &Value::Null).await?;
    assert_eq!((refused.status.as_u16(), &refused.body["type"]), (409, &json!("/problems/delivery-pending")));
    stack.finish().await
}

fn moment(value: &Value) -> anyhow::Result<DateTime<Utc>> {
    Ok(value.as_str().context("no moment")?.parse()?)
}

#[tokio::test]
async fn an_endpoint_that_is_gone_or_never_takes_anything_is_disabled_and_this_is_told() -> anyhow::Result<()> {
    let options = Options {
        workers: 0,
        configure: |config| {
            configure(config);
            config.webhooks.disable_after_s = 2;
        },
        ..Options::scripted()
    };
    let stack = Stack::start(options).await?;
    let (gone, failing) = (Receiver::start(|_, _| status(410)).await?, Receiver::start(|_, _| status(503)).await?);
    let watching = Receiver::start(|_, _| status(200)).await?;
    add(&stack.client, &json!({"url": watching.url(), "events": ["webhook.*"]})).await?;
    for (receiver, reason) in [(&gone, "gone: it answered 410"), (&failing, "failing: no delivery has succeeded since")]
    {
        let (id, _) = add(&stack.client, &json!({"url": receiver.url()})).await?;
        stack.client.post(&format!("/api/webhooks/{id}/test"), &Value::Null).await?.ok()?;
        let endpoint = stack
            .until("the endpoint is disabled", MINUTE, async || {
                let endpoint = stack.client.get(&format!("/api/webhooks/{id}")).await?;
                Ok((endpoint["status"] == "disabled").then_some(endpoint))
            })
            .await?;
        assert!(endpoint["disabled_reason"].as_str().unwrap().starts_with(reason), "{endpoint}");
        let refused = stack.client.post(&format!("/api/webhooks/{id}/test"), &Value::Null).await?;
        assert_eq!((refused.status.as_u16(), &refused.body["type"]), (409, &json!("/problems/webhook-disabled")));
        let told = stack
            .until("it is told", MINUTE, async || {
                let told =
                    watching.received().iter().map(Received::json).find(|it| it["data"]["data"]["webhook"] == *id);
                Ok(told)
            })
            .await?;
        assert_eq!(told["type"], "dev.slipway.webhook.disabled");
        let entries = stack.client.get(&format!("/api/audit?object=webhook/{id}&action=webhook.disable")).await?;
        assert_eq!(entries["items"][0]["actor_kind"], "system", "{entries}");
        // Enabled again, it begins with what happens from then on.
        let path = format!("/api/webhooks/{id}");
        let enabled = change(&stack.client, Method::PATCH, &path, &json!({"enabled": true})).await?;
        assert_eq!(enabled["status"], "enabled");
        change(&stack.client, Method::DELETE, &path, &Value::Null).await?;
    }
    stack.finish().await
}

#[tokio::test]
async fn a_delivery_under_way_in_a_scheduler_that_is_killed_is_made_by_another() -> anyhow::Result<()> {
    let mut stack = Stack::start(Options { schedulers: 2, ..without_workers() }).await?;
    // Whoever comes first waits for an answer that never comes.
    let receiver = Receiver::start(|before, _| if before == 0 { String::new() } else { status(200) }).await?;
    let (id, _) = add(&stack.client, &json!({"url": receiver.url()})).await?;
    // One sleeps, so that it is the other one.
    stack.schedulers[1].signal(Signal::SIGSTOP)?;
    stack.client.submit(&Score::new("shop").yaml()).await?.ok()?;
    stack
        .until("the first try is under way", MINUTE, async || Ok((!receiver.received().is_empty()).then_some(())))
        .await?;
    stack.schedulers[0].kill9()?;
    stack.schedulers[1].signal(Signal::SIGCONT)?;
    stack
        .until("it was taken", MINUTE, async || {
            let all = deliveries(&stack.client, &id).await?;
            Ok((!all.is_empty() && all.iter().all(|it| it["status"] == "delivered")).then_some(()))
        })
        .await?;
    let received = receiver.received();
    let first = received[0].header("webhook-id");
    assert!(received[1..].iter().any(|it| it.header("webhook-id") == first), "the delivery was lost");
    let taken: HashSet<&str> = received[1..].iter().map(|it| it.header("webhook-id")).collect();
    assert_eq!(taken.len(), received.len() - 1, "a delivery that was taken was made again");
    stack.finish().await
}

#[tokio::test]
async fn a_team_is_told_of_its_own_things_only_and_others_webhooks_are_not_there_for_it() -> anyhow::Result<()> {
    let stack = Stack::start(without_workers()).await?;
    let person = async |team: &str| -> anyhow::Result<Client> {
        let key = api_key::NewKey {
            name: format!("dev of {team}"),
            roles: vec![Role::Developer],
            teams: vec![team.to_owned()],
            created_by: "test".into(),
            ..api_key::NewKey::default()
        };
        let (_, key) = api_key::create(&stack.pool, &key).await?;
        Client::new(stack.client.base(), &key)
    };
    let (ann, bob) = (person("red").await?, person("blue").await?);
    let (red, blue, all) = (
        Receiver::start(|_, _| status(200)).await?,
        Receiver::start(|_, _| status(200)).await?,
        Receiver::start(|_, _| status(200)).await?,
    );
    let (of_red, _) = add(&ann, &json!({"url": red.url(), "events": ["application.submitted"]})).await?;
    add(&bob, &json!({"url": blue.url(), "events": ["application.submitted"]})).await?;
    add(&stack.client, &json!({"url": all.url(), "events": ["application.submitted"]})).await?;
    ann.submit(&Score::new("rose").yaml()).await?.ok()?;
    bob.submit(&Score::new("sky").yaml()).await?.ok()?;
    stack.until("both are told", MINUTE, async || Ok((all.received().len() == 2).then_some(()))).await?;
    stack
        .until("each is told", MINUTE, async || {
            Ok((!red.received().is_empty() && !blue.received().is_empty()).then_some(()))
        })
        .await?;
    let applications = |receiver: &Receiver| {
        receiver.received().iter().map(|it| it.json()["data"]["application"].clone()).collect::<Vec<_>>()
    };
    assert_eq!((applications(&red), applications(&blue)), (vec![json!("rose")], vec![json!("sky")]));
    // Another team's is as one that is not there.
    let foreign = bob.send(Method::GET, &format!("/api/webhooks/{of_red}"), &[], None).await?;
    let missing = bob.send(Method::GET, "/api/webhooks/00000000-0000-7000-8000-000000000000", &[], None).await?;
    assert_eq!((foreign.status.as_u16(), missing.status.as_u16()), (404, 404));
    assert_eq!(foreign.body["detail"], format!("there is no webhook '{of_red}'"));
    let seen = bob.get("/api/webhooks").await?;
    assert_eq!(seen["items"].as_array().unwrap().len(), 1, "{seen}");
    let for_others = bob.post("/api/webhooks", &json!({"url": blue.url(), "team": "red"})).await?;
    assert_eq!(for_others.status.as_u16(), 403, "{}", for_others.body);
    stack.finish().await
}

#[tokio::test]
async fn while_a_secret_is_changed_receivers_with_either_take_deliveries_for_genuine() -> anyhow::Result<()> {
    static KEY: Mutex<Option<PathBuf>> = Mutex::new(None);
    let key = tempfile::NamedTempFile::new()?;
    std::fs::write(key.path(), keyring::new_key().as_bytes())?;
    *KEY.lock().unwrap() = Some(key.path().to_owned());
    let options = Options {
        configure: |config| {
            configure(config);
            let file = KEY.lock().unwrap().clone();
            config.secrets.keys = vec![SecretKey { id: "main".into(), file, ..SecretKey::default() }];
        },
        ..without_workers()
    };
    let stack = Stack::start(options).await?;
    let receiver = Receiver::start(|_, _| status(200)).await?;
    let (id, old) = add(&stack.client, &json!({"url": receiver.url(), "events": ["nothing.at_all"]})).await?;
    let send = async |count: usize| {
        stack.client.post(&format!("/api/webhooks/{id}/test"), &Value::Null).await?.ok()?;
        stack
            .until("it arrives", MINUTE, async || Ok((receiver.received().len() == count).then(|| receiver.received())))
            .await
            .and_then(|all| all.last().cloned().context("nothing"))
    };
    let rotate = async |hours: u32| -> anyhow::Result<Secret> {
        let body = json!({ "overlap_hours": hours });
        let rotated = stack.client.post(&format!("/api/webhooks/{id}/rotate"), &body).await?.ok()?;
        Ok(rotated["secret"].as_str().context("no secret")?.parse()?)
    };
    let new = rotate(24).await?;
    let request = send(1).await?;
    assert!(is_signed(&request, &old) && is_signed(&request, &new));
    let newest = rotate(0).await?;
    let request = send(2).await?;
    assert!(is_signed(&request, &newest) && !is_signed(&request, &new) && !is_signed(&request, &old));
    // Who reads the rows learns nothing of it.
    let stored: String = sqlx::query_scalar("SELECT secret FROM webhook_endpoint").fetch_one(&stack.pool).await?;
    assert!(!stored.contains("whsec_"), "{stored}");
    // The same URL twice would tell everything twice.
    let twice = stack.client.post("/api/webhooks", &json!({"url": receiver.url()})).await?;
    assert_eq!((twice.status.as_u16(), &twice.body["webhook"]), (409, &json!(id)));
    let unknown = stack.client.post("/api/webhooks", &json!({"url": receiver.url(), "events": ["*"]})).await?;
    assert_eq!(unknown.body["errors"][0]["path"], "/events/0", "{}", unknown.body);
    stack.finish().await
}

#[tokio::test]
async fn over_tls_only_a_receiver_that_shows_to_be_itself_is_sent_anything() -> anyhow::Result<()> {
    let made = rcgen::generate_simple_self_signed(vec!["hooks.localhost".to_owned()])?;
    let ca = tempfile::NamedTempFile::new()?;
    std::fs::write(ca.path(), made.cert.pem())?;
    let key =
        rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).map_err(anyhow::Error::msg)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)?;
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let serving = tokio::spawn(async move {
        let mut heard = Vec::new();
        for _ in 0..3 {
            let (stream, _) = listener.accept().await?;
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut part = [0; 4096];
            let Ok(read) = stream.read(&mut part).await else { continue };
            if read > 0 {
                heard.push(String::from_utf8_lossy(&part[..read]).into_owned());
                stream.write_all(status(204).as_bytes()).await?;
                stream.shutdown().await?;
            }
        }
        anyhow::Ok(heard)
    });
    let policy = Policy::public_and(&["127.0.0.1/32".parse()?], false, "webhooks.allow");
    let send = async |ca: Option<&Path>, url: String| {
        let client = Outgoing::new(policy.clone(), ca, Duration::from_secs(5), 1024)?.with_resolver(Arc::new(Here));
        anyhow::Ok(client.send(Method::POST, &url.parse()?, HeaderMap::new(), Default::default()).await)
    };
    let url = |name: &str| format!("https://{name}:{}/hook?x=1", address.port());
    // A certificate that nobody trusts; then one that is trusted, for another name.
    let unknown = send(None, url("hooks.localhost")).await?;
    assert!(matches!(unknown, Err(OutgoingError::Tls { .. })), "{unknown:?}");
    let other = send(Some(ca.path()), url("other.localhost")).await?;
    assert!(matches!(other, Err(OutgoingError::Tls { .. })), "{other:?}");
    let right = send(Some(ca.path()), url("hooks.localhost")).await??;
    assert_eq!(right.status.as_u16(), 204);
    let heard = serving.await??;
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert!(heard[0].starts_with("POST /hook?x=1 HTTP/1.1\r\n"), "{heard:?}");
    Ok(())
}

/// Says of every name that it is this machine.
struct Here;

impl Resolve for Here {
    fn resolve(&self, _: &str) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>> {
        Box::pin(async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) })
    }
}
