//! What the Docker engine promises, shown on a real one.

mod bench;
mod limits;
mod network;
mod restart;
pub(crate) mod stage;
mod steps;
mod volumes;
