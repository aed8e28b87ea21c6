//! How long until a browser shows them, and how long it works on a frame of a log.

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::json;
use shared::{
    config::Config,
    password,
    people::{People, Person},
};
use tests::{alone::Alone, large::Filled, process::find};
use tokio::process::Command;

use crate::report::{Figure, Report, percentile};

const NAME: &str = "ada";
const PASSWORD: &str = "correct horse";
/// A page is there at once when it takes no longer; nobody has promised it.
const PATIENCE: Duration = Duration::from_secs(300);
const FRAME_GOAL_MS: f64 = 8.0;

pub(super) fn with_people(config: &mut Config) {
    let folder = config.archive.url.trim_start_matches("file://").rsplit_once('/').map_or("", |(folder, _)| folder);
    config.identity.people_file = Some(format!("{folder}/people.yaml").into());
}

/// What e2e/pages.mjs has measured.
#[derive(Debug, Deserialize)]
struct Shown {
    page: String,
    /// Milliseconds from the start of the navigation until the main content was there.
    ms: Vec<f64>,
}

pub(super) async fn measure(report: &mut Report, alone: &Alone, filled: &Filled) -> anyhow::Result<()> {
    let ada = Person {
        name: NAME.into(),
        password: password::hash(PASSWORD)?,
        roles: vec!["admin".into()],
        teams: vec![filled.team.clone()],
        disabled: false,
    };
    let file = alone.config.identity.people_file.as_ref().context("no file of people")?;
    People { people: vec![ada] }.write(file)?;
    let chromium =
        find("chromium", &[]).context("no `chromium` on PATH; on Debian or Ubuntu: apt-get install chromium")?;
    let given = json!({
        "base": alone.url, "name": NAME, "password": PASSWORD, "chromium": chromium,
        "run": filled.longest, "application": filled.application, "resource": filled.resource,
    });
    let told = node(alone, &["e2e/pages.mjs", &given.to_string()]).await?;
    for mut shown in serde_json::from_str::<Vec<Shown>>(&told).context("reading what e2e/pages.mjs told")? {
        let most = percentile(&mut shown.ms, 0.95);
        let figure = Figure::new(format!("page shown: {}, p95", shown.page), most, "ms");
        report.add(figure.beside("p50", percentile(&mut shown.ms, 0.5)));
    }
    let told = node(alone, &["scripts/frames.mjs", &filled.longest.to_string()]).await?;
    for line in told.lines() {
        // As `scrolling by the wheel: 240 frames, p50 1.20 ms, p95 3.40 ms, max 9.00 ms`.
        let Some((way, figures)) = line.split_once(": ") else { continue };
        let of = |name: &str| {
            figures.split(", ").find_map(|part| part.strip_prefix(name)?.trim().strip_suffix(" ms")?.parse().ok())
        };
        let (half, most): (f64, f64) = of("p50").zip(of("p95")).with_context(|| format!("reading '{line}'"))?;
        let figure =
            Figure::new(format!("a frame of {} lines, {way}, p95", filled.lines), most, "ms").beside("p50", half);
        report.add(figure.goal(format!("< {FRAME_GOAL_MS} ms"), most < FRAME_GOAL_MS));
    }
    Ok(())
}

/// What a script of the dashboard prints. Its exit code says whether its own limits are kept, which is told here by figures.
async fn node(alone: &Alone, arguments: &[&str]) -> anyhow::Result<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dashboard").canonicalize()?;
    let node = find("node", &[]).context("no `node` on PATH; on Debian or Ubuntu: apt-get install nodejs")?;
    anyhow::ensure!(folder.join("node_modules").exists(), "no packages for the dashboard: run `npm ci` in dashboard/");
    let script = Command::new(node)
        .args(arguments)
        .current_dir(&folder)
        .env("SLIPWAY_URL", &alone.url)
        .env("SLIPWAY_API_KEY", alone.client.key())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let over =
        tokio::time::timeout(PATIENCE, script).await.with_context(|| format!("{} has no end", arguments[0]))??;
    let told = String::from_utf8_lossy(&over.stdout).into_owned();
    anyhow::ensure!(!told.is_empty(), "{}: {}", arguments[0], String::from_utf8_lossy(&over.stderr));
    Ok(told)
}
