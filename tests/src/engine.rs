//! What a test sees on the Docker engine, through its command line: the programs under test use the API themselves.

use std::{process::Stdio, time::Duration};

use anyhow::Context as _;

/// Everything that carries an installation's label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Names of containers, ended ones too.
    pub containers: Vec<String>,
    /// Names of volumes.
    pub volumes: Vec<String>,
    /// Names of networks, without the one that the installation keeps for its gates.
    pub networks: Vec<String>,
}

impl Census {
    /// Counts what carries the label of `instance`.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn take(instance: &str) -> anyhow::Result<Self> {
        let filter = format!("label=dev.slipway.instance={instance}");
        let kept = format!("slipway-egress-{instance}");
        let lines = |text: String| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let containers = docker(&["ps", "--all", "--filter", &filter, "--format", "{{.Names}}"]).await?;
        let volumes = docker(&["volume", "ls", "--filter", &filter, "--format", "{{.Name}}"]).await?;
        let networks = docker(&["network", "ls", "--filter", &filter, "--format", "{{.Name}}"]).await?;
        let networks = lines(networks).into_iter().filter(|name| *name != kept).collect();
        Ok(Self { containers: lines(containers), volumes: lines(volumes), networks })
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.containers.is_empty() && self.volumes.is_empty() && self.networks.is_empty()
    }
}

/// Names of the running containers of one step.
///
/// # Errors
/// When the engine does not answer.
pub async fn running(instance: &str, step: &str) -> anyhow::Result<Vec<String>> {
    let instance = format!("label=dev.slipway.instance={instance}");
    let step = format!("label=dev.slipway.step={step}");
    let role = "label=dev.slipway.role=step";
    let found =
        docker(&["ps", "--filter", &instance, "--filter", &step, "--filter", role, "--format", "{{.Names}}"]).await?;
    Ok(found.lines().map(str::to_owned).collect())
}

/// Runs `docker`, and gives what it prints.
///
/// # Errors
/// When it is not installed, fails, or takes more than a minute.
pub async fn docker(arguments: &[&str]) -> anyhow::Result<String> {
    let ask = tokio::process::Command::new("docker").args(arguments).stdin(Stdio::null()).kill_on_drop(true).output();
    let answer = tokio::time::timeout(Duration::from_secs(60), ask)
        .await
        .with_context(|| format!("docker {} takes more than a minute", arguments.join(" ")))?
        .context("docker is not installed; on Debian or Ubuntu: apt-get install docker.io")?;
    anyhow::ensure!(
        answer.status.success(),
        "docker {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&answer.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&answer.stdout).into_owned())
}

/// Removes whatever carries the label of `instance`, running or not. For the end of a test, passed or failed: it waits
/// for nothing and tells of nothing.
pub fn sweep(instance: &str) {
    let filter = format!("label=dev.slipway.instance={instance}");
    let list = |arguments: &[&str]| {
        let output = std::process::Command::new("docker").args(arguments).args(["--filter", &filter]).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
    };
    for (list_arguments, remove) in [
        (&["ps", "--all", "--quiet"][..], &["rm", "--force", "--volumes"][..]),
        (&["network", "ls", "--quiet"], &["network", "rm"]),
        (&["volume", "ls", "--quiet"], &["volume", "rm", "--force"]),
    ] {
        let found = list(list_arguments);
        let found: Vec<&str> = found.split_whitespace().collect();
        if !found.is_empty() {
            let _ = std::process::Command::new("docker").args(remove).args(found).output();
        }
    }
}

/// The address of this machine on Docker's default bridge, where containers reach it.
///
/// # Errors
/// When there is no such bridge.
pub fn bridge_address() -> anyhow::Result<String> {
    let mut found = nix::ifaddrs::getifaddrs()?.filter(|interface| interface.interface_name == "docker0");
    found
        .find_map(|interface| Some(interface.address?.as_sockaddr_in()?.ip().to_string()))
        .context("there is no docker0: is a Docker engine with its default bridge running?")
}
