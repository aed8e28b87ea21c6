//! `slipway golden-path`.

use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Globals, list::Many, plan, run_wait, validate, workflow};
use crate::{
    client::{Body, Client, segment},
    output::{Printer, clean, inline, or_dash, seconds, short},
    views,
};

#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lists golden paths
    #[command(visible_alias = "ls", after_help = "Example:\n  slipway golden-path list")]
    List {
        #[command(flatten)]
        many: Many,
    },
    /// Shows one: what it takes, what it does, an example, and how long it took before
    #[command(visible_alias = "get", after_help = "Example:\n  slipway golden-path describe onboard-team")]
    Describe {
        /// The golden path
        #[arg(value_name = "NAME")]
        name: String,
        /// Its provider, when several have one of that name
        #[arg(long, value_name = "NAME")]
        provider: Option<String>,
    },
    /// Starts one
    #[command(after_help = "Examples:
  slipway golden-path run onboard-team --param team=blue --param members=ada@example.com,bob@example.com --wait
  slipway golden-path run ephemeral-env --param score=@shop.yaml --param branch=fix-login --param ttl=2h
  slipway golden-path run onboard-team -f team.yaml --dry-run
A value is read by its parameter's type: a list is a,b,c or [a, b, c]; a mapping is {key: value}; @FILE is what a file holds
(@@ begins a text with @). --param goes before what the file of -f says.")]
    Run(Box<Run>),
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Run {
    /// The golden path
    #[arg(value_name = "NAME")]
    name: String,
    /// Its provider, when several have one of that name
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// A parameter; may be given many times
    #[arg(short, long = "param", value_name = "KEY=VALUE")]
    params: Vec<String>,
    /// Parameters as a YAML or JSON file; - reads standard input
    #[arg(short, long, value_name = "FILE")]
    file: Option<String>,
    /// The team whose share it uses
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// The queue it goes through
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,
    /// Shows what would be run, and runs nothing
    #[arg(long, conflicts_with_all = ["wait", "follow"])]
    dry_run: bool,
    /// Waits until it is over, and shows what it gave back; the exit code says how it ended
    #[arg(long, conflicts_with = "follow")]
    wait: bool,
    /// Shows its log until it is over; the exit code says how it ended
    #[arg(long)]
    follow: bool,
    /// How long to wait, as 90s, 10m, 1h; then the exit code is 124, and the work goes on
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = super::wait::duration)]
    timeout: Duration,
}

/// Carries it out.
///
/// # Errors
/// When the server cannot be reached or says no, and when a run that was waited for does not complete.
pub(crate) async fn run(globals: &Globals, command: Command) -> anyhow::Result<()> {
    let (client, printer) = (globals.client()?, globals.printer());
    match command {
        Command::List { many } => many.show(globals, "/api/golden-paths", &[], table).await,
        Command::Describe { name, provider } => {
            printer.print(&described(&client, &name, provider.as_deref()).await?, detail)
        }
        Command::Run(arguments) => start(&client, printer, *arguments).await,
    }
}

async fn described(client: &Client, name: &str, provider: Option<&str>) -> anyhow::Result<Value> {
    let query: Vec<_> = provider.map(|provider| ("provider", provider.to_owned())).into_iter().collect();
    client.get(&path(name), &query).await
}

fn path(name: &str) -> String {
    format!("/api/golden-paths/{}", segment(name))
}

async fn start(client: &Client, printer: Printer, arguments: Run) -> anyhow::Result<()> {
    let mut inputs = arguments.file.as_deref().map(from_file).transpose()?.unwrap_or_default();
    let found: GoldenPath = views::read(&described(client, &arguments.name, arguments.provider.as_deref()).await?)?;
    inputs.extend(from_pairs(&arguments.params, &found.parameters)?);
    let mut body = json!({ "inputs": inputs, "dry_run": arguments.dry_run });
    for (name, value) in [("provider", &arguments.provider), ("team", &arguments.team), ("queue", &arguments.queue)] {
        if let Some(value) = value {
            body[name] = Value::String(value.clone());
        }
    }
    let (_, answer) = client.post(&format!("{}/run", path(&arguments.name)), &[], Some(Body::Json(body))).await?;
    if arguments.dry_run {
        return plan::show(client, printer, &answer).await;
    }
    if arguments.wait {
        let id = answer["id"].as_str().context("the server's answer names no run")?;
        return run_wait::until_over(client, printer, id, arguments.timeout).await;
    }
    workflow::accepted(client, printer, &answer, arguments.follow).await
}

