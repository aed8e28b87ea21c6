//! Logins by device code (RFC 8628): a program somewhere shows a code, a person types it at `/device`.

use std::time::Duration;

use axum::{
    Form as FormBody, Json,
    extract::{Query, State, rejection::FormRejection},
    http::{StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};
use shared::store::{
    login_failure::{self, Against},
    login_request,
};
use utoipa::ToSchema;

use super::{
    login::{log_in_first, person_of},
    loopback::client_name,
    origin,
    page::{Form, Page},
    seconds_until,
};
use crate::{
    address::Address,
    error::{Problem, ProblemDetails},
    extract::Body,
    state::AppState,
};

/// Seconds between two polls, to begin with.
const INTERVAL_S: i32 = 5;

/// Who asks.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DeviceRequest {
    /// What the program calls itself; the person is shown it.
    client: String,
}

/// What to show, and what to poll with.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeviceAnswer {
    /// For `POST /api/login/token`; to be kept.
    device_code: String,
    /// For the person to type.
    user_code: String,
    /// Where they type it.
    verification_uri: String,
    /// Seconds until it is too late.
    expires_in: i64,
    /// Seconds between two polls.
    interval: i32,
}

/// Begins a login by device code. No key is needed.
#[utoipa::path(post, path = "/api/login/device", tag = "identity", security(()), request_body = DeviceRequest,
    responses((status = 200, body = DeviceAnswer), (status = 429, body = ProblemDetails)))]
pub(crate) async fn ask(
    State(app): State<AppState>,
    address: Address,
    parts: Parts,
    Body(body): Body,
) -> Result<Response, Problem> {
    let request: DeviceRequest =
        serde_json::from_slice(&body).map_err(|error| Problem::bad_request(format!("the body: {error}")))?;
    let lifetime = Duration::from_secs(app.config.identity.cli.device_code_s.into());
    let mut tx = app.store.begin().await?;
    let (client, place) = (client_name(&request.client), address.place());
    let asked = login_request::ask(&mut tx, &client, &place, lifetime, INTERVAL_S).await?;
    crate::commit(tx).await?;
    let Some(asked) = asked else {
        return Err(super::too_many("logins wait to be confirmed", chrono::Utc::now() + lifetime));
    };
    let answer = DeviceAnswer {
        device_code: asked.device_code,
        user_code: asked.user_code,
        verification_uri: format!("{}/device", own_address(&app, &parts)),
        expires_in: (asked.expires_at - chrono::Utc::now()).num_seconds(),
        interval: INTERVAL_S,
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

/// The address that the person's browser reaches us by.
fn own_address(app: &AppState, parts: &Parts) -> String {
    if let Some(url) = &app.config.api.public_url {
        return url.trim_end_matches('/').to_owned();
    }
    let scheme = if app.identity.cookie.is_secure() { "https" } else { "http" };
    format!("{scheme}://{}", origin::host(parts).unwrap_or(&app.config.api.listen))
}

/// A code in the address, to be confirmed by hand all the same.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ShowQuery {
    user_code: Option<String>,
}

/// What the pages send.
#[derive(Debug, Deserialize)]
pub(super) struct DeviceForm {
    user_code: String,
    /// What the person says; empty: show them first what asks.
    #[serde(default)]
    answer: String,
}

/// Asks for the code.
pub(super) async fn show(
    State(app): State<AppState>,
    Query(query): Query<ShowQuery>,
    parts: Parts,
) -> Result<Response, Problem> {
    if person_of(&app, &parts).await?.is_none() {
        return Ok(log_in_first(&parts));
    }
    Ok(code_page(StatusCode::OK, query.user_code.as_deref().unwrap_or_default(), None).into_response())
}

fn code_page(status: StatusCode, code: &str, wrong: Option<&str>) -> Page {
    let form = Form::to("/device")
        .field("user_code", "The code that the device shows", code, "autocomplete=\"off\" maxlength=\"16\" autofocus")
        .button("Go on");
    let page = Page::new(status, "Log in a device");
    let page = if let Some(wrong) = wrong { page.alert(wrong) } else { page };
    page.text(
        "Only type a code that you see on a device of your own. Whoever asks you to type theirs would act as you.",
    )
    .form(&form)
}

/// Shows who asks under the code; then does what the person says. Codes that are wrong are counted, by person and by
/// address, so that nobody finds one by trying.
pub(super) async fn answer(
    State(app): State<AppState>,
    address: Address,
    parts: Parts,
    form: Result<FormBody<DeviceForm>, FormRejection>,
) -> Result<Response, Problem> {
    if !origin::is_ours(&parts, app.config.api.public_url.as_deref()) {
        return Err(origin::cross_site());
    }
    let FormBody(form) = form.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let Some(person) = person_of(&app, &parts).await? else { return Ok(log_in_first(&parts)) };
    let (who, place) = (person.id.to_string(), address.place());
    let against = [Against::Code(&place), Against::Code(&who)];
    let mut tx = app.store.begin().await?;
    let blocked = login_failure::attempt(&mut tx, &against).await?;
    let asked = if blocked.is_none() { login_request::find(&mut *tx, &form.user_code).await? } else { None };
    if asked.is_some() {
        login_failure::forgive(&mut *tx, &against).await?;
    }
    crate::commit(tx).await?;
    if let Some(until) = blocked {
        let wait = seconds_until(until);
        let text = format!("Too many codes were wrong. The next one is looked at in {wait} s.");
        let mut response = code_page(StatusCode::TOO_MANY_REQUESTS, "", Some(&text)).into_response();
        response.headers_mut().insert(header::RETRY_AFTER, wait.into());
        return Ok(response);
    }
    let Some(asked) = asked else {
        let text = "No login waits under this code. It may be mistyped, or too old: ask the device for a new one.";
        return Ok(code_page(StatusCode::NOT_FOUND, &form.user_code, Some(text)).into_response());
    };
    let yes = match form.answer.as_str() {
        "yes" => true,
        "no" => false,
        _ => {
            let since = (chrono::Utc::now() - asked.created_at).num_seconds();
            let buttons = Form::to("/device")
                .hidden("user_code", &form.user_code)
                .answer("yes", "Log it in")
                .answer("no", "Refuse");
            let page = Page::new(StatusCode::OK, "Log in a device")
                .text("A program asks to act as you.")
                .facts(&[
                    ("Program", &asked.client),
                    ("From", &asked.address),
                    ("Asked", &format!("{since} s ago")),
                    ("You", &person.name),
                ])
                .form(&buttons);
            return Ok(page.into_response());
        }
    };
    let done = login_request::decide(app.store.pool(), asked.id, person.id, yes).await?;
    let text = match (done.is_applied(), yes) {
        (true, true) => "The device is logged in. You may close this page.",
        (true, false) => "The device was refused. You may close this page.",
        (false, _) => "It was answered before, or is too old by now.",
    };
    Ok(Page::new(StatusCode::OK, "Log in a device").text(text).into_response())
}
