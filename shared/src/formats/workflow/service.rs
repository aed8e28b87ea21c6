//! `services` of a workflow file.

use std::{collections::BTreeMap, sync::LazyLock};

use regex::Regex;
use serde_json::{Map, Value, json};

use super::{
    super::{
        cursor::{Cursor, Fields},
        duration,
        problem::{code, short},
        step_type::{mebibytes, millis},
    },
    quoted, step,
    write::{number, put, texts},
};
use crate::domain::service::{Check, MAX_SERVICES, Readiness, Service};

/// Seconds between two tries unless the file says otherwise.
const INTERVAL_S: f64 = 1.0;
/// Seconds a service may take to become ready unless the file says otherwise.
const READY_S: u32 = 60;
/// Where a service cannot have memory of its own.
const TAKEN: [&str; 7] = ["/proc", "/sys", "/dev", "/tmp", "/workspace", "/run/slipway", "/.slipway"];

static NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$").expect("the pattern is a constant that the tests compile")
});
static FOLDER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("^(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$").expect("the pattern is a constant that the tests compile")
});

/// Reads the list.
pub(super) fn read_all(at: &Cursor<'_>) -> Vec<Service> {
    let items = at.items();
    if items.len() > MAX_SERVICES {
        at.report(code::LIMIT, format!("a workflow has at most {MAX_SERVICES} services"));
        return Vec::new();
    }
    let mut found: Vec<Service> = Vec::new();
    for item in items {
        let Some(service) = read(&item) else { continue };
        if found.iter().any(|other| other.name == service.name) {
            item.report(code::CONFLICT, format!("another service is also named {}", quoted(&service.name)));
        }
        found.push(service);
    }
    found
}

fn read(at: &Cursor<'_>) -> Option<Service> {
    const KEYS: [&str; 11] =
        ["name", "description", "image", "command", "args", "env", "secrets", "tmpfs", "memory", "cpu", "ready"];
    let fields = at.fields(&KEYS)?;
    let name = fields.need("name").and_then(|at| {
        let what = "a service's name: 1 to 63 small letters, digits and '-', a letter first and no '-' last";
        at.matching(&NAME, what).filter(|name| {
            let own = *name != "localhost";
            if !own {
                at.report(code::INVALID_VALUE, "a container is 'localhost' to itself; take another name");
            }
            own
        })
    });
    let image = fields.need("image").and_then(|at| at.text());
    // What an image would run is never used, so there has to be something else.
    let mut command = fields.need("command").map(|at| words(&at)).unwrap_or_default();
    if let Some(at) = fields.get("command").filter(|at| at.value.as_array().is_some_and(Vec::is_empty)) {
        at.report(code::INVALID_VALUE, "must not be empty: what the image itself would run is not used");
    }
    command.extend(fields.get("args").map(|at| words(&at)).unwrap_or_default());
    let service = Service {
        env: fields.get("env").map(|at| step::environment(&at)).unwrap_or_default(),
        secrets: fields.get("secrets").map(|at| at.strings()).unwrap_or_default(),
        tmpfs: fields.get("tmpfs").map(|at| tmpfs(&at)).unwrap_or_default(),
        memory_mib: amount(&fields, "memory", mebibytes, "'512Mi' or '1Gi'").unwrap_or(0),
        cpu_millis: amount(&fields, "cpu", millis, "'500m' or 2").unwrap_or(0),
        ready: fields.get("ready").and_then(|at| ready(&at)),
        name: name?.to_owned(),
        image: image?.to_owned(),
        command,
    };
    Some(service)
}

/// A program's arguments; numbers and truths are meant as they are written.
fn words(at: &Cursor<'_>) -> Vec<String> {
    let word = |at: Cursor<'_>| match at.value {
        Value::Bool(_) | Value::Number(_) => Some(at.value.to_string()),
        _ => at.string().map(str::to_owned),
    };
    at.items().into_iter().filter_map(word).collect()
}

fn amount(fields: &Fields<'_>, key: &str, read: fn(&Value) -> Option<f64>, example: &str) -> Option<u32> {
    fields.get(key).and_then(|at| amount_at(&at, read, example))
}

fn amount_at(at: &Cursor<'_>, read: fn(&Value) -> Option<f64>, example: &str) -> Option<u32> {
    let amount = read(at.value).filter(|amount| (1.0..=16_777_216.0).contains(amount));
    if amount.is_none() {
        at.report(code::INVALID_VALUE, format!("expected an amount like {example}"));
    }
    amount.map(|amount| amount.ceil() as u32)
}

