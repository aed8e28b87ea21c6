//! Resources that the scheduler has to do something about.

use serde_json::{Map, Value};
use sqlx::PgConnection;

use crate::{
    domain::{
        ids::{ApplicationId, ResourceId},
        resource::ResourceState,
    },
    store::Result,
};

/// A resource that the scheduler must find a run for, or find that it needs none; locked.
#[derive(Clone, Debug)]
pub struct Unresolved {
    /// Its id.
    pub id: ResourceId,
    /// The application that asked for it.
    pub application_id: ApplicationId,
    /// That application's name.
    pub application: String,
    /// That application's team.
    pub team: String,
    /// `metadata` of that application's spec.
    pub metadata: Value,
    /// Its name in that application.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// Its params as written, and in their place what batches have set.
    pub params: Value,
    /// As the last run was given them.
    pub resolved_params: Option<Value>,
    /// As the last create or update that completed was given them; none: nothing was made.
    pub applied_params: Option<Value>,
    /// Whether an update that did not complete may have changed it.
    pub uncertain: bool,
    /// Tags that a choice of workflows goes by.
    pub tags: Vec<String>,
    /// The workflow that is to serve it.
    pub workflow: Option<String>,
    /// Provider and version that made it or tried to, if any did.
    pub made_by: Option<(String, String)>,
    /// Where it stands.
    pub state: ResourceState,
    /// Whether it should be gone.
    pub absent: bool,
    /// Whether someone asked for another try.
    pub retry: bool,
    /// Whether a run that worked on it ever began, so that there may be something to remove.
    pub touched: bool,
    /// Whether it names outputs of other resources.
    pub has_dependencies: bool,
    /// Whether what it takes the place of is not gone yet.
    pub has_predecessor: bool,
    /// Outputs of the resources it names, by the name the application gives them.
    pub dependencies: Map<String, Value>,
    /// Versions of the secrets that its application sees, when its params name any.
    pub secrets: Map<String, Value>,
}

/// Locks up to `limit` resources that need a run or have to be compared with what is wanted, skipping those that another
/// scheduler works on. What was made before is compared only once all that it names is there and itself compared.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn lock_unresolved(conn: &mut PgConnection, limit: i64) -> Result<Vec<Unresolved>> {
    let locked = sqlx::query_scalar!(
        r#"SELECT r.id AS "id: ResourceId" FROM resource r
           WHERE r.current_run_id IS NULL
             AND (r.state = 'requested' OR r.retry_requested_at IS NOT NULL OR r.reconcile_requested_at IS NOT NULL
                  OR (r.desired = 'absent' AND r.state IN ('active', 'degraded')))
             AND (r.state = 'requested' OR r.desired = 'absent' OR (r.applied_params IS NULL AND r.retry_requested_at IS NOT NULL)
                  OR NOT EXISTS (SELECT FROM resource_dependency d JOIN resource other ON other.id = d.depends_on_id
                                 WHERE d.resource_id = r.id AND d.wanted
                                   AND (other.state NOT IN ('active', 'degraded') OR other.reconcile_requested_at IS NOT NULL)))
           ORDER BY r.id LIMIT $1
           FOR NO KEY UPDATE OF r SKIP LOCKED"#,
        limit
    )
    .fetch_all(&mut *conn)
    .await?;
    if locked.is_empty() {
        return Ok(Vec::new());
    }
    unresolved(conn, &locked, &[]).await
}

/// What a decision about these (locked) resources goes by. Read with a snapshot taken after the locks were had: whoever changed
/// an output before has marked these rows, and that mark is about to be taken away. `beside` are params that they may be given
/// beside their own: what secrets those name is known too.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn unresolved(conn: &mut PgConnection, locked: &[ResourceId], beside: &[&Value]) -> Result<Vec<Unresolved>> {
    let rows = sqlx::query!(
        r#"SELECT r.id AS "id: ResourceId", r.application_id AS "application_id: ApplicationId", a.name AS application, a.team,
                  coalesce(g.spec -> 'metadata', '{}') AS "metadata!", r.name, r.type AS kind, r.params || r.overrides AS "params!", r.resolved_params,
                  r.applied_params, r.applied_uncertain_since IS NOT NULL AS "uncertain!", r.tags, r.workflow_override, r.provider, r.provider_version,
                  r.state AS "state: ResourceState", r.desired = 'absent' AS "absent!",
                  r.retry_requested_at IS NOT NULL AS "retry!",
                  (r.applied_params IS NOT NULL
                   OR EXISTS (SELECT FROM run WHERE run.resource_id = r.id AND run.started_at IS NOT NULL)) AS "touched!",
                  EXISTS (SELECT FROM resource_dependency d WHERE d.resource_id = r.id AND d.wanted) AS "has_dependencies!",
                  EXISTS (SELECT FROM resource old JOIN application oa ON oa.id = old.application_id
                          WHERE old.state <> 'terminated' AND old.desired = 'absent' AND old.id <> r.id
                            AND (old.identity = r.identity OR old.name = r.name AND oa.name = a.name)) AS "has_predecessor!",
                  coalesce((SELECT jsonb_object_agg(u.name, other.outputs)
                            FROM resource_dependency d JOIN resource other ON other.id = d.depends_on_id
                            JOIN resource_user u ON u.resource_id = other.id AND u.application_id = a.id
                            WHERE d.resource_id = r.id AND d.wanted), '{}') AS "dependencies!",
                  CASE WHEN strpos((r.params || r.overrides)::text || $2, '${secrets.') > 0 THEN visible_secrets(a.id, a.team) ELSE '{}' END AS "secrets!"
           FROM resource r
           JOIN application a ON a.id = r.application_id
           LEFT JOIN generation g ON g.application_id = a.id AND g.number = a.generation
           WHERE r.id = ANY ($1) ORDER BY r.id"#,
        &locked.iter().map(|id| id.0).collect::<Vec<_>>(),
        beside.iter().map(ToString::to_string).collect::<String>(),
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Unresolved {
            id: row.id,
            application_id: row.application_id,
            application: row.application,
            team: row.team,
            metadata: row.metadata,
            name: row.name,
            kind: row.kind,
            params: row.params,
            resolved_params: row.resolved_params,
            applied_params: row.applied_params,
            uncertain: row.uncertain,
            tags: row.tags,
            workflow: row.workflow_override,
            made_by: row.provider.zip(row.provider_version).filter(|_| row.touched),
            state: row.state,
            absent: row.absent,
            retry: row.retry,
            touched: row.touched,
            has_dependencies: row.has_dependencies,
            has_predecessor: row.has_predecessor,
            dependencies: row.dependencies.as_object().cloned().unwrap_or_default(),
            secrets: row.secrets.as_object().cloned().unwrap_or_default(),
        })
        .collect())
}
