//! The two requests of a login: the one that leaves for the provider, and the one that comes back.
//!
//! What ties them together is in three places, and all must agree: `state` travels by way of the provider, 256 bits are in a
//! cookie of the browser, and Postgres holds the digests of both, once. The nonce and PKCE's verifier are made of the two, so
//! they are kept nowhere; a code that is stolen on the way, or brought to another browser, is worth nothing.

use axum::{
    Router,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
    routing::get,
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use openidconnect::Nonce;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use shared::{
    config::CALLBACK,
    domain::audit::{Actor, Entry},
    store::{audit, oidc_login, oidc_login::NewLogin, person},
};

use super::{
    Login,
    claims::{self, Claims, plain},
    provider::{Provider, ProviderError},
    token::TokenError,
};
use crate::{
    address::Address,
    error::Problem,
    identity::{self, Page, ReturnTo},
    state::AppState,
};

/// The page that somebody sees who has logged out here, and not at the provider.
const GOODBYE: &str = "/login/oidc/goodbye";
/// Characters of 256 bits in base64url.
const SECRET: usize = 43;
/// Groups that are shown to somebody whose groups give them nothing.
const SHOWN_GROUPS: usize = 50;

/// The routes. They are for browsers and not part of the described API.
pub(crate) fn pages() -> Router<AppState> {
    Router::new()
        .route("/login/oidc", get(begin))
        .route(CALLBACK, get(callback))
        .route(GOODBYE, get(goodbye))
        .route("/login/oidc/logout", get(log_out_there))
}

/// What ties the two requests together.
struct Tie {
    state: String,
    browser: String,
}

impl Tie {
    fn new(browser: Option<String>) -> Self {
        let random = || BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        // Logins that a browser began in two of its tabs share its cookie, so that neither ends the other.
        Self { state: random(), browser: browser.unwrap_or_else(random) }
    }

    fn made(&self, purpose: &str) -> String {
        let text = format!("slipway oidc {purpose}\0{}\0{}", self.browser, self.state);
        BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(text))
    }

    fn nonce(&self) -> Nonce {
        Nonce::new(self.made("nonce"))
    }

    fn verifier(&self) -> String {
        self.made("verifier")
    }
}

/// The cookie of a browser that has begun a login. As with that of sessions, plain http goes without `Secure`.
fn cookie(provider: &Provider, value: &str, seconds: i32) -> Option<HeaderValue> {
    let (name, secure) = cookie_name(provider);
    let value = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    HeaderValue::from_str(&value).ok()
}

fn cookie_name(provider: &Provider) -> (&'static str, &'static str) {
    match provider.redirect_url().scheme() {
        "https" => ("__Host-slipway-oidc", "; Secure"),
        _ => ("slipway-dev-oidc", ""),
    }
}

fn browser_of(provider: &Provider, headers: &HeaderMap) -> Option<String> {
    let (wanted, _) = cookie_name(provider);
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut found = cookies
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == wanted)
        .map(|(_, value)| value);
    let value = found.next()?;
    let whole =
        value.len() == SECRET && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    // Of two cookies of the name, one was planted.
    (whole && found.next().is_none()).then(|| value.to_owned())
}

#[derive(Debug, Deserialize)]
struct Begin {
    return_to: Option<String>,
}

/// Sends a browser to the provider.
async fn begin(
    State(app): State<AppState>,
    address: Address,
    headers: HeaderMap,
    query: Result<Query<Begin>, QueryRejection>,
) -> Result<Response, Problem> {
    let provider = match provider(&app) {
        Ok(provider) => provider,
        Err(page) => return Ok(page.into_response()),
    };
    let found = match provider.found().await {
        Ok(found) => found,
        Err(error) => return Ok(unusable(&error).into_response()),
    };
    let tie = Tie::new(browser_of(provider, &headers));
    let return_to = ReturnTo::of(query.ok().and_then(|Query(asked)| asked.return_to).as_deref());
    let place = address.place();
    let login = NewLogin { state: &tie.state, browser: &tie.browser, return_to: return_to.as_str(), address: &place };
    let mut tx = app.store.begin().await?;
    oidc_login::begin(&mut tx, login).await?;
    crate::commit(tx).await?;
    let url = provider.authorization_url(&found, tie.state.clone(), tie.nonce(), tie.verifier());
    Ok(go_to(url.as_str(), [cookie(provider, &tie.browser, oidc_login::SECONDS)]))
}

