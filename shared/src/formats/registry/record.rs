//! What is kept of a provider once it is loaded.

use serde::{Deserialize, Serialize};

use super::super::{
    parameter::Parameter,
    provider::{Capability, Category},
};
use crate::domain::{
    plan::{Plan, StepType},
    run::Operation,
};
use std::collections::BTreeMap;

/// A provider as it was loaded. Complete: a golden path can be run from it alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProviderRecord {
    /// Unique in the instance.
    pub name: String,
    /// Semantic version.
    pub version: String,
    /// SHA-256 of everything below, so also of the settings and of the files for steps.
    #[serde(with = "hex_digest")]
    pub digest: [u8; 32],
    /// The commit its files are of, when they come from version control.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The name of the source that its files were fetched from; none for a local folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// `Provider` or `Platform`.
    pub kind: String,
    /// Free text.
    #[serde(default)]
    pub category: Option<String>,
    /// For people.
    #[serde(default)]
    pub description: Option<String>,
    /// Who wrote it.
    #[serde(default)]
    pub author: Option<String>,
    /// Where to read about it.
    #[serde(default)]
    pub homepage: Option<String>,
    /// Where its source is.
    #[serde(default)]
    pub repository: Option<String>,
    /// Its licence.
    #[serde(default)]
    pub license: Option<String>,
    /// For people.
    #[serde(default)]
    pub tags: Vec<String>,
    /// By resource type.
    pub capabilities: BTreeMap<String, Capability>,
    /// In the order of the manifest.
    pub workflows: Vec<WorkflowRecord>,
    /// Step types it brings.
    pub step_types: Vec<StepTypeRecord>,
    /// What its authors should change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// A workflow as it was loaded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkflowRecord {
    /// Unique in its provider.
    pub name: String,
    /// Serves a resource operation, or is started by a person.
    pub category: Category,
    /// The operation its manifest entry names.
    #[serde(default)]
    pub operation: Option<Operation>,
    /// For people.
    #[serde(default)]
    pub description: Option<String>,
    /// What people find it under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// How long it takes, as its author thinks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_duration: Option<String>,
    /// What a choice among several goes by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Semantic version.
    #[serde(default)]
    pub version: Option<String>,
    /// What its runs take.
    pub parameters: Vec<Parameter>,
    /// What its runs execute; without steps when it is unavailable for want of a step type.
    pub plan: Plan,
    /// Why it cannot run on this instance, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<String>,
}

/// A step type as it was loaded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepTypeRecord {
    /// What runs execute.
    #[serde(flatten)]
    pub step_type: StepType,
    /// For people.
    #[serde(default)]
    pub description: Option<String>,
}

mod hex_digest {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(digest: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(digest))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut digest = [0; 32];
        hex::decode_to_slice(&text, &mut digest).map_err(D::Error::custom)?;
        Ok(digest)
    }
}
