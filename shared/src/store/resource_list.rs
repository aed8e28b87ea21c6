//! Resources as people look at them.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::{Result, labels::LabelSelector};
use crate::domain::{
    access::Visible,
    ids::{ApplicationId, ResourceId, RunId},
    resource::ResourceState,
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
    /// Of this type.
    pub kind: Option<String>,
    /// In this state; without it, in any but terminated.
    pub state: Option<ResourceState>,
    /// Used by the application of this name.
    pub application: Option<String>,
    /// Served by the provider of this name.
    pub provider: Option<String>,
    /// Whose own name begins so.
    pub name: Option<String>,
    /// With these labels.
    pub labels: LabelSelector,
    /// Those that applications of these teams have or use. Runs of other teams are not named.
    pub visible: Visible,
}

impl Filter {
    /// What `resource_ids` reads.
    fn wanted(&self) -> Value {
        let Self { kind, state, application, provider, name, labels, visible: _ } = self;
        let members = [
            ("type", kind.as_ref().map(|kind| json!(kind))),
            ("state", state.map(|state| json!(state.as_str()))),
            ("living", state.is_none().then_some(Value::Bool(true))),
            ("application", application.as_ref().map(|name| json!(name))),
            ("provider", provider.as_ref().map(|name| json!(name))),
            ("named", name.as_ref().map(|begin| json!(begin))),
        ];
        let mut wanted = labels.wanted();
        wanted.extend(members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        Value::Object(wanted)
    }
}

/// Reads resources: what follows the list of columns, then its parameters from `$2` on. `$1` are the teams that may read,
/// as those in [`Visible::teams`].
macro_rules! seen {
    ($executor:expr, $which:literal, $visible:expr $(, $value:expr)* $(,)?) => {
        sqlx::query_as!(
            Resource,
            r#"SELECT r.id AS "id!: ResourceId", r.application_id AS "application_id!: ApplicationId", r.application AS "application!",
                      r.name AS "name!", r.type AS "kind!", r.class, r.identity AS "identity!", r.shared AS "shared!",
                      r.params AS "params!", r.resolved_params, r.annotations AS "annotations!", r.labels AS "labels!",
                      r.outputs AS "outputs!", r.applied_params, r.applied_uncertain_since, r.tags AS "tags!", r.workflow_override,
                      r.reconciling AS "reconciling!", r.kept AS "protected!", r.sensitive_outputs AS "sensitive_outputs!",
                      r.state AS "state!: ResourceState", r.state_since AS "state_since!", r.desired = 'absent' AS "absent!",
                      CASE WHEN $1::text[] IS NULL OR r.team = ANY ($1) THEN r.current_run_id END AS "current_run_id: RunId",
                      CASE WHEN $1::text[] IS NULL OR r.team = ANY ($1) THEN r.last_run_id END AS "last_run_id: RunId",
                      CASE WHEN $1::text[] IS NULL OR r.failed_run_team = ANY ($1) THEN r.failed_run_id END AS "failed_run_id: RunId",
                      r.run_status AS "run_status: RunStatus", r.run_reason, r.error_code, r.error_message, r.provider,
                      r.provider_version, r.state_uncertain_since, r.drift, r.drift_since, r.read_at, r.created_at AS "created_at!",
                      r.updated_at AS "updated_at!"
               FROM resource_seen r "# + $which,
            $visible $(, $value)*
        )
        .fetch_all($executor)
    };
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
    Ok(seen!(
        executor,
        "WHERE r.id = ANY (ARRAY(SELECT * FROM resource_ids($2, $1, $3, $4))) ORDER BY r.id DESC",
        filter.visible.teams(),
        filter.wanted(),
        before,
        limit,
    )
    .await?)
}

/// The resources that an application has or uses, newest first, at most `limit`: those that are not terminated, and those that
/// were at `ended_since` or later. For people who may read runs of these teams; others are not named.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn of_application(
    executor: impl PgExecutor<'_>,
    application: ApplicationId,
    ended_since: Option<DateTime<Utc>>,
    visible: &Visible,
    limit: i64,
) -> Result<Vec<Resource>> {
    Ok(seen!(
        executor,
        "WHERE r.id IN (SELECT o.id FROM resource o WHERE o.application_id = $2
                        UNION SELECT u.resource_id FROM resource_user u WHERE u.application_id = $2)
           AND (r.state <> 'terminated' OR r.state_since >= $3)
         ORDER BY r.id DESC LIMIT $4",
        visible.teams(),
        application.0,
        ended_since,
        limit,
    )
    .await?)
}

/// One resource, terminated or not.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn find(executor: impl PgExecutor<'_>, id: ResourceId) -> Result<Option<Resource>> {
    find_as(executor, id, Visible::All).await
}

/// One resource, terminated or not, for people who may read it; runs that they may not are not named.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn find_as(executor: impl PgExecutor<'_>, id: ResourceId, visible: Visible) -> Result<Option<Resource>> {
    Ok(seen!(executor, "WHERE r.id = $2", visible.teams(), id.0).await?.pop())
}

/// An application that uses a resource.
#[derive(Clone, Debug)]
pub struct User {
    /// The application's id.
    pub application_id: ApplicationId,
    /// The application.
    pub application: String,
    /// The name by which it uses the resource.
    pub name: String,
}

/// Which applications of these teams use a resource: the oldest application first, and those after this one and the name in it.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn users(
    executor: impl PgExecutor<'_>,
    id: ResourceId,
    visible: &Visible,
    after: Option<(Uuid, &str)>,
    limit: i64,
) -> Result<Vec<User>> {
    let (application, name) = after.unzip();
    Ok(sqlx::query_as!(
        User,
        r#"SELECT u.application_id AS "application_id: ApplicationId", a.name AS application, u.name
           FROM resource_user u JOIN application a ON a.id = u.application_id
           WHERE u.resource_id = $1 AND ($2::text[] IS NULL OR a.team = ANY ($2))
             AND ($3::uuid IS NULL OR (u.application_id, u.name) > ($3, $4))
           ORDER BY u.application_id, u.name LIMIT $5"#,
        id.0,
        visible.teams(),
        application,
        name,
        limit,
    )
    .fetch_all(executor)
    .await?)
}

/// The resources that this one names outputs of, as far as applications of these teams have or use them.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn dependencies(executor: impl PgExecutor<'_>, id: ResourceId, visible: &Visible) -> Result<Vec<ResourceId>> {
    Ok(sqlx::query_scalar!(
        r#"SELECT depends_on_id AS "id: ResourceId" FROM resource_dependency d
           WHERE resource_id = $1 AND wanted AND ($2::text[] IS NULL
                 OR EXISTS (SELECT FROM resource r JOIN application a ON a.id = r.application_id
                            WHERE r.id = d.depends_on_id AND a.team = ANY ($2))
                 OR EXISTS (SELECT FROM resource_user u JOIN application a ON a.id = u.application_id
                            WHERE u.resource_id = d.depends_on_id AND a.team = ANY ($2)))
           ORDER BY 1"#,
        id.0,
        visible.teams(),
    )
    .fetch_all(executor)
    .await?)
}
