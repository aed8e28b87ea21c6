//! Every figure that the programs give, with what it means: what is not here is not given.
//!
//! Labels have few values each: nothing that is counted by runs, requests or people is ever one.

/// A program of the installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// The HTTP service.
    Api,
    /// The scheduler.
    Scheduler,
    /// The worker.
    Worker,
}

impl Program {
    /// Its name, as the label `program` has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Scheduler => "scheduler",
            Self::Worker => "worker",
        }
    }
}

/// How a figure behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// It only rises, until the program starts anew.
    Counter,
    /// It is what it is now.
    Gauge,
    /// Observations, counted by these upper bounds.
    Histogram(&'static [f64]),
}

impl Kind {
    /// As the text format names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// One figure.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name; it ends in the unit.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it means.
    pub help: &'static str,
    /// Who gives it.
    pub of: &'static [Program],
}

/// Of what answers at once: requests, passes, the start of a container.
const FAST: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Of what people wait for: from a tenth of a second to a day.
const SLOW: &[f64] = &[
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 14_400.0, 43_200.0,
    86_400.0,
];

const A: &[Program] = &[Program::Api];
const S: &[Program] = &[Program::Scheduler];
const W: &[Program] = &[Program::Worker];
const SW: &[Program] = &[Program::Scheduler, Program::Worker];
const ASW: &[Program] = &[Program::Api, Program::Scheduler, Program::Worker];
/// Read from Postgres, where it is one figure for the installation: several programs give the same.
const SHARED: &[Program] = &[Program::Api, Program::Scheduler];

const fn metric(
    name: &'static str,
    kind: Kind,
    labels: &'static [&'static str],
    of: &'static [Program],
    help: &'static str,
) -> Metric {
    Metric { name, kind, labels, help, of }
}

use Kind::{Counter, Gauge, Histogram};

/// All of them.
#[rustfmt::skip]
pub const METRICS: &[Metric] = &[
    metric("slipway_build_info", Gauge, &["program", "version"], ASW, "Always 1; the version is its label."),

    metric("slipway_queue_demand", Gauge, &["queue"], SHARED, "Runs that an autoscaler should make room for: ready, queued and running."),
    metric("slipway_runs_pending", Gauge, &["queue", "reason"], SHARED, "Runs that wait, by why."),
    metric("slipway_queue_runs", Gauge, &["queue", "state"], SHARED, "Runs that are not over: ready, blocked, queued, running."),
    metric("slipway_queue_oldest_seconds", Gauge, &["queue"], SHARED, "How long the run has waited for a slot that has waited longest; 0 when none waits."),
    metric("slipway_queue_workers", Gauge, &["queue"], SHARED, "Live workers that serve the queue."),
    metric("slipway_queue_slots", Gauge, &["queue"], SHARED, "Slots of those workers."),
    metric("slipway_workers", Gauge, &["state"], SHARED, "Workers: active, draining, or gone without a word."),
    metric("slipway_resources", Gauge, &["state"], SHARED, "Resources that are not terminated, by state."),
    metric("slipway_approvals_open", Gauge, &[], SHARED, "Questions that wait for a person's decision."),

    metric("slipway_http_requests_total", Counter, &["method", "route", "status"], A, "Requests answered, by template of the route and class of the status."),
    metric("slipway_http_request_seconds", Histogram(FAST), &["method", "route"], A, "Time until the answer began."),
    metric("slipway_http_streams", Gauge, &[], A, "Streams that are open."),
    metric("slipway_http_rate_limited_total", Counter, &["limit"], A, "Requests refused because their caller asked too much."),
    metric("slipway_rate_limit_uncounted_total", Counter, &[], A, "Requests let through uncounted because Redis did not answer."),
    metric("slipway_webhooks_refused_total", Counter, &[], A, "Webhooks of Git hosts refused for a wrong signature."),
    metric("slipway_tls_handshake_failures_total", Counter, &[], A, "Connections that ended before TLS was agreed on."),
    metric("slipway_db_connections", Gauge, &["state"], A, "Connections to Postgres: open, and idle among those."),

    metric("slipway_scheduler_task_seconds", Histogram(FAST), &["task"], S, "Time of one pass of a task."),
    metric("slipway_scheduler_task_errors_total", Counter, &["task"], S, "Passes that failed; a later one does their work."),
    metric("slipway_runs_rescued_total", Counter, &[], S, "Runs taken back from workers that had stopped renewing their leases, to be queued again."),
    metric("slipway_runs_lost_total", Counter, &[], S, "Runs ended because they were lost with their workers too often, or were to stop."),
    metric("slipway_webhook_attempts_total", Counter, &["outcome"], S, "Tries to deliver an event to a webhook."),
    metric("slipway_notification_attempts_total", Counter, &["channel", "outcome"], S, "Tries to deliver a notification."),
    metric("slipway_audit_entries_chained_total", Counter, &[], S, "Entries of the audit log chained."),
    metric("slipway_audit_stream_errors_total", Counter, &["stream"], S, "Failures to send the audit log elsewhere."),
    metric("slipway_counts_mended_total", Counter, &[], S, "Maintained counts that a recount found wrong, and put right."),
    metric("slipway_provider_sets_stored_total", Counter, &[], S, "Sets of providers taken."),
    metric("slipway_provider_look_errors_total", Counter, &[], S, "Looks at sources of providers that failed."),

    metric("slipway_slots", Gauge, &["state"], W, "Slots of the worker: busy and free."),
    metric("slipway_run_wait_seconds", Histogram(SLOW), &["queue"], W, "Time from when a run could start until a worker took it."),
    metric("slipway_run_seconds", Histogram(SLOW), &["status"], W, "Time from the first start of a run to its end."),
    metric("slipway_runs_finished_total", Counter, &["status"], W, "Runs that ended with a worker."),
    metric("slipway_steps_finished_total", Counter, &["type", "status"], W, "Tries of steps that ended, lost ones too."),
    metric("slipway_step_seconds", Histogram(SLOW), &["type"], W, "Time of one try of a step."),
    metric("slipway_container_start_seconds", Histogram(FAST), &[], W, "Time from the wish for a container to its command's start: image, volume, files."),
    metric("slipway_lease_losses_total", Counter, &[], W, "Leases lost, or given up because they could not be renewed in time."),
    metric("slipway_stale_writes_refused_total", Counter, &[], W, "Writes that Postgres refused because their worker had lost the lease."),
    metric("slipway_stale_tickets_total", Counter, &[], W, "Tickets for runs that somebody else had, or nobody wanted any more."),
    metric("slipway_live_log_failures_total", Counter, &[], W, "Batches of live lines that Redis did not take; readers get them from Postgres."),

    metric("slipway_queue_tickets_sent_total", Counter, &[], S, "Tickets that Redis took."),
    metric("slipway_queue_tickets_delivered_total", Counter, &["queue"], W, "Tickets read from Redis."),
    metric("slipway_queue_tickets_reclaimed_total", Counter, &[], W, "Tickets read by a worker that never claimed their runs, and taken over."),
    metric("slipway_queue_malformed_total", Counter, &[], W, "Entries in Redis that are no tickets."),
    metric("slipway_queue_handler_panics_total", Counter, &[], W, "Panics while a run was driven."),
    metric("slipway_queue_errors_total", Counter, &["of"], SW, "Failures of Redis, outlived."),

    metric("slipway_tls_certificate_expiry_timestamp_seconds", Gauge, &["listener"], ASW, "When the certificate that a listener shows is over, in seconds since 1970."),
    metric("slipway_trace_spans_dropped_total", Counter, &[], ASW, "Spans that were not sent because the queue was full or the collector did not take them."),
];

