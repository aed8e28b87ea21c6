//! What a batch would do, as it is answered.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};
use serde_json::Value;
use shared::{
    batch::Preview,
    domain::{
        ids::{ResourceId, RunId},
        run::{RunStatus, WaitReason},
    },
    secrets::token,
    store::{
        Connection,
        batch::{self, ItemPlan},
    },
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::Problem;

/// How the plan of a resource of a batch stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchPlanView {
    /// `pending`: a worker is to make it; `ready`; `failed`: it could not be made; `none`: there is nothing to plan; `gone`: it is not
    /// kept any more.
    #[schema(example = "ready")]
    status: &'static str,
    /// Why it is as it is.
    detail: Option<String>,
    /// The preview, a run that changes nothing.
    #[schema(value_type = Option<Uuid>)]
    run_id: Option<RunId>,
    /// When it was asked for.
    asked_at: DateTime<Utc>,
    /// The names of the steps that would be run, in their order, once it is ready.
    steps: Vec<String>,
}

impl From<&ItemPlan> for BatchPlanView {
    fn from(plan: &ItemPlan) -> Self {
        let (status, detail) = match (plan.run_id, plan.status) {
            (None, _) => ("none", plan.problem.clone()),
            (Some(_), None) => ("gone", Some("it is not kept any more: ask for it again".to_owned())),
            (Some(_), Some(RunStatus::Completed)) => ("ready", None),
            (Some(_), Some(status)) if status.is_final() => {
                ("failed", Some(plan.error.clone().unwrap_or_else(|| format!("its preview was {status}"))))
            }
            (Some(_), Some(_)) => ("pending", plan.reason.map(waits)),
        };
        Self { status, detail, run_id: plan.run_id, asked_at: plan.asked_at, steps: plan.steps.clone() }
    }
}

fn waits(reason: WaitReason) -> String {
    format!("its preview waits: {reason}")
}

/// How many have a name in common.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
pub(crate) struct CountedView {
    /// The name; empty: they have none.
    name: String,
    /// How many.
    count: i64,
}

/// Resources that would be done alike.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(crate) struct BatchGroupView {
    /// How many they are.
    resources: i32,
    /// Their type.
    #[serde(rename = "type")]
    kind: String,
    /// Their provider.
    provider: Option<String>,
    /// The version they have.
    from_version: Option<String>,
    /// The version that does it.
    to_version: Option<String>,
    /// By this workflow; none: by what their last run ran.
    workflow: Option<String>,
    /// Why nothing can be done for them: they are left out.
    problem: Option<String>,
    /// One of them.
    #[schema(value_type = Uuid)]
    sample: ResourceId,
    /// What would be run for that one, as far as it is known; all of it is at `/api/batches/{id}/items/{resource}`. Of the 20 largest
    /// ways of a batch that was made.
    #[serde(default, deserialize_with = "later")]
    plan: Option<BatchPlanView>,
}

/// What is kept of a preview says nothing of its plans: they are looked up when it is shown.
fn later<'de, D: Deserializer<'de>>(kept: D) -> Result<Option<BatchPlanView>, D::Error> {
    IgnoredAny::deserialize(kept).map(|_| None)
}

/// A param that would be set.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(crate) struct BatchParamView {
    /// Its name.
    name: String,
    /// What it would be; null: what the spec says.
    #[schema(value_type = Object)]
    value: Value,
    /// How many resources have something else.
    differs: i64,
}

/// What depends on the resources, and is not of the batch.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
pub(crate) struct DependentsView {
    /// How many resources.
    count: i64,
    /// Whose they are.
    by_team: Vec<CountedView>,
}

/// How long it would take.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(crate) struct ExpectedView {
    /// In seconds.
    seconds: i64,
    /// What that rests on, in words.
    basis: String,
}

/// What a batch would do.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
pub(crate) struct PreviewView {
    /// Hex of the digest that an approval is for.
    digest: String,
    /// How many resources would be done.
    total: i64,
    /// How many are left out because nothing can be done for them.
    problems: i64,
    /// Whose they are; the 200 largest.
    by_team: Vec<CountedView>,
    /// What they are.
    by_type: Vec<CountedView>,
    /// Where they are: the label `env` or `environment`.
    by_environment: Vec<CountedView>,
    /// The ways in which they would be done, the 50 largest.
    groups: Vec<BatchGroupView>,
    /// What would be set.
    params: Vec<BatchParamView>,
    /// What depends on them.
    dependents: DependentsView,
    /// Resources of each wave.
    waves: Vec<i64>,
    /// How long it would take; none: no such run was ever seen.
    expected: Option<ExpectedView>,
}

impl PreviewView {
    pub(super) fn of(preview: &Preview) -> Result<Self, Problem> {
        Self::read(serde_json::to_value(preview).map_err(|error| Problem::internal(&error))?)
    }

    pub(super) fn read(preview: Value) -> Result<Self, Problem> {
        serde_json::from_value(token::masked(preview)).map_err(|error| Problem::internal(&error))
    }

    /// With how the plans of its ways stand.
    pub(super) async fn with_plans(mut self, conn: &mut Connection, id: Uuid) -> Result<Self, Problem> {
        let samples: Vec<ResourceId> = self.groups.iter().map(|group| group.sample).collect();
        for plan in batch::plans(conn, id, &samples, false).await? {
            if let Some(group) = self.groups.iter_mut().find(|group| group.sample == plan.resource_id) {
                group.plan = Some(BatchPlanView::from(&plan));
            }
        }
        Ok(self)
    }
}
