//! The dashboard, as people use it: the distribution's Chromium against a whole Slipway.

mod scene;

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::Context as _;
use serde_json::{Value, json};
use shared::{
    config::Config,
    password,
    people::{People, Person},
};
use tests::{
    process::find,
    stack::{Options, Stack},
};
use tokio::process::Command;

const PASSWORD: &str = "correct horse";
/// Failed runs, which are retried all at once.
const MANY: usize = 5_000;

fn with_people(config: &mut Config) {
    scene::with_platform(config);
    let folder = config.archive.url.trim_start_matches("file://").rsplit_once('/').map_or("", |(folder, _)| folder);
    config.identity.people_file = Some(format!("{folder}/people.yaml").into());
}

/// What a journey needs beside Slipway.
struct Browser {
    folder: PathBuf,
    node: PathBuf,
    chromium: PathBuf,
}

impl Browser {
    fn find() -> anyhow::Result<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dashboard").canonicalize()?;
        let node = find("node", &[]).context("no `node` on PATH; on Debian or Ubuntu: apt-get install nodejs")?;
        let chromium =
            find("chromium", &[]).context("no `chromium` on PATH; on Debian or Ubuntu: apt-get install chromium")?;
        anyhow::ensure!(
            folder.join("node_modules/playwright-core").exists(),
            "what the dashboard is tested with is not there: run `npm ci` in dashboard/"
        );
        Ok(Self { folder, node, chromium })
    }

    /// Has a person do one part of the journey.
    async fn go(&self, part: &str, mut given: Value) -> anyhow::Result<()> {
        (given["part"], given["chromium"]) = (json!(part), json!(self.chromium));
        let journey = Command::new(&self.node)
            .arg("e2e/journey.mjs")
            .arg(given.to_string())
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let began = std::time::Instant::now();
        let over =
            tokio::time::timeout(Duration::from_secs(600), journey).await.context("the journey has no end")??;
        anyhow::ensure!(
            over.status.success(),
            "{}\n{}",
            String::from_utf8_lossy(&over.stdout),
            String::from_utf8_lossy(&over.stderr)
        );
        println!("{part}: {:.1} s", began.elapsed().as_secs_f64());
        print!("{}", String::from_utf8_lossy(&over.stdout));
        Ok(())
    }
}

#[tokio::test]
async fn people_find_what_failed_act_on_it_and_see_every_page_in_both_themes_on_any_screen() -> anyhow::Result<()> {
    let browser = Browser::find()?;
    // Slots for thousands of runs at once.
    let stack = Stack::start(Options { configure: with_people, slots: 32, ..Options::scripted() }).await?;
    let ada = Person {
        name: "ada".into(),
        password: password::hash(PASSWORD)?,
        roles: vec!["admin".into()],
        teams: vec!["default".into()],
        disabled: false,
    };
    let file = stack.config.identity.people_file.as_ref().context("no file of people")?;
    People { people: vec![ada] }.write(file)?;
    let scene = scene::make(&stack).await?;

    let pictures = std::env::var_os("PICTURES").map(|_| browser.folder.join("../docs/images"));
    let mut given = json!({
        "base": stack.client.base(), "name": "ada", "password": PASSWORD, "pictures": pictures, "failed": scene.failed,
        "release": scene.release, "asking": scene.asking, "batch": scene.batch, "resource": scene.resource,
        "pages": ["/applications/shop", "/applications/search", format!("/resources/{}", scene.resource),
                  format!("/resources/{}", scene.troubled), "/providers/platform", "/golden-paths/release",
                  format!("/batches/{}", scene.batch), "/nowhere"],
        "many": {"runs": MANY, "filter": "workflow=scripted&status=failed"},
    });
    browser.go("look", given.clone()).await?;
    given["hostile"] = json!(hostile_run(&stack).await?);
    // Only now: what is looked at is a day's work, not five thousand times the same.
    scene.clear(&stack).await?;
    copy_run(&stack, &scene.failed, MANY - 1).await?;
    browser.go("many", given).await?;
    stack.finish().await
}

/// A run whose step prints what would be run, shown or obeyed where it is not taken for text.
async fn hostile_run(stack: &Stack) -> anyhow::Result<String> {
    let run = "globalThis.ran = (globalThis.ran ?? 0) + 1";
    let lines = [
        format!("<script>{run}</script><img src=x onerror=\"{run}\">"),
        "\u{1b}]0;title\u{7}\u{1b}]8;;javascript:alert(1)\u{1b}\\here\u{1b}]8;;\u{1b}\\ \u{1b}[31mred".to_owned(),
        "::group::<svg onload=alert(1)>\u{202e}gnp.exe\u{2066}".to_owned(),
        format!("javascript:alert(1) data:text/html,<script>{run}</script>"),
        "W".repeat(10_000),
    ];
    let script = json!({ "lines": lines, "exit_code": 3 }).to_string();
    let id = stack.client.execute("scripted", &json!({ "script": script })).await?;
    stack.run_becomes(&id, &["failed"]).await?;
    Ok(id)
}

/// As many runs like one that is over.
async fn copy_run(stack: &Stack, run: &str, count: usize) -> anyhow::Result<()> {
    let ids: Vec<uuid::Uuid> = (0..count).map(|_| uuid::Uuid::now_v7()).collect();
    for statement in [
        "INSERT INTO run SELECT (jsonb_populate_record(r, jsonb_build_object('id', n.id, 'root_run_id', n.id))).*
         FROM run r, UNNEST($2) n (id) WHERE r.id = $1::uuid",
        "INSERT INTO step SELECT (jsonb_populate_record(s, jsonb_build_object('id', gen_random_uuid(), 'run_id', n.id))).*
         FROM step s, UNNEST($2) n (id) WHERE s.run_id = $1::uuid",
    ] {
        sqlx::query(statement).bind(run).bind(&ids).execute(&stack.pool).await?;
    }
    Ok(())
}
