//! The one place that builds a container's configuration: for steps, and for the gates and holders that serve them.
//!
//! The restricted profile is not a set of options with safe defaults: what it forbids cannot be expressed by a
//! [`ContainerSpec`], so no caller can ask for it.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{
    ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HealthConfig, HostConfig, HostConfigCgroupnsModeEnum,
    HostConfigLogConfig, Mount, MountType, MountVolumeOptions, NetworkingConfig, ResourcesUlimits, RestartPolicy,
    RestartPolicyNameEnum,
};
use sha2::{Digest, Sha256};
use shared::config::Runtime;

use super::{ContainerSpec, EngineError, Found, Ownership, Role, seccomp};

/// User and group of every step.
pub const STEP_UID: u64 = 65532;
/// Where the step's program finds the run's files.
pub const WORKSPACE: &str = "/workspace";

/// Label names. All of Slipway's begin with the same word.
pub(super) mod label {
    pub(crate) const INSTANCE: &str = "dev.slipway.instance";
    pub(crate) const RUN: &str = "dev.slipway.run";
    pub(crate) const STEP: &str = "dev.slipway.step";
    pub(crate) const ATTEMPT: &str = "dev.slipway.attempt";
    pub(crate) const FENCE: &str = "dev.slipway.fence";
    pub(crate) const DEADLINE: &str = "dev.slipway.deadline";
    /// `step`, `service`, `gate` or `holder`.
    pub(crate) const ROLE: &str = "dev.slipway.role";
    /// The step's container that a gate or a network was made for.
    pub(crate) const FOR: &str = "dev.slipway.for";
}

const INIT_FOLDER: &str = "/.slipway";
/// The init, in a step's or a service's container.
pub(super) const INIT: &str = "/.slipway/init";
/// The init's name in its own image and in its volume.
pub(super) const INIT_FILE: &str = "init";
/// Where a holder mounts the volume it is made for.
pub(super) const HELD: &str = "/held";
/// Below these nobody has a folder of their own.
const KEPT: [&str; 6] = [WORKSPACE, "/run/slipway", INIT_FOLDER, "/proc", "/sys", "/dev"];
const MIB: i64 = 1024 * 1024;
/// Seconds a started init waits for its command.
const HAND_OVER_WAIT_S: u32 = 120;

/// How a container is joined to a network.
#[derive(Clone, Debug, Default)]
pub(super) struct Joined {
    /// The network; none: no network at all.
    pub(super) network: Option<String>,
    /// Its names there.
    pub(super) aliases: Vec<String>,
    /// A fixed address.
    pub(super) address: Option<String>,
    /// `name:address` pairs for its hosts file.
    pub(super) hosts: Vec<String>,
}

/// The engine's own parts that a container needs.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    /// The image that holds nothing but the init.
    pub(super) image: String,
    /// The volume that holds the init.
    pub(super) volume: String,
}

/// What a step's container is made on.
#[derive(Clone, Debug, Default)]
pub(super) struct Base {
    /// The image's id: what runs is what was looked at.
    pub(super) image: String,
    /// Where the image declares volumes.
    pub(super) volumes: Vec<String>,
    /// What runs it; none: the engine's default.
    pub(super) runtime: Option<Runtime>,
}

/// The name of the container of this run, step and attempt: the same for every worker, so that the engine refuses a
/// second one. No step has the name of a service of its run.
#[must_use]
pub fn container_name(owner: &Ownership) -> String {
    let step = plain(&owner.step, 40);
    format!("slipway-{}-{}-{step}-{}", plain(&owner.instance, 32), owner.run_id, owner.attempt)
}

/// At most `max` characters that Docker admits in names; a digest keeps apart what was changed to fit.
fn plain(text: &str, max: usize) -> String {
    let admitted = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !text.is_empty() && text.len() <= max && text.chars().all(admitted) {
        return text.to_owned();
    }
    let kept: String = text.chars().filter(|c| admitted(*c)).take(max - 9).collect();
    format!("{kept}-{}", hex::encode(&Sha256::digest(text)[..4]))
}

/// A named volume, and nothing that the engine could take for a path of the host.
pub(super) fn check_volume(name: &str) -> Result<(), EngineError> {
    let mut chars = name.chars();
    let good = chars.next().is_some_and(|c| c.is_ascii_alphanumeric())
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        && name.len() <= 128;
    if good { Ok(()) } else { Err(EngineError::Refused(format!("{name:?} is not the name of a volume"))) }
}

