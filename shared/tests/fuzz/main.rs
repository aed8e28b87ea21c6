//! Fuzz targets: every reader of what others write is given what nobody meant to write.
//!
//! `cargo-fuzz` needs a nightly compiler, and this workspace is built by a stable one; so the targets are made of proptest. Each has
//! seeds: the files of `shared/tests/corpus/TARGET` (of a `lines.txt` there, each line is one), and for the formats also
//! what ships in `providers/` and `examples/`. Every seed is replayed first, then changed by a seeded generator that
//! knows lines, values and the words of the format ([`change`]). A reader must not panic, must not take more memory in all
//! than its input allows ([`work`]; a figure that is the same on every machine, where a clock's is not), must say what
//! is wrong within bounds, and must read again what it has written. An input that fails is made as small as it
//! goes and written into the corpus, where it stays: commit it with what mends it. One that kills the process is left as
//! `fuzz-TARGET` in cargo's folder for the files of tests (`target/tmp`).
//!
//! `SLIPWAY_FUZZ_CASES=100000 cargo nextest run -p shared --test fuzz` looks for longer, `SLIPWAY_FUZZ_SEED=7` elsewhere.
//! Readers that are private to the api (signatures of incoming webhooks, cursors of pages) have their targets beside them,
//! in `api/src/webhooks/fuzz.rs` and `api/src/page/fuzz.rs`.

mod change;
mod corpus;
mod files;
mod texts;
mod work;

use std::{
    cell::Cell,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use proptest::{
    collection::vec,
    prelude::{any, prop_oneof},
    sample::Index,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};

/// Cases of a target in a plain run.
const CASES: u32 = 600;
/// Changes that one case may make to its seed.
const MAX_CHANGES: usize = 8;

/// Whether the input was read (`true`) or refused, or what is wrong with how it was.
type Finding = Result<bool, String>;

/// Gives an input to a reader.
type Check = Box<dyn Fn(&[u8]) -> Finding>;

/// A reader, and what it is tried with.
struct Target {
    /// The folder of its corpus.
    name: &'static str,
    seeds: Vec<Vec<u8>>,
    /// What its format is made of.
    words: &'static [&'static str],
    /// Bytes that it may allocate in all, beside [`work::PER_BYTE`] for each of the input.
    allowance: usize,
    check: Check,
}

/// Replays the seeds of a target, then changes them.
fn fuzz(target: &Target) {
    assert!(!target.seeds.is_empty(), "{} has no corpus", target.name);
    for seed in &target.seeds {
        if let Err(finding) = attempt(target, seed) {
            panic!("{}: {finding}\nin this part of its corpus:\n{}", target.name, String::from_utf8_lossy(seed));
        }
    }
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&setting("SLIPWAY_FUZZ_SEED", 1).to_le_bytes());
    let config = Config {
        cases: u32::try_from(setting("SLIPWAY_FUZZ_CASES", CASES.into())).unwrap_or(u32::MAX),
        // The corpus keeps inputs, which outlive the generator.
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let (tried, read, dearest) = (Cell::new(0_u32), Cell::new(0_u32), Cell::new(0_usize));
    // One change is often read, several seldom are: both are wanted.
    let changes = prop_oneof![vec(change::any_change(), 1..=2), vec(change::any_change(), 1..=MAX_CHANGES)];
    let strategy = (any::<Index>(), changes);
    let outcome = runner.run(&strategy, |(index, changes)| {
        let input = change::applied(&target.seeds, &index, &changes, target.words);
        let (was_read, allocated) = attempt(target, &input).map_err(TestCaseError::fail)?;
        dearest.set(dearest.get().max(allocated));
        tried.set(tried.get() + 1);
        read.set(read.get() + u32::from(was_read));
        Ok(())
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(finding, (index, changes))) => {
            let kept = corpus::keep(target.name, &change::applied(&target.seeds, &index, &changes, target.words));
            panic!("{}: {finding}\nkept as {}", target.name, kept.display());
        }
        Err(TestError::Abort(reason)) => panic!("{}: {reason}", target.name),
    }
    println!(
        "{}: {} seeds, {} cases, {} of them read, at most {} KiB of memory in all",
        target.name,
        target.seeds.len(),
        tried.get(),
        read.get(),
        dearest.get() / 1024
    );
    assert!(read.get() > 0, "{}: nothing was read, so only refusals were tried", target.name);
    assert!(read.get() < tried.get(), "{}: nothing was refused, so the changes change nothing", target.name);
}

/// One input, given to the reader: whether it was read, and the bytes of memory that it took.
fn attempt(target: &Target, input: &[u8]) -> Result<(bool, usize), String> {
    // An overflow of the stack leaves nothing behind but this.
    let at_work = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{}", target.name));
    fs::write(&at_work, input).map_err(|error| format!("{} cannot be written: {error}", at_work.display()))?;
    let (outcome, allocated) = work::measured(|| catch_unwind(AssertUnwindSafe(|| (target.check)(input))));
    let read = outcome.map_err(|_| "it panicked; the message is above".to_owned())??;
    let allowed = target.allowance.saturating_add(input.len().saturating_mul(work::PER_BYTE));
    if allocated > allowed {
        return Err(format!("{} bytes of input took {allocated} bytes of memory, not {allowed}", input.len()));
    }
    Ok((read, allocated))
}

/// A number from the environment.
fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is '{text}', which is no number")),
        Err(_) => default,
    }
}

/// A check that an input fails with what is said.
fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
