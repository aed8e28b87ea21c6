//! What the Docker engine promises, shown on a real one.

#![allow(clippy::unwrap_used, reason = "a test ends where its assumption does")]

#[path = "engine_docker/bench.rs"]
mod bench;
#[path = "engine_docker/limits.rs"]
mod limits;
#[path = "engine_docker/network.rs"]
mod network;
#[path = "engine_docker/restart.rs"]
mod restart;
#[path = "engine_docker/stage.rs"]
mod stage;
#[path = "engine_docker/steps.rs"]
mod steps;
#[path = "engine_docker/volumes.rs"]
mod volumes;
