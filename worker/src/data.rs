//! What templates and conditions see: `.parameters`, `.steps`, `.variables`, `.settings`, `.run`, and in a loop `.item` and `.index`.

use serde_json::{Map, Value, json};
use shared::{
    domain::step::StepStatus,
    secrets::token::{self, Part, Token},
    store::lease::Claimed,
};

use crate::contract::secret_path;

/// What does not change while a run is driven.
#[derive(Clone, Debug)]
pub struct RunData {
    parameters: Value,
    settings: Value,
    run: Value,
    /// `.variables` before any step has set one.
    variables: Map<String, Value>,
}

impl RunData {
    /// Of a run as it was claimed.
    #[must_use]
    pub fn of(claimed: &Claimed, settings: &Map<String, Value>) -> Self {
        Self {
            parameters: claimed.inputs.clone(),
            settings: Value::Object(settings.clone()),
            run: json!({
                "id": claimed.lease.run_id, "operation": claimed.operation, "kind": claimed.kind, "team": claimed.team,
                "application": claimed.application, "resource": claimed.resource,
                "secret_files": secret_files(&claimed.inputs),
            }),
            variables: Map::new(),
        }
    }

    /// With these variables to begin with.
    #[must_use]
    pub fn with_variables(mut self, variables: Map<String, Value>) -> Self {
        self.variables = variables;
        self
    }

    /// With another value of one parameter.
    #[must_use]
    pub fn with_parameter(mut self, name: &str, value: Value) -> Self {
        if let Value::Object(parameters) = &mut self.parameters {
            parameters.insert(name.to_owned(), value);
        }
        self
    }

    /// The whole, with the steps as they stand and what those before have set, the later ones last.
    #[must_use]
    pub fn context<'a>(
        &self,
        steps: impl Iterator<Item = (&'a str, StepStatus, &'a Value)>,
        set: impl Iterator<Item = &'a Value>,
    ) -> Map<String, Value> {
        let steps: Map<String, Value> = steps
            .map(|(name, status, outputs)| {
                let shown = json!({
                    "status": status, "success": status == StepStatus::Completed, "failed": status == StepStatus::Failed,
                    "skipped": status == StepStatus::Skipped, "output": outputs, "outputs": outputs,
                });
                (name.to_owned(), shown)
            })
            .collect();
        let mut variables = self.variables.clone();
        for set in set.filter_map(Value::as_object) {
            variables.extend(set.clone());
        }
        Map::from_iter([
            ("parameters".to_owned(), self.parameters.clone()),
            ("settings".to_owned(), self.settings.clone()),
            ("run".to_owned(), self.run.clone()),
            ("variables".to_owned(), Value::Object(variables)),
            ("steps".to_owned(), Value::Object(steps)),
        ])
    }
}

/// Where the secret is that a parameter is, for each that is one and nothing else.
fn secret_files(inputs: &Value) -> Map<String, Value> {
    let file = |(name, value): (&String, &Value)| {
        let mut parts = token::parts(value.as_str()?);
        match (parts.next()?, parts.next()) {
            (Part::Token(Token::Secret { name: secret }), None) => Some((name.clone(), secret_path(secret).into())),
            _ => None,
        }
    };
    inputs.as_object().into_iter().flatten().filter_map(file).collect()
}

/// Adds the element of a loop.
pub fn add_item(context: &mut Map<String, Value>, item: &Value, index: i32) {
    context.insert("item".to_owned(), item.clone());
    context.insert("index".to_owned(), Value::from(index));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_a_secret_is_told_for_a_parameter_that_is_one_and_nothing_else() {
        let inputs = json!({
            "password": token::of_secret("DB_PASSWORD", "t1"), "url": format!("x{}", token::of_secret("DB_PASSWORD", "t1")),
            "twice": token::of_secret("A", "t1") + &token::of_secret("B", "t1"), "plain": "text", "number": 3, "empty": "",
        });
        assert_eq!(Value::Object(secret_files(&inputs)), json!({"password": "/run/slipway/secrets/DB_PASSWORD"}));
    }
}
