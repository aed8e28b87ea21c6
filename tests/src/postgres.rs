//! A Postgres cluster of a test's own: to restart, or to stand for the tenants' server.

use std::{os::unix::fs::PermissionsExt as _, path::PathBuf, process::Command, time::Duration};

use anyhow::Context as _;
use nix::sys::signal::Signal;
use shared::config::{Database, DatabaseTls};
use sqlx::{Connection as _, PgConnection};

use crate::{
    authority::{Authority, Pair},
    process::{self, Process, Recipe},
    wait,
};

/// A private cluster with the superuser `postgres`.
#[derive(Debug)]
pub struct PrivatePostgres {
    server: Process,
    /// Its port on every address it listens on.
    pub port: u16,
    /// The superuser's password.
    pub password: String,
    /// A file that holds that password.
    pub password_file: PathBuf,
    /// How its superuser gets in, when it speaks TLS.
    pub tls: Option<DatabaseTls>,
    // Removed last.
    _folder: tempfile::TempDir,
}

impl PrivatePostgres {
    /// Makes and starts one that listens on 127.0.0.1 and on the other `addresses`.
    ///
    /// # Errors
    /// When Postgres is not installed or does not start.
    pub async fn start(addresses: &[String]) -> anyhow::Result<Self> {
        Self::start_with(addresses, None).await
    }

    /// The same over TLS, with this certificate, for who shows one of the authority that has the role's name in it.
    ///
    /// # Errors
    /// When Postgres is not installed or does not start.
    pub async fn start_secured(authority: &Authority, shown: &Pair) -> anyhow::Result<Self> {
        Self::start_with(&[], Some((authority, shown))).await
    }

