//! One run, from its claim until it is over, suspended, handed back or lost.
//!
//! [`begin`] loads it and takes over from an earlier worker; [`course`] goes round: whose [`turn`] is it, begin what may
//! begin ([`tasks`]), take in what came of it ([`take`]); [`settle`] says how it ends, or gives the slot back while it waits.
//! [`rows`] is what is known of its steps, [`repeat`] ends its loops.

mod begin;
mod course;
mod repeat;
mod rows;
mod settle;
mod take;
mod tasks;
pub mod turn;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use shared::{
    domain::run::RunStatus,
    store::{
        lease::{self, Claimed},
        run::Finish,
    },
    traces::{self, Role, Span},
};
use tokio::time::Instant;

use crate::{
    container,
    context::Context,
    contract::Failure,
    engine::Engine,
    held::{Halt, Held},
};

/// How a worker's time with a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// The run is over.
    Finished(RunStatus),
    /// The run waits, without a slot.
    Suspended,
    /// The run is queued again for another worker.
    HandedBack,
    /// The run is someone else's now.
    Lost,
}

/// Drives a run that was claimed by a statement sent at `sent` (boot time), and lets go of its lease.
pub async fn drive<E: Engine>(worker: Arc<Context<E>>, claimed: Claimed, sent: Duration) -> Over {
    let began = Instant::now();
    let begun_s = claimed.begun_s;
    let held = Arc::new(Held::new(worker.store.clone(), claimed.lease, worker.ttl(), sent));
    let keeping = worker.keeper.keep(Arc::clone(&held));
    tracing::info!(run.id = %claimed.lease.run_id, worker.id = %worker.id, fence = %claimed.lease.fence, "run claimed");
    let mut span = span_of(&worker, &claimed);
    let over = match traces::scope(span.parent(), begin::begin(&worker, &held, claimed)).await {
        Ok(over) => over,
        Err(Halt::Lost) => Over::Lost,
        Err(Halt::Broken(error)) => {
            tracing::error!(run.id = %held.lease.run_id, %error, "Postgres refused a write about the run");
            let failure = Failure::plan(format!("the run's record was refused by the database: {error}"));
            end(&worker, &held, &Finish::failed(failure.code, failure.message)).await.unwrap_or(Over::Lost)
        }
        Err(why @ (Halt::HandBack | Halt::Unfit(_))) => {
            tracing::info!(run.id = %held.lease.run_id, %why, "run handed back");
            container::clear(&*worker.engine, &worker.config.instance.0, held.lease).await;
            let store = &worker.store;
            match held.write("hand back", || lease::hand_back(store, held.lease)).await {
                Ok(()) => Over::HandedBack,
                Err(_) => Over::Lost,
            }
        }
    };
    drop(keeping);
    conclude(&mut span, over);
    if over == Over::Lost {
        let (keeper, held) = (Arc::clone(&worker.keeper), Arc::clone(&held));
        tokio::spawn(async move { keeper.settle(&held).await });
    }
    if let Over::Finished(status) = over {
        container::clear(&*worker.engine, &worker.config.instance.0, held.lease).await;
        metrics::counter!("slipway_runs_finished_total", "status" => status.as_str()).increment(1);
        metrics::histogram!("slipway_run_seconds", "status" => status.as_str())
            .record(begun_s + began.elapsed().as_secs_f64());
    }
    tracing::info!(run.id = %held.lease.run_id, worker.id = %worker.id, ?over, "let go of the run");
    over
}

/// The span of a worker's time with a run, in the words of the conventions for CI/CD.
fn span_of<E: Engine>(worker: &Context<E>, claimed: &Claimed) -> Span {
    let parent = claimed.trace_parent.as_deref().and_then(|text| text.parse().ok());
    let mut span = worker.traces.begin(format!("RUN {}", claimed.workflow), Role::Serves, parent);
    span.set("cicd.pipeline.action.name", "RUN");
    span.set("cicd.pipeline.name", claimed.workflow.clone());
    span.set("cicd.pipeline.run.id", claimed.lease.run_id.to_string());
    span.set("cicd.pipeline.run.state", "executing");
    span.set("cicd.worker.id", worker.id.to_string());
    span.set("slipway.operation", claimed.operation.as_str());
    span.set("slipway.provider", claimed.provider.clone());
    span.set("slipway.team", claimed.team.clone());
    for (key, value) in [("slipway.application", &claimed.application), ("slipway.resource", &claimed.resource)] {
        if let Some(value) = value {
            span.set(key, value.clone());
        }
    }
    span
}

fn conclude(span: &mut Span, over: Over) {
    let result = match over {
        Over::Finished(RunStatus::Completed) => "success",
        Over::Finished(RunStatus::Cancelled) => "cancellation",
        Over::Finished(_) => {
            span.fail("failure", "the run failed");
            "failure"
        }
        // It goes on in another span of this trace.
        Over::Suspended => return span.set("slipway.outcome", "suspended"),
        Over::HandedBack => return span.set("slipway.outcome", "handed back"),
        Over::Lost => {
            span.fail("lost", "the lease was lost");
            return span.set("slipway.outcome", "lost");
        }
    };
    span.set("cicd.pipeline.result", result);
}

/// Records the end of the run. A second try after an unclear answer may find that the first one did it.
async fn end<E: Engine>(worker: &Arc<Context<E>>, held: &Arc<Held>, finish: &Finish) -> Result<Over, Halt> {
    let store = &worker.store;
    let tried = AtomicU32::new(0);
    let answer = held
        .attempt(|| {
            tried.fetch_add(1, Ordering::Relaxed);
            lease::finish(store, held.lease, finish)
        })
        .await?;
    if answer.is_applied() {
        return Ok(Over::Finished(finish.status));
    }
    if tried.load(Ordering::Relaxed) > 1 && held.attempt(|| lease::was_finished_by(store.pool(), held.lease)).await? {
        return Ok(Over::Finished(finish.status));
    }
    held.refused("run outcome").await;
    Err(Halt::Lost)
}
