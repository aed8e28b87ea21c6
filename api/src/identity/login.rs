//! `/login` and `/logout`.

use axum::{
    Form as FormBody,
    extract::{Query, State, rejection::FormRejection},
    http::{Extensions, HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use shared::{
    domain::audit::{Actor, Entry},
    store::{
        Connection, audit,
        login_failure::{self, Against},
        person::{self, Login},
        session::{self, NewSession},
    },
};
use uuid::Uuid;

use super::{
    origin,
    page::{Form, Page, see_other},
    return_to::ReturnTo,
    seconds_until,
};
use crate::{address::Address, error::Problem, state::AppState};

/// Characters of a browser's name that are kept.
const MAX_AGENT: usize = 200;

/// Where to go on.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ShowQuery {
    return_to: Option<String>,
}

/// What the page sends.
#[derive(Deserialize)]
pub(super) struct LoginForm {
    name: String,
    password: String,
    return_to: Option<String>,
}

/// The page. Somebody who is logged in goes on at once.
pub(super) async fn show(
    State(app): State<AppState>,
    Query(query): Query<ShowQuery>,
    parts: Parts,
) -> Result<Response, Problem> {
    let return_to = ReturnTo::of(query.return_to.as_deref());
    if person_of(&app, &parts).await?.is_some() {
        return Ok(see_other(return_to.as_str()));
    }
    Ok(page(&app, StatusCode::OK, &return_to, "", None).into_response())
}

/// Checks name and password, and begins a session.
pub(super) async fn log_in(
    State(app): State<AppState>,
    address: Address,
    parts: Parts,
    form: Result<FormBody<LoginForm>, FormRejection>,
) -> Result<Response, Problem> {
    // Somebody else's page must not log a person in as somebody else, either.
    if !origin::is_ours(&parts, app.config.api.public_url.as_deref()) {
        return Err(origin::cross_site());
    }
    let FormBody(LoginForm { name, password, return_to }) =
        form.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let (name, return_to) = (name.trim().to_owned(), ReturnTo::of(return_to.as_deref()));
    let refuse = |status, text: String| page(&app, status, &return_to, &name, Some(&text));
    if !app.identity.people.is_configured() {
        return Ok(refuse(StatusCode::FORBIDDEN, "nobody logs in by a password here".into()).into_response());
    }
    app.identity.people.refresh(&app.store).await;

    let place = address.place();
    // What cannot be a name is nobody's: it is not kept. It may be a password in the wrong field.
    let known = shared::people::is_name(&name);
    let claimed = if known { name.as_str() } else { "" };
    let against: Vec<Against<'_>> =
        [Some(Against::Address(&place)), known.then_some(Against::Name(&name))].into_iter().flatten().collect();
    let mut tx = app.store.begin().await?;
    let blocked = login_failure::attempt(&mut tx, &against).await?;
    crate::commit(tx).await?;
    if let Some(until) = blocked {
        refused(&app, &parts, claimed, "throttled").await;
        let (wait, at) = (seconds_until(until), until.format("%H:%M:%S UTC"));
        let text = format!("Too many attempts have failed. The next one is looked at in {wait} s, at {at}.");
        let mut response = refuse(StatusCode::TOO_MANY_REQUESTS, text).into_response();
        response.headers_mut().insert(header::RETRY_AFTER, wait.into());
        return Ok(response);
    }
    let Some(listed) = app.identity.people.verify(&name, password).await? else {
        refused(&app, &parts, claimed, "wrong").await;
        return Ok(refuse(StatusCode::UNAUTHORIZED, "Name and password do not match.".into()).into_response());
    };
    let mut tx = app.store.begin().await?;
    login_failure::forgive(&mut *tx, &against).await?;
    let login = Login {
        issuer: person::FILE,
        subject: &listed.name,
        name: &listed.name,
        email: None,
        roles: &listed.roles,
        teams: &listed.teams,
    };
    let Some(id) = person::log_in(&mut *tx, login).await? else {
        return Ok(refuse(StatusCode::UNAUTHORIZED, "Name and password do not match.".into()).into_response());
    };
    let cookie = begin_session(&app, &mut tx, &parts.extensions, &parts.headers, id, &listed.name).await?;
    crate::commit(tx).await?;
    let mut response = see_other(return_to.as_str());
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

/// Ends the session, and has the browser forget it.
pub(super) async fn log_out(State(app): State<AppState>, parts: Parts) -> Result<Response, Problem> {
    if !origin::is_ours(&parts, app.config.api.public_url.as_deref()) {
        return Err(origin::cross_site());
    }
    let mut next = "/login";
    if let Some(token) = app.identity.cookie.read(&parts.headers) {
        let person = person_of(&app, &parts).await?;
        let mut tx = app.store.begin().await?;
        session::end_by_token(&mut *tx, token).await?;
        if let Some(person) = &person {
            let (actor, origin) = (Actor::from(person), crate::audit::origin(&parts.extensions, &parts.headers));
            let object = actor.credential.clone();
            audit::record(&mut tx, &Entry::done(actor, origin, "session.end", object)).await?;
        }
        crate::commit(tx).await?;
        if let Some(person) = person {
            next = crate::oidc::after_logout(&app, person.id).await?;
        }
    }
    let mut response = see_other(next);
    if let Some(cookie) = app.identity.cookie.clear() {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Begins a session for somebody who has just proved who they are; gives the `Set-Cookie` header. Whatever session the
/// browser showed is over with that, and its token is good for nothing. To be committed by the caller.
///
/// # Errors
/// When Postgres cannot be reached.
pub(crate) async fn begin_session(
    app: &AppState,
    conn: &mut Connection,
    extensions: &Extensions,
    headers: &HeaderMap,
    person: Uuid,
    name: &str,
) -> Result<HeaderValue, Problem> {
    if let Some(token) = app.identity.cookie.read(headers) {
        session::end_by_token(&mut *conn, token).await?;
    }
    let origin = crate::audit::origin(extensions, headers);
    let agent: String = origin.agent.chars().filter(|c| !c.is_control()).take(MAX_AGENT).collect();
    let lifetime = std::time::Duration::from_secs(3600 * u64::from(app.config.identity.session.absolute_hours));
    let new = NewSession { person, address: &origin.address, agent: &agent, lifetime };
    let (id, token) = session::begin(&mut *conn, new).await?;
    let actor =
        Actor { kind: "person".into(), id: Some(person), name: name.to_owned(), credential: format!("session/{id}") };
    audit::record(conn, &Entry::done(actor, origin, "session.begin", format!("session/{id}"))).await?;
    app.identity.cookie.set(&token).ok_or_else(|| Problem::internal(&"a token that cannot be in a header"))
}

/// Whoever is logged in, for a page of ours. Links from elsewhere lead here too, so that pages never change anything by GET.
pub(super) async fn person_of(
    app: &AppState,
    parts: &Parts,
) -> Result<Option<shared::domain::access::Principal>, Problem> {
    let Some(token) = app.identity.cookie.read(&parts.headers) else { return Ok(None) };
    Ok(session::authenticate(app.store.pool(), token, super::idle(&app.config)).await?)
}

/// To the login page, and back to where the browser was going.
pub(super) fn log_in_first(parts: &Parts) -> Response {
    let here = parts.uri.path_and_query().map_or("/account", |path| path.as_str());
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("return_to", here).finish();
    see_other(&format!("/login?{query}"))
}

fn page(app: &AppState, status: StatusCode, return_to: &ReturnTo, name: &str, wrong: Option<&str>) -> Page {
    let mut page = Page::new(status, "Log in");
    if let Some(wrong) = wrong {
        page = page.alert(wrong);
    }
    if app.identity.people.is_configured() {
        let form = Form::to("/login")
            .hidden("return_to", return_to.as_str())
            .field("name", "Name", name, "autocomplete=\"username\" autocapitalize=\"none\" maxlength=\"63\" autofocus")
            .field("password", "Password", "", "type=\"password\" autocomplete=\"current-password\" maxlength=\"1024\"")
            .button("Log in");
        page = page.form(&form);
    }
    if let Some(oidc) = &app.config.identity.oidc {
        let query =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("return_to", return_to.as_str()).finish();
        if let Some(problem) = app.oidc.problem() {
            page = page.alert(&format!("Login by {} does not work now: {problem}", oidc.label));
        }
        page = page.link(&format!("/login/oidc?{query}"), &format!("Log in by {}", oidc.label));
    } else if !app.identity.people.is_configured() {
        page = page.text(
            "Nobody can log in here: the configuration names neither people (identity.people_file) nor who vouches for \
             them (identity.oidc).",
        );
    }
    page
}

/// Records a login that was refused. It stays refused, whether it can be recorded or not.
async fn refused(app: &AppState, parts: &Parts, name: &str, why: &str) {
    let origin = crate::audit::origin(&parts.extensions, &parts.headers);
    tracing::info!(address = %origin.address, why, "a login was refused");
    let entry = Entry::refused(Actor::unknown(name), origin, "session.begin", "session/new", why);
    if let Err(error) = audit::append(app.store.pool(), &entry).await {
        tracing::error!(%error, "a refused login could not be recorded in the audit log");
    }
}
