//! From a submission to the start of its step where no worker is: the scaler hears of it, starts one, and it takes the run.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::{sys::signal::Signal, unistd::Pid};
use serde_json::json;
use tests::{
    command_line,
    stack::{Options, Stack},
};

use crate::report::{Figure, Report, percentile};

const ROUNDS: usize = 5;
const GOAL_S: f64 = 5.0;

/// A scaler, ended in order when this is dropped, and its workers with it.
struct Scaler(Child);

impl Scaler {
    fn start(stack: &Stack, folder: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(command_line::program()?);
        command.args(["autoscale", "--max", "1", "--cooldown", "1s", "--dir"]).arg(folder);
        command.env("SLIPWAY_URL", stack.client.base()).env("SLIPWAY_API_KEY", stack.client.key());
        command.env("SLIPWAY_CONFIG", stack.worker_config());
        Ok(Self(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?))
    }
}

impl Drop for Scaler {
    fn drop(&mut self) {
        // It cannot be gone: nobody else waits for it.
        let _ = nix::sys::signal::kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let options =
        Options { workers: 0, configure: |config| config.log.filter = "warn".to_owned(), ..Options::scripted() };
    let stack = Stack::start(options).await?;
    let folder = tempfile::tempdir()?;
    let scaler = Scaler::start(&stack, folder.path())?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let sent = chrono::Utc::now();
        let run = stack.client.execute("no-op", &json!({})).await?;
        let sql = "SELECT min(started_at) FROM attempt WHERE run_id = $1::uuid";
        let started = stack
            .until("the step has started", Duration::from_secs(30), async || {
                let found: Option<chrono::DateTime<chrono::Utc>> =
                    sqlx::query_scalar(sql).bind(&run).fetch_one(&stack.pool).await?;
                Ok(found)
            })
            .await?;
        times.push((started - sent).as_seconds_f64());
        stack
            .until("no worker is left", Duration::from_secs(60), async || {
                Ok((stack.count("SELECT count(*) FROM worker WHERE state <> 'stopped'").await? == 0).then_some(()))
            })
            .await?;
    }
    drop(scaler);
    let half = percentile(&mut times, 0.5);
    let goal = format!("p50 < {GOAL_S} s");
    report.add(Figure::new("submitted to step started, from no worker, p50", half, "s").goal(goal, half < GOAL_S));
    report.add(Figure::new("submitted to step started, from no worker, most", percentile(&mut times, 1.0), "s"));
    stack.finish().await
}
