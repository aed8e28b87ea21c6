//! Advance: runs that waited for other resources or for time go on.

use serde_json::{Map, Value};
use shared::{
    domain::run::{Operation, error_code},
    formats::{placeholder, workflow},
    secrets::token,
    store::{
        StoreError,
        advance::{self, Waiting},
        rescue, resource,
    },
};

use super::{BATCH, Pass, Scheduler};

pub(super) async fn run(scheduler: &Scheduler) -> anyhow::Result<Pass> {
    let resumed = rescue::resume(scheduler.store.pool(), BATCH).await?;
    let mut tx = scheduler.store.begin().await?;
    let ready = advance::lock_ready(&mut tx, BATCH).await?;
    for waiting in &ready {
        if waiting.unwanted {
            advance::cancel(&mut tx, waiting.run_id).await?;
            continue;
        }
        match inputs(waiting) {
            Ok(given) => advance::release(&mut tx, waiting, &given.inputs, &given.resolved).await?,
            Err((code, message)) => advance::fail(&mut tx, waiting.run_id, code, &message).await?,
        }
    }
    tx.commit().await.map_err(StoreError::from)?;
    Ok(Pass::of(ready.len() + usize::try_from(resumed).unwrap_or(usize::MAX)))
}

/// What a run that waited is given.
struct Given {
    inputs: Map<String, Value>,
    resolved: Value,
}

/// The inputs and the resolved params, or the code and the message of what is wrong with them.
fn inputs(waiting: &Waiting) -> Result<Given, (&'static str, String)> {
    // What is removed is named as it was made: by the params its last run saw, whatever the others have become since.
    let resolved = match (&waiting.resolved_params, waiting.operation) {
        (Some(resolved), Operation::Delete) => resolved.clone(),
        _ => placeholder::resolve(&waiting.params, &|reference| match reference {
            placeholder::Reference::Metadata(path) => placeholder::lookup(&waiting.metadata, path).cloned(),
            placeholder::Reference::Resource { name, path } => {
                waiting.dependencies.get(name).and_then(|outputs| placeholder::lookup(outputs, path)).cloned()
            }
            placeholder::Reference::Secret(name) => token::fill(&waiting.secrets, name),
        })
        .map_err(|unresolved| (error_code::UNRESOLVED_PLACEHOLDER, unresolved.to_string()))?,
    };
    let inputs = resource::inputs(&resolved, &waiting.application, &waiting.name, &waiting.kind);
    let parameters: Vec<workflow::Parameter> = serde_json::from_value(waiting.parameters.clone()).map_err(|error| {
        (error_code::INVALID_PLAN, format!("the parameters of its workflow cannot be read: {error}"))
    })?;
    let inputs = workflow::check_inputs(&parameters, &inputs, workflow::Unknown::Keep).map_err(|problems| {
        (error_code::INVALID_INPUTS, problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    })?;
    Ok(Given { inputs, resolved })
}
