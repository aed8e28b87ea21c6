//! Conditions of steps: one CEL expression each, whatever dialect its file is written in.
//!
//! An expression sees `parameters`, `steps`, `variables`, `settings`, `run` and, in a loop, `item` and `index`. Beside the
//! standard functions of CEL there are a few that make up for values without a type ([`functions`]). What an
//! expression may cost is bounded by its size and shape ([`expression`]), before it meets any value.

mod emit;
mod expression;
mod functions;
mod go;
mod older;

use cel::{Context, Env, ExecutionError, Value as Cel};
use serde_json::{Map, Value};
use std::sync::{Arc, LazyLock};

pub(crate) use expression::Named;
pub use expression::{MAX_BYTES, Mistake, ROOTS};
pub(crate) use older::{Meaning, Names, translate};

static STANDARD: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// What a condition gives over `context`, whose keys are the variables that it sees.
///
/// Meant for a process under limits: a condition is small, but what it looks at may be large.
///
/// # Errors
/// The expression is not well-formed, names what does not exist, compares what cannot be compared, or gives neither true
/// nor false. The text is for its author.
pub fn evaluate(cel: &str, context: &Map<String, Value>) -> Result<bool, String> {
    let expression = expression::parse(cel).map_err(|mistake| mistake.to_string())?;
    let mut scope = Context::with_env(Arc::clone(&STANDARD));
    functions::declare(&mut scope).map_err(|error| error.to_string())?;
    for name in expression.references().variables() {
        if let Some(value) = context.get(name) {
            scope.add_variable_from_value(name, functions::to_cel(value));
        }
    }
    match Cel::resolve(&expression, &scope) {
        Ok(Cel::Bool(value)) => Ok(value),
        Ok(other) => Err(format!("the condition gives {}, not true or false", functions::described(&other))),
        Err(error) => Err(told(&error)),
    }
}

/// Reads a CEL expression and tells what it names.
///
/// # Errors
/// It is not well-formed, or beyond the bounds.
pub(crate) fn check(cel: &str) -> Result<Named, Mistake> {
    expression::parse(cel).map(|expression| expression::named(&expression))
}

/// The engine's errors print whole values; an author needs to know what is missing or of the wrong kind.
fn told(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(name) => format!("the condition asks for '{name}', which does not exist"),
        ExecutionError::UndeclaredReference(name) => format!("the condition uses '{name}', which is not known here"),
        ExecutionError::ValuesNotComparable(a, b) | ExecutionError::UnsupportedBinaryOperator(_, a, b) => {
            format!("the condition compares {} with {}", functions::described(a), functions::described(b))
        }
        ExecutionError::NoSuchOverload(overload) => {
            let kinds = overload.argument_types().join(", ");
            format!("the condition uses {} with ({kinds}), which it cannot", expression::shown(overload.function()))
        }
        ExecutionError::FunctionError { function, message } => format!("{function}: {message}"),
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            "the condition divides by zero".to_owned()
        }
        other => super::problem::short(&other.to_string()),
    }
}

#[cfg(test)]
mod tests;
