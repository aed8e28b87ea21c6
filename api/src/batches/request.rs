//! What is asked for, read.

use serde::Deserialize;
use serde_json::{Map, Value};
use shared::{
    domain::{
        access::{Principal, Visible},
        batch::{BatchOperation, Budget, InvalidPlan, Waves, Window},
    },
    formats::duration,
    store::batch::{NewBatch, Selector},
};
use utoipa::ToSchema;

use crate::error::Problem;

/// Params that one batch sets.
const MOST_PARAMS: usize = 50;
/// Seconds that a wave may be watched: a month.
const LONGEST_BAKE_S: f64 = 31.0 * 86_400.0;

/// What is to be done to which resources, and how.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchRequest {
    /// Which resources: `type=postgres,provider=database-team@1,env=prod`. Keys are `type`, `class`, `provider` (with a version or range behind
    /// `@`), `team`, `env` (the label `env` or `environment`), `application`, `state`, `resource` (an id), `failed-in` (a batch's id: those that
    /// it could not do); anything else is a label, as in lists. Values side by side are separated by `|`. `*` is every resource.
    #[schema(example = "type=postgres,provider=database-team@1")]
    select: String,
    /// `update`, `reprovision`, `read`, `delete` or `retry`.
    #[schema(value_type = String, example = "update")]
    operation: BatchOperation,
    /// What to call it; what it does, when nothing is said.
    #[serde(default)]
    name: Option<String>,
    /// Why, for whoever wonders.
    #[serde(default)]
    reason: Option<String>,
    /// The version of their providers that the resources are to have; for `update` and `reprovision`.
    #[serde(default)]
    provider_version: Option<String>,
    /// Params to set in place of what the specs say; null takes back what a batch had set. For `update` and `reprovision`.
    #[serde(default)]
    #[schema(value_type = Object)]
    params: Map<String, Value>,
    /// How many resources have begun when each wave has, counted from the beginning.
    #[serde(default)]
    #[schema(example = "1,10%,50%,100%")]
    waves: Option<String>,
    /// Resources that are worked on at once, 1 to 1000; 10 when nothing is said.
    #[serde(default)]
    max_in_flight: Option<u16>,
    /// How long a wave is watched before the next begins, as `10m`.
    #[serde(default)]
    bake: Option<String>,
    /// How many may fail: a number, or a percentage of the resources in the waves that have begun; 0 when nothing is said.
    #[serde(default)]
    max_failures: Option<String>,
    /// The minutes in which runs may begin: five fields of cron, in UTC.
    #[serde(default)]
    window: Option<String>,
    /// Has each wave looked at by reads before the next begins.
    #[serde(default)]
    verify: bool,
    /// Hex of the digest that a dry run gave; when what would be done is another by now, nothing is made.
    #[serde(default)]
    digest: Option<String>,
    /// Approves it as well.
    #[serde(default)]
    approve: bool,
    /// Says what would be done, and makes nothing.
    #[serde(default)]
    dry_run: bool,
}

impl BatchRequest {
    pub(super) fn operation(&self) -> BatchOperation {
        self.operation
    }

    pub(super) fn dry_run(&self) -> bool {
        self.dry_run
    }

    pub(super) fn approve(&self) -> bool {
        self.approve
    }

    pub(super) fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// The batch that is asked for, of resources of these teams.
    ///
    /// # Errors
    /// What cannot be read, and what does not go together.
    pub(super) fn read(&self, caller: &Principal, visible: Visible) -> Result<NewBatch, Problem> {
        let bad = |error: &dyn std::fmt::Display| Problem::bad_request(error.to_string());
        if !self.operation.changes() && (self.provider_version.is_some() || !self.params.is_empty()) {
            return Err(Problem::bad_request(format!(
                "operation: '{}' sets no provider_version and no params; 'update' and 'reprovision' do",
                self.operation
            )));
        }
        if self.params.len() > MOST_PARAMS {
            return Err(Problem::bad_request(format!("params: at most {MOST_PARAMS}")));
        }
        let max_in_flight = self.max_in_flight.unwrap_or(10);
        if !(1..=1000).contains(&max_in_flight) {
            return Err(Problem::bad_request("max_in_flight: from 1 to 1000"));
        }
        let window = self.window.as_ref().map(|text| Ok((text.parse::<Window>()?, text.clone()))).transpose();
        let window = window.map_err(|error: InvalidPlan| bad(&error))?;
        let waves = self.waves.as_deref().unwrap_or("1,10%,50%,100%").parse::<Waves>().map_err(|error| bad(&error))?;
        let name = self.name.clone().filter(|name| !name.trim().is_empty());
        let name = name.unwrap_or_else(|| match &self.provider_version {
            Some(version) => format!("{} to {version}: {}", self.operation, self.select),
            None => format!("{}: {}", self.operation, self.select),
        });
        Ok(NewBatch {
            name: name.chars().take(120).collect(),
            reason: self.reason.as_deref().unwrap_or_default().chars().take(500).collect(),
            operation: self.operation,
            selector: self.select.parse::<Selector>().map_err(|error| bad(&error))?,
            shown_selector: self.select.clone(),
            provider_version: self.provider_version.as_deref().map(version).transpose()?,
            params: Value::Object(self.params.clone()),
            waves,
            max_in_flight,
            bake_s: self.bake.as_deref().map_or(Ok(0), bake)?,
            max_failures: self.max_failures.as_deref().unwrap_or("0").parse::<Budget>().map_err(|error| bad(&error))?,
            window,
            verify: self.verify,
            requested_by: caller.name.clone(),
            requester_id: caller.id,
            visible,
        })
    }
}

/// A whole version: a range would be another version for some than for others.
fn version(text: &str) -> Result<String, Problem> {
    let plain = text.strip_prefix('v').unwrap_or(text);
    let is_version = plain.split(['-', '+']).next().is_some_and(|core| {
        let parts: Vec<&str> = core.split('.').collect();
        parts.len() == 3 && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    });
    if is_version && plain.len() <= 64 {
        Ok(plain.to_owned())
    } else {
        let shown: String = text.chars().take(64).collect();
        Err(Problem::bad_request(format!("provider_version: '{shown}' is no whole version, as '2.0.0'")))
    }
}

#[allow(clippy::cast_possible_truncation, reason = "it is at most a month of seconds")]
fn bake(text: &str) -> Result<i32, Problem> {
    match duration::seconds(&Value::String(text.to_owned())) {
        Some(seconds) if seconds <= LONGEST_BAKE_S => Ok(seconds.ceil() as i32),
        _ => Err(Problem::bad_request("bake: a time up to 31 days, as '30s', '10m' or '1h30m'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_whole_and_a_bake_time_has_a_bound() {
        assert_eq!(version("v2.0.0-rc.1").unwrap(), "2.0.0-rc.1");
        for wrong in ["2", "2.0", "^2.0.0", "", "2.0.x"] {
            assert!(version(wrong).is_err(), "{wrong}");
        }
        assert_eq!(bake("10m").unwrap(), 600);
        assert!(bake("40d").is_err() && bake("soon").is_err());
    }
}
