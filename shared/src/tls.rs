//! Certificates and keys in files: looked at before they are used, and read again when they change.
//!
//! Cryptography is ring's alone; TLS is 1.2 or 1.3.

mod acceptor;
mod files;
mod survey;

use std::{
    fs::Metadata,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use rustls::crypto::CryptoProvider;

pub use acceptor::Acceptor;
pub use files::{Authorities, Identity, Validity, authorities, identity, optional_identity};
pub use survey::{Seen, survey};

/// How often files are looked at for a change, at most.
const LOOK: Duration = Duration::from_secs(1);

/// A file that the configuration names for TLS cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{setting}: {}: {flaw}", path.display())]
pub struct TlsError {
    /// What names it: a key of the configuration, a flag.
    pub setting: String,
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub flaw: Flaw,
}

/// What is wrong with a file, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Flaw {
    /// There is none.
    #[error("there is no such file; is the path right, and was the certificate made?")]
    Missing,
    /// The system does not let it be read.
    #[error("it cannot be read ({0}); the user that this program runs as must be able to")]
    Unreadable(std::io::Error),
    /// Nothing that holds certificates is that large.
    #[error("it is larger than {} KiB, which no certificate is", files::MAX_BYTES / 1024)]
    TooLarge,
    /// No certificate is in it.
    #[error("it holds no certificate; it must be PEM, with `-----BEGIN CERTIFICATE-----`")]
    NoCertificate,
    /// No key is in it.
    #[error("it holds no private key; it must be PEM, with `-----BEGIN PRIVATE KEY-----`")]
    NoKey,
    /// The key in it wants a password.
    #[error("its key is encrypted with a password; write it without one: `openssl pkey -in FILE -out NEW-FILE`")]
    Encrypted,
    /// What is in it is broken.
    #[error("what is in it cannot be used: {0}")]
    Malformed(String),
    /// The certificate has another key.
    #[error("this key does not belong to the certificate in {}; the two files must be of one issue", .0.display())]
    Mismatch(PathBuf),
    /// A certificate without its key, or a key without its certificate.
    #[error("it is of no use alone: set {0} too")]
    Alone(String),
    /// Its time is over.
    #[error("the certificate expired on {}; renew it", .0.format("%Y-%m-%d %H:%M UTC"))]
    Expired(DateTime<Utc>),
    /// Its time has not come.
    #[error("the certificate is valid only from {} on; is this machine's clock right?", .0.format("%Y-%m-%d %H:%M UTC"))]
    NotYet(DateTime<Utc>),
}

impl TlsError {
    fn new(setting: impl Into<String>, path: &Path, flaw: Flaw) -> Self {
        Self { setting: setting.into(), path: path.to_path_buf(), flaw }
    }
}

/// The one provider of cryptography.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Makes ring the cryptography of libraries that ask for the process's.
pub fn install_provider() {
    // A second call finds one in place, which is the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Tells when files have changed, by asking the system about them at most once a second.
#[derive(Debug)]
pub(crate) struct Watch {
    paths: Vec<PathBuf>,
    seen: Vec<Option<Stamp>>,
    looked: Instant,
}

impl Watch {
    /// Changes count from now on. To be called before the files are read: what changes meanwhile is then read again.
    pub(crate) fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let paths: Vec<PathBuf> = paths.into_iter().collect();
        Self { seen: stamps(&paths), looked: Instant::now(), paths }
    }

    /// Whether a file is another than at the last look.
    pub(crate) fn changed(&mut self) -> bool {
        if self.looked.elapsed() < LOOK {
            return false;
        }
        self.looked = Instant::now();
        let now = stamps(&self.paths);
        let changed = now != self.seen;
        self.seen = now;
        changed
    }
}

/// When content or permissions changed last (seconds, nanoseconds), inode and length: a file that was put in another's place
/// differs in one of them even within one tick.
type Stamp = (i64, i64, u64, u64);

fn stamps(paths: &[PathBuf]) -> Vec<Option<Stamp>> {
    let stamp = |found: Metadata| (found.ctime(), found.ctime_nsec(), found.ino(), found.len());
    paths.iter().map(|path| std::fs::metadata(path).ok().map(stamp)).collect()
}
