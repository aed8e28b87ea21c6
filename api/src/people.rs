//! Who is known here: people of the file and of the OpenID provider, as they logged in.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use shared::store::person::{self, FILE, Known, KnownFilter};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    error::{Problem, ProblemDetails},
    extract::Query,
    page::{Page, Paging},
    state::AppState,
};

/// Which people to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PeopleFilter {
    /// Of this team.
    team: Option<String>,
    /// Those who are kept out, too.
    #[serde(default)]
    disabled: bool,
}

/// Somebody who is known.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PersonView {
    /// Their id.
    id: Uuid,
    /// What they are called.
    name: String,
    /// Their address.
    email: Option<String>,
    /// The OpenID provider that vouches for them; none: the file with people does.
    issuer: Option<String>,
    /// What they are trusted with.
    roles: Vec<String>,
    /// Their teams.
    teams: Vec<String>,
    /// Since when they are known.
    created_at: DateTime<Utc>,
    /// When they logged in last.
    last_login_at: Option<DateTime<Utc>>,
    /// When they logged in, or a browser or a key of theirs was used, last, to the minute.
    last_seen_at: Option<DateTime<Utc>>,
    /// Since when they are kept out.
    disabled_at: Option<DateTime<Utc>>,
}

impl From<Known> for PersonView {
    fn from(row: Known) -> Self {
        Self {
            id: row.id,
            name: row.name,
            email: row.email,
            issuer: (row.issuer != FILE).then_some(row.issuer),
            roles: row.roles,
            teams: row.teams,
            created_at: row.created_at,
            last_login_at: row.last_login_at,
            last_seen_at: row.last_seen_at,
            disabled_at: row.disabled_at,
        }
    }
}

/// The people who are known, by name: those of the file, and those whom an OpenID provider sent; not those who are kept out, unless
/// they are asked for.
#[utoipa::path(get, path = "/api/people", tag = "identity", params(PeopleFilter, Paging),
    responses((status = 200, body = Page<PersonView>), (status = 400, body = ProblemDetails)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    Query(filter): Query<PeopleFilter>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<PersonView>>, Problem> {
    let wanted = KnownFilter { team: filter.team.as_deref(), disabled: filter.disabled };
    let after = paging.after()?;
    let rows = person::page(app.store.pool(), wanted, after.as_deref(), paging.rows()?).await?;
    let rows = rows.ok_or_else(|| Problem::bad_request("cursor: not one that Slipway gave out"))?;
    Ok(Json(paging.page_by(rows, Known::place, PersonView::from)?))
}
