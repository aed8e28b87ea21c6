//! One execution of a workflow.

use super::states::states;

states! {
    /// Where a run stands.
    RunStatus {
        /// Waits in Postgres, with a reason.
        Pending = "pending",
        /// Its ticket is in Redis (or will be sent again).
        Queued = "queued",
        /// A worker holds its lease.
        Running = "running",
        /// Waits for something, holding no slot and no lease.
        Suspended = "suspended",
        /// All its steps that had to succeed did. Final.
        Completed = "completed",
        /// Final; `error_code` and `error_message` say why.
        Failed = "failed",
        /// Stopped by a person. Final.
        Cancelled = "cancelled",
    }
}

impl RunStatus {
    /// Whether the state machine has an arrow from `self` to `next`.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use RunStatus as S;
        match self {
            S::Pending => matches!(next, S::Queued | S::Failed | S::Cancelled),
            S::Queued => matches!(next, S::Pending | S::Running | S::Failed | S::Cancelled),
            S::Running => matches!(next, S::Queued | S::Suspended | S::Completed | S::Failed | S::Cancelled),
            S::Suspended => matches!(next, S::Pending | S::Failed | S::Cancelled),
            S::Completed | S::Failed | S::Cancelled => false,
        }
    }

    /// Whether the run is over.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

states! {
    /// What a run is for.
    RunKind {
        /// One operation on one resource.
        Resource = "resource",
        /// Started by a person.
        GoldenPath = "golden_path",
        /// Started by a step of another run, which waits for it.
        Child = "child",
        /// Shows what a run would do; starts nothing.
        Preview = "preview",
    }
}

states! {
    /// What a run does.
    Operation {
        /// Make a resource.
        Create = "create",
        /// Look at a resource and refresh its outputs.
        Read = "read",
        /// Change a resource.
        Update = "update",
        /// Remove a resource.
        Delete = "delete",
        /// Run a golden path.
        Execute = "execute",
    }
}

states! {
    /// What kind of work a run is. A lower class goes after a higher one until it has waited long enough to be as one of that.
    RunClass {
        /// Somebody waits for it: requests of people, golden paths, retries.
        Interactive = "interactive",
        /// One of very many that were asked for at once.
        Batch = "batch",
        /// Looks by a schedule at what is there.
        Drift = "drift",
    }
}

states! {
    /// Why a pending or suspended run does not go on. The codes are stable: people and alerts rely on them.
    WaitReason {
        /// A resource it needs is not active yet.
        WaitingForDependency = "WaitingForDependency",
        /// A resource it needs failed; the run goes on when that one recovers.
        DependencyFailed = "DependencyFailed",
        /// A step failed and waits for its next attempt.
        BackingOff = "BackingOff",
        /// A step waits for a person's decision.
        WaitingForApproval = "WaitingForApproval",
        /// A step waits for a person to start it.
        WaitingForStart = "WaitingForStart",
        /// A step waits for a run that it started.
        WaitingForChild = "WaitingForChild",
        /// A step waits for a time to come.
        Delayed = "Delayed",
        /// Another run of its concurrency group is not over yet.
        ConcurrencyGroup = "ConcurrencyGroup",
        /// No live worker serves its queue.
        NoWorkerForQueue = "NoWorkerForQueue",
        /// Every slot of the queue's workers is taken.
        QueueFull = "QueueFull",
        /// Its queue is paused.
        QueuePaused = "QueuePaused",
        /// As many runs of its queue go as may at once.
        QueueLimit = "QueueLimit",
        /// Its team uses all that it may.
        TeamQuota = "TeamQuota",
        /// As many runs of its team go as may at once.
        TeamLimit = "TeamLimit",
        /// As many runs on resources of its type go as may at once.
        TypeLimit = "TypeLimit",
        /// As many runs of its provider go as may at once.
        ProviderLimit = "ProviderLimit",
        /// A freeze is on, and it would change something.
        FreezeWindow = "FreezeWindow",
        /// Every slot is taken, its team has its share of them, and teams that have less go first.
        Fairness = "Fairness",
        /// It is ready and about to be promoted.
        Promoting = "Promoting",
    }
}

/// Why a run ended as it did; stable codes, beside a message for people.
pub mod error_code {
    /// The image that the run began with is gone.
    pub const IMAGE_CHANGED: &str = "ImageChanged";
    /// A step failed and had no attempts left.
    pub const STEP_FAILED: &str = "StepFailed";
    /// The run took longer than it may.
    pub const TIMED_OUT: &str = "TimedOut";
    /// The run was lost with its worker too many times: it may be what kills them.
    pub const POISON: &str = "Poison";
    /// The plan could not be carried out as written (a template, a missing output, a state that must not be touched).
    pub const INVALID_PLAN: &str = "InvalidPlan";
    /// A person stopped it.
    pub const CANCELLED: &str = "Cancelled";
    /// No provider serves the resource's type.
    pub const UNKNOWN_TYPE: &str = "UnknownResourceType";
    /// The provider cannot do this operation.
    pub const NO_WORKFLOW: &str = "NoWorkflow";
    /// The inputs do not fit the parameters of the workflow.
    pub const INVALID_INPUTS: &str = "InvalidInputs";
    /// A placeholder names an output that the other resource does not have.
    pub const UNRESOLVED_PLACEHOLDER: &str = "UnresolvedPlaceholder";
    /// What is there differs from what was made.
    pub const DRIFT: &str = "Drift";
    /// A person said no.
    pub const REJECTED: &str = "Rejected";
    /// Nobody decided in time.
    pub const APPROVAL_EXPIRED: &str = "ApprovalExpired";
    /// A run that a step started did not complete.
    pub const CHILD_FAILED: &str = "ChildFailed";
    /// A secret that a step needs cannot be had: there is none, or its key or its keeper says no.
    pub const SECRET_UNAVAILABLE: &str = "SecretUnavailable";
    /// A service that a step uses did not become ready, or ended while the step ran.
    pub const SERVICE_FAILED: &str = "ServiceFailed";
    /// A step's workspace grew beyond what it may hold, while the step ran.
    pub const WORKSPACE_FULL: &str = "WorkspaceFull";
    /// The state that a step keeps may be newer elsewhere; a person must decide.
    pub const STATE_UNCERTAIN: &str = "StateUncertain";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_final_run_never_moves() {
        for &from in RunStatus::ALL.iter().filter(|status| status.is_final()) {
            assert!(RunStatus::ALL.iter().all(|&next| !from.may_become(next)), "{from} moves");
        }
    }

    #[test]
    fn every_live_run_can_be_cancelled() {
        for &from in RunStatus::ALL.iter().filter(|status| !status.is_final()) {
            assert!(from.may_become(RunStatus::Cancelled), "{from} cannot be cancelled");
        }
    }
}
