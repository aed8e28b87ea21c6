//! `slipway notification`: what one is told of, where, and how that went.

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use serde_json::{Map, Value, json};
use shared::formats::duration;

use super::{
    Globals,
    list::{Many, query},
};
use crate::{
    client::{Client, segment},
    failure::Failure,
    output::{Printer, age, clean, or_dash, short},
    views,
};

const MINE: &str = "/api/notifications/mine";
const TEAMS: &str = "/api/notifications/rules";

#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Has you, or a team, told of what happens
    #[command(after_help = "Examples:
  slipway notification add --email                                    you, at your own address
  slipway notification add --on failure --slack https://hooks.slack.com/services/T0/B0/x --team shop
  slipway notification add --on approval --on drift --webhook https://hooks.example.org/slipway --team shop
  slipway notification add --slack https://hooks.slack.com/services/T0/B0/x --all-teams --digest 5m
The first thing is told at once; what follows within the digest's time is told together.")]
    Add {
        /// Of what: failure, approval or drift; may be given several times; all of them when it is not given
        #[arg(long = "on", value_name = "WHAT")]
        on: Vec<String>,
        #[command(flatten)]
        place: Place,
        /// A rule of this team, instead of your own
        #[arg(long, value_name = "TEAM")]
        team: Option<String>,
        /// A rule of the installation, which is told of all teams' things
        #[arg(long, conflicts_with = "team")]
        all_teams: bool,
        /// After a message, what happens within this time is told together: 15m, 1h; 0 tells everything at once
        #[arg(long, value_name = "TIME")]
        digest: Option<String>,
        /// For people
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
    },
    /// Lists your rules, and those of your teams
    #[command(
        visible_alias = "ls",
        after_help = "Examples:\n  slipway notification list\n  slipway notification list --team shop"
    )]
    List {
        /// Only of this team
        #[arg(long, value_name = "TEAM")]
        team: Option<String>,
    },
    /// Changes what a rule is for
    #[command(
        after_help = "Example:\n  slipway notification set 0198c7a2-70d9-7494-8221-6f4cc9e19904 --on failure --digest 1h"
    )]
    Set {
        #[command(flatten)]
        which: Which,
        /// Of what: failure, approval or drift; may be given several times
        #[arg(long = "on", value_name = "WHAT", required_unless_present_any = ["digest", "description"])]
        on: Vec<String>,
        /// After a message, what happens within this time is told together
        #[arg(long, value_name = "TIME")]
        digest: Option<String>,
        /// For people
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
    },
    /// Has a rule tell nothing until `resume`
    #[command(after_help = "Example:\n  slipway notification pause 0198c7a2-70d9-7494-8221-6f4cc9e19904")]
    Pause(Which),
    /// Has a rule tell again, of what happens from now on
    #[command(after_help = "Example:\n  slipway notification resume 0198c7a2-70d9-7494-8221-6f4cc9e19904")]
    Resume(Which),
    /// Sends a message that says that it is a test
    #[command(after_help = "Example:\n  slipway notification test 0198c7a2-70d9-7494-8221-6f4cc9e19904")]
    Test(Which),
    /// Shows what was sent by a rule, and how that went
    #[command(after_help = "Example:\n  slipway notification deliveries 0198c7a2-70d9-7494-8221-6f4cc9e19904 --watch")]
    Deliveries {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        many: Many,
    },
    /// Removes a rule
    #[command(
        visible_alias = "rm",
        after_help = "Example:\n  slipway notification remove 0198c7a2-70d9-7494-8221-6f4cc9e19904"
    )]
    Remove(Which),
}

/// Where messages go.
#[derive(Clone, Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Place {
    /// By mail; to your own address when none is given
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1)]
    email: Option<Option<String>>,
    /// To a chat that takes what Slack takes: an incoming webhook's URL
    #[arg(long, value_name = "URL")]
    slack: Option<String>,
    /// As signed JSON
    #[arg(long, value_name = "URL")]
    webhook: Option<String>,
}

impl Place {
    fn channel(self) -> (&'static str, Option<String>) {
        match (self.email, self.slack, self.webhook) {
            (Some(address), ..) => ("email", address),
            (None, Some(url), _) => ("slack", Some(url)),
            (None, None, url) => ("webhook", url),
        }
    }
}

/// Which rule.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Which {
    /// The rule's id
    #[arg(value_name = "NOTIFICATION")]
    id: String,
}

