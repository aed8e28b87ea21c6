//! `/cli/login`: a command line on the person's own machine asks to be logged in. It listens on a port of 127.0.0.1, where the
//! browser brings it a code that is good once, for a minute, and only for the program that asked.

use std::time::Duration;

use axum::{
    Form as FormBody,
    extract::{Query, State, rejection::FormRejection, rejection::QueryRejection},
    http::{StatusCode, request::Parts},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;
use shared::store::login_request;

use super::{
    login::{log_in_first, person_of},
    origin,
    page::{Form, Page, see_other},
};
use crate::{error::Problem, state::AppState};

/// How long the code is good.
const CODE: Duration = Duration::from_secs(60);
/// Bytes that the program's `state` may have.
const MAX_STATE: usize = 128;
/// Characters of the program's name that are kept.
pub(super) const MAX_CLIENT: usize = 64;

/// What the program asks, and the page sends.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Asked {
    port: u16,
    /// SHA-256 of what the program keeps, in base64url.
    challenge: String,
    /// The program's own mark, which it gets back.
    state: String,
    /// What the program calls itself.
    #[serde(default)]
    client: String,
    /// What the person says; of the page only.
    #[serde(default)]
    answer: String,
}

impl Asked {
    fn challenge(&self) -> Result<[u8; 32], Problem> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&self.challenge).ok();
        let wrong = || Problem::bad_request("challenge: not a SHA-256 digest in base64url");
        bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(wrong)
    }

    fn check(&self) -> Result<(), Problem> {
        self.challenge()?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if self.port < 1024 {
            return Err(Problem::bad_request("port: from 1024 on, where programs of people listen"));
        }
        if self.state.is_empty() || self.state.len() > MAX_STATE || !self.state.chars().all(plain) {
            return Err(Problem::bad_request(format!("state: 1 to {MAX_STATE} letters, digits, '-' and '_'")));
        }
        Ok(())
    }

    fn client(&self) -> String {
        client_name(&self.client)
    }
}

/// What a program calls itself, fit to be shown.
pub(super) fn client_name(text: &str) -> String {
    let plain: String = text.chars().filter(|c| !c.is_control()).take(MAX_CLIENT).collect();
    if plain.trim().is_empty() { "unnamed".into() } else { plain.trim().to_owned() }
}

/// Asks the person.
pub(super) async fn show(
    State(app): State<AppState>,
    asked: Result<Query<Asked>, QueryRejection>,
    parts: Parts,
) -> Result<Response, Problem> {
    let Query(asked) = asked.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    asked.check()?;
    let Some(person) = person_of(&app, &parts).await? else { return Ok(log_in_first(&parts)) };
    let (port, client) = (asked.port.to_string(), asked.client());
    let form = Form::to("/cli/login")
        .hidden("port", &port)
        .hidden("challenge", &asked.challenge)
        .hidden("state", &asked.state)
        .hidden("client", &client)
        .answer("yes", "Log it in")
        .answer("no", "Refuse");
    let page = Page::new(StatusCode::OK, "Log in the command line")
        .text("A program on this machine asks to act as you. Did you just run `slipway login`?")
        .facts(&[("Program", &client), ("Port", &port), ("You", &person.name)])
        .form(&form)
        .leading_to(format!("http://127.0.0.1:{port}"));
    Ok(page.into_response())
}

/// Takes what the person says to the program.
pub(super) async fn answer(
    State(app): State<AppState>,
    parts: Parts,
    asked: Result<FormBody<Asked>, FormRejection>,
) -> Result<Response, Problem> {
    if !origin::is_ours(&parts, app.config.api.public_url.as_deref()) {
        return Err(origin::cross_site());
    }
    let FormBody(asked) = asked.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    asked.check()?;
    let Some(person) = person_of(&app, &parts).await? else { return Ok(see_other("/login")) };
    let back = format!("http://127.0.0.1:{}/callback?state={}", asked.port, asked.state);
    if asked.answer != "yes" {
        return Ok(see_other(&format!("{back}&error=refused")));
    }
    let (pool, challenge) = (app.store.pool(), asked.challenge()?);
    let code = login_request::confirm_loopback(pool, person.id, challenge, &asked.client(), CODE).await?;
    Ok(see_other(&format!("{back}&code={code}")))
}
