//! An object store of a test's own, for the buckets that the `bucket` provider makes.

use std::{collections::BTreeMap, os::unix::fs::PermissionsExt as _, path::PathBuf, time::Duration};

use anyhow::Context as _;
use nix::sys::signal::Signal;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use serde_json::{Value, json};
use shared::config::{ProviderSettings, SecretSource};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    process::{self, Process, Recipe},
    wait,
};

/// The administrator's access key id.
const ADMIN: &str = "test-admin";
/// The name that steps know the store by.
const NAME: &str = "tenant-buckets";
/// Ports that a store takes in a row.
const PORTS: u16 = 8;

/// A private SeaweedFS.
#[derive(Debug)]
pub struct PrivateStore {
    server: Process,
    /// Where S3 and IAM are spoken.
    pub endpoint: String,
    address: String,
    port: u16,
    secret_file: PathBuf,
    // Removed last.
    _folder: tempfile::TempDir,
}

impl PrivateStore {
    /// Starts one that listens on `address`, which steps reach.
    ///
    /// # Errors
    /// When SeaweedFS is not installed or does not start.
    pub async fn start(address: String) -> anyhow::Result<Self> {
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let program = process::find("weed", &["/usr/local/bin".into(), home.join(".local/bin")])
            .context("SeaweedFS is not installed: no `weed` on PATH; on Debian or Ubuntu: deploy/local/packages.sh")?;
        let account = process::unprivileged()?;
        let folder = tempfile::Builder::new().prefix("slipway-buckets-").tempdir()?;
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711))?;
        let data = folder.path().join("data");
        std::fs::create_dir(&data)?;
        if let Some((uid, gid)) = account {
            std::os::unix::fs::chown(&data, Some(uid), Some(gid))?;
        }
        let secret = uuid::Uuid::now_v7().simple().to_string();
        let secret_file = folder.path().join("secret");
        std::fs::write(&secret_file, &secret)?;
        let port = free_ports()?;
        let options = format!(
            "-ip=127.0.0.1 -ip.bind=127.0.0.1 -master.peers=none -master.telemetry=false -master.volumeSizeLimitMB=64 \
             -volume.max=100 -filer -s3 -s3.ip.bind={address} -s3.port.iceberg=0 -s3.port.lance=0 \
             -s3.iam.readOnly=false -s3.autoCreateBucket=false -s3.allowDeleteBucketNotEmpty=false"
        );
        let mut arguments = vec!["-logtostderr=true".to_owned(), "server".to_owned()];
        arguments.push(format!("-dir={}", data.display()));
        arguments.extend(options.split(' ').map(str::to_owned));
        for (part, offset) in [("s3", 0), ("master", 1), ("volume", 3), ("filer", 5)] {
            arguments.push(format!("-{part}.port={}", port + offset));
        }
        for (part, offset) in [("master", 2), ("volume", 4), ("filer", 6), ("s3", 7)] {
            arguments.push(format!("-{part}.port.grpc={}", port + offset));
        }
        for part in ["filer", "s3"] {
            arguments.push(format!("-{part}.localSocket={}/{part}.sock", data.display()));
        }
        let environment = [
            ("AWS_ACCESS_KEY_ID", ADMIN.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", secret),
            ("HOME", data.display().to_string()),
            ("WEED_JWT_FILER_SIGNING_KEY", uuid::Uuid::now_v7().to_string()),
            ("WEED_MASTER_VOLUME_GROWTH_COPY_1", "1".to_owned()),
        ];
        let recipe = Recipe {
            name: "weed".to_owned(),
            program,
            arguments,
            environment: environment.map(|(name, value)| (name.to_owned(), value)).into(),
            account,
            log: folder.path().join("weed.log"),
            end_with: Signal::SIGKILL,
        };
        let endpoint = format!("http://{address}:{port}");
        let server = Process::start(recipe)?;
        let mut started = Self { server, endpoint, address, port, secret_file, _folder: folder };
        started.ready().await?;
        Ok(started)
    }

    /// What the `bucket` provider is to know of it.
    #[must_use]
    pub fn settings(&self) -> ProviderSettings {
        let settings = json!({
            "endpoint": format!("http://{NAME}:{}", self.port),
            "public_endpoint": self.endpoint,
            "access_key_id": ADMIN,
        });
        ProviderSettings {
            settings: settings.as_object().cloned().unwrap_or_default(),
            secrets: BTreeMap::from([("admin_secret_access_key".into(), SecretSource::File(self.secret_file.clone()))]),
            egress: BTreeMap::from([(NAME.into(), format!("{}:{}", self.address, self.port))]),
            ..ProviderSettings::default()
        }
    }

    /// Kills it and starts it again, and waits until it answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn kill9_and_start_again(&mut self) -> anyhow::Result<()> {
        self.server.kill9()?;
        self.server.restart()?;
        self.ready().await
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let address = (self.address.clone(), self.port);
        wait::until("the private object store answers", Duration::from_secs(60), async || {
            self.server.check()?;
            // It turns strangers away once it knows whom to let in.
            Ok(status(&address).await.is_ok_and(|status| status.ends_with(b" 403")).then_some(()))
        })
        .await
    }
}

/// The beginning of the answer to a request without a signature.
async fn status(address: &(String, u16)) -> std::io::Result<[u8; 12]> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: store\r\nConnection: close\r\n\r\n").await?;
    let mut status = [0; 12];
    stream.read_exact(&mut status).await?;
    Ok(status)
}

impl Drop for PrivateStore {
    fn drop(&mut self) {
        let _ = self.server.kill9();
        for (part, offset) in [("master", 2), ("volume", 4), ("filer", 6), ("s3", 7)] {
            let _ = std::fs::remove_file(format!("/tmp/seaweedfs-{part}-grpc-{}.sock", self.port + offset));
        }
    }
}

/// Opens `bucket` with what a resource gives out.
///
/// # Errors
/// When the outputs lack something.
pub fn open(outputs: &Value, bucket: &str) -> anyhow::Result<AmazonS3> {
    let text = |name: &str| outputs[name].as_str().with_context(|| format!("no output '{name}' in {outputs:#}"));
    let store = AmazonS3Builder::new()
        .with_endpoint(text("endpoint")?)
        .with_allow_http(true)
        .with_region(text("region")?)
        .with_bucket_name(bucket)
        .with_access_key_id(text("access_key_id")?)
        .with_secret_access_key(text("secret_access_key")?)
        .with_retry(object_store::RetryConfig { max_retries: 0, ..object_store::RetryConfig::default() });
    Ok(store.build()?)
}

fn free_ports() -> anyhow::Result<u16> {
    for _ in 0..100 {
        let first = process::free_port()?;
        if (first..first + PORTS).all(|port| std::net::TcpListener::bind(("0.0.0.0", port)).is_ok()) {
            return Ok(first);
        }
    }
    anyhow::bail!("no {PORTS} free ports in a row found")
}