/// Carries it out.
///
/// # Errors
/// When the server cannot be reached or says no.
pub(crate) async fn run(globals: &Globals, command: Command) -> anyhow::Result<()> {
    let printer = globals.printer();
    let client = globals.client()?;
    match command {
        Command::Add { on, place, team, all_teams, digest, description } => {
            let (channel, target) = place.channel();
            let path = if team.is_some() || all_teams { TEAMS } else { MINE };
            let mut body = Map::from_iter([("on".to_owned(), json!(on)), ("channel".to_owned(), json!(channel))]);
            body.extend(target.map(|target| ("target".to_owned(), json!(target))));
            body.extend(team.map(|team| ("team".to_owned(), json!(team))));
            body.extend(description.map(|text| ("description".to_owned(), json!(text))));
            body.extend(digest_of(digest.as_deref())?.map(|seconds| ("digest_s".to_owned(), json!(seconds))));
            let (_, made) = client.post_once(path, Value::Object(body)).await?;
            printer.print(&made, |_, made| {
                let it: Rule = views::read(made)?;
                let secret = it.secret.as_deref().map(|it| format!("secret (not shown again): {}\n", clean(it)));
                let (id, kinds) = (clean(&it.id), clean(&it.on.join(", ")));
                Ok(format!(
                    "notification {id} tells {} of {kinds}\n{}  slipway notification test {id}\n",
                    clean(&it.target),
                    secret.unwrap_or_default()
                ))
            })
        }
        Command::List { team } => {
            let filter = query([("team", team.clone())]);
            let mut items = Vec::new();
            if team.is_none() {
                items.extend(client.list(MINE, &[], 500).await?.items);
            }
            match client.list(TEAMS, &filter, 500).await {
                Ok(listed) => items.extend(listed.items),
                // Who belongs to no team has their own.
                Err(error) if team.is_none() && has_status(&error, StatusCode::FORBIDDEN) => {}
                Err(error) => return Err(error),
            }
            printer.print(&json!({ "items": items }), table)
        }
        Command::Set { which, on, digest, description } => {
            let mut body = Map::new();
            body.extend((!on.is_empty()).then(|| ("on".to_owned(), json!(on))));
            body.extend(digest_of(digest.as_deref())?.map(|seconds| ("digest_s".to_owned(), json!(seconds))));
            body.extend(description.map(|text| ("description".to_owned(), json!(text))));
            change(&client, printer, &which.id, &Value::Object(body)).await
        }
        Command::Pause(which) => change(&client, printer, &which.id, &json!({"paused": true})).await,
        Command::Resume(which) => change(&client, printer, &which.id, &json!({"paused": false})).await,
        Command::Test(which) => {
            let path = path_of(&client, &which.id).await?;
            let (_, sent) = client.post_once(&format!("{path}/test"), Value::Null).await?;
            printer.print(&sent, |_, _| {
                let id = clean(&which.id);
                Ok(format!("a test is under way\n  slipway notification deliveries {id}\n"))
            })
        }
        Command::Deliveries { which, many } => {
            let path = path_of(&client, &which.id).await?;
            many.show(globals, &format!("{path}/deliveries"), &[], deliveries).await
        }
        Command::Remove(which) => {
            let path = path_of(&client, &which.id).await?;
            let (_, gone) = client.delete(&path).await?;
            printer.print(&gone, |_, _| Ok(format!("notification {} is removed\n", clean(&which.id))))
        }
    }
}

async fn change(client: &Client, printer: Printer, id: &str, body: &Value) -> anyhow::Result<()> {
    let path = path_of(client, id).await?;
    let (_, changed) = client.patch(&path, body.clone()).await?;
    printer.print(&changed, |_, changed| {
        let it: Rule = views::read(changed)?;
        Ok(format!("notification {} is {}: {}\n", clean(&it.id), clean(&it.status), clean(&it.on.join(", "))))
    })
}

/// Where a rule is: among one's own, or those of teams.
async fn path_of(client: &Client, id: &str) -> anyhow::Result<String> {
    let own = format!("{MINE}/{}", segment(id));
    let look = client.get(&format!("{own}/deliveries"), &[("limit", "1".to_owned())]).await;
    match look {
        Ok(_) => Ok(own),
        Err(error) if has_status(&error, StatusCode::NOT_FOUND) => Ok(format!("{TEAMS}/{}", segment(id))),
        Err(error) => Err(error),
    }
}

