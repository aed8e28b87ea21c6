//! Which steps must be over before each begins.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{cursor::Cursor, graph, problem::code},
    quoted,
    step::{Read, Step},
};

/// Fills `depends_on`. A step that says nothing follows all that the file has before it; consecutive steps that are
/// parallel, of one group, follow what is before the first of them. Steps of `finally`, which stand last, are ordered
/// among themselves: all others are over by then.
pub(super) fn resolve(read: &[(Cursor<'_>, Read)]) -> Vec<Step> {
    let names: Vec<&str> = read.iter().map(|(_, read)| read.step.name.as_str()).collect();
    let finally: BTreeSet<&str> =
        read.iter().filter(|(_, read)| read.step.finally).map(|(_, read)| read.step.name.as_str()).collect();
    let first_of_finally = read.iter().position(|(_, read)| read.step.finally).unwrap_or(read.len());
    let mut steps: Vec<Step> = Vec::with_capacity(read.len());
    let mut group_start = 0;
    for (index, (at, item)) in read.iter().enumerate() {
        if names[..index].contains(&names[index]) {
            at.report(code::CONFLICT, format!("another step is also named {}", quoted(names[index])));
        }
        let phase_start = if index < first_of_finally { 0 } else { first_of_finally };
        let joins = index > phase_start && item.parallel && {
            let before = &read[index - 1].1;
            before.parallel && before.group == item.group
        };
        if !joins {
            group_start = index;
        }
        let depends_on = match &item.depends_on {
            Some(named) => {
                let mut found = named_steps(at, named, &names, names[index]);
                if item.step.finally {
                    found.retain(|name| finally.contains(name.as_str()));
                } else if let Some(name) = found.iter().find(|name| finally.contains(name.as_str())) {
                    let message = format!("'dependsOn' names {}, which runs when all others are over", quoted(name));
                    at.report(code::CONFLICT, message);
                }
                found
            }
            None => last_of(&steps[phase_start..group_start]),
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
            let hint = at.suggest(name, names.iter().copied().filter(|name| *name != own));
            at.report(code::UNKNOWN_NAME, format!("'dependsOn' names {}, which is no step{hint}", quoted(name)));
        } else if !found.contains(name) {
            found.push(name.clone());
        }
    }
    found
}

/// The steps that none of the others waits for: when they are over, all are.
fn last_of(steps: &[Step]) -> Vec<String> {
    let waited: BTreeSet<&str> = steps.iter().flat_map(|step| step.depends_on.iter().map(String::as_str)).collect();
    steps.iter().filter(|step| !waited.contains(step.name.as_str())).map(|step| step.name.clone()).collect()
}

/// All steps that are over when each begins.
pub(super) fn before(steps: &[Step]) -> BTreeMap<&str, BTreeSet<&str>> {
    let direct: BTreeMap<&str, &Step> = steps.iter().map(|step| (step.name.as_str(), step)).collect();
    let ordinary = || steps.iter().filter(|step| !step.finally).map(|step| step.name.as_str());
    steps
        .iter()
        .map(|step| {
            let mut over: BTreeSet<&str> = if step.finally { ordinary().collect() } else { BTreeSet::new() };
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
