//! What a dry run shows.

use anyhow::Context as _;
use serde_json::{Map, Value};

use super::workflow::path_of;
use crate::{
    client::Client,
    failure::Failure,
    output::{self, Printer, clean, inline, seconds},
    views::{self, Run},
};

/// Between two looks.
const LOOK: std::time::Duration = std::time::Duration::from_millis(500);

/// Shows the plan that the server answered with, or waits for the preview that will have it.
///
/// # Errors
/// When there will be no plan, after saying why.
pub(crate) async fn show(client: &Client, printer: Printer, answer: &Value) -> anyhow::Result<()> {
    if answer.get("plan").is_some() {
        return printer.print(answer, table);
    }
    let id = answer["id"].as_str().context("the server's answer names no run")?;
    let mut told = None;
    loop {
        let value = client.get(&path_of(id), &[]).await?;
        let run: Run = views::read(&value)?;
        match run.status.as_str() {
            "completed" => {
                let plan = run.outputs.get("plan").cloned().unwrap_or_default();
                let mut answer = value;
                answer["plan"] = plan;
                return printer.print(&answer, table);
            }
            "failed" | "cancelled" => {
                let message = run.error_message.or(run.cancel_reason).unwrap_or_default();
                output::complain!("error: the plan could not be made: {}", clean(&message));
                return Err(Failure::Said(1).into());
            }
            _ => {
                if run.reason.is_some() && told != run.reason {
                    let detail = run.reason_detail.as_deref().map(|it| format!(": {}", clean(it))).unwrap_or_default();
                    output::complain!("the plan waits: {}{detail}", clean(run.reason.as_deref().unwrap_or_default()));
                    told = run.reason;
                }
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn table(_: Printer, answer: &Value) -> anyhow::Result<String> {
    Ok(steps(answer))
}

/// What would be run, step by step.
pub(crate) fn steps(answer: &Value) -> String {
    let text = |value: &Value, name: &str| clean(value[name].as_str().unwrap_or_default());
    let plan = &answer["plan"];
    let mut steps: Vec<&Value> = plan["steps"].as_array().into_iter().flatten().collect();
    steps.sort_by_key(|step| step["order"].as_u64());
    let mut shown = format!(
        "{} of {} {} would run {} step{}; nothing was run\n",
        text(answer, "workflow"),
        text(answer, "provider"),
        text(answer, "provider_version"),
        steps.len(),
        if steps.len() == 1 { "" } else { "s" }
    );
    for (place, step) in steps.iter().enumerate() {
        shown.push_str(&format!("\n{}. {}  ({})\n", place + 1, text(step, "name"), text(step, "type")));
        step_lines(step, &mut shown);
    }
    if let Some(outputs) = plan["outputs"].as_object().filter(|outputs| !outputs.is_empty()) {
        shown.push_str("\noutputs\n");
        members(outputs, "  ", &mut shown);
    }
    for problem in plan["problems"].as_array().into_iter().flatten() {
        shown.push_str(&format!("problem: {}\n", inline(problem)));
    }
    shown
}

fn step_lines(step: &Value, shown: &mut String) {
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            shown.push_str(&format!("   {name:<11}{value}\n"));
        }
    };
    let list = |name: &str| {
        let items = step[name].as_array().map(Vec::as_slice).unwrap_or_default();
        items.iter().map(inline).collect::<Vec<_>>().join(", ")
    };
    let one = |name: &str| match &step[name] {
        Value::Null | Value::Bool(false) => String::new(),
        value => inline(value),
    };
    line("after", list("depends_on"));
    line("when", Some(one("when")).filter(|when| when != "on_success").unwrap_or_default());
    line("if", condition(&step["condition"]));
    line("each of", one("for_each"));
    line("image", one("image"));
    line("command", one("command"));
    line("may", privileges(&step["privileges"]));
    line("secrets", list("secrets"));
    line("at most", step["timeout_s"].as_f64().map(seconds).unwrap_or_default());
    line("unknown", list("unknown"));
    for problem in step["problems"].as_array().into_iter().flatten() {
        line("problem", inline(problem));
    }
    for (title, name) in [("config", "config"), ("env", "env")] {
        if let Some(fields) = step[name].as_object().filter(|fields| !fields.is_empty()) {
            shown.push_str(&format!("   {title}\n"));
            members(fields, "     ", shown);
        }
    }
}

/// The expression, and what it comes to as far as that is known.
fn condition(value: &Value) -> String {
    match (value["expression"].as_str(), &value["result"]) {
        (None, _) => String::new(),
        (Some(expression), Value::Null) => clean(expression),
        (Some(expression), Value::Bool(true)) => format!("{}  (it holds)", clean(expression)),
        (Some(expression), Value::Bool(false)) => {
            format!("{}  (it does not hold: the step is skipped)", clean(expression))
        }
        (Some(expression), result) => format!("{}  ({})", clean(expression), inline(result)),
    }
}

/// What is not the default, in one line.
fn privileges(value: &Value) -> String {
    let nothing = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Object(members) => members.is_empty(),
        other => other.as_f64() == Some(0.0),
    };
    let told = value.as_object().into_iter().flatten().filter(|(_, value)| !nothing(value));
    let words = told.map(|(name, value)| format!("{} {}", clean(&name.replace('_', " ")), inline(value)));
    words.collect::<Vec<_>>().join(", ")
}

/// `name = value` a line; a text of several lines is shown as such.
fn members(fields: &Map<String, Value>, margin: &str, shown: &mut String) {
    for (name, value) in fields {
        match value.as_str().filter(|text| text.trim_end().contains('\n')) {
            Some(text) => {
                shown.push_str(&format!("{margin}{} =\n", clean(name)));
                text.trim_end().lines().for_each(|line| shown.push_str(&format!("{margin}  {}\n", clean(line))));
            }
            None => shown.push_str(&format!("{margin}{} = {}\n", clean(name), inline(value))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::output::Format;

    #[test]
    fn a_plan_says_what_each_step_would_do_and_what_is_not_known_yet() {
        let answer = json!({
            "workflow": "onboard-team", "provider": "golden", "provider_version": "1.0.0",
            "plan": {
                "steps": [
                    {"name": "starter", "type": "shell", "order": 1, "when": "on_success", "depends_on": [], "image": "slipway/shell:1", "privileges": {"network": "none", "egress": {}, "memory_mib": 0},
                     "config": {"script": "set -e\necho \u{1b}[31mred\n"}, "env": {"TEAM": "blue"}, "timeout_s": 60, "unknown": []},
                    {"name": "database", "type": "resource-provisioning", "depends_on": ["starter"], "order": 2,
                     "condition": {"expression": "parameters.database", "result": true}, "problems": ["config.ttl is no time"],
                     "config": {"score": "<known after step starter>"}, "unknown": ["config.score"]},
                ],
                "outputs": {"application": "<known after step database>"},
            },
        });
        let printer = Printer { format: Format::Table, colour: false, terminal: false };
        insta::assert_snapshot!(table(printer, &answer).unwrap(), @r"
        onboard-team of golden 1.0.0 would run 2 steps; nothing was run

        1. starter  (shell)
           image      slipway/shell:1
           may        network none
           at most    60s
           config
             script =
               set -e
               echo red
           env
             TEAM = blue

        2. database  (resource-provisioning)
           after      starter
           if         parameters.database  (it holds)
           unknown    config.score
           problem    config.ttl is no time
           config
             score = <known after step starter>

        outputs
          application = <known after step database>
        ");
    }
}
