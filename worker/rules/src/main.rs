//! Decides by rules whether a run goes on: Rego policies, JSON Schemas, assertions; and writes what a workload is by the
//! rules of Kubernetes. One static program, laid into the image of the step types `policy`, `validation` and
//! `workload-manifests`.
//!
//! `slipway-rules policy|validation|workload` reads its configuration from `/run/slipway/files/config.json` and writes what it
//! found to the step's outputs. Exit code 0: the rules are kept; 1: they are not; 2: they cannot be read.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what it prints is the step's log")]

mod finding;
mod place;
mod policy;
mod rego;
mod validation;
mod workload;

use std::{fs, path::Path, process::ExitCode};

use anyhow::{Context as _, bail};
use finding::Finding;
use place::Place;
use serde::de::DeserializeOwned;

const CONFIG: &str = "/run/slipway/files/config.json";

fn main() -> ExitCode {
    let kind = std::env::args().nth(1).unwrap_or_default();
    if kind == "workload" {
        return match read(Path::new(CONFIG)).and_then(|asked| workload::run(&asked)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("workload-manifests step: {error:#}");
                ExitCode::from(2)
            }
        };
    }
    match decide(&kind, Path::new(CONFIG), &Place::of_step()).and_then(|finding| finding.report(&kind)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("{kind} step: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn decide(kind: &str, config: &Path, place: &Place) -> anyhow::Result<Finding> {
    match kind {
        "policy" => policy::decide(&read(config)?, place),
        "validation" => validation::decide(&read(config)?, place),
        other => bail!("expected 'policy', 'validation' or 'workload', not '{other}'"),
    }
}

fn read<T: DeserializeOwned>(config: &Path) -> anyhow::Result<T> {
    let text = fs::read_to_string(config).with_context(|| format!("the configuration {}", config.display()))?;
    serde_json::from_str(&text).context("the configuration")
}