/// A folder that may be somebody's own: neither one of ours nor below what belongs to the kernel.
pub(super) fn may_be_volume(path: &str) -> bool {
    let plain = path.starts_with('/') && !path.split('/').skip(1).any(|part| matches!(part, "" | "." | ".."));
    let kept =
        KEPT.iter().any(|kept| path == *kept || path.strip_prefix(kept).is_some_and(|rest| rest.starts_with('/')));
    plain && !kept && !path.contains([':', ',']) && path.len() <= 256
}

/// The configuration of a step's or a service's container.
pub(super) fn step(
    spec: &ContainerSpec,
    parts: &Parts,
    base: Base,
    joined: Joined,
) -> Result<ContainerCreateBody, EngineError> {
    spec.volume.as_deref().map(check_volume).transpose()?;
    if spec.memory_mib < 16 || spec.cpu_millis == 0 {
        return Err(EngineError::Refused("a container needs at least 16 MiB and some processor time".into()));
    }
    if let Some(path) = spec.tmpfs.keys().find(|path| *path == "/tmp" || !may_be_volume(path)) {
        return Err(EngineError::Refused(format!("'{path}' cannot be a folder in memory")));
    }
    let mut body =
        restricted(owner_labels(&spec.owner, spec.owner.role.as_str()), spec.memory_mib, spec.cpu_millis, joined);
    body.image = Some(base.image);
    body.entrypoint = Some(vec![INIT.into(), "step".into(), HAND_OVER_WAIT_S.to_string()]);
    body.open_stdin = Some(true);
    body.attach_stdin = Some(true);
    body.attach_stdout = Some(true);
    body.attach_stderr = Some(true);
    if let Some(host) = &mut body.host_config {
        host.readonly_rootfs = Some(!spec.writable_root);
        host.runtime = base.runtime.map(|runtime| runtime.to_string());
        let workspace = spec.volume.as_deref().map(|name| volume(name, WORKSPACE, false));
        host.mounts = Some([volume(&parts.volume, INIT_FOLDER, true)].into_iter().chain(workspace).collect());
        let owned = format!("uid={STEP_UID},gid={STEP_UID},mode=0700");
        let mut tmpfs = HashMap::from([
            ("/tmp".into(), "rw,nosuid,nodev,noexec,size=64m,mode=1777".into()),
            ("/run/slipway".into(), format!("rw,nosuid,nodev,noexec,size=32m,{owned}")),
            // The one place a step type may put a program of its own (`executable: true`): a step that can write to
            // its workspace can run what it likes there, so refusing it here would protect nothing.
            ("/run/slipway/files".into(), format!("rw,nosuid,nodev,exec,size=32m,{owned}")),
        ]);
        let sized = |mib: u32| format!("rw,nosuid,nodev,noexec,size={mib}m,{owned}");
        tmpfs.extend(spec.tmpfs.iter().map(|(path, mib)| (path.clone(), sized(*mib))));
        // The engine would make a volume without bounds for each that an image declares.
        for path in base.volumes {
            tmpfs.entry(path).or_insert_with(|| sized(64));
        }
        host.tmpfs = Some(tmpfs);
    }
    Ok(body)
}

/// The configuration of a gate: nothing but the init, in its other mode. `arguments` as `gate.rs` reads them.
pub(super) fn gate(spec: &ContainerSpec, parts: &Parts, arguments: Vec<String>, joined: Joined) -> ContainerCreateBody {
    let mut labels = owner_labels(&spec.owner, "gate");
    labels.insert(label::FOR.into(), container_name(&spec.owner));
    let mut body = restricted(labels, 64, 500, joined);
    body.image = Some(parts.image.clone());
    body.entrypoint = Some([vec![format!("/{INIT_FILE}"), "gate".into()], arguments].concat());
    if let Some(host) = &mut body.host_config {
        // The gate looks names up at each connection, and must find the host that runs the engine too.
        host.dns = None;
        host.dns_search = None;
        host.extra_hosts = Some(vec!["host.docker.internal:host-gateway".into()]);
        host.sysctls = Some(HashMap::from([("net.ipv4.ip_unprivileged_port_start".into(), "0".into())]));
    }
    body
}

