//! Which runs are meant: the filters of the list, and of what is done to many at once.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use shared::{
    domain::{
        access::Visible,
        ids::{ResourceId, RunId},
    },
    store::run_list::Filter,
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{error::Problem, page::choice};

/// Characters that what a name begins with may have.
const MAX_PREFIX: usize = 100;

/// Which runs. What is not set does not restrict.
#[derive(Clone, Debug, Default, Deserialize, Serialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
pub(crate) struct RunFilter {
    /// `pending`, `queued`, `running`, `suspended`, `completed`, `failed` or `cancelled`; several, separated by commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    /// `resource`, `golden_path`, `child` or `preview`; without it, all but previews.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// `create`, `read`, `update`, `delete` or `execute`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    /// On the resource of this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resource: Option<Uuid>,
    /// For the application of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    application: Option<String>,
    /// Of the workflow of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    workflow: Option<String>,
    /// Of the provider of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    /// In the queue of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    queue: Option<String>,
    /// Of the team of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    team: Option<String>,
    /// Started by a step of the run of this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<Uuid>,
    /// Asked for by whoever is called so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    requested_by: Option<String>,
    /// Failed with this code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error_code: Option<String>,
    /// Made then or later, as `2026-11-21T14:05:00Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<DateTime<Utc>>,
    /// Made before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<DateTime<Utc>>,
    /// Whose id, workflow, application or resource begins so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
}

impl RunFilter {
    /// The filter, for the runs of these teams.
    ///
    /// # Errors
    /// When a value is none of those it can have.
    pub(crate) fn read(&self, visible: Visible) -> Result<Filter, Problem> {
        let statuses = self.status.as_deref().into_iter().flat_map(|list| list.split(','));
        let statuses = statuses.map(|status| choice("status", Some(status.trim())).map(Option::into_iter));
        let prefix = self.prefix.clone().filter(|prefix| !prefix.is_empty());
        if prefix.as_ref().is_some_and(|prefix| prefix.chars().count() > MAX_PREFIX) {
            return Err(Problem::bad_request(format!("prefix: at most {MAX_PREFIX} characters")));
        }
        Ok(Filter {
            statuses: statuses.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect(),
            kind: choice("kind", self.kind.as_deref())?,
            operation: choice("operation", self.operation.as_deref())?,
            resource_id: self.resource.map(ResourceId),
            application: self.application.clone(),
            workflow: self.workflow.clone(),
            provider: self.provider.clone(),
            queue: self.queue.clone(),
            team: self.team.clone(),
            parent: self.parent.map(RunId),
            requested_by: self.requested_by.clone(),
            error_code: self.error_code.clone(),
            since: self.since,
            until: self.until,
            prefix,
            visible,
        })
    }
}

#[cfg(test)]
mod tests {
    use shared::domain::run::RunStatus;

    use super::*;

    #[test]
    fn several_statuses_are_read_and_one_that_is_none_is_refused() {
        let of = |status: &str| {
            RunFilter { status: Some(status.into()), ..RunFilter::default() }.read(Visible::All).map(|it| it.statuses)
        };
        assert_eq!(of("failed, cancelled").unwrap(), [RunStatus::Failed, RunStatus::Cancelled]);
        assert_eq!(of("failed,").unwrap_err().code(), "bad-request");
    }
}
