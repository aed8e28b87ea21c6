//! `slipway dev`: api, scheduler and worker in one process, over servers that it starts itself.

/// `println!` that does not mind when nobody reads it any more: the terminal may be closed, and work goes on.
macro_rules! tell {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        drop(writeln!(std::io::stdout(), $($text)*));
    }};
}

mod account;
mod buckets;
mod certificates;
mod files;
mod logins;
mod people;
mod ports;
mod postgres;
mod redis;
mod server;
mod settings;
mod stack;

use std::{net::Ipv4Addr, path::PathBuf, time::Duration};

use anyhow::Context as _;
use shared::{
    config::{Config, EngineKind, Log},
    telemetry,
};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::output::warn;

use self::{
    buckets::ObjectStore, certificates::Certificates, files::Folders, logins::Logins, ports::Reserved,
    postgres::Cluster, redis::Redis, server::Server, settings::Made, stack::Stack,
};

/// What is logged unless the user says otherwise: what the libraries tell at `info` is for their authors.
const LOG: &str = "info,sqlx=warn,apalis_core=warn,apalis=warn";
/// The secret that opens the tenants' object store to its administrator.
const STORE_SECRET: &str = "store-admin-secret";

/// Starts everything on this machine: api, scheduler, worker, the Postgres and Redis they need, and servers for tenants.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  slipway dev                          all of it, from the providers in ./providers
  slipway dev --port 9000 --slots 2    the API on port 9000, two runs at a time
  source .slipway/env                  in another terminal: the address and an admin's key
  slipway dev --tls                    the same over TLS; .slipway/tls has what a browser or curl needs
  slipway login                        or act as a person: admin, with the password in .slipway/admin-password
  slipway user add ada --role developer --team shop    more people, in .slipway/people.yaml
  SLIPWAY_CONFIG=.slipway/config.yaml slipway-worker    one more worker")]
pub(crate) struct Arguments {
    /// Folder for ports, key and logs
    #[arg(long, value_name = "DIR", default_value = ".slipway")]
    dir: PathBuf,
    /// Folder with providers, each in a folder of its own
    #[arg(long, value_name = "DIR", default_value = "providers")]
    providers: PathBuf,
    /// Port of the API [default: 8080, or a free one, kept from then on]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Runs that the worker drives at once [default: 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    slots: Option<u32>,
    /// Folder for the servers' data [default: data in --dir; as root, in /var/lib/slipway-dev]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Settings to start from: a configuration file of Slipway's binaries
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// TLS with certificates of both sides to Postgres, Redis and the API, by an authority of its own
    #[arg(long, env = "SLIPWAY_DEV_TLS", hide_env_values = true, value_parser = clap::builder::FalseyValueParser::new())]
    tls: bool,
}

/// The servers, in the order they are stopped.
#[derive(Debug)]
struct Servers {
    redis: Server,
    postgres: Server,
    tenants: Server,
    buckets: Option<Server>,
}