#[derive(Debug, Default, Deserialize)]
struct Answer {
    state: Option<String>,
    code: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// Takes a browser back from the provider, and logs its person in.
async fn callback(
    State(app): State<AppState>,
    parts: Parts,
    query: Result<Query<Answer>, QueryRejection>,
) -> Result<Response, Problem> {
    let provider = match provider(&app) {
        Ok(provider) => provider,
        Err(page) => return Ok(page.into_response()),
    };
    let Ok(Query(mut answer)) = query else { return Ok(over().into_response()) };
    let (Some(state), Some(browser)) = (answer.state.take(), browser_of(provider, &parts.headers)) else {
        return Ok(over().into_response());
    };
    let tie = Tie { state, browser };
    let mut tx = app.store.begin().await?;
    let return_to = oidc_login::take(&mut tx, &tie.state, &tie.browser).await?;
    // Used up, whatever comes of it.
    crate::commit(tx).await?;
    let Some(return_to) = return_to else { return Ok(over().into_response()) };
    let claims = match prove(provider, &tie, answer).await {
        Ok(claims) => claims,
        Err(page) => {
            refused(&app, &parts, "", "unproved").await;
            return Ok(page.into_response());
        }
    };
    log_in(&app, provider, &claims, &parts, &ReturnTo::of(Some(&return_to))).await
}

/// Who the person is, or the page that says why that is not known.
async fn prove(provider: &Provider, tie: &Tie, answer: Answer) -> Result<Claims, Page> {
    // An answer of another provider must not be taken for this one's (RFC 9207).
    if answer.iss.as_ref().is_some_and(|issuer| *issuer != provider.settings.issuer) {
        tracing::warn!(issuer = answer.iss, "a login came back from another issuer");
        return Err(not_logged_in(StatusCode::FORBIDDEN).alert("The answer is another issuer's."));
    }
    if let Some(error) = answer.error {
        let said = answer.error_description.map(|text| format!(": {text}")).unwrap_or_default();
        let text = format!("The login service said no: {}", plain(&format!("{error}{said}")));
        return Err(not_logged_in(StatusCode::FORBIDDEN).alert(&text));
    }
    let Some(code) = answer.code else { return Err(over()) };
    provider.redeem(code, tie.verifier(), &tie.nonce()).await.map_err(|error| failed(&error))
}

async fn log_in(
    app: &AppState,
    provider: &Provider,
    claims: &Claims,
    parts: &Parts,
    return_to: &ReturnTo,
) -> Result<Response, Problem> {
    let settings = &provider.settings;
    let (name, email, groups) = (claims.name(settings), claims.email(), claims.groups(settings));
    let mut tx = app.store.begin().await?;
    let Some(given) = claims::given(settings, &groups) else {
        oidc_login::take_away(&mut *tx, &settings.issuer, &claims.subject).await?;
        crate::commit(tx).await?;
        refused(app, parts, &name, "no-role").await;
        return Ok(no_role(&name, settings, &groups).into_response());
    };
    let login = person::Login {
        issuer: &settings.issuer,
        subject: &claims.subject,
        name: &name,
        email: email.as_deref(),
        roles: &given.roles,
        teams: &given.teams,
    };
    let Some(id) = person::log_in(&mut *tx, login).await? else {
        drop(tx);
        refused(app, parts, &name, "disabled").await;
        return Ok(not_logged_in(StatusCode::FORBIDDEN)
            .alert("Your account is disabled here. Ask an administrator of Slipway.")
            .into_response());
    };
    let session = identity::begin_session(app, &mut tx, &parts.extensions, &parts.headers, id, &name).await?;
    crate::commit(tx).await?;
    Ok(go_to(return_to.as_str(), [Some(session), cookie(provider, "", 0)]))
}

/// Where somebody goes who has logged out here.
///
/// # Errors
/// When Postgres cannot be reached.
pub(crate) async fn after_logout(app: &AppState, person: uuid::Uuid) -> Result<&'static str, Problem> {
    let Login::On(provider) = &*app.oidc else { return Ok("/login") };
    let theirs = oidc_login::vouches_for(app.store.pool(), &provider.settings.issuer, person).await?;
    Ok(if theirs && provider.logout_url().await.is_some() { GOODBYE } else { "/login" })
}

/// Says that the session of the provider goes on, and how to end it.
async fn goodbye(State(app): State<AppState>) -> Page {
    match provider(&app) {
        Ok(provider) => Page::new(StatusCode::OK, "You are logged out")
            .text(&format!(
                "You may still be logged in at {}: whoever uses this browser next could log in here without a password.",
                provider.settings.label
            ))
            .link("/login/oidc/logout", "Log out there too")
            .link("/login", "Back to the login page"),
        Err(page) => page,
    }
}

/// Sends a browser to the provider to be logged out there. Ends no session here, so that another site's link does no harm.
async fn log_out_there(State(app): State<AppState>) -> Response {
    let url = match &*app.oidc {
        Login::On(provider) => provider.logout_url().await,
        Login::Off | Login::Broken(_) => None,
    };
    go_to(url.as_ref().map_or("/login", |url| url.as_str()), [])
}

/// The provider, or the page that says that there is none.
fn provider(app: &AppState) -> Result<&Provider, Page> {
    match &*app.oidc {
        Login::On(provider) => Ok(provider.as_ref()),
        Login::Off => Err(not_logged_in(StatusCode::NOT_FOUND).alert("No login service is configured here.")),
        Login::Broken(reason) => Err(not_logged_in(StatusCode::SERVICE_UNAVAILABLE)
            .alert(&format!("The login service is not set up rightly: {reason}"))
            .text("An administrator finds out more with `slipway doctor`.")),
    }
}

