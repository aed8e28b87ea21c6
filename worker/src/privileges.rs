//! What a step may do beyond the restricted profile: what its step type asks for and the instance allows, both.

use std::collections::BTreeMap;

use shared::{
    config::{ProviderSettings, Sandbox},
    domain::plan::{NetworkMode, StepType},
};

/// What was asked for is not allowed here; the text names the setting that would allow it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAllowed(String);

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

/// Decides what a step of this type gets that wants to reach `targets`.
///
/// # Errors
/// When the instance does not allow what the step type asks for.
pub fn grant(
    step_type: &StepType,
    targets: &[String],
    provider: &str,
    settings: Option<&ProviderSettings>,
    sandbox: &Sandbox,
) -> Result<Granted, NotAllowed> {
    let asked = step_type.privileges;
    if asked.writable_root && !sandbox.writable_root {
        return Err(NotAllowed(format!(
            "step type {} asks for a writable root; sandbox.writable_root does not allow it",
            step_type.name
        )));
    }
    let memory_mib = if asked.memory_mib == 0 { sandbox.memory_mib } else { asked.memory_mib };
    if memory_mib > sandbox.max_memory_mib {
        return Err(NotAllowed(format!(
            "step type {} asks for {memory_mib} MiB of memory; sandbox.max_memory_mib is {}",
            step_type.name, sandbox.max_memory_mib
        )));
    }
    if !targets.is_empty() && asked.network != NetworkMode::Egress {
        return Err(NotAllowed(format!(
            "step type {} has no network mode 'egress', so its steps cannot list addresses",
            step_type.name
        )));
    }
    let reached = targets.iter().map(|target| reach(target, provider, settings, sandbox));
    let egress: BTreeMap<String, String> = reached.collect::<Result<_, _>>()?;
    Ok(Granted {
        memory_mib,
        cpu_millis: if asked.cpu_millis == 0 { sandbox.cpu_millis } else { asked.cpu_millis },
        writable_root: asked.writable_root,
        // A way out to nowhere is no way out.
        network: if asked.network == NetworkMode::Egress && egress.is_empty() {
            NetworkMode::None
        } else {
            asked.network
        },
        egress,
    })
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
        grant(&step_type, &targets, "postgres", Some(&settings), sandbox)
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
        for other in ["example.com:80", "example.com", "other.com:443", "169.254.169.254:443"] {
            assert!(asking(&[other], &sandbox).is_err(), "{other}");
        }
    }

    #[test]
    fn the_instance_must_allow_what_a_step_type_asks_for() {
        let mut step_type = StepType { name: "x".into(), ..StepType::default() };
        step_type.privileges.writable_root = true;
        assert!(grant(&step_type, &[], "p", None, &Sandbox::default()).is_err());
        assert!(grant(&step_type, &[], "p", None, &Sandbox { writable_root: true, ..Sandbox::default() }).is_ok());
        step_type.privileges.memory_mib = 9_000;
        assert!(grant(&step_type, &[], "p", None, &Sandbox { writable_root: true, ..Sandbox::default() }).is_err());
    }
}
