//! What `top` asks the server.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::super::{list::query, workflow};
use crate::{
    client::{Body, Client},
    output::{Format, Printer, clean},
    views::{self, Queue, Run, Worker},
};

/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Runs looked at: those that run, and the newest.
const RUNS: usize = 100;
/// Queues, and workers, looked at.
const MANY: usize = 200;

/// The state of things at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Look {
    pub(super) at: DateTime<Utc>,
    pub(super) queues: Vec<Queue>,
    /// Those that run first, then the newest.
    pub(super) runs: Vec<Run>,
    pub(super) workers: Vec<Worker>,
}

/// What the screen is told.
#[derive(Clone, Debug)]
pub(super) enum News {
    /// A new look.
    Look(Box<Look>),
    /// More about a run.
    Details {
        /// Its id.
        run: String,
        /// In words.
        text: String,
    },
    /// What became of a wish.
    Said(String),
    /// The server does not answer, or says no.
    Trouble(String),
}

/// Asks one server.
#[derive(Clone)]
pub(super) struct Feed {
    client: Client,
    app: Option<String>,
}

impl Feed {
    pub(super) fn new(client: Client, app: Option<String>) -> Self {
        Self { client, app }
    }

    /// What to call the server.
    pub(super) fn server(&self) -> String {
        clean(self.client.server())
    }

    async fn ask(&self) -> anyhow::Result<(Value, Value, Value)> {
        let runs = async {
            let filter = |status: Option<&str>| {
                query([("application", self.app.clone()), ("status", status.map(str::to_owned))])
            };
            let (running, newest) = (filter(Some("running")), filter(None));
            let (running, newest) = tokio::try_join!(
                self.client.list("/api/workflows", &running, RUNS),
                self.client.list("/api/workflows", &newest, RUNS)
            )?;
            let mut runs = running.items;
            let known: Vec<Value> = runs.iter().map(|run| run["id"].clone()).collect();
            runs.extend(newest.items.into_iter().filter(|run| !known.contains(&run["id"])));
            Ok::<_, anyhow::Error>(json!({ "items": runs }))
        };
        let list = |path| async move { Ok(self.client.list(path, &[], MANY).await?.to_value()) };
        let all = async { tokio::try_join!(list("/api/queues"), runs, list("/api/workers")) };
        match tokio::time::timeout(PATIENCE, all).await {
            Ok(answered) => answered,
            Err(_) => anyhow::bail!("{} did not answer within {} s", self.server(), PATIENCE.as_secs()),
        }
    }

    /// One look, as the server sent it.
    pub(super) async fn raw(&self) -> anyhow::Result<Value> {
        let (queues, runs, workers) = self.ask().await?;
        Ok(super::as_json(queues, runs, workers))
    }

    /// One look.
    pub(super) async fn look(&self) -> anyhow::Result<Look> {
        let (queues, runs, workers) = self.ask().await?;
        let (queues, runs, workers) = (views::items(&queues)?, views::items(&runs)?, views::items(&workers)?);
        Ok(Look { at: Utc::now(), queues, runs, workers })
    }

    /// A run in words.
    pub(super) async fn details(&self, run: &str) -> anyhow::Result<String> {
        let value = self.client.get(&workflow::path_of(run), &[]).await?;
        workflow::detail(Printer { format: Format::Table, colour: false, terminal: true }, &value)
    }

    /// Asks for a run to stop; says what became of that.
    pub(super) async fn cancel(&self, run: &str) -> anyhow::Result<String> {
        let path = format!("{}/cancel", workflow::path_of(run));
        let (_, answer) = self.client.post(&path, &[], Some(Body::Json(json!({})))).await?;
        let status = clean(answer["status"].as_str().unwrap_or("cancelled"));
        Ok(format!("run {run} is {}", if status == "cancelling" { "being cancelled" } else { &status }))
    }
}
