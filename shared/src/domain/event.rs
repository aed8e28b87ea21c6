//! Names of the events in the append-only `event` table. `<noun>.<past participle or state>`; stable.

use super::{resource::ResourceState, run::RunStatus};

/// A submission was accepted.
pub const APPLICATION_SUBMITTED: &str = "application.submitted";
/// An application's deletion was asked for.
pub const APPLICATION_DELETE_REQUESTED: &str = "application.delete_requested";
/// An application and what is its own may not be deleted any more, or may again; its data says which.
pub const APPLICATION_PROTECTION: &str = "application.protection";
/// An application was given another time to live; its data says until when.
pub const APPLICATION_EXPIRY: &str = "application.expiry";
/// An application's time was over, and its protection kept it.
pub const APPLICATION_EXPIRY_BLOCKED: &str = "application.expiry_blocked";
/// A submission asks for the resource differently; its data holds the params as written.
pub const RESOURCE_CHANGED: &str = "resource.changed";
/// The resource may not be deleted any more, or may again; its data says which.
pub const RESOURCE_PROTECTION: &str = "resource.protection";
/// The last resource of a deleted application is gone.
pub const APPLICATION_DELETED: &str = "application.deleted";
/// A run was made.
pub const RUN_CREATED: &str = "run.created";
/// A worker took the run.
pub const RUN_CLAIMED: &str = "run.claimed";
/// The run was taken from a worker that stopped renewing its lease.
pub const RUN_RESCUED: &str = "run.rescued";
/// A worker that stops gave the run back.
pub const RUN_HANDED_BACK: &str = "run.handed_back";
/// Someone asked for the run to stop.
pub const RUN_CANCEL_REQUESTED: &str = "run.cancel_requested";
/// A write came too late: its worker had lost the lease.
pub const WRITE_REFUSED: &str = "write.refused";
/// An attempt of a step began.
pub const STEP_STARTED: &str = "step.started";
/// An attempt of a step ended; its data says how.
pub const STEP_FINISHED: &str = "step.finished";
/// A step will not run: its condition is false, or what it needed did not succeed; its data says which.
pub const STEP_SKIPPED: &str = "step.skipped";
/// A step failed and will be tried again.
pub const STEP_RETRYING: &str = "step.retrying";
/// A step waits for something that is not a container; its data says for what.
pub const STEP_WAITING: &str = "step.waiting";
/// What a step waited for is there.
pub const STEP_RELEASED: &str = "step.released";
/// A person is asked to decide.
pub const APPROVAL_REQUESTED: &str = "approval.requested";
/// A person decided, or the time to do so was up.
pub const APPROVAL_DECIDED: &str = "approval.decided";
/// A new version of the state that a step keeps was stored.
pub const STATE_STORED: &str = "state.stored";
/// A set of providers was taken; its data says from which source, which commit and what it brought.
pub const PROVIDER_LOADED: &str = "provider.loaded";
/// A set of providers was not taken, and the one before serves on; its data lists the problems.
pub const PROVIDER_REJECTED: &str = "provider.rejected";
/// A source of providers could not be fetched; what was taken of it before serves on.
pub const PROVIDER_UNREACHABLE: &str = "provider.unreachable";
/// A resource is worked on by another version of its provider than the one that made it; its data says which.
pub const RESOURCE_PROVIDER_MOVED: &str = "resource.provider_moved";
/// A look at a resource found it to differ from what was made; its data says how.
pub const DRIFT_FOUND: &str = "resource.drift_found";
/// A person took a resource as it is.
pub const RESOURCE_ADOPTED: &str = "resource.adopted";
/// A person said that a resource was made elsewhere, and what it gives.
pub const RESOURCE_IMPORTED: &str = "resource.imported";
/// A person let go of a resource without removing what is there.
pub const RESOURCE_FORGOTTEN: &str = "resource.forgotten";
/// A look at a resource was asked for, and its provider has no way to do it.
pub const READ_REFUSED: &str = "resource.read_refused";
/// A look at a resource found nothing to differ any more.
pub const DRIFT_GONE: &str = "resource.drift_gone";
/// Outputs marked sensitive were shown to someone.
pub const OUTPUTS_REVEALED: &str = "resource.outputs_revealed";

/// The event for a resource that reached `state`.
#[must_use]
pub fn resource_became(state: ResourceState) -> String {
    format!("resource.{state}")
}

/// The event for a run that reached `status`.
#[must_use]
pub fn run_became(status: RunStatus) -> String {
    format!("run.{status}")
}
