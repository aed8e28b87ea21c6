//! How the programs of a stack are found, started and configured.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use nix::sys::signal::Signal;
use serde_json::json;
use shared::config::{Config, Instance, LogFormat, ProviderSettings, SecretKey, SecretSource};

use crate::{
    engine,
    postgres::PrivatePostgres,
    process::{self, Recipe},
    stack::Options,
};

/// The folder with the programs under test: the one that this test was built into.
pub(crate) fn programs() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.ancestors().skip(1).take(3).find(|folder| folder.join("slipway-api").is_file());
    let folder = folder.with_context(|| {
        format!(
            "no slipway-api beside {}: run `cargo build --workspace --bins` (with the same profile) first",
            own.display()
        )
    })?;
    for name in ["slipway-scheduler", "slipway-worker"] {
        anyhow::ensure!(
            folder.join(name).is_file(),
            "no {name} in {}: run `cargo build --workspace --bins`",
            folder.display()
        );
    }
    Ok(folder.to_owned())
}

pub(crate) fn recipe(programs: &Path, folder: &Path, config: &Path, program: &str, number: usize) -> Recipe {
    Recipe {
        name: format!("{program}-{number}"),
        program: programs.join(program),
        arguments: Vec::new(),
        environment: vec![
            ("SLIPWAY_CONFIG".into(), config.display().to_string()),
            ("RUST_BACKTRACE".into(), "1".into()),
            ("HOME".into(), folder.display().to_string()),
        ],
        account: None,
        log: folder.join(format!("{program}-{number}.log")),
        end_with: Signal::SIGKILL,
    }
}

pub(crate) fn configuration(options: &Options, instance: &str, folder: &Path) -> anyhow::Result<Config> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut config = Config { instance: Instance(instance.to_owned()), ..Config::default() };
    config.database.max_connections = 8;
    config.redis.url = std::env::var("TEST_REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6399/0".to_owned());
    config.redis.prefix = instance.to_owned();
    config.api.listen = format!("127.0.0.1:{}", process::free_port()?);
    config.scheduler.providers = vec![root.join("fixtures/providers"), root.join("../providers").canonicalize()?];
    config.scheduler.period_ms = 200;
    config.scheduler.requeue_after_s = 2;
    config.scheduler.worker_gone_after_s = options.lease_ttl_s + 1;
    // Counted as anywhere, and never reached: tests and benchmarks ask all at once, with one key.
    config.limits.reads_per_minute = 10_000_000;
    config.limits.writes_per_minute = 10_000_000;
    config.limits.anonymous_per_minute = 10_000_000;
    config.worker.engine = options.engine;
    config.worker.slots = options.slots;
    config.worker.lease_ttl_s = options.lease_ttl_s;
    config.worker.drain_s = 10;
    config.worker.suspend_backoff_over_s = 2;
    config.worker.min_free_disk_mib = 1;
    if let Ok(socket) = std::env::var("DOCKER_HOST")
        && let Some(path) = socket.strip_prefix("unix://")
    {
        config.worker.docker_socket = path.to_owned();
    }
    config.archive.url = format!("file://{}", folder.join("archive").display());
    let key = folder.join("sealing-key");
    std::fs::write(&key, &*shared::secrets::keyring::new_key())?;
    config.secrets.keys.push(SecretKey { id: "test".into(), file: Some(key), ..SecretKey::default() });
    config.log.format = LogFormat::Text;
    config.log.filter = std::env::var("TEST_LOG").unwrap_or_else(|_| "info".to_owned());
    Ok(config)
}

pub(crate) fn tenant_settings(tenants: &PrivatePostgres) -> anyhow::Result<ProviderSettings> {
    let bridge = engine::bridge_address()?;
    let settings = json!({"host": "tenant-postgres", "port": tenants.port, "public_host": "127.0.0.1", "public_port": tenants.port});
    Ok(ProviderSettings {
        settings: settings.as_object().cloned().unwrap_or_default(),
        secrets: BTreeMap::from([("admin_password".into(), SecretSource::File(tenants.password_file.clone()))]),
        egress: BTreeMap::from([("tenant-postgres".into(), format!("{bridge}:{}", tenants.port))]),
        ..ProviderSettings::default()
    })
}
