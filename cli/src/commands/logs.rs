//! `slipway logs`.

use std::{collections::VecDeque, time::Duration};

use anyhow::Context as _;

use super::{Globals, workflow};
use crate::{
    client::{Client, is_passing},
    output::{self, clean, warn},
    views::LogLine,
};

/// Bytes one event may have.
const EVENT_BYTES: usize = 1024 * 1024;
/// Seconds without a sign of life after which a stream counts as dead; the server sends one every 15.
const SILENCE: Duration = Duration::from_secs(45);

/// Shows what a run's steps print
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  slipway logs 0198c7a2-…            what was printed so far\n  slipway logs shop/db --follow      the latest run of a resource, until it is over\n  slipway logs RUN --step apply --timestamps\n  slipway logs RUN --tail 100 -f     the last hundred lines, then what comes"
)]
pub(crate) struct Arguments {
    /// The run's id, or APP/RESOURCE for that resource's latest
    #[arg(value_name = "RUN")]
    run: String,
    /// Goes on until the run is over
    #[arg(short, long)]
    follow: bool,
    /// Only this step's lines
    #[arg(long, value_name = "NAME")]
    step: Option<String>,
    /// Of what was printed so far only the last lines, as many as this
    #[arg(long, value_name = "LINES", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    tail: Option<u32>,
    /// When each line was printed
    #[arg(short, long)]
    timestamps: bool,
}

/// Which part of a log.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Part<'a> {
    /// Only this step's.
    pub(crate) step: Option<&'a str>,
    /// Of what was printed only so many lines, the last ones.
    pub(crate) tail: Option<u32>,
}

impl Part<'_> {
    fn query(&self) -> Vec<(&'static str, String)> {
        let step = self.step.map(|step| ("step", step.to_owned()));
        step.into_iter().chain(self.tail.map(|tail| ("tail", tail.to_string()))).collect()
    }
}

/// Carries it out.
///
/// # Errors
/// When the server cannot be reached or says no.
pub(crate) async fn run(globals: &Globals, arguments: Arguments) -> anyhow::Result<()> {
    let client = globals.client()?;
    let id = workflow::id_of(&client, &arguments.run).await?;
    let part = Part { step: arguments.step.as_deref(), tail: arguments.tail };
    if arguments.follow {
        follow(&client, &id, part, arguments.timestamps).await?;
        return Ok(());
    }
    let mut events = Events::open(&client, &id, part, false).await?;
    while let Some(event) = events.next().await? {
        show(&event, arguments.step.is_none(), arguments.timestamps)?;
    }
    Ok(())
}

/// Prints a run's log until it is over, and returns how it ended. A lost connection is made again where it broke.
///
/// # Errors
/// When the server says no, or stays out of reach for a minute.
pub(crate) async fn follow(
    client: &Client,
    id: &str,
    part: Part<'_>,
    timestamps: bool,
) -> anyhow::Result<Option<String>> {
    let mut last: Option<String> = None;
    let mut failures = 0;
    loop {
        let outcome = async {
            let mut events = Events::open_after(client, id, part, last.as_deref()).await?;
            while let Some(event) = events.next().await? {
                failures = 0;
                if event.id.is_some() {
                    last.clone_from(&event.id);
                }
                if event.name == "end" {
                    let end: serde_json::Value =
                        serde_json::from_str(&event.data).context("reading the end of the log")?;
                    return Ok(Some(end["status"].as_str().unwrap_or_default().to_owned()));
                }
                show(&event, part.step.is_none(), timestamps)?;
            }
            anyhow::Ok(None)
        };
        match outcome.await {
            Ok(Some(status)) => return Ok(Some(status)),
            Ok(None) => {}
            Err(error) if failures >= 60 || !(is_passing(&error) || error.is::<Broken>()) => return Err(error),
            Err(error) if failures == 0 => warn(&format!("{error:#}; trying again")),
            Err(_) => {}
        }
        failures += 1;
        anyhow::ensure!(failures < 60, "the log of {id} broke off, and no connection lasts");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// The last lines of a step.
///
/// # Errors
/// When the server cannot be reached or says no.
pub(crate) async fn last_lines(
    client: &Client,
    id: &str,
    step: Option<&str>,
    count: u32,
) -> anyhow::Result<Vec<String>> {
    let mut events = Events::open(client, id, Part { step, tail: Some(count) }, false).await?;
    let mut lines = Vec::new();
    while let Some(event) = events.next().await? {
        if matches!(event.name.as_str(), "line" | "gap") {
            let line: LogLine = serde_json::from_str(&event.data).context("reading the log")?;
            lines.push(clean(&line.text));
        }
    }
    Ok(lines)
}

fn show(event: &Event, with_step: bool, timestamps: bool) -> anyhow::Result<()> {
    if !matches!(event.name.as_str(), "line" | "gap") {
        return Ok(());
    }
    let line: LogLine = serde_json::from_str(&event.data).context("reading the log")?;
    let at = line
        .at
        .filter(|_| timestamps)
        .map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true) + " ")
        .unwrap_or_default();
    let step = if with_step { format!("{} | ", clean(&line.step)) } else { String::new() };
    let text = clean(&line.text);
    match line.stream.as_str() {
        "gap" => output::print(&format!("{at}{step}--- lines are missing here: {text} ---\n")),
        _ => output::print(&format!("{at}{step}{text}\n")),
    }
    Ok(())
}

