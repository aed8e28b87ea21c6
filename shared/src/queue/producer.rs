//! Sending tickets.

use super::{
    connection::{Commands, QueueError, RESPONSE_TIMEOUT, Server},
    streams::Streams,
    ticket::Ticket,
};
use crate::config;

/// Entries a stream may hold. Queues are kept far shallower by the scheduler; this bounds Redis' memory if no worker
/// acknowledges anything for long. Tickets cut off here are sent again by *requeue*.
const MAX_ENTRIES: usize = 100_000;

/// The sending side of every queue. Cheap to clone; clones share one connection.
#[derive(Clone, Debug)]
pub struct Tickets {
    commands: Commands,
    streams: Streams,
}

impl Tickets {
    /// Prepares a connection; Redis need not be up. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// [`QueueError::Url`] when the address cannot be read.
    pub fn connect(config: &config::Redis) -> Result<Self, QueueError> {
        Ok(Self {
            commands: Commands::new(&Server::new(config)?, RESPONSE_TIMEOUT, 2)?,
            streams: Streams::new(&config.prefix),
        })
    }

    /// Sends a batch of `(queue, ticket)` in one round trip. Call it after the commit that made the runs queued.
    ///
    /// # Errors
    /// When Redis is away or out of memory. Some of the batch may have been sent: sending all of it again is harmless,
    /// because a claim takes a ticket once.
    pub async fn push(&self, batch: &[(String, Ticket)]) -> Result<(), QueueError> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut pipeline = redis::Pipeline::with_capacity(batch.len());
        for (queue, ticket) in batch {
            let add = pipeline.cmd("XADD").arg(self.streams.key(queue));
            add.arg("MAXLEN").arg("~").arg(MAX_ENTRIES).arg("*").arg(&ticket.to_fields()).ignore();
        }
        let () = pipeline.query_async(&mut self.commands.get()).await?;
        metrics::counter!("slipway_queue_tickets_sent_total").increment(batch.len() as u64);
        Ok(())
    }

    /// Tickets of `queue` that no worker has acknowledged: for tests and diagnosis. Demand is a figure from Postgres.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn depth(&self, queue: &str) -> Result<u64, QueueError> {
        Ok(redis::cmd("XLEN").arg(self.streams.key(queue)).query_async(&mut self.commands.get()).await?)
    }

    /// Checks that the server is fit to carry tickets.
    ///
    /// # Errors
    /// [`QueueError::Policy`] unless `maxmemory-policy` is `noeviction`, [`QueueError::Version`] below 6.2, and
    /// [`QueueError::Redis`] when it does not answer.
    pub async fn check_server(&self) -> Result<(), QueueError> {
        // INFO rather than CONFIG GET: managed services forbid CONFIG.
        let info: String = redis::cmd("INFO").query_async(&mut self.commands.get()).await?;
        let field = |name: &str| {
            let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            value.unwrap_or("unknown").trim().to_owned()
        };
        let version = field("redis_version");
        let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        if (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) < (6, 2) {
            return Err(QueueError::Version { found: version });
        }
        let policy = field("maxmemory_policy");
        if policy != "noeviction" {
            return Err(QueueError::Policy { found: policy });
        }
        Ok(())
    }
}
