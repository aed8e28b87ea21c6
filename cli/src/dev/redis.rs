//! The private Redis server. It keeps nothing on disk: Postgres is the truth.

use std::{fs::File, path::PathBuf, time::Duration};

use anyhow::Context as _;
use nix::sys::signal::Signal;
use shared::{config, queue::Tickets};

use super::{
    account::{self, Account},
    certificates::Certificates,
    files,
    server::{self, Recipe, Server},
};

/// How long the server may take until it answers.
const START: Duration = Duration::from_secs(20);

/// Finds `redis-server`, or its successor by another name.
///
/// # Errors
/// When there is none; the message says what to install.
pub(crate) fn find() -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/bin", "/usr/local/bin", "/usr/sbin"].map(PathBuf::from));
    let names = ["redis-server", "valkey-server"];
    names
        .iter()
        .find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|program| program.is_file()))
        .context(
            "Redis is not installed: no `redis-server` or `valkey-server` on PATH\n  \
         Debian, Ubuntu: apt-get install redis-server    Fedora: dnf install valkey    macOS: brew install redis",
        )
}

/// The server's settings.
#[derive(Clone, Debug)]
pub(crate) struct Redis {
    /// Its folder, there and the account's.
    pub(crate) data: PathBuf,
    /// Its port on 127.0.0.1.
    pub(crate) port: u16,
    /// What clients must say.
    pub(crate) password: String,
    /// TLS alone, with a certificate of whoever connects.
    pub(crate) tls: Option<Certificates>,
}

impl Redis {
    /// Ends what a killed `slipway dev` left running in this folder.
    ///
    /// # Errors
    /// When it does not end.
    pub(crate) async fn end_orphan(&self) -> anyhow::Result<bool> {
        server::end_orphan(&self.data.join("redis.pid"), &self.data, Signal::SIGTERM, Signal::SIGTERM).await
    }

    /// How to reach it.
    pub(crate) fn config(&self, base: config::Redis) -> config::Redis {
        let scheme = if self.tls.is_some() { "rediss" } else { "redis" };
        config::Redis {
            url: format!("{scheme}://:{}@127.0.0.1:{}/0", self.password, self.port),
            tls: self.tls.as_ref().map(Certificates::redis),
            ..base
        }
    }

    /// Starts the server. It does not answer yet.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start(
        &self,
        program: PathBuf,
        account: Option<&Account>,
        (log, path): &(File, PathBuf),
    ) -> anyhow::Result<Server> {
        let file = self.data.join("redis.conf");
        files::write(&file, &self.settings(), 0o600)?;
        account::give(&file, account)?;
        let recipe = Recipe {
            name: "Redis",
            program,
            arguments: vec![file.display().to_string()],
            environment: Vec::new(),
            folder: self.data.clone(),
            account: account.cloned(),
            stop: Signal::SIGTERM,
            log: path.clone(),
        };
        recipe.start(log)
    }

    /// Waits until the server answers.
    ///
    /// # Errors
    /// When it ends instead, or takes too long; the message holds the end of its log.
    pub(crate) async fn ready(&self, server: &mut Server) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + START;
        let tickets = Tickets::connect(&self.config(config::Redis::default()))?;
        loop {
            if tickets.check_server().await.is_ok() {
                return Ok(());
            }
            server.runs().await?;
            anyhow::ensure!(tokio::time::Instant::now() < deadline, "Redis does not answer; {}", server.last_words());
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    fn settings(&self) -> String {
        let Self { data, port, password, tls } = self;
        let folder = data.display();
        let listen = match tls {
            Some(Certificates { ca, redis, .. }) => format!(
                "port 0\ntls-port {port}\ntls-auth-clients yes\ntls-protocols \"TLSv1.2 TLSv1.3\"\n\
                 tls-ca-cert-file \"{}\"\ntls-cert-file \"{}\"\ntls-key-file \"{}\"",
                ca.display(),
                redis.cert.display(),
                redis.key.display()
            ),
            None => format!("port {port}"),
        };
        format!(
            "# Written by `slipway dev` at each start.\n\
             bind 127.0.0.1\n{listen}\nprotected-mode yes\nrequirepass {password}\n\
             daemonize no\npidfile \"{folder}/redis.pid\"\ndir \"{folder}\"\nlogfile \"\"\n\
             save \"\"\nappendonly no\nmaxmemory 256mb\nmaxmemory-policy noeviction\n"
        )
    }
}
