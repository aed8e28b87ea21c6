//! What answers over the network: Postgres, Redis, the engine, the api.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use shared::{
    config::{Config, EngineKind},
    queue::{QueueError, Tickets},
    store::{Store, StoreError, examine},
};
use worker::engine::{Engine as _, docker::DockerEngine};

use super::Finding;
use crate::connection::{self, Tls};

/// The oldest Postgres that is known to work.
const OLDEST: i32 = 150_000;
/// How far clocks may differ before it is worth saying; tokens and certificates bear more.
const SKEW: TimeDelta = TimeDelta::seconds(30);

/// Postgres: whether it answers, its version, schema, clock, and whether a pooler stands in between.
pub(super) async fn postgres(config: &Config) -> Vec<Finding> {
    let check = "postgres";
    let place = place(&config.database.url);
    let store = match Store::connect(&config.database, "slipway-doctor") {
        Ok(store) => store,
        Err(error) => {
            return vec![Finding::failed(
                check,
                format!("database.url: {error}"),
                "write it as postgres://user@host:5432/slipway",
            )];
        }
    };
    let server = match examine::server(&store).await {
        Ok(server) => server,
        Err(error) => return vec![Finding::failed(check, format!("{place}: {error}"), no_postgres(&error))],
    };
    let said = format!(
        "{} at {place}, as {}, {}, {:.1} ms away",
        server.version,
        server.role,
        if server.encrypted { "encrypted" } else { "not encrypted" },
        server.round_trip.as_secs_f64() * 1000.0,
    );
    let mut findings = vec![if server.number >= OLDEST {
        Finding::ok(check, said)
    } else {
        Finding::failed(check, said, "use Postgres 15 or later")
    }];
    findings.push(schema(&store).await);
    findings.push(notices(&store).await);
    findings.push(clock("clock", "Postgres", server.now, server.round_trip));
    findings
}

async fn schema(store: &Store) -> Finding {
    let check = "postgres schema";
    let schema = match examine::schema(store).await {
        Ok(schema) => schema,
        Err(error) => {
            return Finding::failed(check, error.to_string(), "the role must be able to read _sqlx_migrations");
        }
    };
    if let Some(first) = schema.different.first() {
        let said =
            format!("{} migration(s) are not what this program has, the first is {first}", schema.different.len());
        return Finding::failed(
            check,
            said,
            "another build was here, or one broke off: restore a backup, or use the build that fits",
        );
    }
    if let Some(first) = schema.missing.first() {
        let said = format!("{} migration(s) are missing, the first is {first}", schema.missing.len());
        return Finding::failed(check, said, "start slipway-api of this version: it brings the schema up to date");
    }
    if let Some(newest) = schema.unknown.last() {
        let said = format!("{} migration(s) are newer than this program, the last is {newest}", schema.unknown.len());
        return Finding::failed(check, said, "use the programs of the version that the api has");
    }
    Finding::ok(check, format!("{} migrations, up to date", schema.applied))
}

async fn notices(store: &Store) -> Finding {
    let check = "postgres notify";
    match examine::notices_arrive(store).await {
        Ok(true) => Finding::ok(check, "a NOTIFY reaches who listens"),
        Ok(false) => Finding::failed(
            check,
            "a NOTIFY reaches nobody: a pooler in transaction mode stands in between",
            "give the scheduler a direct connection (database.url), or a pool in session mode; until then it wakes by its timer only",
        ),
        Err(error) => Finding::failed(check, error.to_string(), "LISTEN must work for the scheduler to wake at once"),
    }
}

fn no_postgres(error: &StoreError) -> &'static str {
    let text = error.to_string();
    if text.contains("unsupported startup parameter") {
        "a PgBouncer stands in between: list options and extra_float_digits in its ignore_startup_parameters, or connect directly"
    } else if text.contains("prepared statement") {
        "a pooler in transaction mode stands in between that mixes up prepared statements: connect directly, or set max_prepared_statements"
    } else if text.contains("password") || text.contains("authentication") || text.contains("role ") {
        "look at user and password in database.url, and at pg_hba.conf"
    } else if text.contains("does not exist") {
        "make the database: createdb slipway"
    } else if text.contains("certificate") || text.contains("TLS") || text.contains("tls") {
        "look at the certificates: is the server's signed by one that is trusted here, and for that name?"
    } else {
        "is it running, and does a firewall let this machine through? look at database.url"
    }
}

/// Redis: whether it answers and keeps what it is given.
pub(super) async fn redis(config: &Config) -> Vec<Finding> {
    let check = "redis";
    let place = place(&config.redis.url);
    let began = Instant::now();
    let outcome = match Tickets::connect(&config.redis) {
        Ok(tickets) => tickets.check_server().await,
        Err(error) => Err(error),
    };
    vec![match outcome {
        Ok(()) => {
            let away = began.elapsed().as_secs_f64() * 1000.0;
            Finding::ok(check, format!("at {place}, version and maxmemory-policy are right, {away:.1} ms away"))
        }
        Err(error @ QueueError::Url(_)) => {
            Finding::failed(check, error.to_string(), "write redis.url as redis://host:6379/0")
        }
        Err(error @ (QueueError::Tls(_) | QueueError::PlainUrl)) => {
            Finding::failed(check, error.to_string(), "nothing of Slipway starts with redis.tls as it is")
        }
        Err(error @ QueueError::Policy { .. }) => Finding::failed(
            check,
            format!("{place}: {error}"),
            "a ticket that is dropped costs a run its turn for half a minute",
        ),
        Err(error @ QueueError::Version { .. }) => Finding::failed(check, format!("{place}: {error}"), "use Redis 7"),
        Err(error) => Finding::failed(
            check,
            format!("{place}: {error}"),
            "is it running, and is the password in redis.url right? runs wait in Postgres until it is back",
        ),
    }]
}

