//! The files that people write: Score, providers, workflows and step types. Parsing and checking only.
//!
//! Every reader reports all the problems it can find at once, each with its place ([`problem::Problem`]). Nothing
//! here waits or talks to anyone; only the provider folders are read from disk ([`registry::Registry::load`]).

pub mod audit_log;
pub mod canonical;
pub mod condition;
mod cursor;
pub mod detect;
pub mod duration;
mod folder;
pub mod golden_path;
mod graph;
mod parameter;
pub mod placeholder;
pub mod problem;
pub mod provider;
pub mod registry;
#[cfg(test)]
mod schema_tests;
pub mod score;
pub mod source;
pub mod step_type;
pub mod template;
pub mod workflow;
pub mod yaml;
