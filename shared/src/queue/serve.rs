//! The worker loop.

use std::sync::Arc;

use apalis::layers::WorkerBuilderExt as _;
use apalis_core::{
    monitor::{Monitor, MonitorError},
    worker::{builder::WorkerBuilder, event::Event, ext::parallelize::ParallelizeLayer},
};
use tokio_util::sync::CancellationToken;

use super::backend::{Delivery, TicketBackend};

/// Hands every ticket of `backend` to `handler`, on a task of its own, at most as many at once as the backend has
/// slots; a slot is taken until the handler returns. A handler that panics frees its slot and its unacknowledged ticket
/// is delivered again later. Errors of Redis end nothing.
///
/// Once `stop` is cancelled no ticket is taken any more, what was read and not begun is given back, and the call
/// returns when the running handlers have ended: bounding that is up to them.
///
/// # Errors
/// When the worker loop itself ends without being stopped.
pub async fn serve<F, Fut>(
    backend: TicketBackend,
    name: impl Into<String>,
    handler: F,
    stop: CancellationToken,
) -> Result<(), MonitorError>
where
    F: Fn(Delivery) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let name = name.into();
    let handler = Arc::new(handler);
    // The backend hears of the end on its own, so that it stops reading even while apalis waits for handlers.
    let backend = backend.stopped_by(stop.clone());
    let monitor = Monitor::new().should_restart(|_, error| {
        tracing::error!(%error, "the worker loop broke and is started again");
        true
    });
    let monitor = monitor.on_event(|_, event| {
        if let Event::Error(error) = event {
            metrics::counter!("slipway_queue_handler_panics_total").increment(1);
            tracing::error!(%error, "a handler broke; its ticket is delivered again if it was not acknowledged");
        }
    });
    let monitor = monitor.register(move |_| {
        let handler = Arc::clone(&handler);
        WorkerBuilder::new(name.clone())
            .backend(backend.clone())
            .concurrency(backend.slots())
            .layer(ParallelizeLayer::new(tokio::spawn))
            .catch_panic()
            .build(move |mut delivery: Delivery| {
                let handler = Arc::clone(&handler);
                async move {
                    // Held past the acknowledgement: a slot is free when the handler has returned, not before.
                    let _slot = delivery.take_slot();
                    handler(delivery).await;
                }
            })
    });
    monitor
        .run_with_signal(async move {
            stop.cancelled().await;
            Ok(())
        })
        .await
}
