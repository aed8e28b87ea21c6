//! Label selectors as SQL takes them.

use serde_json::{Map, Value, json};

/// `team=a,tier!=dev,owner,!legacy`: every term must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelSelector {
    /// Labels it must have, with these values.
    pub equal: Map<String, Value>,
    /// Labels it must not have with these values; not having the label at all is fine.
    pub unequal: Vec<(String, String)>,
    /// Labels it must have.
    pub present: Vec<String>,
    /// Labels it must not have.
    pub absent: Vec<String>,
}

/// A term of a selector that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a label selector; write key=value, key!=value, key or !key, separated by commas")]
pub struct InvalidSelector(pub String);

impl std::str::FromStr for LabelSelector {
    type Err = InvalidSelector;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut selector = Self::default();
        for term in text.split(',').map(str::trim) {
            let invalid = || InvalidSelector(term.chars().take(64).collect());
            let key = |key: &str| {
                let key = key.trim();
                let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
                if plain { Ok(key.to_owned()) } else { Err(invalid()) }
            };
            if let Some((name, value)) = term.split_once("!=") {
                selector.unequal.push((key(name)?, value.trim().to_owned()));
            } else if let Some((name, value)) = term.split_once('=') {
                // `==` means the same; what follows is the value's own.
                let value = value.strip_prefix('=').unwrap_or(value).trim().to_owned();
                // Two different values at once hold for nothing: the second goes where it makes the selector empty.
                let (name, value) = (key(name)?, Value::String(value));
                if selector.equal.get(&name).is_some_and(|earlier| *earlier != value) {
                    selector.absent.push(name);
                } else {
                    selector.equal.insert(name, value);
                }
            } else if let Some(name) = term.strip_prefix('!') {
                selector.absent.push(key(name)?);
            } else {
                selector.present.push(key(term)?);
            }
        }
        Ok(selector)
    }
}

impl LabelSelector {
    /// For `labels @> $n`.
    pub(super) fn contained(&self) -> Value {
        Value::Object(self.equal.clone())
    }

    /// For `NOT labels @> ANY($n)`.
    pub(super) fn excluded(&self) -> Vec<Value> {
        self.unequal.iter().map(|(name, value)| json!({ name: value })).collect()
    }

    /// What `resource_ids` and `application_ids` read of it; what does not restrict is left out.
    pub(super) fn wanted(&self) -> Map<String, Value> {
        let members = [
            ("with", (!self.equal.is_empty()).then(|| self.contained())),
            ("without", (!self.unequal.is_empty()).then(|| Value::Array(self.excluded()))),
            ("present", (!self.present.is_empty()).then(|| json!(self.present))),
            ("absent", (!self.absent.is_empty()).then(|| json!(self.absent))),
        ];
        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_holds_its_terms_apart() {
        let selector: LabelSelector = "a=b, c!=d,e,!f".parse().unwrap();
        let wanted = json!({"with": {"a": "b"}, "without": [{"c": "d"}], "present": ["e"], "absent": ["f"]});
        assert_eq!(Value::Object(selector.wanted()), wanted);
        assert!(LabelSelector::default().wanted().is_empty());
    }

    #[test]
    fn a_term_without_a_key_is_refused() {
        assert!("=x".parse::<LabelSelector>().is_err());
        assert!("a b=c".parse::<LabelSelector>().is_err());
        assert!("a=b,".parse::<LabelSelector>().is_err());
    }
}
