//! Waiting until a run is over.

use std::{collections::HashMap, time::Duration};

use serde_json::Value;

use super::workflow::{outputs, path_of};
use crate::{
    client::{Client, is_passing},
    failure::{Failure, INTERRUPTED, TIMED_OUT},
    output::{self, Printer, clean, seconds, short},
    views::{self, Run},
};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(400);
/// How long a server that went away is waited for.
const AWAY: Duration = Duration::from_secs(60);

/// Waits, saying on standard error how it goes, and prints what the run gave back.
///
/// # Errors
/// When it does not complete (after saying why), when it takes too long, on Ctrl-C, and when the server says no or stays away.
pub(crate) async fn until_over(client: &Client, printer: Printer, id: &str, patience: Duration) -> anyhow::Result<()> {
    output::complain!("run {}", clean(id));
    let on = |what: &str| {
        format!(
            "{what}; the run goes on without this command. To see how it stands: slipway workflow get {0} --watch",
            clean(id)
        )
    };
    let value = tokio::select! {
        over = tokio::time::timeout(patience, watch(client, id)) => match over {
            Ok(over) => over?,
            Err(_) => {
                output::complain!("error: {}", on(&format!("not over after {}", seconds(patience.as_secs_f64()))));
                return Err(Failure::Said(TIMED_OUT).into());
            }
        },
        _ = tokio::signal::ctrl_c() => {
            output::complain!("{}", on("interrupted"));
            return Err(Failure::Said(INTERRUPTED).into());
        }
    };
    let run: Run = views::read(&value)?;
    if run.status == "completed" {
        return printer.print(&value, |_, _| Ok(outputs(&run)));
    }
    let message = run.error_message.as_deref().or(run.cancel_reason.as_deref()).unwrap_or_default();
    output::complain!("error: run {} {}: {}", clean(id), clean(&run.status), clean(message));
    output::complain!("  slipway workflow get {0}    slipway logs {0}    slipway workflow retry {0}", clean(id));
    Err(Failure::Said(1).into())
}

async fn watch(client: &Client, id: &str) -> anyhow::Result<Value> {
    let mut said = Said::default();
    let mut away_since: Option<tokio::time::Instant> = None;
    loop {
        match client.get(&path_of(id), &[]).await {
            Ok(value) => {
                away_since = None;
                let run: Run = views::read(&value)?;
                said.news(&run).iter().for_each(|line| output::complain!("{line}"));
                if run.is_over() {
                    return Ok(value);
                }
            }
            Err(error) if is_passing(&error) && away_since.is_none_or(|since| since.elapsed() < AWAY) => {
                if away_since.is_none() {
                    output::complain!("the server is away; trying again ({})", short(&error.to_string(), 120));
                    away_since = Some(tokio::time::Instant::now());
                }
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What was said already.
#[derive(Debug, Default)]
struct Said {
    reason: Option<String>,
    steps: HashMap<String, String>,
}

impl Said {
    /// What is new about the run, a line each.
    fn news(&mut self, run: &Run) -> Vec<String> {
        let mut lines = Vec::new();
        for step in &run.steps {
            if step.status == "pending" || self.steps.get(&step.name) == Some(&step.status) {
                continue;
            }
            self.steps.insert(step.name.clone(), step.status.clone());
            let took = step.duration_s.map(|it| format!(" in {}", seconds(it))).unwrap_or_default();
            let error = step.error_message.as_deref().map(|it| format!(": {}", short(it, 200))).unwrap_or_default();
            lines.push(format!("  step {} {}{took}{error}", clean(&step.name), clean(&step.status)));
        }
        // A moment in line is no news.
        let reason = run.reason.clone().filter(|reason| reason != "Promoting");
        if reason.is_some() && reason != self.reason {
            let detail = run.reason_detail.as_deref().map(|it| format!(": {}", clean(it))).unwrap_or_default();
            lines.push(format!("  waits: {}{detail}", clean(reason.as_deref().unwrap_or_default())));
            if reason.as_deref() == Some("WaitingForApproval") {
                lines.push(format!("  who may decide, and how: slipway workflow get {}", clean(&run.id)));
            }
        }
        self.reason = reason;
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::Step;

    #[test]
    fn each_change_is_told_once() {
        let step = |status: &str| Step { name: "create".into(), status: status.into(), ..Step::default() };
        let mut run = Run { reason: Some("Promoting".into()), steps: vec![step("pending")], ..Run::default() };
        let mut said = Said::default();
        assert!(said.news(&run).is_empty());
        run.reason = Some("QueueFull".into());
        assert_eq!(said.news(&run), ["  waits: QueueFull"]);
        assert!(said.news(&run).is_empty());
        (run.reason, run.steps) = (None, vec![Step { duration_s: Some(2.0), ..step("completed") }]);
        assert_eq!(said.news(&run), ["  step create completed in 2.0s"]);
    }
}
