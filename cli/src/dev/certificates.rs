//! An authority of `slipway dev`'s own, and the certificates that it gives to what runs here.
//!
//! In `tls/` of the data folder: `ca.pem` and `ca-key.pem`, made once; `NAME.pem` and `NAME-key.pem` for each server and each
//! client, made anew at each start. What people use is in `.slipway/tls/`: `ca.pem`, `client.pem`, `client-key.pem`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use shared::{
    config::{DatabaseTls, RedisTls, ServerTls},
    store::roles::Program,
};

use super::{
    account::{self, Account},
    files::{self, Folders},
    logins,
};
use crate::connection::Tls;

/// Days that the authority lasts.
const AUTHORITY_DAYS: i64 = 3650;
/// Days that what it signs lasts.
const LEAF_DAYS: i64 = 30;
/// Names that servers on this machine are reached by.
const HERE: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A certificate and its key, in files.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    /// The certificate.
    pub(crate) cert: PathBuf,
    /// Its key, for its user alone.
    pub(crate) key: PathBuf,
}

/// All certificates of one `slipway dev`.
#[derive(Clone, Debug)]
pub(crate) struct Certificates {
    /// Who signed them.
    pub(crate) ca: PathBuf,
    /// Of Slipway's own Postgres.
    pub(crate) postgres: Pair,
    /// Of Redis.
    pub(crate) redis: Pair,
    /// Of the api.
    api: Pair,
    /// What api, scheduler and worker show, for the role of Postgres that it names.
    slipway: Pair,
    /// What each program shows, for its own login.
    logins: Vec<(Program, Pair)>,
    /// What people show.
    people: Tls,
}

impl Certificates {
    /// Makes the authority if there is none that serves, and every certificate anew.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(crate) fn make(folders: &Folders, account: Option<&Account>) -> anyhow::Result<Self> {
        let folder = folders.data.join("tls");
        files::make(&folder, 0o711)?;
        let authority = Authority::open(folder)?;
        let (postgres, redis) = (authority.server("postgres")?, authority.server("redis")?);
        for pair in [&postgres, &redis] {
            account::give(&pair.key, account)?;
        }
        Ok(Self {
            api: authority.server("api")?,
            slipway: authority.client("slipway")?,
            logins: Program::ALL
                .into_iter()
                .map(|program| Ok((program, authority.login(logins::login(program))?)))
                .collect::<anyhow::Result<_>>()?,
            people: authority.people(&folders.dir)?,
            ca: authority.certificate(),
            postgres,
            redis,
        })
    }

    /// How the owner of the database speaks to Postgres.
    pub(crate) fn database(&self) -> DatabaseTls {
        self.database_with(&self.slipway)
    }

    /// How a program speaks to Postgres by its own login.
    pub(crate) fn database_of(&self, program: Program) -> DatabaseTls {
        let own = self.logins.iter().find(|(of, _)| *of == program);
        self.database_with(own.map_or(&self.slipway, |(_, pair)| pair))
    }

    fn database_with(&self, pair: &Pair) -> DatabaseTls {
        let Pair { cert, key } = pair.clone();
        DatabaseTls { ca: Some(self.ca.clone()), cert: Some(cert), key: Some(key), ..DatabaseTls::default() }
    }

    /// How Slipway speaks to its Redis.
    pub(crate) fn redis(&self) -> RedisTls {
        let Pair { cert, key } = self.slipway.clone();
        RedisTls { ca: Some(self.ca.clone()), cert: Some(cert), key: Some(key) }
    }

    /// How the api listens.
    pub(crate) fn api(&self) -> ServerTls {
        let Pair { cert, key } = self.api.clone();
        ServerTls { cert, key, client_ca: Some(self.ca.clone()) }
    }

    /// How people's programs speak to the api.
    pub(crate) fn people(&self) -> &Tls {
        &self.people
    }
}

struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn open(folder: PathBuf) -> anyhow::Result<Self> {
        let (cert, key) = (folder.join("ca.pem"), folder.join("ca-key.pem"));
        // What is expired, broken or half there is made anew.
        if shared::tls::identity(["its certificate", "its key"], &cert, &key).is_err() {
            let made = KeyPair::generate().context("making the authority's key")?;
            files::write(&key, &made.serialize_pem(), 0o600)?;
            let certificate = authority_params()?.self_signed(&made).context("making the authority")?;
            files::write(&cert, &certificate.pem(), 0o644)?;
        }
        let text = std::fs::read_to_string(&key).with_context(|| format!("reading {}", key.display()))?;
        let kept =
            KeyPair::from_pem(&text).with_context(|| format!("{} (remove it to have another made)", key.display()))?;
        Ok(Self { issuer: Issuer::new(authority_params()?, kept), folder })
    }

    fn certificate(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    fn server(&self, name: &str) -> anyhow::Result<Pair> {
        self.sign(&self.folder, name, name, &HERE, ExtendedKeyUsagePurpose::ServerAuth)
    }

    fn client(&self, name: &str) -> anyhow::Result<Pair> {
        self.sign(&self.folder, name, name, &[], ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// For a login of Postgres, beside a server that may be called the same.
    fn login(&self, name: &str) -> anyhow::Result<Pair> {
        self.sign(&self.folder, &format!("login-{name}"), name, &[], ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// What people need, where they find it, and theirs.
    fn people(&self, dir: &Path) -> anyhow::Result<Tls> {
        let folder = dir.join("tls");
        files::make(&folder, 0o755)?;
        let ca = folder.join("ca.pem");
        let text = std::fs::read_to_string(self.certificate()).context("reading the authority's certificate")?;
        files::write(&ca, &text, 0o644)?;
        // No role of Postgres is called so.
        let pair = self.sign(&folder, "client", "slipway-cli", &[], ExtendedKeyUsagePurpose::ClientAuth)?;
        for path in [&ca, &pair.cert, &pair.key] {
            files::give_to_owner_of(dir, path)?;
        }
        Ok(Tls { cacert: Some(ca), cert: Some(pair.cert), key: Some(pair.key) })
    }

    fn sign(
        &self,
        folder: &Path,
        file: &str,
        name: &str,
        names: &[&str],
        usage: ExtendedKeyUsagePurpose,
    ) -> anyhow::Result<Pair> {
        let pair = Pair { cert: folder.join(format!("{file}.pem")), key: folder.join(format!("{file}-key.pem")) };
        let key = KeyPair::generate().with_context(|| format!("making the key of {name}"))?;
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).with_context(|| format!("the names of {name}"))?;
        params.distinguished_name = common_name(name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        last(&mut params, LEAF_DAYS);
        let certificate = params.signed_by(&key, &self.issuer).with_context(|| format!("signing for {name}"))?;
        files::write(&pair.key, &key.serialize_pem(), 0o600)?;
        files::write(&pair.cert, &certificate.pem(), 0o644)?;
        Ok(pair)
    }
}

/// The same each time, but for the dates, which what it signs does not mention.
fn authority_params() -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::new()).context("the authority's names")?;
    params.distinguished_name = common_name("slipway dev");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    last(&mut params, AUTHORITY_DAYS);
    Ok(params)
}

fn common_name(name: &str) -> DistinguishedName {
    let mut named = DistinguishedName::new();
    named.push(DnType::CommonName, name);
    named
}

/// Valid since yesterday, for clocks that are behind, and for `days` from today.
fn last(params: &mut CertificateParams, days: i64) {
    let date = |time: DateTime<Utc>| {
        let small = |number: u32| u8::try_from(number).unwrap_or(1);
        date_time_ymd(time.year(), small(time.month()), small(time.day()))
    };
    params.not_before = date(Utc::now() - TimeDelta::days(1));
    params.not_after = date(Utc::now() + TimeDelta::days(days + 1));
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn folders(dir: &Path) -> Folders {
        Folders::prepare(&dir.join(".slipway"), None, None).unwrap()
    }

    #[test]
    fn the_authority_stays_and_what_it_signs_is_new_at_each_start_and_lasts_thirty_days() {
        let dir = tempfile::tempdir().unwrap();
        let folders = folders(dir.path());
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        let first = Certificates::make(&folders, None).unwrap();
        let (ca, api) = (read(&first.ca), read(&first.api.cert));
        let second = Certificates::make(&folders, None).unwrap();
        assert_eq!(read(&second.ca), ca);
        assert_ne!(read(&second.api.cert), api);
        let found = shared::tls::identity(["", ""], &second.slipway.cert, &second.slipway.key).unwrap();
        assert_eq!(found.validity.days_left(Utc::now()), 30);
    }

    #[test]
    fn every_key_is_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let folders = folders(dir.path());
        let made = Certificates::make(&folders, None).unwrap();
        let keys = [&made.postgres.key, &made.redis.key, &made.api.key, &made.slipway.key];
        let people = made.people.key.clone().unwrap();
        let authority = folders.data.join("tls/ca-key.pem");
        for key in keys.into_iter().chain([&people, &authority]) {
            let mode = std::fs::metadata(key).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", key.display());
        }
    }

    #[test]
    fn an_authority_that_is_broken_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let folders = folders(dir.path());
        let first = Certificates::make(&folders, None).unwrap();
        std::fs::write(folders.data.join("tls/ca-key.pem"), "nonsense").unwrap();
        let before = std::fs::read_to_string(&first.ca).unwrap();
        let second = Certificates::make(&folders, None).unwrap();
        assert_ne!(std::fs::read_to_string(&second.ca).unwrap(), before);
    }
}
