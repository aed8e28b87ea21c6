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
/// A run was run again from its beginning: told of both, and its data names the other (`rerun_of`, `rerun_as`).
pub const RUN_RERUN: &str = "run.rerun";
/// Somebody let the run begin in spite of freezes; its data has the `reason`.
pub const RUN_FREEZE_OVERRIDDEN: &str = "run.freeze_overridden";
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
/// A service of the run was started; its data names it, the number of the start and the image.
pub const SERVICE_STARTED: &str = "service.started";
/// A service of the run ended by itself; its data says how.
pub const SERVICE_ENDED: &str = "service.ended";
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

/// A queue was paused: nothing of it begins until it is resumed; its data says by whom, why, and whether it is drained.
pub const QUEUE_PAUSED: &str = "queue.paused";
/// A paused queue goes on.
pub const QUEUE_RESUMED: &str = "queue.resumed";
/// Nothing of a queue that is drained runs any more. Told by `promote`.
pub const QUEUE_DRAINED: &str = "queue.drained";

/// A batch was made and waits for approval. What is told of a batch has its `batch` (the id), `name`, `status` and figures for data.
pub const BATCH_CREATED: &str = "batch.created";
/// A person said that it may be done.
pub const BATCH_APPROVED: &str = "batch.approved";
/// What would be done is not what was approved: a person is asked anew.
pub const BATCH_APPROVAL_VOID: &str = "batch.approval_void";
/// Resources of another wave may begin.
pub const BATCH_WAVE_STARTED: &str = "batch.wave_started";
/// A wave was done and found to be well.
pub const BATCH_WAVE_PASSED: &str = "batch.wave_passed";
/// Some of its resources are done; told once a second at most.
pub const BATCH_PROGRESS: &str = "batch.progress";
/// A person held it.
pub const BATCH_PAUSED: &str = "batch.paused";
/// A person let it go on.
pub const BATCH_RESUMED: &str = "batch.resumed";
/// More failed than may, and it stopped by itself.
pub const BATCH_STOPPED: &str = "batch.stopped";
/// A person ended it.
pub const BATCH_ABORTED: &str = "batch.aborted";
/// A person has what it did taken back.
pub const BATCH_ROLLING_BACK: &str = "batch.rolling_back";
/// All of it is done.
pub const BATCH_COMPLETED: &str = "batch.completed";
/// All that could be taken back is.
pub const BATCH_ROLLED_BACK: &str = "batch.rolled_back";

/// An endpoint for webhooks gets no more deliveries; its data says why.
pub const WEBHOOK_DISABLED: &str = "webhook.disabled";

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
