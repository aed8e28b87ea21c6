//! Resources as people look at them.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgExecutor;
use uuid::Uuid;

use super::{Result, labels::LabelSelector};
use crate::domain::{
    ids::{ApplicationId, ResourceId, RunId},
    resource::{PROTECTION, ResourceState},
    run::RunStatus,
};

/// A resource, its application's name, and what its current run is doing.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Its id.
    pub id: ResourceId,
    /// The application it belongs to; other users of a shared one are not named here.
    pub application_id: ApplicationId,
    /// That application's name.
    pub application: String,
    /// Its name in that application.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// Its class, when the spec names one.
    pub class: Option<String>,
    /// What makes two requests the same resource.
    pub identity: String,
    /// Whether several applications may use it.
    pub shared: bool,
    /// As written in the spec.
    pub params: Value,
    /// As the last run saw them.
    pub resolved_params: Option<Value>,
    /// As the last create or update that completed saw them; none: nothing was made.
    pub applied_params: Option<Value>,
    /// Since when an update that did not complete may have changed what is there.
    pub applied_uncertain_since: Option<DateTime<Utc>>,
    /// Whether it, or what names its outputs, is still to be compared with what is wanted.
    pub reconciling: bool,
    /// Whether it may not be deleted, by its spec or by a person.
    pub protected: bool,
    /// Tags that a choice of workflows goes by.
    pub tags: Vec<String>,
    /// The workflow that is to serve it.
    pub workflow_override: Option<String>,
    /// Annotations from the spec.
    pub annotations: Value,
    /// Labels.
    pub labels: Value,
    /// What its provider gave back.
    pub outputs: Value,
    /// Names among the outputs that are masked wherever they are shown.
    pub sensitive_outputs: Vec<String>,
    /// Where it stands.
    pub state: ResourceState,
    /// Since when.
    pub state_since: DateTime<Utc>,
    /// Whether it should be gone.
    pub absent: bool,
    /// The run that works on it.
    pub current_run_id: Option<RunId>,
    /// The last run that worked on it.
    pub last_run_id: Option<RunId>,
    /// The last run, when the resource failed and so did that run: it can be tried again.
    pub failed_run_id: Option<RunId>,
    /// Where the current run stands.
    pub run_status: Option<RunStatus>,
    /// Why the current run does not go on.
    pub run_reason: Option<String>,
    /// Why it failed.
    pub error_code: Option<String>,
    /// Why it failed, for people.
    pub error_message: Option<String>,
    /// The provider that serves it.
    pub provider: Option<String>,
    /// That provider's version.
    pub provider_version: Option<String>,
    /// Since when the state kept for it may be older than what is real.
    pub state_uncertain_since: Option<DateTime<Utc>>,
    /// What the last look found to differ from what was made.
    pub drift: Option<Value>,
    /// Since when it is known to differ.
    pub drift_since: Option<DateTime<Utc>>,
    /// When it was last looked at.
    pub read_at: Option<DateTime<Utc>>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When anything about it changed last.
    pub updated_at: DateTime<Utc>,
}

/// Which resources to list. What is not set does not restrict.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only this one.
    pub id: Option<ResourceId>,
    /// Of this type.
    pub kind: Option<String>,
    /// In this state.
    pub state: Option<ResourceState>,
    /// Used by the application of this name.
    pub application: Option<String>,
    /// Used by the application of this id.
    pub application_id: Option<ApplicationId>,
    /// With these labels.
    pub labels: LabelSelector,
    /// Terminated ones too.
    pub terminated: bool,
    /// Those too that were terminated at this time or later.
    pub ended_since: Option<DateTime<Utc>>,
}

