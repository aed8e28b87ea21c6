//! What two or more of Slipway's binaries need: the domain, the formats, the store and the queue.

pub mod archive;
pub mod config;
pub mod domain;
pub mod formats;
pub mod health;
pub mod queue;
pub mod store;
pub mod submission;
pub mod telemetry;
