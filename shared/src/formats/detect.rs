//! What kind of file a text is, by what is in it.

use serde_json::Value;

use super::{problem::Problem, workflow, yaml};

/// A kind of file that people write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A workload.
    Score,
    /// A workflow, in any dialect.
    Workflow,
    /// A provider's manifest.
    Provider,
    /// `goldenpaths.yaml`.
    GoldenPaths,
    /// A step type's manifest.
    StepType,
}

impl FileKind {
    /// For people.
    #[must_use]
    pub const fn described(self) -> &'static str {
        match self {
            Self::Score => "Score file",
            Self::Workflow => "workflow",
            Self::Provider => "provider manifest",
            Self::GoldenPaths => "golden paths",
            Self::StepType => "step type",
        }
    }
}

/// The kind of a text. A Score file unless something says otherwise; in a file of several documents, the first decides
/// that is no Score file.
///
/// # Errors
/// The text is no YAML, or beyond the bounds; places without a file.
pub fn detect(text: &str) -> Result<FileKind, Vec<Problem>> {
    let documents = yaml::parse_all(text)?;
    let kinds = documents.iter().map(|(document, _)| kind(document));
    Ok(kinds.into_iter().find(|kind| *kind != FileKind::Score).unwrap_or(FileKind::Score))
}

fn kind(document: &Value) -> FileKind {
    let text = |key: &str| document.get(key).and_then(Value::as_str);
    match (text("apiVersion"), text("kind")) {
        (Some(version), _) if version.starts_with("score.dev/") => FileKind::Score,
        (_, Some("Provider" | "Platform")) => FileKind::Provider,
        (_, Some("StepType")) => FileKind::StepType,
        _ if document.get("goldenpaths").is_some_and(Value::is_object) && document.get("steps").is_none() => {
            FileKind::GoldenPaths
        }
        _ if workflow::is_workflow(document) => FileKind::Workflow,
        _ => FileKind::Score,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_what_is_in_it() {
        let cases = [
            ("apiVersion: score.dev/v1b1\nmetadata: {name: a}\n", FileKind::Score),
            ("metadata: {name: a}\ncontainers: {}\n", FileKind::Score),
            ("apiVersion: v1\nkind: Platform\n", FileKind::Provider),
            ("apiVersion: slipway.dev/v1\nkind: StepType\n", FileKind::StepType),
            ("goldenpaths: {a: b.yaml}\n", FileKind::GoldenPaths),
            ("steps: []\n", FileKind::Workflow),
            ("spec: {steps: []}\n", FileKind::Workflow),
            ("apiVersion: workflow.dev/v1\n", FileKind::Workflow),
            ("kind: ProductWorkflow\n", FileKind::Workflow),
            ("apiVersion: score.dev/v1b1\n---\nkind: Workflow\n", FileKind::Workflow),
            ("", FileKind::Score),
        ];
        for (text, kind) in cases {
            assert_eq!(detect(text), Ok(kind), "{text}");
        }
        assert!(detect("a: [").is_err());
    }
}
