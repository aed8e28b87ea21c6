//! What a batch would do, looked at before it begins: how many ways there are to do it, whom it concerns, how long it takes.

use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::{
    domain::{ids::ResourceId, run::Operation},
    store::Result,
};

/// Names that a list of the preview has at most.
const NAMES: i64 = 200;
/// Runs that a median is of at most.
const HISTORY: i64 = 100;

/// Resources of a batch that are planned alike, as they are now.
#[derive(Clone, Debug)]
pub struct Likeness {
    /// What they have in common.
    pub key: Uuid,
    /// How many they are.
    pub resources: i64,
    /// One of them.
    pub sample: ResourceId,
    /// Their type.
    pub kind: String,
    /// Their tags.
    pub tags: Vec<String>,
    /// The workflow that is to serve them.
    pub workflow: Option<String>,
    /// `metadata` of the sample's application; their pins are the same.
    pub metadata: Value,
    /// Whether they were made.
    pub made: bool,
    /// Their provider.
    pub provider: Option<String>,
    /// Its version.
    pub provider_version: Option<String>,
}

/// As of when the resources of a batch are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// When they were chosen, or [`refresh`] looked at them last.
    Noted,
    /// Now.
    Now,
}

/// The likenesses of the resources that a batch has not begun with, at most `most`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn likenesses(conn: &mut PgConnection, id: Uuid, as_of: AsOf, most: i64) -> Result<Vec<Likeness>> {
    Ok(sqlx::query_as!(
        Likeness,
        r#"SELECT alike.key AS "key!", alike.resources AS "resources!", r.id AS "sample: ResourceId", r.type AS kind, r.tags,
                  r.workflow_override AS workflow, coalesce(g.spec -> 'metadata', '{}') AS "metadata!", r.applied_params IS NOT NULL AS "made!",
                  r.provider, r.provider_version
           FROM (SELECT key, count(*) AS resources, (array_agg(resource_id ORDER BY position))[1] AS sample
                 FROM (SELECT resource_id, position, group_key AS key FROM batch_item WHERE NOT $2 AND batch_id = $1 AND status = 'open'
                       UNION ALL
                       SELECT i.resource_id, i.position, c.group_key FROM batch_item i JOIN batch_candidate c ON c.id = i.resource_id
                       WHERE $2 AND i.batch_id = $1 AND i.status = 'open') open
                 GROUP BY key) alike
           JOIN resource r ON r.id = alike.sample
           JOIN application a ON a.id = r.application_id
           LEFT JOIN generation g ON g.application_id = a.id AND g.number = a.generation
           ORDER BY alike.resources DESC, r.id LIMIT $3"#,
        id,
        as_of == AsOf::Now,
        most,
    )
    .fetch_all(conn)
    .await?)
}

/// A digest of everything about each of the resources that a batch has not begun with that what would be done rests on.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn basis(conn: &mut PgConnection, id: Uuid, as_of: AsOf) -> Result<Vec<u8>> {
    Ok(sqlx::query_scalar!(
        r#"SELECT sha256(coalesce(string_agg(uuid_send(resource_id) || int4send(position) || coalesce(basis, ''), '' ORDER BY position), '')) AS "digest!"
           FROM (SELECT resource_id, position, basis FROM batch_item WHERE NOT $2 AND batch_id = $1 AND status = 'open'
                 UNION ALL
                 SELECT i.resource_id, i.position, c.basis FROM batch_item i LEFT JOIN batch_candidate c ON c.id = i.resource_id
                 WHERE $2 AND i.batch_id = $1 AND i.status = 'open') open"#,
        id,
        as_of == AsOf::Now,
    )
    .fetch_one(conn)
    .await?)
}

/// Notes of the resources that a batch has not begun with what they rest on now; those that are gone are left out.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn refresh(conn: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query!(
        "UPDATE batch_item i SET group_key = c.group_key, basis = c.basis FROM batch_candidate c
         WHERE i.batch_id = $1 AND i.status = 'open' AND c.id = i.resource_id AND (i.group_key, i.basis) IS DISTINCT FROM (c.group_key, c.basis)",
        id
    )
    .execute(&mut *conn)
    .await?;
    let gone = sqlx::query!(
        "UPDATE batch_item i SET status = 'skipped', detail = 'it was removed before the batch came to it', started_at = now(), finished_at = now()
         WHERE i.batch_id = $1 AND i.status = 'open'
           AND NOT EXISTS (SELECT FROM batch_candidate c WHERE c.id = i.resource_id AND c.desired = 'present')",
        id
    )
    .execute(&mut *conn)
    .await?;
    let gone = i32::try_from(gone.rows_affected()).unwrap_or(i32::MAX);
    sqlx::query!("UPDATE batch SET skipped = skipped + $2 WHERE id = $1", id, gone).execute(conn).await?;
    Ok(())
}

