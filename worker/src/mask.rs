//! Keeps secret values out of logs, messages and events.

use std::sync::RwLock;

/// Shorter values are not masked: they would blank out ordinary text.
const SHORTEST: usize = 4;
/// What stands in a secret's place.
const MASK: &str = "***";

/// The secret values of one run. Values are added as they become known; what was written before stays as it was.
#[derive(Default)]
pub struct Mask {
    /// Longest first, so that a secret which contains another is masked whole.
    values: RwLock<Vec<String>>,
}

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.values.read().map_or(0, |values| values.len());
        write!(f, "Mask({count} values)")
    }
}

impl Mask {
    /// Masks `secret` from now on, and each line of it: output comes line by line.
    pub fn add(&self, secret: &str) {
        let Ok(mut values) = self.values.write() else { return };
        for value in std::iter::once(secret).chain(secret.lines()).map(str::trim) {
            if value.len() >= SHORTEST && !values.iter().any(|known| known == value) {
                values.push(value.to_owned());
                // A value inside a JSON string looks different there.
                let quoted = serde_json::Value::from(value).to_string();
                let inner = &quoted[1..quoted.len() - 1];
                if inner != value {
                    values.push(inner.to_owned());
                }
            }
        }
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    }

    /// Masks every string inside a value.
    pub fn add_value(&self, value: &serde_json::Value) {
        match value {
            serde_json::Value::String(text) => self.add(text),
            serde_json::Value::Array(items) => items.iter().for_each(|item| self.add_value(item)),
            serde_json::Value::Object(map) => map.values().for_each(|item| self.add_value(item)),
            serde_json::Value::Number(number) => self.add(&number.to_string()),
            serde_json::Value::Bool(_) | serde_json::Value::Null => {}
        }
    }

    /// Whether any string inside a value holds a secret.
    #[must_use]
    pub fn hides(&self, value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::String(text) => {
                self.values.read().is_ok_and(|values| values.iter().any(|secret| text.contains(secret.as_str())))
            }
            serde_json::Value::Array(items) => items.iter().any(|item| self.hides(item)),
            serde_json::Value::Object(map) => map.values().any(|item| self.hides(item)),
            serde_json::Value::Number(_) | serde_json::Value::Bool(_) | serde_json::Value::Null => false,
        }
    }

    /// The text without secrets, without NUL, which Postgres cannot hold.
    #[must_use]
    pub fn clean(&self, text: &str) -> String {
        let mut cleaned = text.replace('\0', "\u{fffd}");
        if let Ok(values) = self.values.read() {
            for value in values.iter().filter(|value| cleaned.contains(value.as_str())).collect::<Vec<_>>() {
                cleaned = cleaned.replace(value.as_str(), MASK);
            }
        }
        cleaned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_of_several_lines_is_masked_line_by_line() {
        let mask = Mask::default();
        mask.add("-----BEGIN KEY-----\nabcdefgh\n-----END KEY-----\n");
        assert_eq!(mask.clean("read abcdefgh here"), "read *** here");
        assert_eq!(mask.clean("-----BEGIN KEY-----"), "***");
    }

    #[test]
    fn a_secret_that_contains_another_is_masked_whole() {
        let mask = Mask::default();
        mask.add("hunter2");
        mask.add("xxhunter2yy");
        assert_eq!(mask.clean("xxhunter2yy hunter2"), "*** ***");
    }

    #[test]
    fn a_short_value_is_left_alone_and_nul_is_replaced() {
        let mask = Mask::default();
        mask.add("a");
        assert_eq!(mask.clean("a\0b"), "a\u{fffd}b");
    }

    #[test]
    fn a_secret_is_masked_inside_json_too() {
        let mask = Mask::default();
        mask.add("pass\"word");
        assert_eq!(mask.clean(r#"{"p":"pass\"word"}"#), r#"{"p":"***"}"#);
    }
}
