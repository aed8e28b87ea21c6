//! API keys: made, listed, rotated and revoked. A secret is in the answer to the request that made it, and nowhere else.

pub(crate) mod create;

use std::collections::BTreeSet;

use axum::{
    Json,
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::{
    domain::{access::Principal, given::Given, ids::ApiKeyId},
    formats::duration,
    store::{
        api_key::{self, ApiKey, Filter, Rotated},
        audit, service_account,
    },
};
use utoipa::{IntoParams, ToSchema};

use crate::{
    access::Grant,
    audit::Trail,
    error::{Problem, ProblemDetails},
    execute::json_body,
    extract::{Body, Caller, Path, Query},
    idempotency::Attempt,
    page::{Page, Paging},
    state::AppState,
};

/// Characters that a name may have.
const MAX_NAME: usize = 63;
/// Scopes, roles and teams that a key may have of each.
const MAX_LISTED: usize = 100;
/// Seconds that an old key works beside its new one, unless something else is asked for.
const OVERLAP_S: f64 = 86_400.0;
/// And at most.
const MAX_OVERLAP_S: f64 = 30.0 * 86_400.0;

/// Which keys to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct KeyFilter {
    /// Of the service account of this name.
    service_account: Option<String>,
    /// Those too that do not work any more.
    #[serde(default)]
    ended: bool,
}

/// A key, without its secret.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct KeyView {
    /// Its id.
    #[schema(value_type = Uuid)]
    id: ApiKeyId,
    /// The name it was given.
    name: String,
    /// Its first characters, to recognise it by.
    prefix: String,
    /// `person`, `service_account`, or none when it belongs to nobody.
    owner_kind: Option<&'static str>,
    /// What its owner is called.
    owner: Option<String>,
    /// What it may do, within what its owner may; none: all of that.
    roles: Option<Vec<String>>,
    /// The teams it is for, likewise.
    teams: Option<Vec<String>>,
    /// What it is good for, as `run.read` or `run.*`; none: all that the roles allow.
    scopes: Option<Vec<String>>,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// By whom.
    created_by: Option<String>,
    /// When it was used last, to the minute.
    last_used_at: Option<DateTime<Utc>>,
    /// From where.
    last_used_address: Option<String>,
    /// When it ends by itself.
    expires_at: Option<DateTime<Utc>>,
    /// Since when it is refused.
    revoked_at: Option<DateTime<Utc>>,
    /// The key whose place it took.
    #[schema(value_type = Option<Uuid>)]
    replaces: Option<ApiKeyId>,
}

impl From<ApiKey> for KeyView {
    fn from(row: ApiKey) -> Self {
        let owner_kind = match (row.person_id, row.service_account_id) {
            (Some(_), _) => Some("person"),
            (None, Some(_)) => Some("service_account"),
            (None, None) => None,
        };
        let own = |listed: Vec<String>| (owner_kind.is_none() || !listed.is_empty()).then_some(listed);
        Self {
            id: row.id,
            name: row.name,
            prefix: row.prefix,
            owner_kind,
            owner: row.owner,
            roles: own(row.roles),
            teams: own(row.teams),
            scopes: row.scopes,
            created_at: row.created_at,
            created_by: row.created_by,
            last_used_at: row.last_used_at,
            last_used_address: row.last_used_address,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            replaces: row.replaces,
        }
    }
}

/// A key that was just made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewKeyAnswer {
    /// The key.
    #[serde(flatten)]
    about: KeyView,
    /// Its secret. It is not stored and is not shown again, also not to the same request sent twice: that is answered `null`.
    key: Option<String>,
    /// Until when the key works whose place this one takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    old_until: Option<DateTime<Utc>>,
    /// For people.
    message: String,
}

/// Keys, newest first: one's own, or everybody's for those who may see them. Those that work, unless others are asked for.
#[utoipa::path(get, path = "/api/keys", tag = "keys", params(KeyFilter, Paging),
    responses((status = 200, body = Page<KeyView>), (status = 400, body = ProblemDetails)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    grant: Grant,
    Query(filter): Query<KeyFilter>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<KeyView>>, Problem> {
    let pool = app.store.pool();
    let account = match &filter.service_account {
        None => None,
        Some(name) => {
            let found = service_account::find(pool, name).await?;
            Some(found.ok_or_else(|| Problem::not_found("service account", name))?.id)
        }
    };
    let wanted = Filter { of: grant.owner(), service_account_id: account, ended: filter.ended, ..Filter::default() };
    let rows = api_key::page(pool, &wanted, paging.before()?, paging.rows()?).await?;
    Ok(Json(paging.page(rows, |row| row.id.0, KeyView::from)?))
}

/// One key, whether it works or not.
#[utoipa::path(get, path = "/api/keys/{id}", tag = "keys", params(("id" = Uuid, Path)),
    responses((status = 200, body = KeyView), (status = 404, body = ProblemDetails)))]
pub(crate) async fn get(State(app): State<AppState>, Path(id): Path<ApiKeyId>) -> Result<Json<KeyView>, Problem> {
    let found = api_key::find(app.store.pool(), id).await?.ok_or_else(|| Problem::not_found("key", id))?;
    Ok(Json(found.into()))
}

/// Revokes a key: it is refused from the next request on, by every api.
#[utoipa::path(delete, path = "/api/keys/{id}", tag = "keys", params(("id" = Uuid, Path)),
    responses((status = 200, body = KeyView), (status = 404, body = ProblemDetails)))]