/// Resources of a batch that would be done alike.
#[derive(Clone, Debug)]
pub struct Group {
    /// What they have in common.
    pub key: Uuid,
    /// How many they are.
    pub resources: i32,
    /// Their type.
    pub kind: String,
    /// Their provider.
    pub provider: Option<String>,
    /// The version that they have.
    pub from_version: Option<String>,
    /// The version that does it.
    pub to_version: Option<String>,
    /// By this workflow.
    pub workflow: Option<String>,
    /// The digest of its plan.
    pub plan_digest: Option<Vec<u8>>,
    /// Why nothing can be done for them.
    pub problem: Option<String>,
    /// One of them.
    pub sample: ResourceId,
}

/// Keeps what would be done: the groups, the preview and the digest that an approval is for. Resources of a group with a problem
/// are left out, with that for a reason.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn store(conn: &mut PgConnection, id: Uuid, groups: &[Group], preview: &Value, digest: &[u8]) -> Result<()> {
    sqlx::query!("DELETE FROM batch_group WHERE batch_id = $1", id).execute(&mut *conn).await?;
    sqlx::query!(
        "INSERT INTO batch_group (batch_id, key, resources, kind, provider, from_version, to_version, workflow, plan_digest, problem, sample)
         SELECT $1, * FROM UNNEST($2::uuid[], $3::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bytea[], $10::text[],
                                  $11::uuid[])",
        id,
        &groups.iter().map(|it| it.key).collect::<Vec<_>>(),
        &groups.iter().map(|it| it.resources).collect::<Vec<_>>(),
        &groups.iter().map(|it| it.kind.clone()).collect::<Vec<_>>(),
        &groups.iter().map(|it| it.provider.clone()).collect::<Vec<_>>() as &[Option<String>],
        &groups.iter().map(|it| it.from_version.clone()).collect::<Vec<_>>() as &[Option<String>],
        &groups.iter().map(|it| it.to_version.clone()).collect::<Vec<_>>() as &[Option<String>],
        &groups.iter().map(|it| it.workflow.clone()).collect::<Vec<_>>() as &[Option<String>],
        &groups.iter().map(|it| it.plan_digest.clone()).collect::<Vec<_>>() as &[Option<Vec<u8>>],
        &groups.iter().map(|it| it.problem.clone()).collect::<Vec<_>>() as &[Option<String>],
        &groups.iter().map(|it| it.sample.0).collect::<Vec<_>>(),
    )
    .execute(&mut *conn)
    .await?;
    if groups.iter().any(|group| group.problem.is_some()) {
        let left_out = sqlx::query!(
            "UPDATE batch_item i SET status = 'skipped', detail = g.problem, started_at = now(), finished_at = now()
             FROM batch_group g
             WHERE g.batch_id = $1 AND g.problem IS NOT NULL AND i.batch_id = $1 AND i.group_key = g.key AND i.status = 'open'",
            id
        );
        let left_out = i32::try_from(left_out.execute(&mut *conn).await?.rows_affected()).unwrap_or(i32::MAX);
        sqlx::query!("UPDATE batch SET skipped = skipped + $2 WHERE id = $1", id, left_out).execute(&mut *conn).await?;
    }
    sqlx::query!("UPDATE batch SET preview = $2, digest = $3 WHERE id = $1", id, preview, digest).execute(conn).await?;
    Ok(())
}

/// The group of that key, as it was kept.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn group(executor: impl PgExecutor<'_>, id: Uuid, key: Uuid) -> Result<Option<Group>> {
    Ok(sqlx::query_as!(
        Group,
        r#"SELECT key, resources, kind, provider, from_version, to_version, workflow, plan_digest, problem, sample AS "sample: ResourceId"
           FROM batch_group WHERE batch_id = $1 AND key = $2"#,
        id,
        key,
    )
    .fetch_optional(executor)
    .await?)
}

/// How many resources of a batch are of one team, type or environment.
#[derive(Clone, Debug)]
pub struct Facet {
    /// `team`, `type` or `environment`.
    pub of: String,
    /// Which.
    pub name: String,
    /// How many.
    pub count: i64,
}

