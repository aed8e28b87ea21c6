//! Which containers start before which.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{bail, ensure};

use super::asked::{Container, Ready};

/// A container's part in its pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// One that runs beside the others.
    Main,
    /// One that ends before the next begins.
    Init,
    /// One that goes on while the next begin; `healthy`: once it is well.
    Sidecar { healthy: bool },
}

/// Those that others wait for, in the order in which they start, and then the rest.
///
/// # Errors
/// When a name is of no container, or they wait for each other in a circle.
pub(super) fn sorted(containers: &BTreeMap<String, Container>) -> anyhow::Result<Vec<(&str, &Container, Part)>> {
    let mut waits: BTreeMap<&str, BTreeSet<&str>> =
        containers.keys().map(|name| (name.as_str(), BTreeSet::new())).collect();
    for (name, container) in containers {
        for other in container.before.keys() {
            let Some(needs) = waits.get_mut(other.as_str()) else {
                bail!("the container '{name}' is to start before '{other}', which there is none of");
            };
            needs.insert(name.as_str());
        }
    }
    let mut order: Vec<(&str, &Container, Part)> = Vec::new();
    while !waits.is_empty() {
        let done: BTreeSet<&str> = order.iter().map(|(name, ..)| *name).collect();
        let free: Vec<&str> = waits.iter().filter(|(_, on)| on.is_subset(&done)).map(|(name, _)| *name).collect();
        let circle = waits.keys().copied().collect::<Vec<_>>().join(", ");
        ensure!(!free.is_empty(), "containers wait for each other in a circle: {circle}");
        for name in free {
            waits.remove(name);
            if let Some((name, container)) = containers.get_key_value(name) {
                order.push((name, container, part(container)));
            }
        }
    }
    order.sort_by_key(|(.., part)| *part == Part::Main);
    Ok(order)
}

fn part(container: &Container) -> Part {
    let asks = |ready| container.before.values().any(|before| before.ready == ready);
    match container.before.is_empty() {
        true => Part::Main,
        false if asks(Ready::Complete) => Part::Init,
        false => Part::Sidecar { healthy: asks(Ready::Healthy) },
    }
}
