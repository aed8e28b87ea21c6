//! Waiting until an application is as it should be.

use std::time::Duration;

use serde_json::Value;

use super::{progress::Progress, workflow};
use crate::{
    client::{Client, is_passing, segment},
    failure::{Failure, INTERRUPTED, TIMED_OUT},
    output::{self, clean, short},
    views::{self, Application, Resource, Run},
};

use super::logs;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(400);
/// How long a server that went away is waited for.
const AWAY: Duration = Duration::from_secs(60);
/// Log lines shown of a step that failed.
const LAST_LINES: u32 = 20;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// Every resource is active.
    Active,
    /// Every resource is gone, and so is the application.
    Deleted,
}

/// Flags of commands that can wait.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Patience {
    /// How long to wait, as 90s, 10m, 1h; then the exit code is 124, and the work goes on
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = duration)]
    timeout: Duration,
}

/// One resource and the run that works on it.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    /// The resource.
    pub(crate) resource: Resource,
    /// Its current run.
    pub(crate) run: Option<Run>,
}

impl Look {
    /// Whether nothing more will happen by itself.
    fn is_settled(&self) -> bool {
        match self.resource.state.as_str() {
            "active" | "failed" | "degraded" | "terminated" if !self.is_moving() => true,
            // It goes on when somebody mends what it needs.
            _ => self.resource.waiting_reason.as_deref() == Some("DependencyFailed"),
        }
    }

    /// Whether it is to be compared with what is asked for, or changed, or removed, whatever its state.
    fn is_moving(&self) -> bool {
        self.resource.reconciling || self.resource.absent && self.resource.state == "active"
    }
}

impl Look {
    /// Whether a deletion has come to its end here: gone, or failed since it was asked for (an older failure is no
    /// answer to it).
    fn is_stuck(&self, application: &Application) -> bool {
        match self.resource.state.as_str() {
            "terminated" => true,
            "failed" => {
                self.resource.current_run_id.is_none() && self.resource.state_since >= application.delete_requested_at
            }
            _ => false,
        }
    }
}

/// Waits, showing how it goes, and returns the application as it was seen last.
///
/// # Errors
/// When it did not come to what was hoped for (after saying why and what to do), when it takes too long, on Ctrl-C,
/// and when the server says no or stays away.
pub(crate) async fn until(
    client: &Client,
    name: &str,
    goal: Goal,
    patience: &Patience,
    mut progress: Progress,
) -> anyhow::Result<Value> {
    let watch = watch(client, name, goal, &mut progress);
    let on = |what: &str| {
        format!(
            "{what}; the work goes on without this command. To see how it stands: slipway status {} --watch",
            clean(name)
        )
    };
    let outcome = tokio::select! {
        outcome = tokio::time::timeout(patience.timeout, watch) => outcome,
        _ = tokio::signal::ctrl_c() => {
            progress.close();
            output::complain!("{}", on("interrupted"));
            return Err(Failure::Said(INTERRUPTED).into());
        }
    };
    progress.close();
    let Ok(outcome) = outcome else {
        output::complain!("error: {}", on(&format!("not done after {} s", patience.timeout.as_secs())));
        return Err(Failure::Said(TIMED_OUT).into());
    };
    let (value, looks) = outcome?;
    let bad: Vec<&Look> = looks
        .iter()
        .filter(|look| look.is_moving() || !matches!(look.resource.state.as_str(), "active" | "terminated"))
        .collect();
    if bad.is_empty() {
        return Ok(value);
    }
    for look in bad {
        explain(client, look).await;
    }
    Err(Failure::Said(1).into())
}

