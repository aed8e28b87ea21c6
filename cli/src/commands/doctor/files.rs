//! What is on disk: the archive, people, certificates, providers.

use std::path::Path;

use chrono::{DateTime, Utc};
use scheduler::sources;
use shared::{
    archive::Archive,
    config::Config,
    formats::registry::Registry,
    people::People,
    tls::{Seen, survey},
};

use super::Finding;

/// Problems that are listed of one kind.
const SHOWN: usize = 3;
/// Days left from which on a certificate is to be renewed.
const RENEW_DAYS: i64 = 7;

/// Whether the archive takes a blob and gives it back.
pub(super) async fn archive(config: &Config) -> Vec<Finding> {
    let check = "archive";
    let url = &config.archive.url;
    if let Some(folder) = url.strip_prefix("file://")
        && !Path::new(folder).exists()
    {
        // Opening it would make it, and make it this user's.
        return vec![Finding::skipped(check, format!("{folder} is not there yet: the first worker makes it"))];
    }
    let advice = "workers and the api need to read and write it, as the users that they run as";
    let archive = match Archive::open(&config.archive) {
        Ok(archive) => archive,
        Err(error) => return vec![Finding::failed(check, error.to_string(), advice)],
    };
    let key = format!("doctor/{}", hex::encode(rand::random::<[u8; 8]>()));
    let tried = async {
        archive.put(&key, "slipway doctor".into()).await?;
        let read = archive.get(&key, 64).await;
        archive.delete(&key).await?;
        read
    };
    vec![match tried.await {
        Ok(content) if content.as_ref() == b"slipway doctor" => {
            Finding::ok(check, format!("{url} can be written and read"))
        }
        Ok(_) => Finding::failed(check, format!("{url} gave back something else than it was given"), advice),
        Err(error) => Finding::failed(check, format!("{url}: {error}"), advice),
    }]
}

/// The file with people.
pub(super) fn people(config: &Config) -> Vec<Finding> {
    let check = "people";
    let Some(path) = &config.identity.people_file else {
        let said = "nobody logs in by a password (identity.people_file)";
        return vec![Finding::skipped(check, said)];
    };
    vec![match People::read(path) {
        Ok(Some(file)) => {
            let able = file.people.iter().filter(|person| !person.disabled).count();
            Finding::ok(check, format!("{}: {able} can log in, and others cannot write it", path.display()))
        }
        Ok(None) => Finding::failed(
            check,
            format!("{} is not there", path.display()),
            "slipway user add NAME --role admin makes it",
        ),
        Err(error) => Finding::failed(check, error.to_string(), "the api does not start with it as it is"),
    }]
}

/// Files with certificates that the configuration names, and how long those for TLS last.
pub(super) fn certificates(config: &Config) -> Vec<Finding> {
    let check = "certificates";
    let of_tls = survey(config).into_iter().map(|seen| lasting(check, seen, Utc::now()));
    let oidc = config.identity.oidc.as_ref().and_then(|oidc| oidc.ca_file.as_deref());
    let named = [("identity.oidc.ca_file", oidc), ("git.ca_file", config.git.ca_file.as_deref())];
    let others =
        named.into_iter().filter_map(|(key, path)| Some((key, path?))).map(
            |(key, path)| match std::fs::read_to_string(path) {
                Ok(text) if text.contains("-----BEGIN CERTIFICATE-----") => {
                    Finding::ok(check, format!("{key}: {} holds certificates", path.display()))
                }
                Ok(_) => {
                    Finding::failed(check, format!("{key}: {} holds no certificate", path.display()), "it must be PEM")
                }
                Err(error) => {
                    Finding::failed(check, format!("{key}: {}: {error}", path.display()), "is the path right?")
                }
            },
        );
    let findings: Vec<Finding> = of_tls.chain(others).collect();
    if findings.is_empty() {
        vec![Finding::skipped(check, "the configuration names no files with certificates")]
    } else {
        findings
    }
}

fn lasting(check: &'static str, seen: Seen, now: DateTime<Utc>) -> Finding {
    let validity = match seen.outcome {
        Ok(validity) => validity,
        Err(error) => return Finding::failed(check, error.to_string(), "what it belongs to does not start with it"),
    };
    let days = validity.days_left(now);
    let until = validity.not_after.format("%Y-%m-%d");
    let said = format!("{}: {}: {days} days left, until {until}", seen.setting, seen.path.display());
    if days < RENEW_DAYS {
        Finding::failed(check, said, "renew it; what listens with it takes the new one up by itself")
    } else {
        Finding::ok(check, said)
    }
}

/// The providers in the configured folders.
pub(super) async fn providers(config: &Config) -> Vec<Finding> {
    let check = "providers";
    let (folders, settings) = (config.scheduler.providers.clone(), sources::settings(config));
    let loaded = tokio::task::spawn_blocking(move || Registry::load(&folders, &settings)).await;
    let advice = "slipway provider validate FOLDER says more; the scheduler does not start with them as they are";
    vec![match loaded {
        Ok(Ok(registry)) => {
            let records = registry.records();
            let unavailable: Vec<String> = records
                .iter()
                .flat_map(|record| record.workflows.iter().map(move |workflow| (record, workflow)))
                .filter_map(|(record, workflow)| {
                    let reason = workflow.unavailable.as_ref()?;
                    Some(format!("{}/{}: {reason}", record.name, workflow.name))
                })
                .collect();
            let types = registry.resource_types().count();
            let said = format!("{} load, serving {types} resource types", records.len());
            match unavailable.first() {
                Some(first) => {
                    Finding::ok(check, format!("{said}; {} workflows cannot run here, as {first}", unavailable.len()))
                }
                None => Finding::ok(check, said),
            }
        }
        Ok(Err(problems)) => {
            let first: Vec<String> = problems.iter().take(SHOWN).map(ToString::to_string).collect();
            Finding::failed(check, format!("{} problem(s): {}", problems.len(), first.join("; ")), advice)
        }
        Err(error) => Finding::failed(check, error.to_string(), advice),
    }]
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use shared::tls::Validity;

    use super::*;
    use crate::commands::doctor::State;

    #[test]
    fn a_certificate_of_the_last_week_is_to_be_renewed() {
        let now = Utc::now();
        let seen = |days| Seen {
            setting: "api.tls.cert".into(),
            path: "/c.pem".into(),
            outcome: Ok(Validity { not_before: now, not_after: now + TimeDelta::days(days) }),
        };
        assert_eq!(lasting("certificates", seen(7), now).state, State::Ok);
        let found = lasting("certificates", seen(6), now);
        assert_eq!(found.state, State::Failed);
        assert!(found.said.starts_with("api.tls.cert: /c.pem: 6 days left, until 20"), "{}", found.said);
    }
}
