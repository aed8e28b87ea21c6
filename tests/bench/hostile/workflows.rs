//! Workflow files that mean harm, read as a provider's are: how long until each is refused or understood.

use std::{hint::black_box, time::Instant};

use shared::formats::workflow::{self, Options};

use super::{MOST_MS, TIMES};
use crate::report::{Figure, Report, percentile};

/// Bytes that a file may have.
const MOST_BYTES: usize = 1024 * 1024;
/// Steps that a workflow may have.
const MOST_STEPS: usize = 200;
/// How many are shown, the worst first.
const SHOWN: usize = 5;

/// Measures every file and shows those that take the longest.
pub(crate) fn measure(report: &mut Report) {
    let options = Options { step_types: Some(&["shell", "terraform", "kubernetes"]), ..Options::default() };
    let mut figures: Vec<(f64, &str)> = Vec::new();
    let files = files();
    let count = files.len();
    for (name, text) in files {
        let read = || {
            let began = Instant::now();
            let _ = black_box(workflow::parse_all(black_box(&text), &options));
            began.elapsed().as_secs_f64() * 1e3
        };
        figures.push((percentile(&mut (0..TIMES).map(|_| read()).collect::<Vec<_>>(), 0.5), name));
    }
    figures.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (at, (median, name)) in figures.into_iter().take(SHOWN).enumerate() {
        let figure = Figure::new(format!("worst workflow file {} of {count}: {name}", at + 1), median, "ms");
        report.add(figure.against("limit", MOST_MS).goal("< 100 ms", median < MOST_MS));
    }
}

/// A file of one dialect with these steps.
fn steps(api_version: &str, step: impl Fn(usize) -> String, count: usize) -> String {
    let head = format!("apiVersion: {api_version}\nkind: Workflow\nmetadata: {{name: w}}\n");
    let (open, indent) = if api_version.starts_with("slipway") || api_version.ends_with("v1alpha1") {
        ("steps:\n", "")
    } else {
        ("spec:\n  steps:\n", "  ")
    };
    let mut text = head + open;
    for number in 0..count {
        let step = format!("{indent}  - {{name: s{number}, type: shell, {}}}\n", step(number));
        if text.len() + step.len() > MOST_BYTES {
            break;
        }
        text.push_str(&step);
    }
    text
}

fn own(step: impl Fn(usize) -> String) -> String {
    steps("slipway.dev/v1", step, MOST_STEPS)
}

fn flat(step: impl Fn(usize) -> String) -> String {
    steps("innominatus.io/v1alpha1", step, MOST_STEPS)
}

fn wrapped(step: impl Fn(usize) -> String) -> String {
    steps("workflow.dev/v1", step, MOST_STEPS)
}

