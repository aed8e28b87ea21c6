//! Notify: what happened is told to the people and teams that asked for it, by mail, chat or webhook.
//!
//! Apart from the other tasks, so that a receiver which takes its time delays none of them. What is under way when the
//! process stops is tried again by whoever is there when its lease is over.

pub(crate) mod mail;
mod send;

use std::time::Duration;

use shared::{
    outgoing::{Client, Policy},
    secrets::Seals,
    store::{
        StoreError,
        notification::{delivery, spread},
    },
};
use tokio::{task::JoinSet, time::Instant};

use super::{BATCH, Scheduler};

/// Bytes of an answer that are kept.
const KEPT_BODY: usize = 500;
/// What a lease is longer than a try may take.
const MARGIN: Duration = Duration::from_secs(10);
/// Between two looks for messages that are old enough to be forgotten.
const PRUNE: Duration = Duration::from_secs(600);
/// Between two tries when Postgres does not answer.
const PAUSE: Duration = Duration::from_secs(2);

/// Runs until it is dropped.
pub(crate) async fn run(scheduler: &Scheduler) {
    let sender = match sender(scheduler) {
        Ok(sender) => sender,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "nobody is notified");
            return std::future::pending().await;
        }
    };
    let period = Duration::from_millis(scheduler.config.scheduler.period_ms);
    let (mut under_way, mut prune_at, mut healed) = (JoinSet::new(), Instant::now(), false);
    loop {
        while under_way.try_join_next().is_some() {}
        let pause = match pass(scheduler, &sender, &mut under_way, &mut prune_at, &mut healed).await {
            Ok(true) => continue,
            Ok(false) => period,
            Err(error) => {
                metrics::counter!("slipway_scheduler_task_errors_total", "task" => "notify").increment(1);
                tracing::warn!(error = format!("{error:#}"), "notifications wait; a later pass goes on");
                PAUSE
            }
        };
        // A message that is over makes room for the next.
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            Some(_) = under_way.join_next() => {}
        }
    }
}

fn sender(scheduler: &Scheduler) -> anyhow::Result<send::Sender> {
    let (webhooks, config) = (&scheduler.config.webhooks, &scheduler.config.notifications);
    let policy = Policy::public_and(&webhooks.allow, webhooks.plain_http, "webhooks.allow");
    let timeout = Duration::from_secs(webhooks.timeout_s.max(1).into());
    Ok(send::Sender {
        client: Client::new(policy, webhooks.ca_file.as_deref(), timeout, KEPT_BODY)?,
        seals: Seals::of(&scheduler.config.secrets)?,
        store: scheduler.store.clone(),
        mail: config.smtp.as_ref().map(mail::Post::new).transpose()?,
        links: shared::domain::notification::Links::to(scheduler.config.api.public_url.as_deref()),
        backoff_s: config.backoff_s,
    })
}

async fn pass(
    scheduler: &Scheduler,
    sender: &send::Sender,
    under_way: &mut JoinSet<()>,
    prune_at: &mut Instant,
    healed: &mut bool,
) -> anyhow::Result<bool> {
    let (config, pool) = (&scheduler.config.notifications, scheduler.store.pool());
    let mut tx = scheduler.store.begin().await?;
    if !*healed {
        spread::heal(&mut tx).await?;
    }
    let events = spread::spread(&mut tx, BATCH).await?;
    tx.commit().await.map_err(StoreError::from)?;
    *healed = true;
    // All that is there is looked at first, so that one message tells of it.
    if i64::try_from(events).is_ok_and(|events| events >= BATCH) {
        return Ok(true);
    }
    let mut tx = scheduler.store.begin().await?;
    let composed = spread::compose(&mut tx, config.give_up_after_s, BATCH).await?;
    tx.commit().await.map_err(StoreError::from)?;

    let room = usize::try_from(config.concurrency.max(1))?.saturating_sub(under_way.len());
    let mut claimed = Vec::new();
    if room > 0 {
        let mail = config.smtp.as_ref().map_or(0, |smtp| smtp.timeout_s);
        let lease = Duration::from_secs(scheduler.config.webhooks.timeout_s.max(mail).into()) + MARGIN;
        claimed = delivery::claim(pool, i64::try_from(room)?, lease).await?;
    }
    let worked = composed > 0 || !claimed.is_empty();
    for claimed in claimed {
        let sender = sender.clone();
        under_way.spawn(async move { sender.carry_out(claimed).await });
    }
    if *prune_at <= Instant::now() {
        let removed = delivery::prune(pool, config.keep_days, BATCH).await?;
        *prune_at = Instant::now() + if removed < BATCH as u64 { PRUNE } else { Duration::ZERO };
    }
    Ok(worked)
}
