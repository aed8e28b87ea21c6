//! Which previews show what a batch would run, and how they stand.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::{
    domain::{
        batch::ItemStatus,
        ids::{ResourceId, RunId},
        run::{Operation, RunStatus, WaitReason},
    },
    store::Result,
};

/// One resource for each way in which a batch would do its resources and in which that can be done, the largest ways first, at
/// most `limit`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn ways(executor: impl PgExecutor<'_>, id: Uuid, limit: i64) -> Result<Vec<ResourceId>> {
    Ok(sqlx::query_scalar!(
        r#"SELECT sample AS "id: ResourceId" FROM batch_group WHERE batch_id = $1 AND problem IS NULL ORDER BY resources DESC, sample LIMIT $2"#,
        id,
        limit,
    )
    .fetch_all(executor)
    .await?)
}

/// One resource of a batch, as what is done to it goes by it.
#[derive(Clone, Debug)]
pub struct Prospect {
    /// Where it stands.
    pub status: ItemStatus,
    /// Its params as its spec has them.
    pub params: Value,
    /// What batches have set.
    pub overrides: Value,
    /// Its provider.
    pub provider: Option<String>,
    /// Its version.
    pub provider_version: Option<String>,
    /// Whether it may not be deleted.
    pub kept: bool,
}

/// A resource of a batch; none: it is not of it, or is gone.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn prospect(executor: impl PgExecutor<'_>, id: Uuid, resource: ResourceId) -> Result<Option<Prospect>> {
    Ok(sqlx::query_as!(
        Prospect,
        r#"SELECT i.status AS "status: ItemStatus", c.params AS "params!", c.overrides AS "overrides!", c.provider, c.provider_version, c.kept AS "kept!"
           FROM batch_item i JOIN batch_candidate c ON c.id = i.resource_id WHERE i.batch_id = $1 AND i.resource_id = $2"#,
        id,
        resource.0,
    )
    .fetch_optional(executor)
    .await?)
}

/// Notes which preview shows what a batch would run for a resource, or why none does.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn note_plan(
    conn: &mut PgConnection,
    id: Uuid,
    resource: ResourceId,
    plan: std::result::Result<RunId, &str>,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO batch_plan (batch_id, resource_id, run_id, problem) VALUES ($1, $2, $3, $4)
         ON CONFLICT (batch_id, resource_id) DO UPDATE SET run_id = EXCLUDED.run_id, problem = EXCLUDED.problem, asked_at = now()",
        id,
        resource.0,
        plan.ok().map(|run| run.0),
        plan.err(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets what previews showed of a batch.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn forget_plans(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!("DELETE FROM batch_plan WHERE batch_id = $1", id).execute(conn).await?;
    Ok(())
}

/// What a batch would run for a resource, and how the preview that shows it stands.
#[derive(Clone, Debug)]
pub struct ItemPlan {
    /// The resource.
    pub resource_id: ResourceId,
    /// The preview; none: there is no plan.
    pub run_id: Option<RunId>,
    /// Why there is none.
    pub problem: Option<String>,
    /// When it was asked for.
    pub asked_at: DateTime<Utc>,
    /// Where the preview stands; none: it is forgotten.
    pub status: Option<RunStatus>,
    /// Why it waits.
    pub reason: Option<WaitReason>,
    /// Why it failed.
    pub error: Option<String>,
    /// What would be done.
    pub operation: Option<Operation>,
    /// By this workflow.
    pub workflow: Option<String>,
    /// Of this provider.
    pub provider: Option<String>,
    /// In this version.
    pub provider_version: Option<String>,
    /// The names of its steps, in their order.
    pub steps: Vec<String>,
    /// All of it, where asked for.
    pub plan: Option<Value>,
}

/// The plans for these resources of a batch, as far as any were asked for; `whole`: with every step as it would be run.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn plans(
    executor: impl PgExecutor<'_>,
    id: Uuid,
    resources: &[ResourceId],
    whole: bool,
) -> Result<Vec<ItemPlan>> {
    Ok(sqlx::query_as!(
        ItemPlan,
        r#"SELECT p.resource_id AS "resource_id: ResourceId", p.run_id AS "run_id: RunId", p.problem, p.asked_at,
                  run.status AS "status?: RunStatus", run.reason AS "reason: WaitReason", coalesce(run.error_message, run.error_code) AS error,
                  run.operation AS "operation?: Operation", run.workflow AS "workflow?", run.provider AS "provider?",
                  run.provider_version AS "provider_version?",
                  ARRAY(SELECT step ->> 'name' FROM jsonb_array_elements(CASE WHEN run.status = 'completed' THEN run.outputs #> '{plan,steps}' END) step
                        ORDER BY (step ->> 'order')::int) AS "steps!",
                  CASE WHEN $3 AND run.status = 'completed' THEN run.outputs -> 'plan' END AS plan
           FROM batch_plan p LEFT JOIN run ON run.id = p.run_id
           WHERE p.batch_id = $1 AND p.resource_id = ANY ($2)"#,
        id,
        &resources.iter().map(|id| id.0).collect::<Vec<_>>(),
        whole,
    )
    .fetch_all(executor)
    .await?)
}

/// The workflow that made a resource what it was when the batch had not begun with it; none: nothing did yet.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn workflow_before(executor: impl PgExecutor<'_>, id: Uuid, resource: ResourceId) -> Result<Option<String>> {
    Ok(sqlx::query_scalar!(
        "SELECT workflow FROM run
         WHERE resource_id = $2 AND operation IN ('create', 'update') AND started_at IS NOT NULL AND batch_id IS DISTINCT FROM $1
         ORDER BY id DESC LIMIT 1",
        id,
        resource.0,
    )
    .fetch_optional(executor)
    .await?)
}
