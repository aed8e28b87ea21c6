//! `slipway provider`.

mod fetched;
mod sources;

use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::Value;
use shared::config::Config;

use super::{Globals, list::Many, validate};
use crate::{
    client::segment,
    output::{Printer, clean, short},
    views,
};

#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lists the providers that the server has loaded, in every version
    #[command(visible_alias = "ls")]
    List {
        #[command(flatten)]
        many: Many,
    },
    /// Shows one provider: the types it serves, its workflows
    #[command(after_help = "Examples:\n  slipway provider get postgres\n  slipway provider get postgres@1.2.0")]
    Get {
        /// Its name, and a version when it is not to be the one that serves by default
        #[arg(value_name = "NAME[@VERSION]")]
        name: String,
    },
    /// Adds a source that the server fetches providers from, or changes the one of that name
    Add(sources::Add),
    /// Removes a source and its providers
    #[command(visible_alias = "rm", after_help = "Example:\n  slipway provider remove postgres")]
    Remove {
        /// The source's name
        #[arg(value_name = "SOURCE")]
        name: String,
    },
    /// Lists the sources that providers are fetched from: commit, status, what is wrong
    #[command(after_help = "Examples:\n  slipway provider sources\n  slipway provider sources --watch")]
    Sources {
        #[command(flatten)]
        many: Many,
    },
    /// Has the server fetch every source and read its folders now; exit code 1 when something is not valid
    #[command(after_help = "Example:\n  slipway provider reload -o json")]
    Reload,
    /// Checks folders or repositories of providers, without a server, and says what was understood of each workflow
    #[command(after_help = "Examples:
  slipway provider validate providers
  slipway provider validate providers/postgres providers/core
  slipway provider validate my-team -o json
  slipway provider validate https://git.example.org/platform/postgres.git@v1.2.0
A folder with a goldenpaths.yaml needs no provider.yaml. Step types that neither these folders nor every installation have
are said to be needed; a workflow that uses one loads, and cannot run until it is installed.
Exit codes: 0 all are valid; 1 there is a problem.")]
    Validate {
        /// A provider's folder, one that holds several, or a repository at a tag, branch or commit
        #[arg(value_name = "DIR|URL@REF", required = true)]
        places: Vec<String>,
        /// A configuration file of Slipway's: its settings and secrets are checked against what workflows need
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

/// Workflows of one provider that are shown at most.
const WORKFLOWS: usize = 5_000;

/// Carries it out.
///
/// # Errors
/// When the server cannot be reached or says no, and when a folder has problems.
pub(crate) async fn run(globals: &Globals, command: Command) -> anyhow::Result<()> {
    let printer = globals.printer();
    match command {
        Command::List { many } => many.show(globals, "/api/providers", &[], table).await,
        Command::Get { name } => {
            let client = globals.client()?;
            let (name, version) = name.split_once('@').map_or((&*name, None), |(name, version)| (name, Some(version)));
            let path = format!("/api/providers/{}", segment(name));
            let query: Vec<_> = version.map(|version| ("version", version.to_owned())).into_iter().collect();
            let mut value = client.get(&path, &query).await?;
            let workflows = client.list(&format!("{path}/workflows"), &query, WORKFLOWS).await?.items;
            if let Some(members) = value.as_object_mut() {
                members.insert("workflows".into(), workflows.into());
            }
            printer.print(&value, detail)
        }
        Command::Add(arguments) => sources::add(globals, arguments).await,
        Command::Remove { name } => sources::remove(globals, &name).await,
        Command::Sources { many } => sources::list(globals, &many).await,
        Command::Reload => sources::reload(globals).await,
        Command::Validate { places, config } => {
            let git = config.as_deref().map(|path| Config::load(Some(path))).transpose()?.unwrap_or_default().git;
            let scratch = tempfile::tempdir().context("a folder for what is fetched")?;
            let folders = fetched::folders(&places, &git, scratch.path()).await?;
            validate::folders(printer, &folders, config.as_deref())
        }
    }
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "no resource type".into() } else { names.join(", ") }
}

/// A provider, as far as tables need it.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Provider {
    name: String,
    version: String,
    default: bool,
    source: Option<String>,
    commit: Option<String>,
    category: Option<String>,
    description: Option<String>,
    /// A list of names, or an object by name.
    resource_types: Value,
    capabilities: Value,
    workflows: Value,
}

impl Provider {
    /// The source and the commit, or that it is of a folder.
    fn from(&self) -> String {
        match (&self.source, &self.commit) {
            (Some(source), Some(commit)) => format!("{source} {}", sources::short_commit(commit)),
            (Some(source), None) => source.clone(),
            (None, _) => "folder".into(),
        }
    }

    fn types(&self) -> String {
        let named = if self.resource_types.is_null() { &self.capabilities } else { &self.resource_types };
        let names: Vec<&str> = match named {
            Value::Array(items) => {
                items.iter().filter_map(|item| item.as_str().or_else(|| item["type"].as_str())).collect()
            }
            Value::Object(members) => members.keys().map(String::as_str).collect(),
            _ => Vec::new(),
        };
        listed(&names)
    }
}

fn table(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let providers: Vec<Provider> = views::items(value)?;
    if providers.is_empty() {
        return Ok("no providers are loaded\n".into());
    }
    let rows = providers.into_iter().map(|it| {
        let workflows = match &it.workflows {
            Value::Array(items) => items.len().to_string(),
            Value::Number(number) => number.to_string(),
            _ => "-".into(),
        };
        let (types, description) = (it.types(), short(it.description.as_deref().unwrap_or_default(), 60));
        let (from, status) = (it.from(), if it.default { "serves" } else { "by pin" });
        vec![it.name, it.version, status.into(), from, short(&types, 60), workflows, description]
    });
    let headers = ["NAME", "VERSION", "STATUS", "FROM", "SERVES", "WORKFLOWS", "DESCRIPTION"];
    Ok(printer.table(&headers, rows.collect()))
}

fn detail(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let it: Provider = views::read(value)?;
    let mut text = format!("{} {}", clean(&it.name), clean(&it.version));
    text.push_str(&it.category.as_deref().map(|category| format!(" ({})", clean(category))).unwrap_or_default());
    text.push_str(&format!(
        "\n{}\nserves {}{}\nfrom {}\n\n",
        clean(it.description.as_deref().unwrap_or_default()),
        clean(&it.types()),
        if it.default { "" } else { ", where an application pins this version" },
        clean(&it.from())
    ));
    let workflows = it.workflows.as_array().cloned().unwrap_or_default();
    let rows = workflows.iter().map(|workflow| {
        let member = |name: &str| workflow[name].as_str().unwrap_or("-").to_owned();
        vec![
            member("name"),
            member("category"),
            member("operation"),
            parameters(workflow),
            short(&member("description"), 70),
        ]
    });
    text.push_str(&printer.table(&["WORKFLOW", "CATEGORY", "OPERATION", "PARAMETERS", "DESCRIPTION"], rows.collect()));
    Ok(text)
}

/// Names and types of parameters; those that must be given are marked.
fn parameters(workflow: &Value) -> String {
    let one = |parameter: &Value| {
        let mark = if parameter["required"].as_bool() == Some(true) { "*" } else { "" };
        format!("{}{mark}", parameter["name"].as_str().unwrap_or_default())
    };
    let names: Vec<String> = workflow["parameters"].as_array().into_iter().flatten().map(one).collect();
    if names.is_empty() { "-".into() } else { names.join(", ") }
}
