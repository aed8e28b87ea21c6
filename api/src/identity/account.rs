//! `/account`: who one is here.

use axum::{
    extract::State,
    http::{StatusCode, request::Parts},
    response::{IntoResponse as _, Response},
};

use super::{
    login::{log_in_first, person_of},
    page::{Form, Page},
};
use crate::{error::Problem, state::AppState};

/// The page.
pub(super) async fn show(State(app): State<AppState>, parts: Parts) -> Result<Response, Problem> {
    let Some(person) = person_of(&app, &parts).await? else { return Ok(log_in_first(&parts)) };
    let listed = |names: Vec<&str>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let roles = listed(person.role_names().collect());
    let teams = listed(person.teams.iter().map(String::as_str).collect());
    let page = Page::new(StatusCode::OK, "Your account")
        .facts(&[("Name", &person.name), ("Roles", &roles), ("Teams", &teams)])
        .link("/device", "Log in a device by its code")
        .link("/api/docs", "The API")
        .form(&Form::to("/logout").button("Log out"));
    Ok(page.into_response())
}
