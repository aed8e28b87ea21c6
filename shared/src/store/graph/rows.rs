//! The rows that a graph is made of.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::{
    domain::{
        access::Visible,
        ids::{ApplicationId, ResourceId, RunId, StepId},
        resource::ResourceState,
        run::{Operation, RunKind, RunStatus},
        step::StepStatus,
    },
    store::Result,
};

/// Rows of each kind that a graph shows at most.
const MAX_RESOURCES: i64 = 1000;
const MAX_RUNS: i64 = 2000;
const MAX_STEPS: i64 = 10_000;
const MAX_ORDERS: i64 = 50_000;
/// Runs shown with a resource.
const LAST_RUNS: i64 = 10;
/// Applications shown with a shared resource.
const MAX_USERS: i64 = 50;

#[derive(Clone, Debug)]
pub(super) struct Application {
    pub(super) id: ApplicationId,
    pub(super) name: String,
    pub(super) generation: i32,
    pub(super) created_at: DateTime<Utc>,
    pub(super) delete_requested_at: Option<DateTime<Utc>>,
    pub(super) deleted_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug)]
pub(super) struct Resource {
    pub(super) id: ResourceId,
    pub(super) application_id: ApplicationId,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) class: Option<String>,
    pub(super) state: ResourceState,
    pub(super) error_code: Option<String>,
    pub(super) provider: Option<String>,
    pub(super) provider_version: Option<String>,
    pub(super) current_run_id: Option<RunId>,
    pub(super) last_run_id: Option<RunId>,
    pub(super) created_at: DateTime<Utc>,
}

impl Resource {
    /// The run that works on it, else the one that worked on it last.
    pub(super) fn shown_run(&self) -> Option<RunId> {
        self.current_run_id.or(self.last_run_id)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) id: RunId,
    pub(super) kind: RunKind,
    pub(super) operation: Operation,
    pub(super) resource_id: Option<ResourceId>,
    pub(super) application_id: Option<ApplicationId>,
    pub(super) provider: String,
    pub(super) provider_version: String,
    pub(super) workflow: String,
    pub(super) plan_digest: Vec<u8>,
    pub(super) status: RunStatus,
    pub(super) reason: Option<String>,
    pub(super) error_code: Option<String>,
    pub(super) parent_run_id: Option<RunId>,
    pub(super) parent_step_id: Option<StepId>,
    pub(super) retry_of: Option<RunId>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) started_at: Option<DateTime<Utc>>,
    pub(super) finished_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) id: StepId,
    pub(super) run_id: RunId,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) status: StepStatus,
    /// The loop that it is an element of.
    pub(super) parent: Option<String>,
    pub(super) inherited: bool,
    /// What it waits for, or why it failed.
    pub(super) reason: Option<String>,
    /// The application it asked for.
    pub(super) asked_id: Option<ApplicationId>,
    pub(super) started_at: Option<DateTime<Utc>>,
    pub(super) finished_at: Option<DateTime<Utc>>,
    /// Seconds that its tries took, lost ones too; none when it had none.
    pub(super) tried_s: Option<f64>,
}

/// For one plan: the steps that each step comes after, by name.
pub(super) type Order = HashMap<String, Vec<String>>;

/// Everything that a graph is made of.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    pub(super) now: DateTime<Utc>,
    pub(super) applications: Vec<Application>,
    pub(super) resources: Vec<Resource>,
    pub(super) uses: Vec<(ApplicationId, ResourceId)>,
    /// What comes first, and what needs it.
    pub(super) needs: Vec<(ResourceId, ResourceId)>,
    /// Parents before their children.
    pub(super) runs: Vec<Run>,
    /// In the order of their workflows.
    pub(super) steps: Vec<Step>,
    /// By digest of the plan.
    pub(super) orders: HashMap<Vec<u8>, Order>,
    pub(super) truncated: bool,
}