/// The engine that runs steps, as seen from here.
pub(super) async fn engine(config: &Config) -> Vec<Finding> {
    let check = "engine";
    if config.worker.engine != EngineKind::Docker {
        return vec![Finding::skipped(check, "worker.engine is scripted: nothing runs in containers")];
    }
    let socket = &config.worker.docker_socket;
    let engine = match DockerEngine::connect(socket).await {
        Ok(engine) => engine,
        Err(error) => {
            let said = format!("{socket}: {error}");
            let advice = "workers need it, the others do not. Is Docker running here, and may this user open its socket (group docker)?";
            return vec![Finding::failed(check, said, advice)];
        }
    };
    let engine = match engine.governed_by(&config.sandbox).await {
        Ok(engine) => engine,
        Err(error) => return vec![Finding::failed(check, error.to_string(), "the worker would not start here")],
    };
    let mut findings = Vec::new();
    match engine.posture().await {
        Ok(posture) => {
            let version = posture.version.as_deref().unwrap_or("of unknown version");
            let cgroups = posture.cgroup_version.as_deref().unwrap_or("?");
            let weak = if posture.weaknesses.is_empty() {
                String::new()
            } else {
                format!("; weak points: {}", posture.weaknesses.join(", "))
            };
            findings
                .push(Finding::ok(check, format!("{} {version} at {socket}, cgroups {cgroups}{weak}", posture.engine)));
        }
        Err(error) => findings.push(Finding::failed(check, error.to_string(), "docker info must work")),
    }
    match engine.free_disk().await {
        Ok(free) if free / 1024 / 1024 < config.worker.min_free_disk_mib => findings.push(Finding::failed(
            "engine disk",
            format!(
                "{} MiB are free, and worker.min_free_disk_mib is {}",
                free / 1024 / 1024,
                config.worker.min_free_disk_mib
            ),
            "make room (docker system prune), or the worker takes no runs",
        )),
        Ok(u64::MAX) => findings.push(Finding::skipped("engine disk", "the engine's folder is not on this machine")),
        Ok(free) => findings.push(Finding::ok("engine disk", format!("{} MiB are free", free / 1024 / 1024))),
        Err(error) => findings.push(Finding::failed("engine disk", error.to_string(), "docker info must work")),
    }
    findings
}

/// An api that should be there.
pub(super) async fn api(url: &str, tls: &Tls) -> Vec<Finding> {
    let check = "api";
    let url = url.trim_end_matches('/');
    let http = match connection::http_client(url, tls) {
        Ok(http) => http,
        Err(error) => return vec![Finding::failed(check, format!("{error:#}"), "look at the certificates")],
    };
    let began = Instant::now();
    let answer = match http.get(format!("{url}/readyz")).timeout(Duration::from_secs(10)).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let mut cause: &dyn std::error::Error = &error;
            while let Some(deeper) = cause.source() {
                cause = deeper;
            }
            let cause = cause.to_string();
            let advice = connection::tls_advice(&cause).unwrap_or(
                "is it running, and is this the address that it listens on (api.listen) or that a proxy has for it?",
            );
            return vec![Finding::failed(check, format!("{url} does not answer: {cause}"), advice)];
        }
    };
    let away = began.elapsed();
    let status = answer.status();
    let date = answer.headers().get("date").and_then(|value| value.to_str().ok());
    let date = date.and_then(|text| DateTime::parse_from_rfc2822(text).ok()).map(|date| date.with_timezone(&Utc));
    let mut findings = vec![if status.is_success() {
        Finding::ok(check, format!("{url} is ready, {:.0} ms away", away.as_secs_f64() * 1000.0))
    } else {
        let advice = "it runs and cannot reach Postgres; run slipway doctor where it runs, with its --config";
        Finding::failed(check, format!("{url}/readyz answers {status}"), advice)
    }];
    findings.extend(date.map(|date| clock("api clock", "the api", date, away)));
    findings
}

fn clock(check: &'static str, whose: &str, theirs: DateTime<Utc>, round_trip: Duration) -> Finding {
    let half = TimeDelta::from_std(round_trip / 2).unwrap_or_default();
    let skew = Utc::now() - theirs - half;
    let said =
        format!("this machine's and that of {whose} differ by {:.1} s", skew.num_milliseconds().abs() as f64 / 1000.0);
    if skew.abs() <= SKEW {
        Finding::ok(check, said)
    } else {
        Finding::failed(
            check,
            said,
            "run chrony or another NTP client on both: logins and certificates rest on the time",
        )
    }
}

/// Host and port of an address, without user and password.
fn place(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_shown_without_its_password() {
        assert_eq!(place("postgres://me:secret@db.example:5432/slipway?x=y"), "db.example:5432");
        assert_eq!(place("redis://:p@ss@127.0.0.1:6379/0"), "127.0.0.1:6379");
        assert_eq!(place("nonsense"), "nonsense");
    }

    #[test]
    fn clocks_that_differ_by_minutes_are_told() {
        assert_eq!(clock("clock", "x", Utc::now(), Duration::ZERO).state, super::super::State::Ok);
        let late = Utc::now() - TimeDelta::minutes(5);
        assert_eq!(clock("clock", "x", late, Duration::ZERO).state, super::super::State::Failed);
    }
}
