//! Who listens in between, who pretends to be another, and who has no certificate: at the api, at the listeners for figures, and
//! towards Postgres and Redis.

mod listeners;
mod servers;
