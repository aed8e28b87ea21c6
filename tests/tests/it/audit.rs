//! The record of changes: nothing is missing in it, nothing can be changed in it unnoticed, and it is kept elsewhere too.
use std::{
    io::Write as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::Context as _;
use reqwest::Method;
use serde_json::{Value, json};
use shared::{
    config::{AuditSyslog, AuditWebhook, SecretSource, SyslogTransport},
    domain::{
        access::Role,
        audit::{Actor, Entry, Origin},
    },
    formats::audit_log::{Break, SignedHead, Verified, Verifier, parse_hash},
    outgoing::Secret,
    store::{api_key, audit},
};
use tests::{
    alone::Alone,
    client::Client,
    database::TestDatabase,
    receiver::{Receiver, status},
    score::Score,
    stack::{Options, Stack},
    wait,
};
use tokio::io::AsyncReadExt as _;

const MINUTE: Duration = Duration::from_secs(60);

fn without_workers() -> Options {
    Options { workers: 0, ..Options::scripted() }
}

async fn entries(client: &Client, query: &str) -> anyhow::Result<Vec<Value>> {
    let page = client.get(&format!("/api/audit?limit=500&{query}")).await?;
    page["items"].as_array().cloned().context("a page without items")
}

async fn export(client: &Client) -> anyhow::Result<Vec<Value>> {
    let answer = client.send(Method::GET, "/api/audit/export", &[], None).await?.ok()?;
    let text = match answer {
        Value::String(text) => text,
        Value::Null => String::new(),
        // One line alone is JSON as a whole.
        other => other.to_string(),
    };
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

fn verify(lines: &[Value], mut verifier: Verifier) -> Result<Verified, Break> {
    for line in lines {
        verifier.feed(line)?;
    }
    verifier.finish()
}

#[tokio::test]
async fn every_change_is_recorded_with_who_from_where_what_before_and_after() -> anyhow::Result<()> {
    let stack = Stack::start(without_workers()).await?;
    let headers = [("content-type", "application/yaml"), ("x-request-id", "my-request-1"), ("user-agent", "test/1")];
    let yaml = Score::new("shop").resource("db", "scripted", &json!({"password": "hunter2"})).yaml();
    stack.client.send(Method::POST, "/api/specs", &headers, Some(yaml.clone())).await?.ok()?;
    // The same again changes nothing.
    stack.client.submit(&yaml).await?.ok()?;
    let put = |path: &'static str, body: Value| {
        let client = stack.client.clone();
        async move {
            let json = [("content-type", "application/json")];
            client.send(Method::PUT, path, &json, Some(body.to_string())).await?.ok()
        }
    };
    put("/api/specs/shop/ttl", json!({"ttl": "8h"})).await?;
    put("/api/specs/shop/protection", json!({"protected": true})).await?;
    put("/api/specs/shop/protection", json!({"protected": false})).await?;
    stack.client.send(Method::DELETE, "/api/specs/shop", &[], None).await?.ok()?;
    let run = stack.client.execute("no-op", &json!({})).await?;
    stack.client.post(&format!("/api/workflows/{run}/cancel"), &json!({"reason": "not today"})).await?.ok()?;

    let of_shop = entries(&stack.client, "object=application/shop").await?;
    let actions: Vec<&str> = of_shop.iter().rev().filter_map(|it| it["action"].as_str()).collect();
    let expected = [
        "application.submit",
        "application.extend",
        "application.protect",
        "application.protect",
        "application.delete",
    ];
    assert_eq!(actions, expected);
    let submitted = of_shop.last().unwrap();
    assert_eq!(submitted["request_id"], "my-request-1");
    assert_eq!(submitted["address"], "127.0.0.1");
    assert_eq!(submitted["agent"], "test/1");
    assert_eq!((&submitted["actor"], &submitted["actor_kind"]), (&json!("test"), &json!("key")));
    assert_eq!(submitted["credential"], format!("key/{}", submitted["actor_id"].as_str().unwrap()));
    assert_eq!((&submitted["team"], &submitted["outcome"]), (&json!("default"), &json!("done")));
    assert_eq!(submitted["after"]["changes"]["create"], json!(["db"]));
    let extended = &of_shop[3];
    assert_eq!(extended["before"]["expires_at"], Value::Null);
    assert!(extended["after"]["expires_at"].is_string());
    let of_run = entries(&stack.client, &format!("object=run/{run}")).await?;
    assert_eq!((&of_run[0]["action"], &of_run[0]["after"]["reason"]), (&json!("run.cancel"), &json!("not today")));
    assert_eq!((&of_run[1]["action"], &of_run[1]["team"]), (&json!("golden_path.run"), &json!("default")));

    let all = entries(&stack.client, "").await?;
    assert!(!json!(all).to_string().contains("hunter2"), "{all:?}");
    assert_eq!(entries(&stack.client, "action=application.*&actor=test").await?.len(), 5);
    assert_eq!(entries(&stack.client, "object=run/*").await?.len(), 2);
    assert_eq!(entries(&stack.client, "actor=nobody").await?.len(), 0);
    let of_test = entries(&stack.client, "actor=test").await?;
    let id = of_test[0]["actor_id"].as_str().unwrap();
    assert_eq!(entries(&stack.client, &format!("actor={id}")).await?, of_test);
    let nobody = "actor=0198c1a2-7d3e-7000-8000-000000000001";
    assert_eq!(entries(&stack.client, nobody).await?.len(), 0);
    assert_eq!(entries(&stack.client, "until=2020-01-01T00:00:00Z").await?.len(), 0);
    // Page by page, the same.
    let first = stack.client.get("/api/audit?limit=3").await?;
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = stack.client.get(&format!("/api/audit?limit=500&cursor={cursor}")).await?;
    let ids = |page: &Value| page["items"].as_array().unwrap().iter().map(|it| it["id"].clone()).collect::<Vec<_>>();
    assert_eq!([ids(&first), ids(&second)].concat(), all.iter().map(|it| it["id"].clone()).collect::<Vec<_>>());
    stack.finish().await
}

#[tokio::test]
async fn a_refused_action_is_recorded_once_a_minute_for_each_that_was_tried() -> anyhow::Result<()> {
    let alone = Alone::start(|_| {}).await?;
    alone.client.submit(&Score::new("shop").yaml()).await?.ok()?;
    let viewer = api_key::NewKey {
        name: "looker".into(),
        roles: vec![Role::Viewer],
        teams: vec!["default".into()],
        created_by: "test".into(),
        ..api_key::NewKey::default()
    };
    let (_, key) = api_key::create(&alone.database.pool, &viewer).await?;
    let viewer = Client::new(&alone.url, &key)?;
    for _ in 0..5 {
        let refused = viewer.send(Method::DELETE, "/api/specs/shop", &[], None).await?;
        assert_eq!(refused.status.as_u16(), 403, "{}", refused.body);
    }
    let refusals = entries(&alone.client, "outcome=refused&actor=looker").await?;
    // The minute may change in between.
    assert!((1..=2).contains(&refusals.len()), "{refusals:?}");
    assert_eq!(refusals[0]["action"], "application.delete");
    assert_eq!(refusals[0]["object"], "application/shop");
    assert_eq!(refusals[0]["after"]["refused"], "forbidden");
    Ok(())
}

#[tokio::test]
async fn neither_rows_nor_chain_can_be_changed_not_even_by_their_owner() -> anyhow::Result<()> {
    let database = TestDatabase::create().await?;
    audit::append(&database.pool, &entry(1)).await?;
    let mut tx = database.store.begin().await?;
    audit::chain::extend(&mut tx, 10).await?;
    tx.commit().await?;
    for (table, column) in [("audit_entry", "team"), ("audit_chain", "seq")] {
        for statement in [
            format!("UPDATE {table} SET {column} = {column}"),
            format!("DELETE FROM {table}"),
            format!("DELETE FROM {table} WHERE false"),
            format!("TRUNCATE {table} CASCADE"),
        ] {
            for role in ["origin", "replica"] {
                let mut tx = database.pool.begin().await?;
                let triggers = format!("SET LOCAL session_replication_role = {role}");
                sqlx::query(sqlx::AssertSqlSafe(triggers)).execute(&mut *tx).await?;
                let error = sqlx::query(sqlx::AssertSqlSafe(statement.clone())).execute(&mut *tx).await.unwrap_err();
                assert!(error.to_string().contains("is append-only"), "{statement} as {role}: {error}");
            }
        }
    }
    Ok(())
}

fn entry(number: usize) -> Entry {
    Entry::done(Actor::system("test"), Origin::default(), "test.record", format!("thing/{number}"))
        .after(json!({"number": number, "figure": number as f64 / 7.0}))
}

#[tokio::test]
async fn entries_that_commit_in_any_order_are_each_chained_once_by_any_number_of_schedulers() -> anyhow::Result<()> {
    let database = Arc::new(TestDatabase::create().await?);
    let writers: Vec<_> = (0..6)
        .map(|writer| {
            let database = database.clone();
            tokio::spawn(async move {
                for number in 0..40 {
                    let mut tx = database.store.begin().await?;
                    audit::record(&mut tx, &entry(writer * 1000 + number)).await?;
                    // Some take their time before they commit, and some never do.
                    tokio::time::sleep(Duration::from_millis(rand::random_range(0..12))).await;
                    if number % 5 == 4 { tx.rollback().await? } else { tx.commit().await? }
                }
                anyhow::Ok(())
            })
        })
        .collect();
    let chainers: Vec<_> = (0..2)
        .map(|_| {
            let database = database.clone();
            tokio::spawn(async move {
                loop {
                    let mut tx = database.store.begin().await?;
                    let done = audit::chain::extend(&mut tx, 7).await?;
                    tx.commit().await?;
                    if done.is_some_and(|(head, chained)| chained == 0 && head.seq == 6 * 32) {
                        return anyhow::Ok(());
                    }
                    tokio::time::sleep(Duration::from_millis(3)).await;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await??;
    }
    for chainer in chainers {
        tokio::time::timeout(MINUTE, chainer).await.context("entries are missing in the chain")???;
    }
    assert_eq!(audit::chain::waiting(&database.pool).await?, 0);
    let rows = audit::after(&database.pool, 0, 1000).await?;
    let lines: Vec<Value> = rows.iter().map(|row| serde_json::to_value(row).unwrap()).collect();
    let verified = verify(&lines, Verifier::new()).unwrap();
    assert_eq!((verified.first, verified.last), (1, 192));
    Ok(())
}

#[tokio::test]
async fn an_entry_that_was_changed_behind_the_triggers_is_found_and_so_is_an_end_that_was_cut_off() -> anyhow::Result<()>
{
    let stack = Stack::start(without_workers()).await?;
    for name in ["one", "two", "three"] {
        stack.client.submit(&Score::new(name).yaml()).await?.ok()?;
    }
    let head = stack
        .until("all is chained", MINUTE, async || {
            let head = stack.client.get("/api/audit/head").await?;
            Ok((head["unchained"] == 0 && head["seq"].as_i64() >= Some(3)).then_some(head))
        })
        .await?;
    let noted = (head["seq"].as_i64().unwrap(), parse_hash(head["hash"].as_str().unwrap()).unwrap());
    let with_head = || Verifier::new().with_head(noted.0, noted.1);
    let whole = export(&stack.client).await?;
    assert_eq!(verify(&whole, with_head()).unwrap().heads, 1);

    let alter = async |sql: &'static str| {
        let mut tx = stack.pool.begin().await?;
        for table in ["audit_entry", "audit_chain"] {
            sqlx::query(sqlx::AssertSqlSafe(format!("ALTER TABLE {table} DISABLE TRIGGER append_only")))
                .execute(&mut *tx)
                .await?;
        }
        sqlx::query(sql).execute(&mut *tx).await?;
        tx.commit().await?;
        anyhow::Ok(())
    };
    alter("UPDATE audit_entry SET actor_name = 'somebody else' WHERE object = 'application/two'").await?;
    let broken = verify(&export(&stack.client).await?, with_head()).unwrap_err();
    assert!(matches!(broken, Break::Altered { seq: 2, .. }), "{broken}");
    alter("UPDATE audit_entry SET actor_name = 'test' WHERE object = 'application/two'").await?;
    assert!(verify(&export(&stack.client).await?, with_head()).is_ok());
    // Both at once, so that the scheduler does not chain the entry again in between.
    alter(
        "WITH gone AS (DELETE FROM audit_chain WHERE seq = (SELECT max(seq) FROM audit_chain) RETURNING entry_id)
         DELETE FROM audit_entry WHERE id IN (SELECT entry_id FROM gone)",
    )
    .await?;
    let cut = verify(&export(&stack.client).await?, with_head());
    assert_eq!(cut, Err(Break::CutOff { last: noted.0 - 1, noted: noted.0 }));
    // Without the head nobody would know.
    assert!(verify(&export(&stack.client).await?, Verifier::new()).is_ok());
    stack.finish().await
}

#[tokio::test]
async fn the_log_of_the_scheduler_tells_heads_that_are_signed() -> anyhow::Result<()> {
    let seed = tempfile::NamedTempFile::new()?;
    writeln!(seed.as_file(), "{}", "5a".repeat(32))?;
    let path: &'static std::path::Path = Box::leak(seed.path().to_owned().into_boxed_path());
    static KEY: Mutex<Option<&'static std::path::Path>> = Mutex::new(None);
    *KEY.lock().unwrap() = Some(path);
    let options = Options {
        configure: |config| {
            config.audit.signing_key = KEY.lock().unwrap().map(|path| SecretSource::File(path.to_owned()));
            config.audit.head_every_s = 0;
        },
        ..without_workers()
    };
    let stack = Stack::start(options).await?;
    stack.client.submit(&Score::new("shop").yaml()).await?.ok()?;
    let told = stack
        .until("a head is told", MINUTE, async || {
            let log = stack.schedulers[0].last_words();
            let head = log.lines().find_map(|line| line.split_once("audit head ")).map(|(_, rest)| rest.to_owned());
            Ok(head)
        })
        .await?;
    let told: SignedHead = serde_json::Deserializer::from_str(&told).into_iter().next().context("no head")??;
    let head: SignedHead = serde_json::from_value(stack.client.get("/api/audit/head").await?)?;
    let key = head.key.clone().context("the head is not signed")?;
    assert_eq!(told.verify(&key), Ok(()));
    assert_eq!(head.verify(&key), Ok(()));
    assert!(SignedHead { seq: told.seq + 1, ..told }.verify(&key).is_err());
    stack.finish().await
}

#[tokio::test]
async fn every_entry_reaches_the_webhook_and_the_syslog_server_in_order_though_both_fail_at_first() -> anyhow::Result<()>
{
    static TARGETS: Mutex<Option<(String, String, std::path::PathBuf)>> = Mutex::new(None);
    let secret = Secret::random();
    let file = tempfile::NamedTempFile::new()?;
    write!(file.as_file(), "{}", secret.to_text())?;
    let webhook = Receiver::start(|before, _| status(if before == 0 { 500 } else { 200 })).await?;
    let syslog = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    *TARGETS.lock().unwrap() = Some((webhook.url(), syslog.local_addr()?.to_string(), file.path().to_owned()));
    let messages = Arc::new(Mutex::new(String::new()));
    let noted = messages.clone();
    let server = tokio::spawn(async move {
        for number in 0.. {
            let (mut stream, _) = syslog.accept().await?;
            if number == 0 {
                // Gone before it has read anything.
                stream.set_zero_linger()?;
                continue;
            }
            let mut text = String::new();
            stream.read_to_string(&mut text).await?;
            noted.lock().unwrap().push_str(&text);
        }
        anyhow::Ok(())
    });
    let options = Options {
        configure: |config| {
            let (url, address, secret) = TARGETS.lock().unwrap().clone().unwrap();
            config.audit.webhook = Some(AuditWebhook { url, secret: SecretSource::File(secret), ca_file: None });
            config.audit.syslog = Some(AuditSyslog { address, transport: SyslogTransport::Tcp, ca_file: None });
        },
        ..without_workers()
    };
    let stack = Stack::start(options).await?;
    for number in 0..5 {
        stack.client.submit(&Score::new(&format!("shop-{number}")).yaml()).await?.ok()?;
    }
    wait::until("all five are taken at both", MINUTE, async || {
        let taken: Vec<Value> = webhook.received().iter().skip(1).flat_map(|it| lines(&it.body)).collect();
        let at_syslog = messages.lock().unwrap().matches("application.submit [audit@32473 seq=").count();
        Ok((taken.len() >= 5 && at_syslog >= 5).then_some(()))
    })
    .await?;
    let taken: Vec<Value> = webhook.received().iter().skip(1).flat_map(|it| lines(&it.body)).collect();
    let numbers: Vec<i64> = taken.iter().filter_map(|it| it["seq"].as_i64()).collect();
    let mut in_order = numbers.clone();
    in_order.dedup();
    assert!(in_order.is_sorted(), "{numbers:?}");
    assert_eq!(verify(&taken, Verifier::new()).unwrap().first, 1);
    let text = messages.lock().unwrap().clone();
    assert!(text.contains("<110>1 "), "{text}");
    assert!(text.contains("object=\"application/shop-4\""), "{text}");
    server.abort();
    stack.finish().await
}

fn lines(body: &[u8]) -> Vec<Value> {
    String::from_utf8_lossy(body).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
