//! What a step may do beyond the restricted profile: what its step type asks for and the instance allows, both.

use std::{collections::BTreeMap, net::IpAddr};

use shared::{
    config::{ProviderSettings, Sandbox},
    domain::{
        plan::{NetworkMode, Privileges, Relaxation, StepType},
        service::Service,
    },
};

/// What was asked for is not allowed here; the text names the setting that would allow it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAllowed(String);

impl NotAllowed {
    /// Not allowed, for this reason.
    pub(crate) fn because(why: String) -> Self {
        Self(why)
    }
}

/// What a container gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// MiB.
    pub memory_mib: u32,
    /// Thousandths of a processor.
    pub cpu_millis: u32,
    /// Whether it may write to its root.
    pub writable_root: bool,
    /// Whom it may talk to.
    pub network: NetworkMode,
    /// Name the step connects to → `host:port` it reaches.
    pub egress: BTreeMap<String, String>,
}

/// What stands against steps that use services.
const NO_SERVICES: &str =
    "services are reached by the network mode 'internal'; sandbox.internal_network does not allow it";

/// Decides what a step of this type gets that wants to reach `targets`, or services of its run.
///
/// # Errors
/// When the instance does not allow what the step type asks for, or the step asks for two networks.
pub fn grant(
    step_type: &StepType,
    targets: &[String],
    uses_services: bool,
    provider: &str,
    settings: Option<&ProviderSettings>,
    sandbox: &Sandbox,
) -> Result<Granted, NotAllowed> {
    let asked = step_type.privileges;
    for relaxation in asked.relaxations() {
        allow(relaxation, sandbox).map_err(|why| NotAllowed(format!("step type {} asks for {why}", step_type.name)))?;
    }
    // The instance's own defaults are never too much for it.
    let memory_mib = if asked.memory_mib == 0 { sandbox.memory_mib } else { asked.memory_mib };
    if !targets.is_empty() && asked.network != NetworkMode::Egress {
        return Err(NotAllowed(format!(
            "step type {} has no network mode 'egress', so its steps cannot list addresses",
            step_type.name
        )));
    }
    if uses_services && !sandbox.internal_network {
        return Err(NotAllowed(NO_SERVICES.to_owned()));
    }
    if uses_services && !targets.is_empty() {
        return Err(NotAllowed("a step reaches its services or the addresses of 'egress', not both".to_owned()));
    }
    let reached = targets.iter().map(|target| reach(target, provider, settings, sandbox));
    let egress: BTreeMap<String, String> = reached.collect::<Result<_, _>>()?;
    Ok(Granted {
        memory_mib,
        cpu_millis: if asked.cpu_millis == 0 { sandbox.cpu_millis } else { asked.cpu_millis },
        writable_root: asked.writable_root,
        // A way out to nowhere is no way out.
        network: if uses_services {
            NetworkMode::Internal
        } else if asked.network == NetworkMode::Egress && egress.is_empty() {
            NetworkMode::None
        } else {
            asked.network
        },
        egress,
    })
}

/// Decides what a service gets: the network of its run, and what it asks for of memory and processor.
///
/// # Errors
/// When the instance does not allow it.
pub fn grant_service(service: &Service, sandbox: &Sandbox) -> Result<Granted, NotAllowed> {
    if !sandbox.internal_network {
        return Err(NotAllowed(NO_SERVICES.to_owned()));
    }
    let Service { memory_mib, cpu_millis, .. } = *service;
    let asked = Privileges { network: NetworkMode::Internal, memory_mib, cpu_millis, writable_root: false };
    for relaxation in asked.relaxations() {
        allow(relaxation, sandbox).map_err(|why| NotAllowed(format!("it asks for {why}")))?;
    }
    let memory_mib = if memory_mib == 0 { sandbox.memory_mib } else { memory_mib };
    // What is in such a folder counts as memory of the service.
    if let Some((folder, mib)) = service.tmpfs.iter().find(|(_, mib)| **mib > memory_mib) {
        return Err(NotAllowed(format!(
            "its {folder} is to hold {mib} MiB, and it has {memory_mib} MiB of memory in all"
        )));
    }
    let cpu_millis = if cpu_millis == 0 { sandbox.cpu_millis } else { cpu_millis };
    Ok(Granted {
        memory_mib,
        cpu_millis,
        writable_root: false,
        network: NetworkMode::Internal,
        egress: BTreeMap::new(),
    })
}

