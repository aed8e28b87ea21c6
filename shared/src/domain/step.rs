//! One unit of a run.

use super::states::states;

states! {
    /// Where a step stands.
    StepStatus {
        /// Not begun, or to be tried again.
        Pending = "pending",
        /// An attempt of it runs.
        Running = "running",
        /// Waits for something that is not a container.
        Waiting = "waiting",
        /// Succeeded. Final.
        Completed = "completed",
        /// Out of attempts. Final.
        Failed = "failed",
        /// Never begun, because its condition was false or what it needed did not succeed. Final.
        Skipped = "skipped",
        /// Stopped by a person. Final.
        Cancelled = "cancelled",
    }
}

impl StepStatus {
    /// Whether the state machine has an arrow from `self` to `next`.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use StepStatus as S;
        match self {
            // Completed at once: a loop, all of whose elements are over.
            S::Pending => {
                matches!(next, S::Running | S::Waiting | S::Completed | S::Skipped | S::Cancelled | S::Failed)
            }
            S::Running => matches!(next, S::Completed | S::Failed | S::Cancelled | S::Pending),
            S::Waiting => matches!(next, S::Pending | S::Completed | S::Failed | S::Skipped | S::Cancelled),
            S::Completed | S::Failed | S::Skipped | S::Cancelled => false,
        }
    }

    /// Whether the step is over.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Skipped | Self::Cancelled)
    }
}

states! {
    /// How one try of a step ended.
    AttemptStatus {
        /// It runs.
        Running = "running",
        /// It succeeded.
        Completed = "completed",
        /// It failed by its own doing.
        Failed = "failed",
        /// A person stopped it.
        Cancelled = "cancelled",
        /// Its worker or engine went away; says nothing about the step.
        Lost = "lost",
    }
}
