//! Runs that wait for other resources: which may go on, which cannot, and with what.

use serde_json::{Map, Value};
use sqlx::PgConnection;

use super::{
    Result,
    run::{self, Finish},
};
use crate::domain::{
    group,
    ids::{ResourceId, RunId},
    run::Operation,
};

/// A waiting run, locked, and what it waits for.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The run.
    pub run_id: RunId,
    /// What it does.
    pub operation: Operation,
    /// Whether it would make what should be gone by now.
    pub unwanted: bool,
    /// Its resource.
    pub resource_id: ResourceId,
    /// That resource's name.
    pub name: String,
    /// That resource's type.
    pub kind: String,
    /// Its params as written, and in their place what batches have set.
    pub params: Value,
    /// As what is there was made: by the last run that completed, or the last at all when one may have changed it since.
    pub resolved_params: Option<Value>,
    /// The application's name.
    pub application: String,
    /// `metadata` of the application's spec.
    pub metadata: Value,
    /// `Plan::parameters` of what it runs.
    pub parameters: Value,
    /// Outputs of the resources it names, by the name the application gives them.
    pub dependencies: Map<String, Value>,
    /// Versions of the secrets that its application sees, when its params name any.
    pub secrets: Map<String, Value>,
    /// `Plan::concurrency_group` of what it runs.
    pub group: Option<String>,
    /// `Plan::settings` of what it runs.
    pub settings: Value,
}

/// Brings the reasons of waiting runs up to date, and locks up to `limit` of those that may go on. A create waits until
/// what it names is active and as asked for, and what it takes the place of is gone; a delete until what rests on it is gone. One that makes what should be gone waits for nothing:
/// what it names may never be there again.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn lock_ready(conn: &mut PgConnection, limit: i64) -> Result<Vec<Waiting>> {
    sqlx::query!(
        "WITH needed AS (
             -- What waits for something that failed is as good as failed for those that wait for it in turn.
             SELECT run.id, other.name,
                    other.state = 'failed'
                    OR EXISTS (SELECT FROM run its WHERE its.id = other.current_run_id AND its.reason = 'DependencyFailed')
                    OR other.reconcile_requested_at IS NOT NULL AND other.current_run_id IS NULL
                       AND EXISTS (SELECT FROM resource_dependency e JOIN resource deeper ON deeper.id = e.depends_on_id
                                   WHERE e.resource_id = other.id AND e.wanted AND deeper.state = 'failed') AS failed,
                    other.state = 'failed' AS itself,
                    other.state NOT IN ('active', 'degraded', 'terminated')
                    OR run.operation = 'delete' AND other.state <> 'terminated'
                    OR run.operation <> 'delete' AND other.reconcile_requested_at IS NOT NULL AS open
             FROM run
             JOIN resource_dependency d ON (run.operation <> 'delete' AND d.resource_id = run.resource_id AND d.wanted)
                                        OR (run.operation = 'delete' AND d.depends_on_id = run.resource_id)
             JOIN resource other ON other.id = CASE WHEN run.operation = 'delete' THEN d.resource_id ELSE d.depends_on_id END
             WHERE run.status = 'pending' AND run.reason IN ('WaitingForDependency', 'DependencyFailed')
             UNION ALL
             SELECT run.id, 'the removal of the ' || old.name || ' before it', old.state = 'failed', old.state = 'failed', true
             FROM run JOIN resource r ON r.id = run.resource_id JOIN application a ON a.id = r.application_id
             JOIN resource old ON old.state <> 'terminated' AND old.desired = 'absent' AND old.id <> r.id
                              AND (old.identity = r.identity OR old.name = r.name)
             JOIN application oa ON oa.id = old.application_id
             WHERE run.status = 'pending' AND run.reason IN ('WaitingForDependency', 'DependencyFailed')
               AND run.operation = 'create' AND (old.identity = r.identity OR oa.name = a.name)),
         standing AS (
             SELECT id, min(name || CASE WHEN itself THEN ' failed' ELSE ' waits for what failed' END) FILTER (WHERE failed) AS failed,
                    string_agg(DISTINCT name, ', ') FILTER (WHERE open) AS open
             FROM needed GROUP BY id),
         told AS (SELECT id, CASE WHEN failed IS NOT NULL THEN 'DependencyFailed' ELSE 'WaitingForDependency' END AS reason,
                         CASE WHEN failed IS NOT NULL THEN failed ELSE 'waits for ' || open END AS detail
                  FROM standing WHERE open IS NOT NULL),
         changed AS (SELECT run.id, told.reason, told.detail FROM run JOIN told USING (id)
                     WHERE run.status = 'pending' AND (run.reason, run.reason_detail) IS DISTINCT FROM (told.reason, told.detail)
                     ORDER BY run.id FOR NO KEY UPDATE OF run SKIP LOCKED)
         UPDATE run SET waiting_since = CASE WHEN run.reason = changed.reason THEN run.waiting_since ELSE now() END,
                reason = changed.reason, reason_detail = changed.detail
         FROM changed WHERE run.id = changed.id"
    )
    .execute(&mut *conn)
    .await?;
    let rows = sqlx::query!(
        r#"SELECT run.id AS "run_id: RunId", run.operation AS "operation: Operation",
                  run.operation <> 'delete' AND r.desired = 'absent' AS "unwanted!", r.id AS "resource_id: ResourceId", r.name,
                  r.type AS kind, r.params || r.overrides AS "params!", a.name AS application,
                  CASE WHEN r.applied_params IS NULL OR r.applied_uncertain_since IS NOT NULL THEN r.resolved_params
                       ELSE r.applied_params END AS "resolved_params?",
                  coalesce(g.spec -> 'metadata', '{}') AS "metadata!", coalesce(plan.body -> 'parameters', '[]') AS "parameters!",
                  plan.body ->> 'concurrency_group' AS "group?", coalesce(plan.body -> 'settings', '{}') AS "settings!",
                  coalesce((SELECT jsonb_object_agg(u.name, other.outputs)
                            FROM resource_dependency d JOIN resource other ON other.id = d.depends_on_id
                            JOIN resource_user u ON u.resource_id = other.id AND u.application_id = a.id
                            WHERE d.resource_id = r.id AND d.wanted), '{}') AS "dependencies!",
                  CASE WHEN strpos((r.params || r.overrides)::text, '${secrets.') > 0 THEN visible_secrets(a.id, a.team) ELSE '{}' END AS "secrets!"
           FROM run
           JOIN plan ON plan.digest = run.plan_digest
           JOIN resource r ON r.id = run.resource_id
           JOIN application a ON a.id = r.application_id
           LEFT JOIN generation g ON g.application_id = a.id AND g.number = a.generation
           WHERE run.status = 'pending' AND run.reason IN ('WaitingForDependency', 'DependencyFailed')
             AND (run.operation = 'delete' OR r.desired = 'absent'
                  OR NOT EXISTS (SELECT FROM resource_dependency d JOIN resource other ON other.id = d.depends_on_id
                                 WHERE d.resource_id = r.id AND d.wanted
                                   AND (other.state NOT IN ('active', 'degraded') OR other.reconcile_requested_at IS NOT NULL))
                     AND NOT EXISTS (SELECT FROM resource old JOIN application oa ON oa.id = old.application_id
                                     WHERE old.state <> 'terminated' AND old.desired = 'absent' AND old.id <> r.id
                                       AND (old.identity = r.identity OR old.name = r.name AND oa.name = a.name)))
             AND NOT EXISTS (SELECT FROM resource_dependency d JOIN resource other ON other.id = d.resource_id
                             WHERE run.operation = 'delete' AND d.depends_on_id = r.id AND other.state <> 'terminated')
           ORDER BY run.id LIMIT $1
           FOR NO KEY UPDATE OF run SKIP LOCKED"#,
        limit
    )
    .fetch_all(&mut *conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Waiting {
            run_id: row.run_id,
            operation: row.operation,
            unwanted: row.unwanted,
            resource_id: row.resource_id,
            name: row.name,
            kind: row.kind,
            params: row.params,
            resolved_params: row.resolved_params,
            application: row.application,
            metadata: row.metadata,
            parameters: row.parameters,
            dependencies: row.dependencies.as_object().cloned().unwrap_or_default(),
            secrets: row.secrets.as_object().cloned().unwrap_or_default(),
            group: row.group,
            settings: row.settings,
        })
        .collect())
}

