//! Who is told of what: rules of people and teams.

pub mod delivery;
pub mod spread;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Result;
use crate::domain::{
    access::Visible,
    notification::{Channel, NotificationKind},
};

/// Whose a rule is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A person's: they are told of what concerns their teams.
    Person(Uuid),
    /// A team's.
    Team(String),
    /// The installation's: all teams' things.
    Installation,
}

impl Owner {
    fn person(&self) -> Option<Uuid> {
        match self {
            Self::Person(id) => Some(*id),
            Self::Team(_) | Self::Installation => None,
        }
    }

    /// The team, when it is one's.
    #[must_use]
    pub fn team(&self) -> Option<&str> {
        match self {
            Self::Team(team) => Some(team),
            Self::Person(_) | Self::Installation => None,
        }
    }
}

/// A rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its id.
    pub id: Uuid,
    /// The person whose it is; none: a team's or the installation's.
    pub person_id: Option<Uuid>,
    /// The team whose it is.
    pub team: Option<String>,
    /// What is told of: names of [`NotificationKind`].
    pub kinds: Vec<String>,
    /// How.
    pub channel: Channel,
    /// What may be shown of where.
    pub shown: String,
    /// For people.
    pub description: String,
    /// Seconds after a message within which more is told together.
    pub digest_s: i32,
    /// Until when nothing is sent, because something was just now.
    pub quiet_until: Option<DateTime<Utc>>,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
    /// Since when it tells nothing.
    pub paused_at: Option<DateTime<Utc>>,
    /// Things that happened and are not told yet.
    pub waiting: i64,
    /// Why the last message was not taken, when it was not.
    pub last_error: Option<String>,
    /// When a message was taken last.
    pub last_delivered_at: Option<DateTime<Utc>>,
}

/// A rule to be made.
#[derive(Clone, Debug)]
pub struct NewRule<'a> {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub owner: &'a Owner,
    /// What is told of.
    pub kinds: &'a [NotificationKind],
    /// How.
    pub channel: Channel,
    /// Where, sealed where the instance has a key for that.
    pub target: &'a str,
    /// What may be shown of it.
    pub shown: &'a str,
    /// What deliveries to a webhook are signed with, sealed likewise.
    pub secret: Option<&'a str>,
    /// For people.
    pub description: &'a str,
    /// Seconds after a message within which more is told together.
    pub digest_s: u32,
    /// Who makes it.
    pub created_by: &'a str,
}

/// Makes a rule, which is told what happens in transactions that begin from now on. False when its owner has `most` already.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn create(conn: &mut PgConnection, new: &NewRule<'_>, most: u32) -> Result<bool> {
    // Two at once wait for each other, so that neither passes the bound.
    let whose = match new.owner {
        Owner::Person(id) => id.to_string(),
        Owner::Team(team) => team.clone(),
        Owner::Installation => String::new(),
    };
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtext('notification_rule'), hashtext($1))", whose)
        .fetch_one(&mut *conn)
        .await?;
    let kinds: Vec<String> = new.kinds.iter().map(ToString::to_string).collect();
    let done = sqlx::query!(
        "INSERT INTO notification_rule (id, person_id, team, kinds, channel, target, shown, secret, description, digest_s, created_by)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11
         WHERE (SELECT count(*) FROM notification_rule
                WHERE person_id IS NOT DISTINCT FROM $2 AND team IS NOT DISTINCT FROM $3) < $12",
        new.id,
        new.owner.person(),
        new.owner.team(),
        &kinds,
        new.channel.as_str(),
        new.target,
        new.shown,
        new.secret,
        new.description,
        i32::try_from(new.digest_s).unwrap_or(i32::MAX),
        new.created_by,
        i64::from(most),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whose rules are meant.
#[derive(Clone, Debug)]
pub enum Whose<'a> {
    /// This person's.
    Person(Uuid),
    /// Those of teams that are seen, and with all of them the installation's.
    Teams(&'a Visible),
}

impl Whose<'_> {
    fn columns(&self) -> (Option<Uuid>, Option<&[String]>) {
        match self {
            Self::Person(id) => (Some(*id), None),
            Self::Teams(visible) => (None, visible.teams()),
        }
    }
}

