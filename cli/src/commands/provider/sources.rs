//! Where the server's providers come from: `add`, `remove`, `sources`, `reload`.

use serde_json::{Map, Value, json};
use shared::formats::source;

use super::super::{Globals, list::Many};
use crate::{
    client::{Body, segment},
    failure::Failure,
    output::{self, Format, Printer, age, clean, short},
    views,
};

/// Where sources are in the API.
const SOURCES: &str = "/api/admin/providers/sources";

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  slipway provider add https://git.example.org/platform/postgres.git@v1.2.0
  slipway provider add https://git.example.org/platform/all.git@main --path providers/redis --interval 60
  slipway provider add ssh://git@git.example.org/platform/db@4f2a…(40 letters) --name db
The server fetches it; `slipway provider sources` shows how that went. To move to another version, add it again
under the same name.")]
pub(crate) struct Add {
    /// The repository and a tag, branch or whole commit of it
    #[arg(value_name = "URL@REF")]
    location: String,
    /// Its name; that of the folder or the repository when left out
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The folder in the repository that is, or holds, the providers
    #[arg(long, value_name = "FOLDER")]
    path: Option<String>,
    /// Seconds between looks; 0 for only when asked
    #[arg(long, value_name = "SECONDS")]
    interval: Option<u32>,
    /// The name of a credential in the server's configuration (git.credentials)
    #[arg(long, value_name = "NAME")]
    secret: Option<String>,
    /// The name of a secret in the server's configuration (git.webhook_secrets) that pushes are announced with
    #[arg(long, value_name = "NAME")]
    webhook_secret: Option<String>,
}

/// Adds or changes a source.
///
/// # Errors
/// When the location cannot be read, or the server says no.
pub(crate) async fn add(globals: &Globals, arguments: Add) -> anyhow::Result<()> {
    let (url, reference) = source::split(&arguments.location).map_err(|message| anyhow::anyhow!(message))?;
    let mut body = Map::new();
    body.insert("url".into(), json!(url));
    body.insert("ref".into(), json!(reference));
    let texts = [
        ("name", arguments.name),
        ("path", arguments.path),
        ("secret", arguments.secret),
        ("webhook_secret", arguments.webhook_secret),
    ];
    body.extend(texts.into_iter().filter_map(|(key, value)| Some((key.to_owned(), json!(value?)))));
    body.extend(arguments.interval.map(|interval| ("interval_s".to_owned(), json!(interval))));
    let (status, value) = globals.client()?.post(SOURCES, &[], Some(Body::Json(Value::Object(body)))).await?;
    globals.printer().print(&value, |_, value| {
        let it: Source = views::read(value)?;
        let done = if status.as_u16() == 201 { "added" } else { "changed" };
        Ok(format!("source {} {done}; `slipway provider sources` shows when it is loaded\n", clean(&it.name)))
    })
}

/// Removes a source.
///
/// # Errors
/// When there is none of that name, or the server says no.
pub(crate) async fn remove(globals: &Globals, name: &str) -> anyhow::Result<()> {
    let (_, value) = globals.client()?.delete(&format!("{SOURCES}/{}", segment(name))).await?;
    globals.printer().print(&value, |_, _| {
        Ok(format!("source {} is removed once the other providers are valid without it\n", clean(name)))
    })
}

/// Lists sources.
///
/// # Errors
/// When the server cannot be reached or says no.
pub(crate) async fn list(globals: &Globals, many: &Many) -> anyhow::Result<()> {
    many.show(globals, SOURCES, &[], table).await
}

/// Has the server look at everything now.
///
/// # Errors
/// When the server says no; `Failure::Said(1)` when something is not valid, after saying what.
pub(crate) async fn reload(globals: &Globals) -> anyhow::Result<()> {
    let (status, value) = globals.client()?.post("/api/admin/providers/reload", &[], None).await?;
    let printer = globals.printer();
    if printer.format != Format::Table {
        printer.print(&value, |_, _| Ok(String::new()))?;
    } else if status.as_u16() == 202 {
        output::say!("it goes on; `slipway provider sources` shows how it ends");
    } else {
        said(&value)?;
    }
    if status.as_u16() == 200 && value["valid"] != json!(true) { Err(Failure::Said(1).into()) } else { Ok(()) }
}

fn said(value: &Value) -> anyhow::Result<()> {
    let answer: Answer = views::read(value)?;
    for source in &answer.sources {
        let commit = source.commit.as_deref().map(|commit| format!(" {}", short_commit(commit))).unwrap_or_default();
        output::say!("{}: {}{}", clean(&source.name), clean(&source.status), clean(&commit));
        source.problems.iter().for_each(|problem| output::say!("  {}", clean(problem)));
        source.warnings.iter().for_each(|warning| output::say!("  warning: {}", clean(warning)));
    }
    // What is wrong with a source was said there.
    let told: Vec<&String> = answer.sources.iter().flat_map(|source| &source.problems).collect();
    for problem in &answer.problems {
        let place =
            [problem["file"].as_str().map(str::to_owned), problem["line"].as_u64().map(|line| line.to_string())];
        let place = place.into_iter().flatten().collect::<Vec<_>>().join(":");
        let message = problem["message"].as_str().unwrap_or_default();
        if !told.iter().any(|text| text.contains(message)) {
            output::say!("{}{}{}", clean(&place), if place.is_empty() { "" } else { ": " }, clean(message));
        }
    }
    let list = if answer.providers.is_empty() { "none".to_owned() } else { answer.providers.join(", ") };
    output::say!("loaded (set {}): {}", answer.generation, clean(&list));
    Ok(())
}

/// What a reload found.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Answer {
    generation: i64,
    providers: Vec<String>,
    sources: Vec<Source>,
    problems: Vec<Value>,
}

/// A source, as far as tables need it.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Source {
    name: String,
    url: String,
    #[serde(rename = "ref")]
    reference: String,
    path: String,
    status: String,
    commit: Option<String>,
    providers: Vec<String>,
    problems: Vec<String>,
    warnings: Vec<String>,
    looked_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// A commit as people tell them apart.
pub(super) fn short_commit(commit: &str) -> String {
    commit.chars().take(12).collect()
}

fn table(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let sources: Vec<Source> = views::items(value)?;
    if sources.is_empty() {
        return Ok(
            "no sources; the server's providers come from its own folders. `slipway provider add URL@REF` adds one\n"
                .into(),
        );
    }
    let rows = sources.iter().map(|it| {
        let path = if it.path.is_empty() { String::new() } else { format!(" {}", it.path) };
        vec![
            it.name.clone(),
            printer.state(&it.status),
            it.commit.as_deref().map_or_else(|| "-".into(), short_commit),
            if it.providers.is_empty() { "-".into() } else { short(&it.providers.join(", "), 50) },
            format!("{}@{}{path}", it.url, it.reference),
            age(it.looked_at),
        ]
    });
    let mut text = printer.table(&["SOURCE", "STATUS", "COMMIT", "PROVIDERS", "FROM", "LOOKED AT"], rows.collect());
    for it in sources.iter().filter(|it| !it.problems.is_empty() || !it.warnings.is_empty()) {
        text.push_str(&format!("\n{}:\n", clean(&it.name)));
        it.problems.iter().for_each(|problem| text.push_str(&format!("  {}\n", clean(problem))));
        it.warnings.iter().for_each(|warning| text.push_str(&format!("  warning: {}\n", clean(warning))));
    }
    Ok(text)
}
