//! Measures the system, each figure beside one of a peer or a limit taken in the same run. Prints a table and writes
//! `bench.json` into the workspace's folder; a run of a part replaces only its own figures there.
//!
//! `cargo bench -p tests` runs everything; names after `--` choose: submissions, runs, latency, containers, promotion,
//! fairness, batches, large, scaling, memory, hostile (workflow-files alone is a part of it), hostile-load, overhead.

mod batches;
mod containers;
mod fairness;
mod hostile;
mod hostile_load;
mod large;
mod latency;
mod memory;
mod overhead;
mod peer;
mod promotion;
mod report;
mod runs;
mod scaling;
mod submissions;

use std::path::Path;

use anyhow::Context as _;

use report::Report;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        // `cargo test --all-targets` starts benches too, unoptimised and without meaning to measure.
        println!("measures only when started by `cargo bench`");
        return Ok(());
    }
    let chosen: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let wants = |name: &str| chosen.is_empty() || chosen.iter().any(|one| *one == name);
    let profile = if cfg!(debug_assertions) { "dev (unoptimised: figures mislead)" } else { "release" };
    let mut report = Report::new(profile);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        if wants("submissions") {
            submissions::measure(&mut report).await.context("submissions")?;
        }
        if wants("runs") {
            runs::measure(&mut report).await.context("runs")?;
        }
        if wants("overhead") {
            overhead::measure(&mut report).await.context("overhead")?;
        }
        if wants("latency") {
            latency::measure(&mut report).await.context("latency")?;
        }
        if wants("containers") {
            containers::measure(&mut report).await.context("containers")?;
        }
        if wants("promotion") {
            promotion::measure(&mut report).await.context("promotion")?;
        }
        if wants("fairness") {
            fairness::measure(&mut report).await.context("fairness")?;
        }
        if wants("batches") {
            batches::measure(&mut report).await.context("batches")?;
        }
        if wants("large") {
            large::measure(&mut report).await.context("large")?;
        }
        if wants("scaling") {
            scaling::measure(&mut report).await.context("scaling")?;
        }
        if wants("memory") {
            memory::measure(&mut report).await.context("memory")?;
        }
        if wants("hostile") {
            hostile::measure(&mut report).await.context("hostile")?;
        } else if wants("workflow-files") {
            hostile::workflow_files(&mut report);
        }
        if wants("hostile-load") {
            hostile_load::measure(&mut report).await.context("hostile-load")?;
        }
        anyhow::Ok(())
    })?;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bench.json");
    report.write(&file, chosen.is_empty())?;
    print!("{report}");
    println!("written to {}", file.canonicalize()?.display());
    Ok(())
}
