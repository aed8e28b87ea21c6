//! The configuration that `slipway dev` gives to the api, the scheduler and the worker.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde_json::json;
use shared::config::{Config, Environment, Instance, ProviderSettings, SecretKey, SecretSource};

use super::{
    buckets,
    certificates::Certificates,
    files::{Folders, SEALING_KEY},
    ports::Ports,
    redis::Redis,
};

/// The provider that makes databases on the tenants' server.
const PROVIDER: &str = "postgres";
/// The name that its steps know the tenants' server by.
const TENANTS: &str = "tenant-postgres";
/// The provider that makes buckets in the tenants' object store.
const BUCKETS_PROVIDER: &str = "bucket";
/// The name that its steps know the tenants' object store by.
const BUCKETS: &str = "tenant-buckets";
/// Seconds that running work gets when `slipway dev` stops; what is not done by then is handed back and goes on later.
const DRAIN_S: u32 = 10;

/// What the settings are made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made<'a> {
    /// Where things are kept.
    pub(crate) folders: &'a Folders,
    /// Who listens where.
    pub(crate) ports: Ports,
    /// The password of Slipway's role.
    pub(crate) database_password: &'a str,
    /// Redis.
    pub(crate) redis: &'a Redis,
    /// TLS everywhere.
    pub(crate) certificates: Option<&'a Certificates>,
    /// The file with the password of the tenants' server.
    pub(crate) tenant_password: &'a Path,
    /// The file with the secret key of the object store's administrator. None: there is no store.
    pub(crate) store_secret: Option<&'a Path>,
    /// The address of this machine on Docker's bridge, where steps reach the tenants' server.
    pub(crate) bridge: Option<Ipv4Addr>,
    /// Where providers are.
    pub(crate) providers: &'a Path,
    /// The file with people that `slipway dev` made, unless the user names one.
    pub(crate) people: Option<&'a Path>,
    /// Runs at once.
    pub(crate) slots: Option<u32>,
}

/// Lays what `slipway dev` decides over `base`, which the user may have configured.
pub(crate) fn settle(base: Config, made: Made<'_>) -> Config {
    let Made { folders, ports, database_password, certificates, .. } = made;
    let mut config = base;
    config.environment = Environment::Development;
    if let Some(people) = made.people {
        config.identity.people_file = Some(people.to_path_buf());
    }
    config.instance = Instance(folders.instance.clone());
    if config.secrets.keys.is_empty() {
        let file = Some(folders.secret_path(SEALING_KEY));
        config.secrets.keys.push(SecretKey { id: "dev".into(), file, ..SecretKey::default() });
    }
    config.database.url = format!("postgres://slipway:{database_password}@127.0.0.1:{}/slipway", ports.postgres);
    config.database.tls = certificates.map(Certificates::database);
    config.redis = made.redis.config(config.redis);
    config.api.listen = format!("127.0.0.1:{}", ports.api);
    config.api.tls = certificates.map(Certificates::api);
    config.scheduler.providers = vec![made.providers.to_path_buf()];
    config.worker.slots = made.slots.unwrap_or(config.worker.slots);
    config.worker.drain_s = config.worker.drain_s.min(DRAIN_S);
    config.archive.url = format!("file://{}", folders.data.join("archive").display());
    config.providers.entry(PROVIDER.into()).or_insert_with(|| tenants(made));
    if let Some(secret) = made.store_secret {
        config.providers.entry(BUCKETS_PROVIDER.into()).or_insert_with(|| store(made, secret));
    }
    config
}

fn tenants(made: Made<'_>) -> ProviderSettings {
    let (host, port) = (made.bridge.unwrap_or(Ipv4Addr::LOCALHOST), made.ports.tenants);
    let settings = json!({ "host": TENANTS, "port": port, "public_host": host.to_string(), "public_port": port });
    ProviderSettings {
        settings: settings.as_object().cloned().unwrap_or_default(),
        secrets: BTreeMap::from([("admin_password".into(), SecretSource::File(made.tenant_password.to_path_buf()))]),
        egress: BTreeMap::from([(TENANTS.into(), format!("{host}:{port}"))]),
        ..ProviderSettings::default()
    }
}

