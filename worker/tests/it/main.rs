//! The worker, on a real Postgres and Redis, with the scripted engine or real containers: a module a subject.
//!
//! One program: a program for each subject would be as many links, of a quarter of a gigabyte each.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

mod allowance;
mod any_graph;
mod archives;
mod course;
mod drive;
mod endings;
mod engine_docker;
mod in_containers;
mod preview;
mod process;
mod render;
mod services;
mod services_in_containers;
mod stage;
mod step_types;
mod takeover;
mod waits;
