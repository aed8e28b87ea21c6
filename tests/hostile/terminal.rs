//! What a server, a log or a name may do to the terminal and the browser of who reads it: be text.

use std::{process::Output, time::Duration};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{
    receiver::{Received, Receiver},
    score::Score,
    stack::{Options, Stack},
};
use tokio::{process::Command, runtime::Handle, task::block_in_place};

/// Clears the screen, sets the title, links elsewhere, writes the clipboard, goes back over the line, turns the direction of
/// writing, and begins a line that looks like Slipway's own.
const EVIL: &str = "\u{1b}[2J\u{1b}]0;title\u{7}\u{1b}]8;;http://evil.example\u{1b}\\ev1l\u{1b}]8;;\u{1b}\\\
    \u{1b}]52;c;ZXZpbA==\u{7}\u{1b}P+q\u{1b}\\\r\u{8}\u{7f}\u{9b}31m\u{9d}x\u{202e}\u{2066}\u{200f}\u{61c}\u{2028}\nFORGED done";

/// What is left of it.
const LEFT: &str = "ev1l";

/// Commands run at once.
const AT_ONCE: usize = 4;

/// The first character that steers a terminal, if there is one.
fn steers(text: &str) -> Option<char> {
    let marks =
        |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().find(|&c| (c.is_control() && c != '\n') || marks(c))
}

/// Puts [`EVIL`] behind every text but those that have a form of their own.
fn poisoned(value: Value, ids: bool) -> Value {
    match value {
        Value::String(text) => {
            let formed =
                chrono::DateTime::parse_from_rfc3339(&text).is_ok() || (!ids && uuid::Uuid::parse_str(&text).is_ok());
            if formed { text.into() } else { format!("{text}{EVIL}").into() }
        }
        Value::Array(items) => items.into_iter().map(|item| poisoned(item, ids)).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, value)| {
                let value = if key == "next_cursor" { value } else { poisoned(value, ids) };
                (key, value)
            })
            .collect(),
        other => other,
    }
}

/// Between the command line and the api, a server that means harm: every text of every answer is poisoned.
async fn between(stack: &Stack, ids: bool) -> anyhow::Result<Receiver> {
    let client = stack.client.clone();
    Receiver::start(move |_, request| {
        block_in_place(|| Handle::current().block_on(passed_on(&client, request, ids))).unwrap_or_default()
    })
    .await
}

async fn passed_on(client: &tests::client::Client, request: &Received, ids: bool) -> anyhow::Result<String> {
    let mut line = request.line.split(' ');
    let (method, path) = (line.next().unwrap_or_default(), line.next().unwrap_or_default());
    let mut headers = Vec::new();
    for name in ["content-type", "accept"] {
        if !request.header(name).is_empty() {
            headers.push((name, request.header(name)));
        }
    }
    let body = (!request.body.is_empty()).then(|| String::from_utf8_lossy(&request.body).into_owned());
    let answer = client.send(Method::from_bytes(method.as_bytes())?, path, &headers, body).await?;
    let (kind, body) = match answer.body {
        Value::String(text) if text.contains("data:") || path.contains("/logs") => {
            ("text/event-stream", poisoned_stream(&text, ids))
        }
        Value::String(text) => ("application/x-ndjson", poisoned_lines(&text, ids)),
        other => ("application/json", poisoned(other, ids).to_string()),
    };
    Ok(format!(
        "HTTP/1.1 {} Said\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        answer.status.as_u16(),
        body.len()
    ))
}

fn poisoned_stream(text: &str, ids: bool) -> String {
    let lines = text.lines().map(|line| match line.strip_prefix("data:").map(serde_json::from_str::<Value>) {
        Some(Ok(data)) => format!("data: {}\n", poisoned(data, ids)),
        _ => format!("{line}\n"),
    });
    lines.collect()
}

fn poisoned_lines(text: &str, ids: bool) -> String {
    let lines = text.lines().map(|line| match serde_json::from_str::<Value>(line) {
        Ok(data) => format!("{}\n", poisoned(data, ids)),
        Err(_) => format!("{line}{EVIL}\n"),
    });
    lines.collect()
}

async fn slipway(server: &str, folder: &std::path::Path, arguments: &[&str]) -> anyhow::Result<Output> {
    let own = std::env::current_exe()?;
    let program = own.ancestors().map(|folder| folder.join("slipway")).find(|program| program.is_file());
    let program = program.ok_or_else(|| anyhow::anyhow!("no slipway: run `cargo build --workspace --bins` first"))?;
    // What waits for something that a hostile server never says is interrupted, as a person would.
    let mut command = Command::new("timeout");
    command.args(["--signal=INT", "5"]).arg(program);
    command.args(arguments).current_dir(folder).env_clear().env("SLIPWAY_URL", server).env("SLIPWAY_API_KEY", "k");
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", folder).kill_on_drop(true);
    Ok(tokio::time::timeout(Duration::from_secs(60), command.output()).await??)
}

