//! The golden paths that ship, as people start them: real containers, a real database server.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::Context as _;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::StatusCode;
use serde_json::{Value, json};
use shared::{
    config::{Config, ProviderSettings, SecretSource},
    domain::access::Role,
    formats::registry::Registry,
    store::api_key,
};
use sqlx::{Connection as _, PgConnection};
use tests::{
    engine,
    settled::nothing_is_left,
    stack::{Options, Stack},
};

const LONG: Duration = Duration::from_secs(180);

fn providers() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../providers"))
}

fn with_tenants() -> Options {
    Options { tenants: true, ..Options::default() }
}

/// Starts a golden path; gives the run's id.
async fn start(stack: &Stack, name: &str, inputs: &Value) -> anyhow::Result<String> {
    let answer = stack.client.post(&format!("/api/golden-paths/{name}/run"), &json!({ "inputs": inputs })).await?;
    anyhow::ensure!(answer.status == StatusCode::ACCEPTED, "{}: {:#}", answer.status, answer.body);
    answer.body["id"].as_str().map(str::to_owned).context("the answer names no run")
}

/// Waits until a run is over; gives it, with its secrets.
async fn completed(stack: &Stack, id: &str) -> anyhow::Result<Value> {
    let path = format!("/api/workflows/{id}?reveal=true");
    let what = format!("run {id} is over");
    let over = stack.until(&what, LONG, async || {
        let run = stack.client.get(&path).await?;
        Ok(["completed", "failed", "cancelled"].iter().any(|status| run["status"] == *status).then_some(run))
    });
    let run = over.await?;
    anyhow::ensure!(run["status"] == "completed", "{run:#}\n{}", stack.client.logs(id).await?);
    Ok(run)
}

fn text<'a>(value: &'a Value, pointer: &str) -> anyhow::Result<&'a str> {
    value.pointer(pointer).and_then(Value::as_str).with_context(|| format!("no text at {pointer} in {value:#}"))
}

/// Whether the database that a URI leads to answers.
async fn answers(uri: &str) -> bool {
    match PgConnection::connect(uri).await {
        Ok(connection) => connection.close().await.is_ok(),
        Err(_) => false,
    }
}

async fn is_gone(stack: &Stack, application: &str) -> anyhow::Result<()> {
    stack
        .until(&format!("{application} is gone"), LONG, async || {
            let application = stack.client.get(&format!("/api/specs/{application}")).await?;
            Ok((application["status"] == "deleted").then_some(()))
        })
        .await
}

fn environment(size: i64) -> Value {
    json!({
        "apiVersion": "score.dev/v1b1", "metadata": {"name": "shop"},
        "containers": {"main": {"image": "busybox", "variables": {"URL": "${resources.db.uri}"}}},
        "resources": {"db": {"type": "postgres", "params": {"connection_limit": size}}},
    })
}

#[test]
fn the_golden_paths_that_ship_run_without_any_settings() {
    let registry = Registry::load(&[providers()], &BTreeMap::new()).unwrap_or_else(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        panic!("{}", problems.join("\n"))
    });
    for name in ["onboard-team", "ephemeral-env", "ephemeral-env-delete"] {
        let workflow = registry.workflow("golden", name).unwrap_or_else(|| panic!("there is no {name}"));
        assert_eq!(workflow.unavailable, None, "{name}");
        assert!(workflow.parameters.iter().all(|parameter| parameter.description.is_some()), "{name}");
    }
    let publish = registry.workflow("golden", "publish-files").and_then(|workflow| workflow.unavailable.clone());
    assert!(publish.is_some_and(|reason| reason.contains("git_token")), "it says what it needs");
}

