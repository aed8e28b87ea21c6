//! Plans of what a batch would run: previews, made by workers, of single resources of it, exactly as the batch would do them.

use super::{Doing, Subject, doing, doing::foreseen, plan};
use crate::{
    domain::{
        batch::{BatchOperation, ItemStatus},
        ids::{ResourceId, RunId},
        run::{RunClass, RunKind},
    },
    formats::registry::Registry,
    store::{
        Connection, Result,
        batch::{self, Batch, Prospect},
        notify,
        plan::NewPlan,
        resource::{self, Unresolved},
        run::{self, NewRun},
    },
};

/// Ways that are planned without being asked for, the largest.
const MOST_WAYS: i64 = 20;

/// Has one resource of each way planned, of the largest ways that something can be done in, and forgets the plans that there
/// were: what they are of is not what would be done any more. Waits for nobody: workers make the plans later.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn plan_ways(conn: &mut Connection, registry: &Registry, batch: &Batch) -> Result<()> {
    batch::forget_plans(&mut *conn, batch.id).await?;
    for sample in batch::ways(&mut *conn, batch.id, MOST_WAYS).await? {
        // One that others are about to begin with is planned by who looks at it.
        let _ = plan_item(&mut *conn, registry, batch, sample, &batch.requested_by).await?;
    }
    Ok(())
}

/// Has a worker show what the batch would run for one of its resources, and notes that it does, or why it cannot. Gives the
/// preview's run, or that reason. None: the resource is not of the batch, or the batch is at it already.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn plan_item(
    conn: &mut Connection,
    registry: &Registry,
    batch: &Batch,
    id: ResourceId,
    requested_by: &str,
) -> Result<Option<std::result::Result<RunId, String>>> {
    let Some(prospect) = batch::prospect(&mut *conn, batch.id, id).await? else { return Ok(None) };
    if prospect.status != ItemStatus::Open {
        return Ok(None);
    }
    let row = resource::unresolved(&mut *conn, &[id], &[&batch.params]).await?.pop();
    let made = match row {
        None => Err("it was removed".to_owned()),
        Some(row) => match new_run(registry, batch, &prospect, row, requested_by) {
            Err(why) => Err(why),
            Ok(new) => {
                let run = new.id;
                run::create_all(&mut *conn, &[new]).await?;
                notify(&mut *conn).await?;
                Ok(run)
            }
        },
    };
    batch::note_plan(conn, batch.id, id, made.as_ref().map(|run| *run).map_err(String::as_str)).await?;
    Ok(Some(made))
}

/// The preview; or why there is none, for people.
fn new_run(
    registry: &Registry,
    batch: &Batch,
    it: &Prospect,
    row: Unresolved,
    requested_by: &str,
) -> std::result::Result<NewRun, String> {
    let Some(operation) = batch.operation.run(row.applied_params.is_some()) else {
        return Err("a retry goes on with what its last run ran, where that stopped: look at that run".to_owned());
    };
    if batch.operation == BatchOperation::Delete && it.kept {
        return Err("it is protected from deletion: it would be left out".to_owned());
    }
    let made_by = it.provider.as_deref().zip(it.provider_version.as_deref());
    let subject = Subject {
        kind: &row.kind,
        tags: &row.tags,
        workflow: row.workflow.as_deref(),
        metadata: &row.metadata,
        made_by,
    };
    let planned = plan(registry, operation, batch.provider_version.as_deref(), &subject)?;
    let inputs = match doing(batch, operation, &planned, &row, &it.params, &it.overrides) {
        Doing::Run(Some(inputs)) => inputs,
        Doing::Run(None) => foreseen(batch, operation, &planned, &row, &it.params, &it.overrides)?,
        Doing::Skip(why) => return Err(format!("{why}: nothing would be run")),
        Doing::Fail(why) => return Err(why),
    };
    let new = NewRun {
        id: RunId::new(),
        kind: RunKind::Preview,
        operation,
        // A preview holds no resource and no application up.
        resource_id: None,
        application_id: None,
        team: row.team,
        provider: planned.provider,
        provider_version: planned.provider_version,
        provider_commit: planned.provider_commit,
        workflow: planned.workflow,
        plan: NewPlan::of(&planned.plan).map_err(|error| error.to_string())?,
        steps: run::steps_of(&planned.plan),
        inputs: Some(inputs.inputs),
        reason: None,
        requested_by: requested_by.to_owned(),
        queue: "default".to_owned(),
        priority: 0,
        class: RunClass::Interactive,
        acts_for: Vec::new(),
    };
    Ok(new)
}
