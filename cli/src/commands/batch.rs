//! `slipway batch`.

mod plans;
mod preview;
mod show;
mod watch;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use shared::domain::words::count;

use self::{
    preview::preview,
    show::{detail, items, table},
};
use super::{
    Globals,
    list::{Many, query},
};
use crate::{
    client::{Body, Client, segment},
    output::{self, Format},
    views,
};

/// One operation on very many resources, in waves
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Makes a batch of all resources that a selector chooses; it begins once it is approved
    #[command(after_help = "Examples:
  slipway batch create --select 'type=postgres,provider=database-team@1' --operation update --provider-version 2.0.0 --dry-run
  slipway batch create --select 'type=postgres,env=prod' --operation update --param backup=true \\
      --waves 1,10%,50%,100% --max-in-flight 20 --bake 10m --max-failures 2% --window '* 22-23,0-5 * * *'
  slipway batch create --select 'type=bucket,team=media' --operation read --approve --wait")]
    Create(Box<Create>),
    /// Lists batches, newest first
    #[command(visible_alias = "ls", after_help = "Example:\n  slipway batch list --status running --watch")]
    List {
        /// Only those in this status
        #[arg(long, value_name = "STATUS")]
        status: Option<String>,
        #[command(flatten)]
        many: Many,
    },
    /// Shows what a batch does and how far it is
    #[command(
        visible_alias = "get",
        after_help = "Examples:\n  slipway batch show ID --follow\n  slipway batch show ID -o json"
    )]
    Show {
        /// The batch's id
        #[arg(value_name = "ID")]
        id: String,
        /// Follows its progress until it is over or waits for somebody
        #[arg(short, long)]
        follow: bool,
    },
    /// Lists the resources of a batch, in the order in which it comes to them
    #[command(after_help = "Example:\n  slipway batch items ID --status failed")]
    Items {
        /// The batch's id
        #[arg(value_name = "ID")]
        id: String,
        /// Only those in this status: open, running, succeeded, failed, skipped
        #[arg(long, value_name = "STATUS")]
        status: Option<String>,
        /// Only those of this wave, from 1
        #[arg(long, value_name = "N")]
        wave: Option<u32>,
        #[command(flatten)]
        many: Many,
    },
    /// Shows what a batch would run, step by step: for each way in which it does its resources, or for one of them
    #[command(
        after_help = "Examples:\n  slipway batch plan ID\n  slipway batch plan ID shop/db\n  slipway batch plan ID -o json"
    )]
    Plan {
        /// The batch's id
        #[arg(value_name = "ID")]
        id: String,
        /// A resource of it: its id, or its application's name and its own. It is planned now, by the version and with the params that
        /// the batch would use. Without it, the plans that were made with the batch
        #[arg(value_name = "ID|APP/NAME")]
        resource: Option<String>,
    },
    /// Lets a batch begin, with what its preview says
    #[command(
        after_help = "Examples:\n  slipway batch approve ID\n  slipway batch approve ID --digest 3f0c… --yes --wait"
    )]
    Approve {
        /// The batch's id
        #[arg(value_name = "ID")]
        id: String,
        /// The digest of the preview that was looked at; without it, the preview is shown and asked about
        #[arg(long, value_name = "HEX")]
        digest: Option<String>,
        /// Does not ask
        #[arg(short, long)]
        yes: bool,
        /// Follows its progress; the exit code is 1 unless it completes with no failure
        #[arg(short, long)]
        wait: bool,
    },
    /// Holds a batch: nothing more of it begins, what runs goes on
    #[command(after_help = "Example:\n  slipway batch pause ID --reason 'the database team looks at it'")]
    Pause(Why),
    /// Lets a batch go on that was paused, or stopped by itself: what failed until now does not count any more
    #[command(after_help = "Example:\n  slipway batch resume ID --max-failures 5%")]
    Resume {
        /// The batch's id
        #[arg(value_name = "ID")]
        id: String,
        /// How many may fail from now on, a number or a percentage
        #[arg(long, value_name = "N|N%")]
        max_failures: Option<String>,
    },
    /// Ends a batch: what it has not begun with stays as it is, what runs goes on
    Abort(Why),
    /// Takes back what a batch did: version and params as they were, the last resource first
    #[command(after_help = "Example:\n  slipway batch rollback ID --reason 'connections are refused'")]
    Rollback(Why),
}