#[tokio::test]
async fn a_team_is_set_up_with_files_and_a_database_that_is_really_there() -> anyhow::Result<()> {
    let stack = Stack::start(with_tenants()).await?;
    let inputs =
        json!({"team": "blue", "members": ["bob@example.com", "ada@example.com", "ada@example.com"], "connections": 7});
    let id = start(&stack, "onboard-team", &inputs).await?;
    let run = completed(&stack, &id).await?;
    let outputs = &run["outputs"];
    assert_eq!(outputs["application"], "blue-app");
    assert_eq!(outputs["members"], json!(["ada@example.com", "bob@example.com"]));
    assert_eq!(outputs["files"], json!(["README.md", "score.yaml", "team.yaml"]));

    let folder = tempfile::tempdir()?;
    let archive = folder.path().join("starter.tgz");
    std::fs::write(&archive, BASE64_STANDARD.decode(text(outputs, "/archive")?)?)?;
    let unpacked = std::process::Command::new("tar").arg("-xzf").arg(&archive).current_dir(folder.path()).status()?;
    anyhow::ensure!(unpacked.success(), "the archive cannot be unpacked");
    assert_eq!(std::fs::read_to_string(folder.path().join("score.yaml"))?, text(outputs, "/score")?);
    assert!(std::fs::read_to_string(folder.path().join("README.md"))?.contains("slipway deploy score.yaml"));

    let application = stack.client.get("/api/specs/blue-app").await?;
    assert_eq!((&application["team"], &application["status"]), (&json!("blue"), &json!("active")), "{application:#}");
    let uri = text(outputs, "/resources/db/uri")?;
    let mut database = PgConnection::connect(uri).await.context("the team's database does not answer")?;
    let limit: i32 = sqlx::query_scalar("SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user")
        .fetch_one(&mut database)
        .await?;
    assert_eq!(limit, 7);

    let hidden = stack.client.run(&id).await?;
    assert_eq!(hidden["outputs"]["resources"], "***", "passwords are shown to no one who does not ask");
    let path = stack.client.get("/api/golden-paths/onboard-team").await?;
    assert_eq!(path["estimated_duration"]["runs"], 1, "{path:#}");
    let graph = stack.client.get(&format!("/api/workflows/{id}/graph")).await?;
    let edges = graph["edges"].as_array().context("no edges")?;
    assert!(
        edges
            .iter()
            .any(|edge| edge["kind"] == "starts" && text(edge, "/to").is_ok_and(|to| to.starts_with("application/"))),
        "{graph:#}"
    );
    let status = |name: &str| {
        run["steps"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|step| step["name"] == name)
            .map(|step| step["status"].clone())
    };
    assert_eq!((status("approve"), status("publish")), (Some(json!("skipped")), Some(json!("skipped"))));

    // Again: nothing new is made, and the files are the same to the byte.
    let again = completed(&stack, &start(&stack, "onboard-team", &inputs).await?).await?;
    assert_eq!((&again["outputs"]["archive"], text(&again, "/outputs/resources/db/uri")?), (&outputs["archive"], uri));
    assert_eq!(stack.client.get("/api/specs/blue-app").await?["generation"], 1);
    nothing_is_left(&stack).await?;
    stack.finish().await
}

#[tokio::test]
async fn a_team_in_production_waits_for_a_person() -> anyhow::Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let inputs = json!({"team": "red", "members": ["ada@example.com"], "environment": "production", "database": false});
    let rejected = start(&stack, "onboard-team", &inputs).await?;
    let waits = stack.run_becomes(&rejected, &["suspended", "failed", "completed"]).await?;
    assert_eq!((&waits["status"], &waits["reason"]), (&json!("suspended"), &json!("WaitingForApproval")), "{waits:#}");
    let approvals = stack.client.get("/api/approvals").await?;
    assert!(
        text(&approvals, "/items/0/message")?.contains("Team red asks for the application red-app"),
        "{approvals:#}"
    );
    let decide = |id: &str, word: &str| format!("/api/workflows/{id}/steps/approve/{word}");
    stack.client.post(&decide(&rejected, "reject"), &json!({"reason": "not yet"})).await?.ok()?;
    let run = stack.run_becomes(&rejected, &["failed"]).await?;
    assert!(text(&run, "/error_message")?.contains("not yet"), "{run:#}");
    assert!(stack.client.get("/api/specs/red-app").await.is_err(), "nothing was made");

    let approved = start(&stack, "onboard-team", &inputs).await?;
    stack.run_becomes(&approved, &["suspended"]).await?;
    stack.client.post(&decide(&approved, "approve"), &json!({})).await?.ok()?;
    completed(&stack, &approved).await?;
    assert_eq!(stack.client.get("/api/specs/red-app").await?["status"], "active");
    nothing_is_left(&stack).await?;
    stack.finish().await
}

