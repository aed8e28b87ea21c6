//! Slipway's HTTP service: takes requests, writes Postgres, serves reads and streams. It never pushes or takes tickets
//! and never speaks to Docker.

mod approvals;
mod auth;
mod care;
mod conditional;
mod error;
mod execute;
mod extract;
mod golden_paths;
mod graph;
mod health;
mod idempotency;
mod kept_states;
mod logs;
mod openapi;
mod outputs;
mod page;
mod preview;
mod provider_sources;
mod providers;
mod query_names;
mod queues;
mod request;
mod resources;
mod retries;
mod routes;
mod run_view;
mod serve;
mod specs;
mod state;
mod submission;
mod tail;
mod terraform_state;
mod webhooks;
mod workers;
mod workflows;

pub use routes::router;
pub use serve::{Server, bind, serve};
pub use state::AppState;

use crate::error::Problem;

/// Commits, so that what was answered is what happened.
async fn commit(tx: shared::store::StoreTransaction) -> Result<(), Problem> {
    tx.commit().await.map_err(|error| Problem::from(shared::store::StoreError::from(error)))
}
