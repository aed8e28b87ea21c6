//! The worker: takes a run, drives its steps in containers, reports, and forgets.
//!
//! ```text
//! ticket ── service ── claim ── drive ─┬─ attempt ── contract, container, outputs ── recorded outcome
//!                       lease (keeper) ┘            workspace, kept, logs
//! ```

pub mod allowance;
pub mod attempt;
pub mod clock;
pub mod container;
pub mod context;
pub mod contract;
pub mod data;
pub mod drive;
pub mod engine;
pub mod graph;
pub mod held;
pub mod images;
pub mod janitor;
pub mod kept;
pub mod lease;
pub mod log_archive;
pub mod logs;
pub mod mask;
pub mod outputs;
pub mod presence;
pub mod preview;
pub mod privileges;
pub mod render;
pub mod rescue;
pub mod retry;
pub mod run_services;
pub mod sealing;
mod service;
mod signals;
pub mod tree;
pub mod waits;
pub mod workspace;

pub use service::{hurry, serve};
pub use signals::serve_until_told;
