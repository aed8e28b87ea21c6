//! Whose things are: what the decision about a request needs to know of its object, by one indexed query each.

use sqlx::PgExecutor;
use uuid::Uuid;

use super::Result;
use crate::domain::ids::{ApiKeyId, ResourceId, RunId, SessionId};

/// An application: the live one of its name, else the one deleted last.
#[derive(Clone, Debug)]
pub struct Application {
    /// The team that owns it.
    pub team: String,
}

/// The application of that name.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn application(executor: impl PgExecutor<'_>, name: &str) -> Result<Option<Application>> {
    // A name becomes free only by deletion, so the newest is the live one if any is.
    let found =
        sqlx::query_as!(Application, "SELECT team FROM application WHERE name = $1 ORDER BY id DESC LIMIT 1", name);
    Ok(found.fetch_optional(executor).await?)
}

/// A resource.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// Its class.
    pub class: Option<String>,
    /// The application it belongs to.
    pub application: String,
    /// That application's team.
    pub team: String,
    /// The teams whose applications use it.
    pub users: Vec<String>,
}

/// The resource of that id, terminated or not.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn resource(executor: impl PgExecutor<'_>, id: ResourceId) -> Result<Option<Resource>> {
    let found = sqlx::query_as!(
        Resource,
        r#"SELECT r.name, r.type AS kind, r.class, a.name AS application, a.team,
                  ARRAY(SELECT DISTINCT o.team FROM resource_user u JOIN application o ON o.id = u.application_id
                        WHERE u.resource_id = r.id) AS "users!"
           FROM resource r JOIN application a ON a.id = r.application_id WHERE r.id = $1"#,
        id.0
    );
    Ok(found.fetch_optional(executor).await?)
}

/// A run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its workflow.
    pub workflow: String,
    /// That workflow's provider.
    pub provider: String,
    /// The application it is for.
    pub application: Option<String>,
    /// The team whose it is.
    pub team: String,
    /// The teams that its approvals name.
    pub asked: Vec<String>,
}

/// The run of that id.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn run(executor: impl PgExecutor<'_>, id: RunId) -> Result<Option<Run>> {
    let found = sqlx::query_as!(
        Run,
        r#"SELECT run.workflow, run.provider, a.name AS "application?", run.team,
                  ARRAY(SELECT DISTINCT team FROM approval p CROSS JOIN UNNEST(p.teams) team WHERE p.run_id = run.id) AS "asked!"
           FROM run LEFT JOIN application a ON a.id = run.application_id WHERE run.id = $1"#,
        id.0
    );
    Ok(found.fetch_optional(executor).await?)
}

/// A step of a run, and who is asked to decide about it.
#[derive(Clone, Debug)]
pub struct Approval {
    /// The run's workflow.
    pub workflow: String,
    /// The application that the run is for.
    pub application: Option<String>,
    /// The team whose run it is.
    pub team: String,
    /// The roles asked; none: nobody in particular, or the step asks for nothing.
    pub roles: Vec<String>,
    /// The teams asked; none: the run's own.
    pub teams: Vec<String>,
}

/// What a step of a run asks people; also when it asks nothing. None when there is no such run.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn approval(executor: impl PgExecutor<'_>, run: RunId, step: &str) -> Result<Option<Approval>> {
    let found = sqlx::query_as!(
        Approval,
        r#"SELECT run.workflow, a.name AS "application?", run.team, coalesce(p.roles, '{}') AS "roles!",
                  coalesce(p.teams, '{}') AS "teams!"
           FROM run
           LEFT JOIN application a ON a.id = run.application_id
           LEFT JOIN step s ON s.run_id = run.id AND s.name = $2
           LEFT JOIN approval p ON p.step_id = s.id
           WHERE run.id = $1 LIMIT 1"#,
        run.0,
        step,
    );
    Ok(found.fetch_optional(executor).await?)
}

/// Whose a key is: its owner's, or its own.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn key(executor: impl PgExecutor<'_>, id: ApiKeyId) -> Result<Option<Uuid>> {
    let owner = sqlx::query_scalar!(
        r#"SELECT coalesce(person_id, service_account_id, id) AS "owner!" FROM api_key WHERE id = $1"#,
        id.0
    );
    Ok(owner.fetch_optional(executor).await?)
}

/// Whose a session is.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn session(executor: impl PgExecutor<'_>, id: SessionId) -> Result<Option<Uuid>> {
    let owner = sqlx::query_scalar!("SELECT person_id FROM session WHERE id = $1", id.0);
    Ok(owner.fetch_optional(executor).await?)
}

/// Whose a webhook's endpoint is; within, none: the installation's.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn webhook(executor: impl PgExecutor<'_>, id: Uuid) -> Result<Option<Option<String>>> {
    let team = sqlx::query_scalar!("SELECT team FROM webhook_endpoint WHERE id = $1", id);
    Ok(team.fetch_optional(executor).await?)
}

/// Whose a rule about notifications is that is no person's; within, none: the installation's.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn notification(executor: impl PgExecutor<'_>, id: Uuid) -> Result<Option<Option<String>>> {
    let team = sqlx::query_scalar!("SELECT team FROM notification_rule WHERE id = $1 AND person_id IS NULL", id);
    Ok(team.fetch_optional(executor).await?)
}

/// Whose a person's rule about notifications is.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn own_notification(executor: impl PgExecutor<'_>, id: Uuid) -> Result<Option<Uuid>> {
    let owner = sqlx::query_scalar!("SELECT person_id FROM notification_rule WHERE id = $1", id);
    Ok(owner.fetch_optional(executor).await?.flatten())
}

/// The names of all teams that were ever named.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn teams(executor: impl PgExecutor<'_>) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar!("SELECT name FROM team ORDER BY name LIMIT 10000").fetch_all(executor).await?)
}
