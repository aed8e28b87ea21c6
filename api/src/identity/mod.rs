//! People at the door: logging in and out, by browser and on behalf of the command line.

mod account;
mod cookie;
mod device;
mod login;
mod loopback;
mod origin;
pub(crate) mod page;
mod people;
mod return_to;
mod sessions;
mod token;

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{StatusCode, request::Parts},
    middleware::from_fn,
    routing::{get, post},
};
use shared::{
    config::{Config, Environment, GuestRole},
    domain::access::{Credential, Principal, PrincipalKind, Role},
    store::session,
};
use uuid::Uuid;

pub(crate) use self::{device::*, login::begin_session, page::Page, return_to::ReturnTo, sessions::*, token::*};
use crate::{address::Peer, error::Problem, state::AppState};

/// Bytes that the form of a page may have.
const MAX_FORM: usize = 16 * 1024;
/// Between two looks at the file with people.
const LOOK: Duration = Duration::from_secs(1);

/// What logins need beside the database.
#[derive(Debug)]
pub(crate) struct Identity {
    /// How the cookie is called and sent.
    cookie: cookie::Cookie,
    /// The file with people.
    people: people::PeopleFile,
    /// What callers are who show nothing.
    guest: Option<Principal>,
}

impl Identity {
    /// As configured. A guest that [`check`] refuses is let in nowhere.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            cookie: cookie::Cookie::of(config),
            people: people::PeopleFile::new(config.identity.people_file.clone()),
            guest: guest_refusal(config, listens_on_loopback(&config.api.listen))
                .is_none()
                .then(|| guest(config))
                .flatten(),
        }
    }
}

/// Whether what is configured may be served at this address.
///
/// # Errors
/// When it would let in whom it must not, or the file with people cannot be used; the message says what to do.
pub(crate) fn check(config: &Config, address: SocketAddr) -> anyhow::Result<()> {
    if let Some(reason) = guest_refusal(config, address.ip().is_loopback()) {
        anyhow::bail!(
            "identity.guest lets in whoever comes, without a login, and {reason}; take `identity.guest` out of the configuration"
        );
    }
    if let Some(path) = &config.identity.people_file
        && shared::people::People::read(path)
            .map_err(|error| anyhow::anyhow!("identity.people_file: {error}"))?
            .is_none()
    {
        tracing::warn!(
            file = %path.display(),
            "identity.people_file is not there, so nobody can log in by a password; `slipway user add NAME` makes it"
        );
    }
    Ok(())
}