/// A container that is never started: it gives access to a volume's files through the archive calls.
pub(super) fn holder(parts: &Parts, held: &str, labels: HashMap<String, String>) -> ContainerCreateBody {
    let mut body = restricted(labels, 16, 100, Joined::default());
    body.image = Some(parts.image.clone());
    body.entrypoint = Some(vec![format!("/{INIT_FILE}")]);
    if let Some(host) = &mut body.host_config {
        // The archive call refuses to change the mount point's owner below a read-only root.
        host.readonly_rootfs = Some(false);
        host.mounts = Some(vec![volume(held, HELD, false)]);
    }
    body
}

fn restricted(
    labels: HashMap<String, String>,
    memory_mib: u32,
    cpu_millis: u32,
    joined: Joined,
) -> ContainerCreateBody {
    let memory = i64::from(memory_mib) * MIB;
    let limit =
        |name: &str, soft, hard| ResourcesUlimits { name: Some(name.into()), soft: Some(soft), hard: Some(hard) };
    let host = HostConfig {
        readonly_rootfs: Some(true),
        privileged: Some(false),
        cap_drop: Some(vec!["ALL".into()]),
        security_opt: Some(vec!["no-new-privileges".into(), format!("seccomp={}", seccomp::PROFILE.as_str())]),
        network_mode: Some(joined.network.clone().unwrap_or_else(|| "none".into())),
        ipc_mode: Some("private".into()),
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
        pids_limit: Some(256),
        memory: Some(memory),
        memory_swap: Some(memory),
        nano_cpus: Some(i64::from(cpu_millis) * 1_000_000),
        oom_score_adj: Some(500),
        // Our own init is the first process.
        init: Some(false),
        ulimits: Some(vec![limit("nofile", 1024, 4096), limit("core", 0, 0), limit("fsize", 1024 * MIB, 1024 * MIB)]),
        log_config: Some(HostConfigLogConfig {
            typ: Some("local".into()),
            config: Some(HashMap::from([("max-size".into(), "10m".into()), ("max-file".into(), "2".into())])),
        }),
        restart_policy: Some(RestartPolicy { name: Some(RestartPolicyNameEnum::NO), maximum_retry_count: None }),
        // Older engines pass lookups of an isolated network on to the host's resolver: a way out for data. Names of
        // peers and of the hosts file still resolve.
        dns: joined.network.is_some().then(|| vec!["127.0.0.1".into()]),
        dns_search: joined.network.is_some().then(|| vec![".".into()]),
        extra_hosts: (!joined.hosts.is_empty()).then_some(joined.hosts),
        ..HostConfig::default()
    };
    let networking = joined.network.map(|network| NetworkingConfig {
        endpoints_config: Some(HashMap::from([(
            network,
            EndpointSettings {
                aliases: Some(joined.aliases),
                ipam_config: joined
                    .address
                    .map(|address| EndpointIpamConfig { ipv4_address: Some(address), ..Default::default() }),
                ..EndpointSettings::default()
            },
        )])),
    });
    ContainerCreateBody {
        user: Some(format!("{STEP_UID}:{STEP_UID}")),
        labels: Some(labels),
        working_dir: Some("/".into()),
        // The image's own say in these is taken away.
        healthcheck: Some(HealthConfig { test: Some(vec!["NONE".into()]), ..HealthConfig::default() }),
        stop_signal: Some("SIGTERM".into()),
        stop_timeout: Some(10),
        tty: Some(false),
        stdin_once: Some(false),
        host_config: Some(host),
        networking_config: networking,
        ..ContainerCreateBody::default()
    }
}

fn volume(name: &str, target: &str, read_only: bool) -> Mount {
    Mount {
        typ: Some(MountType::VOLUME),
        source: Some(name.to_owned()),
        target: Some(target.to_owned()),
        read_only: Some(read_only),
        // An image with files at this path must not fill the run's workspace with them.
        volume_options: Some(MountVolumeOptions { no_copy: Some(true), ..MountVolumeOptions::default() }),
        ..Mount::default()
    }
}

