//! What hostile input, hostile people and hostile code cannot do: each case with its exact outcome, on real parts.
//!
//! A case is a test, and its name says the outcome; `cargo test --test hostile -- --list` lists them all.
//!
//! | theme | what is tried |
//! |---|---|
//! | `http` | bodies and heads without end, two lengths, odd paths and methods, compressed bodies |
//! | `documents` | YAML and JSON that exhaust or confuse: aliases, depth, size, duplicates, tags, bytes that are no text |
//! | `transport` | plain, old and foreign TLS; certificates that are expired, of another name, of nobody |
//! | `traversal` | files of providers that lead elsewhere, or are pipes, devices, holes |
//! | `git` | addresses and references that are commands, options or secrets |
//! | `templates` | templates, conditions and patterns that want everything; values that look like templates |
//! | `queries` | SQL and JSON paths in every filter, forged cursors, selectors and ids |
//! | `webhooks` | forged, replayed, changed and oversized announcements of forges |
//! | `tickets` | forged, edited, foreign and replayed entries in Redis |
//! | `leases` | a worker's login to the database: forged and lost tokens, other workers' runs and rows, keys and secrets |
//! | `terminal` | escape sequences, links and marks in what a server, a log or a name says |
//! | `browser`, `oidc`, `tokens` | other sites' pages, replayed logins, forged tokens |
//! | `ssrf` | addresses of this machine and its neighbours in every disguise |
//! | `masking` | secrets in logs, errors, titles and figures |
//! | `containers`, `images`, `network`, `services` | steps, services and images that want out of their container, or all of its disk |
//!
//! What a repository that is fetched holds against Slipway is in `scheduler/tests/it/hostile.rs`, and who may do what is in the
//! generated matrix of `api/tests/it/authorization.rs`; workers that
//! have lost their run are in `tests/tests/it/protocol.rs` and `tests/tests/it/faults`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, process::Command};

mod browser;
mod containers;
mod documents;
mod git;
mod http;
mod images;
mod leases;
mod masking;
mod network;
mod oidc;
mod queries;
mod services;
mod ssrf;
mod templates;
mod terminal;
mod tickets;
mod tokens;
mod transport;
mod traversal;
mod webhooks;

/// Cases that the suite has at least.
const LEAST: usize = 140;

#[test]
fn the_suite_has_cases_of_every_theme_and_lost_none() {
    let listed = Command::new(std::env::current_exe().unwrap()).args(["--list", "--format", "terse"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let mut themes: BTreeMap<&str, usize> = BTreeMap::new();
    for (theme, _) in listed.lines().filter_map(|line| line.strip_suffix(": test")?.split_once("::")) {
        *themes.entry(theme).or_default() += 1;
    }
    for theme in [
        "browser",
        "containers",
        "documents",
        "git",
        "http",
        "images",
        "leases",
        "masking",
        "network",
        "oidc",
        "queries",
        "services",
        "ssrf",
        "templates",
        "terminal",
        "tickets",
        "tokens",
        "transport",
        "traversal",
        "webhooks",
    ] {
        assert!(themes.contains_key(theme), "no case of {theme}: {themes:?}");
    }
    let cases: usize = themes.values().sum();
    assert!(cases >= LEAST, "{cases} cases: {themes:?}");
}
