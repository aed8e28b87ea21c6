//! Whom a step can talk to, by topology alone: no firewall rule, nothing to do on the host.
//!
//! A step's network is internal and its bridge has no address, so from it there is no way to the host, to other
//! networks or out. The only neighbours are the run's other steps and services (`internal`) or the gates (`egress`). A gate also
//! stands in an ordinary network, and forwards the allowed connections, each to its one target.

use std::{collections::HashMap, net::Ipv4Addr, time::Duration};

use bollard::{
    Docker,
    container::LogOutput,
    models::{Ipam, IpamConfig, NetworkConnectRequest, NetworkCreateRequest},
    query_parameters::{
        AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, ListNetworksOptionsBuilder, StartContainerOptions,
    },
};
use futures::{StreamExt, future::try_join_all};
use shared::domain::{ids::RunId, plan::NetworkMode};

use super::{
    call::{QUICK, SLOW, call},
    cleanup,
};
use crate::engine::{
    ContainerSpec, EngineError,
    sandbox::{self, GatePlan, Joined, Parts, container_name, label},
};

/// Subnets come from the range set aside for benchmarks of network devices, which no real network uses: the engine's own pools
/// hold about thirty networks, and a busy worker needs more. 2048 fit.
const RANGE: u32 = u32::from_be_bytes([198, 18, 0, 0]);
const SUBNETS: u32 = 2048;
const SUBNET_SIZE: u32 = 64;
const TRIES: u32 = 64;
const GATE_READY: Duration = Duration::from_secs(15);

/// An isolated network that was just made.
struct Isolated {
    id: String,
    base: u32,
}

/// Makes what the container needs of networks and gates, and says how to join it.
pub(super) async fn provide(
    docker: &Docker,
    parts: &Parts,
    spec: &ContainerSpec,
    lock: &tokio::sync::Mutex<()>,
) -> Result<Joined, EngineError> {
    match spec.network {
        NetworkMode::None => Ok(Joined::default()),
        NetworkMode::Internal => {
            let _guard = lock.lock().await;
            let network = run_network(docker, &spec.owner.instance, spec.owner.run_id).await?;
            Ok(Joined { network: Some(network), aliases: vec![spec.owner.step.clone()], ..Joined::default() })
        }
        NetworkMode::Egress => egress(docker, parts, spec, lock).await,
    }
}

/// The network of a run; one is enough for all its steps.
async fn run_network(docker: &Docker, instance: &str, run: RunId) -> Result<String, EngineError> {
    let name = format!("slipway-{instance}-{run}");
    match named(docker, &name).await? {
        Some(id) => Ok(id),
        None => Ok(isolated(docker, &name, sandbox::run_labels(instance, run, "network")).await?.id),
    }
}

async fn egress(
    docker: &Docker,
    parts: &Parts,
    spec: &ContainerSpec,
    lock: &tokio::sync::Mutex<()>,
) -> Result<Joined, EngineError> {
    let gates = sandbox::plan_gates(&spec.egress)?;
    let name = container_name(&spec.owner);
    let mut labels = sandbox::run_labels(&spec.owner.instance, spec.owner.run_id, "network");
    labels.insert(label::FOR.into(), name.clone());
    let outside = {
        let _guard = lock.lock().await;
        outside(docker, &spec.owner.instance).await?
    };
    let network = isolated(docker, &name, labels).await?;
    let mut hosts = Vec::new();
    let mut starts = Vec::new();
    for (index, gate) in (0_u32..).zip(&gates) {
        // From the top of the subnet, where the engine hands out no address by itself while there are few.
        let address = Ipv4Addr::from(network.base + SUBNET_SIZE - 2 - index).to_string();
        hosts.extend(gate.names.iter().map(|name| format!("{name}:{address}")));
        starts.push(start_gate(docker, parts, spec, gate, index, address, &network.id, &outside));
    }
    if let Err(error) = try_join_all(starts).await {
        // A gate of this name that was there before belongs to another container of the same attempt: leave it.
        if !matches!(error, EngineError::Conflict(_)) {
            cleanup::remove_made_for(docker, &name).await?;
        }
        cleanup::remove_network(docker, &network.id).await?;
        return Err(error);
    }
    Ok(Joined { network: Some(network.id), hosts, ..Joined::default() })
}