/// Reads a YAML or JSON file of parameters.
///
/// # Errors
/// When it cannot be read, or holds no mapping.
pub(super) fn from_file(file: &str) -> anyhow::Result<Map<String, Value>> {
    let value: Value =
        serde_yaml::from_str(&validate::read_file(file)?).with_context(|| format!("{file} is no YAML or JSON"))?;
    match value {
        Value::Object(inputs) => Ok(inputs),
        Value::Null => Ok(Map::new()),
        _ => anyhow::bail!("{file} holds no mapping of parameters to values"),
    }
}

/// Reads each value by its parameter's type. What does not fit is sent as the text it is: the server says everything that is
/// wrong at once, and what was expected.
fn from_pairs(pairs: &[String], parameters: &[Parameter]) -> anyhow::Result<Map<String, Value>> {
    let mut inputs = Map::new();
    for pair in pairs {
        let (name, text) = pair.split_once('=').with_context(|| format!("--param {pair}: not KEY=VALUE"))?;
        let kind = parameters.iter().find(|parameter| parameter.name == name).map_or("string", |it| it.kind.as_str());
        let text = match text.strip_prefix('@') {
            Some(rest) if rest.starts_with('@') => rest.to_owned(),
            Some(file) => validate::read_file(file).with_context(|| format!("--param {name}"))?,
            None => text.to_owned(),
        };
        anyhow::ensure!(
            inputs.insert(name.to_owned(), typed(kind, text)).is_none(),
            "the parameter '{name}' is given twice"
        );
    }
    Ok(inputs)
}

