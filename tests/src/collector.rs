//! A collector of spans: takes OTLP over HTTP as protobuf, and reads it.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
};
use prost::Message as _;

use crate::receiver::{Received, Receiver, status};

/// A span, in plain words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// `service.name` of who made it.
    pub service: String,
    /// Its name.
    pub name: String,
    /// The trace, in hexadecimal digits.
    pub trace: String,
    /// Its id.
    pub id: String,
    /// The id of what it is a part of; empty when it begins the trace.
    pub parent: String,
    /// What is said about it, numbers as text.
    pub attributes: BTreeMap<String, String>,
    /// Whether it failed.
    pub failed: bool,
    /// Nanoseconds it took.
    pub nanoseconds: u64,
}

/// A running collector; it ends when it is dropped.
#[derive(Debug)]
pub struct Collector {
    receiver: Receiver,
}

impl Collector {
    /// Listens on a free port of `127.0.0.1`.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> anyhow::Result<Self> {
        Ok(Self { receiver: Receiver::start(|_, _| status(200)).await? })
    }

    /// What `traces.endpoint` names it by.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.receiver.address)
    }

    /// Every request so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.receiver.received()
    }

    /// Every span so far.
    ///
    /// # Panics
    /// When something came that is no OTLP.
    #[must_use]
    pub fn spans(&self) -> Vec<Seen> {
        let mut seen = Vec::new();
        for request in self.requests() {
            let decoded = ExportTraceServiceRequest::decode(request.body.as_slice());
            let decoded = decoded.unwrap_or_else(|error| panic!("no OTLP: {error}"));
            for of_one in decoded.resource_spans {
                let resource = texts(of_one.resource.map(|resource| resource.attributes).unwrap_or_default());
                let service = resource.get("service.name").cloned().unwrap_or_default();
                for span in of_one.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                    seen.push(Seen {
                        service: service.clone(),
                        name: span.name,
                        trace: digits(&span.trace_id),
                        id: digits(&span.span_id),
                        parent: digits(&span.parent_span_id),
                        attributes: texts(span.attributes),
                        failed: span.status.is_some_and(|status| status.code == 2),
                        nanoseconds: span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano),
                    });
                }
            }
        }
        seen
    }
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn texts(pairs: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Option<AnyValue>| match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        Some(Value::BoolValue(yes)) => yes.to_string(),
        other => format!("{other:?}"),
    };
    pairs.into_iter().map(|pair| (pair.key, text(pair.value))).collect()
}