fn tmpfs(at: &Cursor<'_>) -> BTreeMap<String, u32> {
    let mut found = BTreeMap::new();
    for (folder, at) in at.named(&FOLDER, "an absolute path of plain names, like /var/lib/data") {
        let below =
            |taken: &str| folder.strip_prefix(taken).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if let Some(taken) = TAKEN.into_iter().find(|taken| below(taken)) {
            at.report(code::CONFLICT, format!("'{}' is at or below {taken}, which is not free", short(folder)));
        }
        if let Some(mib) = amount_at(&at, mebibytes, "'64Mi' or '1Gi'") {
            found.insert(folder.to_owned(), mib);
        }
    }
    found
}

fn ready(at: &Cursor<'_>) -> Option<Readiness> {
    let fields = at.fields(&["tcp", "command", "interval", "timeout"])?;
    let time = |key: &str, least: f64, most: f64, without: f64| match fields.get(key) {
        None => without,
        Some(at) => duration::seconds(at.value).filter(|it| (least..=most).contains(it)).unwrap_or_else(|| {
            at.report(code::INVALID_VALUE, format!("expected a time of {least} s to {most} s, like '2s'"));
            without
        }),
    };
    let interval_s = time("interval", 0.1, 60.0, INTERVAL_S);
    let timeout_s = time("timeout", 1.0, 3600.0, READY_S.into()).ceil() as u32;
    let check = match (fields.get("tcp"), fields.get("command")) {
        (Some(at), None) => Check::Tcp(u16::try_from(at.integer(1, 65535)?).ok()?),
        (None, Some(at)) => {
            let words = words(&at);
            if words.is_empty() {
                at.report(code::INVALID_VALUE, "must not be empty");
            }
            Check::Command(words)
        }
        (None, None) => {
            at.report(code::MISSING_KEY, "'tcp' or 'command' is missing: what tells that the service is ready");
            return None;
        }
        (Some(_), Some(at)) => {
            at.report(code::CONFLICT, "either 'tcp' or 'command' tells that the service is ready, not both");
            return None;
        }
    };
    Some(Readiness { check, interval_s, timeout_s })
}

/// Looks at how steps and services go together; `at` is the list of services.
pub(super) fn check_use(at: Option<&Cursor<'_>>, services: &[Service], read: &[(Cursor<'_>, step::Read)]) {
    for (step_at, item) in read {
        let step = &item.step;
        if services.iter().any(|service| service.name.eq_ignore_ascii_case(&step.name)) {
            let message =
                format!("{} is also the name of a service: steps find both by their names", quoted(&step.name));
            step_at.report(code::CONFLICT, message);
        }
        let Some(named) = &step.services else { continue };
        let place = step_at.entries().into_iter().find(|(key, _)| *key == "services").map(|(_, at)| at);
        let place = place.as_ref().unwrap_or(step_at);
        for name in named.iter().filter(|name| !services.iter().any(|service| service.name == **name)) {
            let hint = place.suggest(name, services.iter().map(|service| service.name.as_str()));
            place.report(code::UNKNOWN_NAME, format!("there is no service {}{hint}", quoted(name)));
        }
        if !named.is_empty() && !step.egress.is_empty() {
            place.report(code::CONFLICT, "a step reaches its services or the addresses of 'egress', not both");
        }
    }
    let uses = |service: &Service| {
        read.iter().any(|(_, item)| match &item.step.services {
            Some(named) => named.contains(&service.name),
            None => item.step.egress.is_empty(),
        })
    };
    for service in services.iter().filter(|service| !uses(service)) {
        if let Some(at) = at {
            at.warn(format!("no step uses the service {}", quoted(&service.name)));
        }
    }
}

/// The service as a file has it.
pub(super) fn to_value(service: &Service) -> Value {
    let mut map = Map::new();
    map.insert("name".to_owned(), json!(service.name));
    map.insert("image".to_owned(), json!(service.image));
    map.insert("command".to_owned(), json!(service.command));
    put(&mut map, "env", (!service.env.is_empty()).then(|| json!(service.env)));
    put(&mut map, "secrets", texts(&service.secrets));
    put(&mut map, "tmpfs", (!service.tmpfs.is_empty()).then(|| json!(service.tmpfs)));
    put(&mut map, "memory", (service.memory_mib > 0).then(|| json!(service.memory_mib)));
    put(&mut map, "cpu", (service.cpu_millis > 0).then(|| json!(format!("{}m", service.cpu_millis))));
    put(&mut map, "ready", service.ready.as_ref().map(readiness));
    Value::Object(map)
}

