//! The containers of an application, run by the `workload` provider: on a stand-in for Kubernetes, with real containers
//! and a real database.

#[path = "../../../worker/tests/it/step_types/cluster/mod.rs"]
#[allow(dead_code, reason = "the worker's tests use the rest")]
mod cluster;
#[path = "../../../worker/tests/it/step_types/forge.rs"]
mod forge;
#[path = "../../../worker/tests/it/step_types/server.rs"]
#[allow(dead_code, reason = "the worker's tests use the rest")]
mod server;

use std::{collections::BTreeMap, path::Path, process::Command, sync::OnceLock, time::Duration};

use anyhow::{Context as _, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use cluster::{Cluster, NAME, TOKEN};
use reqwest::Method;
use serde_json::{Value, json};
use shared::config::{Config, ProviderSettings, SecretSource};
use tests::{
    engine,
    settled::nothing_is_left,
    stack::{Options, Stack},
};

const LONG: Duration = Duration::from_secs(180);

/// What the provider is given by the test of this process.
static SETTINGS: OnceLock<ProviderSettings> = OnceLock::new();

fn configure(config: &mut Config) {
    if let Some(settings) = SETTINGS.get() {
        config.providers.insert("workload".into(), settings.clone());
    }
}

fn spec(mode: &str, files: &str) -> String {
    format!(
        "apiVersion: score.dev/v1b1
metadata: {{ name: shop, annotations: {{ slipway.dev/replicas: '2' }} }}
service: {{ ports: {{ web: {{ port: 80, targetPort: 8080 }} }} }}
containers:
  main:
    image: shop:1
    args: [\"${{HOME}}\"]
    variables: {{ MODE: {mode}, DATABASE: \"${{resources.db.uri}}\", NAME: \"${{metadata.name}}\" }}
    files: {files}
    readinessProbe: {{ httpGet: {{ path: /ready, port: 8080 }} }}
resources:
  db: {{ type: postgres }}
"
    )
}

/// Gives the provider these settings and secrets, and a way to one server of the test's.
fn set_up(folder: &Path, settings: &Value, secrets: &[(&str, &str)], name: &str, port: u16) -> anyhow::Result<()> {
    let mut given = ProviderSettings {
        settings: settings.as_object().cloned().unwrap_or_default(),
        egress: BTreeMap::from([(name.to_owned(), format!("{}:{port}", engine::bridge_address()?))]),
        ..ProviderSettings::default()
    };
    for (secret, text) in secrets {
        let file = folder.join(secret);
        std::fs::write(&file, text)?;
        given.secrets.insert((*secret).to_owned(), SecretSource::File(file));
    }
    SETTINGS.set(given).map_err(|_| anyhow::anyhow!("one test a process: run them by nextest"))
}

async fn terminated(stack: &Stack) -> anyhow::Result<()> {
    stack.client.send(Method::DELETE, "/api/specs/shop", &[], None).await?.ok()?;
    stack
        .until("shop is terminated", LONG, async || {
            Ok((stack.client.get("/api/specs/shop").await?["state"] == "terminated").then_some(()))
        })
        .await
}

async fn active(stack: &Stack) -> anyhow::Result<Value> {
    stack
        .until("shop is active", LONG, async || {
            let application = stack.client.get("/api/specs/shop").await?;
            ensure!(application["status"] != "failed", "{:#}", json!(stack.client.resources("shop").await?));
            Ok((application["status"] == "active").then_some(application))
        })
        .await
}

async fn revealed(stack: &Stack, name: &str) -> anyhow::Result<Value> {
    let resource = stack.resource_becomes("shop", name, "active").await?;
    let id = resource["id"].as_str().context("no id")?;
    stack.client.get(&format!("/api/resources/{id}?reveal=true")).await
}

#[tokio::test]
async fn containers_run_last_change_with_their_spec_and_are_gone_with_their_application() -> anyhow::Result<()> {
    let cluster = Cluster::start().await;
    let folder = tempfile::tempdir()?;
    let settings = json!({"server": format!("https://{NAME}:{}", cluster.port), "namespace": "{team}-apps"});
    let secrets = [("cluster_token", TOKEN), ("cluster_ca", cluster.ca.as_str())];
    set_up(folder.path(), &settings, &secrets, NAME, cluster.port)?;
    let stack = Stack::start(Options { tenants: true, configure, ..Options::default() }).await?;

    let file = "{ /etc/shop.conf: { content: 'mode = fast', mode: '0600' } }";
    let answer = stack.client.submit(&spec("fast", file)).await?.ok()?;
    assert_eq!(answer["notes"], json!([]), "{answer:#}");
    assert_eq!(answer["changes"]["create"], json!(["db", "workload"]));
    active(&stack).await?;

    let object = |plural: &str, name: &str| cluster.object(plural, "default-apps", name);
    let deployment = object("deployments", "shop").context("no Deployment")?;
    assert_eq!(deployment["spec"]["replicas"], 2);
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["args"], json!(["${HOME}"]), "what Score does not expand is as it was written");
    let reference = json!({"secretKeyRef": {"name": "shop-secrets", "key": "main.DATABASE"}});
    let env = json!([{"name": "DATABASE", "valueFrom": reference}, {"name": "MODE", "value": "fast"}, {"name": "NAME", "value": "shop"}]);
    assert_eq!(container["env"], env);
    let database = revealed(&stack, "db").await?;
    let uri = database["outputs"]["uri"].as_str().context("no uri")?;
    let kept = object("secrets", "shop-secrets").context("no Secret")?;
    assert_eq!(kept["data"]["main.DATABASE"], json!(STANDARD.encode(uri)));
    assert!(object("services", "shop").is_some() && object("configmaps", "shop-config").is_some());
    let workload = revealed(&stack, "workload").await?;
    assert_eq!(workload["outputs"]["url"], "http://shop.default-apps.svc:80");
    assert_eq!(workload["outputs"]["ready_replicas"], 2);
    nobody_sees(&stack, &workload, database["outputs"]["password"].as_str().context("no password")?).await?;

    // Another variable, and no file any more.
    let first = deployment["spec"]["template"]["metadata"]["annotations"]["slipway.dev/checksum"].clone();
    let answer = stack.client.submit(&spec("slow", "{}")).await?.ok()?;
    assert_eq!(answer["changes"]["update"][0]["name"], "workload", "{:#}", answer["changes"]);
    stack
        .until("the change has arrived", LONG, async || {
            let there = object("deployments", "shop").context("no Deployment")?;
            let env = &there["spec"]["template"]["spec"]["containers"][0]["env"];
            Ok((env[1]["value"] == "slow").then_some(()))
        })
        .await?;
    active(&stack).await?;
    let second = object("deployments", "shop").context("no Deployment")?;
    assert_ne!(second["spec"]["template"]["metadata"]["annotations"]["slipway.dev/checksum"], first);
    assert!(object("configmaps", "shop-config").is_none(), "what is needed no more is still there");
    // What somebody changes by hand is found, told and mended.
    cluster.alter("deployments", "default-apps", "shop", |object| object["spec"]["replicas"] = 7.into());
    let id = workload["id"].as_str().context("no id")?;
    stack.client.post(&format!("/api/resources/{id}/read"), &json!({})).await?.ok()?;
    let drifted = stack.resource_becomes("shop", "workload", "degraded").await?;
    assert!(drifted["drift"].to_string().contains(".spec.replicas"), "{drifted:#}");
    stack.client.post(&format!("/api/resources/{id}/reconcile"), &json!({})).await?.ok()?;
    active(&stack).await?;
    assert_eq!(object("deployments", "shop").context("no Deployment")?["spec"]["replicas"], 2);
    let unchanged = stack.client.submit(&spec("slow", "{}")).await?.ok()?;
    assert_eq!(unchanged["unchanged"], true);

    terminated(&stack).await?;
    for (plural, name) in [("deployments", "shop"), ("services", "shop"), ("secrets", "shop-secrets")] {
        assert!(object(plural, name).is_none(), "{plural}/{name} is still there");
    }
    let ended = "SELECT r.name FROM run JOIN resource r ON r.id = run.resource_id WHERE run.operation = 'delete' ORDER BY run.finished_at";
    let order: Vec<String> = sqlx::query_scalar(ended).fetch_all(&stack.pool).await?;
    assert_eq!(order, ["workload", "db"], "dependents go first");
    nothing_is_left(&stack).await?;
    stack.finish().await
}

/// What a dependency keeps to itself is shown by nothing that is made from it.
async fn nobody_sees(stack: &Stack, workload: &Value, secret: &str) -> anyhow::Result<()> {
    ensure!(secret.len() >= 4, "the secret is too short to be looked for");
    let (id, run) = (workload["id"].as_str().context("no id")?, workload["last_run_id"].as_str().context("no run")?);
    let pages = [
        "/api/specs/shop".to_owned(),
        "/api/specs/shop/generations/1".to_owned(),
        format!("/api/resources/{id}"),
        format!("/api/resources/{id}/graph"),
        format!("/api/resources/{id}/snapshot?at={}", chrono::Utc::now().format("%FT%TZ")),
        format!("/api/workflows/{run}"),
        format!("/api/workflows/{run}/graph"),
        "/api/graph/shop".to_owned(),
    ];
    for page in pages {
        let shown = stack.client.get(&page).await?.to_string();
        ensure!(!shown.contains(secret), "{page} shows a secret");
    }
    let logs = stack.client.logs(run).await?;
    ensure!(!logs.contains(secret), "the log shows a secret");
    let told = "SELECT count(*) FROM event WHERE strpos(data::text, $1) > 0";
    let told: i64 = sqlx::query_scalar(told).bind(secret).fetch_one(&stack.pool).await?;
    ensure!(told == 0, "{told} events show a secret");
    Ok(())
}

fn git(repository: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let output =
        Command::new("git").arg("-C").arg(repository).args(arguments).output().context("git is not installed")?;
    ensure!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

#[tokio::test]
async fn manifests_are_committed_to_a_repository_where_that_is_what_is_configured() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let repository = folder.path().join("team/apps.git");
    std::fs::create_dir_all(&repository)?;
    git(&repository, &["init", "-q", "--bare", "--initial-branch=main"])?;
    let (ca, tls) = server::tls("forge");
    let root = folder.path().to_owned();
    let port = server::serve(Some(tls), move |request| {
        let root = root.clone();
        async move { forge::backend(&root, request).await }
    })
    .await;
    let settings = json!({
        "git_host": "forge", "git_port": port, "git_repository": format!("https://forge:{port}/team/apps.git"),
        "git_folder": "clusters/one",
    });
    set_up(folder.path(), &settings, &[("git_token", forge::TOKEN), ("git_ca", &ca)], "forge", port)?;
    let stack = Stack::start(Options { tenants: true, configure, ..Options::default() }).await?;

    stack.client.submit(&spec("fast", "{ /etc/shop.conf: { content: 'mode = fast' } }")).await?.ok()?;
    active(&stack).await?;
    let commit = revealed(&stack, "workload").await?["outputs"]["commit"].clone();
    assert_eq!(json!(git(&repository, &["rev-parse", "main"])?.trim()), commit);
    let files = git(&repository, &["ls-tree", "-r", "--name-only", "main"])?;
    let wanted = ["configmap", "deployment", "service"].map(|kind| format!("clusters/one/shop/{kind}.yaml"));
    assert_eq!(files.lines().collect::<Vec<_>>(), wanted, "the Secret is left out");

    stack.client.submit(&spec("slow", "{}")).await?.ok()?;
    stack
        .until("the change is committed", LONG, async || {
            let text = git(&repository, &["show", "main:clusters/one/shop/deployment.yaml"])?;
            Ok(text.contains("value: slow").then_some(()))
        })
        .await?;
    active(&stack).await?;
    assert!(!git(&repository, &["ls-tree", "-r", "--name-only", "main"])?.contains("configmap"));

    terminated(&stack).await?;
    assert_eq!(git(&repository, &["ls-tree", "-r", "--name-only", "main"])?, "");
    nothing_is_left(&stack).await?;
    stack.finish().await
}

#[tokio::test]
async fn without_a_configured_provider_it_is_said_that_containers_are_not_run() -> anyhow::Result<()> {
    let stack = Stack::start(Options::scripted()).await?;
    let bare = "apiVersion: score.dev/v1b1\nmetadata: { name: shop }\ncontainers: { main: { image: busybox } }\n";
    stack
        .until("the providers are loaded", LONG, async || {
            let providers = stack.client.get("/api/providers").await?;
            let loaded = providers["items"].as_array().is_some_and(|all| all.iter().any(|it| it["name"] == "workload"));
            Ok(loaded.then_some(()))
        })
        .await?;
    for path in ["/api/specs?dry_run=true", "/api/specs"] {
        let yaml = [("content-type", "application/yaml")];
        let answer = stack.client.send(Method::POST, path, &yaml, Some(bare.to_owned())).await?.ok()?;
        let note = answer["notes"][0].as_str().context("no note")?;
        let start =
            "containers are recorded and not run: the provider 'workload' would run them, but is not configured: ";
        assert!(note.starts_with(start) && note.contains("cluster_token"), "{note}");
    }
    assert_eq!(stack.client.resources("shop").await?.len(), 0);
    stack.finish().await
}
