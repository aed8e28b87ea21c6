//! Logs, metrics and traces, set up the same way in every binary.

pub mod catalogue;
mod exposition;

use std::{io::IsTerminal as _, time::Duration};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _};

pub use self::{
    catalogue::{Kind, METRICS, Metric, Program, metric_named},
    exposition::Exposition,
};
use crate::config::{Log, LogFormat};

/// How often observations are added up when nobody scrapes: until then each takes memory.
const UPKEEP: Duration = Duration::from_secs(5);

/// Starts logging to standard error. `RUST_LOG` wins over the configured filter. Later calls change nothing.
pub fn init(log: &Log) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(&log.filter));
    let registry = tracing_subscriber::registry().with(filter);
    let layer =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    // A second call finds a subscriber in place: the first one stays, as `slipway dev` wants it.
    let _ = match log.format {
        LogFormat::Json => registry.with(layer.json()).try_init(),
        LogFormat::Text => registry.with(layer).try_init(),
    };
}

/// The process's metrics in the Prometheus text format. The recorder is installed at the first call.
pub fn metrics() -> &'static PrometheusHandle {
    static HANDLE: std::sync::OnceLock<PrometheusHandle> = std::sync::OnceLock::new();
    HANDLE.get_or_init(|| {
        let recorder = with_buckets(PrometheusBuilder::new()).build_recorder();
        let handle = recorder.handle();
        // Fails only when another recorder was installed by the embedding program, whose metrics then win.
        let _ = metrics::set_global_recorder(recorder);
        for metric in METRICS {
            match metric.kind {
                Kind::Counter => metrics::describe_counter!(metric.name, metric.help),
                Kind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
                Kind::Histogram(_) => metrics::describe_histogram!(metric.name, metric.help),
            }
        }
        let kept_up = handle.clone();
        let upkeep = move || {
            loop {
                std::thread::sleep(UPKEEP);
                kept_up.run_upkeep();
            }
        };
        if let Err(error) = std::thread::Builder::new().name("metrics-upkeep".into()).spawn(upkeep) {
            tracing::warn!(%error, "metrics take memory until they are scraped");
        }
        handle
    })
}

/// Installs the recorder and says which program this is. Its counters that have no labels begin at 0, so that their first
/// increase is seen as one.
pub fn announce(program: Program) {
    let _ = metrics();
    metrics::gauge!("slipway_build_info", "program" => program.as_str(), "version" => env!("CARGO_PKG_VERSION"))
        .set(1.0);
    for metric in METRICS.iter().filter(|metric| metric.of.contains(&program) && metric.labels.is_empty()) {
        if metric.kind == Kind::Counter {
            metrics::counter!(metric.name).increment(0);
        }
    }
}

fn with_buckets(builder: PrometheusBuilder) -> PrometheusBuilder {
    METRICS.iter().fold(builder, |builder, metric| match metric.kind {
        Kind::Histogram(bounds) => {
            // Refused only without any bound.
            builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), bounds).unwrap_or_default()
        }
        Kind::Counter | Kind::Gauge => builder,
    })
}
