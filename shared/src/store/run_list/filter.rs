//! Which runs are wanted, as the database function `run_ids` takes it.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::domain::{
    access::Visible,
    ids::{ResourceId, RunId},
    run::{Operation, RunKind, RunStatus},
};

/// Which runs are wanted. What is not set does not restrict.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In one of these; none: in whatever status.
    pub statuses: Vec<RunStatus>,
    /// Of this kind; without it, previews are passed over.
    pub kind: Option<RunKind>,
    /// That does this.
    pub operation: Option<Operation>,
    /// On this resource.
    pub resource_id: Option<ResourceId>,
    /// For the application of this name.
    pub application: Option<String>,
    /// Of this workflow.
    pub workflow: Option<String>,
    /// Of this provider.
    pub provider: Option<String>,
    /// In this queue.
    pub queue: Option<String>,
    /// Of this team.
    pub team: Option<String>,
    /// Started by a step of this run.
    pub parent: Option<RunId>,
    /// Asked for by whoever is called so.
    pub requested_by: Option<String>,
    /// Failed with this code.
    pub error_code: Option<String>,
    /// Made then or later.
    pub since: Option<DateTime<Utc>>,
    /// Made before.
    pub until: Option<DateTime<Utc>>,
    /// Whose id, or whose workflow's, application's or resource's name, begins so.
    pub prefix: Option<String>,
    /// Of these teams. Runs of others are not named either.
    pub visible: Visible,
}

impl Filter {
    /// What `run_ids` reads.
    pub(in crate::store) fn wanted(&self) -> Value {
        let text = |value: &Option<String>| value.clone().map(Value::String);
        let id = |value: Uuid| Value::String(value.to_string());
        let at = |value: DateTime<Utc>| id(first_id(value));
        let statuses = (!self.statuses.is_empty()).then(|| json!(self.statuses));
        let members = [
            ("status", statuses),
            ("kind", self.kind.map(|kind| json!(kind))),
            ("operation", self.operation.map(|operation| json!(operation))),
            ("resource", self.resource_id.map(|it| id(it.0))),
            ("application", text(&self.application)),
            ("workflow", text(&self.workflow)),
            ("provider", text(&self.provider)),
            ("queue", text(&self.queue)),
            ("team", text(&self.team)),
            ("parent", self.parent.map(|it| id(it.0))),
            ("requested_by", text(&self.requested_by)),
            ("error_code", text(&self.error_code)),
            ("since", self.since.map(at)),
            ("until", self.until.map(at)),
            ("prefix", text(&self.prefix)),
        ];
        let set = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(set.collect::<Map<_, _>>())
    }
}

/// The smallest id that one made at that millisecond can have.
fn first_id(at: DateTime<Utc>) -> Uuid {
    // Before 1970 and after the year 10000 there are no runs: 48 bits hold all others.
    let millis = u128::try_from(at.timestamp_millis()).unwrap_or_default().min((1 << 48) - 1);
    Uuid::from_u128(millis << 80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_parts_the_ids_that_are_made_before_and_after_it() {
        let (before, now, after) = (RunId::new(), Utc::now() + chrono::TimeDelta::milliseconds(1), {
            std::thread::sleep(std::time::Duration::from_millis(5));
            RunId::new()
        });
        assert!(before.0 < first_id(now) && first_id(now) <= after.0);
        assert_eq!(first_id(DateTime::<Utc>::MIN_UTC), Uuid::nil());
    }

    #[test]
    fn only_what_is_set_is_asked_for() {
        assert_eq!(Filter::default().wanted(), json!({}));
        let filter = Filter { statuses: vec![RunStatus::Failed], team: Some("a".into()), ..Filter::default() };
        assert_eq!(filter.wanted(), json!({"status": ["failed"], "team": "a"}));
    }
}
