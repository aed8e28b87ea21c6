//! The scheduler as a process, on a real Postgres and Redis: a module a subject.
//!
//! One program: a program for each subject would be as many links, of a quarter of a gigabyte each.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hostile;
mod settings;
mod sources;
mod stage;
