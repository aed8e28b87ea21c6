//! What stands inside files, requests and tickets.

use serde_json::{Map, Value, json};
use shared::{
    formats::{
        audit_log::Verifier,
        condition, duration,
        placeholder::{self, Reference},
        registry, source, template,
    },
    outgoing::{Secret, signature},
    queue::Ticket,
    store::labels::LabelSelector,
};

use crate::{Finding, Target, corpus, ensure, files, fuzz};

/// What readers may take for the smallest of texts: mostly patterns, compiled when first used.
const ALLOWANCE: usize = 4 * 1024 * 1024;
/// A condition is read in files of four dialects, and compiles the patterns in it.
const CONDITION_ALLOWANCE: usize = 32 * 1024 * 1024;

const CONDITIONS: &[&str] = &[
    "parameters.size",
    "parameters",
    "steps.build.output.x",
    "steps['build']",
    "variables.BRANCH",
    "item",
    "index",
    "run.team",
    " == ",
    " != ",
    " <= ",
    " && ",
    " || ",
    "!",
    "(",
    ")",
    "-",
    " in ",
    " ? ",
    " : ",
    "has(",
    "size(",
    "same(",
    "compare(",
    "truthy(",
    "get(",
    "text(",
    "seconds(",
    ".matches('",
    ".exists(x, ",
    ".all(x, ",
    ".map(x, ",
    ".filter(x, ",
    "[1, 2]",
    "{'a': 1}",
    "'a'",
    "\"a\"",
    "b'a'",
    "1u",
    "1.5",
    "0x1f",
    "9223372036854775807",
    "timestamp('2020-01-01T00:00:00Z')",
    "duration('1h')",
    "${parameters.env}",
    "${build.x}",
    "$BRANCH",
    "build.success",
    "build.failed",
    " contains ",
    " startsWith ",
    " matches ",
    "^(a|b)+$",
    "{{ .parameters.env }}",
    "{{ if eq .parameters.env \"x\" }}",
    "{{ not .parameters.env }}",
    "{{ and ",
    "{{- ",
    "true",
    "null",
];
const PLACEHOLDERS: &[&str] = &[
    "${resources.db.host}",
    "${resources.db}",
    "${metadata.name}",
    "${secrets.TOKEN}",
    "$$",
    "\\.",
    ".",
    "${",
    "}",
    "${resources.a\\.b.c}",
    "${x}",
    "{{ .parameters.x }}",
    "{{",
    "}}",
    "{{/* ",
    "*/}}",
];
const DURATIONS: &[&str] = &[
    "ms",
    "s",
    "m",
    "h",
    "d",
    "1",
    "0",
    ".",
    "1e308",
    "inf",
    "nan",
    "-",
    "+",
    "1h30m",
    "٣",
    "E5",
    "9999999999999999999999999999d",
];
const LABELS: &[&str] = &["a=b", "a!=b", "!a", "a", ",", "=", "==", "!=", "!", " ", "a/b.c-d_e", "a=b=c", "a=\u{0}"];
const PINS: &[&str] = &[
    "core=1.2.3",
    "core=^1",
    "core>=1.2 <2",
    "postgres=*",
    ",",
    "\n",
    "v1.2.3-rc.1+b",
    "=",
    "==",
    "~1",
    "99999999999999999999",
    "x",
];
const SOURCES: &[&str] = &[
    "https://",
    "http://",
    "ssh://",
    "file://",
    "git@",
    "ext::",
    "@",
    ":",
    "//",
    "/",
    "..",
    "#",
    "?",
    "%2e%2e",
    "%00",
    "[::1]",
    "localhost",
    "127.0.0.1",
    "--upload-pack=x",
    ".git",
    "refs/heads/",
    "@{",
    "~",
    "^",
    ".lock",
];
const TICKETS: &[&str] = &[
    "run=",
    "fence=",
    "=",
    "\n",
    "0193a5f0-7c1e-7000-8000-000000000001",
    "{0193a5f0-7c1e-7000-8000-000000000001}",
    "urn:uuid:",
    "-1",
    "+1",
    "9223372036854775808",
    "01",
    "1.5",
    "extra=x",
];
const SECRETS: &[&str] = &["whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "=", "==", "AAAA", "+/", "-_"];
const ENTRIES: &[&str] = &[
    "\"seq\":1",
    "\"seq\":null",
    "\"id\":3",
    "\"previous\":",
    "\"hash\":",
    "\"0000000000000000000000000000000000000000000000000000000000000000\"",
    "{",
    "}",
    ",",
    "1e5",
    "-0",
    "\"a\":\"\\ud83d\\ude00\"",
    "9223372036854775807",
];

fn target(name: &'static str, words: &'static [&'static str], check: fn(&[u8]) -> Finding) -> Target {
    Target { name, seeds: corpus::seeds(name), words, allowance: ALLOWANCE, check: Box::new(check) }
}

fn text(input: &[u8]) -> String {
    String::from_utf8_lossy(input).into_owned()
}

/// A condition as such, and in a file of each dialect; what those make of it is written and read by [`files::any_workflow`].
fn any_condition(input: &[u8]) -> Finding {
    let text = text(input);
    let context = json!({
        "parameters": {"size": 3, "env": "e", "tags": ["a", "b"], "nested": {"a": {"b": null}}},
        "steps": {"build": {"status": "completed", "success": true, "failed": false, "skipped": false, "output": {"x": "12"}}},
        "variables": {"BRANCH": "main"}, "settings": {}, "run": {"team": "blue"}, "item": 1, "index": 0,
    });
    let context: Map<String, Value> = context.as_object().cloned().unwrap_or_default();
    let evaluated = condition::evaluate(&text, &context);
    if let Err(message) = &evaluated {
        ensure(!message.is_empty() && message.len() <= 8192, || format!("{} bytes of explanation", message.len()))?;
    }
    let mut read = evaluated.is_ok();
    for file in files::with_condition(&text) {
        read |= files::any_workflow(&file).map_err(|finding| format!("{finding}\nof the file {file}"))?;
    }
    Ok(read)
}

fn any_placeholders(input: &[u8]) -> Finding {
    let text = text(input);
    let value = json!({"a": [text]});
    let _ = template::names(&value);
    let _ = placeholder::secrets(&value);
    let escaped = placeholder::resolve(&json!(text.replace('$', "$$")), &|_| None);
    ensure(escaped == Ok(json!(text)), || format!("escaped, it is another: {escaped:?}"))?;
    let named = placeholder::references(&value);
    let filled = placeholder::resolve(&value, &|reference| {
        Some(match reference {
            Reference::Secret(name) => json!(name),
            Reference::Metadata(keys) => json!(keys.len()),
            Reference::Resource { path, .. } => json!({ "path": path }),
        })
    });
    match (&named, &filled) {
        (Ok(named), Ok(filled)) => {
            ensure(named.len() <= text.len() / 4, || format!("{} references", named.len()))?;
            let size = filled.to_string().len();
            ensure(size <= 32 + 16 * text.len(), || format!("{} bytes filled to {size}", text.len()))?;
            ensure(!named.is_empty() || !text.contains("${") || text.contains("$$"), || {
                "nothing was named".to_owned()
            })?;
            if let Some(reference) = named.first() {
                let missing = placeholder::resolve(&value, &|other| (other != reference).then_some(Value::Null));
                ensure(missing.is_err(), || format!("{reference:?} was not missed"))?;
            }
            Ok(true)
        }
        (Err(problem), Err(_)) => {
            ensure(problem.message.len() <= 1024, || format!("{} bytes of explanation", problem.message.len()))?;
            Ok(false)
        }
        _ => Err(format!("found and filled differ: {named:?}, {filled:?}")),
    }
}

fn any_duration(input: &[u8]) -> Finding {
    let Some(seconds) = duration::seconds(&json!(text(input))) else { return Ok(false) };
    ensure(seconds.is_finite() && seconds >= 0.0, || format!("{seconds} seconds"))?;
    for written in [json!(seconds), json!(seconds.to_string()), json!(format!("{seconds}s"))] {
        let again = duration::seconds(&written);
        ensure(again == Some(seconds), || format!("{seconds} written as {written} is {again:?}"))?;
    }
    Ok(true)
}

fn any_selector(input: &[u8]) -> Finding {
    let text = text(input);
    let selector: LabelSelector = match text.parse() {
        Ok(selector) => selector,
        Err(error) => {
            let message = error.to_string();
            return ensure(message.len() <= 512, || format!("{} bytes of explanation", message.len())).map(|()| false);
        }
    };
    let equal = selector.equal.iter().map(|(name, value)| format!("{name}=={}", value.as_str().unwrap_or_default()));
    let unequal = selector.unequal.iter().map(|(name, value)| format!("{name}!={value}"));
    let absent = selector.absent.iter().map(|name| format!("!{name}"));
    let terms: Vec<String> = equal.chain(unequal).chain(selector.present.iter().cloned()).chain(absent).collect();
    ensure(terms.len() <= text.split(',').count(), || format!("{} terms", terms.len()))?;
    let written = terms.join(",");
    let again = written.parse();
    ensure(again == Ok(selector), || format!("written as {written} it is {again:?}"))?;
    Ok(true)
}

fn any_pins(input: &[u8]) -> Finding {
    let text = text(input);
    let _ = registry::parse_pin(&text);
    let pins = match registry::parse_pins(&text) {
        Ok(pins) => pins,
        Err(message) => {
            return ensure(message.len() <= 1024, || format!("{} bytes of explanation", message.len())).map(|()| false);
        }
    };
    let written = pins.iter().map(|(name, wanted)| format!("{name}={wanted}")).collect::<Vec<_>>().join(",");
    let again = registry::parse_pins(&written);
    ensure(again.as_ref() == Ok(&pins), || format!("written as {written} they are {again:?}"))?;
    Ok(true)
}

/// Where providers may come from. What is admitted has no way out: no other protocol, no option, no password.
fn any_source(input: &[u8]) -> Finding {
    let text = text(input);
    let reference = source::check_reference(&text);
    if reference.is_ok() {
        let plain =
            !text.is_empty() && !text.starts_with('-') && !text.contains("..") && !text.contains(char::is_control);
        ensure(plain, || format!("{text:?} is admitted as a reference"))?;
    }
    let split = source::split(&text);
    let url = source::check_url(split.map_or(text.as_str(), |(url, _)| url));
    if let Ok(url) = &url {
        ensure(["https", "http", "ssh", "file", "git"].contains(&url.scheme()), || format!("{url} is admitted"))?;
        ensure(url.password().is_none(), || format!("{url} is admitted with its password"))?;
        let again = source::check_url(url.as_str());
        ensure(again.as_ref() == Ok(url), || format!("{url} is {again:?} when it is read again"))?;
    }
    Ok(reference.is_ok() || url.is_ok())
}

/// A stream entry: `name=value` a line.
fn any_ticket(input: &[u8]) -> Finding {
    let pair = |line: &[u8]| {
        let at = line.iter().position(|byte| *byte == b'=')?;
        Some((line[..at].to_vec(), line[at + 1..].to_vec()))
    };
    let fields = input.split(|byte| *byte == b'\n').filter_map(pair).collect();
    let Ok(ticket) = Ticket::from_fields(&fields) else { return Ok(false) };
    let written = ticket.to_fields().map(|(name, value)| (name.as_bytes().to_vec(), value.into_bytes()));
    let again = Ticket::from_fields(&written.into());
    ensure(again == Ok(ticket), || format!("{ticket:?} is {again:?} when it is read again"))?;
    Ok(true)
}

/// A secret that deliveries are signed with.
fn any_signing_secret(input: &[u8]) -> Finding {
    let text = text(input);
    let Ok(secret) = text.parse::<Secret>() else { return Ok(false) };
    ensure(secret.to_text() == text, || format!("{text} is written as {}", secret.to_text()))?;
    let signed = signature(&[&secret], "id", 0, input);
    ensure(signed.starts_with("v1,") && signed.len() == 47, || signed.clone())?;
    Ok(true)
}

/// An exported audit log. Whatever is accepted in a chain says in its hashes all that it holds.
fn any_audit_log(input: &[u8]) -> Finding {
    let mut verifier = Verifier::new().partial();
    for line in input.split(|byte| *byte == b'\n') {
        let Ok(entry) = serde_json::from_slice::<Value>(line) else { return Ok(false) };
        if verifier.feed(&entry).is_err() {
            return Ok(false);
        }
        if let (Some(Value::Number(_)), Some(members)) = (entry.get("seq"), entry.as_object()) {
            let mut altered = members.clone();
            altered.insert("extra".to_owned(), json!(members.get("extra").is_none()));
            let accepted = Verifier::new().partial().feed(&Value::Object(altered)).is_ok();
            ensure(!accepted, || "an entry with something added is accepted".to_owned())?;
        }
    }
    verifier.finish().map(|_| true).or(Ok(false))
}

#[test]
fn any_text_is_read_as_a_condition_or_refused() {
    fuzz(&Target { allowance: CONDITION_ALLOWANCE, ..target("condition", CONDITIONS, any_condition) });
}

#[test]
fn any_text_is_searched_for_placeholders_or_refused() {
    fuzz(&target("placeholder", PLACEHOLDERS, any_placeholders));
}

#[test]
fn any_text_is_read_as_a_duration_or_refused() {
    fuzz(&target("duration", DURATIONS, any_duration));
}

#[test]
fn any_text_is_read_as_a_label_selector_or_refused() {
    fuzz(&target("selector", LABELS, any_selector));
}

#[test]
fn any_text_is_read_as_pins_of_providers_or_refused() {
    fuzz(&target("pins", PINS, any_pins));
}

#[test]
fn any_text_is_read_as_the_address_of_a_source_or_refused() {
    fuzz(&target("source", SOURCES, any_source));
}

#[test]
fn any_stream_entry_is_read_as_a_ticket_or_refused() {
    fuzz(&target("ticket", TICKETS, any_ticket));
}

#[test]
fn any_text_is_read_as_a_secret_for_signatures_or_refused() {
    fuzz(&target("signing-secret", SECRETS, any_signing_secret));
}

#[test]
fn any_lines_are_verified_as_an_audit_log_or_refused() {
    fuzz(&target("audit-log", ENTRIES, any_audit_log));
}