#[tokio::test]
async fn an_environment_comes_for_a_branch_and_goes_when_its_time_is_up_or_when_it_is_told_to() -> anyhow::Result<()> {
    let stack = Stack::start(with_tenants()).await?;
    let inputs = json!({"score": environment(3), "branch": "feature/Login", "ttl": "2h", "team": "blue"});
    let run = completed(&stack, &start(&stack, "ephemeral-env", &inputs).await?).await?;
    let name = text(&run, "/outputs/application")?.to_owned();
    assert!(name.starts_with("shop-feature-login-"), "{name}");
    let labelled = stack.client.get("/api/specs?labels=ephemeral%3Dtrue").await?;
    assert_eq!((&labelled["items"][0]["name"], &labelled["items"][0]["team"]), (&json!(name), &json!("blue")));
    let uri = text(&run, "/outputs/resources/db/uri")?;
    assert!(answers(uri).await);
    // Its two hours pass.
    let left: f64 =
        sqlx::query_scalar("SELECT extract(epoch FROM expires_at - now())::float8 FROM application WHERE name = $1")
            .bind(&name)
            .fetch_one(&stack.pool)
            .await?;
    assert!((6000.0..=7200.0).contains(&left), "{left}");
    sqlx::query("UPDATE application SET expires_at = now() WHERE name = $1").bind(&name).execute(&stack.pool).await?;
    is_gone(&stack, &name).await?;
    assert!(!answers(uri).await, "its database is still there");

    let inputs = json!({"score": environment(3), "branch": "fix"});
    let run = completed(&stack, &start(&stack, "ephemeral-env", &inputs).await?).await?;
    assert_eq!(run["outputs"]["application"], "shop-fix");
    let uri = text(&run, "/outputs/resources/db/uri")?;
    let removal = start(&stack, "ephemeral-env-delete", &json!({"application": "shop", "branch": "fix"})).await?;
    completed(&stack, &removal).await?;
    assert!(!answers(uri).await, "its database is still there");
    is_gone(&stack, "shop-fix").await?;
    nothing_is_left(&stack).await?;
    stack.finish().await
}

#[tokio::test]
async fn a_dry_run_shows_the_plan_and_runs_nothing() -> anyhow::Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let inputs = json!({"team": "blue", "members": ["ada@example.com"], "environment": "production"});
    let body = json!({"inputs": inputs, "dry_run": true});
    let answer = stack.client.post("/api/golden-paths/onboard-team/run", &body).await?;
    assert_eq!(answer.status, StatusCode::OK, "{:#}", answer.body);
    let plan = &answer.body["plan"];
    let steps = plan["steps"].as_array().context("a plan without steps")?;
    let names: Vec<&Value> = steps.iter().map(|step| &step["name"]).collect();
    assert_eq!(names, ["starter", "approve", "provision", "publish"], "{plan:#}");
    assert_eq!((&steps[0]["type"], &steps[0]["image"]), (&json!("shell"), &json!("slipway/shell:1")), "{plan:#}");
    assert_eq!(text(&steps[0], "/env/TEAM")?, "blue", "{plan:#}");
    assert!(
        text(&steps[1], "/config/message")?.contains("starter"),
        "what is not known yet says from where it will come: {plan:#}"
    );
    let holds = json!({"expression": "parameters.environment == \"production\"", "result": true});
    assert_eq!(steps[1]["condition"], holds, "{plan:#}");
    assert_eq!(steps[3]["condition"]["result"], false, "no repository is named: {plan:#}");
    assert_eq!(steps[2]["unknown"], json!(["config.score"]), "{plan:#}");
    assert!(steps.iter().all(|step| step["problems"] == json!([])), "{plan:#}");

    let listed = stack.client.get("/api/workflows").await?;
    assert_eq!(listed["items"], json!([]), "previews are not among the runs");
    let previews = stack.client.get("/api/workflows?kind=preview").await?;
    assert_eq!(previews["items"][0]["id"], answer.body["id"]);
    assert_eq!(stack.count("SELECT count(*) FROM attempt").await?, 0, "nothing was started");
    assert_eq!(stack.count("SELECT count(*) FROM application").await?, 0, "nothing was made");
    assert!(engine::Census::take(&stack.instance).await?.is_empty());

    // After its hour a preview is forgotten.
    sqlx::query("UPDATE run SET finished_at = finished_at - interval '61 minutes'").execute(&stack.pool).await?;
    shared::store::prune::prune(stack.store.pool(), 30, 100).await?;
    assert_eq!(stack.count("SELECT count(*) FROM run").await?, 0);
    stack.finish().await
}

