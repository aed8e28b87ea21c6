//! What a submission would do, and what differs between two documents.

use serde_json::Value;

use crate::{
    failure::Failure,
    output::{Printer, clean, inline},
    views::{self, Change, PlannedChange},
};

/// Shows the answer to a dry run.
///
/// # Errors
/// When some of it cannot be done; that was shown.
pub(super) fn show(printer: Printer, answer: &Value) -> anyhow::Result<()> {
    printer.print(answer, |_, answer| table(answer))?;
    let problems = answer["problems"].as_u64().unwrap_or_default();
    if problems == 0 { Ok(()) } else { Err(Failure::Said(1).into()) }
}

fn table(answer: &Value) -> anyhow::Result<String> {
    let text = |name: &str| clean(answer[name].as_str().unwrap_or_default());
    let created = if answer["created"] == true { " (new)" } else { "" };
    let mut out = format!("dry run of {}{created}: {}; nothing was changed\n", text("application"), text("message"));
    let changes: Vec<PlannedChange> = answer.get("changes").map_or_else(|| Ok(Vec::new()), views::read)?;
    for change in changes.iter().filter(|it| it.action != "keep") {
        out.push('\n');
        out.push_str(&one(change));
    }
    let kept: Vec<String> = changes.iter().filter(|it| it.action == "keep").map(|it| clean(&it.name)).collect();
    if !kept.is_empty() {
        out.push_str(&format!("\n= stays as it is: {}\n", kept.join(", ")));
    }
    Ok(out)
}

fn one(change: &PlannedChange) -> String {
    let (sign, words) = match change.action.as_str() {
        "create" => ("+", "make"),
        "update" => ("~", "change"),
        "compare" => ("?", "change, if what it names turns out to differ"),
        "note" => ("~", "note annotations and labels"),
        "delete" => ("-", "remove"),
        "release" => ("-", "let go of; others use it"),
        other => ("*", other),
    };
    let mut text = format!("{sign} {} ({}): {}", clean(&change.name), clean(&change.kind), clean(words));
    if let (Some(provider), Some(version), Some(workflow)) =
        (&change.provider, &change.provider_version, &change.workflow)
    {
        text.push_str(&format!(", by {}@{} {}", clean(provider), clean(version), clean(workflow)));
    }
    text.push('\n');
    if !change.after.is_empty() {
        text.push_str(&format!("    after {}\n", clean(&change.after.join(", "))));
    }
    text.push_str(&lines(&change.params));
    if let Some(problem) = &change.problem {
        text.push_str(&format!("    cannot be done: {}\n", clean(problem)));
    }
    text
}

/// A line a change: the place, what was there, what is.
pub(super) fn lines(changes: &[Change]) -> String {
    let side = |value: &Option<Value>| value.as_ref().map_or_else(|| "-".to_owned(), inline);
    changes
        .iter()
        .map(|it| {
            format!("    {}: {} → {}\n", clean(it.path.trim_start_matches('/')), side(&it.before), side(&it.after))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_dry_run_reads_like_a_list_of_what_would_happen() {
        let answer = json!({
            "dry_run": true, "application": "shop", "created": false, "problems": 1, "message": "1 to change, 1 to remove",
            "changes": [
                {"action": "delete", "name": "old", "type": "dns", "provider": "dns", "provider_version": "1.0.0", "workflow": "drop"},
                {"action": "update", "name": "db", "type": "postgres", "params": [{"path": "/size", "before": 1, "after": 2}],
                 "problem": "the provider cannot"},
                {"action": "keep", "name": "cache", "type": "redis"},
            ],
        });
        insta::assert_snapshot!(table(&answer).unwrap());
    }
}
