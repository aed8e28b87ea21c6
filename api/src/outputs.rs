//! Sensitive values are shown as stars unless someone asks to see them.

use serde_json::Value;
use shared::secrets::token;

const STARS: &str = "***";

/// The outputs with the values of sensitive names replaced.
pub(crate) fn masked(mut outputs: Value, is_sensitive: impl Fn(&str) -> bool) -> Value {
    if let Some(members) = outputs.as_object_mut() {
        for (_, value) in members.iter_mut().filter(|(name, _)| is_sensitive(name)) {
            *value = Value::String(STARS.into());
        }
    }
    token::masked(outputs)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_sensitive_values_are_hidden_whatever_they_are() {
        let shown = masked(json!({"password": {"deep": "x"}, "host": "db"}), |name| name == "password");
        assert_eq!(shown, json!({"password": "***", "host": "db"}));
    }
}