/// The command line, as an administrator runs it: exit code, standard output, standard error.
async fn slipway(stack: &Stack, key: &str, arguments: &[&str]) -> anyhow::Result<(Option<i32>, String, String)> {
    let own = std::env::current_exe()?;
    let program = own.ancestors().map(|folder| folder.join("slipway")).find(|program| program.is_file());
    let program = program.context("no slipway beside the tests: run `cargo build --workspace --bins` first")?;
    let child = tokio::process::Command::new(program)
        .args(arguments)
        .env("SLIPWAY_URL", format!("http://{}", stack.config.api.listen))
        .env("SLIPWAY_API_KEY", key)
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(LONG, child).await.context("the command does not end")??;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes);
    Ok((output.status.code(), text(output.stdout)?, text(output.stderr)?))
}

#[tokio::test]
async fn a_person_runs_a_golden_path_from_the_command_line_and_sees_what_took_how_long() -> anyhow::Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let (_, key) = api_key::create(&stack.pool, &api_key::NewKey::of_nobody("cli", Role::Admin)).await?;
    let slipway = async |arguments: &[&str]| slipway(&stack, &key, arguments).await;
    let (code, list, _) = slipway(&["gp", "list"]).await?;
    assert!(code == Some(0) && list.contains("onboard-team") && list.contains("team, members"), "{list}");
    let (code, described, _) = slipway(&["gp", "describe", "onboard-team"]).await?;
    assert!(code == Some(0) && described.contains("a whole number, 1 to 500"), "{described}");
    assert!(described.contains("not known: it has not completed here yet"), "{described}");

    let (code, said, told) = slipway(&["gp", "run", "hello", "--param", "name=42", "--wait"]).await?;
    assert_eq!(code, Some(0), "{told}");
    assert!(said.contains("greeting = Hello, 42."), "a text that looks like a number is a text: {said}");
    assert!(told.contains("step greet completed"), "{told}");
    let run = told.lines().find_map(|line| line.strip_prefix("run ")).context("no run is named")?;
    let (_, tree, _) = slipway(&["graph", "run", run]).await?;
    assert!(
        tree.contains("* hello  (run execute)  completed") && tree.contains("└─ * greet  (step shell)  completed"),
        "{tree}"
    );
    assert!(tree.contains("* critical path: "), "{tree}");
    assert!(slipway(&["graph", "run", run, "-o", "dot"]).await?.1.starts_with("digraph slipway {"));
    assert!(slipway(&["graph", "run", run, "-o", "mermaid"]).await?.1.starts_with("flowchart LR"));
    let graph: Value = serde_json::from_str(&slipway(&["graph", "run", run, "-o", "json"]).await?.1)?;
    assert_eq!(graph["critical_path"]["nodes"].as_array().map(Vec::len), Some(2), "{graph:#}");
    let (code, _, told) = slipway(&["workflow", "list", "-o", "dot"]).await?;
    assert!(code == Some(1) && told.contains("only `slipway graph`"), "{told}");

    let wrong = [
        "gp",
        "run",
        "onboard-team",
        "--param",
        "team=B",
        "--param",
        "connections=many",
        "--param",
        "members=",
        "--param",
        "imgae=x",
    ];
    let (code, _, told) = slipway(&wrong).await?;
    assert_eq!(code, Some(1));
    for name in ["/team", "/connections", "/members", "/imgae"] {
        assert!(told.contains(name), "{name} is missing: {told}");
    }
    let (_, _, told) = slipway(&["gp", "run", "onbord-team"]).await?;
    assert!(told.contains("'onboard-team'"), "{told}");

    let (code, plan, told) =
        slipway(&["gp", "run", "onboard-team", "--param", "team=blue", "--param", "members=a@b.c", "--dry-run"])
            .await?;
    assert_eq!(code, Some(0), "{told}");
    assert!(
        plan.contains("would run 4 steps; nothing was run") && plan.contains("<known after step starter>"),
        "{plan}"
    );
    stack.finish().await
}

