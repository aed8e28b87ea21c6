//! What a person does about one resource when its workflows are not enough: `slipway resource read|reconcile|adopt|import|forget`.

use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::{Globals, resource::id_of};
use crate::{
    client::{Body, segment},
    output::{clean, inline, or_dash},
};

/// Bytes that a file of outputs may have.
const MOST_BYTES: u64 = 256 * 1024;

/// Which resource, and why.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Decision {
    /// Its id, or its application's name and its own
    #[arg(value_name = "ID|APP/NAME")]
    resource: String,
    /// Why, for the people who find it so
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

/// What was made elsewhere.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Import {
    #[command(flatten)]
    decision: Decision,
    /// A JSON or YAML file with what the resource gives, by name
    #[arg(short = 'f', long = "outputs", value_name = "FILE")]
    outputs: PathBuf,
    /// Names among them that are masked wherever they are shown
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    sensitive: Vec<String>,
}

/// Asks for something that a run will do: `read` or `reconcile`.
///
/// # Errors
/// When the server cannot be reached or says no.
pub(crate) async fn ask(globals: &Globals, resource: &str, what: &str) -> anyhow::Result<()> {
    let (client, printer) = (globals.client()?, globals.printer());
    let path = format!("/api/resources/{}/{what}", segment(&id_of(&client, resource).await?));
    let (_, answer) = client.post(&path, &[], None).await?;
    printer.print(&answer, |_, answer| {
        let said = clean(answer["message"].as_str().unwrap_or("accepted"));
        Ok(format!("{said}; see: slipway resource get {}\n", clean(resource)))
    })
}

/// Has a decision carried out: `adopt` or `forget`.
///
/// # Errors
/// When the server cannot be reached or says no.
pub(crate) async fn decide(globals: &Globals, decision: &Decision, what: &str) -> anyhow::Result<()> {
    tell(globals, decision, what, json!({ "reason": decision.reason })).await
}

/// Says what was made elsewhere.
///
/// # Errors
/// When the file cannot be read, or the server cannot be reached or says no.
pub(crate) async fn import(globals: &Globals, import: &Import) -> anyhow::Result<()> {
    let shown = import.outputs.display();
    let size = std::fs::metadata(&import.outputs).with_context(|| format!("{shown} cannot be read"))?.len();
    anyhow::ensure!(size <= MOST_BYTES, "{shown} has more than {MOST_BYTES} bytes");
    let text = std::fs::read_to_string(&import.outputs).with_context(|| format!("{shown} cannot be read"))?;
    let outputs: Map<String, Value> =
        serde_yaml::from_str(&text).with_context(|| format!("{shown} is no mapping of names to values"))?;
    let body = json!({ "outputs": outputs, "sensitive": import.sensitive, "reason": import.decision.reason });
    tell(globals, &import.decision, "import", body).await
}

async fn tell(globals: &Globals, decision: &Decision, what: &str, body: Value) -> anyhow::Result<()> {
    let (client, printer) = (globals.client()?, globals.printer());
    let path = format!("/api/resources/{}/{what}", segment(&id_of(&client, &decision.resource).await?));
    let (_, answer) = client.post(&path, &[], Some(Body::Json(body))).await?;
    printer.print(&answer, |_, answer| {
        let text = |key: &str| clean(answer[key].as_str().unwrap_or_default());
        Ok(format!("{}/{} is {} now\n", text("application"), text("name"), text("state")))
    })
}

/// Shows what a resource looked like at a moment.
///
/// # Errors
/// When the server cannot be reached or says no.
pub(crate) async fn at(globals: &Globals, resource: &str, moment: &str) -> anyhow::Result<()> {
    let (client, printer) = (globals.client()?, globals.printer());
    let path = format!("/api/resources/{}/snapshot", segment(&id_of(&client, resource).await?));
    let then = client.get(&path, &[("at", moment.to_owned())]).await?;
    printer.print(&then, |printer, then| {
        let text = |key: &str| clean(&or_dash(&then[key].as_str().map(str::to_owned)));
        let mut shown = String::new();
        let mut line = |name: &str, value: &str| shown.push_str(&format!("{name:<12}{value}\n"));
        line("name", &format!("{}/{}", text("application"), text("name")));
        line("type", &text("type"));
        line("at", &text("at"));
        match then["state"].as_str() {
            None => line("state", "nothing was recorded of it by then"),
            Some(state) => line("state", &format!("{}, since {}", printer.state(state), text("state_since"))),
        }
        if let Some(message) = then["state_data"]["message"].as_str().filter(|it| !it.is_empty()) {
            line("why", &clean(message));
        }
        line("generation", &then["generation"].as_i64().map_or_else(|| "-".to_owned(), |it| it.to_string()));
        line("provider", &format!("{} {}", text("provider"), then["provider_version"].as_str().unwrap_or_default()));
        line("made by", &text("made_by"));
        line("run then", &text("live_run"));
        for (title, members) in [("asked", &then["asked"]["params"]), ("outputs", &then["outputs"])] {
            if let Some(members) = members.as_object().filter(|it| !it.is_empty()) {
                shown.push_str(&format!("{title}\n"));
                members
                    .iter()
                    .for_each(|(name, value)| shown.push_str(&format!("  {} = {}\n", clean(name), inline(value))));
            }
        }
        Ok(shown)
    })
}
