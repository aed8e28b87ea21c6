//! Several versions of one provider side by side: who is asked by default, by pin, and for what exists already.

use std::{collections::BTreeMap, fmt};

use semver::{Version, VersionReq};
use serde_json::Value;

use super::{PlanError, Planned, ProviderRecord, Registry, WorkflowRecord, load};
use crate::{domain::run::Operation, formats::problem::short};

/// The annotation of an application's spec that pins providers: `postgres=1.2.0, core=^1.4`.
pub const PINS_ANNOTATION: &str = "slipway.dev/providers";

/// A resource is worked on by another version of its provider than the one that made it, which is not loaded any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The provider's name.
    pub provider: String,
    /// The version that made it.
    pub from: String,
    /// The version that is used instead.
    pub to: String,
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provider, from, to } = self;
        write!(f, "{provider}@{from}, which made it, is not loaded any more; {provider}@{to} takes its place")
    }
}

/// Which versions a pin admits: a whole version is exactly that one; anything else is a range (`^1.2`, `1`, `>=1.2 <2`).
///
/// # Errors
/// When it is neither, in words for its author.
pub fn parse_pin(text: &str) -> Result<VersionReq, String> {
    let text = text.trim();
    let range = match Version::parse(text.strip_prefix('v').unwrap_or(text)) {
        Ok(version) => format!("={version}"),
        // Parts of a range stand side by side here, for commas part the pins of a list.
        Err(_) => text.split_whitespace().collect::<Vec<_>>().join(", "),
    };
    VersionReq::parse(&range)
        .map_err(|_| format!("'{}' is neither a version like '1.2.0' nor a range like '^1.2'", short(text)))
}

/// Reads [`PINS_ANNOTATION`]: provider → version or range.
///
/// # Errors
/// What is wrong with it, in words for its author.
pub fn parse_pins(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut pins = BTreeMap::new();
    for part in text.split([',', '\n']).map(str::trim).filter(|part| !part.is_empty()) {
        let Some((name, wanted)) = part.split_once('=').map(|(name, wanted)| (name.trim(), wanted.trim())) else {
            return Err(format!("'{}' is no pin; write provider=version", short(part)));
        };
        // `core>=1.2` splits at its own sign; so does `core==1.2`, which is harmless.
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
            return Err(format!("'{}' is no provider's name; write provider=version", short(name)));
        }
        parse_pin(wanted)?;
        if pins.insert(name.to_owned(), wanted.to_owned()).is_some() {
            return Err(format!("'{}' is pinned twice", short(name)));
        }
    }
    Ok(pins)
}

/// What the metadata of an application's spec pins. What cannot be read is refused when it is submitted; from before that,
/// it pins nothing.
#[must_use]
pub fn pins_in(metadata: &Value) -> BTreeMap<String, String> {
    let text = metadata.pointer("/annotations").and_then(|all| all.get(PINS_ANNOTATION)).and_then(Value::as_str);
    text.and_then(|text| parse_pins(text).ok()).unwrap_or_default()
}

/// Where versions come in the order of preference: releases before what precedes a release, then the higher.
pub(super) fn rank(version: &str) -> (bool, Option<Version>) {
    let version = Version::parse(version).ok();
    (version.as_ref().is_some_and(|version| version.pre.is_empty()), version)
}

/// The places of the records that serve by default: of each provider its highest version.
pub(super) fn defaults<'a>(named: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<usize> {
    let mut best: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    for (index, (name, version)) in named.enumerate() {
        let place = best.entry(name).or_insert((index, version));
        if rank(version) > rank(place.1) {
            *place = (index, version);
        }
    }
    let mut indices: Vec<usize> = best.into_values().map(|(index, _)| index).collect();
    indices.sort_unstable();
    indices
}

/// Whether what one version made may be looked after by the other: as semver's caret says.
fn compatible(made: &Version, other: &Version) -> bool {
    made.major == other.major && (made.major > 0 || made.minor == other.minor)
}

/// What a plan is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The resource's type, or another name of it.
    pub resource_type: &'a str,
    /// What is to be done.
    pub operation: Operation,
    /// What chooses among several workflows.
    pub tags: &'a [String],
    /// The workflow that the resource names, if it does; see [`Registry::plan_by`].
    pub workflow: Option<&'a str>,
    /// Provider → version or range, see [`parse_pin`]. A pin for a provider that is not loaded does not matter until it
    /// is needed.
    pub pins: &'a BTreeMap<String, String>,
    /// The provider and the version that made the resource, when it exists.
    pub made_by: Option<(&'a str, &'a str)>,
}

impl Registry {
    /// As [`Registry::plan`], with the providers in `pins` (name → version or range, see [`parse_pin`]) in the versions
    /// that these admit. A pin for a provider that is not loaded, and not needed, does not matter.
    ///
    /// # Errors
    /// See [`PlanError`].
    pub fn plan_pinned(
        &self,
        resource_type: &str,
        operation: Operation,
        tags: &[String],
        pins: &BTreeMap<String, String>,
    ) -> Result<Planned, PlanError> {
        let wanted = Wanted { resource_type, operation, tags, workflow: None, pins, made_by: None };
        self.plan_for(&wanted)
    }

