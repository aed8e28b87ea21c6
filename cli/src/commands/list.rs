//! `slipway list`.

use serde_json::Value;

use super::Globals;
use crate::{
    output::{self, Printer},
    views::{self, Application},
};

/// Lists applications, newest first
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  slipway list\n  slipway list --team payments --watch\n  slipway list -l env=prod -o json"
)]
pub(crate) struct Arguments {
    /// Only this team's
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// Only those with these labels: key=value, key!=value, key, !key, separated by commas
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    labels: Option<String>,
    /// Deleted ones too
    #[arg(long)]
    deleted: bool,
    #[command(flatten)]
    many: Many,
}

/// Flags of every list.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Many {
    /// Items shown at most
    #[arg(long, default_value_t = 200, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=5000))]
    limit: u16,
    /// Looks again every two seconds, until Ctrl-C
    #[arg(long)]
    pub(crate) watch: bool,
}

impl Many {
    /// Shows a list of the server's.
    ///
    /// # Errors
    /// When the server cannot be reached or says no.
    pub(crate) async fn show(
        &self,
        globals: &Globals,
        path: &str,
        query: &[(&str, String)],
        table: fn(Printer, &Value) -> anyhow::Result<String>,
    ) -> anyhow::Result<()> {
        let (client, printer, client_query) = (globals.client()?, globals.printer(), query);
        let limit = usize::from(self.limit);
        printer
            .watch(self.watch, || async {
                let listed = client.list(path, client_query, limit).await?;
                if listed.more {
                    output::warn(&format!("only the first {limit} are shown; --limit shows more"));
                }
                printer.render(&listed.to_value(), table)
            })
            .await
    }
}

/// `name=value` for every value that is there.
pub(crate) fn query<'a>(filters: impl IntoIterator<Item = (&'a str, Option<String>)>) -> Vec<(&'a str, String)> {
    filters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// Carries it out.
///
/// # Errors
/// When the server cannot be reached or says no.
pub(crate) async fn run(globals: &Globals, arguments: Arguments) -> anyhow::Result<()> {
    let deleted = arguments.deleted.then(|| "true".to_owned());
    let filters = query([("team", arguments.team), ("labels", arguments.labels), ("deleted", deleted)]);
    arguments.many.show(globals, "/api/specs", &filters, table).await
}

fn table(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let applications: Vec<Application> = views::items(value)?;
    if applications.is_empty() {
        return Ok("no applications yet; `slipway deploy FILE --wait` makes one\n".into());
    }
    let rows = applications.into_iter().map(|it| {
        let failed = if it.failed > 0 { format!(", {} failed", it.failed) } else { String::new() };
        let resources = format!("{}/{} active{failed}", it.active, it.resources);
        vec![it.name, it.team, it.generation.to_string(), it.status, resources, output::age(it.created_at)]
    });
    Ok(printer.table(&["NAME", "TEAM", "GENERATION", "STATUS", "RESOURCES", "AGE"], rows.collect()))
}
