//! The Prometheus text format, for figures that are read somewhere else at the moment they are asked for.

use std::fmt::Write as _;

use super::catalogue::Metric;

/// A text in the making.
#[derive(Clone, Debug, Default)]
pub struct Exposition(String);

impl Exposition {
    /// Adds a figure with what it is for each set of labels. Nothing is written for one that has no values.
    pub fn add<'a, L>(&mut self, metric: &Metric, values: impl IntoIterator<Item = (L, f64)>)
    where
        L: AsRef<[&'a str]>,
    {
        let mut values = values.into_iter().peekable();
        if values.peek().is_none() {
            return;
        }
        let (name, kind) = (metric.name, metric.kind.as_str());
        // Writing to a text does not fail.
        let _ = writeln!(self.0, "# HELP {name} {}\n# TYPE {name} {kind}", escaped(metric.help, false));
        for (labels, value) in values {
            let pairs: Vec<String> = metric
                .labels
                .iter()
                .zip(labels.as_ref())
                .map(|(label, text)| format!("{label}=\"{}\"", escaped(text, true)))
                .collect();
            let labels = if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) };
            let _ = writeln!(self.0, "{name}{labels} {value}");
        }
    }

    /// The whole text.
    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }
}

fn escaped(text: &str, quoted: bool) -> String {
    let text = text.replace('\\', "\\\\").replace('\n', "\\n");
    if quoted { text.replace('"', "\\\"") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::catalogue::metric_named;

    #[test]
    fn a_label_cannot_end_its_line() {
        let mut text = Exposition::default();
        text.add(metric_named("slipway_queue_demand").unwrap(), [(["a\"} 1\nb\\"], 2.5)]);
        text.add(metric_named("slipway_approvals_open").unwrap(), [(Vec::new(), 3.0)]);
        text.add(metric_named("slipway_resources").unwrap(), Vec::<([&str; 1], f64)>::new());
        insta::assert_snapshot!(text.into_text(), @r#"
        # HELP slipway_queue_demand Runs that an autoscaler should make room for: ready, queued and running.
        # TYPE slipway_queue_demand gauge
        slipway_queue_demand{queue="a\"} 1\nb\\"} 2.5
        # HELP slipway_approvals_open Questions that wait for a person's decision.
        # TYPE slipway_approvals_open gauge
        slipway_approvals_open 3
        "#);
    }
}
