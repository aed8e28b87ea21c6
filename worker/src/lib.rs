//! The worker: takes a run, drives its steps in containers, reports, and forgets.

pub mod engine;
pub mod render;
