//! The whole system, on real parts: a module a subject.
//!
//! One program: a program for each subject would be as many links, of a quarter of a gigabyte each.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

mod acting;
mod audit;
mod autoscale;
mod batches;
mod buckets;
mod compose;
mod counts;
mod dashboard;
mod demand;
mod drift;
mod end_to_end;
mod engine;
mod explained;
mod fairness;
mod faults;
mod figures;
mod git_providers;
mod golden_paths;
mod graph;
mod kubernetes;
mod large;
mod lifecycle;
mod listed;
mod logs;
mod model;
mod notifications;
mod oidc;
mod outgoing_webhooks;
mod protocol;
mod queues;
mod quotas;
mod secrets;
mod traces;
mod waits;
mod workload;
