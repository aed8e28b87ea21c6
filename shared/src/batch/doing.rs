//! What a batch does to one resource whose plan is known: the same for its preview and for its run. No I/O.

use serde_json::Value;

use crate::{
    domain::{
        batch::{BatchOperation, effective, overridden},
        change,
        resource::ResourceState,
        run::Operation,
    },
    formats::registry::Planned,
    inputs::{Inputs, complete, resolve},
    store::{batch::Batch, resource::Unresolved},
};

/// What is done to a resource.
#[derive(Clone, Debug, PartialEq)]
pub enum Doing {
    /// A run; none: what it is given is known only when other resources are as far.
    Run(Option<Inputs>),
    /// Nothing; why.
    Skip(String),
    /// It cannot be done; why.
    Fail(String),
}

/// What `batch` does to a resource by `planned`. `params` are as its spec has them, `overrides` what batches have set before.
#[must_use]
pub fn doing(
    batch: &Batch,
    operation: Operation,
    planned: &Planned,
    row: &Unresolved,
    params: &Value,
    overrides: &Value,
) -> Doing {
    match operation {
        // A delete always waits for `advance` to see that nothing rests on the resource any more.
        Operation::Delete => Doing::Run(None),
        Operation::Create if row.has_dependencies || row.has_predecessor => Doing::Run(None),
        Operation::Read => {
            let seen = row.applied_params.clone().unwrap_or_else(|| row.params.clone());
            match complete(planned, row, seen) {
                Ok(inputs) => Doing::Run(Some(inputs)),
                Err((_, why)) => Doing::Fail(why),
            }
        }
        Operation::Create | Operation::Update | Operation::Execute => {
            let wanted = wanted(batch, row, params, overrides);
            match resolve(&wanted).and_then(|resolved| complete(planned, &wanted, resolved)) {
                Err((_, why)) => Doing::Fail(format!("{why}. Nothing was changed")),
                Ok(inputs) if batch.operation == BatchOperation::Update && same(row, planned, &inputs) => {
                    Doing::Skip("it is as it should be already".to_owned())
                }
                Ok(inputs) => Doing::Run(Some(inputs)),
            }
        }
    }
}

/// What a run of which [`doing`] cannot say it yet is given, going by how others are now.
///
/// # Errors
/// Why that cannot be said, for people.
pub(super) fn foreseen(
    batch: &Batch,
    operation: Operation,
    planned: &Planned,
    row: &Unresolved,
    params: &Value,
    overrides: &Value,
) -> Result<Inputs, String> {
    let wanted = wanted(batch, row, params, overrides);
    // What is removed is named as it was made.
    let resolved = match (&row.resolved_params, operation) {
        (Some(resolved), Operation::Delete) => Ok(resolved.clone()),
        _ => resolve(&wanted),
    };
    resolved.and_then(|resolved| complete(planned, &wanted, resolved)).map_err(|(_, why)| why)
}

/// The resource with the params that it is to have.
fn wanted(batch: &Batch, row: &Unresolved, params: &Value, overrides: &Value) -> Unresolved {
    Unresolved { params: effective(params, &overridden(overrides, &batch.params)), ..row.clone() }
}

/// Whether a run would make nothing else of the resource than what it is.
fn same(row: &Unresolved, planned: &Planned, inputs: &Inputs) -> bool {
    let applied = row.applied_params.as_ref();
    let version = row.made_by.as_ref().map(|(_, version)| version.as_str());
    row.state == ResourceState::Active
        && !row.uncertain
        && version == Some(&planned.provider_version)
        && applied.is_some_and(|applied| change::between(applied, &inputs.resolved).is_empty())
}
