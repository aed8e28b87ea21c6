//! `slipway webhook`: where events are sent, and how that went.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::{
    Globals,
    list::{Many, query},
};
use crate::{
    client::segment,
    output::{Printer, age, clean, inline, or_dash, short},
    views,
};

#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Adds an endpoint and prints its secret, which is not shown again
    #[command(after_help = "Examples:
  slipway webhook add https://hooks.example.org/slipway --event 'run.*' --event resource.failed
  slipway webhook add https://hooks.example.org/slipway --team shop --description 'the chat'
Deliveries are signed as Standard Webhooks have it, and hold CloudEvents.")]
    Add {
        /// Where events are sent: https://…
        #[arg(value_name = "URL")]
        url: String,
        /// Only these: a name as run.completed, or all about a noun as 'run.*'; may be given several times
        #[arg(long = "event", value_name = "NAME")]
        events: Vec<String>,
        /// Whose events; needed only by members of several teams
        #[arg(long, value_name = "TEAM")]
        team: Option<String>,
        /// For people
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
    },
    /// Lists endpoints
    #[command(visible_alias = "ls", after_help = "Example:\n  slipway webhook list --team shop")]
    List {
        /// Only of this team
        #[arg(long, value_name = "TEAM")]
        team: Option<String>,
        #[command(flatten)]
        many: Many,
    },
    /// Shows what was sent to an endpoint, or one delivery with every try
    #[command(after_help = "Examples:
  slipway webhook deliveries 0198c7a2-70d9-7494-8221-6f4cc9e19904 --status failed
  slipway webhook deliveries 0198c7a2-70d9-7494-8221-6f4cc9e19904 0198c7a3-1c1f-7a51-9d0b-0f1f5a3f8a21")]
    Deliveries {
        /// The endpoint's id
        #[arg(value_name = "WEBHOOK")]
        id: String,
        /// A delivery's id
        #[arg(value_name = "DELIVERY")]
        delivery: Option<String>,
        /// pending, delivered or failed
        #[arg(long, value_name = "STATUS")]
        status: Option<String>,
        #[command(flatten)]
        many: Many,
    },
    /// Sends a delivery that is over once more
    #[command(
        after_help = "Example:\n  slipway webhook redeliver 0198c7a2-70d9-7494-8221-6f4cc9e19904 0198c7a3-1c1f-7a51-9d0b-0f1f5a3f8a21"
    )]
    Redeliver {
        /// The endpoint's id
        #[arg(value_name = "WEBHOOK")]
        id: String,
        /// The delivery's id
        #[arg(value_name = "DELIVERY")]
        delivery: String,
    },
    /// Sends an event of the name webhook.test
    #[command(after_help = "Example:\n  slipway webhook test 0198c7a2-70d9-7494-8221-6f4cc9e19904")]
    Test(Which),
    /// Gives an endpoint a new secret and prints it; both sign until the overlap is over
    #[command(after_help = "Examples:
  slipway webhook rotate 0198c7a2-70d9-7494-8221-6f4cc9e19904
  slipway webhook rotate 0198c7a2-70d9-7494-8221-6f4cc9e19904 --overlap-hours 0     it has leaked")]
    Rotate {
        /// The endpoint's id
        #[arg(value_name = "WEBHOOK")]
        id: String,
        /// Hours for which the secret before signs too
        #[arg(long, value_name = "HOURS")]
        overlap_hours: Option<u32>,
    },
    /// Has an endpoint that was disabled get events again, from now on
    #[command(after_help = "Example:\n  slipway webhook enable 0198c7a2-70d9-7494-8221-6f4cc9e19904")]
    Enable(Which),
    /// Has an endpoint get nothing any more
    #[command(after_help = "Example:\n  slipway webhook disable 0198c7a2-70d9-7494-8221-6f4cc9e19904")]
    Disable(Which),
    /// Removes an endpoint and what is kept of its deliveries
    #[command(
        visible_alias = "rm",
        after_help = "Example:\n  slipway webhook remove 0198c7a2-70d9-7494-8221-6f4cc9e19904"
    )]
    Remove(Which),
}

