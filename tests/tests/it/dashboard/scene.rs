//! What there is to see: two teams and their applications, a release that failed, one that goes on, work that waits, a batch.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use reqwest::Method;
use serde_json::{Value, json};
use shared::config::Config;
use tests::{score::Score, stack::Stack};

/// Adds the provider of what is seen to an installation's.
pub(crate) fn with_platform(config: &mut Config) {
    config.scheduler.providers.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/dashboard"));
}

/// What was made, by id.
pub(crate) struct Scene {
    /// A run of one step that failed.
    pub(crate) failed: String,
    /// A run of several steps, of which the fourth failed.
    pub(crate) release: String,
    /// A run that asks whether to go on, and is answered.
    pub(crate) asking: String,
    /// A batch that nobody has approved.
    pub(crate) batch: String,
    /// A resource that is as it should be.
    pub(crate) resource: String,
    /// A resource whose last change failed.
    pub(crate) troubled: String,
    /// Runs that do not end by themselves while one looks.
    lasting: Vec<String>,
}

/// Makes all of it.
///
/// # Errors
/// When something does not become what it should.
pub(crate) async fn make(stack: &Stack) -> anyhow::Result<Scene> {
    for (team, name, resources) in [
        ("store", "shop", &[("db", "mysql", 20), ("cache", "redis", 4), ("orders", "topic", 1)][..]),
        ("store", "search", &[("documents", "mysql", 200), ("cache", "redis", 16)]),
        ("payments", "till", &[("ledger", "mysql", 50), ("sessions", "redis", 2)]),
        ("payments", "invoices", &[("archive", "mysql", 80), ("cache", "redis", 2), ("sent", "topic", 1)]),
    ] {
        submit(stack, team, name, resources).await?;
        for (resource, ..) in resources {
            stack.resource_becomes(name, resource, "active").await?;
        }
    }
    // Generation 2, which one goes back from.
    submit(stack, "payments", "invoices", &[("archive", "mysql", 120), ("cache", "redis", 2)]).await?;
    // More than its project may have: the change fails, and what was there stays.
    submit(stack, "store", "search", &[("documents", "mysql", 2000), ("cache", "redis", 16)]).await?;
    let troubled = stack.resource_becomes("search", "documents", "failed").await?;
    let resource = stack.resource_becomes("shop", "db", "active").await?;
    stack
        .until("nothing is to be done about invoices", Duration::from_secs(60), async || {
            let application = stack.client.get("/api/specs/invoices").await?;
            Ok((application["status"] == "active").then_some(()))
        })
        .await?;

    for (service, version) in [("shop", "3.0.4"), ("till", "1.12.0"), ("search", "0.9.2")] {
        let run = start(stack, "release", &json!({"service": service, "version": version}), "store", "default").await?;
        stack.run_becomes(&run, &["completed"]).await?;
    }
    let release = start(stack, "release", &json!({"service": "shop", "version": "3.1.0"}), "store", "default").await?;
    stack.run_becomes(&release, &["failed"]).await?;
    let script = json!({"lines": ["writing", "no space left on device"], "exit_code": 3}).to_string();
    let failed = stack.client.execute("scripted", &json!({ "script": script })).await?;
    stack.run_becomes(&failed, &["failed"]).await?;
    let asking = stack.client.execute("asks", &json!({})).await?;
    stack.run_becomes(&asking, &["suspended"]).await?;
    let question = json!({"service": "till", "version": "1.12.0"});
    let open = start(stack, "promote", &question, "payments", "default").await?;
    stack.run_becomes(&open, &["suspended"]).await?;

    let long = json!({"service": "invoices", "version": "2.2.0", "seconds": 3600});
    let going = start(stack, "release", &long, "payments", "default").await?;
    let mut lasting = vec![open, going];
    // No worker serves it.
    for service in ["thumbnails", "recommendations", "forecast"] {
        let inputs = json!({"service": service, "version": "0.4.0"});
        lasting.push(start(stack, "release", &inputs, "store", "gpu").await?);
    }
    let wish = json!({
        "name": "Larger caches", "select": "type=redis", "operation": "update", "params": {"size": 32},
        "waves": "1,100%", "bake": "1h", "reason": "sessions were lost on Friday",
    });
    let batch = stack.client.post("/api/batches", &wish).await?.ok()?;
    Ok(Scene {
        failed,
        release,
        asking,
        batch: id(&batch)?,
        resource: id(&resource)?,
        troubled: id(&troubled)?,
        lasting,
    })
}

impl Scene {
    /// Ends what would take slots from what comes next.
    ///
    /// # Errors
    /// When it does not end.
    pub(crate) async fn clear(&self, stack: &Stack) -> anyhow::Result<()> {
        for run in &self.lasting {
            stack.client.post(&format!("/api/workflows/{run}/cancel"), &json!({})).await?.ok()?;
            stack.run_becomes(run, &["cancelled"]).await?;
        }
        stack.client.post(&format!("/api/batches/{}/abort", self.batch), &json!({})).await?.ok()?;
        Ok(())
    }
}

async fn submit(stack: &Stack, team: &str, name: &str, resources: &[(&str, &str, u32)]) -> anyhow::Result<()> {
    let spec = resources
        .iter()
        .fold(Score::new(name), |spec, (resource, kind, size)| spec.resource(resource, kind, &json!({ "size": size })));
    let headers = [("content-type", "application/yaml")];
    stack.client.send(Method::POST, &format!("/api/specs?team={team}"), &headers, Some(spec.yaml())).await?.ok()?;
    Ok(())
}

async fn start(stack: &Stack, path: &str, inputs: &Value, team: &str, queue: &str) -> anyhow::Result<String> {
    let wish = json!({"workflow": path, "inputs": inputs, "team": team, "queue": queue});
    id(&stack.client.post("/api/workflows/execute", &wish).await?.ok()?)
}

fn id(thing: &Value) -> anyhow::Result<String> {
    thing["id"].as_str().map(str::to_owned).with_context(|| format!("it has no id: {thing:#}"))
}
