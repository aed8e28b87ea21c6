//! What the run for a resource is given. No I/O.

use serde_json::{Map, Value};

use crate::{
    domain::run::error_code,
    formats::{placeholder, registry::Planned, workflow},
    secrets::token,
    store::resource::{self, Unresolved},
};

/// What a run is given.
#[derive(Clone, Debug, PartialEq)]
pub struct Inputs {
    /// The parameters of its workflow.
    pub inputs: Map<String, Value>,
    /// The params of the resource, with everything filled in that they name.
    pub resolved: Value,
}

/// The params of a resource with placeholders filled in.
///
/// # Errors
/// A code, and why they cannot be.
pub fn resolve(resource: &Unresolved) -> Result<Value, (&'static str, String)> {
    placeholder::resolve(&resource.params, &|reference| match reference {
        placeholder::Reference::Metadata(path) => placeholder::lookup(&resource.metadata, path).cloned(),
        placeholder::Reference::Resource { name, path } => {
            resource.dependencies.get(name).and_then(|outputs| placeholder::lookup(outputs, path)).cloned()
        }
        placeholder::Reference::Secret(name) => token::fill(&resource.secrets, name),
    })
    .map_err(|unresolved| (error_code::UNRESOLVED_PLACEHOLDER, unresolved.to_string()))
}

/// What a run by this plan is given.
///
/// # Errors
/// A code, and what does not fit its parameters.
pub fn complete(planned: &Planned, resource: &Unresolved, resolved: Value) -> Result<Inputs, (&'static str, String)> {
    let inputs = resource::inputs(&resolved, &resource.application, &resource.name, &resource.kind);
    let inputs = workflow::check_inputs(&planned.parameters, &inputs, workflow::Unknown::Keep).map_err(|problems| {
        let list = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        (error_code::INVALID_INPUTS, list)
    })?;
    Ok(Inputs { inputs, resolved })
}