#[allow(clippy::too_many_arguments, reason = "all of it is this one gate's place in the topology")]
async fn start_gate(
    docker: &Docker,
    parts: &Parts,
    spec: &ContainerSpec,
    gate: &GatePlan,
    index: u32,
    address: String,
    inside: &str,
    outside: &str,
) -> Result<(), EngineError> {
    let step = container_name(&spec.owner);
    let name = format!("{step}-gate-{index}");
    let seconds = (spec.owner.deadline - chrono::Utc::now().timestamp()).max(60);
    let mut arguments = vec![seconds.to_string(), address.clone()];
    arguments.extend(gate.routes.iter().map(|(port, target)| format!("{port}={target}")));
    let joined = Joined { network: Some(inside.to_owned()), address: Some(address), ..Joined::default() };
    let body = sandbox::gate(spec, parts, arguments, joined);
    let options = CreateContainerOptionsBuilder::default().name(&name).build();
    match call("create gate", SLOW, docker.create_container(Some(options), body)).await {
        Ok(_) => {}
        Err(failure) if failure.is(409) => return Err(EngineError::Conflict(step)),
        Err(failure) => return Err(failure.into()),
    }
    let request = NetworkConnectRequest { container: name.clone(), endpoint_config: None };
    call("connect gate", SLOW, docker.connect_network(outside, request)).await?;
    let options = AttachContainerOptionsBuilder::default().stream(true).stdout(true).stderr(true).build();
    let mut attached = call("attach gate", QUICK, docker.attach_container(&name, Some(options))).await?;
    call("start gate", SLOW, docker.start_container(&name, None::<StartContainerOptions>)).await?;
    let first = tokio::time::timeout(GATE_READY, attached.output.next()).await;
    match first {
        Ok(Some(Ok(LogOutput::StdOut { .. }))) => Ok(()),
        Ok(Some(Ok(other))) => {
            Err(EngineError::Unavailable(format!("the gate did not open: {}", other.to_string().trim())))
        }
        _ => Err(EngineError::Unavailable("the gate did not open".into())),
    }
}

/// The ordinary network that all gates of an installation reach their targets from. They cannot reach each other.
async fn outside(docker: &Docker, instance: &str) -> Result<String, EngineError> {
    let name = outside_name(instance);
    if let Some(id) = named(docker, &name).await? {
        return Ok(id);
    }
    let request = NetworkCreateRequest {
        name,
        driver: Some("bridge".into()),
        options: Some(HashMap::from([("com.docker.network.bridge.enable_icc".into(), "false".into())])),
        labels: Some(HashMap::from([(label::INSTANCE.into(), instance.to_owned())])),
        ..NetworkCreateRequest::default()
    };
    Ok(call("create network", SLOW, docker.create_network(request)).await?.id)
}

/// The name of that network.
pub(super) fn outside_name(instance: &str) -> String {
    format!("slipway-egress-{instance}")
}

/// The id of the network of exactly this name; of the oldest, should two workers have made one at the same moment.
async fn named(docker: &Docker, name: &str) -> Result<Option<String>, EngineError> {
    let filters = HashMap::from([("name", vec![name])]);
    let options = ListNetworksOptionsBuilder::default().filters(&filters).build();
    let mut found = call("list networks", QUICK, docker.list_networks(Some(options))).await?;
    found.retain(|network| network.name.as_deref() == Some(name));
    found.sort_by_key(|network| (network.created.as_ref().map(ToString::to_string), network.id.clone()));
    Ok(found.into_iter().next().and_then(|network| network.id))
}

async fn isolated(docker: &Docker, name: &str, labels: HashMap<String, String>) -> Result<Isolated, EngineError> {
    let first = rand::random::<u32>();
    let mut last = None;
    for step in 0..TRIES {
        // An odd stride visits every subnet once.
        let base = RANGE + (first.wrapping_add(step.wrapping_mul(677)) % SUBNETS) * SUBNET_SIZE;
        let subnet = format!("{}/26", Ipv4Addr::from(base));
        let request = NetworkCreateRequest {
            name: name.to_owned(),
            driver: Some("bridge".into()),
            internal: Some(true),
            enable_ipv6: Some(false),
            ipam: Some(Ipam {
                config: Some(vec![IpamConfig { subnet: Some(subnet), ..IpamConfig::default() }]),
                ..Ipam::default()
            }),
            options: Some(HashMap::from([("com.docker.network.bridge.inhibit_ipv4".into(), "true".into())])),
            labels: Some(labels.clone()),
            ..NetworkCreateRequest::default()
        };
        match call("create network", SLOW, docker.create_network(request)).await {
            Ok(made) => return Ok(Isolated { id: made.id, base }),
            Err(failure) if failure.says("overlap") => last = Some(failure),
            Err(failure) => return Err(failure.into()),
        }
    }
    let reason = last.map_or_else(String::new, |failure| failure.to_string());
    Err(EngineError::Unavailable(format!("no free subnet for a step's network: {reason}")))
}
