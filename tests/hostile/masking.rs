//! A step that does all it can to have a secret shown.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::Method;
use serde_json::{Value, json};
use tests::stack::{Options, Stack};

const LONG: Duration = Duration::from_secs(120);
/// Has letters that JSON, URLs and base64 write otherwise.
const SECRET: &str = "Tr0ub4dor&3/\\\"x+y~z";
const MULTI: &str =
    "-----BEGIN THING-----\nbG9uZyBsaW5lIG9uZSBvZiBhIGtleQ\nc2Vjb25kIGxpbmUgb2YgdGhlIGtleQ\n-----END THING-----";

/// Has a step run a script that has the secrets in the files `s` and `m`; gives its run, which is over.
async fn run(stack: &Stack, script: &str) -> anyhow::Result<Value> {
    for (name, value) in [("S", SECRET), ("M", MULTI)] {
        let path = format!("/api/teams/default/secrets/{name}");
        stack.client.send(Method::PUT, &path, &[], Some(json!({ "value": value }).to_string())).await?.ok()?;
    }
    let script =
        format!("cd /tmp\ncat > s <<'END'\n${{secrets.S}}\nEND\ncat > m <<'END'\n${{secrets.M}}\nEND\n{script}");
    let spec = json!({
        "apiVersion": "score.dev/v1b1", "metadata": {"name": "leak"}, "containers": {"main": {"image": "busybox"}},
        "resources": {"it": {"type": "thing", "params": {"first": script}}},
    });
    stack.client.submit(&spec.to_string()).await?.ok()?;
    let resource = stack
        .until("the resource is made, or not", LONG, async || {
            let resource = stack.client.resource("leak", "it").await?;
            Ok(resource.filter(|it| it["state"] == "active" || it["state"] == "failed"))
        })
        .await?;
    stack.client.run(resource["last_run_id"].as_str().context("no run")?).await
}

async fn log(stack: &Stack, run: &Value) -> anyhow::Result<String> {
    stack.client.logs(run["id"].as_str().context("no id")?).await
}

/// That nothing which the api shows, and no row, holds a text.
async fn assert_nowhere(stack: &Stack, run: &Value, text: &str) -> anyhow::Result<()> {
    assert!(!log(stack, run).await?.contains(text), "the log shows {text}");
    let id = run["id"].as_str().context("no id")?;
    for page in [format!("/api/workflows/{id}"), "/api/workflows".into(), "/api/resources".into(), "/metrics".into()] {
        let shown = stack.client.send(Method::GET, &page, &[], None).await?.body.to_string();
        assert!(!shown.contains(text), "{page} shows {text}");
    }
    for table in ["event", "step", "attempt", "run", "resource", "log_line"] {
        let statement: &'static str = format!("SELECT count(*) FROM {table} t WHERE strpos(t::text, $1) > 0").leak();
        let rows: i64 = sqlx::query_scalar(statement).bind(text).fetch_one(&stack.pool).await?;
        assert_eq!(rows, 0, "{table} holds {text}");
    }
    Ok(())
}

#[tokio::test]
async fn a_secret_split_over_two_writes_or_over_the_parts_of_a_long_line_is_masked() -> anyhow::Result<()> {
    let stack = Stack::start(Options::default()).await?;
    // The line is cut at 16 KiB, which is in the middle of the secret.
    let script = "S=$(cat s); printf 'one <%s' \"$(printf %s \"$S\" | cut -c1-7)\"; sleep 1; printf '%s>\\n' \"$(printf %s \"$S\" | cut -c8-)\"\n\
                  head -c 16376 /dev/zero | tr '\\0' a; printf '%s' \"$S\"; head -c 20000 /dev/zero | tr '\\0' b; echo";
    let run = run(&stack, script).await?;
    assert_eq!(run["status"], "completed", "{run:#}");
    let log = log(&stack, &run).await?;
    assert!(log.contains("one <***>"), "{log:.300}");
    for start in 0..=SECRET.len() - 8 {
        assert!(!log.contains(&SECRET[start..start + 8]), "the log shows a part of the secret");
    }
    let (a, b) = (log.matches('a').count(), log.matches('b').count());
    assert!(a >= 16_376 && b >= 20_000, "what is around it is missing: {a} and {b}");
    stack.finish().await
}

