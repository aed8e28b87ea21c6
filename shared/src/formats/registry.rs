//! All providers of an instance: loaded once, checked as a whole, asked for plans.

mod conflicts;
mod files;
mod load;
mod planning;
mod record;
mod report;
#[cfg(test)]
mod tests;
mod versions;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use bytes::Bytes;
use serde_json::{Map, Value};

pub use planning::{PlanError, Planned};
pub use record::{ProviderRecord, StepTypeRecord, WorkflowRecord};
pub use report::{Needs, Report, WorkflowReport, step_types_around, validate_dir, validate_dirs};
pub use versions::{Moved, PINS_ANNOTATION, Wanted, parse_pin, parse_pins, pins_in};

use super::{parameter::Parameter, problem::Problem};

/// What the instance's configuration gives one provider.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// `.settings.x` in templates.
    pub settings: Map<String, Value>,
    /// Name → `host:port`.
    pub egress: BTreeMap<String, String>,
    /// Names of the secrets there are.
    pub secrets: BTreeSet<String>,
}

/// A folder that providers are read from, and where it comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Holds a `provider.yaml`, or folders that do.
    pub dir: PathBuf,
    /// How problems name the folder, when not by its path.
    pub label: Option<String>,
    /// The name of the source that it was fetched from.
    pub source: Option<String>,
    /// The commit that its files are of.
    pub commit: Option<String>,
}

impl From<PathBuf> for Origin {
    fn from(dir: PathBuf) -> Self {
        Self { dir, ..Self::default() }
    }
}

/// The providers of an instance, several versions of one among them.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    providers: Vec<ProviderRecord>,
    /// Places of the providers that serve by default: of each the highest version.
    defaults: Vec<usize>,
    /// Resource type or another name of one → index of its provider, and the type itself.
    types: BTreeMap<String, (usize, String)>,
    bundles: BTreeMap<[u8; 32], Bytes>,
}

impl Registry {
    /// Loads every provider below `dirs`: each folder in one of them, or one of them itself, that holds a
    /// `provider.yaml`.
    ///
    /// A workflow that cannot run on this instance (its step type is not installed, or `settings` lacks a secret or
    /// an address) is loaded and marked unavailable, with the reason.
    ///
    /// # Errors
    /// Everything wrong with any file, and every conflict between providers.
    pub fn load(dirs: &[PathBuf], settings: &BTreeMap<String, Settings>) -> Result<Self, Vec<Problem>> {
        let origins: Vec<Origin> = dirs.iter().cloned().map(Origin::from).collect();
        Self::load_from(&origins, settings)
    }

    /// As [`Registry::load`], for folders of several origins.
    ///
    /// # Errors
    /// As [`Registry::load`].
    pub fn load_from(origins: &[Origin], settings: &BTreeMap<String, Settings>) -> Result<Self, Vec<Problem>> {
        let (drafts, mut problems) = load::drafts(origins);
        problems.extend(conflicts::find(&drafts));
        if !problems.is_empty() {
            return Err(problems);
        }
        load::finish(drafts, settings)
    }

    /// A registry of what [`Registry::records`] gave elsewhere; it has no bundles.
    #[must_use]
    pub fn from_records(providers: Vec<ProviderRecord>) -> Self {
        Self::of(providers, BTreeMap::new())
    }

    fn of(providers: Vec<ProviderRecord>, bundles: BTreeMap<[u8; 32], Bytes>) -> Self {
        let named = providers.iter().map(|record| (record.name.as_str(), record.version.as_str()));
        let defaults = versions::defaults(named);
        let types = load::types(defaults.iter().map(|index| (*index, &providers[*index])));
        Self { providers, defaults, types, bundles }
    }

    /// Everything about the providers but the content of their bundles, to store and to show.
    #[must_use]
    pub fn records(&self) -> Vec<ProviderRecord> {
        self.providers.clone()
    }

    /// The files that steps need, by the SHA-256 of their archive.
    pub fn bundles(&self) -> impl Iterator<Item = (&[u8; 32], &Bytes)> {
        self.bundles.iter()
    }

    /// One workflow, of the version that serves by default.
    #[must_use]
    pub fn workflow(&self, provider: &str, workflow: &str) -> Option<&WorkflowRecord> {
        self.workflow_in(provider, None, workflow)
    }

    /// The parameters of one workflow.
    #[must_use]
    pub fn parameters(&self, provider: &str, workflow: &str) -> Option<&[Parameter]> {
        self.workflow(provider, workflow).map(|record| record.parameters.as_slice())
    }

    /// Every resource type that is served, other names too, sorted.
    pub fn resource_types(&self) -> impl Iterator<Item = &str> {
        self.types.keys().map(String::as_str)
    }
}
