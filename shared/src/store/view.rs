//! Filters of a page that people keep under a name: their own, or their team's.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Result;
use crate::domain::access::Visible;

/// Views that one owner or team may keep.
pub const MOST: i64 = 200;

/// Whose a view is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A person's, a service account's, or a key's without owner.
    Caller(Uuid),
    /// A team's.
    Team(String),
}

/// A view that is kept.
#[derive(Clone, Debug)]
pub struct View {
    /// Its id.
    pub id: Uuid,
    /// The team whose it is; none: somebody's own.
    pub team: Option<String>,
    /// The page that it is of.
    pub page: String,
    /// What it is called.
    pub name: String,
    /// What stands behind the `?` of the page's address.
    pub query: String,
    /// Who made it.
    pub created_by: String,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
}

/// Where a view stands among those of a caller: its page, its name, its id.
pub type Place = (String, String, Uuid);

/// The views of a caller and of these teams, of one page or of all, by page and name, those after this one.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn page(
    executor: impl PgExecutor<'_>,
    owner: Uuid,
    teams: &Visible,
    of: Option<&str>,
    after: Option<&Place>,
    limit: i64,
) -> Result<Vec<View>> {
    let (page, name, id) =
        after.map_or_else(Default::default, |(page, name, id)| (Some(page.as_str()), Some(name.as_str()), Some(*id)));
    Ok(sqlx::query_as!(
        View,
        "SELECT id, team, page, name, query, created_by, updated_at FROM saved_view
         WHERE (owner_id = $1 OR (team IS NOT NULL AND ($2::text[] IS NULL OR team = ANY ($2)))) AND ($3::text IS NULL OR page = $3)
           AND ($4::text IS NULL OR (page, name, id) > ($4, $5, $6))
         ORDER BY page, name, id LIMIT $7",
        owner,
        teams.teams(),
        of,
        page,
        name,
        id,
        limit,
    )
    .fetch_all(executor)
    .await?)
}

/// Keeps a view; one of the same name and page is replaced. None: there are [`MOST`] already.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn keep(
    conn: &mut PgConnection,
    holder: &Holder,
    page: &str,
    name: &str,
    query: &str,
    by: &str,
) -> Result<Option<View>> {
    let (owner, team) = match holder {
        Holder::Caller(id) => (Some(*id), None),
        Holder::Team(team) => (None, Some(team.as_str())),
    };
    let changed = sqlx::query_as!(
        View,
        "UPDATE saved_view SET query = $5, updated_at = now()
         WHERE (owner_id = $1 OR team = $2) AND page = $3 AND name = $4
         RETURNING id, team, page, name, query, created_by, updated_at",
        owner,
        team,
        page,
        name,
        query
    )
    .fetch_optional(&mut *conn)
    .await?;
    if changed.is_some() {
        return Ok(changed);
    }
    Ok(sqlx::query_as!(
        View,
        "INSERT INTO saved_view (id, owner_id, team, page, name, query, created_by)
         SELECT $1, $2, $3, $4, $5, $6, $7 WHERE (SELECT count(*) FROM saved_view WHERE owner_id = $2 OR team = $3) < $8
         RETURNING id, team, page, name, query, created_by, updated_at",
        Uuid::now_v7(),
        owner,
        team,
        page,
        name,
        query,
        by,
        MOST
    )
    .fetch_optional(conn)
    .await?)
}

/// Whose the view of this id is, and how it is; for the change that follows, its row is locked.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn find(conn: &mut PgConnection, id: Uuid) -> Result<Option<(Holder, View)>> {
    let row = sqlx::query!(
        "SELECT id, owner_id, team, page, name, query, created_by, updated_at FROM saved_view WHERE id = $1 FOR UPDATE",
        id
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| {
        let holder = match &row.team {
            Some(team) => Holder::Team(team.clone()),
            None => Holder::Caller(row.owner_id.unwrap_or_default()),
        };
        let view = View {
            id: row.id,
            team: row.team,
            page: row.page,
            name: row.name,
            query: row.query,
            created_by: row.created_by,
            updated_at: row.updated_at,
        };
        (holder, view)
    }))
}

/// Forgets a view.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn remove(executor: impl PgExecutor<'_>, id: Uuid) -> Result<()> {
    sqlx::query!("DELETE FROM saved_view WHERE id = $1", id).execute(executor).await?;
    Ok(())
}
