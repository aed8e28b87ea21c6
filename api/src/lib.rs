//! Slipway's HTTP service: takes requests, writes Postgres, serves reads and streams. It never pushes or takes tickets
//! and never speaks to Docker.

mod access;
mod address;
mod approvals;
mod audit;
mod auth;
mod batches;
mod bulk;
mod care;
mod conditional;
mod dashboard;
mod error;
mod events;
mod execute;
mod explain;
mod extract;
mod freezes;
mod golden_paths;
mod graph;
mod health;
mod idempotency;
mod identity;
mod integrations;
mod kept_states;
mod keys;
mod limits;
mod logs;
mod marks;
mod notifications;
mod oidc;
mod openapi;
mod outputs;
mod overview;
mod pace;
mod page;
mod people;
mod preview;
mod provider_sources;
mod providers;
mod query_names;
mod queues;
mod request;
mod resources;
mod retries;
mod routes;
mod run_filter;
mod run_limits;
mod run_view;
mod secrets;
mod serve;
mod service_accounts;
mod specs;
mod state;
mod streams;
mod submission;
mod tail;
mod teams;
mod terraform_state;
mod views;
mod webhook_endpoints;
mod webhooks;
mod workers;
mod workflows;

pub use access::{Policies, PolicyError, PolicyMistake};
pub use oidc::{
    HttpError as OidcHttpError, Provider as OidcProvider, ProviderError as OidcProviderError,
    Registration as OidcRegistration,
};
pub use routes::router;
pub use serve::{Server, bind, serve};
pub use state::AppState;

use crate::error::Problem;

/// Commits, so that what was answered is what happened.
async fn commit(tx: shared::store::StoreTransaction) -> Result<(), Problem> {
    tx.commit().await.map_err(|error| Problem::from(shared::store::StoreError::from(error)))
}
