//! Settings that parse and still cannot be: told at the start, all at once, and not by what goes wrong later.

use std::{collections::BTreeMap, fmt, ops::RangeInclusive};

use chrono::Utc;
use croner::Cron;
use shared::config::Config;

use crate::tasks::notify::mail;

/// When what each provider made is looked at for drift.
pub(crate) type Schedules = BTreeMap<String, Cron>;

/// Settings that cannot be, each with its key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Unusable(Vec<String>);

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} setting(s) cannot be used:\n  {}", self.0.len(), self.0.join("\n  "))
    }
}

/// Whether a scheduler, and the workers beside it, can run with these settings.
///
/// # Errors
/// Every setting with which they cannot.
pub fn check(config: &Config) -> Result<(), Unusable> {
    schedules(config).map(|_| ())
}

/// As [`check`]; gives the schedules that `drift_check` names.
pub(crate) fn schedules(config: &Config) -> Result<Schedules, Unusable> {
    let (scheduler, worker) = (&config.scheduler, &config.worker);
    const DAY_S: u64 = 86_400;
    let numbers: [(&str, u64, RangeInclusive<u64>); 11] = [
        ("scheduler.period_ms", scheduler.period_ms, 10..=60_000),
        ("scheduler.requeue_after_s", scheduler.requeue_after_s.into(), 1..=DAY_S),
        ("scheduler.worker_gone_after_s", scheduler.worker_gone_after_s.into(), 1..=DAY_S),
        ("scheduler.retention_days", scheduler.retention_days.into(), 1..=36_500),
        ("fairness.batch_after_s", config.fairness.batch_after_s.into(), 0..=30 * DAY_S),
        ("fairness.drift_after_s", config.fairness.drift_after_s.into(), 0..=30 * DAY_S),
        ("fairness.priority_step_s", config.fairness.priority_step_s.into(), 0..=DAY_S),
        ("worker.slots", worker.slots.into(), 1..=10_000),
        ("worker.lease_ttl_s", worker.lease_ttl_s.into(), 1..=DAY_S),
        ("worker.max_log_bytes", worker.max_log_bytes, 1..=i64::MAX.unsigned_abs()),
        ("worker.max_workspace_bytes", worker.max_workspace_bytes, 1..=i64::MAX.unsigned_abs()),
    ];
    let mut problems: Vec<String> = numbers
        .into_iter()
        .filter(|(_, value, allowed)| !allowed.contains(value))
        .map(|(key, value, allowed)| match allowed.end() {
            end if *end > u64::from(u32::MAX) => format!("{key}: {value} is less than {}", allowed.start()),
            end => format!("{key}: {value} is not from {} to {end}", allowed.start()),
        })
        .collect();
    if worker.queues.is_empty() || worker.queues.iter().any(|queue| queue.trim().is_empty()) {
        problems
            .push("worker.queues: at least one name, and none that is empty; `default` is where runs go".to_owned());
    }
    let fairness = &config.fairness;
    if fairness.drift_after_s < fairness.batch_after_s {
        problems.push(format!(
            "fairness.drift_after_s: {} is less than fairness.batch_after_s, {}: drift checks would go before batches",
            fairness.drift_after_s, fairness.batch_after_s
        ));
    }
    if let Some(Err(error)) = config.notifications.smtp.as_ref().map(mail::Post::new) {
        problems.push(format!("{error:#}"));
    }
    let mut schedules = Schedules::new();
    for (name, settings) in &config.providers {
        let Some(pattern) = &settings.drift_check else { continue };
        match schedule(pattern) {
            Ok(schedule) => {
                schedules.insert(name.clone(), schedule);
            }
            Err(why) => problems.push(format!(
                "providers.{name}.drift_check: '{pattern}' {why}; five fields of cron in UTC, as '0 */6 * * *' for every six hours"
            )),
        }
    }
    if problems.is_empty() { Ok(schedules) } else { Err(Unusable(problems)) }
}

fn schedule(pattern: &str) -> Result<Cron, String> {
    let schedule: Cron = pattern.parse().map_err(|error| format!("is no schedule ({error})"))?;
    schedule.find_next_occurrence(&Utc::now(), false).map_err(|_| "never comes".to_owned())?;
    Ok(schedule)
}

#[cfg(test)]
mod tests {
    use shared::config::ProviderSettings;

    use super::*;

    fn with_drift_check(pattern: &str) -> Config {
        let settings = ProviderSettings { drift_check: Some(pattern.into()), ..ProviderSettings::default() };
        Config { providers: BTreeMap::from([("db".to_owned(), settings)]), ..Config::default() }
    }

    #[test]
    fn what_is_set_by_default_can_be_used() {
        assert_eq!(check(&Config::default()), Ok(()));
        assert!(schedules(&with_drift_check("0 */6 * * *")).is_ok_and(|all| all.contains_key("db")));
    }

    #[test]
    fn a_schedule_that_is_none_or_never_comes_is_told_with_its_key() {
        for (pattern, why) in
            [("every 6h", "is no schedule"), ("61 * * * *", "is no schedule"), ("0 0 30 2 *", "never comes")]
        {
            let told = check(&with_drift_check(pattern)).unwrap_err().to_string();
            assert!(told.contains(&format!("providers.db.drift_check: '{pattern}' {why}")), "{told}");
        }
    }

    #[test]
    fn every_setting_that_cannot_be_is_told_at_once() {
        let mut config = with_drift_check("never");
        (config.scheduler.period_ms, config.worker.max_workspace_bytes) = (0, 0);
        config.worker.queues.clear();
        let told = check(&config).unwrap_err().to_string();
        for key in [
            "4 setting(s)",
            "scheduler.period_ms: 0 is not from 10 to 60000",
            "worker.max_workspace_bytes: 0 is less than 1",
            "worker.queues",
            "drift_check",
        ] {
            assert!(told.contains(key), "{key}: {told}");
        }
    }
}
