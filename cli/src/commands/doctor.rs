//! `slipway doctor`.

mod files;
mod openid;
mod servers;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Serialize;
use serde_json::json;
use shared::config::Config;

use super::Globals;
use crate::{
    failure::Failure,
    output::{self, Format, Printer, clean},
};

/// How long one group of checks may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Looks for what keeps an installation from working: its settings, servers, files and login service, one by one
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  slipway doctor --config /etc/slipway/config.yaml      all that this configuration names, as seen from this machine
  slipway doctor --url https://slipway.example.com      and whether the api answers there
  slipway doctor -o json                                for programs: {\"healthy\": …, \"checks\": [{\"check\", \"state\", \"said\", \"advice\"}]}

Run it where the api or a worker runs, as the user that it runs as: files and networks differ from place to place.
Nothing is changed but for one small file, which is put into the archive and removed again.
Exit codes: 0 nothing is wrong; 1 something is")]
pub(crate) struct Arguments {
    /// Configuration file [default: the one that SLIPWAY_CONFIG names, else .slipway/config.yaml here or in a folder above]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address of an api that should answer
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// Nothing is wrong.
    Ok,
    /// Something is wrong.
    Failed,
    /// There was nothing to look at.
    Skipped,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Finding {
    /// What was looked at; stable.
    check: &'static str,
    state: State,
    /// What was found.
    said: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, said: impl Into<String>) -> Self {
        Self { check, state: State::Ok, said: said.into(), advice: None }
    }

    fn failed(check: &'static str, said: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, state: State::Failed, said: said.into(), advice: Some(advice.into()) }
    }

    fn skipped(check: &'static str, said: impl Into<String>) -> Self {
        Self { check, state: State::Skipped, said: said.into(), advice: None }
    }
}

/// Prints findings as they come, or keeps them for the end.
struct Report {
    printer: Printer,
    findings: Vec<Finding>,
}

impl Report {
    fn add(&mut self, findings: Vec<Finding>) {
        for finding in findings {
            if self.printer.format == Format::Table {
                output::print(&line(self.printer, &finding));
            }
            self.findings.push(finding);
        }
    }

    /// Runs a group of checks, bounded in time.
    async fn run(&mut self, check: &'static str, checks: impl Future<Output = Vec<Finding>>) {
        let findings = tokio::time::timeout(PATIENCE, checks).await.unwrap_or_else(|_| {
            let said = format!("it takes more than {} s", PATIENCE.as_secs());
            vec![Finding::failed(check, said, "look whether the network drops packets on the way there")]
        });
        self.add(findings);
    }
}

/// Carries it out.
///
/// # Errors
/// When something is wrong, after saying what.
pub(crate) async fn run(globals: &Globals, arguments: Arguments) -> anyhow::Result<()> {
    let mut report = Report { printer: globals.printer(), findings: Vec::new() };
    let file = arguments.config.or_else(configured);
    if let Some(config) = read(&mut report, file.as_deref()) {
        report.run("postgres", servers::postgres(&config)).await;
        report.run("redis", servers::redis(&config)).await;
        report.run("engine", servers::engine(&config)).await;
        report.run("archive", files::archive(&config)).await;
        report.run("people", async { files::people(&config) }).await;
        report.run("certificates", async { files::certificates(&config) }).await;
        report.run("providers", files::providers(&config)).await;
        report.run("oidc", openid::check(&config)).await;
    }
    if let Some(url) = &arguments.url {
        let tls = globals.connection.tls(url.trim_end_matches('/'))?;
        report.run("api", servers::api(url, &tls)).await;
    }
    let wrong = report.findings.iter().filter(|finding| finding.state == State::Failed).count();
    if report.printer.format == Format::Table {
        output::print(&match wrong {
            0 => "\nnothing is wrong\n".to_owned(),
            1 => "\n1 thing is wrong\n".to_owned(),
            _ => format!("\n{wrong} things are wrong\n"),
        });
    } else {
        let value = json!({ "healthy": wrong == 0, "checks": report.findings });
        report.printer.print(&value, |_, _| Ok(String::new()))?;
    }
    if wrong == 0 { Ok(()) } else { Err(Failure::Said(1).into()) }
}

/// The file that servers started here would read.
fn configured() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("SLIPWAY_CONFIG") {
        return Some(named.into());
    }
    let here = std::env::current_dir().ok()?;
    here.ancestors().map(|folder| folder.join(".slipway/config.yaml")).find(|path| path.is_file())
}

fn read(report: &mut Report, file: Option<&Path>) -> Option<Config> {
    let named = file.map(|path| path.display().to_string());
    match Config::load(file) {
        Ok(config) => {
            let said = match &named {
                Some(name) => format!("{name} can be read"),
                None => "there is no file: what variables say, and otherwise the defaults, is looked at".into(),
            };
            report.add(vec![Finding::ok("configuration", said)]);
            Some(config)
        }
        Err(error) => {
            let said = format!("{}: {error}", named.unwrap_or_else(|| "the environment".into()));
            let advice = "correct it; a key that is not known is refused, so look for mistyped ones. \
                          Nothing else was looked at";
            report.add(vec![Finding::failed("configuration", said, advice)]);
            None
        }
    }
}

fn line(printer: Printer, finding: &Finding) -> String {
    let (mark, code) = match finding.state {
        State::Ok => ("✓", "32"),
        State::Failed => ("✗", "31"),
        State::Skipped => ("–", "2"),
    };
    let mark = if printer.colour { format!("\x1b[{code}m{mark}\x1b[0m") } else { mark.to_owned() };
    let mut text = format!("{mark} {:<20} {}\n", finding.check, clean(&finding.said));
    if let Some(advice) = &finding.advice {
        text.push_str(&format!("  {:<20} → {}\n", "", clean(advice)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_comes_with_what_to_do() {
        let printer = Printer { format: Format::Table, colour: false, terminal: false };
        let wrong = Finding::failed("redis", "it may drop tickets\x1b[2J", "set it to noeviction");
        let expected = "✗ redis                it may drop tickets\n                       → set it to noeviction\n";
        assert_eq!(line(printer, &wrong), expected);
        assert_eq!(line(printer, &Finding::ok("redis", "7.0")), "✓ redis                7.0\n");
    }
}