async fn watch(client: &Client, name: &str, goal: Goal, progress: &mut Progress) -> anyhow::Result<(Value, Vec<Look>)> {
    let mut away_since: Option<tokio::time::Instant> = None;
    loop {
        match look(client, name, goal).await {
            Ok((value, application, looks)) => {
                away_since = None;
                progress.show(&looks);
                let done = match goal {
                    Goal::Active => looks.iter().all(Look::is_settled),
                    Goal::Deleted => {
                        application.status == "deleted"
                            || (!looks.is_empty() && looks.iter().all(|it| it.is_stuck(&application)))
                    }
                };
                if done {
                    return Ok((value, looks));
                }
            }
            Err(error) if is_passing(&error) && away_since.is_none_or(|since| since.elapsed() < AWAY) => {
                if away_since.is_none() {
                    progress.note(&format!("the server is away; trying again ({})", short(&error.to_string(), 120)));
                    away_since = Some(tokio::time::Instant::now());
                }
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn look(client: &Client, name: &str, goal: Goal) -> anyhow::Result<(Value, Application, Vec<Look>)> {
    let value = client.get(&format!("/api/specs/{}", segment(name)), &[]).await?;
    let mut application: Application = views::read(&value)?;
    let mut looks = Vec::with_capacity(application.items.len());
    for resource in std::mem::take(&mut application.items) {
        let run = match &resource.current_run_id {
            Some(id) if !matches!(resource.state.as_str(), "active" | "failed") || goal == Goal::Deleted => {
                Some(views::read(&client.get(&workflow::path_of(id), &[]).await?)?)
            }
            _ => None,
        };
        looks.push(Look { resource, run });
    }
    looks.sort_by(|a, b| a.resource.name.cmp(&b.resource.name));
    Ok((value, application, looks))
}

/// Says why a resource is not as it should be, and what to do. What cannot be found out is left out.
async fn explain(client: &Client, look: &Look) {
    let resource = &look.resource;
    let name = clean(&resource.name);
    if resource.state != "failed" {
        let detail = look.run.as_ref().and_then(|run| run.reason_detail.clone()).map(|detail| format!(" ({detail})"));
        let reason =
            resource.waiting_reason.as_deref().unwrap_or(&resource.state).to_owned() + &detail.unwrap_or_default();
        output::complain!("error: {name} waits: {}", clean(&reason));
        return;
    }
    let message = resource.error_message.as_deref().or(resource.error_code.as_deref()).unwrap_or("no reason is known");
    output::complain!("error: {name} failed: {}", clean(message));
    let Some(id) = &resource.failed_run_id else {
        output::complain!("  try again: slipway resource retry {}", clean(&resource.id));
        return;
    };
    let run = client.get(&workflow::path_of(id), &[]).await.and_then(|value| views::read::<Run>(&value));
    if let Ok(run) = run {
        let step = run.telling_step();
        if let Some(step) = step {
            let code = step.exit_code.map(|code| format!(", exit code {code}")).unwrap_or_default();
            output::complain!(
                "  step {} of {} ({}{code}): {}",
                clean(&step.name),
                clean(&run.workflow),
                if step.attempts.len() == 1 { "1 try".into() } else { format!("{} tries", step.attempts.len()) },
                clean(step.error_message.as_deref().unwrap_or_default())
            );
        }
        let lines =
            logs::last_lines(client, id, step.map(|step| step.name.as_str()), LAST_LINES).await.unwrap_or_default();
        if !lines.is_empty() {
            output::complain!("  its last lines:");
            lines.iter().for_each(|line| output::complain!("    {line}"));
        }
    }
    output::complain!(
        "  the whole log: slipway logs {}\n  try again:     slipway workflow retry {} --follow",
        clean(id),
        clean(id)
    );
}

/// `90`, `90s`, `10m`, `1h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let (number, factor) = match text.char_indices().last() {
        Some((end, 's')) => (&text[..end], 1),
        Some((end, 'm')) => (&text[..end], 60),
        Some((end, 'h')) => (&text[..end], 3600),
        _ => (text, 1),
    };
    let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    seconds
        .filter(|&seconds| (1..=30 * 86_400).contains(&seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| "not a time such as 90s, 10m or 1h".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_and_without_a_unit() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("10m"), Ok(Duration::from_secs(600)));
        assert!(
            duration("0").is_err()
                && duration("1d").is_err()
                && duration("99999999999999999999h").is_err()
                && duration("").is_err()
        );
    }

    #[test]
    fn a_resource_behind_a_failed_one_is_not_waited_for() {
        let mut look = Look { resource: Resource { state: "provisioning".into(), ..Resource::default() }, run: None };
        assert!(!look.is_settled());
        look.resource.waiting_reason = Some("DependencyFailed".into());
        assert!(look.is_settled());
    }
}
