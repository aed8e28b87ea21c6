//! `POST /api/login/token`: the command line exchanges what a person has confirmed for an API key of theirs.

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use shared::{
    domain::audit::{Actor, Entry},
    store::{
        Connection,
        api_key::{self, NewKey, Owner},
        audit,
        login_request::{self, Granted, Polled, Redeemed},
    },
};
use utoipa::ToSchema;

use crate::{
    error::{Problem, ProblemDetails},
    extract::Body,
    state::AppState,
};

/// What was confirmed.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "grant", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Exchange {
    /// A browser on the same machine brought a code.
    Code {
        /// The code.
        code: String,
        /// What the challenge was the SHA-256 of.
        verifier: String,
    },
    /// A person typed the code that belongs to this one.
    Device {
        /// The code.
        device_code: String,
    },
}

/// A key.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyAnswer {
    /// It; not to be shown again.
    api_key: String,
    /// Whose it is.
    name: String,
    /// When it ends.
    expires_at: DateTime<Utc>,
}

/// Exchanges a confirmed login for a key of that person's, once. No key is needed. For a login by device code, the answer is
/// 400 `authorization-pending` until the person has confirmed it, 400 `slow-down` to who asks more often than `interval` says,
/// 403 `login-refused` and 400 `login-expired` at the end.
#[utoipa::path(post, path = "/api/login/token", tag = "identity", security(()), request_body = Exchange,
    responses((status = 200, body = KeyAnswer), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails)))]
pub(crate) async fn exchange(State(app): State<AppState>, parts: Parts, Body(body): Body) -> Result<Response, Problem> {
    let exchange: Exchange =
        serde_json::from_slice(&body).map_err(|error| Problem::bad_request(format!("the body: {error}")))?;
    let mut tx = app.store.begin().await?;
    let outcome = match &exchange {
        Exchange::Code { code, verifier } => match login_request::redeem(&mut tx, code, verifier).await? {
            Redeemed::Granted(granted) => Ok(granted),
            Redeemed::Replayed => {
                tracing::warn!("a login's one-time code was used twice; the key that it was exchanged for is revoked");
                Err(invalid("the code was used before; the key that it was exchanged for is revoked"))
            }
            Redeemed::Refused => Err(invalid("the code is unknown, too old, or was made for another program")),
        },
        Exchange::Device { device_code } => match login_request::poll(&mut tx, device_code).await? {
            Polled::Granted(granted) => Ok(granted),
            Polled::Pending(wait) => Err(wait_for(wait, "authorization-pending", "nobody has confirmed it yet")),
            Polled::SlowDown(wait) => Err(wait_for(wait, "slow-down", "you ask too often")),
            Polled::Denied => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "login-refused",
                "it was refused, or exchanged for a key before",
            )),
            Polled::Expired => Err(invalid("the code is unknown or too old; begin again")),
        },
    };
    let answer = match outcome {
        Ok(granted) => Ok(make_key(&app, &mut tx, &parts, granted).await?),
        Err(problem) => Err(problem),
    };
    // What a refusal noted (a spoilt code, a revoked key, the time of a poll) stays, too.
    crate::commit(tx).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer?)).into_response())
}

async fn make_key(
    app: &AppState,
    conn: &mut Connection,
    parts: &Parts,
    granted: Granted,
) -> Result<KeyAnswer, Problem> {
    let expires_at = Utc::now() + chrono::TimeDelta::hours(app.config.identity.cli.key_hours.into());
    let key = NewKey {
        name: format!("slipway login on {}", granted.client),
        owner: Owner::Person(granted.person),
        expires_at: Some(expires_at),
        created_by: granted.name.clone(),
        ..NewKey::default()
    };
    let (id, api_key) = api_key::create(&mut *conn, &key).await?;
    login_request::note_key(&mut *conn, granted.id, id).await?;
    let actor = Actor {
        kind: "person".into(),
        id: Some(granted.person),
        name: granted.name.clone(),
        credential: format!("key/{id}"),
    };
    let origin = crate::audit::origin(&parts.extensions, &parts.headers);
    let mut entry = Entry::done(actor, origin, "key.create", format!("key/{id}"));
    entry.after = Some(serde_json::json!({ "name": key.name, "expires_at": expires_at }));
    audit::record(conn, &entry).await?;
    Ok(KeyAnswer { api_key, name: granted.name, expires_at })
}

fn invalid(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "login-expired", detail)
}

fn wait_for(seconds: i32, code: &'static str, detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, code, format!("{detail}; ask again in {seconds} s"))
        .with("interval", seconds)
        .with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
}