/// Everything that a person may look at, of an application `shop`, a run and a batch.
fn looks<'a>(run: &'a str, batch: &'a str) -> Vec<Vec<&'a str>> {
    let mut looks: Vec<Vec<&str>> = [
        "list",
        "status shop",
        "app history shop",
        "app protect shop",
        "app unprotect shop",
        "resource list",
        "resource get shop/db",
        "resource get shop/odd",
        "resource get shop/none",
        "resource retry shop/odd",
        "resource read shop/db",
        "resource plan shop/db --operation update",
        "workflow list",
        "approval list",
        "approval approve 1",
        "golden-path list",
        "golden-path describe scripted",
        "golden-path describe none",
        "graph app shop",
        "graph resource shop/db",
        "provider list",
        "provider get scripted",
        "provider sources",
        "provider reload",
        "provider add https://127.0.0.1/x.git@v1",
        "state list",
        "queue list",
        "worker list",
        "key list",
        "key revoke none",
        "service-account list",
        "service-account create robot --role viewer",
        "team list",
        "team get default",
        "auth can-i run.cancel",
        "integration list",
        "secret list --team default",
        "secret keys",
        "audit list",
        "audit verify",
        "audit head",
        "webhook list",
        "whoami",
        "deploy shop.yaml",
        "deploy bad.yaml",
        "deploy shop.yaml --dry-run",
        "rollback shop --to 1",
        "delete none",
        "logs shop/db",
        "validate shop.yaml",
        "golden-path run scripted --wait",
        "workflow run scripted --follow",
        "key create ci --role viewer",
        "team set-quota default --runs 50",
        "webhook add https://h.example/x",
        "workflow run scripted",
        "resource reconcile shop/db",
        "login --device",
        "batch list",
        "batch show 01890000-0000-7000-8000-000000000000",
        "batch plan 01890000-0000-7000-8000-000000000000",
        "explain shop/db",
        "limit list",
        "freeze list",
        "queue get default",
        "worker get worker",
        "notification list",
        "autoscale --once --dry-run",
    ]
    .into_iter()
    .map(|line| line.split(' ').collect())
    .collect();
    for of_run in [
        &["workflow", "get"][..],
        &["workflow", "cancel"],
        &["workflow", "retry"],
        &["logs"],
        &["logs", "--timestamps"],
        &["logs", "--follow"],
        &["graph", "run"],
        &["explain"],
    ] {
        looks.push(of_run.iter().copied().chain([run]).collect());
    }
    for what in ["show", "items"] {
        looks.push(vec!["batch", what, batch]);
    }
    looks
}

