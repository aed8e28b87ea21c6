//! `slipway validate`.

use std::io::Read as _;

use anyhow::Context as _;
use serde_json::json;
use shared::formats::score::{self, Mode};

use super::Globals;
use crate::{
    failure::Failure,
    output::{self, Format, clean},
};

/// Bytes a Score file may have; the server takes no more either.
pub(crate) const FILE_BYTES: u64 = 1024 * 1024;

/// Checks Score files, without a server; every problem with its file, line and column
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  slipway validate shop.yaml
  slipway validate --compat apps/*.yaml
  render | slipway validate -
Exit codes: 0 every file is valid; 1 one is not, or cannot be read. Resource types are not checked: the server knows them.")]
pub(crate) struct Arguments {
    /// Score files, YAML or JSON; - reads standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
    /// Accepts what Innominatus' own files have beyond Score, with a warning each
    #[arg(long)]
    compat: bool,
}

/// Carries it out.
///
/// # Errors
/// When a file is not valid, after printing why.
pub(crate) fn run(globals: &Globals, arguments: &Arguments) -> anyhow::Result<()> {
    let mode = if arguments.compat { Mode::Compat } else { Mode::Strict };
    let (mut results, mut invalid) = (Vec::new(), 0);
    let printer = globals.printer();
    for file in &arguments.files {
        let shown = if file == "-" { "<stdin>" } else { file };
        let checked = match read_file(file) {
            Ok(text) => score::parse_file(&text, mode, Some(shown)).map_err(|problems| {
                let lines: Vec<String> = problems.iter().map(|problem| clean(&problem.to_string())).collect();
                (lines, json!(problems))
            }),
            Err(error) => Err((
                vec![clean(&format!("{error:#}"))],
                json!([{ "code": "file", "file": shown, "message": format!("{error:#}") }]),
            )),
        };
        invalid += usize::from(checked.is_err());
        let (lines, result) = match checked {
            Ok(parsed) => {
                let count = parsed.score.resources.len();
                let mut lines: Vec<String> = parsed
                    .warnings
                    .iter()
                    .map(|warning| format!("{shown}:{} (warning)", clean(&warning.to_string())))
                    .collect();
                lines.push(format!(
                    "{shown}: valid: {}, {count} resource{}",
                    clean(&parsed.score.metadata.name),
                    if count == 1 { "" } else { "s" }
                ));
                (lines, json!({ "file": shown, "valid": true, "warnings": parsed.warnings, "problems": [] }))
            }
            Err((lines, problems)) => {
                (lines, json!({ "file": shown, "valid": false, "warnings": [], "problems": problems }))
            }
        };
        if printer.format == Format::Table {
            lines.iter().for_each(|line| output::say!("{line}"));
        }
        results.push(result);
    }
    if printer.format != Format::Table {
        printer.print(&json!({ "items": results }), |_, _| Ok(String::new()))?;
    }
    if invalid == 0 {
        return Ok(());
    }
    if printer.format == Format::Table && arguments.files.len() > 1 {
        output::say!("{invalid} of {} files are not valid", arguments.files.len());
    }
    Err(Failure::Said(1).into())
}

/// The text of a file of at most 1 MiB; `-` is standard input.
///
/// # Errors
/// When it cannot be read, is larger, or is not UTF-8.
pub(crate) fn read_file(file: &str) -> anyhow::Result<String> {
    let source: Box<dyn std::io::Read> = match file {
        "-" => Box::new(std::io::stdin().lock()),
        path => Box::new(std::fs::File::open(path).with_context(|| format!("opening {path}"))?),
    };
    let mut bytes = Vec::new();
    source.take(FILE_BYTES + 1).read_to_end(&mut bytes).with_context(|| format!("reading {file}"))?;
    anyhow::ensure!(bytes.len() as u64 <= FILE_BYTES, "{file} is larger than 1 MiB");
    String::from_utf8(bytes).with_context(|| format!("{file} is not UTF-8"))
}
