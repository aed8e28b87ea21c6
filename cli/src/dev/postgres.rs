//! The two private Postgres clusters: Slipway's own, and one for tenants' databases.

use std::{
    fs::File,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::Context as _;
use nix::sys::signal::Signal;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    account::{self, Account},
    certificates::Certificates,
    files,
    logins::Logins,
    server::{self, Recipe, Server},
};

/// How long a cluster may take to be made.
const INITDB: Duration = Duration::from_secs(120);
/// How long a server may take until it answers; recovery after a kill is in it.
const START: Duration = Duration::from_secs(60);

/// The programs of a Postgres installation.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    bin: PathBuf,
}

/// Finds Postgres: on PATH, where `pg_config` says, or where Debian and Ubuntu put it (the newest).
///
/// # Errors
/// When there is none; the message says what to install.
pub(crate) async fn find() -> anyhow::Result<Programs> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let asked = tokio::process::Command::new("pg_config").arg("--bindir").output();
    if let Ok(Ok(answer)) = tokio::time::timeout(Duration::from_secs(5), asked).await {
        folders.push(PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim()));
    }
    let mut packaged: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    packaged.sort_unstable();
    folders.extend(packaged.into_iter().rev().map(|(_, folder)| folder));
    folders
        .into_iter()
        .find(|folder| ["initdb", "postgres"].iter().all(|program| folder.join(program).is_file()))
        .map(|bin| Programs { bin })
        .context(
            "Postgres is not installed: no `initdb` and `postgres` on PATH, by `pg_config` or in /usr/lib/postgresql/*/bin\n  \
             Debian, Ubuntu: apt-get install postgresql    Fedora: dnf install postgresql-server    macOS: brew install postgresql",
        )
}

/// One cluster.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    /// For messages.
    pub(crate) name: &'static str,
    /// Its data folder, there and the account's.
    pub(crate) data: PathBuf,
    /// Addresses it listens on.
    pub(crate) addresses: Vec<Ipv4Addr>,
    /// The port on each of them.
    pub(crate) port: u16,
    /// The password of its superuser `postgres`.
    pub(crate) admin_password: String,
    /// Whether containers may connect too, from the networks that this machine is on.
    pub(crate) for_containers: bool,
    /// A role and a database of that name to make when the cluster is made, with the role's password.
    pub(crate) owner: Option<(&'static str, String)>,
    /// TLS, with a certificate of whoever connects. The name in it must be that of the role.
    pub(crate) tls: Option<Certificates>,
}

impl Cluster {
    /// Ends what a killed `slipway dev` left running on this data.
    ///
    /// # Errors
    /// When it does not end.
    pub(crate) async fn end_orphan(&self) -> anyhow::Result<bool> {
        server::end_orphan(&self.data.join("postmaster.pid"), &self.data, Signal::SIGINT, Signal::SIGQUIT).await
    }

    /// Makes the cluster if it is not there yet. What a half-made one left is removed first.
    ///
    /// # Errors
    /// When Postgres cannot make it; the message holds its words.
    pub(crate) async fn make(&self, programs: &Programs, account: Option<&Account>) -> anyhow::Result<bool> {
        let done = self.data.join("slipway-ready");
        if done.is_file() {
            return Ok(false);
        }
        self.clear()?;
        let password_file = self.data.with_extension("password");
        files::write(&password_file, &self.admin_password, 0o600)?;
        account::give(&password_file, account)?;
        let mut initdb = server::command(&programs.bin.join("initdb"), account);
        initdb.args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"]);
        initdb.arg("--pgdata").arg(&self.data).arg("--pwfile").arg(&password_file);
        let made = output(initdb, &self.data, "", INITDB).await;
        let _ = std::fs::remove_file(&password_file);
        made.with_context(|| format!("making the cluster of {}", self.name))?;
        if let Some((owner, password)) = &self.owner {
            let sql = format!(
                "CREATE ROLE {owner} LOGIN PASSWORD '{password}';\n\nCREATE DATABASE {owner} OWNER {owner};\n\n"
            );
            self.single_user(programs, account, &sql).await.with_context(|| format!("making the database {owner}"))?;
        }
        files::write(&done, "", 0o600)?;
        Ok(true)
    }

    /// Makes sure that the (stopped) cluster has these logins.
    ///
    /// # Errors
    /// When Postgres cannot make them; the message holds its words.
    pub(crate) async fn ensure_logins(
        &self,
        programs: &Programs,
        account: Option<&Account>,
        logins: &Logins,
    ) -> anyhow::Result<()> {
        let done = self.data.join("slipway-logins");
        if done.is_file() {
            return Ok(());
        }
        self.single_user(programs, account, &logins.sql()).await.context("making the logins of Slipway's programs")?;
        files::write(&done, "", 0o600)
    }

    /// Carries out statements, each with an empty line after it, by a server that needs no network and no client programs.
    async fn single_user(&self, programs: &Programs, account: Option<&Account>, sql: &str) -> anyhow::Result<()> {
        let mut single = server::command(&programs.bin.join("postgres"), account);
        single.args(["--single", "-j", "-D"]).arg(&self.data).arg("postgres");
        output(single, &self.data, sql, INITDB).await
    }

