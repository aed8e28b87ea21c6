//! Which steps must be over before each begins.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{
        cursor::Cursor,
        graph,
        problem::{code, did_you_mean, nearest},
    },
    quoted,
    step::{Read, Step},
};

/// Fills `depends_on`. A step that says nothing follows all that the file has before it; consecutive `parallel: true`
/// steps follow what is before the first of them.
pub(super) fn resolve(read: &[(Cursor<'_>, Read)]) -> Vec<Step> {
    let names: Vec<&str> = read.iter().map(|(_, read)| read.step.name.as_str()).collect();
    let mut steps: Vec<Step> = Vec::with_capacity(read.len());
    let mut group_start = 0;
    for (index, (at, item)) in read.iter().enumerate() {
        if names[..index].contains(&names[index]) {
            at.report(code::CONFLICT, format!("another step is also named {}", quoted(names[index])));
        }
        let joins = item.parallel && index > 0 && read[index - 1].1.parallel;
        if !joins {
            group_start = index;
        }
        let depends_on = match &item.depends_on {
            Some(named) => named_steps(at, named, &names, names[index]),
            None => last_of(&steps[..group_start]),
        };
        steps.push(Step { depends_on, ..item.step.clone() });
    }
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for step in &steps {
        // Of two with one name, which has been reported, the first is meant.
        edges.entry(step.name.clone()).or_insert_with(|| step.depends_on.iter().cloned().collect());
    }
    if let Some(circle) = graph::find_cycle(&edges)
        && let Some((at, _)) = read.iter().find(|(_, item)| item.step.name == circle[0])
    {
        at.report(code::CYCLE, format!("steps need each other in a circle: {}", circle.join(" -> ")));
    }
    steps
}

fn named_steps(at: &Cursor<'_>, named: &[String], names: &[&str], own: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for name in named {
        if !names.contains(&name.as_str()) {
            let hint = did_you_mean(&nearest(name, names.iter().copied().filter(|name| *name != own)));
            at.report(code::UNKNOWN_NAME, format!("'dependsOn' names {}, which is no step{hint}", quoted(name)));
        } else if !found.contains(name) {
            found.push(name.clone());
        }
    }
    found
}

/// The steps that none of the others waits for: when they are over, all are.
fn last_of(steps: &[Step]) -> Vec<String> {
    steps
        .iter()
        .filter(|step| !steps.iter().any(|other| other.depends_on.contains(&step.name)))
        .map(|step| step.name.clone())
        .collect()
}

/// All steps that are over when each begins.
pub(super) fn before(steps: &[Step]) -> BTreeMap<&str, BTreeSet<&str>> {
    let direct: BTreeMap<&str, &Step> = steps.iter().map(|step| (step.name.as_str(), step)).collect();
    steps
        .iter()
        .map(|step| {
            let mut over = BTreeSet::new();
            let mut open: Vec<&str> = step.depends_on.iter().map(String::as_str).collect();
            while let Some(name) = open.pop() {
                if over.insert(name)
                    && let Some(step) = direct.get(name)
                {
                    open.extend(step.depends_on.iter().map(String::as_str));
                }
            }
            (step.name.as_str(), over)
        })
        .collect()
}