fn store(made: Made<'_>, secret: &Path) -> ProviderSettings {
    let (host, port) = (made.bridge.unwrap_or(Ipv4Addr::LOCALHOST), made.ports.buckets);
    let settings = json!({
        "endpoint": format!("http://{BUCKETS}:{port}"),
        "public_endpoint": format!("http://{host}:{port}"),
        "access_key_id": buckets::ADMIN,
    });
    ProviderSettings {
        settings: settings.as_object().cloned().unwrap_or_default(),
        secrets: BTreeMap::from([("admin_secret_access_key".into(), SecretSource::File(secret.to_path_buf()))]),
        egress: BTreeMap::from([(BUCKETS.into(), format!("{host}:{port}"))]),
        ..ProviderSettings::default()
    }
}

/// Whether the object store is for `slipway dev` to bring: not when the user names another one.
pub(crate) fn wants_store(base: &Config) -> bool {
    !base.providers.contains_key(BUCKETS_PROVIDER)
}

/// The address of this machine on Docker's default bridge, if it has one.
pub(crate) fn bridge_address() -> Option<Ipv4Addr> {
    let mut found = nix::ifaddrs::getifaddrs().ok()?.filter(|interface| interface.interface_name == "docker0");
    found.find_map(|interface| Some(interface.address?.as_sockaddr_in()?.ip()))
}

/// The folder with the providers, absolute.
///
/// # Errors
/// When it is not there.
pub(crate) fn providers_folder(given: &Path) -> anyhow::Result<PathBuf> {
    given.canonicalize().with_context(|| {
        format!(
            "no folder {} with providers: start `slipway dev` in Slipway's own folder, or give --providers",
            given.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redis() -> Redis {
        Redis { data: "/d/redis".into(), port: 4, password: "b".into(), tls: None }
    }

    fn made<'a>(folders: &'a Folders, redis: &'a Redis) -> Made<'a> {
        Made {
            folders,
            ports: Ports { api: 1, postgres: 2, tenants: 3, redis: 4, buckets: 5 },
            database_password: "a",
            redis,
            certificates: None,
            tenant_password: Path::new("/secret"),
            store_secret: None,
            bridge: Some(Ipv4Addr::new(172, 17, 0, 1)),
            providers: Path::new("/providers"),
            people: None,
            slots: None,
        }
    }

    #[test]
    fn steps_reach_the_tenants_server_by_the_bridge_and_slipways_own_not_at_all() {
        let folders = Folders { dir: "/p/.slipway".into(), data: "/d".into(), instance: "dev-1".into() };
        let config = settle(Config::default(), made(&folders, &redis()));
        let provider = &config.providers[PROVIDER];
        assert_eq!(provider.egress[TENANTS], "172.17.0.1:3");
        assert_eq!(provider.settings["host"], TENANTS);
        assert!(provider.egress.values().all(|address| !address.ends_with(":2")));
    }

    #[test]
    fn steps_reach_the_object_store_by_the_bridge_when_there_is_one() {
        let folders = Folders { dir: "/p/.slipway".into(), data: "/d".into(), instance: "dev-1".into() };
        let redis = redis();
        let without = settle(Config::default(), made(&folders, &redis));
        assert!(!without.providers.contains_key(BUCKETS_PROVIDER));
        let secret = Path::new("/secrets/store");
        let with = settle(Config::default(), Made { store_secret: Some(secret), ..made(&folders, &redis) });
        let provider = &with.providers[BUCKETS_PROVIDER];
        assert_eq!(provider.egress[BUCKETS], "172.17.0.1:5");
        assert_eq!(provider.settings["endpoint"], "http://tenant-buckets:5");
        assert!(wants_store(&without) && !wants_store(&with));
    }

    #[test]
    fn a_provider_that_the_user_configured_is_left_alone() {
        let folders = Folders { dir: "/p/.slipway".into(), data: "/d".into(), instance: "dev-1".into() };
        let mut base = Config::default();
        base.providers.insert(PROVIDER.into(), ProviderSettings::default());
        assert!(settle(base, made(&folders, &redis())).providers[PROVIDER].egress.is_empty());
    }
}
