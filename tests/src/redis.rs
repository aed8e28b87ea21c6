//! A Redis server of a test's own: to empty, stall and restart.

use std::time::Duration;

use anyhow::Context as _;
use nix::sys::signal::Signal;

use crate::{
    authority::{Authority, Pair},
    process::{self, Process, Recipe},
    wait,
};

/// A private server that keeps nothing on disk.
#[derive(Debug)]
pub struct PrivateRedis {
    server: Process,
    /// Where clients find it.
    pub url: String,
    _folder: tempfile::TempDir,
}

impl PrivateRedis {
    /// Starts one.
    ///
    /// # Errors
    /// When Redis is not installed or does not start.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(None).await
    }

    /// The same over TLS alone, with this certificate, for who shows one of the authority.
    ///
    /// # Errors
    /// When Redis is not installed, was built without TLS, or does not start.
    pub async fn start_secured(authority: &Authority, shown: &Pair) -> anyhow::Result<Self> {
        Self::start_with(Some((authority, shown))).await
    }

    async fn start_with(tls: Option<(&Authority, &Pair)>) -> anyhow::Result<Self> {
        let program = process::find("redis-server", &[]).or_else(|| process::find("valkey-server", &[])).context(
            "Redis is not installed: no `redis-server` on PATH; on Debian or Ubuntu: apt-get install redis-server",
        )?;
        let folder = tempfile::Builder::new().prefix("slipway-redis-").tempdir()?;
        let port = process::free_port()?;
        let listen = match tls {
            Some((authority, shown)) => format!(
                "--port 0 --tls-port {port} --tls-auth-clients yes --tls-ca-cert-file {} --tls-cert-file {} --tls-key-file {}",
                authority.ca.display(),
                shown.cert.display(),
                shown.key.display()
            ),
            None => format!("--port {port}"),
        };
        let settings = format!("--bind 127.0.0.1 {listen} --save  --appendonly no --maxmemory-policy noeviction --dir");
        let mut arguments: Vec<String> = settings.split(' ').map(str::to_owned).collect();
        arguments.push(folder.path().display().to_string());
        let recipe = Recipe {
            name: "redis".to_owned(),
            program,
            arguments,
            environment: Vec::new(),
            account: None,
            log: folder.path().join("redis.log"),
            end_with: Signal::SIGKILL,
        };
        let server = Process::start(recipe)?;
        let scheme = if tls.is_some() { "rediss" } else { "redis" };
        let mut started = Self { server, url: format!("{scheme}://127.0.0.1:{port}/0"), _folder: folder };
        match tls {
            Some(_) => started.listens(port).await?,
            None => started.ready().await?,
        }
        Ok(started)
    }

    /// Ends it; everything in it is lost.
    ///
    /// # Errors
    /// When it does not end.
    pub fn kill9(&mut self) -> anyhow::Result<()> {
        self.server.kill9()
    }

    /// Starts it again, empty.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        self.server.restart()?;
        self.ready().await
    }

    /// Stops it from doing anything, connections open.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn freeze(&mut self) -> anyhow::Result<()> {
        self.server.signal(Signal::SIGSTOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn thaw(&mut self) -> anyhow::Result<()> {
        self.server.signal(Signal::SIGCONT)
    }

    async fn listens(&mut self, port: u16) -> anyhow::Result<()> {
        wait::until("the private Redis listens", Duration::from_secs(20), async || {
            self.server.check()?;
            Ok(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok().map(drop))
        })
        .await
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let url = self.url.clone();
        wait::until("the private Redis answers", Duration::from_secs(20), async || {
            self.server.check()?;
            Ok(command::<String>(&url, redis::cmd("PING")).await.ok().map(drop))
        })
        .await
    }
}

/// Sends one command over a connection of its own.
///
/// # Errors
/// When Redis does not answer within five seconds.
pub async fn command<T: redis::FromRedisValue>(url: &str, command: redis::Cmd) -> anyhow::Result<T> {
    let client = redis::Client::open(url)?;
    let ask = async {
        let mut connection = client.get_multiplexed_async_connection().await?;
        anyhow::Ok(command.query_async(&mut connection).await?)
    };
    tokio::time::timeout(Duration::from_secs(5), ask).await.with_context(|| format!("{url} does not answer"))?
}
