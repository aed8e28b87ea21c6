//! Applications: submitted, looked at, deleted.
//!
//! Everything that changes which resources an application has takes an advisory lock on its name first, and no other
//! lock before it: changes of one application go one after another, whatever they touch. Rows are then locked in the
//! order of the house (run, step, resource, application), resources among themselves by identity, so that two
//! applications that share resources cannot wait for each other in a ring.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

mod expiry;
mod generation;
mod protection;

pub use expiry::{Expired, expire_one, set_expiry};
pub use generation::{Generation, generation, generations, latest_generation};
pub use protection::{Protection, protect};

use super::{
    Result,
    event::{self, NewEvent},
    labels::LabelSelector,
    notify, resource,
};
use crate::domain::{access::Visible, event as events, ids::ApplicationId, resource::PROTECTION};

/// An application and how its resources stand.
#[derive(Clone, Debug)]
pub struct Application {
    /// Its id.
    pub id: ApplicationId,
    /// Its name.
    pub name: String,
    /// The team that owns it.
    pub team: String,
    /// The number of its latest generation.
    pub generation: i32,
    /// Labels.
    pub labels: Value,
    /// When it was first submitted.
    pub created_at: DateTime<Utc>,
    /// When it changed last.
    pub updated_at: DateTime<Utc>,
    /// When its deletion was asked for.
    pub delete_requested_at: Option<DateTime<Utc>>,
    /// When its last resource was gone.
    pub deleted_at: Option<DateTime<Utc>>,
    /// Whether it may not be deleted, by its spec or by a person.
    pub protected: bool,
    /// When it will be deleted by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// Since when its protection keeps it beyond that time.
    pub expiry_blocked_at: Option<DateTime<Utc>>,
    /// Resources it uses that are not terminated.
    pub resources: i64,
    /// Those of them that are active, and as asked for.
    pub active: i64,
    /// Those of them that failed.
    pub failed: i64,
}

/// Which applications to list. What is not set does not restrict.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this team.
    pub team: Option<String>,
    /// With these labels.
    pub labels: LabelSelector,
    /// Deleted ones too.
    pub deleted: bool,
    /// Of these teams.
    pub visible: Visible,
}

impl Filter {
    /// What `application_ids` reads.
    fn wanted(&self) -> Value {
        let Self { team, labels, deleted, visible: _ } = self;
        let mut wanted = labels.wanted();
        wanted.extend(team.as_ref().map(|team| ("team".to_owned(), json!(team))));
        wanted.extend((!deleted).then(|| ("living".to_owned(), Value::Bool(true))));
        Value::Object(wanted)
    }
}

/// Reads applications: from where, and what follows that, then its parameters.
macro_rules! seen {
    ($from:literal, $which:literal $(, $value:expr)* $(,)?) => {
        sqlx::query_as!(
            Application,
            r#"SELECT a.id AS "id!: ApplicationId", a.name AS "name!", a.team AS "team!", a.generation AS "generation!", a.labels AS "labels!",
                      a.created_at AS "created_at!", a.updated_at AS "updated_at!", a.delete_requested_at, a.deleted_at, a.expires_at,
                      a.expiry_blocked_at, a.kept AS "protected!", a.resources AS "resources!", a.active AS "active!", a.failed AS "failed!"
               FROM "# + $from + " a " + $which
            $(, $value)*
        )
    };
}

/// A page of applications, newest first: those before `before` (none: from the newest), at most `limit`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn page(
    executor: impl PgExecutor<'_>,
    filter: &Filter,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Application>> {
    Ok(seen!(
        "applications_seen(ARRAY(SELECT * FROM application_ids($1, $2, $3, $4)))",
        "ORDER BY a.id DESC",
        filter.wanted(),
        filter.visible.teams(),
        before,
        limit,
    )
    .fetch_all(executor)
    .await?)
}

/// The application of that name: the live one, or the one deleted last when there is none.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn find(executor: impl PgExecutor<'_>, name: &str) -> Result<Option<Application>> {
    // A name becomes free only by deletion, so the newest is the live one if any is.
    Ok(seen!("application_seen", "WHERE a.name = $1 ORDER BY a.id DESC LIMIT 1", name).fetch_optional(executor).await?)
}