/// Which batch, and why.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Why {
    /// The batch's id
    #[arg(value_name = "ID")]
    id: String,
    /// Why, for whoever wonders
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// What to do to which resources, and how.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Create {
    /// Which resources: key=value, separated by commas; several values by '|'. Keys: type, class, provider (name@version),
    /// team, env, application, state, resource (id), failed-in (a batch's id), else labels. '*' is every resource
    #[arg(long, value_name = "SELECTOR")]
    select: String,
    /// update, reprovision, read, delete or retry
    #[arg(long, value_parser = ["update", "reprovision", "read", "delete", "retry"])]
    operation: String,
    /// The version of their providers that the resources are to have
    #[arg(long, value_name = "VERSION")]
    provider_version: Option<String>,
    /// Sets a param in place of what the specs say (JSON, else a text); 'k=null' takes back what a batch had set
    #[arg(long = "param", value_name = "K=V")]
    params: Vec<String>,
    /// How many resources have begun when each wave has, counted from the beginning
    #[arg(long, value_name = "LIST", default_value = "1,10%,50%,100%")]
    waves: String,
    /// Resources that are worked on at once
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    max_in_flight: u16,
    /// How long each wave is watched before the next begins, as 10m
    #[arg(long, value_name = "TIME", default_value = "0s")]
    bake: String,
    /// How many may fail: a number, or a percentage of the resources in the waves that have begun
    #[arg(long, value_name = "N|N%", default_value = "0")]
    max_failures: String,
    /// The minutes in which runs may begin: five fields of cron, in UTC
    #[arg(long, value_name = "CRON")]
    window: Option<String>,
    /// Has each wave looked at by reads before the next begins
    #[arg(long)]
    verify: bool,
    /// What to call it
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Why, for whoever wonders
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Approves it as well, after asking
    #[arg(long)]
    approve: bool,
    /// Does not ask
    #[arg(short, long)]
    yes: bool,
    /// Says what would be done, and makes nothing
    #[arg(long)]
    dry_run: bool,
    /// Follows its progress once it is approved; the exit code is 1 unless it completes with no failure
    #[arg(short, long, requires = "approve")]
    wait: bool,
}

impl Create {
    fn body(&self) -> anyhow::Result<Value> {
        let mut params = Map::new();
        for param in &self.params {
            let (name, value) =
                param.split_once('=').with_context(|| format!("--param {}: write NAME=VALUE", output::clean(param)))?;
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
            params.insert(name.to_owned(), value);
        }
        let mut body = json!({
            "select": self.select, "operation": self.operation, "params": params, "waves": self.waves, "max_in_flight": self.max_in_flight,
            "bake": self.bake, "max_failures": self.max_failures, "verify": self.verify,
        });
        let optional = [
            ("provider_version", &self.provider_version),
            ("window", &self.window),
            ("name", &self.name),
            ("reason", &self.reason),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                body[name] = value.as_str().into();
            }
        }
        Ok(body)
    }
}

fn path(id: &str) -> String {
    format!("/api/batches/{}", segment(id))
}

