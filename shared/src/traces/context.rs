//! Which trace something belongs to: the W3C's `traceparent`, from program to program and within one.

use std::{fmt, future::Future, str::FromStr};

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// A place in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    trace: [u8; 16],
    span: [u8; 8],
    sampled: bool,
}

/// A text is no `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a traceparent is 00-, 32 hexadecimal digits, -, 16 of them, - and 2 of them")]
pub struct NoTraceParent;

impl TraceParent {
    pub(super) fn of(context: &SpanContext) -> Option<Self> {
        context.is_valid().then(|| Self {
            trace: context.trace_id().to_bytes(),
            span: context.span_id().to_bytes(),
            sampled: context.is_sampled(),
        })
    }
}

impl From<TraceParent> for SpanContext {
    fn from(parent: TraceParent) -> Self {
        let flags = if parent.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
        let (trace, span) = (TraceId::from_bytes(parent.trace), SpanId::from_bytes(parent.span));
        Self::new(trace, span, flags, true, TraceState::default())
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.sampled);
        write!(f, "00-{}-{}-{flags:02x}", hex::encode(self.trace), hex::encode(self.span))
    }
}

impl FromStr for TraceParent {
    type Err = NoTraceParent;

    fn from_str(text: &str) -> Result<Self, NoTraceParent> {
        let parts: Vec<&str> = text.split('-').collect();
        let [version, trace, span, flags] = parts[..] else { return Err(NoTraceParent) };
        // Later versions may add parts; ours has none. Capital letters are not allowed.
        if version != "00" || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(NoTraceParent);
        }
        let (mut parent, mut bits) = (Self { trace: [0; 16], span: [0; 8], sampled: false }, [0; 1]);
        hex::decode_to_slice(trace, &mut parent.trace).map_err(|_| NoTraceParent)?;
        hex::decode_to_slice(span, &mut parent.span).map_err(|_| NoTraceParent)?;
        hex::decode_to_slice(flags, &mut bits).map_err(|_| NoTraceParent)?;
        parent.sampled = bits[0] & 1 == 1;
        let nothing = parent.trace == [0; 16] || parent.span == [0; 8];
        if nothing { Err(NoTraceParent) } else { Ok(parent) }
    }
}

tokio::task_local! {
    static CURRENT: Option<TraceParent>;
}

/// What is done in `future` belongs there.
pub fn scope<F: Future>(parent: Option<TraceParent>, future: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(parent, future)
}

/// Where the present task belongs; none when nothing is traced.
#[must_use]
pub fn current() -> Option<TraceParent> {
    CURRENT.try_with(|parent| *parent).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let parent: TraceParent = text.parse().unwrap();
        assert_eq!((parent.to_string().as_str(), parent.sampled), (text, true));
        assert_eq!(TraceParent::of(&parent.into()), Some(parent));
        assert!(!text.replace("-01", "-00").parse::<TraceParent>().unwrap().sampled);
    }

    #[test]
    fn what_is_no_place_is_refused() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        for wrong in [
            "".to_owned(),
            text.replace("00-", "ff-"),
            text.to_uppercase(),
            text.replace("b7ad6b7169203331", "0000000000000000"),
            text.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            text.replace("b7ad", "b7a"),
            format!("{text}-x"),
            text.replace('b', "é"),
        ] {
            assert_eq!(wrong.parse::<TraceParent>(), Err(NoTraceParent), "{wrong}");
        }
    }
}
