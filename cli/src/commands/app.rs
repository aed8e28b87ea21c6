//! `slipway app`.

use serde_json::{Value, json};

use super::{
    Globals, changes,
    list::{Many, query},
};
use crate::{
    client::segment,
    output::{self, Printer, clean, short},
    views::{self, Generation},
};

#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lists what was submitted: who, when, what changed
    #[command(after_help = "Examples:
  slipway app history shop
  slipway app history shop --generation 3     every place at which the third differs from the second
To go back: slipway rollback shop --to N")]
    History {
        /// The application's name
        #[arg(value_name = "APP")]
        application: String,
        /// Shows this one, and every place at which it differs from the one before
        #[arg(long, value_name = "N")]
        generation: Option<u32>,
        #[command(flatten)]
        many: Many,
    },
    /// Protects an application, or one of its resources, from deletion
    #[command(after_help = "Examples:\n  slipway app protect shop\n  slipway app protect shop/db")]
    Protect {
        /// The application's name, or a resource of it
        #[arg(value_name = "APP[/RESOURCE]")]
        target: String,
    },
    /// Lets an application, or one of its resources, be deleted again
    #[command(after_help = "Examples:\n  slipway app unprotect shop\n  slipway app unprotect shop/db
What the spec's annotation slipway.dev/deletion-protection protects, only another spec lets go")]
    Unprotect {
        /// The application's name, or a resource of it
        #[arg(value_name = "APP[/RESOURCE]")]
        target: String,
    },
    /// Gives an application another time to live, from now on
    #[command(
        after_help = "Examples:\n  slipway app extend preview-7 --ttl 8h\n  slipway app extend preview-7 --never"
    )]
    Extend {
        /// The application's name
        #[arg(value_name = "APP")]
        application: String,
        /// How long, as 30m, 8h, 2d; then it is deleted by itself
        #[arg(long, value_name = "TIME", required_unless_present = "never")]
        ttl: Option<String>,
        /// It lives until somebody deletes it
        #[arg(long, conflicts_with = "ttl")]
        never: bool,
    },
}

/// Carries it out.
///
/// # Errors
/// When the server cannot be reached or says no.
pub(crate) async fn run(globals: &Globals, command: Command) -> anyhow::Result<()> {
    match command {
        Command::History { application, generation: None, many } => {
            let path = format!("/api/specs/{}/generations", segment(&application));
            many.show(globals, &path, &query([]), table).await
        }
        Command::History { application, generation: Some(number), .. } => {
            let (client, printer) = (globals.client()?, globals.printer());
            let path = format!("/api/specs/{}/generations/{number}", segment(&application));
            printer.print(&client.get(&path, &[]).await?, |_, value| detail(value))
        }
        Command::Protect { target } => protect(globals, &target, true).await,
        Command::Unprotect { target } => protect(globals, &target, false).await,
        Command::Extend { application, ttl, .. } => {
            let path = format!("/api/specs/{}/ttl", segment(&application));
            put(globals, &path, json!({ "ttl": ttl })).await
        }
    }
}

async fn protect(globals: &Globals, target: &str, protected: bool) -> anyhow::Result<()> {
    let (application, resource) = match target.split_once('/') {
        Some((application, resource)) => (application, Some(resource)),
        None => (target, None),
    };
    let path = format!("/api/specs/{}/protection", segment(application));
    put(globals, &path, json!({ "protected": protected, "resource": resource })).await
}

async fn put(globals: &Globals, path: &str, body: Value) -> anyhow::Result<()> {
    let (client, printer) = (globals.client()?, globals.printer());
    let (_, answer) = client.put(path, body).await?;
    printer.print(&answer, |_, answer| Ok(clean(answer["message"].as_str().unwrap_or("done")) + "\n"))
}

fn table(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let generations: Vec<Generation> = views::items(value)?;
    let rows = generations.into_iter().map(|it| {
        let number = if it.current { format!("{} (now)", it.number) } else { it.number.to_string() };
        vec![number, output::age(it.created_at), it.submitted_by.clone(), short(&summary(&it), 100)]
    });
    Ok(printer.table(&["GENERATION", "AGE", "BY", "WHAT CHANGED"], rows.collect()))
}

fn summary(it: &Generation) -> String {
    let mut parts = Vec::new();
    if let Some(number) = it.restores {
        parts.push(format!("back to {number}"));
    }
    for (sign, names) in [("+", &it.added), ("~", &it.changed), ("-", &it.removed)] {
        parts.extend(names.iter().map(|name| format!("{sign}{name}")));
    }
    if it.others {
        parts.push("containers or metadata".into());
    }
    if parts.is_empty() { "-".into() } else { parts.join(", ") }
}

fn detail(value: &Value) -> anyhow::Result<String> {
    let it: Generation = views::read(value)?;
    let now = if it.current { ", the latest" } else { "" };
    let mut text =
        format!("generation {}{now}, by {} {} ago\n", it.number, clean(&it.submitted_by), output::age(it.created_at));
    text.push_str(&format!("{}\n", clean(&summary(&it))));
    if !it.diff.is_empty() {
        text.push_str(&format!("\n{}", changes::lines(&it.diff)));
    }
    text.push_str("\nthe whole spec: -o json\n");
    Ok(text)
}
