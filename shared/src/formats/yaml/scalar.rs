//! What a plain scalar means (the core schema of YAML 1.2), and JSON's way to write what is outside the first plane.

use serde_json::{Number, Value};

/// The value of a plain scalar; an error says why JSON cannot hold it.
pub(super) fn plain(text: &str) -> Result<Value, &'static str> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        _ => {}
    }
    let first = text.as_bytes()[0];
    if !(first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.')) || text.len() > 400 {
        return Ok(Value::String(text.to_owned()));
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Err("a number must be finite");
    }
    if let Some(number) = integer(text) {
        return number.map(Value::Number);
    }
    if is_float(unsigned) {
        return text.parse::<f64>().ok().and_then(Number::from_f64).map(Value::Number).ok_or("a number must be finite");
    }
    Ok(Value::String(text.to_owned()))
}

/// `None`: no integer. An integer beyond 64 bits is refused: as a float it would silently become another number.
fn integer(text: &str) -> Option<Result<Number, &'static str>> {
    const TOO_LARGE: &str = "an integer must fit in 64 bits; quote it to keep its digits";
    let radix = |digits: &str, radix| {
        (!digits.is_empty() && digits.chars().all(|c| c.is_digit(radix)))
            .then(|| u64::from_str_radix(digits, radix).map(Number::from).map_err(|_| TOO_LARGE))
    };
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(if text.starts_with('-') {
        text.parse::<i64>().map(Number::from).map_err(|_| TOO_LARGE)
    } else {
        digits.parse::<u64>().map(Number::from).map_err(|_| TOO_LARGE)
    })
}

/// Digits with a point or an exponent, as in `1.5`, `.5`, `1e3`.
fn is_float(unsigned: &str) -> bool {
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    digits(whole)
        && digits(part)
        && !(whole.is_empty() && part.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
}

/// JSON writes a character outside the first plane as two `\u` escapes; YAML as one `\U`.
pub(super) fn join_surrogates(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        joined.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(c) = surrogate_pair(rest) {
            joined.push_str(&format!("\\U{:08X}", u32::from(c)));
            rest = &rest[12..];
        } else {
            // The escape and what it escapes, so that the second of two backslashes begins nothing.
            let end = rest.char_indices().nth(2).map_or(rest.len(), |(end, _)| end);
            joined.push_str(&rest[..end]);
            rest = &rest[end..];
        }
    }
    joined.push_str(rest);
    joined
}

fn surrogate_pair(text: &str) -> Option<char> {
    let unit = |text: &str| u16::from_str_radix(text.get(..4)?, 16).ok();
    let high = unit(text.strip_prefix("\\u")?)?;
    let low = unit(text.get(6..)?.strip_prefix("\\u")?)?;
    char::decode_utf16([high, low]).next()?.ok().filter(|c| c.len_utf16() == 2)
}
