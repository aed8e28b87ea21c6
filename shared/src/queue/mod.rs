//! The doorbell: tickets over Redis Streams, driven by apalis, live log lines over Redis pub/sub, and counts of requests.
//!
//! Nothing here is the truth. A Redis that is emptied, restarted or away loses no run: the scheduler sends the same
//! tickets again, and a log's reader falls back to Postgres.
//!
//! ```text
//! scheduler ── Tickets::push ──> stream of a queue ──> TicketBackend ──> serve ──> handler ── Acker::ack
//! worker ──── LiveLogs::publish ──> channel of a run ──> LiveLogs::subscribe ──> api
//! ```

mod backend;
mod connection;
mod gate;
mod limits;
mod live;
mod producer;
mod reader;
mod serve;
mod streams;
mod ticket;

pub use backend::{Acker, Delivery, TicketBackend, Timing};
pub use connection::QueueError;
pub use gate::Gate;
pub use limits::{Allowance, RateLimits, Standing, Verdict};
pub use live::{LiveEvent, LiveLogs, LiveStream};
pub use producer::Tickets;
pub use serve::serve;
pub use ticket::{Fields, MalformedTicket, Ticket};
