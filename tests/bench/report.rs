//! The table and its JSON.

use std::{fmt, path::Path};

use anyhow::Context as _;
use serde::Serialize;
use serde_json::{Value, json};

/// All figures of one run of the benchmark.
#[derive(Debug)]
pub(crate) struct Report {
    at: chrono::DateTime<chrono::Utc>,
    profile: String,
    processors: usize,
    figures: Vec<Figure>,
}

/// One figure.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    /// What it is held against, measured in the same run.
    against: Option<Against>,
    goal: Option<Goal>,
    /// What else is known of it, by name, in the same unit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    beside: Vec<(&'static str, f64)>,
}

#[derive(Debug, Serialize)]
struct Against {
    name: String,
    value: f64,
    /// The figure divided by it.
    ratio: f64,
}

#[derive(Debug, Serialize)]
struct Goal {
    text: String,
    met: bool,
}

impl Report {
    pub(crate) fn new(profile: &str) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self { at: chrono::Utc::now(), profile: profile.to_owned(), processors, figures: Vec::new() }
    }

    /// Adds a figure, and shows it at once.
    pub(crate) fn add(&mut self, figure: Figure) {
        println!("{figure}");
        self.figures.push(figure);
    }

    /// Writes the figures into `file`. Those of a run of everything are all that it has then; those of a run of a part take the
    /// place of older ones of the same name, and the others stay, each with the time and the profile that it was measured at.
    pub(crate) fn write(&self, file: &Path, everything: bool) -> anyhow::Result<()> {
        let mut figures = if everything { Vec::new() } else { figures_in(file) };
        for figure in &self.figures {
            let mut value = serde_json::to_value(figure)?;
            value["at"] = json!(self.at);
            value["profile"] = json!(self.profile);
            value["processors"] = json!(self.processors);
            match figures.iter_mut().find(|other| other["name"] == value["name"]) {
                Some(older) => *older = value,
                None => figures.push(value),
            }
        }
        let text = serde_json::to_string_pretty(&json!({"at": self.at, "figures": figures}))?;
        std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))
    }
}

/// The figures that a file has; none when it is not there, or is of nobody's making.
fn figures_in(file: &Path) -> Vec<Value> {
    let Ok(text) = std::fs::read_to_string(file) else { return Vec::new() };
    let found = serde_json::from_str::<Value>(&text).ok().and_then(|found| found["figures"].as_array().cloned());
    found.unwrap_or_else(|| {
        eprintln!("{} has no figures that can be read: it is written anew", file.display());
        Vec::new()
    })
}

impl Figure {
    pub(crate) fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, against: None, goal: None, beside: Vec::new() }
    }

    pub(crate) fn against(mut self, name: impl Into<String>, value: f64) -> Self {
        self.against = Some(Against { name: name.into(), value, ratio: self.value / value });
        self
    }

    pub(crate) fn beside(mut self, name: &'static str, value: f64) -> Self {
        self.beside.push((name, value));
        self
    }

    pub(crate) fn goal(mut self, text: impl Into<String>, met: bool) -> Self {
        self.goal = Some(Goal { text: text.into(), met });
        self
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {:<58} {:>14} {:<8}", self.name, rounded(self.value), self.unit)?;
        if let Some(Against { name, value, ratio }) = &self.against {
            write!(f, "  {ratio:.2} of {} ({name})", rounded(*value))?;
        }
        for (name, value) in &self.beside {
            write!(f, "  {name} {}", rounded(*value))?;
        }
        if let Some(Goal { text, met }) = &self.goal {
            write!(f, "  goal {text}: {}", if *met { "met" } else { "MISSED" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nprofile {}, {} processors, {}", self.profile, self.processors, self.at.format("%F %R UTC"))?;
        self.figures.iter().try_for_each(|figure| writeln!(f, "{figure}"))
    }
}

fn rounded(value: f64) -> String {
    if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// The value below which `share` of the values are. Sorts them.
pub(crate) fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}
