//! One thing an application needs.

use super::states::states;

states! {
    /// Where a resource stands. The statuses of InfraKitchen (queued, in_progress, …) are derived beside it, never stored.
    ResourceState {
        /// Accepted; no provider has been chosen yet.
        Requested = "requested",
        /// Its create run exists.
        Provisioning = "provisioning",
        /// Made, and as asked for.
        Active = "active",
        /// Its update run exists.
        Updating = "updating",
        /// Made, but found to differ from what was asked for.
        Degraded = "degraded",
        /// The last operation failed; its error says how.
        Failed = "failed",
        /// Its delete run exists.
        Terminating = "terminating",
        /// Gone. Final.
        Terminated = "terminated",
    }
}

impl ResourceState {
    /// Whether the state machine has an arrow from `self` to `next`.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use ResourceState as S;
        match self {
            S::Requested => matches!(next, S::Provisioning | S::Failed | S::Terminating | S::Terminated),
            S::Provisioning => matches!(next, S::Active | S::Failed),
            // Failed without a run: what is asked for now cannot be made of it, and it is still as it was.
            S::Active => matches!(next, S::Updating | S::Degraded | S::Failed | S::Terminating),
            S::Updating => matches!(next, S::Active | S::Degraded | S::Failed),
            S::Degraded => matches!(next, S::Updating | S::Active | S::Failed | S::Terminating),
            // Active without a run: what is asked for is again what is there.
            S::Failed => matches!(next, S::Provisioning | S::Updating | S::Active | S::Terminating | S::Terminated),
            S::Terminating => matches!(next, S::Terminated | S::Failed),
            S::Terminated => false,
        }
    }

    /// Whether nothing more can happen to it.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Terminated)
    }
}

/// The annotation, of an application or a resource, that forbids its deletion when it is `true`.
pub const PROTECTION: &str = "slipway.dev/deletion-protection";
/// The annotation of an application that says how long it lives, as `8h`.
pub const TTL: &str = "slipway.dev/ttl";
/// The annotation of a resource that names the workflow which is to serve it.
pub const WORKFLOW: &str = "slipway.dev/workflow";
/// The annotation of a resource with tags, separated by commas, that a choice of workflows goes by.
pub const TAGS: &str = "slipway.dev/tags";

/// `type.class#workload.name`, or `type.class#id` when the resource is shared: two requests with the same identity
/// ask for the same resource. A missing class is written `default`.
#[must_use]
pub fn identity(kind: &str, class: Option<&str>, id: Option<&str>, workload: &str, name: &str) -> String {
    let class = class.unwrap_or("default");
    match id {
        Some(id) => format!("{kind}.{class}#{id}"),
        None => format!("{kind}.{class}#{workload}.{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminated_resource_stays_terminated() {
        assert!(ResourceState::ALL.iter().all(|&next| !ResourceState::Terminated.may_become(next)));
    }

    #[test]
    fn every_other_state_can_still_reach_terminated() {
        for &start in ResourceState::ALL {
            let mut reached = vec![start];
            let mut at = 0;
            while at < reached.len() {
                let state = reached[at];
                at += 1;
                for &next in ResourceState::ALL {
                    if state.may_become(next) && !reached.contains(&next) {
                        reached.push(next);
                    }
                }
            }
            assert!(reached.contains(&ResourceState::Terminated), "{start} can never end");
        }
    }

    #[test]
    fn a_shared_resource_has_the_same_identity_in_every_application() {
        assert_eq!(identity("dns", None, Some("main"), "a", "x"), identity("dns", None, Some("main"), "b", "y"));
        assert_ne!(identity("dns", None, None, "a", "x"), identity("dns", None, None, "b", "x"));
    }
}