/// Which endpoint.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Which {
    /// The endpoint's id
    #[arg(value_name = "WEBHOOK")]
    id: String,
}

fn path(id: &str) -> String {
    format!("/api/webhooks/{}", segment(id))
}

/// Carries it out.
///
/// # Errors
/// When the server cannot be reached or says no.
pub(crate) async fn run(globals: &Globals, command: Command) -> anyhow::Result<()> {
    let printer = globals.printer();
    match command {
        Command::Add { url, events, team, description } => {
            let mut body = Map::from_iter([("url".to_owned(), json!(url)), ("events".to_owned(), json!(events))]);
            body.extend(team.map(|team| ("team".to_owned(), json!(team))));
            body.extend(description.map(|text| ("description".to_owned(), json!(text))));
            let (_, made) = globals.client()?.post_once("/api/webhooks", Value::Object(body)).await?;
            printer.print(&made, |_, made| {
                let it: Endpoint = views::read(made)?;
                let id = clean(&it.id);
                Ok(format!("webhook {id} sends to {}\n{}  slipway webhook test {id}\n", clean(&it.url), secret(&it)))
            })
        }
        Command::List { team, many } => many.show(globals, "/api/webhooks", &query([("team", team)]), endpoints).await,
        Command::Deliveries { id, delivery: None, status, many } => {
            let path = format!("{}/deliveries", path(&id));
            many.show(globals, &path, &query([("status", status)]), deliveries).await
        }
        Command::Deliveries { id, delivery: Some(delivery), .. } => {
            let path = format!("{}/deliveries/{}", path(&id), segment(&delivery));
            printer.print(&globals.client()?.get(&path, &[]).await?, detail)
        }
        Command::Redeliver { id, delivery } => {
            let path = format!("{}/deliveries/{}/redeliver", path(&id), segment(&delivery));
            let (_, sent) = globals.client()?.post_once(&path, Value::Null).await?;
            printer.print(&sent, |_, sent| Ok(under_way(&id, sent)))
        }
        Command::Test(Which { id }) => {
            let (_, sent) = globals.client()?.post_once(&format!("{}/test", path(&id)), Value::Null).await?;
            printer.print(&sent, |_, sent| Ok(under_way(&id, sent)))
        }
        Command::Rotate { id, overlap_hours } => {
            let body = overlap_hours.map_or(Value::Null, |hours| json!({ "overlap_hours": hours }));
            let (_, changed) = globals.client()?.post_once(&format!("{}/rotate", path(&id)), body).await?;
            printer.print(&changed, |_, changed| {
                let it: Endpoint = views::read(changed)?;
                let until = it.previous_secret_until.map_or_else(
                    || "the secret before signs no more".to_owned(),
                    |until| format!("the secret before signs too until {}", until.format("%Y-%m-%d %H:%M UTC")),
                );
                Ok(format!("{}{until}\n", secret(&it)))
            })
        }
        Command::Enable(Which { id }) => switch(globals, &id, true).await,
        Command::Disable(Which { id }) => switch(globals, &id, false).await,
        Command::Remove(Which { id }) => {
            let (_, gone) = globals.client()?.delete(&path(&id)).await?;
            printer.print(&gone, |_, _| Ok(format!("webhook {} is removed\n", clean(&id))))
        }
    }
}

async fn switch(globals: &Globals, id: &str, enabled: bool) -> anyhow::Result<()> {
    let (_, changed) = globals.client()?.patch(&path(id), json!({ "enabled": enabled })).await?;
    globals.printer().print(&changed, |_, changed| {
        let it: Endpoint = views::read(changed)?;
        Ok(format!("webhook {} is {}\n", clean(&it.id), clean(&it.status)))
    })
}

fn secret(it: &Endpoint) -> String {
    format!("secret (not shown again): {}\n", clean(it.secret.as_deref().unwrap_or("-")))
}

