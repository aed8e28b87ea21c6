//! What is to become of one resource. No I/O.

use serde_json::Value;
use shared::{
    domain::{
        change,
        resource::ResourceState,
        run::{Operation, error_code},
    },
    formats::registry::{self, PlanError, Planned, Registry},
    inputs::{Inputs, complete, resolve},
    store::resource::Unresolved,
};

/// Places named in a message, at most.
const PLACES: usize = 5;

/// What is to become of a resource.
#[derive(Debug)]
pub(in crate::tasks) enum Decision {
    /// This run works on it.
    Run { operation: Operation, planned: Box<Planned>, inputs: Option<Inputs> },
    /// No run can.
    Fail { code: &'static str, message: String },
    /// It is as it should be, as far as can be had.
    Settle,
    /// Nothing needs to be done for it to be gone.
    Terminate { why: String },
}

pub(in crate::tasks) fn decide(registry: &Registry, resource: &Unresolved) -> Decision {
    match (&resource.applied_params, resource.absent) {
        (_, true) => remove(registry, resource),
        (None, false) => create(registry, resource),
        (Some(applied), false) => update(registry, resource, applied),
    }
}

/// The workflow, by what the spec pins and names, and by who made the resource.
fn plan(registry: &Registry, resource: &Unresolved, operation: Operation) -> Result<Planned, PlanError> {
    let wanted = registry::Wanted {
        resource_type: &resource.kind,
        operation,
        tags: &resource.tags,
        workflow: resource.workflow.as_deref(),
        pins: &registry::pins_in(&resource.metadata),
        made_by: resource.made_by.as_ref().map(|(provider, version)| (provider.as_str(), version.as_str())),
    };
    registry.plan_for(&wanted)
}

fn remove(registry: &Registry, resource: &Unresolved) -> Decision {
    if !resource.touched {
        return Decision::Terminate { why: "nothing was made for it, so nothing had to be removed".to_owned() };
    }
    match plan(registry, resource, Operation::Delete) {
        // A delete always waits for `advance` to see that nothing rests on the resource any more.
        Ok(planned) => Decision::Run { operation: Operation::Delete, planned: Box::new(planned), inputs: None },
        Err(PlanError::NoWorkflow { provider, version, .. }) => Decision::Terminate {
            why: format!(
                "{provider}@{version} has no delete workflow for '{}': nothing was run, and what was made for it may still be there",
                resource.kind
            ),
        },
        Err(error) => unplanned(&error),
    }
}

fn create(registry: &Registry, resource: &Unresolved) -> Decision {
    // One that failed and was only told that something it names has changed: another try when that makes a difference.
    if resource.state == ResourceState::Failed && !resource.retry {
        match resolve(resource) {
            Ok(resolved) if resource.resolved_params.as_ref() != Some(&resolved) => {}
            _ => return Decision::Settle,
        }
    }
    let planned = match plan(registry, resource, Operation::Create) {
        Ok(planned) => planned,
        Err(error) => return unplanned(&error),
    };
    // What names others waits for them in `advance`, and so does what takes the place of one that is not gone.
    if resource.has_dependencies || resource.has_predecessor {
        return Decision::Run { operation: Operation::Create, planned: Box::new(planned), inputs: None };
    }
    match resolve(resource).and_then(|resolved| complete(&planned, resource, resolved)) {
        Ok(inputs) => Decision::Run { operation: Operation::Create, planned: Box::new(planned), inputs: Some(inputs) },
        Err((code, message)) => Decision::Fail { code, message },
    }
}

/// All that the resource names is there and settled, so that the comparison is with what will be.
fn update(registry: &Registry, resource: &Unresolved, applied: &Value) -> Decision {
    let resolved = match resolve(resource) {
        Ok(resolved) => resolved,
        Err((code, message)) => return still_as_it_was(code, &message, &[]),
    };
    let changes = change::between(applied, &resolved);
    if changes.is_empty() && !resource.uncertain {
        return Decision::Settle;
    }
    let places: Vec<String> = changes.iter().map(|it| it.path.clone()).collect();
    let planned = match plan(registry, resource, Operation::Update) {
        Ok(planned) => planned,
        Err(error) => return still_as_it_was(error_code::NO_WORKFLOW, &error.to_string(), &places),
    };
    match complete(&planned, resource, resolved) {
        Ok(inputs) => Decision::Run { operation: Operation::Update, planned: Box::new(planned), inputs: Some(inputs) },
        Err((code, message)) => still_as_it_was(code, &message, &places),
    }
}

/// The failure of a change that nothing was begun for.
fn still_as_it_was(code: &'static str, why: &str, places: &[String]) -> Decision {
    // Places only: values may be another resource's secrets.
    let more = places.len().saturating_sub(PLACES);
    let listed = places.iter().take(PLACES).cloned().collect::<Vec<_>>().join(", ");
    let differs = match (places.is_empty(), more) {
        (true, _) => String::new(),
        (false, 0) => format!(" It differs at {listed}."),
        (false, more) => format!(" It differs at {listed} and {more} more."),
    };
    Decision::Fail {
        code,
        message: format!(
            "{why}. Nothing was changed: it is still as it was made.{differs} Submit it as it was to have it active again, or \
             give it another name to have another made in its place"
        ),
    }
}

fn unplanned(error: &PlanError) -> Decision {
    let code = match error {
        PlanError::UnknownType { .. } => error_code::UNKNOWN_TYPE,
        PlanError::NoWorkflow { .. }
        | PlanError::UnknownWorkflow { .. }
        | PlanError::Unavailable { .. }
        | PlanError::NoVersion { .. } => error_code::NO_WORKFLOW,
    };
    Decision::Fail { code, message: error.to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};
    use shared::domain::ids::{ApplicationId, ResourceId};

    use super::*;

    fn resource(applied: Option<Value>, params: Value) -> Unresolved {
        Unresolved {
            id: ResourceId::new(),
            application_id: ApplicationId::new(),
            application: "shop".into(),
            team: "default".into(),
            metadata: json!({}),
            name: "db".into(),
            kind: "nothing".into(),
            params,
            resolved_params: applied.clone(),
            applied_params: applied,
            uncertain: false,
            tags: Vec::new(),
            workflow: None,
            made_by: None,
            state: ResourceState::Active,
            absent: false,
            retry: false,
            touched: true,
            has_dependencies: false,
            has_predecessor: false,
            dependencies: Map::new(),
            secrets: Map::new(),
        }
    }

    #[test]
    fn what_is_as_asked_needs_no_provider() {
        let same = resource(Some(json!({"a": 1})), json!({"a": 1}));
        assert!(matches!(decide(&Registry::default(), &same), Decision::Settle));
        let uncertain = Unresolved { uncertain: true, ..same };
        assert!(matches!(decide(&Registry::default(), &uncertain), Decision::Fail { .. }));
    }

    #[test]
    fn a_change_that_cannot_be_made_says_what_differs_and_shows_no_values() {
        let mut changed =
            resource(Some(json!({"password": "old"})), json!({"password": "${resources.other.password}"}));
        changed.dependencies.insert("other".into(), json!({"password": "hunter2"}));
        let Decision::Fail { message, .. } = decide(&Registry::default(), &changed) else { panic!("not failed") };
        assert!(message.contains("/password") && message.contains("still as it was"), "{message}");
        assert!(!message.contains("hunter2") && !message.contains("old\""), "{message}");
    }

    #[test]
    fn what_was_never_begun_is_gone_at_once() {
        let asked = Unresolved { absent: true, touched: false, ..resource(None, json!({})) };
        assert!(matches!(decide(&Registry::default(), &asked), Decision::Terminate { .. }));
    }

    #[test]
    fn a_failed_creation_is_tried_again_only_when_what_it_is_made_from_has_changed() {
        let mut failed = resource(None, json!({"a": "${resources.other.a}"}));
        failed.state = ResourceState::Failed;
        failed.resolved_params = Some(json!({"a": "1"}));
        failed.dependencies.insert("other".into(), json!({"a": "1"}));
        assert!(matches!(decide(&Registry::default(), &failed), Decision::Settle));
        failed.dependencies.insert("other".into(), json!({"a": "2"}));
        assert!(matches!(decide(&Registry::default(), &failed), Decision::Fail { code: error_code::UNKNOWN_TYPE, .. }));
    }
}
