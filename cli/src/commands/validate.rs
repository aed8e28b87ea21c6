//! `slipway validate`.

mod check;
mod folders;

use std::{io::Read as _, path::Path};

use anyhow::Context as _;
use serde_json::{Value, json};
use shared::formats::detect::FileKind;

use super::Globals;
use crate::{
    failure::Failure,
    output::{self, Format, clean},
};

pub(crate) use folders::folders;

/// Bytes a file may have; the server takes no more either.
pub(crate) const FILE_BYTES: u64 = 1024 * 1024;

/// Checks Score files, workflows and other files, without a server; every problem with its file, line and column
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  slipway validate shop.yaml
  slipway validate --compat apps/*.yaml
  slipway validate my-team/workflows/*.yaml my-team/provider.yaml
  slipway validate --as workflow steps.yaml -o json
  render | slipway validate -
What a file is, it says itself (apiVersion, kind, content); --as says it instead. Of a workflow, in any dialect, it is
said what was understood. A whole folder of a provider: slipway provider validate DIR.
Exit codes: 0 every file is valid; 1 one is not, or cannot be read. Resource types are not checked: the server knows them.")]
pub(crate) struct Arguments {
    /// Files, YAML or JSON; - reads standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
    /// Accepts what Innominatus' own Score files have beyond Score, with a warning each
    #[arg(long)]
    compat: bool,
    /// What the files are, instead of what they seem to be
    #[arg(long = "as", value_enum, value_name = "KIND")]
    kind: Option<Kind>,
}

/// What a file may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// A workload
    Score,
    /// A workflow in any dialect
    Workflow,
    /// A provider's manifest
    Provider,
    /// A goldenpaths.yaml
    GoldenPaths,
    /// A step type's manifest
    StepType,
}

impl From<Kind> for FileKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Score => Self::Score,
            Kind::Workflow => Self::Workflow,
            Kind::Provider => Self::Provider,
            Kind::GoldenPaths => Self::GoldenPaths,
            Kind::StepType => Self::StepType,
        }
    }
}

/// What was found out about one file: lines for people, a value for programs.
#[derive(Debug, Default)]
struct Checked {
    lines: Vec<String>,
    value: Value,
    valid: bool,
}

/// Carries it out.
///
/// # Errors
/// When a file is not valid, after printing why.
pub(crate) fn run(globals: &Globals, arguments: &Arguments) -> anyhow::Result<()> {
    let (mut results, mut invalid) = (Vec::new(), 0);
    let printer = globals.printer();
    for file in &arguments.files {
        let shown = if file == "-" { "<stdin>" } else { file };
        let checked = match read_file(file) {
            Ok(text) => check::check(&text, shown, arguments.kind.map(FileKind::from), arguments.compat),
            Err(error) => {
                let message = format!("{error:#}");
                let problems = json!([{ "code": "file", "file": shown, "message": message }]);
                let value = json!({ "file": shown, "valid": false, "warnings": [], "problems": problems });
                Checked { lines: vec![clean(&message)], value, valid: false }
            }
        };
        invalid += usize::from(!checked.valid);
        if printer.format == Format::Table {
            checked.lines.iter().for_each(|line| output::say!("{line}"));
        }
        results.push(checked.value);
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
    anyhow::ensure!(
        file == "-" || !Path::new(file).is_dir(),
        "{file} is a folder: check a provider's with `slipway provider validate {file}`"
    );
    let source: Box<dyn std::io::Read> = match file {
        "-" => Box::new(std::io::stdin().lock()),
        path => Box::new(std::fs::File::open(path).with_context(|| format!("opening {path}"))?),
    };
    let mut bytes = Vec::new();
    source.take(FILE_BYTES + 1).read_to_end(&mut bytes).with_context(|| format!("reading {file}"))?;
    anyhow::ensure!(bytes.len() as u64 <= FILE_BYTES, "{file} is larger than 1 MiB");
    String::from_utf8(bytes).with_context(|| format!("{file} is not UTF-8"))
}
