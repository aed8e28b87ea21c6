//! `30s`, `5m`, `1h30m`, or a number of seconds.

use serde_json::Value;

/// Seconds, at least 0 and finite.
#[must_use]
pub fn seconds(value: &Value) -> Option<f64> {
    let text = match value {
        Value::Number(number) => return number.as_f64().and_then(plain),
        Value::String(text) => text.trim(),
        _ => return None,
    };
    if let Ok(seconds) = text.parse::<f64>() {
        return plain(seconds);
    }
    let (mut total, mut rest) = (0.0, text);
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let unit = rest[number..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |end| number + end);
        let factor = match &rest[number..unit] {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        total += rest[..number].parse::<f64>().ok()? * factor;
        rest = &rest[unit..];
    }
    (!text.is_empty() && total.is_finite()).then_some(total)
}

/// Neither negative, nor endless; a negative zero is zero.
fn plain(seconds: f64) -> Option<f64> {
    (seconds.is_finite() && seconds >= 0.0).then_some(seconds.abs())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (written, expected) in [
            (json!("30s"), 30.0),
            (json!("5m"), 300.0),
            (json!("1h30m"), 5400.0),
            (json!(7), 7.0),
            (json!("250ms"), 0.25),
        ] {
            assert_eq!(seconds(&written), Some(expected), "{written}");
        }
        for written in [
            json!("soon"),
            json!("5 apples"),
            json!(""),
            json!(-1),
            json!("-5s"),
            json!("m"),
            json!(true),
            json!("inf"),
        ] {
            assert_eq!(seconds(&written), None, "{written}");
        }
    }
}
