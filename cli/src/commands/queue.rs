//! `slipway queue`.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{Globals, list::Many};
use crate::{
    client::{Body, Client, segment},
    failure::{Failure, TIMED_OUT},
    output::{self, Printer, age, clean, or_dash, seconds},
    views::{self, Durations, Queue},
};

/// Between two looks at a queue that is drained.
const LOOK: Duration = Duration::from_millis(500);

#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lists queues: what waits, what runs, how fast it moves, and what holds it up
    #[command(visible_alias = "ls")]
    List {
        #[command(flatten)]
        many: Many,
    },
    /// Shows one queue: who waits in it for what, and how long things take
    #[command(
        visible_alias = "show",
        after_help = "Examples:\n  slipway queue get default\n  slipway queue get gpu -o json"
    )]
    Get(Which),
    /// Pauses a queue: nothing of it begins until it is resumed; what runs goes on
    #[command(after_help = "Example:\n  slipway queue pause default --reason 'the registry is down'")]
    Pause(Why),
    /// Lets a paused queue go on
    #[command(after_help = "Example:\n  slipway queue resume default")]
    Resume(Which),
    /// Pauses a queue and tells when nothing of it runs any more
    #[command(
        after_help = "Examples:\n  slipway queue drain gpu --reason 'new drivers' --wait\n  slipway queue drain gpu --wait --timeout 10m"
    )]
    Drain {
        #[command(flatten)]
        why: Why,
        /// Waits until nothing of it runs any more
        #[arg(long)]
        wait: bool,
        /// How long to wait, as 90s, 10m, 1h; then the exit code is 124
        #[arg(long, value_name = "TIME", default_value = "1h", value_parser = super::wait::duration)]
        timeout: Duration,
    },
    /// Sets what the priorities of a queue's new runs are counted from: -100 to 100
    #[command(after_help = "Example:\n  slipway queue set-priority interactive 50")]
    SetPriority {
        /// The queue
        #[arg(value_name = "QUEUE")]
        name: String,
        /// Higher goes first
        #[arg(allow_hyphen_values = true, value_parser = clap::value_parser!(i16).range(-100..=100))]
        priority: i16,
    },
}

/// Which queue.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Which {
    /// The queue
    #[arg(value_name = "QUEUE")]
    name: String,
}

/// Which queue, and why.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Why {
    /// The queue
    #[arg(value_name = "QUEUE")]
    name: String,
    /// Why, for whoever wonders
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

fn path(name: &str) -> String {
    format!("/api/queues/{}", segment(name))
}

/// Carries it out.
///
/// # Errors
/// When the server cannot be reached or says no, or a wait takes too long.
pub(crate) async fn run(globals: &Globals, command: Command) -> anyhow::Result<()> {
    let printer = globals.printer();
    match command {
        Command::List { many } => many.show(globals, "/api/queues", &[], table).await,
        Command::Get(which) => printer.print(&globals.client()?.get(&path(&which.name), &[]).await?, one),
        Command::Pause(why) => printer.print(&hold(&globals.client()?, &why, "pause").await?, one),
        Command::Resume(which) => {
            let path = format!("{}/resume", path(&which.name));
            printer.print(&globals.client()?.post(&path, &[], None).await?.1, one)
        }
        Command::Drain { why, wait, timeout } => {
            let client = globals.client()?;
            let mut queue = hold(&client, &why, "drain").await?;
            if wait {
                queue = drained(&client, &why.name, queue, timeout).await?;
            }
            printer.print(&queue, one)
        }
        Command::SetPriority { name, priority } => {
            let (_, queue) = globals.client()?.patch(&path(&name), json!({ "priority": priority })).await?;
            printer.print(&queue, one)
        }
    }
}

async fn hold(client: &Client, why: &Why, verb: &str) -> anyhow::Result<Value> {
    let body = why.reason.as_ref().map(|reason| Body::Json(json!({ "reason": reason })));
    Ok(client.post(&format!("{}/{verb}", path(&why.name)), &[], body).await?.1)
}

/// Waits until nothing of the queue runs any more.
async fn drained(client: &Client, name: &str, mut queue: Value, patience: Duration) -> anyhow::Result<Value> {
    let deadline = tokio::time::Instant::now() + patience;
    loop {
        let now: Queue = views::read(&queue)?;
        match now.state.as_str() {
            "drained" => return Ok(queue),
            "draining" => {}
            other => anyhow::bail!("queue {} is {} now: somebody else changed it", clean(name), clean(other)),
        }
        if tokio::time::Instant::now() >= deadline {
            output::warn(&format!("{} run(s) of {} go on", now.in_flight + now.queued, clean(name)));
            return Err(Failure::Said(TIMED_OUT).into());
        }
        tokio::time::sleep(LOOK).await;
        queue = client.get(&path(name), &[]).await.context("looking whether the queue is drained")?;
    }
}

