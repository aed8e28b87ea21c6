//! Fills the Postgres of a running installation: `SEED_DATABASE_URL=postgres://… seed-large [RUNS [LINES]]`. For people, it is
//! `make seed-large`.

use std::{io::IsTerminal as _, time::Duration};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use tests::large::{Progress, Size, fill};

/// Parts that the bar is made of.
const WHOLE: f64 = 1000.0;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let url = std::env::var("SEED_DATABASE_URL").context("SEED_DATABASE_URL is not set: run `make seed-large`")?;
    let mut numbers =
        std::env::args().skip(1).map(|given| given.parse().with_context(|| format!("'{given}' is no number")));
    let runs = numbers.next().unwrap_or(Ok(1_000_000))?;
    let lines = numbers.next().unwrap_or(Ok(10 * runs))?;
    let bar = ProgressBar::new(WHOLE as u64);
    bar.set_style(ProgressStyle::with_template("      {bar:40} {percent:>3} % {elapsed}, about {eta} left: {msg}")?);
    bar.enable_steady_tick(Duration::from_millis(500));
    let plain = !std::io::stderr().is_terminal();
    let mut said = "";
    let filled = fill(&url, Size { runs, lines }, |Progress { what, done }| {
        bar.set_position((WHOLE * done) as u64);
        bar.set_message(what);
        if plain && said != what {
            eprintln!("      {:>3.0} %: {what}", done * 100.0);
        }
        said = what;
    })
    .await?;
    bar.finish_and_clear();
    println!("run={} lines={} application={} team={}", filled.longest, filled.lines, filled.application, filled.team);
    Ok(())
}
