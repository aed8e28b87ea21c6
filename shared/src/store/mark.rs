//! Marks: what people want to see beside the figures of a time. A deployment, an incident, a note.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Result;
use crate::domain::{access::Visible, states::states};

states! {
    /// What a mark says.
    MarkKind {
        /// Something was deployed.
        Deploy = "deploy",
        /// Something was wrong.
        Incident = "incident",
        /// Anything else.
        Note = "note",
    }
}

/// A mark.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Its id.
    pub id: Uuid,
    /// What it says.
    pub kind: MarkKind,
    /// In words.
    pub title: String,
    /// Where there is more about it.
    pub link: Option<String>,
    /// When it was, or began.
    pub at: DateTime<Utc>,
    /// When it was over; none: it is a moment, or goes on.
    pub until: Option<DateTime<Utc>>,
    /// Whose it is; none: everybody's.
    pub team: Option<String>,
    /// Who made the mark.
    pub made_by: String,
    /// Their id; none: it is not known any more.
    pub maker: Option<Uuid>,
    /// When they did.
    pub made_at: DateTime<Utc>,
}

/// Makes a mark.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn create(executor: impl PgExecutor<'_>, mark: &Mark) -> Result<()> {
    sqlx::query!(
        r#"INSERT INTO mark (id, kind, title, link, at, until, team, made_by, maker, made_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"#,
        mark.id,
        mark.kind.as_str(),
        mark.title,
        mark.link,
        mark.at,
        mark.until,
        mark.team,
        mark.made_by,
        mark.maker,
        mark.made_at,
    )
    .execute(executor)
    .await?;
    Ok(())
}

/// Everybody's marks and those of these teams, of a time, those made last first: those before the mark `before`, at most `limit`. One that reaches into the time is of it.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn page(
    executor: impl PgExecutor<'_>,
    visible: &Visible,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Mark>> {
    Ok(sqlx::query_as!(
        Mark,
        r#"SELECT id, kind AS "kind: MarkKind", title, link, at, until, team, made_by, maker, made_at FROM mark
           WHERE ($1::timestamptz IS NULL OR coalesce(until, at) >= $1) AND ($2::timestamptz IS NULL OR at <= $2)
             AND ($3::uuid IS NULL OR id < $3) AND ($5::text[] IS NULL OR team IS NULL OR team = ANY ($5))
           ORDER BY id DESC LIMIT $4"#,
        from,
        to,
        before,
        limit,
        visible.teams(),
    )
    .fetch_all(executor)
    .await?)
}

/// One mark, locked until the transaction ends.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn find(conn: &mut PgConnection, id: Uuid) -> Result<Option<Mark>> {
    Ok(sqlx::query_as!(
        Mark,
        r#"SELECT id, kind AS "kind: MarkKind", title, link, at, until, team, made_by, maker, made_at FROM mark
           WHERE id = $1 FOR UPDATE"#,
        id
    )
    .fetch_optional(conn)
    .await?)
}

/// Removes a mark.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn remove(executor: impl PgExecutor<'_>, id: Uuid) -> Result<()> {
    sqlx::query!("DELETE FROM mark WHERE id = $1", id).execute(executor).await?;
    Ok(())
}

/// Forgets marks that are older than `days`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn forget(executor: impl PgExecutor<'_>, days: u32) -> Result<()> {
    let days = i32::try_from(days).unwrap_or(i32::MAX);
    sqlx::query!("DELETE FROM mark WHERE coalesce(until, at) < now() - make_interval(days => $1)", days)
        .execute(executor)
        .await?;
    Ok(())
}
