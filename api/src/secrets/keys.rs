//! The keys that wrap secrets: which there are, and moving everything to the current one.

use axum::{Json, extract::State};
use serde::Serialize;
use serde_json::json;
use shared::{
    secrets::rotation,
    store::{audit, data_key},
};
use utoipa::ToSchema;

use crate::{
    audit::Trail,
    error::{Problem, ProblemDetails},
    state::AppState,
};

/// Keys of each sort that one request wraps anew.
const BATCH: i64 = 200;

/// A key that wraps secrets.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SecretKeyView {
    /// Its id in `secrets.keys`.
    id: String,
    /// Whether it wraps what is new.
    current: bool,
    /// Whether `secrets.keys` has it. What a missing one wraps cannot be opened.
    configured: bool,
    /// How many keys it wraps.
    wraps: i64,
}

/// The keys of the instance.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyList {
    /// The current one first.
    items: Vec<SecretKeyView>,
    /// What is wrong, and what to do; none: all is well.
    problem: Option<String>,
}

/// What a rotation has come to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Rotation {
    /// Keys that this request wrapped anew.
    rewrapped: u64,
    /// Keys that another key than the current one still wraps: ask again until there are none.
    left: u64,
    /// The same for people.
    message: String,
}

/// The keys that wrap secrets, and how much each wraps.
#[utoipa::path(get, path = "/api/admin/secret-keys", tag = "secrets",
    responses((status = 200, body = KeyList)))]
pub(crate) async fn keys(State(app): State<AppState>) -> Result<Json<KeyList>, Problem> {
    let keyring = app.seals.keyring();
    let wraps = data_key::wraps(app.store.pool()).await?;
    let count = |id: &str| wraps.iter().find(|it| it.key_id == id).map_or(0, |it| it.count);
    let mut items: Vec<SecretKeyView> = keyring
        .ids()
        .enumerate()
        .map(|(at, id)| SecretKeyView { id: id.to_owned(), current: at == 0, configured: true, wraps: count(id) })
        .collect();
    let missing: Vec<&str> =
        wraps.iter().map(|it| it.key_id.as_str()).filter(|id| !keyring.ids().any(|known| known == *id)).collect();
    items.extend(missing.iter().map(|id| SecretKeyView {
        id: (*id).to_owned(),
        current: false,
        configured: false,
        wraps: count(id),
    }));
    let problem = match (missing.as_slice(), keyring.is_empty()) {
        ([], false) => None,
        ([], true) => Some(
            "secrets.keys names no key: no secret can be stored, and sensitive outputs are stored as they are"
                .to_owned(),
        ),
        (ids, _) => Some(format!(
            "secrets.keys lacks {}: what they wrap cannot be opened; add them again, behind the current key",
            ids.join(", ")
        )),
    };
    Ok(Json(KeyList { items, problem }))
}

/// Wraps a batch of keys with the current key of the keyring. Secrets stay in use meanwhile.
#[utoipa::path(post, path = "/api/admin/secret-keys/rotate", tag = "secrets",
    responses((status = 200, body = Rotation), (status = 409, body = ProblemDetails), (status = 500, body = ProblemDetails)))]
pub(crate) async fn rotate(State(app): State<AppState>, trail: Trail) -> Result<Json<Rotation>, Problem> {
    let keyring = app.seals.keyring();
    let passed = rotation::rewrap(keyring, &app.store, BATCH).await?;
    let current = keyring.current().unwrap_or_default();
    if passed.done > 0 {
        let entry = trail.entry("secret.rotate_keys", format!("secret-key/{current}"));
        let entry = entry.after(json!({"rewrapped": passed.done, "left": passed.left}));
        audit::append(app.store.pool(), &entry).await?;
    }
    let message = match passed.left {
        0 => format!(
            "the key '{current}' wraps everything: others may be taken out of secrets.keys once all processes have been restarted with it"
        ),
        left => format!("{left} are left for the next request"),
    };
    Ok(Json(Rotation { rewrapped: passed.done, left: passed.left, message }))
}
