//! A run, loaded.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value};
use shared::{
    domain::{
        plan::Plan,
        run::{RunKind, error_code},
        step::StepStatus,
    },
    formats::workflow::defaults_to_render,
    store::{
        lease::{self, Claimed},
        run::Finish,
    },
};
use tokio::time::Instant;

use super::{Over, course::Course, end, rows::Rows};
use crate::{
    allowance::Allowance,
    attempt::{RunScope, image},
    container::Setback,
    context::Context,
    contract,
    data::RunData,
    engine::Engine,
    graph::Graph,
    held::{Halt, Held},
    logs::RunLog,
    mask::Mask,
    preview,
    render::RenderRequest,
    rescue,
    run_services::Services,
    workspace::{self, Place, Workspace},
};

/// Loads what the run is, takes over from an earlier worker, and drives.
pub(super) async fn begin<E: Engine>(
    worker: &Arc<Context<E>>,
    held: &Arc<Held>,
    mut claimed: Claimed,
) -> Result<Over, Halt> {
    let (store, run) = (&worker.store, claimed.lease.run_id);
    if let Some(why) = &claimed.cancel {
        held.cancel(why.clone());
    }
    let plan = held.attempt(|| worker.plan(&claimed.plan_digest)).await?;
    let steps = match claimed.steps.take() {
        Some(steps) => steps,
        None => held.attempt(|| lease::steps(store.pool(), held.lease, None)).await?,
    };
    let refused = |why: String| Finish::failed(error_code::INVALID_PLAN, why);
    let graph = match Graph::of(&plan) {
        Ok(graph) => graph,
        Err(error) => return end(worker, held, &refused(error.to_string())).await,
    };
    let data = match initial_data(worker, &claimed, &plan).await {
        Ok(data) => data,
        Err(Setback::Failed(failure)) => {
            return end(worker, held, &Finish::failed(failure.code, failure.message)).await;
        }
        Err(Setback::Passing(why)) => return Err(Halt::Unfit(why)),
        Err(Setback::Halt(halt)) => return Err(halt),
    };
    if claimed.kind == RunKind::Preview {
        let finish = match held.cancelled.is_cancelled() {
            true => Finish::cancelled(held.cancel_reason(), "system"),
            false => Finish::completed(preview::preview(worker, &claimed, &plan, &graph, &data).await?, Vec::new()),
        };
        return end(worker, held, &finish).await;
    }
    let mask = Arc::new(Mask::default());
    let Some(mut rows) = Rows::of(&plan) else {
        return end(worker, held, &refused("the plan has two steps of one name".to_owned())).await;
    };
    let allowance = Allowance::default();
    rows.absorb(steps, &mask, &allowance);
    if let Some(missing) = rows.missing(&plan) {
        return end(worker, held, &refused(format!("the run has no step {missing}, which its plan has"))).await;
    }
    let begun = rows.all().iter().any(|row| row.step.tries > 0);
    let images =
        if begun { held.attempt(|| image::Kept::load(store, held.lease)).await? } else { image::Kept::default() };
    // A past deadline is one that has just come: what is left is what may run after it.
    let now = Instant::now();
    let remaining = Duration::try_from_secs_f64(claimed.remaining_s.abs()).unwrap_or_default();
    let deadline = if claimed.remaining_s < 0.0 { now.checked_sub(remaining).unwrap_or(now) } else { now + remaining };
    let scope = RunScope {
        worker: Arc::clone(worker),
        held: Arc::clone(held),
        workspace: Workspace::new(
            Arc::clone(&worker.engine),
            worker.archive.clone(),
            &worker.config.instance.0,
            run,
            worker.config.worker.max_workspace_bytes,
            workspace::recorded(claimed.checkpoint.as_ref()),
            claimed.resource_id.is_some(),
        ),
        log: RunLog::open(
            store.clone(),
            Arc::clone(held),
            worker.live.clone(),
            Arc::clone(&mask),
            claimed.log_cursor,
            worker.config.worker.max_log_bytes,
        ),
        mask,
        allowance,
        images,
        services: Services::new(&plan.services, data.context(std::iter::empty(), std::iter::empty())),
        deadline,
        stop: worker.stopping.child_token(),
        claimed,
    };
    // A run that nobody began has nothing anywhere.
    if begun && let Some(failure) = rescue::take_over(&scope, &plan).await? {
        return end(worker, held, &Finish::failed(failure.code, failure.message)).await;
    }
    let in_order = graph.order().iter().map(|&at| rows.row(rows.main(at)));
    scope.workspace.add_older(in_order.filter_map(|row| workspace::recorded(row.step.checkpoint.as_ref()))).await;
    for row in rows.all().iter().filter(|row| row.step.status == StepStatus::Completed) {
        if graph.place(row.at) == Place::Beside
            && let Some(checkpoint) = workspace::recorded(row.step.checkpoint.as_ref())
        {
            scope.workspace.add_beside(&row.step.name, checkpoint).await;
        }
    }
    let over = Course::new(&scope, &plan, &graph, rows, data).run().await;
    scope.services.end_all().await;
    over
}

/// What templates see before any step has run: defaults that are made of other parameters, and the plan's own variables,
/// filled in.
async fn initial_data<E: Engine>(worker: &Arc<Context<E>>, claimed: &Claimed, plan: &Plan) -> Result<RunData, Setback> {
    let mut data = RunData::of(claimed, &plan.settings);
    let render = async |data: &RunData, values: Map<String, Value>, what: &str| {
        let context = data.context(std::iter::empty(), std::iter::empty());
        let request = RenderRequest { context, values, ..RenderRequest::default() };
        let rendered = worker.renderer.render(request).await.map_err(|error| contract::setback(what, &error))?;
        Ok::<_, Setback>(rendered.values)
    };
    let inputs = claimed.inputs.as_object().cloned().unwrap_or_default();
    // One after the other: a default may be made of one before it.
    for name in defaults_to_render(&plan.parameters, &inputs) {
        let Some(default) = inputs.get(&name) else { continue };
        let values = Map::from_iter([(name.clone(), default.clone())]);
        let rendered = render(&data, values, "a parameter's default").await?;
        for (name, value) in rendered {
            data = data.with_parameter(&name, value);
        }
    }
    if plan.variables.is_empty() {
        return Ok(data);
    }
    let values: Map<String, Value> = plan.variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let variables = render(&data, values, "the workflow's variables").await?;
    Ok(data.with_variables(variables))
}