/// All that belongs to these resources, runs and applications.
pub(super) async fn gather(
    conn: &mut PgConnection,
    mut resources: Vec<Resource>,
    runs: &[RunId],
    mut applications: Vec<ApplicationId>,
    visible: &Visible,
) -> Result<Rows> {
    let mut truncated = cut(&mut resources, MAX_RESOURCES);
    let mut runs = trees(&mut *conn, runs, visible).await?;
    truncated |= cut(&mut runs, MAX_RUNS);
    let run_ids: Vec<Uuid> = runs.iter().map(|run| run.id.0).collect();
    let mut steps = steps(&mut *conn, &run_ids).await?;
    truncated |= cut(&mut steps, MAX_STEPS);
    let digests: BTreeSet<&[u8]> = runs.iter().map(|run| run.plan_digest.as_slice()).collect();
    let orders = orders(&mut *conn, &digests.into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>()).await?;
    if applications.is_empty() {
        applications.extend(runs.iter().filter_map(|run| run.application_id));
        applications.extend(resources.iter().map(|resource| resource.application_id));
    }
    applications.extend(steps.iter().filter_map(|step| step.asked_id));
    let application_ids: BTreeSet<Uuid> = applications.into_iter().map(|id| id.0).collect();
    let application_ids: Vec<Uuid> = application_ids.into_iter().collect();
    let applications = named(&mut *conn, &application_ids, visible).await?;
    let application_ids: Vec<Uuid> = applications.iter().map(|application| application.id.0).collect();
    let resource_ids: Vec<Uuid> = resources.iter().map(|resource| resource.id.0).collect();
    let needs = needs(&mut *conn, &resource_ids).await?;
    let uses = uses(&mut *conn, &application_ids, &resource_ids).await?;
    Ok(Rows { now: Utc::now(), applications, resources, uses, needs, runs, steps, orders, truncated })
}

/// Cuts what was read beyond the limit; whether there was any.
fn cut<T>(rows: &mut Vec<T>, limit: i64) -> bool {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    more
}

pub(super) async fn application(executor: impl PgExecutor<'_>, name: &str) -> Result<Option<ApplicationId>> {
    // A name becomes free only by deletion, so the newest is the live one if any is.
    Ok(sqlx::query_scalar!(
        r#"SELECT id AS "id: ApplicationId" FROM application WHERE name = $1 ORDER BY id DESC LIMIT 1"#,
        name
    )
    .fetch_optional(executor)
    .await?)
}