/// Each as large as a file may be, or as its own limit lets it grow.
fn files() -> Vec<(&'static str, String)> {
    let script = |text: &str| format!("config: {{script: \"{text}\"}}");
    let names = |count: usize, name: fn(usize) -> String| (0..count).map(name).collect::<Vec<_>>();
    let long = "x".repeat(4000);
    let mut files = vec![
        ("steps without end", steps("slipway.dev/v1", |_| script("ls"), 9_000)),
        (
            "every step after every other",
            own(|n| format!("dependsOn: [{}], {}", names(n, |m| format!("s{m}")).join(", "), script("ls"))),
        ),
        ("a circle of all steps", own(|n| format!("dependsOn: [s{}], {}", (n + 1) % MOST_STEPS, script("ls")))),
        (
            "dependencies that do not exist",
            own(|n| {
                format!(
                    "dependsOn: [{}], {}",
                    names(40, |m| format!("z{m}")).join(", ") + &format!("{n}"),
                    script("ls")
                )
            }),
        ),
        ("step types that are nearly one", own(|n| format!("config: {{a: {n}}}")).replace("type: shell", "type: shel")),
        ("templates without end", own(|_| script(&"{{ .parameters.x }}".repeat(200)))),
        ("templates that never end", own(|_| script(&"{{ if .parameters.x }}".repeat(200)))),
        (
            "one large template",
            own(|n| if n == 0 { script(&"{{ .parameters.x | upper }}".repeat(30_000)) } else { script("ls") }),
        ),
        ("templates in templates", own(|_| script(&("{{ ".repeat(500) + &" }}".repeat(500))))),
        ("parentheses in templates", own(|_| script(&format!("{{{{ {}1{} }}}}", "(".repeat(1500), ")".repeat(1500))))),
        ("references to steps that do not exist", flat(|_| script(&"{{ .steps.nothing.output.x }}".repeat(100)))),
        ("references by dollars", wrapped(|_| script(&"${parameters.nothing}".repeat(150)))),
        ("dollars", wrapped(|_| script(&"$".repeat(5_000)))),
        ("dollars and braces", wrapped(|_| script(&"${".repeat(2_500)))),
        ("step outputs by dollars", wrapped(|n| script(&format!("${{s{}.out}}", n / 2).repeat(250)))),
        (
            "older conditions without end",
            flat(|_| format!("if: \"{}\", {}", vec!["parameters.x == 'a'"; 40].join(" && "), script("ls"))),
        ),
        (
            "older conditions in parentheses",
            flat(|_| format!("if: \"{}a{}\", {}", "(".repeat(24), ")".repeat(24), script("ls"))),
        ),
        (
            "conditions in Go",
            flat(|_| format!("if: \"{{{{ {}1 1{} }}}}\", {}", "and (eq ".repeat(20), ")".repeat(20), script("ls"))),
        ),
        (
            "long conditions",
            own(|_| format!("if: \"{}\", {}", vec!["parameters.x == 1"; 100].join(" && "), script("ls"))),
        ),
        (
            "conditions in parentheses",
            own(|_| format!("if: \"{}true{}\", {}", "(".repeat(300), ")".repeat(300), script("ls"))),
        ),
        (
            "conditions in brackets",
            own(|_| format!("if: \"{}1{} == 1\", {}", "[".repeat(40), "]".repeat(40), script("ls"))),
        ),
        (
            "conditions with loops",
            own(|_| {
                format!("if: \"[1].all(a, [1].all(b, a == b)) && {}\", {}", vec!["true"; 50].join(" && "), script("ls"))
            }),
        ),
        ("conditions that are none", own(|_| format!("if: \"{}\", {}", "&& ".repeat(100), script("ls")))),
        (
            "patterns in conditions",
            own(|_| format!("if: \"parameters.x.matches('{}')\", {}", "(a{30}){30}".repeat(8), script("ls"))),
        ),
        ("lists to run over", own(|_| format!("forEach: [{}], {}", vec!["1"; 40].join(", "), script("ls")))),
        ("unknown keys", own(|_| names(45, |m| format!("u{m}: 1")).join(", "))),
        ("one text as large as a file", own(|n| if n == 0 { script(&"x".repeat(900_000)) } else { script("ls") })),
    ];
    let parameters = |each: &dyn Fn(usize) -> String, count: usize| {
        let list: String = (0..count).map(|number| format!("  - {{name: p{number}, {}}}\n", each(number))).collect();
        format!(
            "apiVersion: slipway.dev/v1\nkind: Workflow\nmetadata: {{name: w}}\nparameters:\n{list}steps:\n  - {{name: a, type: shell, config: {{script: ls}}}}\n"
        )
    };
    files.push((
        "patterns of parameters",
        parameters(&|_| "type: string, pattern: \"((a{20}){20}){20}\"".to_owned(), 500),
    ));
    files.push((
        "defaults that are made of others",
        parameters(&|n| format!("type: string, default: \"{{{{ .parameters.p{} }}}}\"", n + 1), 900),
    ));
    files.push(("allowed values", parameters(&|_| format!("type: string, enum: [{long}, {long}]"), 120)));
    let document = own(|_| script("{{ .parameters.x }}"));
    files.push((
        "many workflows in one file",
        vec![steps("orchestrator.innominatus.dev/v1", |_| "config: {script: \"${parameters.x}\"}".to_owned(), 25); 60]
            .join("---\n"),
    ));
    files.push((
        "outputs without end",
        format!(
            "{document}outputs:\n{}",
            names(2_500, |m| format!("  o{m}: \"{{{{ .steps.s1.output.x }}}}\"\n")).concat()
        ),
    ));
    files
}
