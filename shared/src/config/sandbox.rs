//! What this instance lets containers be and do beyond the restricted profile, and which images they may be made of.
//!
//! A step type's manifest must ask as well: neither side can allow anything alone.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::SecretSource;

/// What this instance allows containers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sandbox {
    /// `host:port` that steps with network mode `egress` may reach; nothing else, and no wildcards.
    pub egress: Vec<String>,
    /// Whether a step type may ask for the network mode `internal`: the other steps of its run, and nothing else.
    pub internal_network: bool,
    /// Whether a step type may ask for a writable root.
    pub writable_root: bool,
    /// MiB of memory a step gets unless its step type says otherwise.
    pub memory_mib: u32,
    /// Thousandths of a processor a step gets unless its step type says otherwise.
    pub cpu_millis: u32,
    /// MiB of memory a step type may ask for at most.
    pub max_memory_mib: u32,
    /// Thousandths of a processor a step type may ask for at most.
    pub max_cpu_millis: u32,
    /// What the engine runs steps with; none: what it uses by default. A worker whose engine does not have it does not start.
    pub runtime: Option<Runtime>,
    /// Images that steps may run: names as they are written in step types, without tag or digest. `*` stands for any part
    /// of one segment, `**` at the end for any number of segments: `ghcr.io/acme/*`, `registry.example:5000/**`.
    pub images: Vec<String>,
    /// Whether an image that a step type's manifest names outright, with nothing to fill in, may run without standing in `images`.
    pub manifest_images: bool,
    /// Whether images from a registry must be named by digest, `name@sha256:…`.
    pub require_digests: bool,
    /// Whether a run keeps the image that a name meant when it first ran it: a tag that moves meanwhile has no effect on it, and
    /// where the image it began with is gone, its steps fail.
    pub pin_images: bool,
    /// How images come to the engine.
    pub pull: Pull,
    /// MiB that the engine holds each workspace to while its step runs, by a quota of its disk: local volumes on xfs with project
    /// quotas, Docker 23 or later. A worker whose engine cannot does not start. None: workspaces are measured instead, and a step
    /// is ended whose workspace grows beyond `worker.max_workspace_bytes`.
    pub workspace_quota_mib: Option<u32>,
    /// Whether a worker starts on an engine that does not filter system calls, or does not limit memory, processor or processes: it
    /// cannot hold steps to the restricted profile.
    pub accept_weak_engine: bool,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self {
            egress: Vec::new(),
            internal_network: false,
            writable_root: false,
            memory_mib: 512,
            cpu_millis: 1_000,
            max_memory_mib: 4_096,
            max_cpu_millis: 4_000,
            runtime: None,
            images: vec!["slipway/*".into()],
            manifest_images: true,
            require_digests: false,
            pin_images: true,
            pull: Pull::default(),
            workspace_quota_mib: None,
            accept_weak_engine: false,
        }
    }
}

/// What an engine runs containers with, by the name that it is registered under there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Runtime {
    /// The usual one: the host's kernel, behind namespaces, seccomp and cgroups.
    Runc,
    /// The same in C.
    Crun,
    /// gVisor: a kernel in user space between the step and the host's.
    Runsc,
    /// Kata Containers: a virtual machine a container.
    Kata,
}

impl Runtime {
    /// The name, as the engine knows it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Runc => "runc",
            Self::Crun => "crun",
            Self::Runsc => "runsc",
            Self::Kata => "kata",
        }
    }
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How images come to the engine. One whose name has no registry in it (`slipway/shell:1`) is never pulled, wherever the
/// engine would look for it: somebody else may own that name there.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pull {
    /// When.
    pub policy: PullPolicy,
    /// Seconds one image may take.
    pub timeout_s: u64,
    /// MiB one image may have, as it travels and as it is unpacked; an image that has more is removed again.
    pub max_mib: u64,
    /// Credentials, by the registry as image names have it (`ghcr.io`, `registry.example:5000`).
    pub registries: BTreeMap<String, Registry>,
}

impl Default for Pull {
    fn default() -> Self {
        Self { policy: PullPolicy::Missing, timeout_s: 600, max_mib: 4_096, registries: BTreeMap::new() }
    }
}

/// When an image is pulled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PullPolicy {
    /// When the engine does not have it.
    #[default]
    Missing,
    /// When a run uses it first, unless it is named by digest and there.
    Always,
    /// Not at all: what the engine does not have does not run.
    Never,
}

/// Who asks a registry.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// The account.
    pub username: String,
    /// Its password or token.
    pub password: SecretSource,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_allowed_that_was_not_written_down() {
        let sandbox = Sandbox::default();
        assert!(sandbox.egress.is_empty() && !sandbox.internal_network && !sandbox.writable_root);
        assert_eq!(sandbox.images, ["slipway/*"]);
    }

    #[test]
    fn a_runtime_that_is_not_in_the_list_is_refused_by_name() {
        let refused = serde_json::from_str::<Sandbox>(r#"{"runtime": "nvidia"}"#).unwrap_err().to_string();
        assert!(
            refused.contains("unknown variant `nvidia`, expected one of `runc`, `crun`, `runsc`, `kata`"),
            "{refused}"
        );
    }
}