pub(super) async fn root(executor: impl PgExecutor<'_>, id: RunId) -> Result<Option<RunId>> {
    Ok(sqlx::query_scalar!(r#"SELECT root_run_id AS "root: RunId" FROM run WHERE id = $1"#, id.0)
        .fetch_optional(executor)
        .await?)
}

pub(super) async fn resources_of(executor: impl PgExecutor<'_>, id: ApplicationId) -> Result<Vec<Resource>> {
    Ok(sqlx::query_as!(
        Resource,
        r#"SELECT r.id AS "id: ResourceId", r.application_id AS "application_id: ApplicationId", r.name, r.type AS kind, r.class,
                  r.state AS "state: ResourceState", r.error_code, r.provider, r.provider_version,
                  r.current_run_id AS "current_run_id: RunId", r.last_run_id AS "last_run_id: RunId", r.created_at
           FROM resource r
           WHERE r.id IN (SELECT o.id FROM resource o WHERE o.application_id = $1
                          UNION SELECT u.resource_id FROM resource_user u WHERE u.application_id = $1)
             AND (r.state <> 'terminated' OR EXISTS (SELECT FROM application a WHERE a.id = $1 AND a.deleted_at IS NOT NULL))
           ORDER BY r.id LIMIT $2"#,
        id.0,
        MAX_RESOURCES + 1,
    )
    .fetch_all(executor)
    .await?)
}

pub(super) async fn resources_of_tree(executor: impl PgExecutor<'_>, root: RunId) -> Result<Vec<Resource>> {
    Ok(sqlx::query_as!(
        Resource,
        r#"SELECT r.id AS "id: ResourceId", r.application_id AS "application_id: ApplicationId", r.name, r.type AS kind, r.class,
                  r.state AS "state: ResourceState", r.error_code, r.provider, r.provider_version,
                  r.current_run_id AS "current_run_id: RunId", r.last_run_id AS "last_run_id: RunId", r.created_at
           FROM resource r
           WHERE r.id IN (SELECT resource_id FROM run WHERE id = $1
                          UNION SELECT resource_id FROM run WHERE root_run_id = $1 AND root_run_id <> id)
           ORDER BY r.id LIMIT $2"#,
        root.0,
        MAX_RESOURCES + 1,
    )
    .fetch_all(executor)
    .await?)
}

pub(super) async fn resource_and_neighbours(
    executor: impl PgExecutor<'_>,
    id: ResourceId,
    visible: &Visible,
) -> Result<Vec<Resource>> {
    Ok(sqlx::query_as!(
        Resource,
        r#"SELECT r.id AS "id: ResourceId", r.application_id AS "application_id: ApplicationId", r.name, r.type AS kind, r.class,
                  r.state AS "state: ResourceState", r.error_code, r.provider, r.provider_version,
                  r.current_run_id AS "current_run_id: RunId", r.last_run_id AS "last_run_id: RunId", r.created_at
           FROM resource r
           WHERE r.id IN (SELECT $1::uuid
                          UNION SELECT depends_on_id FROM resource_dependency WHERE resource_id = $1
                          UNION SELECT resource_id FROM resource_dependency WHERE depends_on_id = $1)
             AND ($3::text[] IS NULL OR r.id = $1
                  OR EXISTS (SELECT FROM application a WHERE a.id = r.application_id AND a.team = ANY ($3))
                  OR EXISTS (SELECT FROM resource_user u JOIN application a ON a.id = u.application_id
                             WHERE u.resource_id = r.id AND a.team = ANY ($3)))
           -- The resource itself is not what falls to the limit.
           ORDER BY (r.id <> $1), r.id LIMIT $2"#,
        id.0,
        MAX_RESOURCES + 1,
        visible.teams(),
    )
    .fetch_all(executor)
    .await?)
}

pub(super) async fn last_runs(executor: impl PgExecutor<'_>, id: ResourceId) -> Result<Vec<RunId>> {
    Ok(sqlx::query_scalar!(
        r#"SELECT id AS "id: RunId" FROM run WHERE resource_id = $1 ORDER BY id DESC LIMIT $2"#,
        id.0,
        LAST_RUNS
    )
    .fetch_all(executor)
    .await?)
}

pub(super) async fn users(executor: impl PgExecutor<'_>, id: ResourceId) -> Result<Vec<ApplicationId>> {
    Ok(sqlx::query_scalar!(
        r#"SELECT id AS "id!: ApplicationId"
           FROM (SELECT application_id AS id FROM resource WHERE id = $1
                 UNION SELECT application_id FROM resource_user WHERE resource_id = $1) used ORDER BY 1 LIMIT $2"#,
        id.0,
        MAX_USERS
    )
    .fetch_all(executor)
    .await?)
}

async fn uses(
    executor: impl PgExecutor<'_>,
    applications: &[Uuid],
    resources: &[Uuid],
) -> Result<Vec<(ApplicationId, ResourceId)>> {
    let rows = sqlx::query!(
        r#"SELECT application_id AS "application_id!: ApplicationId", id AS "resource_id!: ResourceId"
           FROM (SELECT application_id, id FROM resource WHERE id = ANY ($2)
                 UNION SELECT application_id, resource_id FROM resource_user WHERE resource_id = ANY ($2)) used
           WHERE application_id = ANY ($1) ORDER BY 1, 2"#,
        applications,
        resources,
    )
    .fetch_all(executor)
    .await?;
    Ok(rows.into_iter().map(|row| (row.application_id, row.resource_id)).collect())
}

async fn needs(executor: impl PgExecutor<'_>, resources: &[Uuid]) -> Result<Vec<(ResourceId, ResourceId)>> {
    let rows = sqlx::query!(
        r#"SELECT depends_on_id AS "first: ResourceId", resource_id AS "then: ResourceId"
           FROM resource_dependency WHERE resource_id = ANY ($1) AND depends_on_id = ANY ($1) ORDER BY 1, 2"#,
        resources,
    )
    .fetch_all(executor)
    .await?;
    Ok(rows.into_iter().map(|row| (row.first, row.then)).collect())
}

async fn named(executor: impl PgExecutor<'_>, ids: &[Uuid], visible: &Visible) -> Result<Vec<Application>> {
    Ok(sqlx::query_as!(
        Application,
        r#"SELECT id AS "id: ApplicationId", name, generation, created_at, delete_requested_at, deleted_at
           FROM application WHERE id = ANY ($1) AND ($2::text[] IS NULL OR team = ANY ($2)) ORDER BY id"#,
        ids,
        visible.teams(),
    )
    .fetch_all(executor)
    .await?)
}

/// These runs, all below them, and those they go on from or that go on from them.
async fn trees(executor: impl PgExecutor<'_>, roots: &[RunId], visible: &Visible) -> Result<Vec<Run>> {
    let roots: Vec<Uuid> = roots.iter().map(|id| id.0).collect();
    Ok(sqlx::query_as!(
        Run,
        r#"SELECT id AS "id: RunId", kind AS "kind: RunKind", operation AS "operation: Operation",
                  resource_id AS "resource_id: ResourceId", application_id AS "application_id: ApplicationId",
                  provider, provider_version, workflow, plan_digest, status AS "status: RunStatus", reason, error_code,
                  parent_run_id AS "parent_run_id: RunId", parent_step_id AS "parent_step_id: StepId",
                  retry_of AS "retry_of: RunId", created_at, started_at, finished_at
           FROM run
           WHERE id IN (SELECT UNNEST($1::uuid[])
                        UNION SELECT id FROM run WHERE root_run_id = ANY ($1) AND root_run_id <> id
                        UNION SELECT retry_of FROM run WHERE id = ANY ($1)
                        UNION SELECT id FROM run WHERE retry_of = ANY ($1))
             AND ($3::text[] IS NULL OR team = ANY ($3))
           ORDER BY depth, id LIMIT $2"#,
        &roots,
        MAX_RUNS + 1,
        visible.teams(),
    )
    .fetch_all(executor)
    .await?)
}

async fn steps(executor: impl PgExecutor<'_>, runs: &[Uuid]) -> Result<Vec<Step>> {
    Ok(sqlx::query_as!(
        Step,
        r#"SELECT step.id AS "id: StepId", run_id AS "run_id: RunId", name, type AS kind, status AS "status: StepStatus", parent,
                  inherited_from IS NOT NULL AS "inherited!",
                  coalesce(error_code, CASE WHEN status = 'waiting' THEN wait ->> 'kind' END) AS reason,
                  (wait -> 'asked' ->> 'application_id')::uuid AS "asked_id: ApplicationId",
                  started_at, finished_at, tries.seconds AS tried_s
           FROM step
           CROSS JOIN LATERAL (
               SELECT sum(extract(epoch FROM coalesce(finished_at, now()) - started_at))::float8 AS seconds
               FROM attempt WHERE step_id = step.id) tries
           WHERE run_id = ANY ($1) ORDER BY run_id, position, item_index NULLS FIRST LIMIT $2"#,
        runs,
        MAX_STEPS + 1,
    )
    .fetch_all(executor)
    .await?)
}

async fn orders(executor: impl PgExecutor<'_>, digests: &[Vec<u8>]) -> Result<HashMap<Vec<u8>, Order>> {
    let rows = sqlx::query!(
        r#"SELECT digest, step.value ->> 'name' AS "step!", first.value AS "first!"
           FROM plan
           CROSS JOIN LATERAL jsonb_array_elements(body -> 'steps') step
           CROSS JOIN LATERAL jsonb_array_elements_text(coalesce(step.value -> 'depends_on', '[]')) first
           WHERE digest = ANY ($1) LIMIT $2"#,
        digests,
        MAX_ORDERS,
    )
    .fetch_all(executor)
    .await?;
    let mut orders: HashMap<Vec<u8>, Order> = HashMap::new();
    for row in rows {
        orders.entry(row.digest).or_default().entry(row.step).or_default().push(row.first);
    }
    Ok(orders)
}