#[tokio::test]
async fn a_secret_in_base64_hex_urls_and_json_is_masked() -> anyhow::Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let script = "S=$(cat s); for before in '' a ab; do printf '%s%s' \"$before\" \"$S\" | base64 -w0; echo; printf '%s%sz' \"$before\" \"$S\" | base64 -w0 | tr '+/' '-_'; echo; done\n\
                  printf %s \"$S\" | od -An -v -tx1 | tr -d ' \\n'; echo; printf %s \"$S\" | od -An -v -tx1 | tr -d ' \\n' | tr a-f A-F; echo\n\
                  printf '%s\\n' \"$S\" | sed 's/&/%26/; s#/#%2F#; s#\\\\#%5C#; s/\"/%22/; s/+/%2B/'\n\
                  printf '%s\\n' \"$S\" | sed 's/&/%26/; s#/#%2f#; s#\\\\#%5c#; s/\"/%22/; s/+/%2b/'\n\
                  printf '{\"s\": \"%s\"}\\n' \"$(printf %s \"$S\" | sed 's#\\\\#\\\\\\\\#; s#\"#\\\\\"#')\"";
    let run = run(&stack, script).await?;
    assert_eq!(run["status"], "completed", "{run:#}");
    let log = log(&stack, &run).await?;
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("***")).collect();
    assert_eq!(lines.len(), 11, "{log}");
    // The middle of each form, which no neighbour can change.
    for form in ["cjB1YjRkb3", "RyMHViNGRvc", "VHIwdWI0ZG9y", "3075623464", "%263%2F", "%263%2f", "Tr0ub4dor"] {
        assert_nowhere(&stack, &run, form).await?;
    }
    stack.finish().await
}

#[tokio::test]
async fn a_secret_in_the_title_of_a_group_or_in_an_error_is_masked() -> anyhow::Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let script = "S=$(cat s); echo \"::group::deploy with $S\"; echo \"::error title=$S::$S is wrong\"; echo \"failed: $S\" >&2; exit 3";
    let run = run(&stack, script).await?;
    assert_eq!(run["status"], "failed", "{run:#}");
    let log = log(&stack, &run).await?;
    assert!(log.contains("::group::deploy with ***") && log.contains("::error title=***::*** is wrong"), "{log}");
    // Which of two streams the engine hands on last is its own affair.
    let message = run["error_message"].as_str().unwrap_or_default();
    assert!(message.contains("failed: ***") || message.contains("::error title=***::*** is wrong"), "{run:#}");
    assert_nowhere(&stack, &run, "Tr0ub4dor").await?;
    stack.finish().await
}

#[tokio::test]
async fn a_secret_of_several_lines_is_masked_line_by_line_and_as_a_file_in_base64() -> anyhow::Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let run = run(&stack, "cat m; sed 's/^/> /' m; base64 m; printf %s \"$(cat m)\" | base64 -w64").await?;
    assert_eq!(run["status"], "completed", "{run:#}");
    for line in MULTI.lines() {
        assert_nowhere(&stack, &run, line).await?;
    }
    // How tools begin the lines of the file in base64.
    for form in ["LS0tLS1CRUdJTiBUSElORy0tLS0t", "YkE5dVp5"] {
        assert_nowhere(&stack, &run, form).await?;
    }
    stack.finish().await
}

#[tokio::test]
async fn a_secret_that_a_step_gives_back_is_sealed_and_so_is_what_is_named_after_it() -> anyhow::Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let script = "S=$(cat s); echo \"OUTPUT_key=$S\"; echo \"::set-output name=url::https://u:$S@h\"; echo \"OUTPUT_token=[slipway-\"\"secret:t1:M]\"; echo \"OUTPUT_plain=fine\"";
    let run = run(&stack, script).await?;
    assert_eq!(run["status"], "completed", "{run:#}");
    let outputs = &run["steps"][0]["outputs"];
    assert_eq!((&outputs["key"], &outputs["url"], &outputs["plain"]), (&json!("***"), &json!("***"), &json!("fine")));
    // What a step writes as a token is text, and opens nothing.
    assert_eq!(outputs["token"], "[slipway_secret:t1:M]");
    assert_nowhere(&stack, &run, "Tr0ub4dor").await?;
    stack.finish().await
}

#[tokio::test]
async fn no_metric_has_a_label_that_a_step_chose() -> anyhow::Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let run = run(&stack, "S=$(cat s); echo \"slipway_steps_finished_total{type=\\\"$S\\\"} 1\"").await?;
    assert_eq!(run["status"], "completed", "{run:#}");
    let metrics = stack.client.send(Method::GET, "/metrics", &[], None).await?;
    assert_eq!(metrics.status, 200);
    assert!(!metrics.body.to_string().contains("Tr0ub4dor"));
    assert_nowhere(&stack, &run, "Tr0ub4dor").await?;
    stack.finish().await
}
