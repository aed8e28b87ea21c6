//! `slipway explain`: why something waits, and what would end that.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::{Globals, resource};
use crate::{
    client::segment,
    failure::Failure,
    output::{Printer, age, clean, seconds},
    views,
};

/// Says why a run or a resource waits, what blocks it, and how long that may take
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  slipway explain shop/db
  slipway explain 0198c7a2-70d9-7494-8221-6f4cc9e19904 -o json
What the codes mean: docs/guides/reasons.md")]
pub(crate) struct Arguments {
    /// The id of a run or a resource, or APP/RESOURCE
    #[arg(value_name = "RUN|RESOURCE")]
    what: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Explanation {
    run: Option<String>,
    status: String,
    code: Option<String>,
    what: String,
    blocked_by: Vec<Blocker>,
    since: Option<DateTime<Utc>>,
    unblocked_by: Option<String>,
    position: Option<i64>,
    estimate: Option<Estimate>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Blocker {
    kind: String,
    name: String,
    id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Estimate {
    seconds: f64,
    basis: String,
}

/// Carries it out.
///
/// # Errors
/// When the server cannot be reached or says no, or there is neither a run nor a resource of that id.
pub(crate) async fn run(globals: &Globals, arguments: Arguments) -> anyhow::Result<()> {
    let client = globals.client()?;
    let given = &arguments.what;
    let of_resource = |id: String| format!("/api/resources/{}/explain", segment(&id));
    let told = if resource::is_id(given) {
        match client.get(&format!("/api/workflows/{}/explain", segment(given)), &[]).await {
            Err(error) if is_missing(&error) => match client.get(&of_resource(given.clone()), &[]).await {
                Err(error) if is_missing(&error) => anyhow::bail!("there is no run and no resource '{}'", clean(given)),
                told => told?,
            },
            told => told?,
        }
    } else {
        client.get(&of_resource(resource::id_of(&client, given).await?), &[]).await?
    };
    globals.printer().print(&told, shown)
}

fn is_missing(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Failure::Problem(problem)) if problem.status == 404)
}

fn shown(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let it: Explanation = views::read(value)?;
    let mut text = String::new();
    let mut line = |name: &str, what: String| text.push_str(&format!("{name:<14}{what}\n"));
    if let Some(run) = &it.run {
        line("run", clean(run));
    }
    line("status", printer.state(&it.status));
    match &it.code {
        Some(code) => line("waits", format!("{}: {}", clean(code), clean(&it.what))),
        None => line("waits", format!("no: {}", clean(&it.what))),
    }
    if it.since.is_some() {
        line("since", format!("{} ago", age(it.since)));
    }
    for (at, blocker) in it.blocked_by.iter().enumerate() {
        let id = blocker.id.as_ref().filter(|id| **id != blocker.name && blocker.kind != "step");
        let id = id.map(|id| format!(" ({})", clean(id))).unwrap_or_default();
        line(if at == 0 { "blocked by" } else { "" }, format!("{} {}{id}", clean(&blocker.kind), clean(&blocker.name)));
    }
    if let Some(what) = &it.unblocked_by {
        line("ended by", clean(what));
    }
    match it.position {
        Some(10_001..) => line("place", "beyond 10000 in line".into()),
        Some(place) => line("place", format!("{place} in line")),
        None => {}
    }
    match &it.estimate {
        Some(estimate) => line("estimate", format!("{}: {}", seconds(estimate.seconds), clean(&estimate.basis))),
        None if it.code.is_some() => line("estimate", "none: nothing to go by".into()),
        None => {}
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::output::Format;

    const PRINTER: Printer = Printer { format: Format::Table, colour: false, terminal: false };

    #[test]
    fn a_wait_is_shown_with_what_blocks_it_and_what_would_end_it() {
        let told = json!({
            "run": "0198c7a2-70d9-7494-8221-6f4cc9e19904", "status": "pending", "code": "ConcurrencyGroup",
            "what": "one run of the group 'prod' goes at a time", "unblocked_by": "the end of a run that has a turn", "position": 3,
            "blocked_by": [{"kind": "run", "id": "0198c7a2-1111-7494-8221-6f4cc9e19904", "name": "0198c7a2-1111-7494-8221-6f4cc9e19904"},
                           {"kind": "resource", "id": "0198", "name": "db"}, {"kind": "run", "id": null, "name": "a run of another team"}],
            "estimate": {"seconds": 62.0, "basis": "1 go at once, and it is number 3 in line"},
        });
        assert_eq!(
            shown(PRINTER, &told).unwrap(),
            "run           0198c7a2-70d9-7494-8221-6f4cc9e19904
status        pending
waits         ConcurrencyGroup: one run of the group 'prod' goes at a time
blocked by    run 0198c7a2-1111-7494-8221-6f4cc9e19904
              resource db (0198)
              run a run of another team
ended by      the end of a run that has a turn
place         3 in line
estimate      62s: 1 go at once, and it is number 3 in line
"
        );
    }

    #[test]
    fn what_does_not_wait_says_so() {
        let told = json!({"run": "r", "status": "running", "code": null, "what": "a worker drives it"});
        assert_eq!(
            shown(PRINTER, &told).unwrap(),
            "run           r\nstatus        running\nwaits         no: a worker drives it\n"
        );
    }
}
