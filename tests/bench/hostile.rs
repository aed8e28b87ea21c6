//! Bodies that mean harm, through HTTP, and files of providers: how long until each is refused.

mod workflows;

use std::time::Instant;

use anyhow::ensure;
use tests::stack::{Options, Stack};

use crate::report::{Figure, Report, percentile};

/// Times each body is sent; the median counts.
const TIMES: usize = 9;
const MOST_MS: f64 = 100.0;
const MOST_BYTES: usize = 1024 * 1024;

pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let stack = Stack::start(Options { workers: 0, ..Options::scripted() }).await?;
    for (name, body) in bodies() {
        let mut taken = Vec::with_capacity(TIMES);
        for _ in 0..TIMES {
            let began = Instant::now();
            let answer = stack.client.submit(&body).await?;
            taken.push(began.elapsed().as_secs_f64() * 1e3);
            ensure!(answer.status.is_client_error(), "{name} was answered {}", answer.status);
        }
        let median = percentile(&mut taken, 0.5);
        let figure = Figure::new(format!("refusing {name}"), median, "ms").against("limit", MOST_MS);
        report.add(figure.goal("< 100 ms", median < MOST_MS));
    }
    stack.finish().await?;
    workflow_files(report);
    Ok(())
}

/// The files of workflows alone, which need no server.
pub(crate) fn workflow_files(report: &mut Report) {
    workflows::measure(report);
}

/// Each as large as a body may be, or as its own limit lets it grow.
fn bodies() -> Vec<(&'static str, String)> {
    let filled = |start: &str, piece: &str, end: &str| {
        let times = (MOST_BYTES - start.len() - end.len()) / piece.len();
        format!("{start}{}{end}", piece.repeat(times))
    };
    let numbered = |piece: fn(usize) -> String| {
        let mut text = String::with_capacity(MOST_BYTES);
        for number in 0.. {
            let piece = piece(number);
            if text.len() + piece.len() > MOST_BYTES {
                break;
            }
            text.push_str(&piece);
        }
        text
    };
    let mut aliases = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for n in 1..5000 {
        aliases.push_str(&format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(", ")));
    }
    aliases.truncate(MOST_BYTES);
    vec![
        ("aliases of aliases", aliases),
        ("brackets in brackets", "[".repeat(MOST_BYTES)),
        ("JSON in JSON", filled("", "{\"a\":", "")),
        ("lists in lists", filled("", "- ", "")),
        ("a hundred thousand short values", filled("a: [", "1,", "]")),
        ("keys without end", numbered(|n| format!("k{n}: 1\n"))),
        ("duplicate keys", filled("", "k: 1\n", "")),
        ("unknown keys in a container", {
            let head = "apiVersion: score.dev/v1b1\nmetadata: {name: shop}\ncontainers:\n  m:\n    image: x\n";
            format!("{head}{}", numbered(|n| format!("    u{n}: 1\n")).split_at(900_000).0)
        }),
        ("one long text", filled("a: \"", "x", "\"")),
        ("one text of escapes", filled("a: \"", "\\u00e9", "\"")),
        ("placeholders without end", {
            let head = "apiVersion: score.dev/v1b1\nmetadata: {name: shop}\ncontainers: {m: {image: x}}\nresources: {db: {type: t, params: {v: \"";
            filled(head, "${resources.", "\"}}}")
        }),
    ]
}
