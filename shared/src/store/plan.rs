//! Snapshots of definitions, shared by the runs that have the same one.

use std::sync::Arc;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use sqlx::{PgExecutor, types::Json};

use super::Result;
use crate::domain::{
    ids::RunId,
    plan::{Plan, Privileges},
};

/// SHA-256 of a plan's JSON.
pub type PlanDigest = [u8; 32];

/// A plan to make runs of: it is stored with the first.
#[derive(Clone, Debug)]
pub struct NewPlan {
    /// Names it.
    pub digest: PlanDigest,
    pub(super) body: Arc<Value>,
    /// The group of its runs as its workflow has it, and the settings it may name.
    pub(super) group: Option<Arc<(String, Map<String, Value>)>>,
}

impl NewPlan {
    /// Of this plan.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn of(plan: &Plan) -> Result<Self> {
        // Struct fields serialise in one order and maps are BTreeMaps or keep the file's order: equal plans, equal bytes.
        let body = serde_json::to_value(plan).map_err(|error| sqlx::Error::Encode(error.into()))?;
        Ok(Self {
            digest: Sha256::digest(body.to_string().as_bytes()).into(),
            body: Arc::new(body),
            group: plan.concurrency_group.as_ref().map(|pattern| Arc::new((pattern.clone(), plan.settings.clone()))),
        })
    }
}

/// The plan of that digest.
///
/// # Errors
/// When Postgres cannot be reached, there is no such plan, or it was written by a newer Slipway.
pub async fn load(executor: impl PgExecutor<'_>, digest: &[u8]) -> Result<Plan> {
    let row = sqlx::query!(r#"SELECT body AS "body: Json<Plan>" FROM plan WHERE digest = $1"#, digest)
        .fetch_one(executor)
        .await?;
    Ok(row.body.0)
}

/// What a run's plan gives one of its steps.
#[derive(Clone, Debug)]
pub struct Given {
    /// The step, as the workflow names it: the elements of a loop share one.
    pub step: String,
    /// Its configuration as written; what is known only later is a template in it.
    pub config: Value,
    /// What it may do beyond what every step may.
    pub privileges: Json<Privileges>,
    /// Addresses it may reach, `host:port`, as written.
    pub egress: Json<Vec<String>>,
    /// Secrets that reach it, by name.
    pub secrets: Json<Vec<String>>,
}

/// What the steps of a run are given, in the order of its workflow.
///
/// # Errors
/// When Postgres cannot be reached, or the plan was written by a newer Slipway.
pub async fn given(executor: impl PgExecutor<'_>, run: RunId) -> Result<Vec<Given>> {
    Ok(sqlx::query_as!(
        Given,
        r#"SELECT planned ->> 'name' AS "step!",
                  coalesce(planned -> 'config', '{}') AS "config!",
                  coalesce(planned -> 'step_type' -> 'privileges', '{}') AS "privileges!: Json<Privileges>",
                  coalesce(planned -> 'egress', '[]') AS "egress!: Json<Vec<String>>",
                  coalesce(planned -> 'secrets', '[]') AS "secrets!: Json<Vec<String>>"
           FROM run JOIN plan ON plan.digest = run.plan_digest
                CROSS JOIN LATERAL jsonb_array_elements(plan.body -> 'steps') WITH ORDINALITY it (planned, position)
           WHERE run.id = $1 ORDER BY position"#,
        run.0
    )
    .fetch_all(executor)
    .await?)
}