fn not_logged_in(status: StatusCode) -> Page {
    Page::new(status, "You are not logged in").link("/login", "Back to the login page")
}

fn over() -> Page {
    not_logged_in(StatusCode::BAD_REQUEST).alert(
        "This login is over: it was used before, took too long, or was begun in another browser. Please begin again.",
    )
}

fn unusable(error: &ProviderError) -> Page {
    tracing::warn!(%error, "a login could not begin: the OpenID provider cannot be used");
    not_logged_in(StatusCode::SERVICE_UNAVAILABLE)
        .alert(&format!("The login service cannot be used now: {}", error.for_anyone()))
        .text("Try again in a moment. An administrator finds out why with `slipway doctor`.")
}

fn failed(error: &TokenError) -> Page {
    match error {
        TokenError::Provider(error) => return unusable(error),
        TokenError::Settings(_) | TokenError::NoAnswer(_) => tracing::error!(%error, "a login failed"),
        TokenError::Refused(_) | TokenError::Unbelievable { .. } => tracing::warn!(%error, "a login was refused"),
    }
    let (status, text) = match error {
        TokenError::Provider(_) | TokenError::Settings(_) | TokenError::NoAnswer(_) => {
            (StatusCode::BAD_GATEWAY, "The login service gave no answer that could be used.".to_owned())
        }
        TokenError::Refused(said) => (StatusCode::FORBIDDEN, format!("The login service said no: {said}")),
        TokenError::Unbelievable { reason, .. } => (StatusCode::FORBIDDEN, format!("{reason}.")),
    };
    not_logged_in(status).alert(&text).text("An administrator finds more in the log of slipway-api.")
}

fn no_role(name: &str, settings: &shared::config::Oidc, groups: &[String]) -> Page {
    let page = not_logged_in(StatusCode::FORBIDDEN).alert(&format!(
        "{} knows you as {name}, but none of your groups there gives you a role here.",
        settings.label
    ));
    if groups.is_empty() {
        return page
            .text(&format!("It named no groups at all: there is nothing in its claim '{}'.", settings.groups_claim));
    }
    let shown: Vec<String> = groups.iter().take(SHOWN_GROUPS).map(|group| plain(group)).collect();
    let more = groups.len().saturating_sub(SHOWN_GROUPS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    page.text(&format!("Your groups there: {}{more}.", shown.join(", ")))
        .text("An administrator gives groups roles with `identity.oidc.groups` in Slipway's configuration.")
}

/// Records a login that was refused. It stays refused, whether it can be recorded or not.
async fn refused(app: &AppState, parts: &Parts, name: &str, why: &str) {
    let origin = crate::audit::origin(&parts.extensions, &parts.headers);
    let entry = Entry::refused(Actor::unknown(name), origin, "session.begin", "session/new", why);
    if let Err(error) = audit::append(app.store.pool(), &entry).await {
        tracing::error!(%error, "a refused login could not be recorded in the audit log");
    }
}

fn go_to<const N: usize>(location: &str, cookies: [Option<HeaderValue>; N]) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let location = HeaderValue::from_str(location).unwrap_or(HeaderValue::from_static("/account"));
    response.headers_mut().insert(header::LOCATION, location);
    for cookie in cookies.into_iter().flatten() {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use shared::config::{Config, GroupGrant, Oidc};

    use super::*;

    fn provider(public_url: &str) -> Provider {
        let mut config = Config::default();
        config.api.public_url = Some(public_url.into());
        let group = GroupGrant { group: "all".into(), roles: vec!["viewer".into()], teams: Vec::new() };
        config.identity.oidc =
            Some(Oidc { issuer: "https://id.example.com".into(), groups: vec![group], ..Oidc::default() });
        Provider::new(&config).unwrap().unwrap()
    }

    #[test]
    fn the_cookie_of_a_login_cannot_be_planted_by_a_neighbouring_site() {
        let provider = provider("https://slipway.example.com");
        let expected = "__Host-slipway-oidc=x; Path=/; HttpOnly; SameSite=Lax; Max-Age=600; Secure";
        assert_eq!(cookie(&provider, "x", 600).unwrap(), expected);
        let browser = "b".repeat(SECRET);
        let read = |value: String| {
            let headers = HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(&value).unwrap())]);
            browser_of(&provider, &headers)
        };
        assert_eq!(read(format!("a=b; __Host-slipway-oidc={browser}")), Some(browser.clone()));
        assert_eq!(read(format!("__Host-slipway-oidc={browser}; __Host-slipway-oidc={browser}")), None);
        assert_eq!(read(format!("slipway-dev-oidc={browser}")), None);
        assert_eq!(read("__Host-slipway-oidc=short".into()), None);
    }

    #[test]
    fn what_ties_a_login_together_differs_for_each() {
        let first = Tie::new(None);
        let second = Tie::new(Some(first.browser.clone()));
        assert_eq!(first.browser, second.browser);
        assert_ne!(first.nonce().secret(), second.nonce().secret());
        assert_ne!(first.verifier(), second.verifier());
        assert_ne!(first.nonce().secret(), &first.verifier());
        assert_eq!(first.verifier().len(), SECRET);
    }
}