    async fn start_with(addresses: &[String], tls: Option<(&Authority, &Pair)>) -> anyhow::Result<Self> {
        let mut folders: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
            .map(|found| found.flatten().map(|entry| entry.path().join("bin")).collect())
            .unwrap_or_default();
        folders.sort();
        folders.reverse();
        let initdb = process::find("initdb", &folders)
            .context("Postgres is not installed: no `initdb`; on Debian or Ubuntu: apt-get install postgresql")?
            .canonicalize()?;
        let account = process::unprivileged()?;
        let folder = tempfile::Builder::new().prefix("slipway-postgres-").tempdir()?;
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
        let (data, password_file) = (folder.path().join("data"), folder.path().join("password"));
        std::fs::create_dir(&data)?;
        let password = uuid::Uuid::now_v7().simple().to_string();
        std::fs::write(&password_file, &password)?;
        if let Some((uid, gid)) = account {
            std::os::unix::fs::chown(&data, Some(uid), Some(gid))?;
            std::os::unix::fs::chown(&password_file, Some(uid), Some(gid))?;
        }
        let mut command = Command::new(&initdb);
        command.args([
            "--username=postgres",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]);
        command.arg("--pgdata").arg(&data).arg("--pwfile").arg(&password_file).current_dir("/");
        if let Some((uid, gid)) = account {
            use std::os::unix::process::CommandExt as _;
            command.uid(uid).gid(gid);
        }
        let made = tokio::task::spawn_blocking(move || command.output()).await??;
        anyhow::ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let access = if tls.is_some() {
            "hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-full\n"
        } else {
            "host all all 127.0.0.1/32 scram-sha-256\nhost all all samenet scram-sha-256\n\
             host all all 172.16.0.0/12 scram-sha-256\nhost all all 192.168.0.0/16 scram-sha-256\n"
        };
        std::fs::write(data.join("pg_hba.conf"), access)?;
        let port = process::free_port()?;
        let listen: Vec<String> = std::iter::once("127.0.0.1".to_owned()).chain(addresses.iter().cloned()).collect();
        let mut settings = vec![
            format!("listen_addresses={}", listen.join(",")),
            format!("port={port}"),
            "unix_socket_directories=".to_owned(),
            "max_connections=100".to_owned(),
            // The tests kill processes, not machines: what was written stays written without it.
            "fsync=off".to_owned(),
        ];
        if let Some((authority, shown)) = tls {
            let files = [("ca", &authority.ca), ("cert", &shown.cert), ("key", &shown.key)];
            settings.push("ssl=on".to_owned());
            for (name, from) in files {
                // It must be its own, and nobody else's to read.
                let file = data.join(format!("tls-{name}.pem"));
                std::fs::write(&file, std::fs::read(from)?)?;
                std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))?;
                if let Some((uid, gid)) = account {
                    std::os::unix::fs::chown(&file, Some(uid), Some(gid))?;
                }
                settings.push(format!("ssl_{name}_file={}", file.display()));
            }
        }
        let mut arguments = vec!["-D".to_owned(), data.display().to_string()];
        arguments.extend(settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]));
        let recipe = Recipe {
            name: "postgres".to_owned(),
            program: initdb.with_file_name("postgres"),
            arguments,
            environment: vec![("LC_ALL".to_owned(), "C.UTF-8".to_owned())],
            account,
            log: folder.path().join("postgres.log"),
            end_with: Signal::SIGQUIT,
        };
        let server = Process::start(recipe)?;
        let tls = match tls {
            Some((authority, _)) => Some(authority.database(Some(&authority.client("postgres")?))),
            None => None,
        };
        let mut started = Self { server, port, password, password_file, tls, _folder: folder };
        started.ready().await?;
        Ok(started)
    }

    /// A URL for one of its databases.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// The settings that lead its superuser to one of its databases.
    #[must_use]
    pub fn config(&self, database: &str) -> Database {
        Database { url: self.url(database), tls: self.tls.clone(), ..Database::default() }
    }

    /// Ends it as `pg_ctl stop -m immediate` does: every connection breaks, nothing is flushed.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn stop_immediately(&mut self) -> anyhow::Result<()> {
        self.server.stop(Signal::SIGQUIT, Duration::from_secs(20)).await.map(|_| ())
    }

    /// Kills it: nothing is told or flushed. Returns when what it had started has ended too, which holds its memory until then.
    ///
    /// # Errors
    /// When the kernel refuses, or something of it goes on.
    pub async fn kill9(&mut self) -> anyhow::Result<()> {
        let pid = self.server.pid();
        let started = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
        self.server.kill9()?;
        wait::until("everything of the private Postgres has ended", Duration::from_secs(20), async || {
            // One that ended and that nobody asked about yet has no memory any more.
            let goes_on = |child: &str| {
                let state = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
                state.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
            };
            Ok((!started.split_whitespace().any(goes_on)).then_some(()))
        })
        .await
    }

    /// Starts it again, and waits until it answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        self.server.restart()?;
        self.ready().await
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let url = self.url("postgres");
        if self.tls.is_some() {
            return self.listens().await;
        }
        wait::until("the private Postgres answers", Duration::from_secs(60), async || {
            self.server.check()?;
            Ok(PgConnection::connect(&url).await.ok().map(drop))
        })
        .await
    }

    /// Without a certificate that it takes, which a test may be about: a server that is ready refuses who comes without TLS by
    /// another code than one that is starting.
    async fn listens(&mut self) -> anyhow::Result<()> {
        let url = format!("{}?sslmode=disable", self.url("postgres"));
        wait::until("the private Postgres answers", Duration::from_secs(60), async || {
            self.server.check()?;
            let refusal = PgConnection::connect(&url).await.err();
            let code = refusal.as_ref().and_then(|error| error.as_database_error()?.code());
            Ok(code.filter(|code| code == "28000").map(drop))
        })
        .await
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        // Its children end with it only when it may tell them.
        let _ = self.server.signal(Signal::SIGQUIT);
        for _ in 0..100 {
            if !matches!(self.server.ended(), Ok(None)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