/// Reads rules: what follows the list of columns, then its parameters. The last message is looked for between bounds of the index by
/// rule: asked for as the greatest id of a rule, Postgres goes through the messages of all rules from the newest on, and for a rule
/// without any to the oldest.
macro_rules! seen {
    ($which:literal $(, $value:expr)* $(,)?) => {
        sqlx::query_as!(
            Rule,
            r#"SELECT r.id, r.person_id, r.team, r.kinds, r.channel AS "channel: Channel", r.shown, r.description, r.digest_s, r.quiet_until,
                      r.created_by, r.created_at, r.updated_at, r.paused_at,
                      r.overflow + (SELECT count(*) FROM notification_item i WHERE i.rule_id = r.id) AS "waiting!",
                      (SELECT d.last_error FROM notification_delivery d
                       WHERE (d.rule_id, d.id) >= (r.id, '00000000-0000-0000-0000-000000000000')
                         AND (d.rule_id, d.id) <= (r.id, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
                       ORDER BY d.rule_id DESC, d.id DESC LIMIT 1) AS last_error,
                      (SELECT d.finished_at FROM notification_delivery d
                       WHERE (d.rule_id, d.id) >= (r.id, '00000000-0000-0000-0000-000000000000')
                         AND (d.rule_id, d.id) <= (r.id, 'ffffffff-ffff-ffff-ffff-ffffffffffff') AND d.status = 'delivered'
                       ORDER BY d.rule_id DESC, d.id DESC LIMIT 1) AS last_delivered_at
               FROM notification_rule r "# + $which
            $(, $value)*
        )
    };
}

/// Rules, newest first, before the one with the id `before`; only of `team`, when one is named.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn page(
    executor: impl PgExecutor<'_>,
    whose: &Whose<'_>,
    team: Option<&str>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Rule>> {
    let (person, teams) = whose.columns();
    Ok(seen!(
        "WHERE r.person_id IS NOT DISTINCT FROM $1 AND ($2::text[] IS NULL OR r.team = ANY($2)) AND ($3::text IS NULL OR r.team = $3)
             AND ($4::uuid IS NULL OR r.id < $4)
           ORDER BY r.id DESC LIMIT $5",
        person,
        teams,
        team,
        before,
        limit,
    )
    .fetch_all(executor)
    .await?)
}

/// One rule.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn find(executor: impl PgExecutor<'_>, id: Uuid) -> Result<Option<Rule>> {
    Ok(seen!("WHERE r.id = $1", id).fetch_optional(executor).await?)
}

/// What is to be changed of a rule; what is none stays.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// What is told of.
    pub kinds: Option<Vec<NotificationKind>>,
    /// Seconds after a message within which more is told together.
    pub digest_s: Option<u32>,
    /// For people.
    pub description: Option<String>,
    /// Whether it tells nothing. One that goes on tells what happens from then on.
    pub paused: Option<bool>,
}

/// Changes a rule. False when there is none.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn change(conn: &mut PgConnection, id: Uuid, changes: &Changes) -> Result<bool> {
    let kinds: Option<Vec<String>> =
        changes.kinds.as_ref().map(|kinds| kinds.iter().map(ToString::to_string).collect());
    let done = sqlx::query!(
        "UPDATE notification_rule SET
             kinds = coalesce($2, kinds), digest_s = coalesce($3, digest_s), description = coalesce($4, description), updated_at = now(),
             from_xid = CASE WHEN NOT $5 AND paused_at IS NOT NULL THEN pg_current_xact_id() ELSE from_xid END,
             overflow = CASE WHEN $5 THEN 0 ELSE overflow END,
             paused_at = CASE $5 WHEN true THEN coalesce(paused_at, now()) WHEN false THEN NULL ELSE paused_at END
         WHERE id = $1",
        id,
        kinds.as_deref(),
        changes.digest_s.map(|seconds| i32::try_from(seconds).unwrap_or(i32::MAX)),
        changes.description,
        changes.paused
    )
    .execute(&mut *conn)
    .await?;
    if changes.paused == Some(true) {
        sqlx::query!("DELETE FROM notification_item WHERE rule_id = $1", id).execute(&mut *conn).await?;
        sqlx::query!(
            "UPDATE notification_delivery SET status = 'failed', finished_at = now(), lease_until = NULL, last_error = 'the rule was paused'
             WHERE rule_id = $1 AND status = 'pending'",
            id
        )
        .execute(conn)
        .await?;
    }
    Ok(done.rows_affected() == 1)
}

/// Removes a rule with its deliveries. False when there was none.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn remove(executor: impl PgExecutor<'_>, id: Uuid) -> Result<bool> {
    Ok(sqlx::query!("DELETE FROM notification_rule WHERE id = $1", id).execute(executor).await?.rows_affected() == 1)
}

/// The address that a person is known by.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn address_of(executor: impl PgExecutor<'_>, person: Uuid) -> Result<Option<String>> {
    let found = sqlx::query_scalar!("SELECT email FROM person WHERE id = $1", person);
    Ok(found.fetch_optional(executor).await?.flatten())
}
