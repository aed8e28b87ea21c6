//! From the body of a request to a submission, and from a refusal to words that help.

use axum::{body::Bytes, http::StatusCode};
use shared::{
    formats::{
        problem::{Problem as Mistake, code},
        score::Mode,
    },
    store::submit::{Refusal, Submission},
    submission,
};

use crate::error::{InputError, Problem};

/// Characters a team's name may have.
const MAX_TEAM: usize = 63;

/// Reads and checks a Score file.
pub(crate) async fn read(
    body: Bytes,
    compat: bool,
    team: Option<String>,
    actor: String,
) -> Result<Submission, Problem> {
    if let Some(team) = &team
        && !(1..=MAX_TEAM).contains(&team.len())
            | team.chars().any(|c| !(c.is_ascii_alphanumeric() || "-_.".contains(c)))
    {
        return Err(Problem::bad_request("team: up to 63 letters, digits, `-`, `_` and `.`"));
    }
    let mode = if compat { Mode::Compat } else { Mode::Strict };
    // A megabyte of hostile YAML takes milliseconds, but not on a thread that serves others.
    tokio::task::spawn_blocking(move || submission::read(&body, mode, team, actor))
        .await
        .map_err(|error| Problem::internal(&error))?
        .map_err(invalid)
}

fn invalid(mistakes: Vec<Mistake>) -> Problem {
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
pub(crate) fn refused(application: &str, refusal: Refusal) -> Problem {
    let listed = |pairs: &[(String, String)]| {
        pairs.iter().map(|(name, identity)| format!("'{name}' ({identity})")).collect::<Vec<_>>().join(", ")
    };
    let names = |pairs: Vec<(String, String)>| pairs.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    match refusal {
        Refusal::Deleting => {
            let detail = format!("'{application}' is being deleted; submit it again when it is gone");
            Problem::conflict("being-deleted", detail)
        }
        Refusal::OtherTeam(team) => {
            let detail = format!("'{application}' belongs to team '{team}'; leave `team` out, or choose another name");
            Problem::conflict("other-team", detail).with("team", team)
        }
        Refusal::Changes { changed, removed } => {
            let mut parts = Vec::new();
            if !changed.is_empty() {
                parts.push(format!("changes {}", changed.join(", ")));
            }
            if !removed.is_empty() {
                parts.push(format!("removes {}", removed.join(", ")));
            }
            let detail = format!(
                "this submission {}; only adding resources is supported: keep them as they are (new names for new ones), \
                 or delete '{application}' and submit it again",
                parts.join(" and ")
            );
            Problem::conflict("changes-not-supported", detail).with("changed", changed).with("removed", removed)
        }
        Refusal::SharedConflict(conflicts) => {
            let detail = format!(
                "another application asked for {} differently; ask for the same, or use another id",
                listed(&conflicts)
            );
            Problem::conflict("shared-conflict", detail).with("resources", names(conflicts))
        }
        Refusal::Terminating(going) => {
            let detail = format!("{} is being removed; submit again when it is gone", listed(&going));
            Problem::conflict("being-deleted", detail).with("resources", names(going))
        }
    }
}
