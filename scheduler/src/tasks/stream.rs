//! Stream: the audit log is sent to where it is kept as well, each entry at least once and in the order of the chain.

mod syslog;

use std::{future::Future, time::Duration};

use anyhow::{Context as _, bail};
use chrono::Utc;
use shared::{
    config::AuditWebhook,
    outgoing::{Client, HeaderMap, Method, Policy, Secret, header, signature},
    store::audit::{self, Recorded, chain, stream},
};

use super::Scheduler;

/// Entries sent at once.
const BATCH: i64 = 200;
/// How long a batch may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// For how long a process takes a stream: longer than a batch may take.
const LEASE_S: u32 = 60;
/// The longest time between two tries.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// Runs until it is dropped.
pub(crate) async fn run(scheduler: &Scheduler) {
    let config = &scheduler.config.audit;
    let webhook = async {
        if let Some(webhook) = &config.webhook {
            forward(scheduler, "webhook", |entries| post(webhook, entries)).await;
        }
    };
    let syslog = async {
        if let Some(syslog) = &config.syslog {
            let host = &scheduler.config.instance.0;
            forward(scheduler, "syslog", |entries| syslog::send(syslog, host, entries)).await;
        }
    };
    tokio::join!(webhook, syslog);
    std::future::pending::<()>().await;
}

async fn forward<F>(scheduler: &Scheduler, name: &'static str, send: impl Fn(Vec<Recorded>) -> F)
where
    F: Future<Output = anyhow::Result<()>>,
{
    let period = Duration::from_millis(scheduler.config.scheduler.period_ms);
    let (mut reached, mut pause) = (0, period);
    loop {
        match batch(scheduler, name, &mut reached, &send).await {
            Ok(true) => {
                pause = period;
                continue;
            }
            Ok(false) => pause = period,
            Err(error) => {
                metrics::counter!("slipway_audit_stream_errors_total", "stream" => name).increment(1);
                tracing::warn!(
                    stream = name,
                    error = format!("{error:#}"),
                    "the audit log is not taken; it is sent again"
                );
                pause = (pause * 2).min(MAX_PAUSE);
            }
        }
        tokio::time::sleep(pause).await;
    }
}

/// Sends the next entries. False when there are none, or another process is at it.
async fn batch<F>(
    scheduler: &Scheduler,
    name: &str,
    reached: &mut i64,
    send: &impl Fn(Vec<Recorded>) -> F,
) -> anyhow::Result<bool>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let pool = scheduler.store.pool();
    if chain::head(pool).await?.seq <= *reached {
        return Ok(false);
    }
    let mut tx = scheduler.store.begin().await?;
    let claimed = stream::claim(&mut tx, name, LEASE_S).await?;
    tx.commit().await.map_err(shared::store::StoreError::from)?;
    let Some(after) = claimed else { return Ok(false) };
    let entries = audit::after(pool, after, BATCH).await?;
    let last = entries.last().and_then(|entry| entry.seq).unwrap_or(after);
    let sent = if entries.is_empty() {
        Ok(())
    } else {
        tokio::time::timeout(TIMEOUT, send(entries))
            .await
            .unwrap_or_else(|_| bail!("not within {} s", TIMEOUT.as_secs()))
    };
    match sent {
        Ok(()) => {
            stream::sent(pool, name, last).await?;
            *reached = last;
            Ok(last > after)
        }
        Err(error) => {
            stream::failed(pool, name, &format!("{error:#}")).await?;
            Err(error)
        }
    }
}

/// Posts entries as JSON lines.
async fn post(config: &AuditWebhook, entries: Vec<Recorded>) -> anyhow::Result<()> {
    let url = config.url.parse().context("audit.webhook.url")?;
    let secret = config.secret.read().map_err(anyhow::Error::msg).context("audit.webhook.secret")?;
    let secret: Secret = secret.parse().context("audit.webhook.secret")?;
    let client =
        Client::new(Policy::any(), config.ca_file.as_deref(), TIMEOUT, 1024).context("audit.webhook.ca_file")?;
    let numbers: Vec<i64> = entries.iter().filter_map(|entry| entry.seq).collect();
    let id = format!("audit-{}-{}", numbers.first().unwrap_or(&0), numbers.last().unwrap_or(&0));
    let mut body = Vec::new();
    for entry in &entries {
        serde_json::to_writer(&mut body, entry)?;
        body.push(b'\n');
    }
    let timestamp = Utc::now().timestamp();
    let signed = signature(&[&secret], &id, timestamp, &body);
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("content-type", "application/x-ndjson"),
        ("webhook-id", &id),
        ("webhook-timestamp", &timestamp.to_string()),
        ("webhook-signature", &signed),
    ] {
        headers.insert(header::HeaderName::from_static(name), value.parse()?);
    }
    let answer = client.send(Method::POST, &url, headers, body.into()).await?;
    anyhow::ensure!(answer.status.is_success(), "it answered {}", answer.status);
    Ok(())
}