pub(crate) async fn revoke(
    State(app): State<AppState>,
    trail: Trail,
    Path(id): Path<ApiKeyId>,
) -> Result<Json<KeyView>, Problem> {
    let mut tx = app.store.begin().await?;
    if !api_key::revoke(&mut *tx, id).await? {
        return Err(Problem::not_found("key", id));
    }
    let about = view(&mut tx, id).await?;
    audit::record(&mut tx, &trail.entry("key.revoke", format!("key/{id}")).after(json!(about))).await?;
    crate::commit(tx).await?;
    Ok(Json(about))
}

/// How a key is to be rotated.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RotationRequest {
    /// How long the old key works beside the new one, as `24h`; without it, a day. 0: not at all.
    overlap: Option<Value>,
}

/// Makes a key that takes the place of this one: of the same owner, for the same, and for as long from now on. The old one
/// works until the overlap ends.
#[utoipa::path(post, path = "/api/keys/{id}/rotate", tag = "keys",
    params(("id" = Uuid, Path),
           ("Idempotency-Key" = Option<String>, Header, description = "Carries the request out once, however often it is sent; its second answer has no secret")),
    request_body(content = Option<RotationRequest>, description = "May be empty"),
    responses((status = 201, body = NewKeyAnswer), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails),
              (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails)))]
pub(crate) async fn rotate(
    State(app): State<AppState>,
    Caller(caller): Caller,
    trail: Trail,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Path(id): Path<ApiKeyId>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let attempt = Attempt::of(&headers, caller.id, &uri, &body)?;
    let request: RotationRequest = if body.is_empty() { RotationRequest::default() } else { json_body(&body)? };
    let overlap = request.overlap.as_ref().map_or(Some(OVERLAP_S), duration::seconds);
    let overlap = overlap.filter(|seconds| *seconds <= MAX_OVERLAP_S);
    let overlap = overlap.ok_or_else(|| Problem::bad_request("overlap: a duration up to 30d, as 24h or 0"))?;
    let mut tx = app.store.begin().await?;
    if let Some(response) = attempt.replay(&mut tx).await? {
        return Ok(response);
    }
    let old = api_key::find(&mut *tx, id).await?.ok_or_else(|| Problem::not_found("key", id))?;
    // Whoever has a narrow key cannot turn the owner's wide one into a secret of theirs.
    may_give(&caller, &old.good_for())?;
    let (new, secret, old_until) = match api_key::rotate(&mut tx, id, overlap, &caller.name).await? {
        Rotated::Rotated { id, secret, old_until } => (id, secret, old_until),
        Rotated::Unknown => return Err(Problem::not_found("key", id)),
        Rotated::Ended => {
            let detail = "the key was revoked or has expired: make a new one with `slipway key create`";
            return Err(Problem::conflict("key-ended", detail));
        }
        Rotated::Before(by) => {
            let detail = format!("key {by} takes its place already; revoke that one first if its secret was lost");
            return Err(Problem::conflict("already-rotated", detail).with("by", by.to_string()));
        }
    };
    let about = view(&mut tx, new).await?;
    let entry = trail.entry("key.rotate", format!("key/{id}")).before(json!(KeyView::from(old))).after(json!(about));
    audit::record(&mut tx, &entry).await?;
    let message = format!("key {new} takes the place of {id}, which works until {}", old_until.to_rfc3339());
    answer(tx, &attempt, NewKeyAnswer { about, key: Some(secret), old_until: Some(old_until), message }).await
}

async fn view(conn: &mut shared::store::Connection, id: ApiKeyId) -> Result<KeyView, Problem> {
    let found = api_key::find(conn, id).await?;
    found.map(KeyView::from).ok_or_else(|| Problem::internal(&"the key just made is not there"))
}

/// Commits, with the answer stored without its secret, and answers with it.
async fn answer(
    mut tx: shared::store::StoreTransaction,
    attempt: &Attempt,
    answer: NewKeyAnswer,
) -> Result<Response, Problem> {
    let location = format!("/api/keys/{}", answer.about.id);
    let told = "the key was made by the same request before; its secret was in that answer alone: \
                revoke the key and make another if that answer was lost";
    let stored = NewKeyAnswer { about: answer.about.clone(), key: None, message: told.into(), ..answer };
    attempt.answer(&mut tx, StatusCode::CREATED, Some(location.clone()), &stored).await?;
    crate::commit(tx).await?;
    let headers = [(header::LOCATION, location), (header::CACHE_CONTROL, "no-store".to_owned())];
    Ok((StatusCode::CREATED, headers, Json(answer)).into_response())
}

/// 403 unless the caller has all of it themselves.
pub(crate) fn may_give(caller: &Principal, given: &Given) -> Result<(), Problem> {
    match given.beyond(&Given::to(caller)) {
        None => Ok(()),
        Some(missing) => {
            let detail = format!("you cannot give what you do not have: {missing}");
            Err(Problem::new(StatusCode::FORBIDDEN, "beyond-yours", detail))
        }
    }
}

/// A name of something, as people may write it.
pub(crate) fn name_of(member: &str, name: &str) -> Result<String, Problem> {
    let name = name.trim();
    if !(1..=MAX_NAME).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(Problem::bad_request(format!(
            "{member}: 1 to {MAX_NAME} characters, none of them a control character"
        )));
    }
    Ok(name.to_owned())
}

/// Roles, teams or scopes, each once.
pub(crate) fn listed(member: &str, names: Option<Vec<String>>) -> Result<Option<BTreeSet<String>>, Problem> {
    let Some(names) = names else { return Ok(None) };
    if names.len() > MAX_LISTED {
        return Err(Problem::bad_request(format!("{member}: at most {MAX_LISTED}")));
    }
    names.iter().map(|name| name_of(member, name)).collect::<Result<BTreeSet<_>, _>>().map(Some)
}
