//! The Rego engine, as the rules use it.

use anyhow::Context as _;
use regorus::Engine;
use serde_json::Value;

/// What asking for a rule or a query gave.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    /// The policy has no such rule.
    NoRule,
    /// The rule is there and says nothing about this input.
    Undefined,
    /// A value.
    Value(Value),
}

/// Policies over one input.
pub(crate) struct Rego(Engine);

impl Rego {
    /// An engine that stops at a builtin's error, instead of taking it for "undefined": a rule that denies must not be
    /// silent because it stumbled.
    pub(crate) fn new(v0: bool) -> Self {
        let mut engine = Engine::new();
        engine.set_rego_v0(v0);
        engine.set_strict_builtin_errors(true);
        engine.set_gather_prints(true);
        Self(engine)
    }

    /// Adds a module and gives its package, like `data.deploy`.
    ///
    /// # Errors
    /// When it is no Rego; the message has line and column.
    pub(crate) fn module(&mut self, name: &str, text: &str) -> anyhow::Result<String> {
        self.0.add_policy(name.to_owned(), text.to_owned())
    }

    /// Adds what `data` holds beside the modules.
    ///
    /// # Errors
    /// When it is no object, or contradicts what is there.
    pub(crate) fn data(&mut self, data: &Value) -> anyhow::Result<()> {
        self.0.add_data_json(&data.to_string()).context("'data'")
    }

    /// Sets what `input` is.
    ///
    /// # Errors
    /// When the engine cannot hold it.
    pub(crate) fn input(&mut self, input: &Value) -> anyhow::Result<()> {
        self.0.set_input_json(&input.to_string()).context("'input'")
    }

    /// Asks a rule by its whole path.
    ///
    /// # Errors
    /// When its evaluation fails.
    pub(crate) fn rule(&mut self, path: &str) -> anyhow::Result<Answer> {
        match self.0.eval_rule(path.to_owned()) {
            Ok(value) => answer(&value),
            // The only word the engine has for a rule that is not there.
            Err(error) if error.to_string().contains("not a valid rule path") => Ok(Answer::NoRule),
            Err(error) => Err(error.context(path.to_owned())),
        }
    }

    /// Evaluates a query; with several results, their values are a list.
    ///
    /// # Errors
    /// When it is no Rego, or its evaluation fails.
    pub(crate) fn query(&mut self, query: &str) -> anyhow::Result<Answer> {
        let results = self.0.eval_query(query.to_owned(), false).with_context(|| format!("the query {query}"))?;
        // Of `x := input.a; x > 3` the last expression is the answer; one that is false ends the others.
        let values = results.result.iter().filter_map(|result| {
            let stopped = result.expressions.iter().find(|one| one.value == regorus::Value::Bool(false));
            stopped.or(result.expressions.last()).map(|one| &one.value)
        });
        let mut values: Vec<Answer> = values.map(answer).collect::<Result<_, _>>()?;
        if values.len() <= 1 {
            return Ok(values.pop().unwrap_or(Answer::Undefined));
        }
        let values = values.into_iter().filter_map(|value| match value {
            Answer::Value(value) => Some(value),
            Answer::NoRule | Answer::Undefined => None,
        });
        Ok(Answer::Value(values.collect()))
    }

    /// What the policies printed so far.
    pub(crate) fn printed(&mut self) -> Vec<String> {
        self.0.take_prints().unwrap_or_default()
    }
}

fn answer(value: &regorus::Value) -> anyhow::Result<Answer> {
    if *value == regorus::Value::Undefined {
        return Ok(Answer::Undefined);
    }
    // A set has no form in JSON; it becomes a list.
    Ok(Answer::Value(serde_json::from_str(&value.to_json_str()?)?))
}