fn has_status(error: &anyhow::Error, status: StatusCode) -> bool {
    let failure = error.downcast_ref::<Failure>();
    failure.is_some_and(|failure| matches!(failure, Failure::Problem(problem) if problem.status == status.as_u16()))
}

/// Seconds of `15m`.
fn digest_of(text: Option<&str>) -> anyhow::Result<Option<u64>> {
    let Some(text) = text else { return Ok(None) };
    let seconds = duration::seconds(&json!(text));
    let seconds = seconds.with_context(|| format!("--digest {text}: a time as 15m, 1h or 90s, or 0"))?;
    // At most a day, which the server says.
    Ok(Some(seconds.min(1e9) as u64))
}

/// A rule, as far as tables need it.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Rule {
    id: String,
    owner: String,
    team: Option<String>,
    on: Vec<String>,
    channel: String,
    target: String,
    digest_s: f64,
    status: String,
    waiting: i64,
    last_error: Option<String>,
    last_delivered_at: Option<DateTime<Utc>>,
    secret: Option<String>,
}

fn table(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let rules: Vec<Rule> = views::items(value)?;
    if rules.is_empty() {
        return Ok("nobody is told of anything; `slipway notification add --email` has you told\n".into());
    }
    let rows = rules.iter().map(|it| {
        let whose = match it.owner.as_str() {
            "team" => or_dash(&it.team),
            "me" => "(you)".into(),
            _ => "(all teams)".into(),
        };
        vec![
            it.id.clone(),
            whose,
            printer.state(&it.status),
            it.on.join(", "),
            it.channel.clone(),
            short(&it.target, 50),
            crate::output::seconds(it.digest_s),
            it.waiting.to_string(),
            age(it.last_delivered_at),
        ]
    });
    let headers = ["ID", "FOR", "STATUS", "ON", "BY", "TO", "DIGEST", "WAITING", "LAST"];
    let mut text = printer.table(&headers, rows.collect());
    for it in &rules {
        if let Some(error) = &it.last_error {
            text.push_str(&format!("\n{} failed last: {}\n", clean(&it.id), short(error, 200)));
        }
    }
    Ok(text)
}

/// A message, as far as tables need it.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Message {
    subject: String,
    count: i64,
    status: String,
    attempts: i32,
    created_at: Option<DateTime<Utc>>,
    last_answer: Option<String>,
    last_error: Option<String>,
}

fn deliveries(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let all: Vec<Message> = views::items(value)?;
    if all.is_empty() {
        return Ok("nothing was sent; `slipway notification test NOTIFICATION` sends something\n".into());
    }
    let rows = all.iter().map(|it| {
        vec![
            age(it.created_at),
            printer.state(&it.status),
            it.count.to_string(),
            it.attempts.to_string(),
            short(&it.subject, 60),
            short(it.last_error.as_deref().or(it.last_answer.as_deref()).unwrap_or("-"), 80),
        ]
    });
    Ok(printer.table(&["AGE", "STATUS", "THINGS", "TRIES", "SUBJECT", "ANSWER"], rows.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Format;

    #[test]
    fn rules_are_shown_with_whose_they_are_and_what_went_wrong() {
        let printer = Printer { format: Format::Table, colour: false, terminal: false };
        assert!(table(printer, &json!({"items": []})).unwrap().contains("slipway notification add"));
        let rule = |id: &str, owner: &str, team: Option<&str>, error: Option<&str>| {
            json!({"id": id, "owner": owner, "team": team, "on": ["failure", "drift"], "channel": "slack", "digest_s": 900,
                   "target": "https://hooks.slack.com/…", "status": if error.is_some() {"failing"} else {"active"}, "waiting": 3,
                   "last_error": error})
        };
        let items = [
            rule("1", "me", None, None),
            rule("2", "team", Some("shop"), Some("it answered 500")),
            rule("3", "installation", None, None),
        ];
        insta::assert_snapshot!(table(printer, &json!({ "items": items })).unwrap());
    }

    #[test]
    fn the_time_of_a_digest_is_read_as_elsewhere() {
        assert_eq!(digest_of(Some("15m")).unwrap(), Some(900));
        assert_eq!(digest_of(Some("0")).unwrap(), Some(0));
        assert_eq!(digest_of(None).unwrap(), None);
        assert!(digest_of(Some("soon")).is_err());
    }
}
