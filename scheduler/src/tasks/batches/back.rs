//! Takes back what a batch did: each resource gets the version and the params that it had, by an update run.

use std::collections::HashMap;

use serde_json::Value;
use shared::{
    batch::plan,
    domain::{
        batch::{effective, overridden},
        ids::ResourceId,
        run::Operation,
    },
    inputs,
    store::{
        Connection, StoreError,
        batch::{self, Batch, Undoable},
        resource::{self, Unresolved},
    },
};

use super::{
    PIECE, Scheduler, Step,
    begin::{Ready, Work, subject},
};

/// Takes a batch that is rolled back as far as it can go now.
pub(super) async fn go_on(scheduler: &Scheduler, conn: &mut Connection, batch: &mut Batch) -> Result<Step, StoreError> {
    let room = (batch.max_in_flight - batch.in_flight).min(PIECE);
    if room <= 0 {
        return Ok(Step::Idle);
    }
    let undoable = batch::undoable(&mut *conn, batch, room.into()).await?;
    if undoable.is_empty() {
        let is_over = batch.in_flight == 0 && batch::is_undone(conn, batch.id).await?;
        let told =
            || format!("{} of what was done was taken back; the resources say why others were not", batch.rolled_back);
        return Ok(if is_over { Step::Over(told()) } else { Step::Idle });
    }
    let ids: Vec<ResourceId> = undoable.iter().map(|it| it.id).collect();
    let before: Vec<&Value> = undoable.iter().map(|it| &it.before).collect();
    let known = resource::unresolved(&mut *conn, &ids, &before).await?;
    let mut known: HashMap<ResourceId, Unresolved> = known.into_iter().map(|it| (it.id, it)).collect();
    let mut work = Work::new(scheduler.registry());
    let (mut begun, mut closed) = (Vec::new(), Vec::new());
    for it in undoable {
        let Some(row) = known.remove(&it.id) else { continue };
        if let Some(why) = unfit(batch, &it) {
            closed.push((it.id, false, why));
            continue;
        }
        let row = Unresolved { params: effective(&it.params, &it.before), ..row };
        let made_by = it.provider.as_deref().zip(it.provider_version.as_deref());
        let planned = plan(&work.registry, Operation::Update, it.version.as_deref(), &subject(&row, made_by));
        let ready = planned.and_then(|planned| {
            let resolved = inputs::resolve(&row).map_err(|(_, why)| why)?;
            let inputs = inputs::complete(&planned, &row, resolved).map_err(|(_, why)| why)?;
            Ok(Ready { operation: Operation::Update, planned, inputs: Some(inputs) })
        });
        match ready {
            Ok(ready) => {
                let run = work.make(&row, ready, &batch.requested_by)?;
                begun.push((it.id, run, it.before));
            }
            Err(why) => closed.push((it.id, true, why)),
        }
    }
    work.write(scheduler, &mut *conn).await?;
    batch::start_undo(&mut *conn, batch.id, &begun).await?;
    batch::close_undo(conn, batch.id, &closed).await?;
    batch.in_flight += i32::try_from(begun.len()).unwrap_or(i32::MAX);
    Ok(Step::Moved)
}

/// Why a resource is left as it is, if so.
fn unfit(batch: &Batch, it: &Undoable) -> Option<String> {
    if it.absent {
        return Some("it was removed since, or is about to be".to_owned());
    }
    if it.created {
        return Some("the batch made it: there is nothing that it was before".to_owned());
    }
    let is_ours = it.provider_version.as_deref() == Some(&it.done_version)
        && it.overrides == overridden(&it.before, &batch.params);
    (!is_ours).then(|| "it was changed again since".to_owned())
}