/// Whether the instance allows one relaxation; says what it is and which setting stands against it.
fn allow(relaxation: Relaxation, sandbox: &Sandbox) -> Result<(), String> {
    let (allowed, refusal) = match relaxation {
        Relaxation::InternalNetwork => (
            sandbox.internal_network,
            "the network mode 'internal'; sandbox.internal_network does not allow it".to_owned(),
        ),
        // Each address is looked at by itself, when the step lists it: see `reach`.
        Relaxation::Egress => (true, String::new()),
        Relaxation::WritableRoot => {
            (sandbox.writable_root, "a writable root; sandbox.writable_root does not allow it".to_owned())
        }
        Relaxation::Memory(mib) => (
            mib <= sandbox.max_memory_mib,
            format!("{mib} MiB of memory; sandbox.max_memory_mib is {}", sandbox.max_memory_mib),
        ),
        Relaxation::Cpu(millis) => (
            millis <= sandbox.max_cpu_millis,
            format!("{millis} thousandths of a processor; sandbox.max_cpu_millis is {}", sandbox.max_cpu_millis),
        ),
    };
    if allowed { Ok(()) } else { Err(refusal) }
}

/// A name from the provider's own map, or an address that the instance allows.
fn reach(
    target: &str,
    provider: &str,
    settings: Option<&ProviderSettings>,
    sandbox: &Sandbox,
) -> Result<(String, String), NotAllowed> {
    let (host, port) = target.rsplit_once(':').map_or((target, None), |(host, port)| (host, Some(port)));
    if let Some(real) = settings.and_then(|settings| settings.egress.get(host)) {
        let real_port = real.rsplit_once(':').map(|(_, port)| port);
        if port.is_none() || port == real_port {
            return Ok((host.to_owned(), real.clone()));
        }
    }
    let refused = || {
        NotAllowed(format!(
            "'{target}' may not be reached: neither sandbox.egress nor providers.{provider}.egress has it"
        ))
    };
    if port.is_none() || !sandbox.egress.iter().any(|allowed| allowed == target) {
        return Err(refused());
    }
    // A gate stands behind a name; what connects to an address goes past it, to nowhere.
    if host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return Err(NotAllowed(format!(
            "'{target}' has no name that a step could reach it by: give it one in providers.{provider}.egress"
        )));
    }
    Ok((host.to_owned(), target.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(targets: &[&str], sandbox: &Sandbox) -> Result<Granted, NotAllowed> {
        let mut step_type = StepType { name: "psql".into(), ..StepType::default() };
        step_type.privileges.network = NetworkMode::Egress;
        let mut settings = ProviderSettings::default();
        settings.egress.insert("tenants".into(), "10.0.0.1:5432".into());
        let targets: Vec<_> = targets.iter().map(|target| (*target).to_owned()).collect();
        grant(&step_type, &targets, false, "postgres", Some(&settings), sandbox)
    }

    #[test]
    fn a_provider_reaches_its_own_addresses_by_name_and_no_others() {
        let granted = asking(&["tenants"], &Sandbox::default()).unwrap();
        assert_eq!(granted.egress["tenants"], "10.0.0.1:5432");
        assert!(asking(&["tenants:5432"], &Sandbox::default()).is_ok());
        assert!(asking(&["tenants:22"], &Sandbox::default()).is_err());
        let error = asking(&["example.com:443"], &Sandbox::default()).unwrap_err();
        assert!(error.to_string().contains("sandbox.egress"), "{error}");
    }

    #[test]
    fn an_instance_lists_what_may_be_reached_one_by_one() {
        let sandbox = Sandbox { egress: vec!["example.com:443".into(), "*:443".into()], ..Sandbox::default() };
        assert!(asking(&["example.com:443"], &sandbox).is_ok());
        let address = Sandbox { egress: vec!["10.0.0.5:443".into()], ..Sandbox::default() };
        let error = asking(&["10.0.0.5:443"], &address).unwrap_err().to_string();
        assert_eq!(
            error,
            "'10.0.0.5:443' has no name that a step could reach it by: give it one in providers.postgres.egress"
        );
        for other in ["example.com:80", "example.com", "other.com:443", "169.254.169.254:443"] {
            assert!(asking(&[other], &sandbox).is_err(), "{other}");
        }
    }

    #[test]
    fn the_instance_must_allow_what_a_step_type_asks_for() {
        let asks = |privileges: Privileges, sandbox: &Sandbox| {
            let step_type = StepType { name: "x".into(), privileges, ..StepType::default() };
            grant(&step_type, &[], false, "p", None, sandbox).map(drop).map_err(|error| error.to_string())
        };
        let none = Privileges::default();
        let generous = Sandbox { writable_root: true, internal_network: true, ..Sandbox::default() };
        for (asked, refusal) in [
            (
                Privileges { writable_root: true, ..none },
                "step type x asks for a writable root; sandbox.writable_root does not allow it",
            ),
            (
                Privileges { network: NetworkMode::Internal, ..none },
                "step type x asks for the network mode 'internal'; sandbox.internal_network does not allow it",
            ),
        ] {
            assert_eq!(asks(asked, &Sandbox::default()).unwrap_err(), refusal);
            assert_eq!(asks(asked, &generous), Ok(()));
        }
        let much = Privileges { memory_mib: 9_000, ..none };
        assert_eq!(
            asks(much, &generous).unwrap_err(),
            "step type x asks for 9000 MiB of memory; sandbox.max_memory_mib is 4096"
        );
        let much = Privileges { cpu_millis: 64_000, ..none };
        assert_eq!(
            asks(much, &generous).unwrap_err(),
            "step type x asks for 64000 thousandths of a processor; sandbox.max_cpu_millis is 4000"
        );
        assert_eq!(asks(none, &Sandbox { max_memory_mib: 64, ..Sandbox::default() }), Ok(()));
    }

    #[test]
    fn services_need_the_instance_s_word_and_put_their_steps_into_the_network_of_the_run() {
        let step_type = StepType { name: "shell".into(), ..StepType::default() };
        let uses = |targets: &[String], sandbox: &Sandbox| grant(&step_type, targets, true, "p", None, sandbox);
        assert_eq!(uses(&[], &Sandbox::default()).unwrap_err().to_string(), NO_SERVICES);
        let generous = Sandbox { internal_network: true, egress: vec!["h.example:1".into()], ..Sandbox::default() };
        assert_eq!(uses(&[], &generous).unwrap().network, NetworkMode::Internal);
        assert!(uses(&["h.example:1".into()], &generous).is_err(), "two networks");

        let service = Service { memory_mib: 128, tmpfs: [("/data".to_owned(), 64)].into(), ..Service::default() };
        assert_eq!(grant_service(&service, &Sandbox::default()).unwrap_err().to_string(), NO_SERVICES);
        let granted = grant_service(&service, &generous).unwrap();
        assert_eq!((granted.memory_mib, granted.cpu_millis, granted.writable_root), (128, 1_000, false));
        let greedy = Service { memory_mib: 9_000, ..Service::default() };
        let said = grant_service(&greedy, &generous).unwrap_err().to_string();
        assert_eq!(said, "it asks for 9000 MiB of memory; sandbox.max_memory_mib is 4096");
        let wide = Service { tmpfs: [("/data".to_owned(), 600)].into(), ..Service::default() };
        let said = grant_service(&wide, &generous).unwrap_err().to_string();
        assert_eq!(said, "its /data is to hold 600 MiB, and it has 512 MiB of memory in all");
    }
}
