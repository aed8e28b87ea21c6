//! The `bucket` provider, with real containers and a real object store.

use std::time::Duration;

use anyhow::Context as _;
use object_store::{ObjectStore as _, ObjectStoreExt as _, path::Path};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{
    buckets,
    score::Score,
    settled::assert_settled,
    stack::{Options, Stack},
};

const MINUTE: Duration = Duration::from_secs(60);

fn with_buckets() -> Options {
    Options { buckets: true, ..Options::default() }
}

fn text<'a>(value: &'a Value, name: &str) -> anyhow::Result<&'a str> {
    value[name].as_str().with_context(|| format!("no text '{name}' in {value:#}"))
}

/// The outputs of an active resource, secrets too.
async fn outputs(stack: &Stack, application: &str, name: &str) -> anyhow::Result<Value> {
    let resource = stack.resource_becomes(application, name, "active").await?;
    let revealed = stack.client.get(&format!("/api/resources/{}?reveal=true", text(&resource, "id")?)).await?;
    Ok(revealed["outputs"].clone())
}

#[tokio::test]
async fn a_bucket_keeps_objects_for_its_own_key_and_for_no_other_through_a_crash_and_an_update() -> anyhow::Result<()> {
    let mut stack = Stack::start(with_buckets()).await?;
    let score = Score::new("gallery")
        .resource("pictures", "bucket", &json!({"versioning": true, "labels": {"team": "design"}}))
        .resource("sounds", "s3", &json!({}));
    stack.client.submit(&score.yaml()).await?.ok()?;
    let (pictures, sounds) =
        (outputs(&stack, "gallery", "pictures").await?, outputs(&stack, "gallery", "sounds").await?);
    assert_eq!((&pictures["versioning"], &sounds["versioning"]), (&json!(true), &json!(false)));
    let shown = stack.client.resource("gallery", "pictures").await?.context("no pictures")?;
    assert_eq!(shown["outputs"]["secret_access_key"], "***");

    let (own, other) = (text(&pictures, "bucket")?, text(&sounds, "bucket")?);
    let (file, store) = (Path::from("2026/one.txt"), buckets::open(&pictures, own)?);
    store.put(&file, "a picture".into()).await?;
    assert_eq!(store.get(&file).await?.bytes().await?, "a picture");

    let intruder = buckets::open(&sounds, own)?;
    assert!(intruder.get(&file).await.is_err() && intruder.put(&file, "mine".into()).await.is_err());
    assert!(intruder.list_with_delimiter(None).await.is_err());
    assert!(buckets::open(&pictures, other)?.put(&file, "mine".into()).await.is_err());
    assert!(buckets::open(&pictures, "slipway-keys")?.list_with_delimiter(None).await.is_err(), "the keys can be read");
    let mut forged = pictures.clone();
    forged["secret_access_key"] = json!("guessed");
    assert!(buckets::open(&forged, own)?.get(&file).await.is_err());

    let run = stack.client.logs(text(&shown, "last_run_id")?).await?;
    assert!(!run.contains(text(&pictures, "secret_access_key")?), "{run}");

    stack.buckets.as_mut().context("no store")?.kill9_and_start_again().await?;
    // It turns strangers away before it knows again where its data are.
    let kept = stack.until("the object can be read again", MINUTE, async || Ok(store.get(&file).await.ok())).await?;
    assert_eq!(kept.bytes().await?, "a picture", "what was confirmed is gone");
    assert!(intruder.get(&file).await.is_err());

    let changed = Score::new("gallery").resource("pictures", "bucket", &json!({"versioning": false})).resource(
        "sounds",
        "s3",
        &json!({}),
    );
    stack.client.submit(&changed.yaml()).await?.ok()?;
    let after = stack
        .until("the bucket keeps no more versions", MINUTE, async || {
            let after = outputs(&stack, "gallery", "pictures").await?;
            Ok((after["versioning"] == false).then_some(after))
        })
        .await?;
    assert_eq!(after["secret_access_key"], pictures["secret_access_key"], "an update took the key away");
    assert_eq!(store.get(&file).await?.bytes().await?, "a picture");
    assert_settled(&stack, &["gallery".into()]).await?;
    stack.finish().await
}

#[tokio::test]
async fn a_bucket_with_objects_is_not_deleted_unless_that_is_asked_for() -> anyhow::Result<()> {
    let stack = Stack::start(with_buckets()).await?;
    let score = Score::new("vault").resource("kept", "bucket", &json!({})).resource(
        "scratch",
        "bucket",
        &json!({"delete_objects": true, "versioning": true}),
    );
    stack.client.submit(&score.yaml()).await?.ok()?;
    let (kept, scratch) = (outputs(&stack, "vault", "kept").await?, outputs(&stack, "vault", "scratch").await?);
    let file = Path::from("letter");
    let store = buckets::open(&kept, text(&kept, "bucket")?)?;
    store.put(&file, "dear".into()).await?;
    let versioned = buckets::open(&scratch, text(&scratch, "bucket")?)?;
    versioned.put(&file, "note".into()).await?;
    versioned.put(&file, "another".into()).await?;

    let deleted = stack.client.send(Method::DELETE, "/api/specs/vault", &[], None).await?;
    assert!(deleted.status.is_success(), "{:#}", deleted.body);
    let refused = stack.resource_becomes("vault", "kept", "failed").await?;
    let message = text(&refused, "error_message")?;
    assert!(
        message.contains("not empty") && message.contains("letter") && message.contains("delete_objects"),
        "{message}"
    );
    let run = stack.client.run(text(&refused, "last_run_id")?).await?;
    assert_eq!(run["steps"][0]["attempts"].as_array().map(Vec::len), Some(1), "a refusal was tried again");
    assert_eq!(store.get(&file).await?.bytes().await?, "dear", "a refused deletion has removed something");
    stack
        .until("the bucket that may go is gone", MINUTE, async || {
            Ok(stack.client.resource("vault", "scratch").await?.is_none().then_some(()))
        })
        .await?;
    assert!(versioned.get(&file).await.is_err());

    store.delete(&file).await?;
    let retried = stack.client.post(&format!("/api/workflows/{}/retry", text(&run, "id")?), &json!({})).await?;
    assert_eq!(retried.status, StatusCode::ACCEPTED, "{:#}", retried.body);
    stack
        .until("the application is deleted", MINUTE, async || {
            let gone = stack.client.send(Method::GET, "/api/specs/vault", &[], None).await?;
            Ok((gone.status == StatusCode::NOT_FOUND || gone.body["status"] == "deleted").then_some(()))
        })
        .await?;
    assert!(store.get(&file).await.is_err());
    assert_settled(&stack, &[]).await?;
    stack.finish().await
}
