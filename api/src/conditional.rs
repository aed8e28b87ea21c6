//! `ETag` and `If-None-Match` for single objects.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::error::Problem;

/// Whether the caller has what this is the tag of.
pub(crate) fn is_known(request: &HeaderMap, tag: &str) -> bool {
    let known = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    known.flat_map(|value| value.split(',')).any(|value| value.trim() == tag || value.trim() == "*")
}

/// The object as JSON with its tag, or 304 when the caller has it already.
pub(crate) fn json<T: Serialize>(request: &HeaderMap, object: &T) -> Result<Response, Problem> {
    let body = serde_json::to_vec(object).map_err(|error| Problem::internal(&error))?;
    let digest = Sha256::digest(&body);
    let mut tag = String::from("W/\"");
    digest.iter().take(12).for_each(|byte| tag.push_str(&format!("{byte:02x}")));
    tag.push('"');
    let unchanged = is_known(request, &tag);
    let tag = HeaderValue::from_str(&tag).map_err(|error| Problem::internal(&error))?;
    if unchanged {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let json = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, json), (header::ETAG, tag)], body).into_response())
}
