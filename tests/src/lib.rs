//! What the tests of the whole system stand on: databases, processes, clients.

pub mod buckets;
pub mod client;
pub mod database;
pub mod engine;
pub mod lock;
pub mod postgres;
pub mod process;
pub mod redis;
pub mod score;
pub mod seed;
mod settings;
pub mod settled;
pub mod stack;
pub mod wait;
