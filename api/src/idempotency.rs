//! `Idempotency-Key`: a request sent twice is carried out once, and answered the same both times.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use shared::store::idempotency::{self, Answer, Begun};
use uuid::Uuid;

use crate::error::Problem;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// One request that may carry a key. The answer is stored in the transaction that does the work.
pub(crate) struct Attempt {
    caller: Uuid,
    key: Option<String>,
    hash: [u8; 32],
}

impl Attempt {
    /// Reads the header. The same request is the same path, query and body.
    pub(crate) fn of(headers: &HeaderMap, caller: Uuid, uri: &Uri, body: &[u8]) -> Result<Self, Problem> {
        let key = headers.get(KEY).map(|value| value.to_str().unwrap_or_default().to_owned());
        if key.as_ref().is_some_and(|key| !(1..=255).contains(&key.len())) {
            return Err(Problem::bad_request("Idempotency-Key: 1 to 255 visible ASCII characters"));
        }
        let hash = Sha256::new().chain_update(uri.to_string()).chain_update([0]).chain_update(body).finalize().into();
        Ok(Self { caller, key, hash })
    }

    /// The answer given before, if this request was answered before. Waits for a twin of it that is under way.
    pub(crate) async fn replay(&self, conn: &mut shared::store::Connection) -> Result<Option<Response>, Problem> {
        let Some(key) = &self.key else { return Ok(None) };
        match idempotency::begin(conn, self.caller, key, &self.hash).await? {
            Begun::New => Ok(None),
            Begun::Answered(answer) => {
                let mut response = respond(answer)?;
                response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
                Ok(Some(response))
            }
            Begun::Reused => Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "this key came with another request before; use a new key for a new request",
            )),
        }
    }

    /// Stores the answer, to be committed with the work, and makes the response of it.
    pub(crate) async fn answer<T: Serialize>(
        &self,
        conn: &mut shared::store::Connection,
        status: StatusCode,
        location: Option<String>,
        body: &T,
    ) -> Result<Response, Problem> {
        let body: Value = serde_json::to_value(body).map_err(|error| Problem::internal(&error))?;
        let answer = Answer { status: status.as_u16(), location, body };
        if let Some(key) = &self.key {
            idempotency::record(conn, self.caller, key, &self.hash, &answer).await?;
        }
        respond(answer)
    }
}

fn respond(answer: Answer) -> Result<Response, Problem> {
    let status = StatusCode::from_u16(answer.status).map_err(|error| Problem::internal(&error))?;
    let mut response = (status, axum::Json(answer.body)).into_response();
    if let Some(location) = answer.location {
        let location = HeaderValue::from_str(&location).map_err(|error| Problem::internal(&error))?;
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}
