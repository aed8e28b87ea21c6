//! `slipway provider`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use shared::{
    config::Config,
    formats::registry::{Registry, Settings},
};

use super::{Globals, list::Many};
use crate::{
    client::segment,
    failure::Failure,
    output::{self, Format, Printer, clean, short},
    views,
};

#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lists the providers that the server has loaded
    #[command(visible_alias = "ls")]
    List {
        #[command(flatten)]
        many: Many,
    },
    /// Shows one provider: the types it serves, its workflows
    Get {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Checks a folder of providers, without a server; exit code 1 when there is a problem
    #[command(
        after_help = "Examples:\n  slipway provider validate providers\n  slipway provider validate providers/postgres providers/core"
    )]
    Validate {
        /// A provider's folder, or one that holds several
        #[arg(value_name = "DIR", required = true)]
        folders: Vec<PathBuf>,
        /// A configuration file of Slipway's: its settings and secrets are checked against what workflows need
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

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
            let path = format!("/api/providers/{}", segment(&name));
            let (mut value, workflows) =
                (client.get(&path, &[]).await?, client.get(&format!("{path}/workflows"), &[]).await?);
            if let Some(members) = value.as_object_mut() {
                members.insert("workflows".into(), workflows.get("items").cloned().unwrap_or(workflows));
            }
            printer.print(&value, detail)
        }
        Command::Validate { folders, config } => validate(printer, &folders, config.as_deref()),
    }
}

fn validate(printer: Printer, folders: &[PathBuf], config: Option<&Path>) -> anyhow::Result<()> {
    let configured =
        config.map(|path| Config::load(Some(path))).transpose()?.map(|config| config.providers).unwrap_or_default();
    let settings: BTreeMap<String, Settings> = configured
        .into_iter()
        .map(|(name, given)| {
            let secrets = given.secrets.into_keys().collect();
            (name, Settings { settings: given.settings, egress: given.egress, secrets })
        })
        .collect();
    let outcome = Registry::load(folders, &settings);
    let value = match &outcome {
        Ok(registry) => json!({ "valid": true, "problems": [], "providers": registry.records() }),
        Err(problems) => json!({ "valid": false, "problems": problems }),
    };
    if printer.format != Format::Table {
        printer.print(&value, |_, _| Ok(String::new()))?;
        return outcome.map(drop).map_err(|_| Failure::Said(1).into());
    }
    match outcome {
        Ok(registry) => {
            for record in registry.records() {
                let types: Vec<&str> = record.capabilities.keys().map(String::as_str).collect();
                output::say!(
                    "{} {}: valid: {} workflows, serves {}",
                    clean(&record.name),
                    clean(&record.version),
                    record.workflows.len(),
                    clean(&listed(&types))
                );
                record.warnings.iter().for_each(|warning| output::say!("  warning: {}", clean(warning)));
                for workflow in &record.workflows {
                    if let Some(reason) = &workflow.unavailable {
                        output::say!(
                            "  {} cannot run {}: {}",
                            clean(&workflow.name),
                            if config.is_some() {
                                "with these settings and only the providers in this folder"
                            } else {
                                "without an instance's settings (--config) or providers beside it"
                            },
                            clean(reason)
                        );
                    }
                }
            }
            Ok(())
        }
        Err(problems) => {
            problems.iter().for_each(|problem| output::say!("{}", clean(&problem.to_string())));
            output::say!("{} problem{}", problems.len(), if problems.len() == 1 { "" } else { "s" });
            Err(Failure::Said(1).into())
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
    category: Option<String>,
    description: Option<String>,
    /// A list of names, or an object by name.
    resource_types: Value,
    capabilities: Value,
    workflows: Value,
}

impl Provider {
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
        vec![it.name, it.version, short(&types, 60), workflows, description]
    });
    Ok(printer.table(&["NAME", "VERSION", "SERVES", "WORKFLOWS", "DESCRIPTION"], rows.collect()))
}

fn detail(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let it: Provider = views::read(value)?;
    let mut text = format!("{} {}", clean(&it.name), clean(&it.version));
    text.push_str(&it.category.as_deref().map(|category| format!(" ({})", clean(category))).unwrap_or_default());
    text.push_str(&format!(
        "\n{}\nserves {}\n\n",
        clean(it.description.as_deref().unwrap_or_default()),
        clean(&it.types())
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