fn under_way(endpoint: &str, delivery: &Value) -> String {
    let id = clean(delivery["id"].as_str().unwrap_or_default());
    format!("delivery {id} is under way\n  slipway webhook deliveries {} {id}\n", clean(endpoint))
}

/// An endpoint, as far as tables need it.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Endpoint {
    id: String,
    team: Option<String>,
    url: String,
    events: Vec<String>,
    status: String,
    disabled_reason: Option<String>,
    previous_secret_until: Option<DateTime<Utc>>,
    created_at: Option<DateTime<Utc>>,
    secret: Option<String>,
}

fn endpoints(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let all: Vec<Endpoint> = views::items(value)?;
    if all.is_empty() {
        return Ok("no webhooks; `slipway webhook add URL` adds one\n".into());
    }
    let rows = all.iter().map(|it| {
        let events = if it.events.is_empty() { "all".to_owned() } else { it.events.join(", ") };
        vec![
            it.id.clone(),
            it.team.clone().unwrap_or_else(|| "(all teams)".into()),
            printer.state(&it.status),
            short(&events, 40),
            short(&it.url, 60),
            age(it.created_at),
        ]
    });
    let mut text = printer.table(&["ID", "TEAM", "STATUS", "EVENTS", "URL", "AGE"], rows.collect());
    for it in &all {
        if let Some(reason) = &it.disabled_reason {
            text.push_str(&format!("\n{} is disabled: {}\n", clean(&it.id), clean(reason)));
        }
    }
    Ok(text)
}

/// A delivery, as far as tables need it.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Delivery {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    status: String,
    attempts: i32,
    next_attempt_at: Option<DateTime<Utc>>,
    created_at: Option<DateTime<Utc>>,
    last_status: Option<i16>,
    last_error: Option<String>,
    payload: Value,
    tries: Vec<Try>,
}

/// One try.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Try {
    number: i32,
    at: Option<DateTime<Utc>>,
    duration_ms: i32,
    address: Option<String>,
    response_status: Option<i16>,
    response_body: Option<String>,
    error: Option<String>,
}

fn answered(status: Option<i16>, error: &Option<String>) -> String {
    match (status, error) {
        (_, Some(error)) => short(error, 80),
        (Some(status), None) => status.to_string(),
        (None, None) => "-".into(),
    }
}

fn deliveries(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let all: Vec<Delivery> = views::items(value)?;
    if all.is_empty() {
        return Ok("nothing was sent; `slipway webhook test WEBHOOK` sends something\n".into());
    }
    let rows = all.iter().map(|it| {
        vec![
            it.id.clone(),
            it.kind.clone(),
            printer.state(&it.status),
            it.attempts.to_string(),
            answered(it.last_status, &it.last_error),
            age(it.created_at),
        ]
    });
    Ok(printer.table(&["ID", "EVENT", "STATUS", "TRIES", "ANSWER", "AGE"], rows.collect()))
}

fn detail(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let it: Delivery = views::read(value)?;
    let mut text = format!("{} ({})\nstatus: {}\n", clean(&it.id), clean(&it.kind), printer.state(&it.status));
    if let Some(next) = it.next_attempt_at {
        text.push_str(&format!("next try: {}\n", next.format("%Y-%m-%d %H:%M:%S UTC")));
    }
    text.push_str(&format!("sent: {}\n", inline(&it.payload)));
    if it.tries.is_empty() {
        text.push_str("it was not tried yet\n");
        return Ok(text);
    }
    let rows = it.tries.iter().map(|it| {
        vec![
            it.number.to_string(),
            it.at.map(|at| at.format("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default(),
            format!("{} ms", it.duration_ms),
            or_dash(&it.address),
            answered(it.response_status, &it.error),
            short(it.response_body.as_deref().unwrap_or_default(), 60),
        ]
    });
    text.push_str(&printer.table(&["TRY", "WHEN (UTC)", "TOOK", "ADDRESS", "ANSWER", "BODY"], rows.collect()));
    Ok(text)
}
