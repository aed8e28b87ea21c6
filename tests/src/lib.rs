//! What the tests of the whole system stand on: databases, processes, clients.

pub mod database;