    /// The workflow for an operation on a resource. A pin decides about its provider's version; else the version that made
    /// the resource is kept while it is loaded; else its newest compatible version takes its place, and the answer
    /// says so; what was never made gets the highest version. A delete by a workflow that the provider does not have is one
    /// by its tags: a slip of the pen in the spec is no reason to keep what should be gone.
    ///
    /// # Errors
    /// See [`PlanError`]; also when no version of the provider that made the resource may look after it.
    pub fn plan_for(&self, wanted: &Wanted<'_>) -> Result<Planned, PlanError> {
        match self.plan_as_written(wanted) {
            Err(PlanError::UnknownWorkflow { .. }) if wanted.operation == Operation::Delete => {
                self.plan_as_written(&Wanted { workflow: None, ..*wanted })
            }
            planned => planned,
        }
    }

    fn plan_as_written(&self, wanted: &Wanted<'_>) -> Result<Planned, PlanError> {
        let &Wanted { resource_type, operation, tags, workflow, pins, made_by } = wanted;
        let mut chosen: BTreeMap<&str, usize> = BTreeMap::new();
        for (name, wanted) in pins {
            let kept = made_by.filter(|(provider, _)| provider == name).map(|(_, version)| version);
            if let Some(index) = self.pinned(name, wanted, kept)? {
                chosen.insert(name, index);
            }
        }
        let mut moved = None;
        if let Some((provider, version)) = made_by
            && !chosen.contains_key(provider)
        {
            let (index, is_other) = self.successor(provider, version)?;
            moved = is_other.then(|| Moved {
                provider: provider.to_owned(),
                from: version.to_owned(),
                to: self.providers[index].version.clone(),
            });
            chosen.insert(provider, index);
        }
        if chosen.is_empty() {
            return self.plan_by(resource_type, operation, tags, workflow);
        }
        let by_default =
            self.defaults.iter().filter(|index| !chosen.contains_key(self.providers[**index].name.as_str()));
        // What was chosen comes last, and so wins where another provider serves the type too by now.
        let view = by_default.copied().chain(chosen.values().copied());
        let types = load::types(view.map(|index| (index, &self.providers[index])));
        let planned = self.plan_among(&types, resource_type, operation, tags, workflow)?;
        // An alias may have led to another provider by now.
        let moved = moved.filter(|moved| moved.provider == planned.provider);
        Ok(Planned { moved, ..planned })
    }

    /// Of each provider the version that serves by default.
    pub fn serving(&self) -> impl Iterator<Item = &ProviderRecord> {
        self.defaults.iter().map(|index| &self.providers[*index])
    }

    /// The loaded versions of a provider, best first.
    #[must_use]
    pub fn versions(&self, provider: &str) -> Vec<&str> {
        let of = self.providers.iter().filter(|record| record.name == provider);
        let mut versions: Vec<&str> = of.map(|record| record.version.as_str()).collect();
        versions.sort_by_key(|version| std::cmp::Reverse(rank(version)));
        versions
    }

    /// A provider in one version, or without one in that which serves by default.
    #[must_use]
    pub fn provider(&self, name: &str, version: Option<&str>) -> Option<&ProviderRecord> {
        match version {
            Some(version) => self.providers.iter().find(|record| record.name == name && record.version == version),
            None => self.serving().find(|record| record.name == name),
        }
    }

    /// A workflow of a provider in one version, or without one in that which serves by default.
    #[must_use]
    pub fn workflow_in(&self, provider: &str, version: Option<&str>, workflow: &str) -> Option<&WorkflowRecord> {
        self.provider(provider, version)?.workflows.iter().find(|record| record.name == workflow)
    }

    /// Whether this record is the one of its provider that serves by default.
    #[must_use]
    pub fn is_default(&self, provider: &str, version: &str) -> bool {
        self.provider(provider, None).is_some_and(|record| record.version == version)
    }

    /// The place of the version that a pin chooses: `kept` when it may be that one, else the best. None when the provider
    /// is not loaded at all.
    fn pinned(&self, name: &str, wanted: &str, kept: Option<&str>) -> Result<Option<usize>, PlanError> {
        let all = || self.providers.iter().enumerate().filter(|(_, record)| record.name == name);
        if all().next().is_none() {
            return Ok(None);
        }
        let refuse = || PlanError::NoVersion {
            provider: name.to_owned(),
            wanted: format!("{wanted} (pinned)"),
            loaded: self.versions(name).into_iter().map(str::to_owned).collect(),
        };
        let range = parse_pin(wanted).map_err(|_| refuse())?;
        let mut fitting: Vec<(usize, &str)> = all()
            .filter(|(_, record)| Version::parse(&record.version).is_ok_and(|version| range.matches(&version)))
            .map(|(index, record)| (index, record.version.as_str()))
            .collect();
        fitting.sort_by_key(|(_, version)| (kept != Some(*version), std::cmp::Reverse(rank(version))));
        fitting.first().map(|(index, _)| Some(*index)).ok_or_else(refuse)
    }

    /// The place of this version or, when it is not loaded, of the newest that may look after what it made; and whether
    /// it is another.
    fn successor(&self, name: &str, version: &str) -> Result<(usize, bool), PlanError> {
        let all = || self.providers.iter().enumerate().filter(|(_, record)| record.name == name);
        if let Some((index, _)) = all().find(|(_, record)| record.version == version) {
            return Ok((index, false));
        }
        let refuse = || PlanError::NoVersion {
            provider: name.to_owned(),
            wanted: format!("{version}, which made the resource, or one compatible with it"),
            loaded: self.versions(name).into_iter().map(str::to_owned).collect(),
        };
        let made = Version::parse(version).map_err(|_| refuse())?;
        all()
            .filter(|(_, record)| Version::parse(&record.version).is_ok_and(|other| compatible(&made, &other)))
            .max_by_key(|(_, record)| rank(&record.version))
            .map(|(index, _)| (index, true))
            .ok_or_else(refuse)
    }
}
