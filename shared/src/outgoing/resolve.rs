//! From names to addresses.

use std::{future::Future, net::IpAddr, pin::Pin, time::Duration};

/// How long a look-up may take.
const LOOKUP: Duration = Duration::from_secs(10);

/// Looks names up. Asked once a request; what it answers is what is checked and connected to.
pub trait Resolve: Send + Sync + 'static {
    /// All addresses of a name, in the order in which they are to be tried.
    fn resolve(&self, name: &str) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>>;
}

/// The system's own resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Resolve for System {
    fn resolve(&self, name: &str) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>> {
        let name = name.to_owned();
        Box::pin(async move {
            let found = tokio::time::timeout(LOOKUP, tokio::net::lookup_host((name.as_str(), 0))).await;
            let found = found.map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}
