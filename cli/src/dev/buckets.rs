//! The object store for tenants' buckets: SeaweedFS, all its parts in one process, reached by S3 and IAM requests.

use std::{
    fs::File,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::sys::signal::Signal;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    account::Account,
    server::{Recipe, Server},
};

/// The administrator's access key id.
pub(crate) const ADMIN: &str = "slipway";
/// Ports that the store takes in a row: the first for S3, the others for what its parts say to each other.
pub(crate) const PORTS: u16 = 8;

/// How long the store may take until it answers.
const START: Duration = Duration::from_secs(60);

/// Finds `weed`, if it is installed.
pub(crate) fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.push("/usr/local/bin".into());
    folders.extend(std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/bin")));
    folders.into_iter().map(|folder| folder.join("weed")).find(|program| program.is_file())
}

/// The store's settings.
#[derive(Clone, Debug)]
pub(crate) struct ObjectStore {
    /// Its folder, there and the account's.
    pub(crate) data: PathBuf,
    /// Where S3 is spoken, beside 127.0.0.1. Its inner parts listen on 127.0.0.1 alone.
    pub(crate) address: Ipv4Addr,
    /// The first of its [`PORTS`] ports.
    pub(crate) port: u16,
    /// The administrator's secret access key.
    pub(crate) admin_secret: String,
    /// What its parts sign their requests to each other with.
    pub(crate) inner_secret: String,
}

impl ObjectStore {
    /// Starts the store. It does not answer yet.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start(
        &self,
        program: PathBuf,
        account: Option<&Account>,
        (log, path): &(File, PathBuf),
    ) -> anyhow::Result<Server> {
        let recipe = Recipe {
            name: "S3 for tenants",
            program,
            arguments: self.arguments(),
            environment: self.environment(),
            folder: self.data.clone(),
            account: account.cloned(),
            // Asked to end, it waits a quarter of a minute for connections between its own parts. What it has
            // confirmed is written by then, and a start after a kill takes no longer than another.
            stop: Signal::SIGKILL,
            log: path.clone(),
        };
        self.remove_sockets();
        recipe.start(log)
    }

    /// Waits until the store answers.
    ///
    /// # Errors
    /// When it ends instead, or takes more than a minute; the message holds the end of its log.
    pub(crate) async fn ready(&self, server: &mut Server) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + START;
        loop {
            if self.answers().await {
                return Ok(());
            }
            server.runs().await?;
            anyhow::ensure!(
                tokio::time::Instant::now() < deadline,
                "the object store does not answer after {} s; {}",
                START.as_secs(),
                server.last_words()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Removes the sockets that a killed store leaves in /tmp, where it insists on having them.
    pub(crate) fn remove_sockets(&self) {
        for (part, offset) in [("master", 2), ("volume", 4), ("filer", 6), ("s3", 7)] {
            let _ = std::fs::remove_file(format!("/tmp/seaweedfs-{part}-grpc-{}.sock", self.port + offset));
        }
    }

    /// Whether it turns a stranger away, as it does once it knows whom to let in.
    async fn answers(&self) -> bool {
        let ask = async {
            let mut stream = TcpStream::connect((self.address, self.port)).await?;
            stream.write_all(b"GET / HTTP/1.1\r\nHost: store\r\nConnection: close\r\n\r\n").await?;
            let mut status = [0; 12];
            stream.read_exact(&mut status).await.map(|_| status)
        };
        matches!(tokio::time::timeout(Duration::from_secs(2), ask).await, Ok(Ok(status)) if status.ends_with(b" 403"))
    }

    fn arguments(&self) -> Vec<String> {
        let port = |offset: u16| self.port + offset;
        let folder = self.data.display();
        [
            "-logtostderr=true".to_owned(),
            "server".to_owned(),
            format!("-dir={folder}"),
            "-ip=127.0.0.1".to_owned(),
            "-ip.bind=127.0.0.1".to_owned(),
            format!("-master.port={}", port(1)),
            format!("-master.port.grpc={}", port(2)),
            // The only one: nobody to elect a leader with.
            "-master.peers=none".to_owned(),
            "-master.telemetry=false".to_owned(),
            "-master.volumeSizeLimitMB=1024".to_owned(),
            format!("-volume.port={}", port(3)),
            format!("-volume.port.grpc={}", port(4)),
            // A bucket takes at least one volume, a file that grows with its content.
            "-volume.max=4000".to_owned(),
            "-filer".to_owned(),
            format!("-filer.port={}", port(5)),
            format!("-filer.port.grpc={}", port(6)),
            format!("-filer.localSocket={folder}/filer.sock"),
            "-s3".to_owned(),
            format!("-s3.ip.bind={}", self.address),
            format!("-s3.port={}", port(0)),
            format!("-s3.port.grpc={}", port(7)),
            format!("-s3.localSocket={folder}/s3.sock"),
            "-s3.port.iceberg=0".to_owned(),
            "-s3.port.lance=0".to_owned(),
            "-s3.iam.readOnly=false".to_owned(),
            "-s3.autoCreateBucket=false".to_owned(),
            "-s3.allowDeleteBucketNotEmpty=false".to_owned(),
        ]
        .into()
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let mut environment = vec![
            ("AWS_ACCESS_KEY_ID", ADMIN.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", self.admin_secret.clone()),
            ("HOME", self.data.display().to_string()),
            // A goal for its garbage collector, not a bound: without one a large upload leaves it three times as big.
            ("GOMEMLIMIT", "192MiB".to_owned()),
            // One volume to begin with: the default is seven for each bucket.
            ("WEED_MASTER_VOLUME_GROWTH_COPY_1", "1".to_owned()),
        ];
        environment.extend(
            [
                "WEED_JWT_SIGNING_KEY",
                "WEED_JWT_SIGNING_READ_KEY",
                "WEED_JWT_FILER_SIGNING_KEY",
                "WEED_JWT_FILER_SIGNING_READ_KEY",
            ]
            .map(|key| (key, self.inner_secret.clone())),
        );
        environment
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_shows_in_the_process_list_and_only_s3_leaves_this_machines_loopback() {
        let store = ObjectStore {
            data: "/d/buckets".into(),
            address: Ipv4Addr::new(172, 17, 0, 1),
            port: 20_000,
            admin_secret: "hush".into(),
            inner_secret: "quiet".into(),
        };
        let arguments = store.arguments();
        assert!(!arguments.iter().any(|argument| argument.contains("hush") || argument.contains("quiet")));
        let outside: Vec<&String> = arguments.iter().filter(|argument| argument.contains("172.17.0.1")).collect();
        assert_eq!(outside, ["-s3.ip.bind=172.17.0.1"]);
    }
}