/// Carries it out.
///
/// # Errors
/// When the server cannot be reached or says no, or with `--wait` something of the batch failed.
pub(crate) async fn run(globals: &Globals, command: Command) -> anyhow::Result<()> {
    let printer = globals.printer();
    match command {
        Command::Create(create) => self::create(globals, &create).await,
        Command::List { status, many } => many.show(globals, "/api/batches", &query([("status", status)]), table).await,
        Command::Show { id, follow } => {
            let client = globals.client()?;
            if follow {
                return watch::follow(&client, printer, &id).await.map(drop);
            }
            printer.print(&client.get(&path(&id), &[]).await?, detail)
        }
        Command::Items { id, status, wave, many } => {
            let filters = query([("status", status), ("wave", wave.map(|wave| wave.to_string()))]);
            many.show(globals, &format!("{}/items", path(&id)), &filters, items).await
        }
        Command::Plan { id, resource } => {
            let client = globals.client()?;
            match resource {
                Some(resource) => plans::of_resource(&client, printer, &id, &resource).await,
                None => plans::of_ways(&client, printer, &id).await,
            }
        }
        Command::Approve { id, digest, yes, wait } => approve(globals, &id, digest, yes, wait).await,
        Command::Pause(why) => act(globals, &why, "pause").await,
        Command::Resume { id, max_failures } => {
            let body = max_failures.map(|most| Body::Json(json!({ "max_failures": most })));
            let (_, answer) = globals.client()?.post(&format!("{}/resume", path(&id)), &[], body).await?;
            printer.print(&answer, detail)
        }
        Command::Abort(why) => act(globals, &why, "abort").await,
        Command::Rollback(why) => act(globals, &why, "rollback").await,
    }
}

async fn act(globals: &Globals, why: &Why, verb: &str) -> anyhow::Result<()> {
    let body = why.reason.as_ref().map(|reason| Body::Json(json!({ "reason": reason })));
    let (_, answer) = globals.client()?.post(&format!("{}/{verb}", path(&why.id)), &[], body).await?;
    globals.printer().print(&answer, detail)
}

/// What is needed of an answer.
#[derive(Debug, Deserialize)]
struct Made {
    id: String,
    digest: String,
}

async fn create(globals: &Globals, create: &Create) -> anyhow::Result<()> {
    let (client, printer) = (globals.client()?, globals.printer());
    let mut body = create.body()?;
    body["dry_run"] = true.into();
    let (_, seen) = client.post("/api/batches", &[], Some(Body::Json(body.clone()))).await?;
    if create.dry_run {
        return printer.print(&seen, preview);
    }
    let total = seen["total"].as_i64().context("the server's preview has no total")?;
    if !create.yes {
        let shown = printer.render(&seen, preview)?;
        if printer.format == Format::Table {
            output::complain!("{}", shown.trim_end());
        }
        let and = if create.approve { " and begin with it" } else { "" };
        output::agree(&format!("make a batch that will {} {}{and}?", create.operation, count(total, "resource")))?;
    }
    body["dry_run"] = false.into();
    // What is made is what was looked at, or nothing.
    body["digest"] = seen["digest"].clone();
    body["approve"] = create.approve.into();
    let (_, answer) = client.post("/api/batches", &[], Some(Body::Json(body))).await?;
    let made: Made = views::read(&answer)?;
    if create.wait {
        return watch::until_over(&client, printer, &made.id).await;
    }
    printer.print(&answer, |printer, value| {
        let next = if create.approve { "batch show" } else { "batch approve" };
        Ok(format!("{}\n  slipway {next} {}\n", detail(printer, value)?.trim_end(), output::clean(&made.id)))
    })
}

async fn approve(globals: &Globals, id: &str, digest: Option<String>, yes: bool, wait: bool) -> anyhow::Result<()> {
    let (client, printer) = (globals.client()?, globals.printer());
    let digest = match digest {
        Some(digest) => digest,
        None => looked_at(&client, globals, id, yes).await?,
    };
    let body = json!({ "digest": digest });
    let (_, answer) = client.post(&format!("{}/approve", path(id)), &[], Some(Body::Json(body))).await?;
    if wait {
        return watch::until_over(&client, printer, id).await;
    }
    printer.print(&answer, detail)
}

/// The digest of the preview that somebody looks at now.
async fn looked_at(client: &Client, globals: &Globals, id: &str, yes: bool) -> anyhow::Result<String> {
    let printer = globals.printer();
    let batch = client.get(&path(id), &[]).await?;
    let made: Made = views::read(&batch)?;
    if !yes {
        if printer.format == Format::Table {
            output::complain!("{}", printer.render(&batch["preview"], preview)?.trim_end());
        }
        output::agree("begin with this?")?;
    }
    Ok(made.digest)
}
