//! Between JSON and the values of gtmpl.

use gtmpl_ng::{Number, NumberKind, Value as Go};
use serde_json::{Map, Value};

pub(super) fn to_go(value: &Value) -> Go {
    match value {
        Value::Null => Go::Nil,
        Value::Bool(value) => Go::Bool(*value),
        Value::String(value) => Go::String(value.clone()),
        Value::Array(values) => Go::Array(values.iter().map(to_go).collect()),
        Value::Object(fields) => Go::Map(fields.iter().map(|(name, value)| (name.clone(), to_go(value))).collect()),
        Value::Number(number) => Go::Number(if let Some(number) = number.as_i64() {
            Number::signed(number)
        } else if let Some(number) = number.as_u64() {
            Number::unsigned(number)
        } else {
            Number::float(number.as_f64().unwrap_or(f64::NAN))
        }),
    }
}

/// Keys of maps come out sorted, as Go writes them.
pub(super) fn to_json(value: &Go) -> Value {
    match value {
        Go::NoValue | Go::Nil | Go::Function(_) => Value::Null,
        Go::Bool(value) => Value::Bool(*value),
        Go::String(value) => Value::String(value.clone()),
        Go::Array(values) => Value::Array(values.iter().map(to_json).collect()),
        Go::Object(fields) | Go::Map(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort_unstable();
            let fields = names.into_iter().filter_map(|name| Some((name.clone(), to_json(fields.get(name)?))));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Go::Number(number) => match number.kind() {
            NumberKind::Unsigned(number) => number.into(),
            NumberKind::Signed(number) => number.into(),
            NumberKind::Float(number) => number.into(),
        },
    }
}
