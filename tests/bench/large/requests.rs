//! What people and their pages ask.

mod settings;
mod work;

use anyhow::Context as _;
use tests::{client::Client, large::Filled};

/// What an answer takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What an index, or a maintained figure, has.
    Indexed,
    /// A whole log is read.
    Whole,
}

/// One question, asked of several things in turn.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) paths: Vec<String>,
}

/// All of them.
pub(super) async fn all(client: &Client, filled: &Filled) -> anyhow::Result<Vec<Question>> {
    let mut all = lists(filled);
    all.extend(deep(client).await?);
    all.extend(views(client, filled).await?);
    all.extend(logs(filled));
    all.extend(work::all(client, filled).await?);
    all.extend(settings::all(client, filled).await?);
    Ok(all)
}

fn indexed(name: &str, paths: impl IntoIterator<Item = String>) -> Question {
    Question { name: name.to_owned(), kind: Kind::Indexed, paths: paths.into_iter().collect() }
}

fn one(name: &str, path: &str) -> Question {
    indexed(name, [path.to_owned()])
}

/// The same with other teams, which are named from 0 on.
fn of_teams(name: &str, before: &str, after: &str) -> Question {
    indexed(name, (0..5).map(|team| format!("{before}team-{team:03}{after}")))
}

/// The page that comes so many pages of five hundred after the first, or the last one there is; none where all is on the first.
async fn behind(client: &Client, name: &str, path: &str, pages: usize) -> anyhow::Result<Option<Question>> {
    let sign = if path.contains('?') { '&' } else { '?' };
    let mut cursor: Option<String> = None;
    for _ in 0..pages {
        let next = cursor.as_ref().map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
        let page = client.get(&format!("{path}{sign}limit=500{next}")).await?;
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = Some(next.to_owned());
    }
    Ok(cursor.map(|cursor| one(&format!("{name}, far behind"), &format!("{path}{sign}cursor={cursor}"))))
}

/// The first page of a list, and one of five hundred.
fn both(name: &str, path: &str) -> [Question; 2] {
    let sign = if path.contains('?') { '&' } else { '?' };
    [one(name, path), one(&format!("{name}, 500 of them"), &format!("{path}{sign}limit=500"))]
}

fn lists(Filled { application, .. }: &Filled) -> Vec<Question> {
    let runs = "/api/workflows?";
    vec![
        one("runs", "/api/workflows"),
        one("runs, 500 of them", "/api/workflows?limit=500"),
        one("runs, failed", "/api/workflows?status=failed"),
        one("runs, waiting", "/api/workflows?status=pending,suspended"),
        one("runs, cancelled, by a person", "/api/workflows?status=cancelled&requested_by=ada"),
        of_teams("runs of a team", &format!("{runs}team="), ""),
        of_teams("runs of a team, failed", &format!("{runs}team="), "&status=failed"),
        of_teams("runs of a team, waiting", &format!("{runs}team="), "&status=pending"),
        of_teams("runs of a team, cancelled", &format!("{runs}team="), "&status=cancelled"),
        of_teams(
            "runs of a team, of a workflow, failed",
            &format!("{runs}team="),
            "&status=failed&workflow=update-redis",
        ),
        of_teams("runs of a team, timed out", &format!("{runs}team="), "&error_code=TimedOut"),
        one("runs of an application", &format!("{runs}application={application}")),
        one("runs of an application, failed", &format!("{runs}application={application}&status=failed")),
        one("runs of a workflow", &format!("{runs}workflow=update-postgres")),
        one("runs of a workflow, failed", &format!("{runs}workflow=onboard-team&status=failed")),
        one("runs of a queue, failed", &format!("{runs}queue=seed-gpu&status=failed")),
        one("runs, by a text", &format!("{runs}prefix={application}")),
        one("runs, by a text of many", &format!("{runs}prefix=s")),
        one("runs, by a text of none", &format!("{runs}prefix=no-such-thing")),
        one("runs, by the begin of an id", &format!("{runs}prefix=019")),
        one("runs, golden paths", &format!("{runs}kind=golden_path")),
        one("runs, none of which is there", &format!("{runs}status=failed&team=nobody")),
        one("applications", "/api/specs"),
        one("applications, 500 of them", "/api/specs?limit=500"),
        of_teams("applications of a team", "/api/specs?team=", ""),
        one("applications by label", "/api/specs?labels=env%3Dprod"),
        one("resources", "/api/resources"),
        one("resources, 500 of them", "/api/resources?limit=500"),
        one("resources, failed", "/api/resources?state=failed"),
        one("resources, terminated", "/api/resources?state=terminated"),
        one("resources of a type", "/api/resources?type=redis"),
        one("resources of a type, degraded", "/api/resources?type=redis&state=degraded"),
        one("resources of a provider", "/api/resources?provider=seed-redis"),
        one("resources of a provider, failed", "/api/resources?provider=seed-redis&state=failed"),
        one("resources by the begin of their names", "/api/resources?name=redis-"),
        one("resources by the begin of a name of none", "/api/resources?name=no-such-thing"),
        one("resources of an application", &format!("/api/resources?application={application}")),
        one("resources by label", "/api/resources?labels=env%3Dstaging"),
        one("audit", "/api/audit"),
        one("audit, 500 of it", "/api/audit?limit=500"),
        of_teams("audit of a team", "/api/audit?team=", ""),
        one("audit of an action, refused", "/api/audit?action=run.cancel&outcome=refused"),
        one("audit of a person that there is not", "/api/audit?actor=0198c1a2-7d3e-7000-8000-000000000001"),
        one("audit of an object", &format!("/api/audit?object=application/{application}")),
    ]
}

