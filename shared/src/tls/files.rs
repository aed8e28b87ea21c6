//! PEM files, read whole and looked at.

use std::{fs::File, io::Read as _, path::Path};

use chrono::{DateTime, Utc};
use rustls::{
    RootCertStore,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject as _},
    },
    sign::CertifiedKey,
};
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};
use zeroize::Zeroizing;

use super::{Flaw, TlsError, provider};

/// Bytes that a file may have: all the authorities that a system trusts are a quarter of it.
pub(super) const MAX_BYTES: u64 = 1024 * 1024;

/// When a certificate may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// From then on.
    pub not_before: DateTime<Utc>,
    /// Until then.
    pub not_after: DateTime<Utc>,
}

impl Validity {
    /// Whole days that are left; negative when it is over.
    #[must_use]
    pub fn days_left(&self, now: DateTime<Utc>) -> i64 {
        (self.not_after - now).num_days()
    }

    fn of(certificate: &CertificateDer<'_>) -> Result<Self, Flaw> {
        let malformed = |error: &dyn std::fmt::Display| Flaw::Malformed(error.to_string());
        let (_, parsed) = X509Certificate::from_der(certificate).map_err(|error| malformed(&error))?;
        let time =
            |seconds| DateTime::from_timestamp(seconds, 0).ok_or_else(|| malformed(&"its times are out of range"));
        let validity = parsed.validity();
        Ok(Self {
            not_before: time(validity.not_before.timestamp())?,
            not_after: time(validity.not_after.timestamp())?,
        })
    }

    fn check(&self) -> Result<(), Flaw> {
        let now = Utc::now();
        if self.not_after < now {
            Err(Flaw::Expired(self.not_after))
        } else if self.not_before > now {
            Err(Flaw::NotYet(self.not_before))
        } else {
            Ok(())
        }
    }
}

/// A certificate with the key that belongs to it, which it does not show.
pub struct Identity {
    /// The certificate, then those between it and its authority.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
    /// When the certificate itself may be used.
    pub validity: Validity,
    /// Both files' content as PEM, for libraries that take that.
    pub pem: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("validity", &self.validity).finish_non_exhaustive()
    }
}

/// Authorities to trust.
#[derive(Debug)]
pub struct Authorities {
    /// Them, ready to verify with.
    pub roots: RootCertStore,
    /// When the one that lasts longest may be used.
    pub validity: Validity,
    /// The file's content.
    pub pem: Vec<u8>,
}

/// Reads a certificate and its key. `settings` are what names the two (`api.tls.cert`, `api.tls.key`).
///
/// # Errors
/// When one of the files cannot be read, holds something else, is of another pair, or the certificate may not be used now.
pub fn identity(settings: [&str; 2], cert: &Path, key: &Path) -> Result<Identity, TlsError> {
    let of_cert = |flaw| TlsError::new(settings[0], cert, flaw);
    let of_key = |flaw| TlsError::new(settings[1], key, flaw);
    let mut pem = Zeroizing::new(read(cert).map_err(of_cert)?);
    let chain = certificates(&pem).map_err(of_cert)?;
    let validity = Validity::of(&chain[0]).map_err(of_cert)?;
    let text = Zeroizing::new(read(key).map_err(of_key)?);
    let parsed = private_key(&text).map_err(of_key)?;
    CertifiedKey::from_der(chain.clone(), parsed.clone_key(), &provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch) => {
            of_key(Flaw::Mismatch(cert.to_path_buf()))
        }
        error => of_key(Flaw::Malformed(error.to_string())),
    })?;
    validity.check().map_err(of_cert)?;
    pem.push(b'\n');
    pem.extend_from_slice(&text);
    Ok(Identity { chain, key: parsed, validity, pem })
}

/// The same where both may be absent; one of them alone is a mistake.
///
/// # Errors
/// See [`identity`]; and when one is there without the other.
pub fn optional_identity(
    settings: [&str; 2],
    cert: Option<&Path>,
    key: Option<&Path>,
) -> Result<Option<Identity>, TlsError> {
    let alone = |is: &str, path, other: &str| Err(TlsError::new(is, path, Flaw::Alone(other.to_owned())));
    match (cert, key) {
        (Some(cert), Some(key)) => identity(settings, cert, key).map(Some),
        (Some(cert), None) => alone(settings[0], cert, settings[1]),
        (None, Some(key)) => alone(settings[1], key, settings[0]),
        (None, None) => Ok(None),
    }
}

/// Reads the authorities of a file. `setting` is what names it.
///
/// # Errors
/// When it cannot be read, holds none, or none of them may be used now.
pub fn authorities(setting: &str, path: &Path) -> Result<Authorities, TlsError> {
    let flawed = |flaw| TlsError::new(setting, path, flaw);
    let pem = read(path).map_err(flawed)?;
    let mut roots = RootCertStore::empty();
    let mut longest: Option<Validity> = None;
    for certificate in certificates(&pem).map_err(flawed)? {
        let validity = Validity::of(&certificate).map_err(flawed)?;
        roots.add(certificate).map_err(|error| flawed(Flaw::Malformed(error.to_string())))?;
        longest = longest.filter(|longest| longest.not_after >= validity.not_after).or(Some(validity));
    }
    let validity = longest.ok_or_else(|| flawed(Flaw::NoCertificate))?;
    validity.check().map_err(flawed)?;
    Ok(Authorities { roots, validity, pem })
}

fn read(path: &Path) -> Result<Vec<u8>, Flaw> {
    let read = || {
        let mut content = Vec::new();
        File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut content)?;
        Ok(content)
    };
    match read() {
        Ok(content) if content.len() as u64 > MAX_BYTES => Err(Flaw::TooLarge),
        Ok(content) => Ok(content),
        Err(error) if std::io::Error::kind(&error) == std::io::ErrorKind::NotFound => Err(Flaw::Missing),
        Err(error) => Err(Flaw::Unreadable(error)),
    }
}

/// At least one.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Flaw> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| Flaw::Malformed(error.to_string()))?;
    if found.is_empty() { Err(Flaw::NoCertificate) } else { Ok(found) }
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, Flaw> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        pem::Error::NoItemsFound if contains(pem, b"ENCRYPTED PRIVATE KEY-----") => Flaw::Encrypted,
        pem::Error::NoItemsFound => Flaw::NoKey,
        error => Flaw::Malformed(error.to_string()),
    })
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
