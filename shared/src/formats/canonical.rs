//! One text for each value, so that equal values have equal digests.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// JSON without white space and with sorted keys.
#[must_use]
pub fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

/// SHA-256 of [`canonical`].
#[must_use]
pub fn digest(value: &Value) -> [u8; 32] {
    Sha256::digest(canonical(value).as_bytes()).into()
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|a, b| a.0.cmp(b.0));
            text.push('{');
            for (index, (key, value)) in entries.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                text.push_str(&Value::String(key.clone()).to_string());
                text.push(':');
                write(value, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_keys_does_not_change_the_text() {
        let one = canonical(&json!({"b": [1, {"y": null, "x": "\u{e9}\n"}], "a": true}));
        let two = canonical(&json!({"a": true, "b": [1, {"x": "\u{e9}\n", "y": null}]}));
        assert_eq!(one, two);
        assert_eq!(one, r#"{"a":true,"b":[1,{"x":"é\n","y":null}]}"#);
    }
}
