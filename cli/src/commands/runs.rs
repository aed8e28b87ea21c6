//! Which runs are meant: the filters of lists, and of what is done to many at once.

use anyhow::Context as _;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Map, Value};

use super::list::query;

/// Which runs; all of these must hold.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Filters {
    /// Only in this status: pending, queued, running, suspended, completed, failed, cancelled; several, separated by commas
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// Only this application's
    #[arg(long, visible_alias = "application", value_name = "APP")]
    app: Option<String>,
    /// Only this team's
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// Only of this kind: resource, golden_path, child, preview
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only those that do this: create, read, update, delete, execute
    #[arg(long, value_name = "OPERATION")]
    operation: Option<String>,
    /// Only of this workflow
    #[arg(long, value_name = "NAME")]
    workflow: Option<String>,
    /// Only of this provider
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// Only of this queue
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,
    /// Only what somebody called so asked for
    #[arg(long, value_name = "NAME")]
    requested_by: Option<String>,
    /// Only those that failed with this code
    #[arg(long, value_name = "CODE")]
    error_code: Option<String>,
    /// Only those made then or later: 2026-11-21T14:05:00Z, or how long ago, as 24h
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only those made before, likewise
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only those whose id, workflow, application or resource begins so
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,
}

impl Filters {
    /// As the query of the list.
    ///
    /// # Errors
    /// When a time cannot be read.
    pub(crate) fn query(&self) -> anyhow::Result<Vec<(&'static str, String)>> {
        Ok(query([
            ("status", self.status.clone()),
            ("application", self.app.clone()),
            ("team", self.team.clone()),
            ("kind", self.kind.clone()),
            ("operation", self.operation.clone()),
            ("workflow", self.workflow.clone()),
            ("provider", self.provider.clone()),
            ("queue", self.queue.clone()),
            ("requested_by", self.requested_by.clone()),
            ("error_code", self.error_code.clone()),
            ("since", self.since.as_deref().map(|text| time("--since", text)).transpose()?),
            ("until", self.until.as_deref().map(|text| time("--until", text)).transpose()?),
            ("prefix", self.prefix.clone()),
        ]))
    }

    /// As the body of a request.
    ///
    /// # Errors
    /// When a time cannot be read.
    pub(crate) fn object(&self) -> anyhow::Result<Map<String, Value>> {
        Ok(self.query()?.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect())
    }
}

/// A time, or how long ago, as the server takes it.
fn time(flag: &str, text: &str) -> anyhow::Result<String> {
    let at = match DateTime::parse_from_rfc3339(text) {
        Ok(at) => at.with_timezone(&Utc),
        Err(_) => {
            let ago = shared::formats::duration::seconds(&Value::String(text.to_owned()));
            let ago = ago.and_then(|seconds| TimeDelta::try_milliseconds((seconds * 1000.0) as i64));
            let at = ago.and_then(|ago| Utc::now().checked_sub_signed(ago));
            at.with_context(|| {
                format!("{flag} {text}: neither a time as 2026-11-21T14:05:00Z nor how long ago, as 24h")
            })?
        }
    };
    Ok(at.to_rfc3339_opts(SecondsFormat::Millis, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_one_or_how_long_ago() {
        assert_eq!(time("--since", "2026-11-21T15:05:00+01:00").unwrap(), "2026-11-21T14:05:00.000Z");
        let hour: DateTime<Utc> = time("--since", "1h").unwrap().parse().unwrap();
        assert!((Utc::now() - hour - TimeDelta::hours(1)).num_seconds().abs() < 60);
        for text in ["yesterday", "", "99999999999999999d"] {
            assert!(time("--since", text).unwrap_err().to_string().contains("--since"), "{text}");
        }
    }
}
