//! Score files as tests need them.

use std::fmt::Write as _;

use serde_json::Value;

/// A Score file in the making.
#[derive(Clone, Debug)]
pub struct Score {
    name: String,
    resources: String,
}

impl Score {
    /// A workload of that name with one container and no resources.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), resources: String::new() }
    }

    /// Adds a resource.
    #[must_use]
    pub fn resource(mut self, name: &str, kind: &str, params: &Value) -> Self {
        // JSON is YAML, and a writer into a string cannot fail.
        let _ = writeln!(self.resources, "  {name}: {{ type: {kind}, params: {params} }}");
        self
    }

    /// The file.
    #[must_use]
    pub fn yaml(&self) -> String {
        let resources =
            if self.resources.is_empty() { String::new() } else { format!("resources:\n{}", self.resources) };
        format!(
            "apiVersion: score.dev/v1b1\nmetadata:\n  name: {}\ncontainers:\n  main:\n    image: busybox:1.36\n{resources}",
            self.name
        )
    }
}