fn typed(kind: &str, text: String) -> Value {
    let read = |text: &str| serde_yaml::from_str::<Value>(text).ok();
    let value = match kind {
        "number" | "integer" => serde_json::from_str(text.trim()).ok().filter(Value::is_number),
        "boolean" => text.trim().parse().ok().map(Value::Bool),
        "map" | "object" => read(&text).filter(Value::is_object),
        "list" => read(&text).filter(Value::is_array).or_else(|| {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Some(items.map(|item| Value::String(item.to_owned())).collect())
        }),
        _ => None,
    };
    value.unwrap_or(Value::String(text))
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct GoldenPath {
    name: String,
    provider: String,
    provider_version: String,
    description: Option<String>,
    tags: Vec<String>,
    required: Vec<String>,
    estimated_duration: Option<Estimate>,
    stated_duration: Option<String>,
    unavailable: Option<String>,
    parameters: Vec<Parameter>,
    steps: Vec<Step>,
    outputs: Vec<String>,
    example: Example,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Estimate {
    seconds: f64,
    basis: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Parameter {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    expected: String,
    required: bool,
    default: Option<Value>,
    description: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Step {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    depends_on: Vec<String>,
    condition: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Example {
    cli: String,
}

fn table(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let paths: Vec<GoldenPath> = views::items(value)?;
    if paths.is_empty() {
        return Ok("no golden paths: no provider that is loaded has one (slipway provider list)\n".into());
    }
    let rows = paths.into_iter().map(|it| {
        let takes = if it.required.is_empty() { "-".into() } else { it.required.join(", ") };
        let about = it.estimated_duration.map(|past| seconds(past.seconds)).or(it.stated_duration);
        let description = match &it.unavailable {
            Some(reason) => format!("unavailable: {reason}"),
            None => it.description.unwrap_or_else(|| "-".into()),
        };
        vec![it.name, it.provider, takes, or_dash(&about), short(&description, 80)]
    });
    Ok(printer.table(&["NAME", "PROVIDER", "NEEDS", "TAKES", "DESCRIPTION"], rows.collect()))
}

fn detail(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let it: GoldenPath = views::read(value)?;
    let mut text = String::new();
    let mut line = |name: &str, value: &str| text.push_str(&format!("{name:<12}{value}\n"));
    line("name", &clean(&it.name));
    line("provider", &format!("{} {}", clean(&it.provider), clean(&it.provider_version)));
    if let Some(description) = &it.description {
        line("does", &clean(description));
    }
    if !it.tags.is_empty() {
        line("tags", &clean(&it.tags.join(", ")));
    }
    match (&it.estimated_duration, &it.stated_duration) {
        (Some(past), _) => line("takes", &format!("about {} ({})", seconds(past.seconds), clean(&past.basis))),
        (None, Some(stated)) => line("takes", &format!("{} (as its provider says)", clean(stated))),
        (None, None) => line("takes", "not known: it has not completed here yet"),
    }
    if let Some(reason) = &it.unavailable {
        line("unavailable", &clean(reason));
    }
    if !it.outputs.is_empty() {
        line("gives", &clean(&it.outputs.join(", ")));
    }
    if it.parameters.is_empty() {
        text.push_str("\nit takes no parameters\n");
    } else {
        let rows = it.parameters.iter().map(|it| {
            let default = match (&it.default, it.required) {
                (Some(value), _) => short(&inline(value), 40),
                (None, true) => "(required)".into(),
                (None, false) => "-".into(),
            };
            vec![it.name.clone(), it.expected.clone(), default, it.description.clone().unwrap_or_default()]
        });
        text.push_str(&format!(
            "\n{}",
            printer.table(&["PARAMETER", "EXPECTS", "DEFAULT", "DESCRIPTION"], rows.collect())
        ));
    }
    let rows = it.steps.iter().map(|step| {
        let after = if step.depends_on.is_empty() { "-".into() } else { step.depends_on.join(", ") };
        vec![step.name.clone(), step.kind.clone(), after, step.condition.clone().unwrap_or_else(|| "-".into())]
    });
    text.push_str(&format!("\n{}", printer.table(&["STEP", "TYPE", "AFTER", "IF"], rows.collect())));
    text.push_str(&format!("\nexample\n  {}\n", clean(&it.example.cli)));
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Format;

    fn parameters() -> Vec<Parameter> {
        [
            ("team", "string"),
            ("size", "number"),
            ("public", "boolean"),
            ("members", "list"),
            ("labels", "map"),
            ("ttl", "duration"),
        ]
        .map(|(name, kind)| Parameter { name: name.into(), kind: kind.into(), ..Parameter::default() })
        .to_vec()
    }

    fn read(pairs: &[&str]) -> Value {
        let pairs: Vec<String> = pairs.iter().map(ToString::to_string).collect();
        Value::Object(from_pairs(&pairs, &parameters()).unwrap())
    }

    #[test]
    fn a_value_is_read_by_the_type_of_its_parameter() {
        assert_eq!(
            read(&["team=42", "size=42", "public=true", "members=ada, bob", "labels={tier: gold}", "ttl=8h"]),
            json!({"team": "42", "size": 42, "public": true, "members": ["ada", "bob"], "labels": {"tier": "gold"}, "ttl": "8h"})
        );
        assert_eq!(read(&["members=[1, two]", "team=a=b"]), json!({"members": [1, "two"], "team": "a=b"}));
        assert_eq!(read(&["members=", "team="]), json!({"members": [], "team": ""}));
    }

    #[test]
    fn what_does_not_fit_reaches_the_server_as_it_was_written() {
        let wrong = json!({"size": "many", "public": "yes", "labels": "gold", "nmae": "3"});
        assert_eq!(read(&["size=many", "public=yes", "labels=gold", "nmae=3"]), wrong);
    }

    #[test]
    fn a_value_may_come_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("labels.yaml");
        std::fs::write(&file, "tier: gold\n").unwrap();
        let pair = format!("labels=@{}", file.display());
        assert_eq!(read(&[&pair, "team=@@home"]), json!({"labels": {"tier": "gold"}, "team": "@home"}));
        let missing = from_pairs(&["team=@/does/not/exist".into()], &parameters()).unwrap_err();
        assert!(format!("{missing:#}").contains("--param team: opening /does/not/exist"), "{missing:#}");
        assert!(from_pairs(&["a=1".into(), "a=2".into()], &[]).is_err());
    }

    #[test]
    fn a_golden_path_is_described_for_people() {
        let value = json!({
            "name": "onboard-team", "provider": "golden", "provider_version": "1.0.0", "description": "Sets a team up", "tags": ["team"],
            "estimated_duration": {"seconds": 42.4, "longest_s": 90.0, "runs": 7, "basis": "the median of the 7 last completed runs"},
            "parameters": [{"name": "team", "type": "string", "expected": "a string, 2 to 30 characters", "required": true, "description": "Its name"},
                           {"name": "database", "type": "boolean", "expected": "true or false", "default": true}],
            "steps": [{"name": "starter", "type": "shell"}, {"name": "approve", "type": "approval", "depends_on": ["starter"], "condition": "parameters.environment == \"production\""}],
            "outputs": ["application"], "example": {"cli": "slipway golden-path run onboard-team --param team=blue"}
        });
        let printer = Printer { format: Format::Table, colour: false, terminal: false };
        insta::assert_snapshot!(detail(printer, &value).unwrap());
        assert!(table(printer, &json!({"items": []})).unwrap().starts_with("no golden paths"));
    }
}