/// A stream that ended before its end.
#[derive(Debug, thiserror::Error)]
#[error("the connection broke: {0}")]
struct Broken(String);

/// One server-sent event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Event {
    name: String,
    id: Option<String>,
    data: String,
}

/// The events of a log, as they come.
struct Events {
    response: reqwest::Response,
    parser: Parser,
    ready: VecDeque<Event>,
}

impl Events {
    async fn open(client: &Client, id: &str, part: Part<'_>, follow: bool) -> anyhow::Result<Self> {
        let mut query = part.query();
        query.push(("follow", follow.to_string()));
        Self::start(client, id, &query, None).await
    }

    async fn open_after(client: &Client, id: &str, part: Part<'_>, after: Option<&str>) -> anyhow::Result<Self> {
        Self::start(client, id, &part.query(), after).await
    }

    async fn start(client: &Client, id: &str, query: &[(&str, String)], after: Option<&str>) -> anyhow::Result<Self> {
        let response = client.stream(&format!("{}/logs", workflow::path_of(id)), query, after).await?;
        Ok(Self { response, parser: Parser::default(), ready: VecDeque::new() })
    }

    async fn next(&mut self) -> anyhow::Result<Option<Event>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            let chunk = tokio::time::timeout(SILENCE, self.response.chunk()).await;
            let chunk = chunk.map_err(|_| Broken("nothing came for too long".into()))?;
            match chunk.map_err(|error| Broken(error.to_string()))? {
                Some(bytes) => self.parser.feed(&bytes, &mut self.ready)?,
                None => return Ok(None),
            }
        }
    }
}

/// Splits a stream of bytes into events.
#[derive(Debug, Default)]
struct Parser {
    line: Vec<u8>,
    event: Event,
}

impl Parser {
    fn feed(&mut self, bytes: &[u8], ready: &mut VecDeque<Event>) -> anyhow::Result<()> {
        for &byte in bytes {
            if byte != b'\n' {
                anyhow::ensure!(
                    self.line.len() < EVENT_BYTES,
                    "an event of the log is larger than {EVENT_BYTES} bytes"
                );
                self.line.push(byte);
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches('\r');
            if line.is_empty() {
                let event = std::mem::take(&mut self.event);
                if !event.data.is_empty() {
                    ready.push_back(event);
                }
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => self.event.name = value.to_owned(),
                "id" => self.event.id = Some(value.to_owned()),
                "data" => {
                    anyhow::ensure!(
                        self.event.data.len() + value.len() <= EVENT_BYTES,
                        "an event of the log is larger than {EVENT_BYTES} bytes"
                    );
                    if !self.event.data.is_empty() {
                        self.event.data.push('\n');
                    }
                    self.event.data.push_str(value);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_however_the_bytes_are_cut() {
        let bytes = b": alive\n\nevent: line\nid: 7\ndata: {\"text\":\ndata: \"x\"}\n\nevent: end\r\ndata: {}\r\n\r\n";
        let expected = [
            Event { name: "line".into(), id: Some("7".into()), data: "{\"text\":\n\"x\"}".into() },
            Event { name: "end".into(), id: None, data: "{}".into() },
        ];
        for size in 1..bytes.len() {
            let (mut parser, mut ready) = (Parser::default(), VecDeque::new());
            bytes.chunks(size).for_each(|chunk| parser.feed(chunk, &mut ready).unwrap());
            assert_eq!(ready, expected, "cut every {size} bytes");
        }
    }
}
