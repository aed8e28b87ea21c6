//! The private Redis server. It keeps nothing on disk: Postgres is the truth.

use std::{fs::File, net::Ipv4Addr, path::PathBuf, time::Duration};

use anyhow::Context as _;
use nix::sys::signal::Signal;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    account::{self, Account},
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
}

impl Redis {
    /// Ends what a killed `slipway dev` left running in this folder.
    ///
    /// # Errors
    /// When it does not end.
    pub(crate) async fn end_orphan(&self) -> anyhow::Result<bool> {
        server::end_orphan(&self.data.join("redis.pid"), &self.data, Signal::SIGTERM, Signal::SIGTERM).await
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
        loop {
            if self.answers().await {
                return Ok(());
            }
            if let Some(status) = server.has_ended() {
                anyhow::bail!("Redis ended as it started ({status}); {}", server.last_words());
            }
            anyhow::ensure!(tokio::time::Instant::now() < deadline, "Redis does not answer; {}", server.last_words());
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    async fn answers(&self) -> bool {
        let ask = async {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await?;
            stream.write_all(format!("AUTH {}\r\n", self.password).as_bytes()).await?;
            stream.read_u8().await
        };
        matches!(tokio::time::timeout(Duration::from_secs(2), ask).await, Ok(Ok(b'+')))
    }

    fn settings(&self) -> String {
        let Self { data, port, password } = self;
        let folder = data.display();
        format!(
            "# Written by `slipway dev` at each start.\n\
             bind 127.0.0.1\nport {port}\nprotected-mode yes\nrequirepass {password}\n\
             daemonize no\npidfile \"{folder}/redis.pid\"\ndir \"{folder}\"\nlogfile \"\"\n\
             save \"\"\nappendonly no\nmaxmemory 256mb\nmaxmemory-policy noeviction\n"
        )
    }
}
