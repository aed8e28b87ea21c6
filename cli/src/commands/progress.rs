//! How an application comes along: a line a resource on a terminal, lines with the time elsewhere.

use std::{collections::BTreeMap, io::IsTerminal as _, time::Duration};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::wait::Look;
use crate::output::{self, Format, Printer, age, clean, short};

/// Shows each look.
pub(crate) struct Progress {
    printer: Printer,
    lines: Option<Lines>,
    /// What was printed last of each resource.
    said: BTreeMap<String, String>,
    /// Goes to standard error when standard output is for a program.
    quiet: bool,
}

struct Lines {
    all: MultiProgress,
    each: BTreeMap<String, ProgressBar>,
}

impl Progress {
    /// Lines that change in place when both outputs are a terminal.
    pub(crate) fn new(printer: Printer) -> Self {
        let live = printer.terminal && std::io::stderr().is_terminal() && printer.format == Format::Table;
        let lines = live.then(|| Lines { all: MultiProgress::new(), each: BTreeMap::new() });
        Self { printer, lines, said: BTreeMap::new(), quiet: printer.format != Format::Table }
    }

    /// Shows how things stand.
    pub(crate) fn show(&mut self, looks: &[Look]) {
        for look in looks {
            let (resource, detail) = (&look.resource, detail(look));
            let state = self.printer.state(&resource.state);
            let name = clean(&resource.name);
            if let Some(lines) = &mut self.lines {
                let bar = lines.each.entry(resource.id.clone()).or_insert_with(|| {
                    let bar = lines.all.add(ProgressBar::new_spinner());
                    // The template is constant; were it wrong, the bar keeps its own.
                    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
                        bar.set_style(style.tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ "));
                    }
                    bar.enable_steady_tick(Duration::from_millis(100));
                    bar
                });
                let text = format!("{name:<16} {state:<12} {:>4}  {detail}", age(resource.state_since));
                match resource.state.as_str() {
                    "active" | "terminated" if !bar.is_finished() => bar.finish_with_message(text),
                    "failed" if !bar.is_finished() => bar.abandon_with_message(text),
                    _ if !bar.is_finished() => bar.set_message(text),
                    _ => {}
                }
                continue;
            }
            let line =
                format!("{name}: {}{}{detail}", clean(&resource.state), if detail.is_empty() { "" } else { ", " });
            if self.said.get(&resource.id) != Some(&line) {
                self.say(&line);
                self.said.insert(resource.id.clone(), line);
            }
        }
    }

    /// A remark beside the lines.
    pub(crate) fn note(&self, text: &str) {
        match &self.lines {
            // Nothing can be done about a terminal that cannot be written to.
            Some(lines) => drop(lines.all.println(text)),
            None => self.say(text),
        }
    }

    /// Leaves the lines as they are and the terminal as it was.
    pub(crate) fn close(&mut self) {
        for bar in self.lines.iter().flat_map(|lines| lines.each.values()).filter(|bar| !bar.is_finished()) {
            bar.abandon();
        }
    }

    fn say(&self, text: &str) {
        let line = format!("{} {text}", chrono::Local::now().format("%H:%M:%S"));
        if self.quiet { output::complain!("{line}") } else { output::say!("{line}") }
    }
}

/// Workflow, step and reason in a few words.
fn detail(look: &Look) -> String {
    let Some(run) = &look.run else { return look.resource.error_code.as_deref().map(clean).unwrap_or_default() };
    let mut text = clean(&run.workflow);
    if let Some(step) = run.telling_step() {
        let position = run.steps.iter().position(|it| it.name == step.name).unwrap_or_default() + 1;
        let tries = if step.attempts.len() > 1 { format!(", try {}", step.attempts.len()) } else { String::new() };
        text.push_str(&format!(" › {} ({position}/{}{tries})", clean(&step.name), run.steps.len()));
    }
    if let Some(reason) = &run.reason {
        let why = run.reason_detail.as_deref().map(|detail| format!(": {}", short(detail, 60))).unwrap_or_default();
        text.push_str(&format!(", {}{why}", clean(reason)));
    } else if run.status != "running" {
        text.push_str(&format!(", {}", clean(&run.status)));
    }
    text
}