/// Runs until SIGTERM or SIGINT. To be called on the program's first thread (see [`server::Recipe::start`]).
///
/// # Errors
/// When something is missing, taken or does not start; the message says what to do.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let mut base = Config::load(arguments.config.as_deref())?;
    scheduler::check(&base)?;
    if base.log.filter == Log::default().filter {
        base.log.filter = LOG.into();
    }
    telemetry::init(&base.log);
    let bridge = settings::bridge_address();
    let providers = settings::providers_folder(&arguments.providers)?;
    look_for_docker(&base, bridge)?;
    let programs = postgres::find().await?;
    let redis_program = redis::find()?;
    let store_program = if settings::wants_store(&base) { find_store() } else { None };
    let account = account::choose()?;
    let account = account.as_ref();
    let folders = Folders::prepare(&arguments.dir, arguments.data_dir.as_deref(), account)?;
    let (_dir_lock, _data_lock) = (files::lock(&folders.dir)?, files::lock(&folders.data)?);

    let certificates = arguments.tls.then(|| Certificates::make(&folders, account)).transpose()?;
    let admin_password = folders.secret("postgres-admin-password")?;
    let database_password = folders.secret("database-password")?;
    let logins = Logins::prepare(&folders)?;
    let tenant_password = folders.secret("tenant-admin-password")?;
    let people = if base.identity.people_file.is_none() { Some(people::prepare(&folders)?) } else { None };
    let mut own = Cluster {
        name: "Postgres",
        data: folders.data.join("postgres"),
        addresses: vec![Ipv4Addr::LOCALHOST],
        port: 0,
        admin_password,
        for_containers: false,
        owner: Some(("slipway", database_password.clone())),
        tls: certificates.clone(),
    };
    let mut tenants = Cluster {
        name: "Postgres for tenants",
        data: folders.data.join("tenants"),
        addresses: [Some(Ipv4Addr::LOCALHOST), bridge].into_iter().flatten().collect(),
        port: 0,
        admin_password: tenant_password,
        for_containers: true,
        owner: None,
        tls: None,
    };
    let mut redis =
        Redis { data: folders.data.join("redis"), port: 0, password: files::random(), tls: certificates.clone() };
    let mut store = ObjectStore {
        data: folders.data.join("buckets"),
        address: bridge.unwrap_or(Ipv4Addr::LOCALHOST),
        port: 0,
        admin_secret: folders.secret(STORE_SECRET)?,
        inner_secret: folders.secret("store-inner-secret")?,
    };
    // Before ports are looked at: what an earlier one left holds them. The object store never outlives its parent.
    if own.end_orphan().await? | tenants.end_orphan().await? | redis.end_orphan().await? {
        tell!("ended the servers that an earlier `slipway dev` left running");
    }
    let Reserved { ports, api: api_port, servers: server_ports } =
        ports::settle(&folders.dir.join("dev.yaml"), arguments.port)?;
    (own.port, tenants.port, redis.port, store.port) = (ports.postgres, ports.tenants, ports.redis, ports.buckets);

    for cluster in [&own, &tenants] {
        if cluster.make(&programs, account).await? {
            tell!("made {} in {}", cluster.name, cluster.data.display());
        }
    }
    own.ensure_logins(&programs, account, &logins).await?;
    let logs = (folders.log("postgres")?, folders.log("tenants")?, folders.log("redis")?, folders.log("buckets")?);
    drop(server_ports);
    let mut servers = Servers {
        postgres: own.start(&programs, account, &logs.0)?,
        tenants: tenants.start(&programs, account, &logs.1)?,
        redis: redis.start(redis_program, account, &logs.2)?,
        buckets: store_program.map(|program| store.start(program, account, &logs.3)).transpose()?,
    };
    let outcome = async {
        tokio::try_join!(
            own.ready(&mut servers.postgres),
            tenants.ready(&mut servers.tenants),
            redis.ready(&mut servers.redis),
            async {
                match &mut servers.buckets {
                    Some(server) => store.ready(server).await,
                    None => Ok(()),
                }
            }
        )?;
        let started =
            [(&servers.postgres, ports.postgres), (&servers.tenants, ports.tenants), (&servers.redis, ports.redis)];
        for (server, port) in started.into_iter().chain(servers.buckets.iter().map(|server| (server, ports.buckets))) {
            let pid = server.pid().unwrap_or_default();
            tell!("{:<21} 127.0.0.1:{port:<6} pid {pid:<8} {}", server.name(), server.log().display());
        }
        let config = settings::settle(
            base,
            Made {
                folders: &folders,
                ports,
                database_password: &database_password,
                redis: &redis,
                certificates: certificates.as_ref(),
                tenant_password: &folders.secret_path("tenant-admin-password"),
                store_secret: servers.buckets.is_some().then_some(folders.secret_path(STORE_SECRET)).as_deref(),
                bridge,
                providers: &providers,
                people: people.as_ref().map(|people| people.file.as_path()),
                slots: arguments.slots,
            },
        );
        let configs = logins.configs(config, certificates.as_ref());
        // One more worker is what it is for; whoever reads it has no more rights than that.
        // By way of JSON, which has no tags: what reads it knows none.
        let plain = serde_json::to_value(&configs.worker).context("writing the configuration down")?;
        let text = serde_yaml::to_string(&plain).context("writing the configuration down")?;
        files::write(&folders.dir.join("config.yaml"), &text, 0o600)?;
        let people_tls = certificates.as_ref().map(|made| made.people().clone()).unwrap_or_default();
        drop(api_port);
        let mut stack = Stack::start(&configs, &folders.dir.join("env"), &people_tls).await?;
        let ended = tokio::select! {
            ready = stack.ready() => match ready {
                Ok(()) => {
                    tell!("to use it: source {}", folders.dir.join("env").display());
                    if let Some(file) = people.and_then(|people| people.password_file) {
                        tell!(
                            "to log in: {}/login as admin, with the password in {}",
                            stack::address(&configs.owner),
                            file.display()
                        );
                    }
                    tell!("ready: {}", stack::address(&configs.owner));
                    tokio::select! {
                        ended = stack.ended() => ended,
                        failed = keep_up(&mut servers, [&logs.2.0, &logs.0.0, &logs.1.0, &logs.3.0]) => failed,
                        () = signals.next() => Ok(()),
                    }
                }
                Err(error) => Err(error),
            },
            () = signals.next() => Ok(()),
        };
        if ended.is_ok() {
            tell!(
                "stopping: running work gets {} s, what is not done then goes on at the next start",
                configs.owner.worker.drain_s
            );
        }
        let patience = Duration::from_secs(u64::from(configs.owner.worker.drain_s) + 10);
        let mut stopping = std::pin::pin!(stack.stop(patience));
        let stopped = tokio::select! {
            stopped = &mut stopping => stopped,
            () = signals.next() => {
                tell!("asked twice: running work is handed back at once");
                worker::hurry();
                stopping.await
            }
        };
        ended.and(stopped)
    };
    let outcome = outcome.await;
    servers.redis.stop(Duration::from_secs(5)).await;
    servers.postgres.stop(Duration::from_secs(30)).await;
    servers.tenants.stop(Duration::from_secs(30)).await;
    if let Some(mut server) = servers.buckets {
        server.stop(Duration::from_secs(5)).await;
        store.remove_sockets();
    }
    outcome
}