/// How the resources that a batch has not begun with spread over teams, types and environments, the largest first.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn facets(executor: impl PgExecutor<'_>, id: Uuid) -> Result<Vec<Facet>> {
    Ok(sqlx::query_as!(
        Facet,
        r#"SELECT of AS "of!", name AS "name!", count AS "count!" FROM (
               SELECT CASE grouping(c.team, c.type, c.environment) WHEN 3 THEN 'team' WHEN 5 THEN 'type' ELSE 'environment' END AS of,
                      coalesce(c.team, c.type, c.environment) AS name, count(*) AS count,
                      row_number() OVER (PARTITION BY grouping(c.team, c.type, c.environment) ORDER BY count(*) DESC, coalesce(c.team, c.type, c.environment)) AS place
               FROM batch_item i JOIN batch_candidate c ON c.id = i.resource_id
               WHERE i.batch_id = $1 AND i.status = 'open'
               GROUP BY GROUPING SETS ((c.team), (c.type), (c.environment))) counted
           WHERE place <= $2 ORDER BY of, place"#,
        id,
        NAMES,
    )
    .fetch_all(executor)
    .await?)
}

/// Resources of a team that name outputs of those of a batch, and are not of it themselves.
#[derive(Clone, Debug)]
pub struct Dependents {
    /// The team.
    pub team: String,
    /// How many.
    pub count: i64,
}

/// What depends on the resources that a batch has not begun with, by team, most first.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn dependents(executor: impl PgExecutor<'_>, id: Uuid) -> Result<Vec<Dependents>> {
    Ok(sqlx::query_as!(
        Dependents,
        r#"SELECT a.team, count(DISTINCT r.id) AS "count!"
           FROM batch_item i JOIN resource_dependency d ON d.depends_on_id = i.resource_id AND d.wanted
           JOIN resource r ON r.id = d.resource_id AND r.state <> 'terminated' JOIN application a ON a.id = r.application_id
           WHERE i.batch_id = $1 AND i.status = 'open'
             AND NOT EXISTS (SELECT FROM batch_item other WHERE other.batch_id = $1 AND other.resource_id = r.id)
           GROUP BY a.team ORDER BY 2 DESC, 1 LIMIT $2"#,
        id,
        NAMES,
    )
    .fetch_all(executor)
    .await?)
}

/// For how many resources a param would be another.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// What it would be; null: what the spec says.
    pub value: Value,
    /// How many have something else.
    pub differs: i64,
}

/// What the params of a batch would change of the resources that it has not begun with.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn settings(executor: impl PgExecutor<'_>, id: Uuid, params: &Value) -> Result<Vec<Setting>> {
    Ok(sqlx::query_as!(
        Setting,
        r#"SELECT p.key AS "name!", p.value AS "value!",
                  count(*) FILTER (WHERE (c.params || c.overrides) -> p.key
                                         IS DISTINCT FROM CASE jsonb_typeof(p.value) WHEN 'null' THEN c.params -> p.key ELSE p.value END) AS "differs!"
           FROM jsonb_each($2) p CROSS JOIN batch_item i JOIN batch_candidate c ON c.id = i.resource_id
           WHERE i.batch_id = $1 AND i.status = 'open' GROUP BY p.key, p.value ORDER BY p.key"#,
        id,
        params,
    )
    .fetch_all(executor)
    .await?)
}

/// How long runs of a workflow took lately.
#[derive(Clone, Debug)]
pub struct Median {
    /// Its provider.
    pub provider: String,
    /// The workflow.
    pub workflow: String,
    /// The median, in seconds.
    pub seconds: f64,
    /// Of how many runs.
    pub runs: i64,
}

/// How long the last runs of these workflows took that completed, as far as there are any.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn medians(
    executor: impl PgExecutor<'_>,
    workflows: &[(String, String)],
    operation: Option<Operation>,
) -> Result<Vec<Median>> {
    let (providers, names): (Vec<String>, Vec<String>) = workflows.iter().cloned().unzip();
    Ok(sqlx::query_as!(
        Median,
        r#"SELECT asked.provider AS "provider!", asked.workflow AS "workflow!", past.seconds AS "seconds!", past.runs AS "runs!"
           FROM UNNEST($1::text[], $2::text[]) AS asked (provider, workflow)
           CROSS JOIN LATERAL (
               SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at)::float8) AS seconds, count(*) AS runs
               FROM (SELECT status, operation, started_at, finished_at FROM run
                     WHERE run.provider = asked.provider AND run.workflow = asked.workflow ORDER BY run.id DESC LIMIT $4::bigint * 10) recent
               WHERE status = 'completed' AND started_at IS NOT NULL AND ($3::text IS NULL OR operation = $3)) past
           WHERE past.runs > 0"#,
        &providers,
        &names,
        operation.map(Operation::as_str),
        HISTORY,
    )
    .fetch_all(executor)
    .await?)
}
