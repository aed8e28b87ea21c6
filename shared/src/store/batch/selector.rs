//! Which resources a batch is for: `type=postgres,provider=database-team@1,env=prod,tier!=dev`.

use semver::VersionReq;
use uuid::Uuid;

use crate::{
    domain::{ids::ResourceId, resource::ResourceState},
    formats::registry::parse_pin,
    store::labels::LabelSelector,
};

/// Bytes that a selector may have.
const LONGEST: usize = 4096;

/// A provider, in the versions that made resources.
#[derive(Clone, Debug, PartialEq)]
pub struct ProviderTerm {
    /// Its name.
    pub name: String,
    /// The versions; none: all.
    pub versions: Option<VersionReq>,
}

/// Which resources. What is not set does not restrict; of several values of one key, any will do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selector {
    /// Of these types.
    pub types: Vec<String>,
    /// Of these classes.
    pub classes: Vec<String>,
    /// Made by these providers.
    pub providers: Vec<ProviderTerm>,
    /// Of applications of these teams.
    pub teams: Vec<String>,
    /// In these environments.
    pub environments: Vec<String>,
    /// Of applications of these names.
    pub applications: Vec<String>,
    /// In these states.
    pub states: Vec<ResourceState>,
    /// These themselves.
    pub resources: Vec<ResourceId>,
    /// Those that this batch could not do.
    pub failed_in: Option<Uuid>,
    /// With these labels.
    pub labels: LabelSelector,
}

/// A selector that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("select: {0}")]
pub struct InvalidSelector(String);

impl std::str::FromStr for Selector {
    type Err = InvalidSelector;

    fn from_str(text: &str) -> Result<Self, InvalidSelector> {
        if text.len() > LONGEST {
            return Err(InvalidSelector(format!("at most {LONGEST} characters")));
        }
        let mut selector = Self::default();
        let mut labels = Vec::new();
        for term in text.split(',').map(str::trim) {
            if term.is_empty() {
                return Err(InvalidSelector(
                    "a term is missing; write key=value, separated by commas, as 'type=postgres,provider=database-team@1,env=prod'; \
                     '*' for every resource there is"
                        .into(),
                ));
            }
            if term == "*" {
                continue;
            }
            match term.split_once('=') {
                Some((key, values)) if !key.ends_with('!') => {
                    if !selector.field(key.trim(), values.trim_start_matches('='))? {
                        labels.push(term);
                    }
                }
                _ => labels.push(term),
            }
        }
        if !labels.is_empty() {
            selector.labels = labels
                .join(",")
                .parse()
                .map_err(|error: crate::store::labels::InvalidSelector| InvalidSelector(error.to_string()))?;
        }
        Ok(selector)
    }
}

impl Selector {
    /// Takes a term of a field's; false: it is of no field.
    fn field(&mut self, key: &str, values: &str) -> Result<bool, InvalidSelector> {
        let split: Vec<&str> = values.split('|').map(str::trim).collect();
        let of_field = [
            "type",
            "class",
            "provider",
            "team",
            "env",
            "environment",
            "application",
            "state",
            "resource",
            "failed-in",
        ];
        if !of_field.contains(&key) {
            return Ok(false);
        }
        if split.iter().any(|value| value.is_empty()) {
            return Err(InvalidSelector(format!("{key}: a value is missing; several are separated by '|'")));
        }
        let texts = || split.iter().map(ToString::to_string);
        let wrong = |value: &str, what: &str| {
            InvalidSelector(format!("{key}: '{}' {what}", value.chars().take(64).collect::<String>()))
        };
        match key {
            "type" => self.types.extend(texts()),
            "class" => self.classes.extend(texts()),
            "team" => self.teams.extend(texts()),
            "env" | "environment" => self.environments.extend(texts()),
            "application" => self.applications.extend(texts()),
            "provider" => {
                for value in split {
                    let (name, versions) = match value.split_once('@') {
                        None => (value, None),
                        Some((name, version)) => {
                            let versions = parse_pin(version).map_err(|error| wrong(value, &format!("({error})")))?;
                            (name, Some(versions))
                        }
                    };
                    self.providers.push(ProviderTerm { name: name.to_owned(), versions });
                }
            }
            "state" => {
                for value in split {
                    self.states.push(value.parse().map_err(|error| InvalidSelector(format!("state: {error}")))?);
                }
            }
            "resource" => {
                for value in split {
                    self.resources.push(value.parse().map_err(|_| wrong(value, "is no id"))?);
                }
            }
            _ => self.failed_in = Some(values.trim().parse().map_err(|_| wrong(values, "is no batch's id"))?),
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_knows_its_fields_and_takes_the_rest_for_labels() {
        let selector: Selector =
            "type=postgres|mysql, provider=database-team@1,env=prod,tier!=dev,owner,state=active".parse().unwrap();
        assert_eq!(selector.types, ["postgres", "mysql"]);
        assert_eq!(selector.environments, ["prod"]);
        assert_eq!(selector.states, [ResourceState::Active]);
        assert_eq!(selector.providers[0].name, "database-team");
        let range = selector.providers[0].versions.clone().unwrap();
        assert!(range.matches(&"1.9.3".parse().unwrap()) && !range.matches(&"2.0.0".parse().unwrap()));
        assert_eq!((selector.labels.unequal.len(), selector.labels.present.len()), (1, 1));
        assert_eq!("*".parse::<Selector>().unwrap(), Selector::default());
    }

    #[test]
    fn what_cannot_be_read_is_said_with_its_key() {
        for (text, told) in [
            ("", "a term is missing"),
            ("type=", "type: a value is missing"),
            ("state=fine", "state: 'fine' is not one of"),
            ("provider=db@one", "provider: 'db@one'"),
            ("resource=7", "resource: '7' is no id"),
            ("a b=c", "is not a label selector"),
        ] {
            let error = text.parse::<Selector>().unwrap_err().to_string();
            assert!(error.starts_with("select: ") && error.contains(told), "{text}: {error}");
        }
    }
}
