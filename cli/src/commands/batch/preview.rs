//! What a batch would do, shown.

use serde::Deserialize;
use serde_json::Value;
use shared::domain::words::count;

use crate::{
    output::{Printer, clean, inline, or_dash, seconds, short},
    views,
};

#[derive(Debug, Deserialize)]
struct Preview {
    digest: String,
    total: u64,
    problems: u64,
    by_team: Vec<Counted>,
    by_type: Vec<Counted>,
    by_environment: Vec<Counted>,
    groups: Vec<Way>,
    params: Vec<Param>,
    dependents: Dependents,
    waves: Vec<u64>,
    expected: Option<Expected>,
}

#[derive(Debug, Deserialize)]
struct Counted {
    name: String,
    count: u64,
}

/// Resources that are done alike.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Way {
    pub(super) resources: u64,
    #[serde(rename = "type")]
    pub(super) kind: String,
    provider: Option<String>,
    from_version: Option<String>,
    to_version: Option<String>,
    workflow: Option<String>,
    problem: Option<String>,
    pub(super) sample: String,
    #[serde(default)]
    pub(super) plan: Option<Plan>,
}

/// How the plan of one of them stands.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Plan {
    pub(super) status: String,
    pub(super) detail: Option<String>,
    #[serde(default)]
    steps: Vec<String>,
}

impl Plan {
    /// In a few words.
    pub(super) fn told(&self) -> String {
        match (&self.detail, self.status.as_str()) {
            (_, "ready") if self.steps.is_empty() => "no steps".to_owned(),
            (_, "ready") => short(&self.steps.join(", "), 80),
            (Some(detail), status) => format!("{status}: {}", short(detail, 80)),
            (None, status) => status.to_owned(),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Param {
    name: String,
    value: Value,
    differs: u64,
}

#[derive(Debug, Deserialize)]
struct Dependents {
    count: u64,
    by_team: Vec<Counted>,
}

#[derive(Debug, Deserialize)]
struct Expected {
    seconds: f64,
    basis: String,
}

/// Names of a list that are shown.
const NAMES: usize = 10;

fn counted(list: &[Counted]) -> String {
    let name = |it: &Counted| if it.name.is_empty() { "(none)".to_owned() } else { clean(&it.name) };
    let mut shown: Vec<String> = list.iter().take(NAMES).map(|it| format!("{} {}", name(it), it.count)).collect();
    if list.len() > NAMES {
        shown.push(format!("and {} more", list.len() - NAMES));
    }
    if shown.is_empty() { "none".into() } else { shown.join(", ") }
}

/// What a batch would do.
pub(super) fn preview(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let it: Preview = views::read(value)?;
    let mut text = format!(
        "{} would be done\n  teams         {}\n  types         {}\n  environments  {}\n",
        count(it.total, "resource"),
        counted(&it.by_team),
        counted(&it.by_type),
        counted(&it.by_environment)
    );
    let waves: Vec<String> = it.waves.iter().map(ToString::to_string).collect();
    text.push_str(&format!("  waves         {}\n", waves.join(", ")));
    match it.dependents.count {
        0 => text.push_str("  rests on them nothing else\n"),
        others => {
            let others = count(others, "other resource");
            text.push_str(&format!("  rests on them {others}: {}\n", counted(&it.dependents.by_team)));
        }
    }
    match &it.expected {
        Some(expected) => {
            text.push_str(&format!("  takes about   {}: {}\n", seconds(expected.seconds), clean(&expected.basis)));
        }
        None => text.push_str("  takes about   unknown: no such run was ever seen\n"),
    }
    for param in &it.params {
        let value = if param.value.is_null() { "as in the spec".to_owned() } else { inline(&param.value) };
        text.push_str(&format!(
            "  param         {} = {}: something else for {}\n",
            clean(&param.name),
            clean(&value),
            count(param.differs, "resource")
        ));
    }
    text.push('\n');
    text.push_str(&ways(printer, &it.groups));
    if it.problems > 0 {
        text.push_str(&format!("left out, because nothing can be done for them: {}\n", count(it.problems, "resource")));
    }
    text.push_str(&format!("digest {}\n", clean(&it.digest)));
    Ok(text)
}

/// The ways in which resources are done, a line each; with the steps of their plans where there are any.
pub(super) fn ways(printer: Printer, ways: &[Way]) -> String {
    let planned = ways.iter().any(|way| way.plan.is_some());
    let rows = ways.iter().map(|way| {
        let version = match (&way.from_version, &way.to_version) {
            (Some(from), Some(to)) if from != to => format!("{from} → {to}"),
            (from, to) => or_dash(&to.clone().or_else(|| from.clone())),
        };
        let what =
            way.problem.as_ref().map_or_else(|| or_dash(&way.workflow), |problem| format!("left out: {problem}"));
        let mut row = vec![way.resources.to_string(), way.kind.clone(), or_dash(&way.provider), version, what];
        if planned {
            row.push(way.plan.as_ref().map_or_else(|| "-".to_owned(), Plan::told));
        }
        row
    });
    let headers = ["RESOURCES", "TYPE", "PROVIDER", "VERSION", "WORKFLOW", "PLAN"];
    printer.table(&headers[..if planned { 6 } else { 5 }], rows.collect())
}
