//! What isolation a worker's engine gives, as the engine says itself: told to people, and looked at before anything runs.

use serde::{Deserialize, Serialize};

/// A worker's engine. A member that an older worker does not announce is empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Posture {
    /// `docker` or `scripted`.
    pub engine: String,
    /// Tells this engine from others.
    pub engine_id: Option<String>,
    /// The engine's version.
    pub version: Option<String>,
    /// The version of its API that is spoken with it.
    pub api: Option<String>,
    /// The host's operating system.
    pub system: Option<String>,
    /// The host's kernel.
    pub kernel: Option<String>,
    /// Whether the engine runs without root's rights.
    pub rootless: bool,
    /// Whether root in a container is somebody else on the host.
    pub user_namespaces: bool,
    /// Whether system calls are filtered; steps get Slipway's own profile then.
    pub seccomp: bool,
    /// Whether AppArmor confines containers. An engine without it takes a profile's name and says nothing.
    pub apparmor: bool,
    /// Whether SELinux does.
    pub selinux: bool,
    /// `1` or `2`.
    pub cgroup_version: Option<String>,
    /// What steps are run with.
    pub runtime: Option<String>,
    /// What else the engine has for it.
    pub runtimes: Vec<String>,
    /// Which limits the engine really enforces.
    pub limits: Limits,
    /// Whether containers outlive a restart of the engine.
    pub live_restore: bool,
    /// How images and containers are stored.
    pub storage: Option<String>,
    /// Which images may run.
    pub images: Option<ImagePolicy>,
    /// The archive that workspaces are kept in.
    pub archive: Option<String>,
    /// What an attacker would like about it, for people.
    pub weaknesses: Vec<String>,
}

/// Limits that an engine enforces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Memory.
    pub memory: bool,
    /// Memory and swap together.
    pub swap: bool,
    /// Processor time.
    pub cpu: bool,
    /// Processes.
    pub pids: bool,
    /// Bytes on disk while a step runs, by a quota. Without one they are measured, and what is kept afterwards is limited in any case.
    pub disk: bool,
}

/// Which images a worker runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImagePolicy {
    /// Patterns of names.
    pub allowed: Vec<String>,
    /// Whether what manifests name outright is allowed as well.
    pub manifests: bool,
    /// Whether images of registries must be named by digest.
    pub digests: bool,
    /// Whether runs keep the image they began with.
    pub pinned: bool,
    /// `missing`, `always` or `never`.
    pub pull: String,
}

impl Posture {
    /// Why steps of others must not be run here: without these the restricted profile is words. Empty when nothing stands against it.
    #[must_use]
    pub fn failings(&self) -> Vec<&'static str> {
        let needed = [
            (self.seccomp, "it does not filter system calls (seccomp)"),
            (self.limits.memory, "it does not limit memory"),
            (self.limits.pids, "it does not limit the number of processes"),
            (self.limits.cpu, "it does not limit processor time"),
        ];
        needed.into_iter().filter(|(there, _)| !there).map(|(_, what)| what).collect()
    }

    /// What is weaker than it could be, its failings among it.
    #[must_use]
    pub fn weak_points(&self) -> Vec<String> {
        let better = [
            (
                self.rootless || self.user_namespaces,
                "root in a container is root on the host: no user namespaces, not rootless",
            ),
            (self.apparmor || self.selinux, "neither AppArmor nor SELinux confines containers"),
            (self.limits.swap, "swap is not limited"),
            (self.limits.disk, "a workspace is measured while its step runs, not held to its size by the disk"),
            (self.live_restore, "a restart of the engine ends what runs"),
        ];
        let weaker = better.into_iter().filter(|(there, _)| !there).map(|(_, what)| what);
        self.failings().into_iter().chain(weaker).map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_says_nothing_has_every_failing() {
        let silent = Posture::default();
        assert_eq!(silent.failings().len(), 4);
        assert_eq!(silent.weak_points().len(), 9);
    }

    #[test]
    fn an_engine_with_everything_has_none() {
        let limits = Limits { memory: true, swap: true, cpu: true, pids: true, disk: true };
        let strong =
            Posture { seccomp: true, apparmor: true, rootless: true, live_restore: true, limits, ..Posture::default() };
        assert_eq!((strong.failings(), strong.weak_points()), (Vec::new(), Vec::new()));
    }
}
