//! One call to the engine: a time limit around it, and its failure told apart by what a caller can do about it.

use std::{future::Future, time::Duration};

use bollard::errors::Error;

use crate::engine::EngineError;

/// For calls that the engine answers from its own tables.
pub(super) const QUICK: Duration = Duration::from_secs(20);
/// For calls that make the engine act on containers, networks and files.
pub(super) const SLOW: Duration = Duration::from_secs(90);

/// How a call failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The engine answered with this HTTP status.
    Status(u16, String),
    /// No answer, or not in time.
    Silent(String),
}

impl Failure {
    pub(super) fn is(&self, status: u16) -> bool {
        matches!(self, Self::Status(given, _) if *given == status)
    }

    pub(super) fn says(&self, words: &str) -> bool {
        matches!(self, Self::Status(_, message) if message.contains(words))
    }

    /// Whether the image has something where a container of ours has its own places, and the runtime would not be led
    /// astray by it.
    fn is_of_a_trap(&self) -> bool {
        const WORDS: [&str; 8] = [
            "cannot be mounted because it is",
            "is not on procfs",
            "through procfd",
            "is not a directory",
            ": not a directory",
            "rootfs is marked read-only",
            "Could not find the file /workspace in container",
            "argument list too long",
        ];
        WORDS.iter().any(|words| self.says(words))
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Status(status, message) => write!(f, "{message} ({status})"),
            Self::Silent(reason) => f.write_str(reason),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::DockerResponseServerError { status_code, message } => Self::Status(status_code, message),
            Error::DockerStreamError { error } => Self::Status(500, error),
            other => Self::Silent(other.to_string()),
        }
    }
}

impl From<Failure> for EngineError {
    fn from(failure: Failure) -> Self {
        if failure.is_of_a_trap() {
            // The engine's words are full of the host's paths.
            tracing::warn!(%failure, "an image does not admit a container of ours");
            return Self::Refused(
                "the image has something in the place of /workspace, /tmp, /run/slipway or /.slipway that no container can be given".into(),
            );
        }
        match failure {
            Failure::Status(status @ 400..500, message) => Self::Refused(format!("{message} ({status})")),
            // Full disks, a runtime that stumbled, a restart under way: another try may fare better.
            other => Self::Unavailable(other.to_string()),
        }
    }
}

/// Makes the call and gives it up after `limit`.
pub(super) async fn call<T>(
    what: &str,
    limit: Duration,
    future: impl Future<Output = Result<T, Error>> + Send,
) -> Result<T, Failure> {
    match tokio::time::timeout(limit, future).await {
        Ok(result) => result.map_err(Failure::from),
        Err(_) => Err(Failure::Silent(format!("no answer to {what} within {} s", limit.as_secs()))),
    }
}

/// Nothing there to act on, or nothing left to do: what a call that may be made twice has to accept.
pub(super) fn unless_gone<T: Default>(result: Result<T, Failure>) -> Result<T, Failure> {
    match result {
        Err(failure) if failure.is(404) || failure.is(304) => Ok(T::default()),
        other => other,
    }
}