/// Keeps the people of the database as the file has them, until the service stops.
pub(crate) async fn watch(app: AppState) {
    loop {
        app.identity.people.refresh(&app.store).await;
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Who makes a request that shows no key: whoever the session of its cookie belongs to, or a guest where one is let in.
/// None: nobody.
///
/// # Errors
/// When the request was made by another site's page (see [`origin`]), or Postgres cannot be reached.
pub(crate) async fn caller_without_key(app: &AppState, parts: &Parts) -> Result<Option<Principal>, Problem> {
    // Programs read these, and a browser has no business there.
    if parts.uri.path() == "/metrics" || is_state_protocol(parts.uri.path()) {
        return Ok(None);
    }
    if let Some(token) = app.identity.cookie.read(&parts.headers) {
        let idle = idle(&app.config);
        if let Some(caller) = session::authenticate(app.store.pool(), token, idle).await? {
            origin::refuse_foreign(app, parts)?;
            return Ok(Some(caller));
        }
    }
    Ok(app.identity.guest.clone().filter(|_| comes_from_this_machine(parts)))
}

/// Refuses a request that a page of another site makes, whatever it shows: for what a browser lets such pages read, as a
/// WebSocket.
///
/// # Errors
/// 403 `cross-site`.
pub(crate) fn refuse_other_sites(app: &AppState, parts: &Parts) -> Result<(), Problem> {
    match origin::is_foreign(parts, app.config.api.public_url.as_deref()) {
        true => Err(origin::cross_site()),
        false => Ok(()),
    }
}

/// How long a session may go unused.
pub(crate) fn idle(config: &Config) -> Duration {
    Duration::from_secs(60 * u64::from(config.identity.session.idle_minutes))
}

/// Whether it is where Terraform's protocol is spoken. What is below it, as the versions, is for people too.
fn is_state_protocol(path: &str) -> bool {
    let below = path.strip_prefix("/api/resources/").and_then(|rest| rest.split_once('/'));
    below.is_some_and(|(_, rest)| rest.trim_end_matches('/') == "state")
}

/// Why guests may not be let in, if they are configured and may not.
fn guest_refusal(config: &Config, on_loopback: bool) -> Option<String> {
    config.identity.guest.as_ref()?;
    if config.environment != Environment::Development {
        return Some("this installation is not for development (`environment` is `production`)".into());
    }
    if !on_loopback {
        return Some(format!("others reach this installation too (`api.listen` is {})", config.api.listen));
    }
    if config.api.public_url.is_some() || !config.api.trusted_proxies.is_empty() {
        return Some(
            "others reach this installation by way of a proxy (`api.public_url`, `api.trusted_proxies`)".into(),
        );
    }
    None
}

fn guest(config: &Config) -> Option<Principal> {
    let guest = config.identity.guest.as_ref()?;
    let role = match guest.role {
        GuestRole::Viewer => Role::Viewer,
        GuestRole::Developer => Role::Developer,
    };
    Some(Principal {
        kind: PrincipalKind::Guest,
        id: Uuid::nil(),
        name: "guest".into(),
        roles: [role].into(),
        other_roles: Default::default(),
        teams: guest.teams.iter().cloned().collect(),
        scopes: None,
        credential: Credential::Guest,
    })
}

fn listens_on_loopback(listen: &str) -> bool {
    let host = listen.rsplit_once(':').map_or(listen, |(host, _)| host);
    is_loopback_host(host)
}

/// Whether a host's name, without port, can only mean this machine.
fn is_loopback_host(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a request without credentials can only have been made by somebody at this machine, on purpose: over a connection
/// from here, not passed on for somebody else, to a name that means this machine (a name of their own is how pages elsewhere
/// reach local services), and not by another site's page.
fn comes_from_this_machine(parts: &Parts) -> bool {
    let local = parts.extensions.get::<Peer>().is_some_and(|Peer(peer)| peer.ip().to_canonical().is_loopback());
    let passed_on = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];
    local
        && !passed_on.iter().any(|name| parts.headers.contains_key(*name))
        && origin::host(parts).is_some_and(|host| is_loopback_host(origin::without_port(host)))
        && !origin::is_foreign(parts, None)
}

/// The pages, and what they post to. They are for browsers and not part of the described API.
pub(crate) fn pages() -> Router<AppState> {
    Router::new()
        .route("/login", get(login::show).post(login::log_in))
        .route("/login/style.css", get(page::style))
        .route("/logout", post(login::log_out))
        .route("/account", get(account::show))
        .route("/device", get(device::show).post(device::answer))
        .route("/cli/login", get(loopback::show).post(loopback::answer))
        .merge(crate::oidc::pages())
        .layer(DefaultBodyLimit::max(MAX_FORM))
        .layer(from_fn(page::protect))
}

/// 429, and when to come back.
fn too_many(what: &str, until: chrono::DateTime<chrono::Utc>) -> Problem {
    let wait = seconds_until(until);
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too-many-attempts",
        format!("too many {what}; the next one is looked at in {wait} s, at {}", until.format("%H:%M:%S UTC")),
    )
    .with_header(axum::http::header::RETRY_AFTER, wait.into())
}

/// Whole seconds, at least one.
fn seconds_until(until: chrono::DateTime<chrono::Utc>) -> i64 {
    ((until - chrono::Utc::now()).num_milliseconds() / 1000 + 1).max(1)
}