async fn with_a_run(stack: &Stack, folder: &std::path::Path) -> anyhow::Result<String> {
    let yaml =
        Score::new("shop").resource("db", "scripted", &json!({})).resource("odd", "unheard-of", &json!({})).yaml();
    std::fs::write(folder.join("shop.yaml"), &yaml)?;
    std::fs::write(folder.join("bad.yaml"), yaml.replace("image:", "imagine:"))?;
    stack.client.submit(&yaml).await?.ok()?;
    stack.resource_becomes("shop", "db", "active").await?;
    stack.resource_becomes("shop", "odd", "failed").await?;
    let run = stack
        .client
        .execute("scripted", &json!({"script": json!({"lines": [EVIL, "::error::no"], "exit_code": 1}).to_string()}))
        .await?;
    stack.run_becomes(&run, &["failed"]).await?;
    Ok(run)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_server_says_steers_the_terminal_of_any_command() -> anyhow::Result<()> {
    let stack = Stack::start(Options::scripted()).await?;
    let folder = tempfile::tempdir()?;
    let run = with_a_run(&stack, folder.path()).await?;
    let batch = json!({"select": "type=scripted", "operation": "read"});
    let batch = stack.client.post("/api/batches", &batch).await?.ok()?;
    let batch = batch["id"].as_str().unwrap_or_else(|| panic!("no id: {batch:#}"));
    let (mut shown, mut wrong) = (0, Vec::new());
    for ids in [false, true] {
        let server = between(&stack, ids).await?;
        let url = format!("http://{}", server.address);
        // Side by side: some of them wait until they are interrupted.
        let outputs = stream::iter(looks(&run, batch)).map(async |look| {
            let output = slipway(&url, folder.path(), &look).await?;
            anyhow::Ok((look, output))
        });
        let outputs: Vec<_> = outputs.buffered(AT_ONCE).try_collect().await?;
        for (look, output) in outputs {
            for text in [&output.stdout, &output.stderr] {
                let text = std::str::from_utf8(text)?;
                if steers(text).is_some() || text.lines().any(|line| line.starts_with("FORGED")) {
                    wrong.push(format!("{look:?} lets through: {text:?}"));
                }
                shown += usize::from(text.contains(LEFT));
            }
            if output.status.code() == Some(2) {
                wrong.push(format!("{look:?} is no command: {}", String::from_utf8_lossy(&output.stderr)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(shown > 80, "{shown}: what the server says is to be seen");
    stack.finish().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_gets_what_the_server_says_with_control_characters_escaped() -> anyhow::Result<()> {
    let stack = Stack::start(Options::scripted()).await?;
    let folder = tempfile::tempdir()?;
    with_a_run(&stack, folder.path()).await?;
    let server = between(&stack, false).await?;
    let url = format!("http://{}", server.address);
    for look in [&["resource", "list"][..], &["workflow", "list"], &["queue", "list"], &["status", "shop"], &["whoami"]]
    {
        for form in ["json", "yaml"] {
            let output = slipway(&url, folder.path(), &[look, &["-o", form]].concat()).await?;
            let text = std::str::from_utf8(&output.stdout)?;
            assert_eq!(text.chars().find(|&c| c < ' ' && c != '\n'), None, "{look:?} -o {form}: {text:?}");
            let value: Value = if form == "json" { serde_json::from_str(text)? } else { serde_yaml::from_str(text)? };
            assert!(
                value.to_string().contains(serde_json::to_string(EVIL)?.trim_matches('"')),
                "{look:?} -o {form}: {value}"
            );
        }
    }
    stack.finish().await
}

#[tokio::test]
async fn a_log_is_text_for_a_browser_whatever_is_in_it() -> anyhow::Result<()> {
    let stack = Stack::start(Options::scripted()).await?;
    let script = "<!doctype html><script>alert(document.cookie)</script>";
    let lines = json!({"lines": [script, EVIL]}).to_string();
    let run = stack.client.execute("scripted", &json!({"script": lines})).await?;
    stack.run_becomes(&run, &["completed"]).await?;
    let http = reqwest::Client::builder().timeout(Duration::from_secs(20)).build()?;
    for (path, accepted, kind) in [
        (format!("/api/workflows/{run}/logs"), "text/html", "text/plain"),
        (format!("/api/workflows/{run}/logs"), "text/event-stream", "text/event-stream"),
        (format!("/api/workflows/{run}"), "text/html", "application/json"),
        ("/api/workflows/<script>alert(1)<~script>".into(), "text/html", "application/problem+json"),
        ("/<script>alert(1)<~script>".into(), "text/html", "text/html"),
    ] {
        let request = http.get(format!("{}{path}", stack.client.base())).bearer_auth(stack.client.key());
        let answer = request.header("accept", accepted).send().await?;
        let header = |name: &str| {
            answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        assert!(header("content-type").starts_with(kind), "{path}: {}", header("content-type"));
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        if kind == "text/html" {
            // The dashboard, which is the same whatever the path is.
            assert!(header("content-security-policy").starts_with("default-src 'none'; script-src 'self';"), "{path}");
            assert!(!answer.text().await?.contains("alert(1)"), "{path}");
        }
    }
    stack.finish().await
}

#[tokio::test]
async fn no_name_of_anything_holds_a_character_that_steers_a_terminal() -> anyhow::Result<()> {
    let stack = Stack::start(Options::scripted()).await?;
    for (path, body, status) in [
        (
            "/api/specs",
            json!({"apiVersion": "score.dev/v1b1", "metadata": {"name": format!("shop{EVIL}")}, "containers": {"m": {"image": "x"}}}),
            422,
        ),
        (
            "/api/specs",
            json!({"apiVersion": "score.dev/v1b1", "metadata": {"name": "shop"}, "containers": {format!("m{EVIL}"): {"image": "x"}}}),
            422,
        ),
        (
            "/api/specs",
            json!({"apiVersion": "score.dev/v1b1", "metadata": {"name": "shop"}, "containers": {"m": {"image": "x"}}, "resources": {format!("db{EVIL}"): {"type": "scripted"}}}),
            422,
        ),
        (
            "/api/specs",
            json!({"apiVersion": "score.dev/v1b1", "metadata": {"name": "shop"}, "containers": {"m": {"image": "x"}}, "resources": {"db": {"type": format!("scripted{EVIL}")}}}),
            422,
        ),
        (
            "/api/specs",
            json!({"apiVersion": "score.dev/v1b1", "metadata": {"name": "shop"}, "containers": {"m": {"image": "x"}}, "resources": {"db": {"type": "scripted", "id": format!("x{EVIL}")}}}),
            422,
        ),
        ("/api/keys", json!({"name": format!("ci{EVIL}"), "role": "viewer"}), 400),
        ("/api/service-accounts", json!({"name": format!("robot{EVIL}"), "roles": ["viewer"]}), 400),
        (
            "/api/admin/providers/sources",
            json!({"name": format!("p{EVIL}"), "url": "https://h.example/x", "ref": "v1"}),
            422,
        ),
        ("/api/workflows/execute", json!({"workflow": format!("scripted{EVIL}")}), 404),
    ] {
        let answer = stack.client.post(path, &body).await?;
        assert_eq!(answer.status.as_u16(), status, "{path} {body}: {:#}", answer.body);
    }
    stack.finish().await
}