/// Pages far behind the first, as a cursor leads to them.
async fn deep(client: &Client) -> anyhow::Result<Vec<Question>> {
    let mut all = Vec::new();
    for (name, filter) in [("runs, far behind", ""), ("runs, failed, far behind", "&status=failed")] {
        let before = (chrono::Utc::now() - chrono::TimeDelta::days(20)).format("%FT%TZ");
        let page = client.get(&format!("/api/workflows?until={before}{filter}")).await?;
        let cursor = page["next_cursor"].as_str().context("no page follows")?;
        all.push(one(name, &format!("/api/workflows?cursor={cursor}{filter}")));
    }
    Ok(all)
}

async fn views(client: &Client, filled: &Filled) -> anyhow::Result<Vec<Question>> {
    let Filled { longest, resource, application, .. } = filled;
    let page = client.get("/api/workflows?status=failed&limit=50").await?;
    let runs: Vec<&str> = page["items"].as_array().into_iter().flatten().filter_map(|run| run["id"].as_str()).collect();
    anyhow::ensure!(!runs.is_empty(), "no run has failed");
    let waiting = client.get("/api/workflows?status=pending&limit=20").await?;
    let waiting = waiting["items"].as_array().into_iter().flatten().filter_map(|run| run["id"].as_str());
    let week = (chrono::Utc::now() - chrono::TimeDelta::days(7)).format("%FT%TZ");
    Ok(vec![
        one("overview", "/api/overview"),
        one("a queue", "/api/queues/seed-eu"),
        one("history of an hour", "/api/metrics/history"),
        one("history of a week", &format!("/api/metrics/history?from={week}")),
        indexed("a run", runs.iter().map(|run| format!("/api/workflows/{run}"))),
        indexed("graph of a run", runs.iter().map(|run| format!("/api/workflows/{run}/graph"))),
        indexed("why a run waits", waiting.map(|run| format!("/api/workflows/{run}/explain"))),
        one("the run with the long log", &format!("/api/workflows/{longest}")),
        one("a resource", &format!("/api/resources/{resource}")),
        one("an application", &format!("/api/specs/{application}")),
        one("graph of an application", &format!("/api/graph/{application}")),
    ])
}

fn logs(Filled { longest, lines, .. }: &Filled) -> Vec<Question> {
    let log = format!("/api/workflows/{longest}/logs");
    let page = |name: &str, from: i64| one(name, &format!("{log}/lines?from={from}"));
    let whole = |name: &str, query: &str| Question {
        name: format!("in a log of {lines} lines, {name}"),
        kind: Kind::Whole,
        paths: vec![format!("{log}/search?{query}")],
    };
    vec![
        page("log, its begin", 1),
        page("log, its middle", lines / 2),
        page("log, its end", lines - 900),
        one("log, what is before its end", &format!("{log}/lines?before={}", lines - 100_000)),
        one("log, a step's middle", &format!("{log}/lines?step=two&from={}", lines / 2)),
        one("log, first matches of a search", &format!("{log}/search?q=checksum&count=false")),
        whole("one word searched and counted", "q=milestone"),
    ]
}
