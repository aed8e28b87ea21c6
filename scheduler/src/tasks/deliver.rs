//! Deliver: events become deliveries, and deliveries are sent until they are taken or given up.
//!
//! Apart from the other tasks, so that a receiver which takes its time delays none of them. What is under way when the
//! process stops is tried again by whoever is there when its lease is over: receivers tell doubles by `webhook-id`.

mod attempt;

use std::time::Duration;

use shared::{
    domain::{
        audit::{Actor, Entry, Origin},
        event as events,
    },
    outgoing::{Client, Policy},
    secrets::Seals,
    store::{
        StoreError, audit,
        event::{self, NewEvent},
        webhook::{self, spread},
        webhook_delivery as delivery,
    },
};
use tokio::{task::JoinSet, time::Instant};

use super::{BATCH, Scheduler};

/// Bytes of an answer that are kept.
const KEPT_BODY: usize = 4 * 1024;
/// What a lease is longer than a try may take.
const MARGIN: Duration = Duration::from_secs(5);
/// Between two looks for deliveries that are old enough to be forgotten.
const PRUNE: Duration = Duration::from_secs(600);
/// Between two tries when Postgres does not answer.
const PAUSE: Duration = Duration::from_secs(2);

/// Runs until it is dropped.
pub(crate) async fn run(scheduler: &Scheduler) {
    let config = &scheduler.config.webhooks;
    let policy = Policy::public_and(&config.allow, config.plain_http, "webhooks.allow");
    let timeout = Duration::from_secs(config.timeout_s.max(1).into());
    let client = match Client::new(policy, config.ca_file.as_deref(), timeout, KEPT_BODY) {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, "webhooks are not delivered: webhooks.ca_file");
            return std::future::pending().await;
        }
    };
    let seals = match Seals::of(&scheduler.config.secrets) {
        Ok(seals) => seals,
        Err(error) => {
            tracing::error!(%error, "webhooks are not delivered");
            return std::future::pending().await;
        }
    };
    let sender = attempt::Attempt { client, seals, store: scheduler.store.clone(), config: config.clone() };
    let period = Duration::from_millis(scheduler.config.scheduler.period_ms);
    let (mut under_way, mut prune_at) = (JoinSet::new(), Instant::now());
    let mut healed = false;
    loop {
        while under_way.try_join_next().is_some() {}
        let worked = pass(scheduler, &sender, &mut under_way, &mut prune_at, &mut healed).await;
        let pause = match worked {
            Ok(true) => continue,
            Ok(false) => period,
            Err(error) => {
                metrics::counter!("slipway_scheduler_task_errors_total", "task" => "deliver").increment(1);
                tracing::warn!(error = format!("{error:#}"), "webhooks wait; a later pass goes on");
                PAUSE
            }
        };
        // A delivery that is over makes room for the next.
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            Some(_) = under_way.join_next() => {}
        }
    }
}

async fn pass(
    scheduler: &Scheduler,
    sender: &attempt::Attempt,
    under_way: &mut JoinSet<()>,
    prune_at: &mut Instant,
    healed: &mut bool,
) -> anyhow::Result<bool> {
    let (config, pool) = (&scheduler.config.webhooks, scheduler.store.pool());
    let mut tx = scheduler.store.begin().await?;
    if !*healed {
        spread::heal(&mut tx).await?;
    }
    let source = config.source.clone().unwrap_or_else(|| scheduler.config.instance.0.clone());
    let (events, flooded) = spread::spread(&mut tx, &source, config.give_up_after_s, BATCH).await?;
    for endpoint in flooded {
        let reason = format!("failing: more than {} deliveries waited", spread::MAX_WAITING);
        disable(&mut tx, endpoint, &reason).await?;
    }
    tx.commit().await.map_err(StoreError::from)?;
    *healed = true;

    let room = usize::try_from(config.concurrency.max(1))?.saturating_sub(under_way.len());
    let mut claimed = Vec::new();
    if room > 0 {
        let lease = Duration::from_secs(config.timeout_s.into()) + MARGIN;
        claimed = delivery::claim(pool, i64::try_from(room)?, config.endpoint_concurrency.max(1), lease).await?;
    }
    let worked = events > 0 || !claimed.is_empty();
    for claimed in claimed {
        let attempt = sender.clone();
        under_way.spawn(async move { attempt.carry_out(claimed).await });
    }
    if *prune_at <= Instant::now() {
        let removed = delivery::prune(pool, config.keep_days, BATCH).await?;
        *prune_at = Instant::now() + if removed < BATCH as u64 { PRUNE } else { Duration::ZERO };
    }
    Ok(worked)
}

/// Disables an endpoint, and says so in the stream of events and in the audit log.
async fn disable(conn: &mut shared::store::Connection, id: uuid::Uuid, reason: &str) -> Result<(), StoreError> {
    if !webhook::disable(conn, id, reason).await? {
        return Ok(());
    }
    let endpoint = webhook::find(&mut *conn, id).await?;
    let (url, team) = endpoint.map(|it| (it.url, it.team)).unwrap_or_default();
    let data = serde_json::json!({"webhook": id, "url": url, "reason": reason});
    let told = NewEvent { kind: events::WEBHOOK_DISABLED.into(), data: data.clone(), ..NewEvent::default() };
    event::append(&mut *conn, &[told]).await?;
    let entry = Entry::done(Actor::system("webhooks"), Origin::default(), "webhook.disable", format!("webhook/{id}"));
    audit::record(conn, &entry.team(team).after(data)).await?;
    tracing::warn!(webhook = %id, url, reason, "the endpoint is disabled");
    Ok(())
}