/// A page of resources, newest first: those before `before` (none: from the newest), at most `limit`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn page(
    executor: impl PgExecutor<'_>,
    filter: &Filter,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Resource>> {
    Ok(sqlx::query_as!(
        Resource,
        r#"SELECT r.id AS "id: ResourceId", r.application_id AS "application_id: ApplicationId", a.name AS application, r.name,
                  r.type AS kind, r.class, r.identity, r.shared, r.params, r.resolved_params, r.annotations, r.labels, r.outputs,
                  r.applied_params, r.applied_uncertain_since, r.tags, r.workflow_override,
                  (r.reconcile_requested_at IS NOT NULL OR r.dependents_due) AS "reconciling!",
                  (r.protected OR coalesce(r.annotations ->> $13, '') = 'true') AS "protected!",
                  r.sensitive_outputs, r.state AS "state: ResourceState", r.state_since, r.desired = 'absent' AS "absent!",
                  r.current_run_id AS "current_run_id: RunId", r.last_run_id AS "last_run_id: RunId",
                  (SELECT l.id FROM run l WHERE l.id = r.last_run_id AND r.state = 'failed' AND l.status IN ('failed', 'cancelled'))
                      AS "failed_run_id?: RunId",
                  run.status AS "run_status?: RunStatus", 
                  -- Without a run, one that is to be compared waits for what it names.
                  CASE WHEN run.id IS NOT NULL OR r.reconcile_requested_at IS NULL THEN run.reason
                       ELSE (WITH RECURSIVE needed AS (
                                 SELECT d.depends_on_id AS id FROM resource_dependency d WHERE d.resource_id = r.id AND d.wanted
                                 UNION
                                 SELECT d.depends_on_id FROM needed JOIN resource o ON o.id = needed.id
                                 JOIN resource_dependency d ON d.resource_id = o.id AND d.wanted
                                 WHERE o.reconcile_requested_at IS NOT NULL AND o.current_run_id IS NULL)
                             SELECT CASE WHEN bool_or(o.state = 'failed') THEN 'DependencyFailed' ELSE 'WaitingForDependency' END
                             FROM needed JOIN resource o USING (id)
                             WHERE o.state NOT IN ('active', 'degraded') OR o.reconcile_requested_at IS NOT NULL
                             HAVING count(*) > 0) END AS "run_reason?", r.error_code, r.error_message,
                  r.provider, r.provider_version, r.state_uncertain_since, r.drift, r.drift_since, r.read_at, r.created_at, r.updated_at
           FROM resource r
           JOIN application a ON a.id = r.application_id
           LEFT JOIN run ON run.id = r.current_run_id
           WHERE ($1::uuid IS NULL OR r.id = $1) AND ($2::uuid IS NULL OR r.id < $2)
             AND ($3::text IS NULL OR r.type = $3) AND ($4::text IS NULL OR r.state = $4)
             AND ($5::text IS NULL OR r.id IN (
                  SELECT o.id FROM application oa JOIN resource o ON o.application_id = oa.id WHERE oa.name = $5
                  UNION SELECT u.resource_id FROM application ua JOIN resource_user u ON u.application_id = ua.id WHERE ua.name = $5))
             AND ($6::uuid IS NULL OR r.id IN (
                  SELECT o.id FROM resource o WHERE o.application_id = $6
                  UNION SELECT u.resource_id FROM resource_user u WHERE u.application_id = $6))
             AND r.labels @> $7 AND NOT r.labels @> ANY ($8::jsonb[]) AND r.labels ?& $9 AND NOT r.labels ?| $10
             AND ($11 OR r.state <> 'terminated' OR r.state_since >= $14)
           ORDER BY r.id DESC LIMIT $12"#,
        filter.id.map(|id| id.0),
        before,
        filter.kind,
        filter.state.map(ResourceState::as_str),
        filter.application,
        filter.application_id.map(|id| id.0),
        filter.labels.contained(),
        &filter.labels.excluded(),
        &filter.labels.present,
        &filter.labels.absent,
        filter.terminated || filter.state == Some(ResourceState::Terminated),
        limit,
        PROTECTION,
        filter.ended_since,
    )
    .fetch_all(executor)
    .await?)
}

/// One resource, terminated or not.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn find(executor: impl PgExecutor<'_>, id: ResourceId) -> Result<Option<Resource>> {
    let filter = Filter { id: Some(id), terminated: true, ..Filter::default() };
    Ok(page(executor, &filter, None, 1).await?.pop())
}

/// Which applications use a resource, and under which names.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn users(executor: impl PgExecutor<'_>, id: ResourceId) -> Result<Vec<(String, String)>> {
    let rows = sqlx::query!(
        "SELECT a.name AS application, u.name FROM resource_user u JOIN application a ON a.id = u.application_id
         WHERE u.resource_id = $1 ORDER BY 1, 2 LIMIT 1000",
        id.0
    )
    .fetch_all(executor)
    .await?;
    Ok(rows.into_iter().map(|row| (row.application, row.name)).collect())
}

/// The resources that this one names outputs of.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn dependencies(executor: impl PgExecutor<'_>, id: ResourceId) -> Result<Vec<ResourceId>> {
    Ok(sqlx::query_scalar!(
        r#"SELECT depends_on_id AS "id: ResourceId" FROM resource_dependency WHERE resource_id = $1 AND wanted ORDER BY 1"#,
        id.0
    )
    .fetch_all(executor)
    .await?)
}
