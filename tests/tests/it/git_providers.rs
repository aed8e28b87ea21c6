//! Providers from Git in a whole system: a commit reaches runs, a push announces it, and what runs keeps what it began with.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};
use shared::config::SecretSource;
use tests::stack::{Options, Stack};

/// Where this test's repositories are: the schedulers are told so before there are any.
static REPOSITORIES: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("slipway-repositories-{}", uuid::Uuid::now_v7().simple())));

/// Repositories below [`REPOSITORIES`], gone when the test is over.
struct Repository(PathBuf);

impl Drop for Repository {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("git is needed for this test: install it");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl Repository {
    fn new(name: &str) -> Self {
        let folder = REPOSITORIES.join(name);
        std::fs::create_dir_all(folder.join("workflows")).unwrap();
        git(&folder, &["init", "--quiet"]);
        Self(folder)
    }

    fn url(&self) -> String {
        format!("file://{}", self.0.display())
    }

    /// The provider `greeter` in a version whose runs take `ms` and then give that version; gives the commit.
    fn release(&self, version: &str, ms: u32) -> String {
        let manifest = format!(
            "apiVersion: v1\nkind: Provider\nmetadata: {{name: greeter, version: {version}}}\ncapabilities:\n  resourceTypeCapabilities:\n    - type: greeting\n      operations: {{create: {{workflow: greet}}, delete: {{workflow: part}}}}\nworkflows:\n  - {{name: greet, file: workflows/greet.yaml}}\n  - {{name: part, file: workflows/part.yaml}}\n"
        );
        let workflow = format!(
            "apiVersion: slipway.dev/v1\nkind: Workflow\nmetadata: {{name: greet}}\nsteps:\n  - {{name: wait, type: scripted, config: {{script: '{{\"sleep_ms\": {ms}}}'}}}}\n  - {{name: say, type: scripted, config: {{script: '{{\"lines\": [\"this is {version}\"]}}'}}}}\n  - {{name: rest, type: workflow, config: {{workflow: part}}}}\noutputs:\n  version: \"{version}\"\n  part: \"{{{{ .steps.rest.output.version }}}}\"\n"
        );
        std::fs::write(self.0.join("provider.yaml"), manifest).unwrap();
        let part = format!(
            "apiVersion: slipway.dev/v1\nkind: Workflow\nmetadata: {{name: part}}\nsteps:\n  - {{name: say, type: scripted, config: {{script: '{{\"lines\": [\"a part of {version}\"]}}'}}}}\noutputs:\n  version: \"{version}\"\n"
        );
        std::fs::write(self.0.join("workflows/greet.yaml"), workflow).unwrap();
        std::fs::write(self.0.join("workflows/part.yaml"), part).unwrap();
        git(&self.0, &["add", "--all"]);
        git(&self.0, &["commit", "--quiet", "--message", version]);
        git(&self.0, &["tag", &format!("v{version}")]);
        git(&self.0, &["rev-parse", "HEAD"])
    }
}

fn score(name: &str, pin: Option<&str>) -> String {
    let annotations = pin.map(|pin| format!("\n  annotations: {{slipway.dev/providers: '{pin}'}}")).unwrap_or_default();
    format!(
        "apiVersion: score.dev/v1b1\nmetadata:\n  name: {name}{annotations}\ncontainers:\n  main: {{image: busybox}}\nresources:\n  hello: {{type: greeting}}\n"
    )
}

async fn source(stack: &Stack, name: &str, status: &str, commit: &str) -> Value {
    let what = format!("{name} is {status} at {commit}");
    let found = stack.until(&what, Duration::from_secs(30), async || {
        let sources = stack.client.get("/api/admin/providers/sources").await?;
        let items = sources["items"].as_array().cloned().unwrap_or_default();
        let matches = |it: &Value| it["name"] == name && it["status"] == status && it["seen_commit"] == commit;
        Ok(items.into_iter().find(matches))
    });
    found.await.unwrap()
}

async fn outcome(stack: &Stack, application: &str) -> (Value, Value) {
    let resource = stack.resource_becomes(application, "hello", "active").await.unwrap();
    let run = stack.client.run(resource["last_run_id"].as_str().unwrap()).await.unwrap();
    let outputs = &resource["outputs"];
    assert_eq!(outputs["part"], outputs["version"], "what a run starts is of the same version");
    (outputs["version"].clone(), run["provider_commit"].clone())
}

#[tokio::test]
async fn a_commit_reaches_new_runs_and_no_run_that_has_begun() {
    let repository = Repository::new("greeter");
    let first = repository.release("1.0.0", 4_000);
    let configure = |config: &mut shared::config::Config| {
        config.git.folders = vec![REPOSITORIES.clone()];
        config.git.interval_s = 0;
        let secret = REPOSITORIES.join("secret");
        std::fs::write(&secret, "s3cret").unwrap();
        config.git.webhook_secrets.insert("greeter".into(), SecretSource::File(secret));
    };
    let stack = Stack::start(Options { schedulers: 2, configure, ..Options::scripted() }).await.unwrap();
    let added = json!({"name": "greeter", "url": repository.url(), "ref": "main"});
    assert_eq!(stack.client.post("/api/admin/providers/sources", &added).await.unwrap().status, 201);
    source(&stack, "greeter", "loaded", &first).await;

    // A run has begun when the next version comes, announced as a forge does.
    stack.client.submit(&score("early", None)).await.unwrap().ok().unwrap();
    let resource = stack.resource_becomes("early", "hello", "provisioning").await.unwrap();
    stack.run_becomes(resource["current_run_id"].as_str().unwrap(), &["running"]).await.unwrap();
    let second = repository.release("1.1.0", 0);
    let push =
        stack.client.send(Method::POST, "/api/webhooks/git/greeter", &[("x-gitlab-token", "s3cret")], None).await;
    assert_eq!(push.unwrap().status, 202);
    source(&stack, "greeter", "loaded", &second).await;
    stack.client.submit(&score("late", None)).await.unwrap().ok().unwrap();
    assert_eq!(outcome(&stack, "late").await, (json!("1.1.0"), json!(second)));
    assert_eq!(outcome(&stack, "early").await, (json!("1.0.0"), json!(first)));

    // A commit that is not valid changes nothing.
    std::fs::write(repository.0.join("provider.yaml"), "kind: Nothing\n").unwrap();
    git(&repository.0, &["commit", "--quiet", "--all", "--message", "bad"]);
    let bad = git(&repository.0, &["rev-parse", "HEAD"]);
    let reload = stack.client.post("/api/admin/providers/reload", &json!({})).await.unwrap();
    assert_eq!((reload.status.as_u16(), &reload.body["valid"]), (200, &json!(false)), "{:#}", reload.body);
    let rejected = source(&stack, "greeter", "rejected", &bad).await;
    assert_eq!(rejected["commit"], second);
    stack.client.submit(&score("later", None)).await.unwrap().ok().unwrap();
    assert_eq!(outcome(&stack, "later").await, (json!("1.1.0"), json!(second)));

    // The first version, beside the other, for an application that pins it.
    let pinned = json!({"name": "greeter-1-0", "url": repository.url(), "ref": "v1.0.0"});
    stack.client.post("/api/admin/providers/sources", &pinned).await.unwrap().ok().unwrap();
    source(&stack, "greeter-1-0", "loaded", &first).await;
    stack.client.submit(&score("pinned", Some("greeter=1.0.0"))).await.unwrap().ok().unwrap();
    assert_eq!(outcome(&stack, "pinned").await, (json!("1.0.0"), json!(first)));

    // What it made is removed by another version once it is gone, and the history says so.
    stack
        .client
        .send(Method::DELETE, "/api/admin/providers/sources/greeter-1-0", &[], None)
        .await
        .unwrap()
        .ok()
        .unwrap();
    stack
        .until("the first version is gone", Duration::from_secs(30), async || {
            let gone = stack.client.send(Method::GET, "/api/providers/greeter?version=1.0.0", &[], None).await?;
            Ok((gone.status == 404).then_some(()))
        })
        .await
        .unwrap();
    let early = stack.client.resource("early", "hello").await.unwrap().unwrap();
    stack.client.send(Method::DELETE, "/api/specs/early", &[], None).await.unwrap().ok().unwrap();
    let id = early["id"].as_str().unwrap();
    let history = stack
        .until("the resource is gone", Duration::from_secs(30), async || {
            let resource = stack.client.get(&format!("/api/resources/{id}")).await?;
            Ok((resource["state"] == "terminated").then_some(resource))
        })
        .await
        .unwrap();
    assert_eq!(
        history["history"].as_array().unwrap().iter().filter(|it| it["type"] == "resource.provider_moved").count(),
        1
    );
    stack.finish().await.unwrap();
}
