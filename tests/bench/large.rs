//! How long lists and views take to be answered where there are a million runs and ten million lines of log (or ten times
//! `SLIPWAY_BENCH_RUNS`), and how long until a browser shows them.

mod pages;
mod requests;

use std::time::Instant;

use anyhow::Context as _;
use shared::config::Config;
use tests::{
    alone::Alone,
    client::Client,
    large::{Size, fill_alone},
};

use crate::report::{Figure, Report, percentile};
use requests::Kind;

/// Times that each question is asked.
const ROUNDS: usize = 100;
/// Of those before, which find caches cold.
const WARM_UP: usize = 10;
const GOAL_MS: f64 = 50.0;

pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let runs = match std::env::var("SLIPWAY_BENCH_RUNS") {
        Ok(given) => given.parse().with_context(|| format!("SLIPWAY_BENCH_RUNS: '{given}' is no number"))?,
        Err(_) => 1_000_000,
    };
    let size = Size { runs, lines: 10 * runs };
    let alone = Alone::start(|config: &mut Config| {
        config.log.filter = "warn".to_owned();
        pages::with_people(config);
    })
    .await?;
    let began = Instant::now();
    let mut said = "";
    let filled = fill_alone(&alone.database.url, size, |progress| {
        if said != progress.what {
            println!("  {:>3.0} % of {runs} runs written, next: {}", progress.done * 100.0, progress.what);
        }
        said = progress.what;
    })
    .await?;
    report.add(Figure::new(
        format!("{runs} runs, {} lines of log written", size.lines),
        began.elapsed().as_secs_f64(),
        "s",
    ));

    let mut worst: Option<(String, f64)> = None;
    for question in requests::all(&alone.client, &filled).await? {
        let mut taken = answers(&alone.client, &question.paths).await?;
        let [half, most, all] = [0.5, 0.95, 0.99].map(|share| percentile(&mut taken, share));
        let figure = Figure::new(format!("{}, p95", question.name), most, "ms").beside("p50", half).beside("p99", all);
        let held = question.kind == Kind::Indexed;
        report.add(if held && most >= GOAL_MS { figure.goal(format!("< {GOAL_MS} ms"), false) } else { figure });
        if held && worst.as_ref().is_none_or(|(_, least)| most > *least) {
            worst = Some((question.name, most));
        }
    }
    let (name, ms) = worst.context("nothing was asked")?;
    let figure = Figure::new(format!("slowest list or view of {runs} runs, p95"), ms, "ms");
    report.add(figure.goal(format!("< {GOAL_MS} ms ({name})"), ms < GOAL_MS));
    pages::measure(report, &alone, &filled).await
}

/// Milliseconds that each answer took, of one after another.
async fn answers(client: &Client, paths: &[String]) -> anyhow::Result<Vec<f64>> {
    let mut taken = Vec::with_capacity(ROUNDS);
    for (round, path) in paths.iter().cycle().take(WARM_UP + ROUNDS).enumerate() {
        let began = Instant::now();
        client.get(path).await?;
        if round >= WARM_UP {
            taken.push(began.elapsed().as_secs_f64() * 1e3);
        }
    }
    Ok(taken)
}
