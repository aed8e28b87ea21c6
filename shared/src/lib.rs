//! What two or more of Slipway's binaries need: the domain, the formats, the store and the queue.

pub mod archive;
pub mod batch;
pub mod config;
pub mod domain;
pub mod figures;
pub mod formats;
pub mod health;
pub mod inputs;
pub mod outgoing;
pub mod password;
pub mod people;
pub mod queue;
pub mod secrets;
pub mod store;
pub mod submission;
pub mod telemetry;
pub mod tls;
pub mod traces;
