//! The api, called over HTTP on a real Postgres: a module a subject.
//!
//! One program: a program for each subject would be as many links, of a quarter of a gigabyte each.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod approvals;
mod authorization;
mod bulk;
mod cursors;
mod events;
mod execute;
mod explain;
mod fairness;
mod golden_paths;
mod graph;
mod harness;
mod hostile;
mod identity;
mod keys;
mod limits;
mod lists;
mod log_parts;
mod logs;
mod people;
mod planning;
mod provider_sources;
mod queues;
mod state_protocol;
mod submission;
mod teams;
