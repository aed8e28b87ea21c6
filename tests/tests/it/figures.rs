//! The figures of the programs, as Prometheus scrapes them, and the rules that watch them.
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use serde_json::{Value, json};
use shared::{
    config::Config,
    telemetry::{METRICS, Program, metric_named},
};
use tests::{
    process,
    prometheus::{promtool, value_of},
    score::Score,
    stack::{Options, Stack},
};

const MINUTE: Duration = Duration::from_secs(60);

/// Where the scheduler and the worker of the next stack give their figures.
static PORTS: Mutex<(u16, u16)> = Mutex::new((0, 0));

async fn scrape(port: u16) -> anyhow::Result<String> {
    Ok(reqwest::get(format!("http://127.0.0.1:{port}/metrics")).await?.error_for_status()?.text().await?)
}

/// The names of the figures in a text.
fn names(text: &str) -> BTreeSet<String> {
    text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).map(str::to_owned).collect()
}

#[tokio::test]
async fn every_program_gives_figures_that_promtool_takes_and_the_catalogue_knows() -> anyhow::Result<()> {
    let (scheduler, worker) = (process::free_port()?, process::free_port()?);
    *PORTS.lock().unwrap() = (scheduler, worker);
    let configure = |config: &mut Config| {
        let (scheduler, worker) = *PORTS.lock().unwrap();
        config.scheduler.metrics_listen = Some(format!("127.0.0.1:{scheduler}"));
        config.worker.metrics_listen = Some(format!("127.0.0.1:{worker}"));
    };
    let stack = Stack::start(Options { configure, ..Options::scripted() }).await?;
    for script in [r#"{"lines": ["done"]}"#, r#"{"exit_code": 3}"#] {
        let run = stack.client.execute("scripted", &json!({ "script": script })).await?;
        stack.run_becomes(&run, &["completed", "failed"]).await?;
    }
    let asks = stack.client.execute("asks", &json!({})).await?;
    stack.run_becomes(&asks, &["suspended"]).await?;
    stack.client.submit(&Score::new("shop").resource("db", "scripted", &json!({})).yaml()).await?.ok()?;
    stack.resource_becomes("shop", "db", "active").await?;
    // A method and a path that nobody knows are no figures of their own.
    let odd = reqwest::Method::from_bytes(b"BREW")?;
    stack.client.send(odd, "/coffee/0198c7a2-70d9-7494-8221-6f4cc9e19904", &[], None).await?;

    let texts = stack
        .until("the figures are there", MINUTE, async || {
            let Value::String(api) = stack.client.get("/metrics").await? else { return Ok(None) };
            let all = [
                (Program::Api, api),
                (Program::Scheduler, scrape(scheduler).await?),
                (Program::Worker, scrape(worker).await?),
            ];
            // What Postgres counts is up to five seconds old.
            let counted = value_of(&all[0].1, r#"slipway_runs_pending{queue="default",reason="WaitingForApproval"}"#);
            Ok((counted == Some(1.0)).then_some(all))
        })
        .await?;
    for (program, text) in &texts {
        let (content, said) = promtool(&["check", "metrics"], Path::new("/"), text).await?;
        assert!(content && said.trim().is_empty(), "promtool on {}: {said}", program.as_str());
        let names = names(text);
        for name in &names {
            let known = metric_named(name).unwrap_or_else(|| panic!("{name} is in no catalogue"));
            assert!(known.of.contains(program), "{name} comes from {}, which the catalogue denies", program.as_str());
        }
        for metric in METRICS.iter().filter(|it| it.of.contains(program) && it.labels.is_empty()) {
            // A histogram is there when something was observed.
            let observed = !metric.name.ends_with("_seconds") || names.contains(metric.name);
            assert!(
                observed && (names.contains(metric.name) || metric.name.ends_with("_seconds")),
                "{} lacks {}",
                program.as_str(),
                metric.name
            );
        }
        // Nothing is counted by ids or paths.
        let ids = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter(|line| line.contains("0198c7a2") || line.contains(&asks));
        assert_eq!(ids.collect::<Vec<_>>(), Vec::<&str>::new());
    }
    let [(_, api), (_, of_scheduler), (_, of_worker)] = &texts;
    let told = [
        (api, r#"slipway_queue_demand{queue="default"}"#, 0.0),
        (of_scheduler, r#"slipway_queue_demand{queue="default"}"#, 0.0),
        (api, r#"slipway_resources{state="active"}"#, 1.0),
        (api, "slipway_approvals_open", 1.0),
        (api, r#"slipway_workers{state="active"}"#, 1.0),
        (api, r#"slipway_http_requests_total{method="other",route="unmatched",status="4xx"}"#, 1.0),
        (of_worker, r#"slipway_runs_finished_total{status="failed"}"#, 1.0),
        (of_worker, r#"slipway_runs_finished_total{status="completed"}"#, 2.0),
        (of_worker, "slipway_lease_losses_total", 0.0),
        (of_worker, "slipway_stale_writes_refused_total", 0.0),
        (of_worker, r#"slipway_run_seconds_count{status="completed"}"#, 2.0),
    ];
    for (text, series, expected) in told {
        assert_eq!(value_of(text, series), Some(expected), "{series} in\n{text}");
    }
    assert!(value_of(of_worker, r#"slipway_run_wait_seconds_count{queue="default"}"#) >= Some(4.0), "{of_worker}");
    assert!(value_of(of_worker, "slipway_container_start_seconds_count") >= Some(4.0), "{of_worker}");
    stack.finish().await
}

fn deploy(part: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(part)
}

#[tokio::test]
async fn the_alert_rules_are_valid_and_do_what_their_own_tests_say() -> anyhow::Result<()> {
    let folder = deploy("prometheus");
    for arguments in [["check", "rules", "slipway.rules.yaml"], ["test", "rules", "slipway.rules.test.yaml"]] {
        let (content, said) = promtool(&arguments, &folder, "").await?;
        assert!(content, "promtool {}: {said}", arguments.join(" "));
    }
    Ok(())
}

/// The names of figures in an expression.
fn used(expression: &str) -> impl Iterator<Item = &str> {
    let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("slipway_"))
}

fn check_used(expression: &str, place: &str) {
    for name in used(expression) {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        assert!(
            metric_named(base).is_some() || name.starts_with("slipway_job"),
            "{place} asks for {name}, which nobody gives"
        );
    }
}

#[test]
fn rules_and_dashboard_ask_for_nothing_that_is_not_given() -> anyhow::Result<()> {
    let rules: Value = serde_yaml::from_str(&std::fs::read_to_string(deploy("prometheus/slipway.rules.yaml"))?)?;
    let mut expressions = 0;
    for group in rules["groups"].as_array().unwrap() {
        for rule in group["rules"].as_array().unwrap() {
            check_used(rule["expr"].as_str().unwrap(), &rule["alert"].to_string());
            for name in ["summary", "description", "runbook"] {
                assert!(rule["annotations"][name].is_string(), "{} lacks {name}", rule["alert"]);
            }
            expressions += 1;
        }
    }
    let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(deploy("grafana/slipway.json"))?)?;
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            check_used(target["expr"].as_str().unwrap(), &panel["title"].to_string());
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
            expressions += 1;
        }
    }
    assert!(expressions > 20);
    // Panels do not lie on each other.
    let places: Vec<_> = dashboard["panels"].as_array().unwrap().iter().map(|panel| panel["gridPos"].clone()).collect();
    let side = |place: &Value, name: &str| place[name].as_u64().unwrap();
    for (index, one) in places.iter().enumerate() {
        assert!(side(one, "x") + side(one, "w") <= 24, "{one}");
        for other in &places[index + 1..] {
            let apart = |at: &str, length: &str| {
                side(one, at) + side(one, length) <= side(other, at)
                    || side(other, at) + side(other, length) <= side(one, at)
            };
            assert!(apart("x", "w") || apart("y", "h"), "{one} lies on {other}");
        }
    }
    Ok(())
}
