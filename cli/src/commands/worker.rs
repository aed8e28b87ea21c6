//! `slipway worker`.

use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::{Value, json};
use shared::{
    config::Config,
    domain::{
        ids::WorkerId,
        posture::{ImagePolicy, Limits, Posture},
    },
    telemetry,
};

use super::{
    Globals,
    list::{Many, query},
};
use crate::{
    client::{Body, Client},
    output::{Printer, age, clean, or_dash},
    views::{self, Worker},
};

#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lists workers: what they serve, what they run, when they were heard of last
    #[command(visible_alias = "ls")]
    List {
        /// Stopped ones too
        #[arg(long)]
        stopped: bool,
        /// What isolation their engines give, in more columns
        #[arg(long)]
        wide: bool,
        #[command(flatten)]
        many: Many,
    },
    /// Shows one worker: what it serves, what isolation its engine gives, and where that is weak
    #[command(
        visible_alias = "show",
        after_help = "Examples:\n  slipway worker get builder-1\n  slipway worker get 0198c1a2-7d3e-7000-8000-000000000001 -o json"
    )]
    Get {
        /// Its id, or its name: then the newest of that name
        worker: String,
    },
    /// Has a worker take no new runs until it is uncordoned; what it has goes on
    #[command(after_help = "Example:\n  slipway worker cordon builder-1 --reason 'its disk is replaced tonight'")]
    Cordon(Which),
    /// Has a cordoned worker take runs again
    #[command(after_help = "Example:\n  slipway worker uncordon builder-1")]
    Uncordon {
        /// Its id, or its name: then the newest of that name
        worker: String,
    },
    /// Has a worker end: what it has may finish for a while (worker.drain_s), the rest goes back to the queue
    #[command(after_help = "Example:\n  slipway worker drain builder-1 --reason 'a new version'")]
    Drain(Which),
    /// Is a worker, until SIGTERM or Ctrl-C; what it has may finish for a while then, and is handed back at a second one
    #[command(
        after_help = "Examples:\n  slipway worker run --config worker.yaml\n  SLIPWAY_CONFIG=worker.yaml slipway worker run --queue gpu --slots 1 --label zone=a"
    )]
    Run(Here),
}

/// A worker in this process.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Here {
    /// Its configuration; SLIPWAY_CONFIG names one too
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Its name, in place of worker.name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// A queue that it serves, in place of worker.queues; may be given several times
    #[arg(long = "queue", value_name = "QUEUE")]
    queues: Vec<String>,
    /// Runs that it drives at once, in place of worker.slots
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    slots: Option<u32>,
    /// A label, beside those of worker.labels; may be given several times
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
}

fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("a label is KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Which worker, and why.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Which {
    /// Its id, or its name: then the newest of that name
    worker: String,
    /// Why, for whoever wonders
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Carries it out.
///
/// # Errors
/// When the server cannot be reached or says no.
pub(crate) async fn run(globals: &Globals, command: Command) -> anyhow::Result<()> {
    let printer = globals.printer();
    match command {
        Command::List { stopped, wide, many } => {
            let filters = query([("stopped", stopped.then(|| "true".to_owned()))]);
            many.show(globals, "/api/workers", &filters, if wide { wide_table } else { table }).await
        }
        Command::Get { worker } => {
            let client = globals.client()?;
            let path = path(&client, &worker).await?;
            printer.print(&client.get(&path, &[]).await?, one)
        }
        Command::Cordon(which) => {
            printer.print(&ask(&globals.client()?, &which.worker, "cordon", which.reason).await?, one)
        }
        Command::Uncordon { worker } => printer.print(&ask(&globals.client()?, &worker, "uncordon", None).await?, one),
        Command::Run(here) => serve(here).await,
        Command::Drain(which) => {
            printer.print(&ask(&globals.client()?, &which.worker, "drain", which.reason).await?, one)
        }
    }
}

/// Is a worker until it is asked to end.
async fn serve(here: Here) -> anyhow::Result<()> {
    let mut config = Config::load(here.config.as_deref())?;
    let worker = &mut config.worker;
    worker.name = here.name.unwrap_or_else(|| worker.name.clone());
    worker.slots = here.slots.unwrap_or(worker.slots);
    worker.labels.extend(here.labels);
    if !here.queues.is_empty() {
        worker.queues = here.queues;
    }
    telemetry::init(&config.log);
    worker::serve_until_told(config).await
}

/// The path of the worker of this id, or the newest of this name.
async fn path(client: &Client, worker: &str) -> anyhow::Result<String> {
    if worker.parse::<WorkerId>().is_ok() {
        return Ok(format!("/api/workers/{worker}"));
    }
    let all = client.list("/api/workers", &query([("stopped", Some("true".to_owned()))]), 5000).await?;
    let all: Vec<Worker> = views::items(&all.to_value())?;
    let found = all.into_iter().find(|one| one.name == worker);
    let found =
        found.with_context(|| format!("there is no worker named {worker}: see `slipway worker list --stopped`"))?;
    Ok(format!("/api/workers/{}", found.id))
}

async fn ask(client: &Client, worker: &str, verb: &str, reason: Option<String>) -> anyhow::Result<Value> {
    let body = reason.map(|reason| Body::Json(json!({ "reason": reason })));
    Ok(client.post(&format!("{}/{verb}", path(client, worker).await?), &[], body).await?.1)
}

fn standing(worker: &Worker) -> String {
    // What is asked of it counts at once for who gets runs, though it may not have heard of that yet.
    let state = match worker.asked.as_str() {
        "cordon" if worker.state == "active" => "cordoned",
        "drain" if worker.state == "active" => "draining",
        _ => &worker.state,
    };
    if worker.live || worker.state == "stopped" { state.to_owned() } else { format!("gone ({state})") }
}

fn table(printer: Printer, value: &Value) -> anyhow::Result<String> {
    rows(printer, value, false)
}

fn wide_table(printer: Printer, value: &Value) -> anyhow::Result<String> {
    rows(printer, value, true)
}

fn rows(printer: Printer, value: &Value, wide: bool) -> anyhow::Result<String> {
    let workers: Vec<Worker> = views::items(value)?;
    if workers.is_empty() {
        return Ok("no workers: nothing runs until one starts\n".into());
    }
    let rows = workers.into_iter().map(|it| {
        let mut row = vec![
            it.name.clone(),
            it.host.clone(),
            standing(&it),
            it.queues.join(","),
            format!("{}/{}", it.running, it.slots),
            it.refused_writes.to_string(),
            age(it.heartbeat_at),
            age(it.started_at),
            it.version.clone(),
        ];
        if wide {
            let posture = &it.posture;
            row.extend([
                engine(posture),
                or_dash(&posture.runtime),
                confined_by(posture),
                posture.cgroup_version.as_ref().map_or_else(|| "-".to_owned(), |version| format!("v{version}")),
                posture.weaknesses.len().to_string(),
            ]);
        }
        row.push(it.id);
        row
    });
    let mut headers = vec!["NAME", "HOST", "STATE", "QUEUES", "RUNNING", "REFUSED", "HEARD", "AGE", "VERSION"];
    if wide {
        headers.extend(["ENGINE", "RUNTIME", "CONFINED BY", "CGROUPS", "WEAK"]);
    }
    headers.push("ID");
    Ok(printer.table(&headers, rows.collect()))
}

fn one(_: Printer, value: &Value) -> anyhow::Result<String> {
    let worker: Worker = views::read(value)?;
    let posture = &worker.posture;
    let mut shown = String::new();
    let mut line = |name: &str, text: String| shown.push_str(&format!("{name:<14}{text}\n"));
    line("worker", format!("{} ({})", worker.name, worker.id));
    line("host", worker.host.clone());
    line("state", format!("{}, heard of {} ago", standing(&worker), age(worker.heartbeat_at)));
    if let (Some(by), false) = (&worker.asked_by, worker.asked == "serve") {
        let why = worker.asked_why.as_ref().map(|why| format!(": {}", clean(why))).unwrap_or_default();
        line("asked", format!("to {} by {}{why}", worker.asked, clean(by)));
    }
    line("queues", worker.queues.join(", "));
    if !worker.labels.is_empty() {
        let labels = worker.labels.iter().map(|(key, value)| format!("{}={}", clean(key), clean(value)));
        line("labels", labels.collect::<Vec<_>>().join(", "));
    }
    line("running", format!("{} of {}", worker.running, worker.slots));
    line("engine", engine(posture));
    line(
        "host system",
        [&posture.system, &posture.kernel].into_iter().flatten().cloned().collect::<Vec<_>>().join(", kernel "),
    );
    line("runtime", or_dash(&posture.runtime));
    line("confined by", confined_by(posture));
    let Limits { memory, swap, cpu, pids, disk } = posture.limits;
    let limits = [("memory", memory), ("swap", swap), ("processor", cpu), ("processes", pids), ("disk", disk)];
    let of = |wanted: bool| {
        let names: Vec<&str> = limits.iter().filter(|(_, held)| *held == wanted).map(|(name, _)| *name).collect();
        if names.is_empty() { "-".to_owned() } else { names.join(", ") }
    };
    line("limits", of(true));
    line("no limits", of(false));
    if let Some(ImagePolicy { allowed, manifests, digests, pinned, pull }) = &posture.images {
        let mut rules = allowed.clone();
        rules.extend(manifests.then(|| "what manifests name".to_owned()));
        line("images", rules.join(", "));
        let digests = if *digests { "by digest only" } else { "by tag or digest" };
        let pinned = if *pinned { "kept by runs" } else { "not kept by runs" };
        line("", format!("{digests}; {pinned}; pulled: {pull}"));
    }
    line("archive", or_dash(&posture.archive));
    for (at, weakness) in posture.weaknesses.iter().enumerate() {
        line(if at == 0 { "weaknesses" } else { "" }, weakness.clone());
    }
    Ok(shown)
}

fn engine(posture: &Posture) -> String {
    match &posture.version {
        Some(version) => format!("{} {version}", posture.engine),
        None if posture.engine.is_empty() => "-".to_owned(),
        None => posture.engine.clone(),
    }
}

fn confined_by(posture: &Posture) -> String {
    let parts = [
        ("seccomp", posture.seccomp),
        ("AppArmor", posture.apparmor),
        ("SELinux", posture.selinux),
        ("user namespaces", posture.user_namespaces),
        ("rootless", posture.rootless),
    ];
    let there: Vec<&str> = parts.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
    if there.is_empty() { "-".to_owned() } else { there.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Format;

    fn worker() -> Value {
        json!({
            "id": "0198c1a2-7d3e-7000-8000-000000000001", "name": "builder-1", "host": "alpha", "version": "1.0.0",
            "queues": ["default", "gpu"], "slots": 4, "running": 1, "state": "active", "live": true,
            "posture": {
                "engine": "docker", "version": "20.10.24", "system": "Debian", "kernel": "6.1", "seccomp": true, "runtime": "runc",
                "cgroup_version": "2", "limits": {"memory": true, "pids": true, "cpu": true},
                "images": {"allowed": ["slipway/*"], "manifests": true, "digests": false, "pinned": true, "pull": "missing"},
                "weaknesses": ["swap is not limited", "neither AppArmor nor SELinux confines containers"],
            },
        })
    }

    #[test]
    fn a_worker_is_shown_with_what_isolates_its_steps() {
        let printer = Printer { format: Format::Table, colour: false, terminal: false };
        insta::assert_snapshot!(one(printer, &worker()).unwrap());
        insta::assert_snapshot!(wide_table(printer, &json!({"items": [worker()]})).unwrap());
    }

    #[test]
    fn a_worker_that_is_cordoned_says_by_whom_and_why() {
        let printer = Printer { format: Format::Table, colour: false, terminal: false };
        let mut worker = worker();
        worker["asked"] = json!("cordon");
        worker["asked_by"] = json!("ada");
        worker["asked_why"] = json!("its disk is replaced");
        let shown = one(printer, &worker).unwrap();
        assert!(shown.contains("state         cordoned, heard of"), "{shown}");
        assert!(shown.contains("asked         to cordon by ada: its disk is replaced\n"), "{shown}");
    }

    #[test]
    fn a_worker_that_says_nothing_of_its_engine_is_shown_all_the_same() {
        let printer = Printer { format: Format::Table, colour: false, terminal: false };
        let shown = one(printer, &json!({"id": "1", "name": "old"})).unwrap();
        assert!(shown.contains("engine        -"), "{shown}");
    }
}
