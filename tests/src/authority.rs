//! Certificates for tests: an authority of their own, and what it signs, good and bad.

use std::path::PathBuf;

use anyhow::Context as _;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use shared::config::{DatabaseTls, RedisTls, ServerTls};

/// An authority, with the folder of all that it made; it is gone when this is dropped.
#[derive(Debug)]
pub struct Authority {
    /// File with its certificate.
    pub ca: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

/// A certificate and its key, in files.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The certificate.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Authority {
    /// One that nobody knows yet.
    ///
    /// # Errors
    /// When its file cannot be written.
    pub fn new() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("slipway-authority-").tempdir()?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, "an authority of tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, params.self_signed(&key)?.pem())?;
        Ok(Self { issuer: Issuer::new(params, key), ca, folder })
    }

    /// For a server that is reached by one of `names`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn server(&self, names: &[&str]) -> anyhow::Result<Pair> {
        self.sign("server", names, ExtendedKeyUsagePurpose::ServerAuth, |_| {})
    }

    /// For a server, and no longer valid.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn expired_server(&self, names: &[&str]) -> anyhow::Result<Pair> {
        self.sign("server", names, ExtendedKeyUsagePurpose::ServerAuth, expire)
    }

    /// For a client of this name.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn client(&self, name: &str) -> anyhow::Result<Pair> {
        self.sign(name, &[], ExtendedKeyUsagePurpose::ClientAuth, |_| {})
    }

    /// For a client, and no longer valid.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn expired_client(&self, name: &str) -> anyhow::Result<Pair> {
        self.sign(name, &[], ExtendedKeyUsagePurpose::ClientAuth, expire)
    }

    /// A program's client that trusts this authority alone, and shows a certificate if it has one.
    ///
    /// # Errors
    /// When a file cannot be used.
    pub fn http(&self, shown: Option<&Pair>) -> anyhow::Result<reqwest::Client> {
        shared::tls::install_provider();
        let trusted = reqwest::Certificate::from_pem_bundle(&std::fs::read(&self.ca)?)?;
        let mut builder = reqwest::Client::builder().tls_certs_only(trusted).no_proxy();
        if let Some(Pair { cert, key }) = shown {
            let pem = [std::fs::read(cert)?, std::fs::read(key)?].concat();
            builder = builder.identity(reqwest::Identity::from_pem(&pem)?);
        }
        builder.build().context("a client of HTTP")
    }

    /// How to reach a Postgres whose certificate this authority signed.
    #[must_use]
    pub fn database(&self, shown: Option<&Pair>) -> DatabaseTls {
        DatabaseTls {
            ca: Some(self.ca.clone()),
            cert: shown.map(|pair| pair.cert.clone()),
            key: shown.map(|pair| pair.key.clone()),
            ..DatabaseTls::default()
        }
    }

    /// How to reach a Redis whose certificate this authority signed.
    #[must_use]
    pub fn redis(&self, shown: Option<&Pair>) -> RedisTls {
        RedisTls {
            ca: Some(self.ca.clone()),
            cert: shown.map(|pair| pair.cert.clone()),
            key: shown.map(|pair| pair.key.clone()),
        }
    }

    fn sign(
        &self,
        name: &str,
        names: &[&str],
        usage: ExtendedKeyUsagePurpose,
        change: impl FnOnce(&mut CertificateParams),
    ) -> anyhow::Result<Pair> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![usage];
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer)?;
        let file = |end: &str| self.folder.path().join(format!("{}{end}", uuid::Uuid::now_v7().simple()));
        let pair = Pair { cert: file(".pem"), key: file("-key.pem") };
        std::fs::write(&pair.cert, certificate.pem())?;
        std::fs::write(&pair.key, key.serialize_pem())?;
        Ok(pair)
    }
}

impl Pair {
    /// To listen with; `client_ca` is of whom clients must show a certificate.
    #[must_use]
    pub fn listening(&self, client_ca: Option<&Authority>) -> ServerTls {
        let client_ca = client_ca.map(|authority| authority.ca.clone());
        ServerTls { cert: self.cert.clone(), key: self.key.clone(), client_ca }
    }
}

fn expire(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2021, 1, 1);
}
