//! `deploy/compose` as an operator starts it, by compose, from images that are packed here.

mod site;

use std::{collections::BTreeSet, time::Duration};

use anyhow::Context as _;
use serde_json::json;
use tests::{engine, score::Score, wait};

use site::Site;

const MINUTE: Duration = Duration::from_secs(60);

/// A script that holds its first try for ever; any later one ends.
const HOLD_FIRST_TRY: &str = "[ $SLIPWAY_ATTEMPT -gt 1 ] || { echo in; sleep 600; }; echo through";

#[tokio::test]
async fn the_stack_makes_resources_while_apis_die_and_a_workers_host_is_cut_off() -> anyhow::Result<()> {
    let site = Site::start().await?;

    // From no worker to two, by the demand alone.
    let score = Score::new("first").resource("it", "thing", &json!({"second": "echo made"}));
    site.client.submit(&score.yaml()).await?.ok()?;
    site.demand_is(1).await?;
    let told = site.autoscale(&["--min", "2", "--max", "2"]).await?;
    assert_eq!(told.iter().filter(|news| news["event"] == "started").count(), 2, "{told:#?}");
    site.resource_becomes("first", "it", "active").await?;

    // An api is killed: the proxy goes on with the other, and the engine starts it again.
    let api = site.container("api-1").await?;
    engine::docker(&["exec", &api, "bash", "-c", "kill -9 $(pidof slipway-api)"]).await?;
    let score = Score::new("second").resource("it", "thing", &json!({}));
    site.submit_patiently(&score.yaml()).await?;
    site.resource_becomes("second", "it", "active").await?;

    // The host of the worker that drives a run is cut off: another one ends the work, once.
    let score = Score::new("third").resource("it", "thing", &json!({"second": HOLD_FIRST_TRY}));
    site.client.submit(&score.yaml()).await?.ok()?;
    let run = site.run_of("third").await?;
    let holder = holder_of(&site, &run).await?;
    site.cut_off(&holder).await?;
    site.resource_becomes("third", "it", "active").await?;
    let run = site.client.run(&run).await?;
    assert_eq!((&run["status"], &run["losses"]), (&json!("completed"), &json!(1)), "{run:#}");
    let tries: Vec<usize> =
        run["steps"].as_array().unwrap().iter().map(|step| step["attempts"].as_array().map_or(0, Vec::len)).collect();
    assert_eq!(tries, [1, 2], "what was over is not done again: {run:#}");

    // Back, it takes runs again.
    site.let_back(&holder).await?;
    site.workers_are_idle(2).await?;
    batch_ends_right_beside_a_cut(&site).await?;

    // What only the worker may reach, and who has which rights.
    for service in ["api-2", "scheduler-1", "scheduler-2", "postgres", "redis", "proxy"] {
        let found =
            engine::docker(&["inspect", "--format", "{{json .Mounts}}", &site.container(service).await?]).await?;
        assert!(!found.contains("docker.sock"), "{service} reaches the engine: {found}");
    }
    let all =
        engine::docker(&["ps", "--quiet", "--filter", &format!("label=com.docker.compose.project={}", site.project)])
            .await?;
    for id in all.split_whitespace() {
        let format = "{{.Name}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}} {{.Config.User}}";
        let said = engine::docker(&["inspect", "--format", format, id]).await?;
        assert!(said.trim().ends_with(" true [ALL] [no-new-privileges:true] 65532:65532"), "{said}");
    }

    // From two workers to none, by the demand alone: who is to go takes no more first, and drives nothing.
    site.demand_is(0).await?;
    let mut told = Vec::new();
    wait::until("no container of a worker is left", 2 * MINUTE, async || {
        told.extend(site.autoscale(&["--min", "0", "--max", "2", "--cooldown", "1s"]).await?);
        Ok(site.containers("worker").await?.is_empty().then_some(()))
    })
    .await?;
    for event in ["cordoned", "stopped"] {
        let those: BTreeSet<_> =
            told.iter().filter(|news| news["event"] == event).map(|news| news["worker"].as_str()).collect();
        assert_eq!(those.len(), 2, "{event}: {told:#?}");
    }
    assert!(told.iter().all(|news| news["event"] != "cordoned" || news["running"] == 0), "{told:#?}");
    site.finish().await
}

/// The container of the worker that drives a run, once the run's step has begun.
async fn holder_of(site: &Site, run: &str) -> anyhow::Result<String> {
    wait::until("a worker holds the step", MINUTE, async || {
        let Ok(log) = site.client.logs(run).await else { return Ok(None) };
        if !log.lines().any(|line| line.split_whitespace().last() == Some("in")) {
            return Ok(None);
        }
        site.driver(run).await
    })
    .await
}

/// Makes resources anew, of which one is being worked on when the host of its worker is cut off.
async fn batch_ends_right_beside_a_cut(site: &Site) -> anyhow::Result<()> {
    let parts: Vec<String> = (0..6).map(|number| format!("part-{number}")).collect();
    let score = parts.iter().fold(Score::new("fleet"), |score, part| {
        let params = if part == "part-2" { json!({"change": HOLD_FIRST_TRY}) } else { json!({}) };
        score.resource(part, "thing", &params)
    });
    site.client.submit(&score.yaml()).await?.ok()?;
    for part in &parts {
        site.resource_becomes("fleet", part, "active").await?;
    }
    let wish = json!({
        "select": "type=thing,application=fleet", "operation": "reprovision", "waves": "2,100%", "max_in_flight": 3, "max_failures": "0",
    });
    let made = site.client.post("/api/batches", &wish).await?.ok()?;
    let batch = format!("/api/batches/{}", made["id"].as_str().context("a batch without an id")?);
    let approval = json!({"digest": made["digest"]});
    site.client.post(&format!("{batch}/approve"), &approval).await?.ok()?;
    let run = wait::until("its run has begun", MINUTE, async || {
        let part = site.client.resource("fleet", "part-2").await.ok().flatten();
        Ok(part.and_then(|part| part["current_run_id"].as_str().map(str::to_owned)))
    })
    .await?;
    let holder = holder_of(site, &run).await?;
    site.cut_off(&holder).await?;
    let over = wait::until("the batch is over", 2 * MINUTE, async || {
        let Ok(seen) = site.client.get(&batch).await else { return Ok(None) };
        Ok((seen["status"] != "running").then_some(seen))
    })
    .await?;
    assert_eq!(
        (&over["status"], &over["succeeded"], &over["failed"]),
        (&json!("completed"), &json!(6), &json!(0)),
        "{over:#}"
    );
    let items = site.client.get(&format!("{batch}/items")).await?;
    let by_items: BTreeSet<_> =
        items["items"].as_array().into_iter().flatten().map(|item| item["run_id"].as_str()).collect();
    let runs = site.client.get("/api/workflows?application=fleet&operation=update&limit=100").await?;
    let runs: BTreeSet<_> = runs["items"].as_array().into_iter().flatten().map(|run| run["id"].as_str()).collect();
    assert!(runs.len() == 6 && runs == by_items, "one run an item: {runs:?}, and {by_items:?}");
    assert_eq!(site.client.run(&run).await?["losses"], 1, "the run that was cut off goes on");
    site.let_back(&holder).await?;
    site.workers_are_idle(2).await
}
