//! Spans on their way to the collector: a bounded queue that nobody waits for, and one task that empties it.

use std::{collections::HashMap, fmt, future::Future, pin::Pin, time::Duration};

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanExporter as _, SpanProcessor},
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    config::Traces,
    outgoing::{Client, Policy, Url},
};

/// Spans sent at once.
const BATCH: usize = 512;
/// How long the first span of a batch waits for others.
const GATHER: Duration = Duration::from_secs(1);
/// Bytes of the collector's answer that are read.
const MAX_ANSWER: usize = 64 * 1024;

/// Traces cannot be sent as configured.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct TraceError(pub(super) String);

enum Told {
    Span(Box<SpanData>),
    Flush(oneshot::Sender<()>),
}

/// Takes spans that have ended.
pub(super) struct Queue(mpsc::Sender<Told>);

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Queue").field(&self.0.capacity()).finish()
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &opentelemetry::Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() && self.0.try_send(Told::Span(Box::new(span))).is_err() {
            dropped(1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

fn dropped(spans: usize) {
    metrics::counter!("slipway_trace_spans_dropped_total").increment(spans as u64);
}

/// The task's other end.
#[derive(Clone)]
pub(super) struct Pump {
    send: mpsc::WeakSender<Told>,
    limit: Duration,
}

impl fmt::Debug for Pump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pump").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl Pump {
    pub(super) async fn flush(&self) {
        let Some(send) = self.send.upgrade() else { return };
        let (done, over) = oneshot::channel();
        let asked = async {
            if send.send(Told::Flush(done)).await.is_ok() {
                let _ = over.await;
            }
        };
        if tokio::time::timeout(self.limit, asked).await.is_err() {
            tracing::warn!("the last spans were not taken by the collector in time");
        }
    }
}

/// Starts the task. It ends when the queue is dropped, and sends what is left first.
pub(super) fn start(config: &Traces, endpoint: &str, resource: &Resource) -> Result<(Queue, Pump), TraceError> {
    let limit = Duration::from_secs(config.timeout_s.max(1).into());
    let mut exporter = exporter(config, endpoint, limit)?;
    exporter.set_resource(resource);
    let room = usize::try_from(config.queue.max(1)).unwrap_or(usize::MAX).min(1 << 20);
    let (send, receive) = mpsc::channel(room);
    let pump = Pump { send: send.downgrade(), limit: limit + GATHER };
    tokio::spawn(drain(receive, exporter, limit));
    Ok((Queue(send), pump))
}

async fn drain(mut receive: mpsc::Receiver<Told>, exporter: SpanExporter, limit: Duration) {
    let mut failing = false;
    while let Some(first) = receive.recv().await {
        let (mut batch, mut flushed) = (Vec::new(), Vec::new());
        let mut take = |told, batch: &mut Vec<SpanData>| match told {
            Told::Span(span) => batch.push(*span),
            Told::Flush(done) => flushed.push(done),
        };
        take(first, &mut batch);
        let until = tokio::time::Instant::now() + GATHER;
        while batch.len() < BATCH {
            // Who waits for a flush waits for nobody's next span.
            match receive.try_recv() {
                Ok(told) => take(told, &mut batch),
                Err(_) if batch.is_empty() => break,
                Err(_) => match tokio::time::timeout_at(until, receive.recv()).await {
                    Ok(Some(told @ Told::Span(_))) => take(told, &mut batch),
                    Ok(Some(told @ Told::Flush(_))) => {
                        take(told, &mut batch);
                        break;
                    }
                    Ok(None) | Err(_) => break,
                },
            }
        }
        let count = batch.len();
        if count > 0 {
            let sent = tokio::time::timeout(limit, exporter.export(batch)).await;
            let error = match sent {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some(format!("no answer within {} s", limit.as_secs())),
            };
            if let Some(error) = &error {
                dropped(count);
                if !failing {
                    tracing::warn!(%error, "the collector does not take spans; they are dropped until it does");
                }
            } else if failing {
                tracing::info!("the collector takes spans again");
            }
            failing = error.is_some();
        }
        for done in flushed {
            // Nobody may wait any more.
            let _ = done.send(());
        }
    }
}

fn exporter(config: &Traces, endpoint: &str, limit: Duration) -> Result<SpanExporter, TraceError> {
    let wrong = |why: String| TraceError(format!("traces.endpoint: {why}"));
    let url: Url = endpoint.parse().map_err(|error| wrong(format!("'{endpoint}' cannot be read: {error}")))?;
    let target = format!("{}/v1/traces", url.as_str().trim_end_matches('/'));
    let mut headers = HashMap::new();
    for (name, source) in &config.headers {
        let value = source.read().map_err(|why| TraceError(format!("traces.headers.{name}: {why}")))?;
        headers.insert(name.clone(), value);
    }
    // The operator names it: wherever it is may be spoken to.
    let anywhere = ["0.0.0.0/0", "::/0"].into_iter().filter_map(|net| net.parse().ok()).collect::<Vec<_>>();
    let policy = Policy::public_and(&anywhere, true, "traces.endpoint");
    policy.check_url(&url).map_err(wrong)?;
    let client = Client::new(policy, config.ca_file.as_deref(), limit, MAX_ANSWER)
        .map_err(|error| TraceError(format!("traces.ca_file: {error}")))?;
    SpanExporter::builder()
        .with_http()
        .with_http_client(Http(client))
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(target)
        .with_timeout(limit)
        .with_headers(headers)
        .build()
        .map_err(|error| wrong(error.to_string()))
}

/// HTTP as everywhere else.
#[derive(Debug)]
struct Http(Client);

impl HttpClient for Http {
    fn send_bytes<'life0, 'async_trait>(
        &'life0 self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let url: Url = head.uri.to_string().parse()?;
            let answer = self.0.send(head.method, &url, head.headers, body).await?;
            let mut response = Response::new(answer.body);
            *response.status_mut() = answer.status;
            *response.headers_mut() = answer.headers;
            Ok(response)
        })
    }
}