#[tokio::test]
async fn the_plan_of_an_operation_on_a_resource_is_shown_and_the_resource_left_alone() -> anyhow::Result<()> {
    let stack = Stack::start(with_tenants()).await?;
    let score = environment(9).to_string();
    stack.client.submit(&score).await?.ok()?;
    let resource = stack.resource_becomes("shop", "db", "active").await?;
    let path = format!("/api/resources/{}/plan", text(&resource, "/id")?);
    let answer = stack.client.post(&path, &json!({"operation": "delete"})).await?;
    assert_eq!(answer.status, StatusCode::OK, "{:#}", answer.body);
    assert_eq!((&answer.body["workflow"], &answer.body["operation"]), (&json!("delete-database"), &json!("delete")));
    assert_eq!(text(&answer.body, "/plan/steps/0/env/APP_NAME")?, "shop", "{:#}", answer.body);
    let refused = stack.client.post(&path, &json!({"operation": "execute"})).await?;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let after = stack.client.resource("shop", "db").await?.context("it is gone")?;
    assert_eq!((&after["state"], &after["last_run_id"]), (&json!("active"), &resource["last_run_id"]));
    stack.finish().await
}

#[tokio::test]
async fn publishing_files_can_be_planned_where_the_installation_names_a_git_server() -> anyhow::Result<()> {
    let configure = |config: &mut Config| {
        let settings = ProviderSettings {
            settings: serde_json::from_value(json!({"git_host": "git.example.com"})).unwrap_or_default(),
            egress: BTreeMap::from([("git.example.com".into(), "203.0.113.7:443".into())]),
            secrets: BTreeMap::from([("git_token".into(), SecretSource::File("/etc/slipway/git-token".into()))]),
            ..ProviderSettings::default()
        };
        config.providers.insert("golden".into(), settings);
    };
    let stack = Stack::start(Options { configure, ..Options::default() }).await?;
    let inputs =
        json!({"repository": "https://git.example.com/blue/start.git", "archive": "H4sI", "folder": "apps/blue"});
    let body = json!({"inputs": inputs, "dry_run": true});
    let answer = stack.client.post("/api/golden-paths/publish-files/run", &body).await?;
    assert_eq!(answer.status, StatusCode::OK, "{:#}", answer.body);
    let commit = &answer.body["plan"]["steps"][1];
    assert_eq!((&commit["problems"], &commit["secrets"]), (&json!([]), &json!(["git_token"])), "{commit:#}");
    assert!(text(commit, "/config/repoURL")?.starts_with("https://git.example.com/"), "{commit:#}");
    stack.finish().await
}

#[tokio::test]
async fn a_dry_run_that_cannot_be_planned_says_why() -> anyhow::Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let body = json!({"workflow": "onboard-team", "inputs": {"team": "B", "members": "ada"}, "dry_run": true});
    let refused = stack.client.post("/api/workflows/execute", &body).await?;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{:#}", refused.body);
    assert_eq!(refused.body["errors"].as_array().map(Vec::len), Some(2), "{:#}", refused.body);
    assert_eq!(stack.count("SELECT count(*) FROM run").await?, 0);
    stack.finish().await
}
