//! What a step waits for, as its row keeps it in `step.wait`.
//!
//! The worker that drives the run writes it with everything rendered; the scheduler's `waits` task and the people who
//! decide resolve it. Nothing here is a template.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ids::{ApplicationId, RunId};

/// What a waiting step waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Wait {
    /// A person's decision; who may decide and until when is in the table `approval`.
    Approval,
    /// A person who says that the step may begin (`when: manual`). It has not run yet and is `pending` again then.
    Start,
    /// A time to come.
    Delay {
        /// That time.
        until: DateTime<Utc>,
    },
    /// A run of another workflow.
    Child(ChildWait),
    /// Resources that a Score file asks for, or that are to be gone.
    Resources(ResourcesWait),
}

/// The workflow that a step starts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChildWait {
    /// Its provider; none: that of the parent's run, in the same version.
    #[serde(default)]
    pub provider: Option<String>,
    /// Its name.
    pub workflow: String,
    /// Its inputs, as the step gives them; not checked yet.
    #[serde(default)]
    pub inputs: Map<String, Value>,
    /// The run that was started; none until the scheduler did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
}

/// The resources that a step asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ResourcesWait {
    /// What is to become of them.
    pub operation: ResourcesOperation,
    /// The Score file of a create: an object, or its text.
    #[serde(default)]
    pub score: Option<Value>,
    /// The application that a delete removes.
    #[serde(default)]
    pub application: Option<String>,
    /// The team that owns a new application; none: that of the run.
    #[serde(default)]
    pub team: Option<String>,
    /// Seconds after which the application is deleted again.
    #[serde(default)]
    pub ttl_s: Option<f64>,
    /// What was asked for; none until the scheduler did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
}

/// What a step does with a Score file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourcesOperation {
    /// Submits it and waits until all is active.
    #[default]
    Create,
    /// Deletes the application and waits until all is gone.
    Delete,
}

/// An application that a step asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The application.
    pub application_id: ApplicationId,
    /// Its name.
    pub application: String,
    /// The generation that the step's Score file is.
    pub generation: i32,
}

impl Wait {
    /// The name under which the row keeps it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Approval => "approval",
            Self::Start => "start",
            Self::Delay { .. } => "delay",
            Self::Child(_) => "child",
            Self::Resources(_) => "resources",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_row_keeps_is_read_back_as_it_was_written() {
        let child = Wait::Child(ChildWait { workflow: "build".into(), ..ChildWait::default() });
        for wait in [Wait::Approval, Wait::Start, Wait::Delay { until: Utc::now() }, child] {
            let kept = serde_json::to_value(&wait).unwrap();
            assert_eq!(kept["kind"], wait.kind());
            assert_eq!(serde_json::from_value::<Wait>(kept).unwrap(), wait);
        }
    }

    #[test]
    fn members_that_are_not_needed_may_be_missing_null_or_more() {
        let kept = json!({"kind": "child", "provider": null, "workflow": "build", "inputs": {"n": 1}, "message": "x"});
        let Wait::Child(child) = serde_json::from_value(kept).unwrap() else { panic!("not a child") };
        assert_eq!((child.workflow.as_str(), child.inputs["n"].as_i64()), ("build", Some(1)));
        let kept = json!({"kind": "resources", "operation": "delete", "application": "shop", "score": null});
        let Wait::Resources(wait) = serde_json::from_value(kept).unwrap() else { panic!("no resources") };
        assert_eq!((wait.operation, wait.application.as_deref()), (ResourcesOperation::Delete, Some("shop")));
        assert_eq!(
            serde_json::from_value::<Wait>(json!({"kind": "approval", "message": "go?"})).unwrap(),
            Wait::Approval
        );
    }
}
