//! What was found, as outputs and as lines for people.

use std::{fs, path::PathBuf};

use anyhow::Context as _;
use serde_json::{Map, Value, json};

/// Messages that are reported; more are counted.
const MOST: usize = 100;
/// Characters of one message.
const LONGEST: usize = 500;
/// Bytes of JSON that a result may take among the outputs.
const RESULT: usize = 32 * 1024;

/// The outcome of looking at the rules.
#[derive(Debug, PartialEq)]
pub(crate) struct Finding {
    /// Whether the rules are kept.
    pub(crate) kept: bool,
    /// What they object to.
    pub(crate) messages: Vec<String>,
    /// What the rules gave, where there is more than yes or no.
    pub(crate) result: Option<Value>,
    /// Whether a breach fails the step.
    pub(crate) enforce: bool,
    /// What the rules printed.
    pub(crate) printed: Vec<String>,
}

impl Finding {
    /// The step's outputs.
    fn outputs(&self, kind: &str) -> Map<String, Value> {
        let (verdict, list) = if kind == "policy" { ("allowed", "messages") } else { ("valid", "problems") };
        let messages: Vec<String> = self.messages.iter().take(MOST).map(|message| short(message)).collect();
        let mut outputs = Map::new();
        outputs.insert(verdict.into(), self.kept.into());
        outputs.insert(list.into(), messages.into());
        if let Some(result) = &self.result {
            let large = result.to_string().len() > RESULT;
            outputs.insert("result".into(), if large { json!("(too large to be kept)") } else { result.clone() });
        }
        outputs
    }

    /// Writes the outputs, prints every message, and gives the exit code. The last line says all that fits into one: it is
    /// what the run's error shows.
    ///
    /// # Errors
    /// When the outputs cannot be written.
    pub(crate) fn report(&self, kind: &str) -> anyhow::Result<u8> {
        if let Some(path) = std::env::var_os("SLIPWAY_OUTPUT").map(PathBuf::from) {
            let text = Value::Object(self.outputs(kind)).to_string();
            fs::write(&path, text).with_context(|| path.display().to_string())?;
        }
        for line in &self.printed {
            println!("| {line}");
        }
        for message in self.messages.iter().take(MOST) {
            println!("- {}", short(message));
        }
        if self.messages.len() > MOST {
            println!("- and {} more", self.messages.len() - MOST);
        }
        println!("{}", self.summary(kind));
        Ok(u8::from(self.enforce && !self.kept))
    }

    fn summary(&self, kind: &str) -> String {
        match (kind, self.kept) {
            ("policy", true) => "allowed by the policy".to_owned(),
            ("policy", false) => format!("denied by the policy: {}", self.messages.join("; ")),
            (_, true) => "the values are valid".to_owned(),
            (_, false) => format!("{} problem(s): {}", self.messages.len(), self.messages.join("; ")),
        }
    }
}

fn short(message: &str) -> String {
    // A message is one line: what follows a line break could pass for something else in the log.
    message.replace(['\n', '\r'], " ").chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_that_is_too_large_is_left_out_of_the_outputs() {
        let mut finding = Finding {
            kept: true,
            messages: vec!["a\nb".into()],
            result: Some(json!(["x"])),
            enforce: true,
            printed: vec![],
        };
        assert_eq!(
            Value::from(finding.outputs("policy")),
            json!({"allowed": true, "messages": ["a b"], "result": ["x"]})
        );
        finding.result = Some(Value::from("x".repeat(RESULT)));
        assert_eq!(finding.outputs("policy")["result"], "(too large to be kept)");
    }
}
