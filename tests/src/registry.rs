//! A registry of images of a test's own, which asks for a password.

use std::time::Duration;

use anyhow::Context as _;
use nix::sys::signal::Signal;

use crate::{
    engine::docker,
    process::{self, Process, Recipe},
    wait,
};

/// Who may speak to it.
pub const USER: &str = "puller";
/// The password that goes with it.
const PASSWORD: &str = "correct horse";
/// bcrypt of it.
const HASH: &str = "$2b$05$EJwSAIFFd8fAcGF2HTU/W..56ffNFnZTYTGJ90RfYhTDYiV1x1SpS";

/// A private registry on the loopback address, where the engine speaks plain HTTP.
#[derive(Debug)]
pub struct PrivateRegistry {
    /// `127.0.0.1:port`, as image names have it.
    pub host: String,
    /// Holds the password.
    pub password_file: std::path::PathBuf,
    folder: tempfile::TempDir,
    server: Process,
}

impl PrivateRegistry {
    /// Starts one.
    ///
    /// # Errors
    /// When it is not installed or does not start.
    pub async fn start() -> anyhow::Result<Self> {
        let program = process::find("docker-registry", &[]).context(
            "no registry of images is installed: no `docker-registry` on PATH; on Debian or Ubuntu: apt-get install docker-registry",
        )?;
        let folder = tempfile::Builder::new().prefix("slipway-registry-").tempdir()?;
        let host = format!("127.0.0.1:{}", process::free_port()?);
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(path("passwords"), format!("{USER}:{HASH}\n"))?;
        let password_file = folder.path().join("password");
        std::fs::write(&password_file, PASSWORD)?;
        let auth = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{USER}:{PASSWORD}"));
        std::fs::write(path("config.json"), serde_json::json!({"auths": {host.clone(): {"auth": auth}}}).to_string())?;
        let config = serde_json::json!({
            "version": 0.1,
            "log": {"level": "warn"},
            "storage": {"filesystem": {"rootdirectory": path("images")}, "delete": {"enabled": true}},
            "http": {"addr": host, "secret": "of a test"},
            "auth": {"htpasswd": {"realm": "test", "path": path("passwords")}},
        });
        std::fs::write(path("registry.yml"), config.to_string())?;
        let server = Process::start(Recipe {
            name: "docker-registry".to_owned(),
            program,
            arguments: vec!["serve".to_owned(), path("registry.yml")],
            environment: Vec::new(),
            account: None,
            log: folder.path().join("registry.log"),
            end_with: Signal::SIGKILL,
        })?;
        let mut started = Self { host, password_file, folder, server };
        started.ready().await?;
        Ok(started)
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let (host, server) = (self.host.clone(), &mut self.server);
        wait::until("the registry answers", Duration::from_secs(20), async || {
            server.check()?;
            Ok(tokio::net::TcpStream::connect(&host).await.ok().map(drop))
        })
        .await
    }

    /// Pushes an image of the engine under a name of this registry, and removes that name from the engine; gives the
    /// digest, `sha256:…`.
    ///
    /// # Errors
    /// When the engine or the registry refuses.
    pub async fn push(&self, image: &str, name: &str) -> anyhow::Result<String> {
        let full = format!("{}/{name}", self.host);
        docker(&["tag", image, &full]).await?;
        let settings = self.folder.path().display().to_string();
        let said = docker(&["--config", &settings, "push", &full]).await?;
        docker(&["rmi", &full]).await?;
        let digest = said.split_whitespace().find(|word| word.starts_with("sha256:")).context("no digest was told")?;
        Ok(digest.to_owned())
    }
}