fn readiness(ready: &Readiness) -> Value {
    let (key, value) = match &ready.check {
        Check::Tcp(port) => ("tcp", json!(port)),
        Check::Command(argv) => ("command", json!(argv)),
    };
    json!({ key: value, "interval": number(ready.interval_s), "timeout": ready.timeout_s })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::workflow::{Workflow, parse, to_yaml};

    fn file(services: &str, step: &str) -> String {
        format!(
            "apiVersion: slipway.dev/v1\nmetadata: {{name: w}}\nparameters: [{{name: size}}]\nservices:\n  - {{{services}}}\nsteps:\n  - {{name: a, type: t{step}}}\n"
        )
    }

    fn read(services: &str, step: &str) -> Workflow {
        parse(&file(services, step), None).unwrap_or_else(|problems| panic!("{problems:#?}")).0
    }

    fn refused(services: &str, step: &str) -> String {
        let problems = parse(&file(services, step), None).expect_err("it is refused");
        problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join("; ")
    }

    const PLAIN: &str = "name: db, image: slipway/x:1, command: [run]";

    #[test]
    fn a_service_is_read_whole_and_written_as_it_was_read() {
        let all = "name: db, description: x, image: 'slipway/db:{{ .parameters.size }}', command: [run, 5], args: [--fast, true],
            env: {A: 1, B: '{{ .settings.b }}'}, secrets: [pw], tmpfs: {/var/lib/db: 1Gi, /var/run/db: 16}, memory: 2Gi, cpu: 500m,
            ready: {command: [ask, 7], interval: 250ms, timeout: 2m}";
        let workflow = read(all, "");
        let service = &workflow.services[0];
        assert_eq!(service.command, ["run", "5", "--fast", "true"]);
        assert_eq!((service.memory_mib, service.cpu_millis), (2048, 500));
        assert_eq!(service.tmpfs, [("/var/lib/db".to_owned(), 1024), ("/var/run/db".to_owned(), 16)].into());
        let check = Check::Command(vec!["ask".into(), "7".into()]);
        assert_eq!(service.ready, Some(Readiness { check, interval_s: 0.25, timeout_s: 120 }));
        let again = parse(&to_yaml(&workflow).unwrap(), None).unwrap().0;
        assert_eq!(again, workflow);
        let short = read("name: db, image: slipway/x:1, command: [run], ready: {tcp: 5432}", ", services: [db]");
        let check = Check::Tcp(5432);
        assert_eq!(short.services[0].ready, Some(Readiness { check, interval_s: 1.0, timeout_s: 60 }));
        assert_eq!(short.steps[0].services, Some(vec!["db".to_owned()]));
    }

    #[test]
    fn what_a_service_cannot_be_is_refused_with_a_reason() {
        for (services, step, why) in [
            ("name: Db, image: x, command: [y]", "", "'Db' is not a service's name"),
            ("name: localhost, image: x, command: [y]", "", "a container is 'localhost' to itself"),
            ("name: a, image: x, command: [y]", "", "'a' is also the name of a service"),
            ("name: db, image: x", "", "'command' is missing"),
            ("name: db, image: x, command: []", "", "what the image itself would run is not used"),
            ("name: db, command: [y]", "", "'image' is missing"),
            ("name: db, image: x, command: [y], tmpfs: {/proc/x: 1}", "", "'/proc/x' is at or below /proc"),
            ("name: db, image: x, command: [y], tmpfs: {/a/../b: 1}", "", "is not an absolute path of plain names"),
            ("name: db, image: x, command: [y], tmpfs: {/data: lots}", "", "expected an amount"),
            ("name: db, image: x, command: [y], volumes: [/]", "", "unknown key 'volumes'"),
            ("name: db, image: x, command: [y], privileged: true", "", "unknown key 'privileged'"),
            ("name: db, image: x, command: [y], ready: {}", "", "'tcp' or 'command' is missing"),
            ("name: db, image: x, command: [y], ready: {tcp: 1, command: [z]}", "", "not both"),
            ("name: db, image: x, command: [y], ready: {tcp: 70000}", "", "not between 1 and 65535"),
            ("name: db, image: x, command: [y], ready: {tcp: 1, timeout: 2h}", "", "expected a time of 1 s to 3600 s"),
            ("name: db, image: x, command: ['{{ .steps.a.output.x }}']", "", "a workflow's services are made before"),
            (PLAIN, ", services: [bd]", "there is no service 'bd'; did you mean 'db'?"),
            (PLAIN, ", services: [db], egress: ['h:1']", "not both"),
        ] {
            let said = refused(services, step);
            assert!(said.contains(why), "{services} {step}: {said}");
        }
    }

    #[test]
    fn the_older_dialects_have_no_services() {
        let text = "apiVersion: innominatus.io/v1alpha1\nkind: Workflow\nmetadata: {name: w}\nservices: [{name: db}]\nsteps: [{name: a, type: t, services: [x]}]\n";
        let (workflow, warnings) = parse(text, None).unwrap();
        assert!(workflow.services.is_empty() && workflow.steps[0].services.is_none());
        assert_eq!(workflow.steps[0].config["services"], json!(["x"]), "it is the step type's");
        assert!(warnings.iter().any(|warning| warning.message.contains("'services'")), "{warnings:?}");
    }
}