    /// Starts the server. It does not answer yet.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start(
        &self,
        programs: &Programs,
        account: Option<&Account>,
        (log, path): &(File, PathBuf),
    ) -> anyhow::Result<Server> {
        let access = self.data.join("pg_hba.conf");
        files::write(&access, &self.access(), 0o600)?;
        account::give(&access, account)?;
        let addresses: Vec<String> = self.addresses.iter().map(Ipv4Addr::to_string).collect();
        let settings = [
            format!("listen_addresses={}", addresses.join(",")),
            format!("port={}", self.port),
            // No socket file: its path would have to fit into 107 bytes, and nobody needs it.
            "unix_socket_directories=".to_owned(),
            "max_connections=200".to_owned(),
            "password_encryption=scram-sha-256".to_owned(),
            "logging_collector=off".to_owned(),
            "log_destination=stderr".to_owned(),
        ];
        let mut arguments = vec!["-D".to_owned(), self.data.display().to_string()];
        let settings = settings.into_iter().chain(self.tls.iter().flat_map(tls_settings));
        arguments.extend(settings.flat_map(|setting| ["-c".to_owned(), setting]));
        let recipe = Recipe {
            name: self.name,
            program: programs.bin.join("postgres"),
            arguments,
            environment: Vec::new(),
            folder: self.data.clone(),
            account: account.cloned(),
            stop: Signal::SIGINT,
            log: path.clone(),
        };
        recipe.start(log)
    }

    /// Waits until the server takes connections.
    ///
    /// # Errors
    /// When it ends instead, or takes more than a minute; the message holds the end of its log.
    pub(crate) async fn ready(&self, server: &mut Server) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + START;
        loop {
            if answers(self.port).await {
                return Ok(());
            }
            server.runs().await?;
            anyhow::ensure!(
                tokio::time::Instant::now() < deadline,
                "{} does not answer after {} s; {}",
                self.name,
                START.as_secs(),
                server.last_words()
            );
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    fn access(&self) -> String {
        let containers = if self.for_containers { "host all all samenet scram-sha-256\n" } else { "" };
        let own = match self.tls {
            Some(_) => "hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-full\n",
            None => "host all all 127.0.0.1/32 scram-sha-256\n",
        };
        format!("# Written by `slipway dev` at each start.\n{own}{containers}")
    }

    fn clear(&self) -> anyhow::Result<()> {
        let clear = || -> std::io::Result<()> {
            for entry in std::fs::read_dir(&self.data)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    std::fs::remove_dir_all(entry.path())?;
                } else {
                    std::fs::remove_file(entry.path())?;
                }
            }
            Ok(())
        };
        clear().with_context(|| format!("clearing {}", self.data.display()))
    }
}

fn tls_settings(Certificates { ca, postgres, .. }: &Certificates) -> [String; 5] {
    [
        "ssl=on".to_owned(),
        "ssl_min_protocol_version=TLSv1.2".to_owned(),
        format!("ssl_ca_file={}", ca.display()),
        format!("ssl_cert_file={}", postgres.cert.display()),
        format!("ssl_key_file={}", postgres.key.display()),
    ]
}

/// Whether a server that is up answers on the port.
async fn answers(port: u16) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        // The start-up packet of a user without a password and without TLS: a server that is ready asks for one ('R') or
        // refuses it, one that is starting or stopping answers with another error: 57P03.
        let parameters = b"user\0postgres\0database\0postgres\0\0";
        let length = u32::try_from(parameters.len() + 8).map_err(std::io::Error::other)?;
        let mut packet = length.to_be_bytes().to_vec();
        packet.extend_from_slice(&196_608_u32.to_be_bytes());
        packet.extend_from_slice(parameters);
        stream.write_all(&packet).await?;
        if stream.read_u8().await? != b'E' {
            return Ok(true);
        }
        let mut error = Vec::new();
        // Enough for the fields of an error up to its code.
        stream.take(64).read_to_end(&mut error).await?;
        Ok::<_, std::io::Error>(!error.windows(5).any(|code| code == b"57P03"))
    };
    matches!(tokio::time::timeout(Duration::from_secs(2), ask).await, Ok(Ok(true)))
}

/// Runs a program to its end, with `input` on its standard input.
async fn output(
    mut command: tokio::process::Command,
    folder: &Path,
    input: &str,
    limit: Duration,
) -> anyhow::Result<()> {
    command.current_dir(folder).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = async {
        let mut child = command.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes()).await?;
        }
        child.wait_with_output().await
    };
    let done = tokio::time::timeout(limit, run)
        .await
        .with_context(|| format!("it took more than {} s", limit.as_secs()))??;
    let words = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    // A single-user server ends with 0 even when a statement failed.
    let failed = !done.status.success() || words.contains("ERROR:") || words.contains("FATAL:");
    anyhow::ensure!(!failed, "{}: {}", done.status, words.trim());
    Ok(())
}