/// Whether the live application of this name asks for the resource of this identity now.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn asks_for(executor: impl PgExecutor<'_>, name: &str, identity: &str) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM application a JOIN resource r ON r.application_id = a.id
                          WHERE a.name = $1 AND a.delete_requested_at IS NULL AND r.identity = $2
                            AND r.state <> 'terminated' AND r.desired = 'present') AS "asks!""#,
        name,
        identity
    )
    .fetch_one(executor)
    .await?)
}

/// Takes the lock that every change of the application of that name happens under, until the transaction ends.
pub async fn lock_name(conn: &mut PgConnection, name: &str) -> Result<()> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('application:' || $1, 0))", name).execute(conn).await?;
    Ok(())
}

/// What became of a wish to delete an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// It is being deleted: this many resources have to go first.
    Requested {
        /// How many resources will be removed.
        resources: usize,
    },
    /// It was being deleted before.
    Underway,
    /// It had nothing that must go first, and is deleted.
    Done,
    /// It may not be deleted; nothing was changed.
    Protected {
        /// Whether the application itself is protected.
        application: bool,
        /// Names of its resources that are.
        resources: Vec<String>,
    },
    /// There is no such application, or it was deleted before.
    Unknown,
}

/// Deletes an application: its own resources are to go, shared ones are left to their other users, live runs that make
/// what is to go are cancelled. Asking again changes nothing.
///
/// # Errors
/// When Postgres cannot be reached, or a run of it was claimed in between ([`super::StoreError::is_conflict`]: try again).
pub async fn delete(conn: &mut PgConnection, name: &str, actor: &str) -> Result<Deletion> {
    lock_name(conn, name).await?;
    // The live one, or else one that is on its way out.
    let found = sqlx::query!(
        r#"SELECT a.id AS "id: ApplicationId", a.delete_requested_at IS NOT NULL AS "underway!",
                  (a.protected OR coalesce(g.spec -> 'metadata' -> 'annotations' ->> $2, '') = 'true') AS "protected!"
           FROM application a LEFT JOIN generation g ON g.application_id = a.id AND g.number = a.generation
           WHERE a.name = $1 AND a.deleted_at IS NULL ORDER BY a.id DESC LIMIT 1"#,
        name,
        PROTECTION,
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(found) = found else { return Ok(Deletion::Unknown) };
    if found.underway {
        return Ok(Deletion::Underway);
    }
    if found.protected {
        return Ok(Deletion::Protected { application: true, resources: Vec::new() });
    }
    if let Err(resources) = resource::release_all(&mut *conn, found.id, actor).await? {
        return Ok(Deletion::Protected { application: false, resources });
    }
    // Those too that an earlier spec dropped and that are not gone yet. Their ends take the application's lock after their
    // own, so this one is had first: whoever is last sees that the application goes too.
    sqlx::query!("SELECT id FROM application WHERE id = $1 FOR NO KEY UPDATE", found.id.0)
        .fetch_one(&mut *conn)
        .await?;
    let leaving = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM resource WHERE application_id = $1 AND state <> 'terminated' AND desired = 'absent'"#,
        found.id.0
    )
    .fetch_one(&mut *conn)
    .await?;
    let resources = usize::try_from(leaving).unwrap_or(usize::MAX);
    sqlx::query!(
        "UPDATE application SET delete_requested_at = now(), updated_at = now(),
                deleted_at = CASE WHEN $2 THEN now() END
         WHERE id = $1",
        found.id.0,
        resources == 0,
    )
    .execute(&mut *conn)
    .await?;
    let mut kinds = vec![events::APPLICATION_DELETE_REQUESTED];
    if resources == 0 {
        kinds.push(events::APPLICATION_DELETED);
    }
    let happened: Vec<NewEvent> = kinds
        .into_iter()
        .map(|kind| NewEvent {
            kind: kind.into(),
            application_id: Some(found.id),
            actor: Some(actor.into()),
            ..NewEvent::default()
        })
        .collect();
    event::append(&mut *conn, &happened).await?;
    notify(conn).await?;
    Ok(if resources == 0 { Deletion::Done } else { Deletion::Requested { resources } })
}
