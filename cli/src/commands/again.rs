//! `slipway workflow retry` and `slipway workflow rerun`.

use serde_json::{Map, Value, json};

use super::{
    Globals, bulk, golden_path,
    workflow::{accepted, id_of, path_of, read_inputs},
};
use crate::{
    client::Body,
    output::{self, clean},
};

/// Goes on with a failed or cancelled run where it stopped, as a new run; or with all that match
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  slipway workflow retry shop/db --follow
  slipway workflow retry 0198c7a2-70d9-7494-8221-6f4cc9e19904 --from migrate
  slipway workflow retry --all-matching --status failed --since 24h --dry-run
  slipway workflow retry --all-matching --status failed --error-code TimedOut --yes --wait
What completed is not run again, unless --from names it or a step before it. The workspace is as it was before the first of
the completed steps that run again; when that is not kept any more, the server says so and nothing is run.")]
pub(crate) struct Retry {
    /// The run's id, or APP/RESOURCE for that resource's latest
    #[arg(value_name = "RUN", required_unless_present = "all_matching", conflicts_with = "all_matching")]
    run: Option<String>,
    /// Runs this step and all that come after it again, whatever became of them
    #[arg(long, value_name = "STEP", conflicts_with = "all_matching")]
    from: Option<String>,
    /// Shows the new run's log until it is over; the exit code says how it ended
    #[arg(short, long, conflicts_with = "all_matching")]
    follow: bool,
    #[command(flatten)]
    matching: bulk::Matching,
}

/// Runs a golden path again from its beginning, with other inputs
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  slipway workflow rerun 0198c7a2-70d9-7494-8221-6f4cc9e19904 --param days=30
  slipway workflow rerun 0198c7a2-70d9-7494-8221-6f4cc9e19904 -f inputs.yaml --follow
What is not given is as it was; --param name=null takes a parameter back to its default. A value that is valid JSON keeps its
type: --param days=30 is a number, --param 'days=\"30\"' a text. --param goes before what the file of -f says.")]
pub(crate) struct Rerun {
    /// The run's id
    #[arg(value_name = "RUN")]
    run: String,
    /// A parameter; may be given many times
    #[arg(short, long = "param", value_name = "KEY=VALUE")]
    params: Vec<String>,
    /// Parameters as a YAML or JSON file; - reads standard input
    #[arg(short, long, value_name = "FILE")]
    file: Option<String>,
    /// Shows the new run's log until it is over; the exit code says how it ended
    #[arg(long)]
    follow: bool,
}

/// Carries out a retry.
///
/// # Errors
/// When the server cannot be reached or says no, and when a followed run does not complete.
pub(crate) async fn retry(globals: &Globals, arguments: Retry) -> anyhow::Result<()> {
    let Some(run) = arguments.run else {
        return bulk::all(globals, "retry", &arguments.matching, None).await;
    };
    anyhow::ensure!(!arguments.matching.is_set()?, "filters, --yes, --dry-run and --wait go with --all-matching");
    let client = globals.client()?;
    let id = id_of(&client, &run).await?;
    let body = arguments.from.map(|step| Body::Json(json!({ "from_step": step })));
    let (_, answer) = client.post(&format!("{}/retry", path_of(&id)), &[], body).await?;
    if let Some(note) = answer["note"].as_str() {
        output::warn(&clean(note));
    }
    accepted(&client, globals.printer(), &answer, arguments.follow).await
}

/// Carries out a rerun.
///
/// # Errors
/// When the server cannot be reached or says no, and when a followed run does not complete.
pub(crate) async fn rerun(globals: &Globals, arguments: Rerun) -> anyhow::Result<()> {
    let mut inputs: Map<String, Value> =
        arguments.file.as_deref().map(golden_path::from_file).transpose()?.unwrap_or_default();
    inputs.extend(read_inputs("--param", &arguments.params, None)?);
    let client = globals.client()?;
    let id = id_of(&client, &arguments.run).await?;
    let body = Body::Json(json!({ "inputs": inputs }));
    let (_, answer) = client.post(&format!("{}/rerun", path_of(&id)), &[], Some(body)).await?;
    accepted(&client, globals.printer(), &answer, arguments.follow).await
}