fn owner_labels(owner: &Ownership, role: &str) -> HashMap<String, String> {
    HashMap::from([
        (label::INSTANCE.into(), owner.instance.clone()),
        (label::RUN.into(), owner.run_id.to_string()),
        (label::STEP.into(), owner.step.clone()),
        (label::ATTEMPT.into(), owner.attempt.to_string()),
        (label::FENCE.into(), owner.fence.to_string()),
        (label::DEADLINE.into(), owner.deadline.to_string()),
        (label::ROLE.into(), role.into()),
        // Each label of ours is set, for those that an image brings along would count otherwise.
        (label::FOR.into(), String::new()),
    ])
}

/// Labels of what belongs to a whole run.
pub(super) fn run_labels(instance: &str, run: impl std::fmt::Display, role: &str) -> HashMap<String, String> {
    HashMap::from([
        (label::INSTANCE.into(), instance.to_owned()),
        (label::RUN.into(), run.to_string()),
        (label::ROLE.into(), role.into()),
    ])
}

impl Role {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Service => "service",
        }
    }
}

/// Reads the labels back; `None` when they are not those of a step or a service.
pub(super) fn found(name: &str, running: bool, labels: &HashMap<String, String>) -> Option<Found> {
    let text = |key: &str| labels.get(key).map(String::as_str);
    let role = [Role::Step, Role::Service].into_iter().find(|role| text(label::ROLE) == Some(role.as_str()))?;
    let owner = Ownership {
        role,
        instance: text(label::INSTANCE)?.to_owned(),
        run_id: text(label::RUN)?.parse().ok()?,
        step: text(label::STEP)?.to_owned(),
        attempt: text(label::ATTEMPT)?.parse().ok()?,
        fence: shared::domain::ids::Fence(text(label::FENCE)?.parse().ok()?),
        deadline: text(label::DEADLINE)?.parse().ok()?,
    };
    Some(Found { name: name.trim_start_matches('/').to_owned(), owner, running })
}

/// One gate's names and routes: every name of it shares its address, so no two may want one port for two targets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct GatePlan {
    pub(super) names: Vec<String>,
    /// Port → `host:port`.
    pub(super) routes: BTreeMap<u16, String>,
}

/// Spreads the allowed targets over as few gates as their ports permit. A key is a name, or `name:port` where one
/// name needs several ports.
pub(super) fn plan_gates(egress: &BTreeMap<String, String>) -> Result<Vec<GatePlan>, EngineError> {
    let refused = |what: String| EngineError::Refused(what);
    let mut wanted: BTreeMap<String, BTreeMap<u16, String>> = BTreeMap::new();
    for (key, target) in egress {
        let port: u16 = target
            .rsplit_once(':')
            .filter(|(host, _)| !host.is_empty() && !host.contains(['=', ' ', ',']))
            .and_then(|(_, port)| port.parse().ok())
            .filter(|port| *port != 0)
            .ok_or_else(|| refused(format!("egress target {target:?} is not host:port")))?;
        let name = match key.rsplit_once(':') {
            None => key.as_str(),
            Some((name, own)) if own.parse() == Ok(port) => name,
            Some(_) => return Err(refused(format!("egress {key:?} names another port than its target {target:?}"))),
        };
        let good = !name.is_empty()
            && name.len() <= 253
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'));
        if !good {
            return Err(refused(format!("egress name {name:?} is not a host name")));
        }
        if let Some(other) = wanted.entry(name.to_owned()).or_default().insert(port, target.clone())
            && other != *target
        {
            return Err(refused(format!("egress {name}:{port} has two targets")));
        }
    }
    let mut gates: Vec<GatePlan> = Vec::new();
    for (name, routes) in wanted {
        let fits = |gate: &GatePlan| {
            routes.iter().all(|(port, target)| gate.routes.get(port).is_none_or(|taken| taken == target))
        };
        let at = gates.iter().position(fits).unwrap_or(gates.len());
        if at == gates.len() {
            gates.push(GatePlan::default());
        }
        gates[at].names.push(name);
        gates[at].routes.extend(routes);
    }
    // One port a name would otherwise be reachable under every name that shares the gate; that is the same list of
    // targets, so nothing more is allowed by it.
    if gates.len() > 8 || gates.iter().map(|gate| gate.routes.len()).sum::<usize>() > 64 {
        return Err(refused("egress needs more than 8 gates or 64 targets".into()));
    }
    Ok(gates)
}

#[cfg(test)]
#[path = "sandbox_tests.rs"]
mod tests;
