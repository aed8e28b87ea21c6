//! Who may ask: every route but `/livez` and `/readyz` needs an API key, or the session of a browser.
//!
//! `/metrics`, the OpenAPI document and its page need one too: there is one rule, and Prometheus can send a bearer token.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::Response,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use shared::store::api_key;

use crate::{address::Address, error::Problem, identity, state::AppState};

/// 401.
pub(crate) fn unauthorized() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "send `Authorization: Bearer slw_…` with a key that is known and not revoked",
    )
    .with_header(
        header::WWW_AUTHENTICATE,
        HeaderValue::from_static("Bearer realm=\"slipway\", Basic realm=\"slipway\""),
    )
}

/// Lets only requests with a valid key or session through, and notes whose it is. A key that is shown and not good is not
/// helped by a session.
pub(crate) async fn require_key(
    State(app): State<AppState>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let caller = match secret_of(request.headers()) {
        Some(secret) => {
            let address = request.extensions().get::<Address>().map(ToString::to_string);
            api_key::authenticate_from(app.store.pool(), &secret, address.as_deref()).await?
        }
        None => {
            let (parts, body) = request.into_parts();
            let caller = identity::caller_without_key(&app, &parts).await?;
            request = Request::from_parts(parts, body);
            caller
        }
    };
    request.extensions_mut().insert(caller.ok_or_else(unauthorized)?);
    Ok(next.run(request).await)
}

/// The key of a request: a bearer token, or the password of Basic credentials, which is what Terraform's state
/// protocol and a browser's address bar can send.
fn secret_of(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(credentials.trim().to_owned());
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = String::from_utf8(BASE64_STANDARD.decode(credentials.trim()).ok()?).ok()?;
        return decoded.split_once(':').map(|(_, password)| password.to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        secret_of(&headers)
    }

    #[test]
    fn a_key_comes_as_a_bearer_token_or_as_a_password() {
        assert_eq!(secret("Bearer slw_x").as_deref(), Some("slw_x"));
        assert_eq!(secret(&format!("Basic {}", BASE64_STANDARD.encode("any:slw_x"))).as_deref(), Some("slw_x"));
        assert_eq!(secret("Basic not base64"), None);
        assert_eq!(secret("slw_x"), None);
    }
}