/// The figure of this name.
#[must_use]
pub fn metric_named(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use super::*;

    fn names_in(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                names_in(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                for part in text.split("!(").skip(1) {
                    let Some(rest) = part.trim_start().strip_prefix("\"slipway_") else { continue };
                    let name = rest.split('"').next().unwrap_or_default();
                    // A text that begins like a name, and goes on otherwise.
                    if name.contains(|c: char| c != '_' && !c.is_ascii_lowercase()) {
                        continue;
                    }
                    found.insert(format!("slipway_{name}"));
                }
            }
        }
    }

    #[test]
    fn every_figure_that_the_code_counts_is_in_the_catalogue() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut used = BTreeSet::new();
        for part in ["api/src", "scheduler/src", "worker/src", "shared/src"] {
            names_in(&root.join(part), &mut used);
        }
        assert!(used.len() > 20, "{used:?}");
        let unknown: Vec<&String> = used.iter().filter(|name| metric_named(name).is_none()).collect();
        assert!(unknown.is_empty(), "add them to METRICS: {unknown:?}");
    }

    #[test]
    fn the_guide_tells_of_every_figure_and_of_no_other() {
        let guide = include_str!("../../../docs/guides/observability.md");
        let mut table = String::new();
        for metric in METRICS {
            let labels = if metric.labels.is_empty() { "-".to_owned() } else { metric.labels.join(", ") };
            let of: Vec<&str> = metric.of.iter().map(|program| program.as_str()).collect();
            table.push_str(&format!(
                "| `{}` | {} | {labels} | {} | {} |\n",
                metric.name,
                metric.kind.as_str(),
                of.join(", "),
                metric.help
            ));
        }
        assert!(guide.contains(&table), "docs/guides/observability.md has another table than this:\n{table}");
    }

    #[test]
    fn names_are_distinct_and_counters_end_in_total() {
        let names: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), METRICS.len());
        for metric in METRICS {
            assert_eq!(metric.name.ends_with("_total"), metric.kind == Counter, "{}", metric.name);
            assert!(!metric.labels.contains(&"id"), "{}", metric.name);
        }
    }
}