fn table(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let queues: Vec<Queue> = views::items(value)?;
    if queues.is_empty() {
        return Ok("no queues: no worker has ever served one\n".into());
    }
    let rows = queues.into_iter().map(|it| {
        let slots = format!("{}/{}", it.in_flight, it.slots);
        let rates = format!("{:.1}/min", it.finished_per_minute);
        let failed = format!("{:.1}/min", it.failed_per_minute);
        let why = match &it.wait_reason {
            Some(reason) => format!("{reason} for {}", age(it.wait_since)),
            None => or_dash(&None),
        };
        let oldest = it.oldest_age_s.map_or_else(|| "-".into(), seconds);
        let numbers = [it.ready, it.queued, it.blocked].map(|number| number.to_string());
        let [ready, queued, blocked] = numbers;
        vec![it.name, it.state, ready, queued, slots, blocked, oldest, rates, failed, it.workers.to_string(), why]
    });
    let headers = [
        "QUEUE",
        "STATE",
        "READY",
        "QUEUED",
        "RUNNING",
        "BLOCKED",
        "OLDEST",
        "FINISHED",
        "FAILED",
        "WORKERS",
        "WAITS FOR",
    ];
    Ok(printer.table(&headers, rows.collect()))
}

fn one(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let queue: Queue = views::read(value)?;
    let mut shown = String::new();
    let mut line = |name: &str, text: String| shown.push_str(&format!("{name:<14}{text}\n"));
    line("queue", clean(&queue.name));
    let state = printer.state(&queue.state);
    line(
        "state",
        match (&queue.paused_by, &queue.paused_why) {
            (Some(by), why) => {
                let why = why.as_ref().map(|why| format!(": {}", clean(why))).unwrap_or_default();
                format!("{state} for {}, by {}{why}", age(queue.paused_at), clean(by))
            }
            (None, _) => state,
        },
    );
    line("priority", queue.priority.to_string());
    line("ready", format!("{}, and {} queued", queue.ready, queue.queued));
    line("running", format!("{} of {} slots, {} worker(s)", queue.in_flight, queue.slots, queue.workers));
    line("blocked", queue.blocked.to_string());
    line("oldest", queue.oldest_age_s.map_or_else(|| "-".into(), seconds));
    line("finished", format!("{:.1}/min, {:.1}/min failed", queue.finished_per_minute, queue.failed_per_minute));
    line("waits", durations(queue.wait));
    line("runs", durations(queue.run));
    for (at, (reason, runs)) in queue.waiting_by_reason.iter().enumerate() {
        line(if at == 0 { "waiting for" } else { "" }, format!("{runs} {}", clean(reason)));
    }
    if !queue.teams.is_empty() {
        let rows = queue
            .teams
            .iter()
            .map(|it| vec![it.team.clone(), it.waiting.to_string(), it.in_flight.to_string(), in_words(&it.by_reason)]);
        shown.push('\n');
        shown.push_str(&printer.table(&["TEAM", "WAITING", "IN FLIGHT", "FOR"], rows.collect()));
    }
    Ok(shown)
}

fn durations(of: Option<Durations>) -> String {
    let Some(it) = of else { return "none in the last hour".into() };
    format!(
        "p50 {}, p95 {}, p99 {} ({} in the last hour)",
        seconds(it.p50_s),
        seconds(it.p95_s),
        seconds(it.p99_s),
        it.count
    )
}

fn in_words(reasons: &BTreeMap<String, i64>) -> String {
    let words: Vec<String> = reasons.iter().map(|(reason, runs)| format!("{runs} {reason}")).collect();
    if words.is_empty() { "-".into() } else { words.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Format;

    const PRINTER: Printer = Printer { format: Format::Table, colour: false, terminal: false };

    #[test]
    fn a_queue_is_shown_with_who_waits_in_it_for_what() {
        let queue = json!({
            "name": "default", "state": "open", "priority": 10, "ready": 3, "queued": 1, "blocked": 2, "in_flight": 4, "slots": 4,
            "workers": 2, "oldest_age_s": 75.0, "finished_per_minute": 12.4, "failed_per_minute": 0.2,
            "wait": {"count": 60, "p50_s": 0.4, "p95_s": 8.0, "p99_s": 70.0}, "run": null,
            "waiting_by_reason": {"QueueFull": 3, "TeamQuota": 2},
            "teams": [{"team": "shop", "waiting": 3, "in_flight": 4, "by_reason": {"QueueFull": 3}},
                      {"team": "ads", "waiting": 2, "in_flight": 1, "by_reason": {"TeamQuota": 2}}],
        });
        insta::assert_snapshot!(one(PRINTER, &queue).unwrap());
        insta::assert_snapshot!(table(PRINTER, &json!({"items": [queue]})).unwrap());
    }

    #[test]
    fn a_paused_queue_says_who_paused_it_and_why() {
        let queue = json!({"name": "gpu", "state": "draining", "paused_by": "ada", "paused_why": "new drivers",
            "paused_at": chrono::Utc::now()});
        let shown = one(PRINTER, &queue).unwrap();
        assert!(shown.contains("state         draining for 0s, by ada: new drivers\n"), "{shown}");
    }
}
