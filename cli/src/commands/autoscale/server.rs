//! What the server is asked: how much there is to do, who does it, and to hold a worker back.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Notify;

use super::decide::Standing;
use crate::{
    client::{Body, Client, segment},
    failure::Failure,
    views::{self, Worker},
};

/// How long a look may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// Workers that are looked at.
const WORKERS: usize = 5_000;
/// Between two tries to be woken.
const AGAIN: Duration = Duration::from_secs(10);
/// Why a worker is cordoned; by this text it is told from one that a person holds back.
const WHY: &str = "autoscale: not needed any more";
/// A worker that was heard of this much after it was told something has heard of it: the two moments are those at which
/// transactions began, which may commit in another order.
const HEARD_AFTER: TimeDelta = TimeDelta::seconds(2);

/// How much there is to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Demand {
    /// The sum of the others.
    pub(super) demand: u64,
    /// Runs that could start.
    pub(super) waiting: u64,
    /// Runs whose ticket is out.
    pub(super) queued: u64,
    /// Runs that are driven.
    pub(super) running: u64,
}

/// The state of things at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Look {
    pub(super) demand: Demand,
    /// Those that have not stopped, newest first.
    pub(super) workers: Vec<Worker>,
}

/// The server, as far as one queue is concerned.
#[derive(Clone)]
pub(super) struct Server {
    client: Client,
    queue: String,
}

impl Server {
    pub(super) fn new(client: Client, queue: &str) -> Self {
        Self { client, queue: queue.to_owned() }
    }

    /// Looks.
    ///
    /// # Errors
    /// When the server does not answer, or says no.
    pub(super) async fn look(&self) -> anyhow::Result<Look> {
        let path = format!("/api/queues/{}/demand", segment(&self.queue));
        let demand = async {
            match self.client.get(&path, &[]).await {
                Ok(found) => views::read(&found),
                // A queue is known from its first run or worker on; until then nobody wants anything of it.
                Err(error) if is_unknown(&error) => Ok(Demand::default()),
                Err(error) => Err(error),
            }
        };
        let workers = async { views::items(&self.client.list("/api/workers", &[], WORKERS).await?.to_value()) };
        match tokio::time::timeout(PATIENCE, async { tokio::try_join!(demand, workers) }).await {
            Ok(found) => found.map(|(demand, workers)| Look { demand, workers }),
            Err(_) => anyhow::bail!("{} did not answer within {} s", self.client.server(), PATIENCE.as_secs()),
        }
    }

    /// Has a worker take no more runs.
    ///
    /// # Errors
    /// When the server does not answer, or says no.
    pub(super) async fn cordon(&self, worker: &str) -> anyhow::Result<()> {
        self.ask(worker, "cordon", Some(Body::Json(json!({ "reason": WHY })))).await
    }

    /// Has it take runs again.
    ///
    /// # Errors
    /// When the server does not answer, or says no.
    pub(super) async fn uncordon(&self, worker: &str) -> anyhow::Result<()> {
        self.ask(worker, "uncordon", None).await
    }

    async fn ask(&self, worker: &str, verb: &str, body: Option<Body>) -> anyhow::Result<()> {
        let path = format!("/api/workers/{}/{verb}", segment(worker));
        match tokio::time::timeout(PATIENCE, self.client.post(&path, &[], body)).await {
            Ok(answer) => answer.map(drop),
            Err(_) => anyhow::bail!("{} did not answer within {} s", self.client.server(), PATIENCE.as_secs()),
        }
    }

    /// Rings whenever something happens to runs of the queue, for as long as it is not dropped. It is a hint: who waits for it
    /// looks now and then all the same.
    pub(super) async fn wake(self, bell: Arc<Notify>) {
        let query = [("queue", self.queue.clone()), ("kind", "run.*".to_owned())];
        loop {
            if let Ok(mut stream) = self.client.stream("/api/events/stream", &query, None).await {
                while let Ok(Some(_)) = stream.chunk().await {
                    bell.notify_one();
                }
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}

fn is_unknown(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<Failure>(), Some(Failure::Problem(problem)) if problem.status == 404)
}

/// What a worker of ours does, as the server tells it.
pub(super) fn standing(worker: &Worker) -> Standing {
    let running = u64::try_from(worker.running).unwrap_or_default();
    match worker.asked.as_str() {
        "drain" => Standing::Ending,
        _ if worker.state != "active" => Standing::Ending,
        _ if !worker.live => Standing::Held,
        "cordon" if worker.asked_why.as_deref() == Some(WHY) => {
            let heard =
                worker.heartbeat_at.zip(worker.asked_at).is_some_and(|(heard, asked)| heard - asked >= HEARD_AFTER);
            Standing::Retiring { running, heard }
        }
        "cordon" => Standing::Held,
        _ => Standing::Serving { running },
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::*;

    fn worker() -> Worker {
        Worker { state: "active".into(), asked: "serve".into(), live: true, running: 2, ..Worker::default() }
    }

    #[test]
    fn a_worker_that_a_person_holds_back_is_told_from_one_that_is_to_go() {
        let now = Utc::now();
        let asked = |why: &str, heard_s: i64| Worker {
            asked: "cordon".into(),
            asked_why: Some(why.into()),
            asked_at: Some(now),
            heartbeat_at: Some(now + TimeDelta::seconds(heard_s)),
            ..worker()
        };
        assert_eq!(standing(&worker()), Standing::Serving { running: 2 });
        assert_eq!(standing(&asked("its disk is replaced", 5)), Standing::Held);
        assert_eq!(standing(&asked(WHY, 1)), Standing::Retiring { running: 2, heard: false });
        assert_eq!(standing(&asked(WHY, 2)), Standing::Retiring { running: 2, heard: true });
        assert_eq!(standing(&Worker { live: false, ..asked(WHY, 9) }), Standing::Held, "nobody knows what it does");
        assert_eq!(standing(&Worker { asked: "drain".into(), ..worker() }), Standing::Ending);
        assert_eq!(standing(&Worker { state: "draining".into(), ..worker() }), Standing::Ending);
    }
}
