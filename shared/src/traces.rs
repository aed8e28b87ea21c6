//! Traces: what took how long, from a request over the scheduler and the worker to the container of each step.
//!
//! The only code that names OpenTelemetry. Off unless `traces.endpoint` names a collector; then a span costs an allocation, and
//! whoever ends one never waits: a full queue drops it, and counts it.

mod context;
mod export;

use std::{sync::Arc, time::SystemTime};

use chrono::{DateTime, Utc};
use opentelemetry::{
    Context, KeyValue,
    trace::{Span as _, SpanBuilder, SpanKind, Status, TraceContextExt as _, Tracer as _, TracerProvider as _},
};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracer, SdkTracerProvider, Span as Recorded},
};

pub use self::context::{TraceParent, current, scope};
pub use self::export::TraceError;
use crate::{config, telemetry::Program};

/// Makes spans, or does nothing. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Traces(Option<Arc<Tracing>>);

#[derive(Debug)]
struct Tracing {
    tracer: SdkTracer,
    // Ends with the last clone.
    _provider: SdkTracerProvider,
    pump: export::Pump,
}

/// What a span is in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It serves what came from elsewhere: a request, a run.
    Serves,
    /// It is a part of something in the same program.
    Part,
}

impl Traces {
    /// As configured, for this program of this installation. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// When the endpoint, a header or a certificate cannot be used.
    pub fn start(config: &config::Traces, program: Program, instance: &str) -> Result<Self, TraceError> {
        let Some(endpoint) = &config.endpoint else { return Ok(Self::default()) };
        if !(0.0..=1.0).contains(&config.sample) {
            return Err(TraceError(format!("traces.sample: {} is not from 0 to 1", config.sample)));
        }
        let resource = Resource::builder_empty()
            .with_service_name(format!("slipway-{}", program.as_str()))
            .with_attributes([
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
                KeyValue::new("service.namespace", instance.to_owned()),
            ])
            .build();
        let (queue, pump) = export::start(config, endpoint, &resource)?;
        let provider = SdkTracerProvider::builder()
            .with_span_processor(queue)
            .with_resource(resource)
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(config.sample))))
            .build();
        let tracer = provider.tracer("slipway");
        Ok(Self(Some(Arc::new(Tracing { tracer, _provider: provider, pump }))))
    }

    /// Whether anything is traced.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Begins a span now.
    #[must_use]
    pub fn begin(&self, name: impl Into<String>, role: Role, parent: Option<TraceParent>) -> Span {
        self.begin_at(name, role, parent, None)
    }

    /// A span of something that began earlier and is over now.
    pub fn past(
        &self,
        name: impl Into<String>,
        parent: Option<TraceParent>,
        since: DateTime<Utc>,
        attributes: &[(&'static str, String)],
    ) {
        if self.is_on() {
            let mut span = self.begin_at(name, Role::Part, parent, Some(since.into()));
            attributes.iter().for_each(|(key, value)| span.set(key, value.clone()));
        }
    }

    fn begin_at(
        &self,
        name: impl Into<String>,
        role: Role,
        parent: Option<TraceParent>,
        since: Option<SystemTime>,
    ) -> Span {
        let Some(tracing) = &self.0 else { return Span(None) };
        let kind = match role {
            Role::Serves => SpanKind::Server,
            Role::Part => SpanKind::Internal,
        };
        let mut builder = SpanBuilder::from_name(name.into()).with_kind(kind);
        builder.start_time = since;
        let above = match parent {
            Some(parent) => Context::new().with_remote_span_context(parent.into()),
            None => Context::new(),
        };
        Span(Some(Box::new(tracing.tracer.build_with_context(builder, &above))))
    }

    /// Waits until what has ended is sent, for as long as one batch may take.
    pub async fn flush(&self) {
        if let Some(tracing) = &self.0 {
            tracing.pump.flush().await;
        }
    }
}

/// Something that takes time; over when it is dropped.
#[derive(Debug, Default)]
pub struct Span(Option<Box<Recorded>>);

impl Span {
    /// Says something about it, by a name of the semantic conventions.
    pub fn set(&mut self, key: &'static str, value: impl Into<opentelemetry::Value>) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new(key, value));
        }
    }

    /// Says that it failed, and why.
    pub fn fail(&mut self, kind: &str, why: impl Into<String>) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new("error.type", kind.to_owned()));
            span.set_status(Status::error(why.into()));
        }
    }

    /// What its parts, here and elsewhere, are told of it; none when nothing is traced.
    #[must_use]
    pub fn parent(&self) -> Option<TraceParent> {
        self.0.as_ref().and_then(|span| TraceParent::of(span.span_context()))
    }
}