/// Starts servers again that end by themselves. Returns only when one cannot be started.
async fn keep_up(servers: &mut Servers, logs: [&std::fs::File; 4]) -> anyhow::Result<()> {
    async fn one(server: &mut Server, log: &std::fs::File) -> anyhow::Result<()> {
        loop {
            let status = server.ended().await?;
            tracing::warn!(server = server.name(), %status, log = %server.log().display(), "ended by itself; starting it again");
            tokio::time::sleep(Duration::from_secs(1)).await;
            server.restart(log)?;
        }
    }
    let Servers { redis, postgres, tenants, buckets } = servers;
    let buckets = async {
        match buckets {
            Some(server) => one(server, logs[3]).await,
            None => std::future::pending().await,
        }
    };
    tokio::try_join!(one(redis, logs[0]), one(postgres, logs[1]), one(tenants, logs[2]), buckets)
        .map(|_: ((), (), (), ())| ())
}

/// The object store's program. Without one all else goes on: what needs a bucket says what it lacks.
fn find_store() -> Option<PathBuf> {
    let found = buckets::find();
    if found.is_none() {
        warn(
            "SeaweedFS is not installed (no `weed` on PATH), so there is no object store for buckets: `make up` installs it",
        );
    }
    found
}

/// Looks for the engine before anything is started, and for the way from its containers to this machine.
fn look_for_docker(config: &Config, bridge: Option<Ipv4Addr>) -> anyhow::Result<()> {
    if config.worker.engine == EngineKind::Scripted {
        return Ok(());
    }
    let socket = &config.worker.docker_socket;
    std::os::unix::net::UnixStream::connect(socket).with_context(|| {
        format!("no Docker engine answers at {socket}: `make up` installs and starts one, or `systemctl start docker`")
    })?;
    if bridge.is_none() {
        warn("this machine has no address on Docker's bridge (docker0): steps cannot reach the tenants' Postgres");
    }
    Ok(())
}

/// The signals that end `slipway dev`.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Option<Signal>,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("listening for signals");
        // Under `nohup` a closed terminal is to change nothing; listening would undo that.
        let hangup = if ignores_hangup() { None } else { Some(listen(SignalKind::hangup())?) };
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())?, hangup })
    }

    async fn next(&mut self) {
        let Self { terminate, interrupt, hangup } = self;
        let closed = async {
            match hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {}, _ = closed => {} }
    }
}

/// Whether SIGHUP was set to be ignored by who started this process.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
