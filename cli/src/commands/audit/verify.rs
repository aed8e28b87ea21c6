//! `slipway audit verify`.

use std::{
    io::{BufRead as _, BufReader, Read},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::Deserialize as _;
use serde_json::{Value, json};
use shared::formats::audit_log::{Break, SignedHead, Verified, Verifier, parse_hash};

use super::{Lines, MAX_LINE};
use crate::{
    commands::Globals,
    failure::Failure,
    output::{self, Format},
};

/// What is verified, and against what.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// An export; `-` for standard input; without it, the server's record
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// A head that was noted before, NUMBER:HASH; may be given several times
    #[arg(long, value_name = "HEAD", value_parser = head)]
    head: Vec<(i64, [u8; 32])>,
    /// A file with heads that were noted before: of `slipway audit head -o json`, or a scheduler's log
    #[arg(long, value_name = "FILE")]
    heads: Option<PathBuf>,
    /// Takes only heads of --heads that are signed with this key (hexadecimal, as `slipway audit head -o json` shows it)
    #[arg(long, value_name = "KEY", requires = "heads")]
    public_key: Option<String>,
    /// The file holds a part of the record: its first entry is believed about the one before
    #[arg(long, requires = "file")]
    partial: bool,
}

fn head(text: &str) -> Result<(i64, [u8; 32]), String> {
    let read = text.split_once(':').and_then(|(seq, hash)| Some((seq.parse().ok()?, parse_hash(hash)?)));
    read.ok_or_else(|| "NUMBER:HASH, the hash in 64 hexadecimal digits".to_owned())
}

/// Carries it out.
///
/// # Errors
/// When the record cannot be read; `Failure::Said(1)` when it is not whole, after saying where.
pub(super) async fn run(globals: &Globals, arguments: Arguments) -> anyhow::Result<()> {
    let mut verifier = Verifier::new();
    if arguments.partial {
        verifier = verifier.partial();
    }
    for (seq, hash) in &arguments.head {
        verifier = verifier.with_head(*seq, *hash);
    }
    if let Some(path) = &arguments.heads {
        for noted in noted(path, arguments.public_key.as_deref())? {
            let hash = parse_hash(&noted.hash).with_context(|| format!("{}: a head without a hash", path.display()))?;
            verifier = verifier.with_head(noted.seq, hash);
        }
    }
    let outcome = match &arguments.file {
        Some(path) => offline(path, verifier)?,
        None => online(globals, verifier).await?,
    };
    say(globals, outcome)
}

fn say(globals: &Globals, outcome: Result<Verified, Break>) -> anyhow::Result<()> {
    let printer = globals.printer();
    let value = match &outcome {
        Ok(it) => json!({"valid": true, "first": it.first, "last": it.last, "hash": hex::encode(it.hash),
                         "unchained": it.unchained, "heads": it.heads}),
        Err(broken) => json!({"valid": false, "problem": broken.to_string()}),
    };
    if printer.format != Format::Table {
        printer.print(&value, |_, _| Ok(String::new()))?;
    }
    match outcome {
        Ok(it) if printer.format == Format::Table => {
            if it.last == 0 {
                output::say!("the record holds no chained entries");
            } else {
                output::say!(
                    "entries {} to {} are as they were chained\nlast: {}:{}",
                    it.first,
                    it.last,
                    it.last,
                    hex::encode(it.hash)
                );
            }
            if it.unchained > 0 {
                output::say!("{} more are not chained yet: nothing is said about those", it.unchained);
            }
            match it.heads {
                0 => output::say!("no head was given: entries missing at the end would not be noticed"),
                heads => output::say!("{heads} noted head(s) found again"),
            }
            Ok(())
        }
        Ok(_) => Ok(()),
        Err(broken) => {
            if printer.format == Format::Table {
                output::complain!("the record is not whole: {broken}");
            }
            Err(Failure::Said(1).into())
        }
    }
}

async fn online(globals: &Globals, mut verifier: Verifier) -> anyhow::Result<Result<Verified, Break>> {
    let mut lines = Lines::of(&globals.client()?, 0, false).await?;
    while let Some(line) = lines.next().await? {
        if let Err(broken) = verifier.feed(&line) {
            return Ok(Err(broken));
        }
    }
    Ok(verifier.finish())
}

fn offline(path: &Path, mut verifier: Verifier) -> anyhow::Result<Result<Verified, Break>> {
    for line in lines(path)? {
        let line = line.with_context(|| format!("reading {}", path.display()))?;
        if line.trim().is_empty() {
            continue;
        }
        // What is not JSON is not an entry either.
        let entry: Value = serde_json::from_str(&line).unwrap_or(Value::Null);
        if let Err(broken) = verifier.feed(&entry) {
            return Ok(Err(broken));
        }
    }
    Ok(verifier.finish())
}

/// The lines of a file, none of them without an end.
fn lines(path: &Path) -> anyhow::Result<impl Iterator<Item = std::io::Result<String>>> {
    let source: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(path).with_context(|| format!("opening {}", path.display()))?)
    };
    let mut source = BufReader::new(source);
    Ok(std::iter::from_fn(move || {
        let mut line = Vec::new();
        match source.by_ref().take(MAX_LINE as u64).read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(MAX_LINE) => Some(Err(std::io::Error::other(format!("a line has over {MAX_LINE} bytes")))),
            Ok(_) => Some(String::from_utf8(line).map_err(std::io::Error::other)),
            Err(error) => Some(Err(error)),
        }
    }))
}

/// The heads in a file: each line is one as JSON, or the line of a log with one in it, as text or as JSON.
fn noted(path: &Path, key: Option<&str>) -> anyhow::Result<Vec<SignedHead>> {
    let mut found = Vec::new();
    for line in lines(path)? {
        let line = line.with_context(|| format!("reading {}", path.display()))?;
        let Some(head) = head_in(&line) else { continue };
        if let Some(key) = key {
            head.verify(key).with_context(|| format!("{}", path.display()))?;
        }
        found.push(head);
    }
    anyhow::ensure!(!found.is_empty(), "{} holds no head of an audit log", path.display());
    Ok(found)
}

fn head_in(line: &str) -> Option<SignedHead> {
    if let Ok(value) = serde_json::from_str::<Value>(line) {
        if let Ok(head) = SignedHead::deserialize(&value) {
            return Some(head);
        }
        let message = value["fields"]["message"].as_str().or_else(|| value["message"].as_str())?;
        return head_in_text(message);
    }
    head_in_text(line)
}

fn head_in_text(text: &str) -> Option<SignedHead> {
    let (_, rest) = text.split_once("audit head ")?;
    // What follows the head on the line is not its own.
    serde_json::Deserializer::from_str(rest).into_iter().next()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_found_in_every_form_they_are_written_in() {
        let head = SignedHead::now("slipway", 7, &[3; 32], None);
        let json = serde_json::to_string(&head).unwrap();
        let pretty_log = format!("2026-01-31T14:05:00Z  INFO scheduler: audit head {json} seq=7");
        let json_log =
            json!({"level": "INFO", "fields": {"message": format!("audit head {json}"), "seq": 7}}).to_string();
        for line in [&json, &pretty_log, &json_log] {
            assert_eq!(head_in(line).as_ref(), Some(&head), "{line}");
        }
        assert_eq!(head_in("nothing of the kind"), None);
        assert_eq!(head_in("{}"), None);
    }
}
