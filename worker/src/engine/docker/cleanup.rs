//! Finding and removing what Slipway made, by its labels.

use std::{collections::HashMap, time::Duration};

use bollard::{
    Docker,
    models::{ContainerSummary, ContainerSummaryStateEnum},
    query_parameters::{
        ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
        RemoveContainerOptionsBuilder, RemoveVolumeOptions,
    },
};
use futures::{StreamExt, TryStreamExt, stream};
use shared::domain::ids::{Fence, RunId};

use super::call::{Failure, QUICK, SLOW, call, unless_gone};
use crate::engine::{
    EngineError, Found,
    sandbox::{self, label},
};

/// Removals at a time: more only queue up in the engine.
const AT_ONCE: usize = 8;

/// Removes a container by force, waiting for a removal that another caller began.
pub(super) async fn remove_container(docker: &Docker, name: &str) -> Result<(), EngineError> {
    for _ in 0..100 {
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        match unless_gone(call("remove container", SLOW, docker.remove_container(name, Some(options))).await) {
            Err(failure) if failure.is(409) => tokio::time::sleep(Duration::from_millis(100)).await,
            other => return Ok(other?),
        }
    }
    Err(EngineError::Unavailable(format!("{name} is being removed, without end")))
}

/// Removes a network. One in use stays: its last user's removal takes it along.
pub(super) async fn remove_network(docker: &Docker, id: &str) -> Result<bool, EngineError> {
    match call("remove network", SLOW, docker.remove_network(id)).await {
        Ok(()) => Ok(true),
        Err(failure) if failure.is(404) => Ok(true),
        Err(failure) if failure.is(403) || failure.is(409) || failure.says("active endpoints") => Ok(false),
        Err(failure) => Err(failure.into()),
    }
}

/// Removes the gates and the network of one step's container.
pub(super) async fn remove_made_for(docker: &Docker, name: &str) -> Result<(), EngineError> {
    // The network goes last, so without it there are no gates either: one call in the usual case.
    if remove_network(docker, name).await? {
        return Ok(());
    }
    let gates = containers(docker, &[(label::FOR, name)]).await?;
    each(gates.iter().filter_map(|gate| gate.id.as_deref()), |id| remove_container(docker, id)).await?;
    remove_network(docker, name).await.map(|_| ())
}

/// Removes a volume; false when a container still has it.
pub(super) async fn remove_volume(docker: &Docker, name: &str) -> Result<bool, EngineError> {
    match unless_gone(call("remove volume", SLOW, docker.remove_volume(name, None::<RemoveVolumeOptions>)).await) {
        Ok(()) => Ok(true),
        Err(failure) if failure.is(409) => Ok(false),
        Err(failure) => Err(failure.into()),
    }
}

/// Every step's and service's container of an installation.
pub(super) async fn list(docker: &Docker, instance: &str) -> Result<Vec<Found>, EngineError> {
    let found = containers(docker, &[(label::INSTANCE, instance)]).await?;
    Ok(found
        .iter()
        .filter_map(|one| {
            let name = one.names.as_ref()?.first()?;
            let running =
                matches!(one.state, Some(ContainerSummaryStateEnum::RUNNING | ContainerSummaryStateEnum::PAUSED));
            sandbox::found(name, running, one.labels.as_ref()?)
        })
        .collect())
}

/// Runs that own anything but a step's container.
pub(super) async fn leftovers(docker: &Docker, instance: &str) -> Result<Vec<RunId>, EngineError> {
    let wanted = [(label::INSTANCE, instance)];
    let mut runs = Vec::new();
    for one in containers(docker, &wanted).await? {
        let labels = one.labels.unwrap_or_default();
        if labels.get(label::ROLE).map(String::as_str) != Some("step") {
            runs.extend(run_of(&labels));
        }
    }
    for (_, labels) in networks(docker, &wanted).await?.into_iter().chain(volumes(docker, &wanted).await?) {
        runs.extend(run_of(&labels));
    }
    runs.sort_unstable();
    runs.dedup();
    Ok(runs)
}

/// Removes what a run left that was started under a lower fence, in the order that lets everything go.
pub(super) async fn sweep(docker: &Docker, instance: &str, run: RunId, below: Fence) -> Result<(), EngineError> {
    let run = run.to_string();
    let wanted = [(label::INSTANCE, instance), (label::RUN, run.as_str())];
    let found = containers(docker, &wanted).await?;
    let old = found.iter().filter(|one| {
        let fence = one.labels.as_ref().and_then(|labels| labels.get(label::FENCE));
        // Holders carry no fence: they live for a moment, so one that is found was left behind.
        fence.and_then(|fence| fence.parse().ok()).is_none_or(|fence: i64| fence < below.0)
    });
    each(old.filter_map(|one| one.id.as_deref()), |id| remove_container(docker, id)).await?;
    let nets = networks(docker, &wanted).await?;
    each(nets.iter().map(|(id, _)| id.as_str()), |id| async move { remove_network(docker, id).await.map(|_| ()) })
        .await?;
    let vols = volumes(docker, &wanted).await?;
    each(
        vols.iter().map(|(name, _)| name.as_str()),
        |name| async move { remove_volume(docker, name).await.map(|_| ()) },
    )
    .await
}

async fn each<'a, F>(items: impl Iterator<Item = &'a str>, act: impl Fn(&'a str) -> F) -> Result<(), EngineError>
where
    F: Future<Output = Result<(), EngineError>>,
{
    let pending: Vec<F> = items.map(act).collect();
    stream::iter(pending).buffer_unordered(AT_ONCE).try_collect().await
}

fn run_of(labels: &HashMap<String, String>) -> Option<RunId> {
    labels.get(label::RUN)?.parse().ok()
}

fn filters(labels: &[(&str, &str)]) -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), labels.iter().map(|(key, value)| format!("{key}={value}")).collect())])
}

async fn containers(docker: &Docker, labels: &[(&str, &str)]) -> Result<Vec<ContainerSummary>, Failure> {
    let options = ListContainersOptionsBuilder::default().all(true).filters(&filters(labels)).build();
    call("list containers", QUICK, docker.list_containers(Some(options))).await
}

type Labelled = (String, HashMap<String, String>);

async fn networks(docker: &Docker, labels: &[(&str, &str)]) -> Result<Vec<Labelled>, Failure> {
    let options = ListNetworksOptionsBuilder::default().filters(&filters(labels)).build();
    let found = call("list networks", QUICK, docker.list_networks(Some(options))).await?;
    Ok(found.into_iter().filter_map(|one| Some((one.id?, one.labels.unwrap_or_default()))).collect())
}

async fn volumes(docker: &Docker, labels: &[(&str, &str)]) -> Result<Vec<Labelled>, Failure> {
    let options = ListVolumesOptionsBuilder::default().filters(&filters(labels)).build();
    let found = call("list volumes", QUICK, docker.list_volumes(Some(options))).await?;
    Ok(found.volumes.unwrap_or_default().into_iter().map(|one| (one.name, one.labels)).collect())
}
