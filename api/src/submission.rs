//! From the body of a request to a submission, and from a refusal to words that help.

use std::collections::BTreeMap;

use axum::{body::Bytes, http::StatusCode};
use serde_json::json;
use shared::{
    formats::{
        problem::{Problem as Mistake, code},
        score::Mode,
    },
    secrets::token,
    store::{
        access,
        submit::{Choices, Refusal, Submission},
    },
    submission,
};

use crate::{
    access::Grant,
    error::{InputError, Problem},
    state::AppState,
};

/// What comes beside a Score file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beside {
    /// Accepts what innominatus' own files have beyond Score.
    pub(crate) compat: bool,
    /// The team that is to own a new application.
    pub(crate) team: Option<String>,
    /// How long it is to live, as written.
    pub(crate) ttl: Option<String>,
    /// Tags and workflows.
    pub(crate) choices: Choices,
    /// The name of the key it came with.
    pub(crate) actor: String,
}

/// Characters a team's name may have.
const MAX_TEAM: usize = 63;

/// Bytes of a file that is read where it comes in: another thread for it would take longer than reading it does.
const SMALL: usize = 4096;

/// Reads and checks a Score file with what came beside it.
pub(crate) async fn read(body: Bytes, beside: Beside) -> Result<Submission, Problem> {
    let Beside { compat, team, ttl, choices, actor } = beside;
    if let Some(team) = &team
        && !(1..=MAX_TEAM).contains(&team.len())
            | team.chars().any(|c| !(c.is_ascii_alphanumeric() || "-_.".contains(c)))
    {
        return Err(Problem::bad_request("team: up to 63 letters, digits, `-`, `_` and `.`"));
    }
    let ttl_s = ttl.map(|text| submission::ttl(&text)).transpose();
    let requested_ttl_s = ttl_s.map_err(|wrong| Problem::bad_request(format!("ttl: {wrong}")))?;
    let mode = if compat { Mode::Compat } else { Mode::Strict };
    let small = body.len() <= SMALL;
    let reading = move || submission::read(&body, mode, team, actor);
    // A megabyte of hostile YAML takes milliseconds, but not on a thread that serves others.
    let read = if small {
        reading()
    } else {
        tokio::task::spawn_blocking(reading).await.map_err(|error| Problem::internal(&error))?
    };
    let mut read = read.map_err(invalid)?;
    if let Some(path) = token::find(&read.spec) {
        let message =
            "this text is how Slipway writes a sealed value, and cannot be given: name a secret as ${secrets.NAME}";
        return Err(invalid(vec![Mistake::new(code::INVALID_VALUE, message.to_owned()).at(path)]));
    }
    submission::choose(&mut read, choices).map_err(|mistake| invalid(vec![mistake]))?;
    read.requested_ttl_s = requested_ttl_s;
    Ok(read)
}

/// The team that a submission is for: whose the application is, when the caller may submit it; else the one asked for, or
/// their only one.
pub(crate) async fn team(app: &AppState, grant: &Grant, submission: &Submission) -> Result<Option<String>, Problem> {
    let several = grant.teams().teams().is_some_and(|teams| teams.len() > 1);
    if submission.team.is_none() && several {
        let standing = access::application(app.store.pool(), &submission.name).await?;
        if let Some(found) = standing.filter(|found| grant.teams().has(&found.team)) {
            return Ok(Some(found.team));
        }
    }
    grant.team(submission.team.as_deref())
}

/// Reads `db=fast-path,cache=small`.
pub(crate) fn workflows(text: &str) -> Result<BTreeMap<String, String>, Problem> {
    let wrong = |part: &str| {
        let part: String = part.chars().take(64).collect();
        Problem::bad_request(format!("workflow_override: '{part}' is not RESOURCE=WORKFLOW"))
    };
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, workflow) = part.split_once('=').ok_or_else(|| wrong(part))?;
            let (name, workflow) = (name.trim(), workflow.trim());
            if name.is_empty() || workflow.is_empty() { Err(wrong(part)) } else { Ok((name.into(), workflow.into())) }
        })
        .collect()
}

pub(crate) fn invalid(mistakes: Vec<Mistake>) -> Problem {
    // What is no document at all is 400; a document that says something wrong is 422.
    let syntax = mistakes.iter().any(|mistake| [code::SYNTAX, code::LIMIT].contains(&mistake.code));
    let status = if syntax { StatusCode::BAD_REQUEST } else { StatusCode::UNPROCESSABLE_ENTITY };
    let detail = match mistakes.as_slice() {
        [one] => one.to_string(),
        several => format!(
            "{} mistakes; the first: {}",
            several.len(),
            several.first().map(ToString::to_string).unwrap_or_default()
        ),
    };
    Problem::new(status, "invalid-spec", detail).with_errors(mistakes.into_iter().map(InputError::from).collect())
}

/// Why a valid submission is not accepted, and what to do.
pub(crate) fn refused(application: &str, refusal: Refusal, grant: &Grant) -> Problem {
    let listed = |pairs: &[(String, String)]| {
        pairs.iter().map(|(name, identity)| format!("'{name}' ({identity})")).collect::<Vec<_>>().join(", ")
    };
    let names = |pairs: Vec<(String, String)>| pairs.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    match refusal {
        Refusal::OtherTeam(team) if !grant.knows(&team) => {
            let detail = format!("the name '{application}' is taken; choose another one");
            Problem::conflict("name-taken", detail)
        }
        Refusal::OtherTeam(team) => {
            let detail = format!("'{application}' belongs to team '{team}'; leave `team` out, or choose another name");
            Problem::conflict("other-team", detail).with("team", team)
        }
        Refusal::SharedConflict(conflicts) => {
            let detail = format!(
                "another application asked for {} differently; ask for the same, or use another id",
                listed(&conflicts)
            );
            Problem::conflict("shared-conflict", detail).with("resources", names(conflicts))
        }
        Refusal::NotShared(theirs) => {
            let detail = format!(
                "another application has {}, and not both of you share it; use another id or name, or have both ask for it by the same `id`",
                listed(&theirs)
            );
            Problem::conflict("shared-conflict", detail).with("resources", names(theirs))
        }
        Refusal::Protected { application: whole, resources } => protected(application, whole, resources),
        Refusal::Quota { team, exceeded } => {
            let quotas: Vec<String> = exceeded.iter().map(ToString::to_string).collect();
            let detail = format!(
                "team '{team}' would use more than it may: {}; remove what it needs no more, or ask an administrator for more \
                 (`slipway team get {team}` shows both)",
                quotas.join("; ")
            );
            Problem::conflict("quota-exceeded", detail).with("team", team).with("exceeded", json!(exceeded))
        }
    }
}

/// Why something cannot be deleted, and how it could.
pub(crate) fn protected(application: &str, whole: bool, resources: Vec<String>) -> Problem {
    let (what, unprotect) = match (whole, resources.as_slice()) {
        (true, []) => (format!("application '{application}' is protected from deletion"), application.to_owned()),
        (true, resources) => {
            let list = resources.join(", ");
            (
                format!("application '{application}' is protected from deletion, and this would remove {list}"),
                application.to_owned(),
            )
        }
        (false, resources) => {
            let first = resources.first().map(String::as_str).unwrap_or_default();
            (
                format!("protected from deletion: {} of application '{application}'", resources.join(", ")),
                format!("{application}/{first}"),
            )
        }
    };
    let detail = format!(
        "{what}; lift it first: `slipway app unprotect {unprotect}`, or a submission without the annotation \
         slipway.dev/deletion-protection"
    );
    Problem::conflict("protected", detail).with("resources", resources)
}
