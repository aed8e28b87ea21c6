//! `slipway auth`: may I?

use serde::Deserialize;
use serde_json::{Value, json};

use super::Globals;
use crate::{
    failure::Failure,
    output::{Printer, clean},
};

#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Says whether you may do something; exits with 1 when not
    #[command(after_help = "Examples:
  slipway auth can-i cancel run/0198c7a2-70d9-7494-8221-6f4cc9e19904
  slipway auth can-i submit application/shop
  slipway auth can-i resource.forget                in which teams
  slipway auth can-i cancel run/ID --also 'retry run/ID' --also metrics.read
  slipway auth can-i delete application/shop -o json")]
    CanI {
        #[command(flatten)]
        question: Question,
        /// Asks this too: `VERB` or `VERB OBJECT`; the answer is yes when it is to all
        #[arg(long, value_name = "VERB OBJECT")]
        also: Vec<String>,
    },
    /// Says why: the policies that decide, your roles, teams and scopes, and who could
    #[command(after_help = "Examples:
  slipway auth explain delete application/shop
  slipway auth explain approve run/0198c7a2-70d9-7494-8221-6f4cc9e19904/confirm
  slipway auth explain metrics.read")]
    Explain(Question),
}

/// What is asked.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Question {
    /// What to do: `cancel`, or with its noun `run.cancel`
    #[arg(value_name = "VERB")]
    verb: String,
    /// To what: application/NAME, resource/ID, run/ID, run/ID/STEP or team/NAME; without it: in which teams
    #[arg(value_name = "OBJECT")]
    object: Option<String>,
}

/// What the server says to several questions.
#[derive(Debug, Deserialize)]
struct Answers {
    answers: Vec<Answer>,
}

/// What the server says.
#[derive(Debug, Deserialize)]
struct Answer {
    allowed: bool,
    message: String,
    object: Option<String>,
}

/// What it rests on.
#[derive(Debug, Deserialize)]
struct Explanation {
    #[serde(flatten)]
    answer: Answer,
    policies: Vec<String>,
    allowed_roles: Vec<String>,
    name: String,
    kind: String,
    roles: Vec<String>,
    caller_teams: Vec<String>,
    scopes: Option<Vec<String>>,
    object_team: Option<String>,
}

/// Carries it out.
///
/// # Errors
/// When the server cannot be reached, or the answer is no.
pub(crate) async fn run(globals: &Globals, command: Command) -> anyhow::Result<()> {
    let (path, question) = match &command {
        Command::CanI { question, also } if !also.is_empty() => return all(globals, question, also).await,
        Command::CanI { question, .. } => ("/api/auth/can-i", question),
        Command::Explain(question) => ("/api/auth/explain", question),
    };
    let mut query = vec![("action", question.verb.clone())];
    query.extend(question.object.clone().map(|object| ("object", object)));
    let value = globals.client()?.get(path, &query).await?;
    let table = if matches!(command, Command::CanI { .. }) { in_short } else { in_full };
    globals.printer().print(&value, table)?;
    let answer: Answer = serde_json::from_value(value)?;
    if answer.allowed { Ok(()) } else { Err(Failure::Said(1).into()) }
}

/// Asks several things at once.
async fn all(globals: &Globals, first: &Question, also: &[String]) -> anyhow::Result<()> {
    let asked = |verb: &str, object: Option<&str>| json!({"action": verb, "object": object});
    let mut questions = vec![asked(&first.verb, first.object.as_deref())];
    questions.extend(also.iter().map(|text| match text.trim().split_once(char::is_whitespace) {
        Some((verb, object)) => asked(verb, Some(object.trim())),
        None => asked(text.trim(), None),
    }));
    let (_, value) = globals.client()?.post_once("/api/auth/can-i", json!({"questions": questions})).await?;
    globals.printer().print(&value, |_, value| {
        let Answers { answers } = Answers::deserialize(value)?;
        Ok(answers.iter().map(|answer| clean(&answer.message) + "\n").collect())
    })?;
    let Answers { answers } = serde_json::from_value(value)?;
    if answers.iter().all(|answer| answer.allowed) { Ok(()) } else { Err(Failure::Said(1).into()) }
}

fn in_short(_: Printer, value: &Value) -> anyhow::Result<String> {
    let answer = Answer::deserialize(value)?;
    Ok(clean(&answer.message) + "\n")
}

fn in_full(_: Printer, value: &Value) -> anyhow::Result<String> {
    let it = Explanation::deserialize(value)?;
    let list = |words: &[String], none: &str| if words.is_empty() { none.to_owned() } else { words.join(", ") };
    let decided = match (it.answer.allowed, it.policies.is_empty()) {
        (true, _) => format!("permitted by   {}", it.policies.join(", ")),
        (false, false) => format!("forbidden by   {}", it.policies.join(", ")),
        (false, true) => "no policy permits it".to_owned(),
    };
    let scopes = it.scopes.as_ref().map_or_else(|| "all that the roles allow".to_owned(), |it| list(it, "none"));
    let mut lines = vec![
        it.answer.message.clone(),
        decided,
        format!("you            {} ({})", it.name, it.kind),
        format!("your roles     {}", list(&it.roles, "none")),
        format!("your teams     {}", list(&it.caller_teams, "none")),
        format!("your scopes    {scopes}"),
    ];
    if let (Some(object), Some(team)) = (&it.answer.object, &it.object_team) {
        lines.push(format!("{object} is of the team {team}"));
    }
    lines.push(format!("roles that may {}", list(&it.allowed_roles, "none")));
    Ok(lines.into_iter().map(|line| clean(&line) + "\n").collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_explanation_says_what_decides_and_who_could() {
        let value = json!({
            "allowed": false, "action": "application.delete", "object": "application/shop",
            "message": "no, ada may not application.delete application/shop", "policies": [],
            "allowed_roles": ["admin", "developer"], "name": "ada", "kind": "person", "roles": ["viewer"],
            "caller_teams": ["payments"], "scopes": null, "object_team": "payments",
        });
        let printer = crate::output::Flags::default().printer();
        let text = in_full(printer, &value).unwrap();
        assert!(text.contains("no policy permits it\n"), "{text}");
        assert!(text.contains("roles that may admin, developer\n"), "{text}");
        assert!(text.contains("your scopes    all that the roles allow\n"), "{text}");
    }
}
