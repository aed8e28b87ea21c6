//! What a step's own definition makes of what it was given: `outputs` and `setVariables`.

use serde_json::{Map, Value};
use shared::domain::{ids::StepId, plan::PlannedStep};

use super::RunScope;
use crate::{
    allowance::left,
    container::Setback,
    contract::{self, Failure},
    engine::Engine,
    outputs,
    render::RenderRequest,
    sealing,
};

/// What a step leaves for others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Derived {
    /// By name.
    pub outputs: Map<String, Value>,
    /// Names among the outputs that are masked.
    pub sensitive: Vec<String>,
    /// For the steps after it, by name.
    pub variables: Map<String, Value>,
}

/// Adds what the step's templates make of `given`, which they see as `.output`, and seals what is sensitive; whatever holds a
/// known secret is.
///
/// # Errors
/// When a template fails, it comes to too much, alone or with what the run's other steps left, or the key to seal with cannot be had.
pub async fn derive<E: Engine>(
    scope: &RunScope<E>,
    (id, step): (StepId, &PlannedStep),
    data: &Map<String, Value>,
    given: Derived,
) -> Result<Derived, Setback> {
    let Derived { mut outputs, mut sensitive, mut variables } = filled(scope, step, data, given).await?;
    sealing::seal(scope, &mut outputs, &mut sensitive).await?;
    sealing::seal(scope, &mut variables, &mut Vec::new()).await?;
    scope.allowance.take(id, left(&outputs, &variables)).map_err(Setback::Failed)?;
    Ok(Derived { outputs, sensitive, variables })
}

/// What the templates make of it, in plain.
async fn filled<E: Engine>(
    scope: &RunScope<E>,
    step: &PlannedStep,
    data: &Map<String, Value>,
    given: Derived,
) -> Result<Derived, Setback> {
    if step.outputs.is_empty() && step.set_variables.is_empty() {
        return Ok(given);
    }
    let mut context = sealing::open(scope, &step.name, data).await?.values.into_owned();
    let outputs = sealing::open(scope, &step.name, &given.outputs).await?.values.into_owned();
    let given = Derived { outputs, ..given };
    context.insert("output".to_owned(), Value::Object(given.outputs.clone()));
    let map = |values: &std::collections::BTreeMap<String, Value>| {
        Value::Object(values.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
    };
    let values = Map::from_iter([
        ("outputs".to_owned(), map(&step.outputs)),
        ("setVariables".to_owned(), map(&step.set_variables)),
    ]);
    let request = RenderRequest { context, values, ..RenderRequest::default() };
    let rendered = scope.worker.renderer.render(request).await;
    let mut rendered = rendered.map_err(|error| contract::setback(&format!("step {}", step.name), &error))?.values;
    let mut taken = |key: &str| match rendered.remove(key) {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    };
    let Derived { mut outputs, sensitive, mut variables } = given;
    outputs.extend(taken("outputs"));
    variables.extend(taken("setVariables"));
    let too_large = |what: &str, error: outputs::OutputsError| {
        Setback::Failed(Failure::plan(format!("step {}: {what}: {error}", step.name)))
    };
    Ok(Derived {
        outputs: outputs::storable(outputs).map_err(|error| too_large("outputs", error))?,
        variables: outputs::storable(variables).map_err(|error| too_large("setVariables", error))?,
        sensitive,
    })
}
