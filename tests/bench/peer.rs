//! graphile-worker from npm, at a pinned version, on the same Postgres.

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::Context as _;
use serde_json::Value;
use tests::database::TestDatabase;

/// Jobs a second that do nothing, queued beforehand.
pub(crate) async fn measure(jobs: usize, concurrency: usize) -> anyhow::Result<f64> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/peer");
    let folder = tempfile::tempdir()?;
    for file in ["package.json", "jobs.js"] {
        std::fs::copy(sources.join(file), folder.path().join(file))?;
    }
    let install = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
    run("npm", &install, folder.path(), &[]).await?;
    let database = TestDatabase::create().await?;
    let environment =
        [("DATABASE_URL", database.url.clone()), ("JOBS", jobs.to_string()), ("CONCURRENCY", concurrency.to_string())];
    let printed = run("node", &["jobs.js"], folder.path(), &environment).await?;
    let answer: Value =
        serde_json::from_str(printed.lines().last().unwrap_or_default()).context("what jobs.js printed")?;
    answer["per_second"].as_f64().with_context(|| format!("no rate in {answer}"))
}

async fn run(
    program: &str,
    arguments: &[&str],
    folder: &Path,
    environment: &[(&str, String)],
) -> anyhow::Result<String> {
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    let output = tokio::time::timeout(Duration::from_secs(180), command.output())
        .await
        .with_context(|| format!("{program} {} takes more than three minutes", arguments.join(" ")))?
        .with_context(|| {
            format!("{program} is not installed: the peer runs on Node.js 18 or later (apt-get install nodejs npm)")
        })?;
    anyhow::ensure!(
        output.status.success(),
        "{program} {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}