/// Makes a (locked) waiting run ready, with these inputs; one of a concurrency group waits for its turn next.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn release(
    conn: &mut PgConnection,
    waiting: &Waiting,
    inputs: &Map<String, Value>,
    resolved: &Value,
) -> Result<()> {
    let none = Map::new();
    let settings = waiting.settings.as_object().unwrap_or(&none);
    let group = waiting.group.as_deref().and_then(|pattern| group::name(pattern, inputs, settings));
    sqlx::query!(
        "WITH given AS (UPDATE resource SET resolved_params = $3 WHERE id = $4)
         UPDATE run SET reason = CASE WHEN $5::text IS NULL THEN NULL ELSE 'ConcurrencyGroup' END, reason_detail = NULL,
                waiting_since = now(), inputs = $2, concurrency_group = $5
         WHERE id = $1",
        waiting.run_id.0,
        Value::Object(inputs.clone()),
        resolved,
        waiting.resource_id.0,
        group,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Fails a (locked) run that cannot begin, with what follows for its resource.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn fail(conn: &mut PgConnection, run: RunId, code: &str, message: &str) -> Result<()> {
    run::finish(conn, run, &Finish::failed(code, message)).await
}

/// Ends a (locked) run that would make what should be gone, with what follows for its resource.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn cancel(conn: &mut PgConnection, run: RunId) -> Result<()> {
    run::finish(conn, run, &Finish::cancelled("its resource should be gone", "system")).await
}
