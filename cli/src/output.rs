//! What people see: tables, ages, colours. Nothing that a server sends reaches a terminal with control characters in it.

use std::{io::IsTerminal as _, time::Duration};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use comfy_table::{Cell, Color, ContentArrangement, Table, presets};
use serde_json::Value;

/// Seconds between two looks with `--watch`.
const WATCH: Duration = Duration::from_secs(2);

/// Form of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// As the server sent it.
    Json,
    /// The same as YAML.
    Yaml,
    /// For Graphviz; `graph` only.
    Dot,
    /// For pages that draw Mermaid; `graph` only.
    Mermaid,
}

/// Flags of every command that shows something.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub(crate) struct Flags {
    /// Form of the output
    #[arg(short, long, global = true, value_enum, default_value_t, value_name = "FORM")]
    pub(crate) output: Format,
    /// No colours; the variable NO_COLOR does the same
    #[arg(long, global = true)]
    no_color: bool,
}

/// Shows values in the form that was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    /// The form.
    pub(crate) format: Format,
    /// Whether states have colours.
    pub(crate) colour: bool,
    /// Whether a person looks.
    pub(crate) terminal: bool,
}

impl Flags {
    /// The printer for these flags and this process's standard output.
    pub(crate) fn printer(&self) -> Printer {
        let terminal = std::io::stdout().is_terminal();
        let unwanted = self.no_color || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Printer { format: self.output, colour: terminal && !unwanted && !dumb, terminal }
    }
}

impl Printer {
    /// The text for `value`: in the form asked for, or as `table` draws it.
    ///
    /// # Errors
    /// When `table` cannot make sense of the value.
    pub(crate) fn render(
        self,
        value: &Value,
        table: impl FnOnce(Self, &Value) -> anyhow::Result<String>,
    ) -> anyhow::Result<String> {
        let text = match self.format {
            Format::Table => return table(self, value),
            Format::Json => serde_json::to_string_pretty(value).context("writing JSON")? + "\n",
            Format::Yaml => serde_yaml::to_string(value).context("writing YAML")?,
            Format::Dot | Format::Mermaid => {
                anyhow::bail!("only `slipway graph` has a form for pictures; take -o json or yaml")
            }
        };
        // A program gets what the server sent; a terminal is protected.
        Ok(if self.terminal { text.split_inclusive('\n').map(|line| clean(line) + "\n").collect() } else { text })
    }

    /// Prints [`Self::render`].
    ///
    /// # Errors
    /// When `table` cannot make sense of the value.
    pub(crate) fn print(
        self,
        value: &Value,
        table: impl FnOnce(Self, &Value) -> anyhow::Result<String>,
    ) -> anyhow::Result<()> {
        print(&self.render(value, table)?);
        Ok(())
    }

    /// A table without lines, as wide as its content.
    pub(crate) fn table(self, headers: &[&str], rows: Vec<Vec<String>>) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Disabled);
        if self.colour {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table.set_header(headers.iter().copied());
        for row in rows {
            table.add_row(row.into_iter().enumerate().map(|(column, text)| {
                let is_state = headers.get(column).is_some_and(|header| matches!(*header, "STATE" | "STATUS"));
                let cell = Cell::new(clean(&text));
                match colour_of(&text) {
                    Some(colour) if is_state => cell.fg(colour),
                    _ => cell,
                }
            }));
        }
        let last = headers.len().saturating_sub(1);
        for (index, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, if index == last { 0 } else { 2 }));
        }
        table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
    }

    /// A state, coloured.
    pub(crate) fn state(self, state: &str) -> String {
        let code = match colour_of(state) {
            Some(Color::Green) => "32",
            Some(Color::Red) => "31",
            Some(Color::Yellow) => "33",
            _ => return clean(state),
        };
        if self.colour { format!("\x1b[{code}m{}\x1b[0m", clean(state)) } else { clean(state) }
    }

    /// Shows what `look` gives, again and again until Ctrl-C, or once.
    ///
    /// # Errors
    /// The first time that `look` fails; later only for what will not pass by itself.
    pub(crate) async fn watch<F>(self, again: bool, mut look: impl FnMut() -> F) -> anyhow::Result<()>
    where
        F: Future<Output = anyhow::Result<String>>,
    {
        let mut shown = look().await?;
        if !again {
            print(&shown);
            return Ok(());
        }
        loop {
            if self.terminal {
                print(&format!("\x1b[H\x1b[2J{shown}"));
            } else {
                print(&shown);
            }
            let before = std::mem::take(&mut shown);
            // What is not for a terminal is printed when it changes, not every two seconds.
            while shown.is_empty() || (!self.terminal && shown == before) {
                tokio::time::sleep(WATCH).await;
                match look().await {
                    Ok(text) => shown = text,
                    Err(error) if crate::client::is_passing(&error) => warn(&format!("{error:#}")),
                    Err(error) => return Err(error),
                }
            }
        }
    }
}

/// Writes to standard output. A reader that went away (`| head`) ends the program quietly.
pub(crate) fn print(text: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// `println!` for commands: a reader that went away (`| head`) ends the program quietly.
macro_rules! say {
    ($($text:tt)*) => { $crate::output::print(&format!("{}\n", format_args!($($text)*))) };
}

/// `eprintln!` that does not mind when nobody reads it any more.
macro_rules! complain {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        drop(writeln!(std::io::stderr(), $($text)*));
    }};
}

pub(crate) use {complain, say};

/// Asks whoever sits at the terminal.
///
/// # Errors
/// When nobody does, or they do not say yes.
pub(crate) fn agree(question: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    anyhow::ensure!(
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal(),
        "{question} there is nobody to ask: say --yes, or look with --dry-run"
    );
    let mut err = std::io::stderr().lock();
    write!(err, "{question} [y/N] ").and_then(|()| err.flush()).context("asking")?;
    drop(err);
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).context("reading the answer")?;
    anyhow::ensure!(matches!(answer.trim(), "y" | "Y" | "yes"), "nothing was changed");
    Ok(())
}

/// Writes a warning to standard error.
pub(crate) fn warn(text: &str) {
    complain!("warning: {}", clean(text));
}

fn colour_of(state: &str) -> Option<Color> {
    match state.split([' ', '(']).next().unwrap_or_default() {
        "active" | "completed" | "done" | "live" | "open" => Some(Color::Green),
        "failed" | "degraded" | "error" | "lost" | "gone" => Some(Color::Red),
        "requested" | "provisioning" | "updating" | "terminating" | "pending" | "queued" | "running" | "suspended"
        | "waiting" | "draining" | "paused" | "drained" | "cordoned" => Some(Color::Yellow),
        _ => None,
    }
}

/// `text` on one line, without escape sequences, control characters and marks that turn the direction of writing.
pub(crate) fn clean(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\x1b' => match rest.next() {
                // Parameters and intermediate bytes, then one final byte.
                Some('[') => while rest.next().is_some_and(|c| !('\x40'..='\x7e').contains(&c)) {},
                // A title or a link: up to BEL or ESC \.
                Some(']' | 'P' | 'X' | '^' | '_') => {
                    while let Some(c) = rest.next() {
                        if c == '\x07' || (c == '\x1b' && rest.next_if_eq(&'\\').is_some()) {
                            break;
                        }
                    }
                }
                _ => {}
            },
            '\n' | '\t' => plain.push(' '),
            // Separators of lines and paragraphs; some terminals break the line there.
            '\u{2028}' | '\u{2029}' => plain.push(' '),
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            c if c.is_control() => {}
            c => plain.push(c),
        }
    }
    plain.truncate(plain.trim_end().len());
    plain
}

/// The first `length` characters, with a mark when there were more.
pub(crate) fn short(text: &str, length: usize) -> String {
    let text = clean(text);
    match text.char_indices().nth(length) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// How long ago, as `12s`, `5m`, `2h`, `3d`.
pub(crate) fn age(since: Option<DateTime<Utc>>) -> String {
    let whole = |since: DateTime<Utc>| (Utc::now() - since).num_seconds().max(0);
    // Clocks differ by more than a fraction of a second.
    since.map_or_else(
        || "-".into(),
        |since| match whole(since) {
            passed @ 0..3 => format!("{passed}s"),
            passed => seconds(passed as f64),
        },
    )
}

/// A length of time, as `0.4s`, `12s`, `5m`, `2h`, `3d`.
pub(crate) fn seconds(length: f64) -> String {
    let length = length.max(0.0);
    let whole = length as u64;
    match whole {
        0..3 => format!("{length:.1}s"),
        3..120 => format!("{whole}s"),
        120..600 if !whole.is_multiple_of(60) => format!("{}m{}s", whole / 60, whole % 60),
        120..7_200 => format!("{}m", whole / 60),
        7_200..172_800 => format!("{}h", whole / 3600),
        _ => format!("{}d", whole / 86_400),
    }
}

/// `-` for nothing.
pub(crate) fn or_dash(text: &Option<String>) -> String {
    text.clone().filter(|text| !text.is_empty()).unwrap_or_else(|| "-".into())
}

/// A value on one line: strings as they are, the rest as JSON.
pub(crate) fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => clean(text),
        other => clean(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_gets_through() {
        assert_eq!(clean("\x1b[31mred\x1b[0m \x1b]0;title\x07x\x1b]8;;http://evil\x1b\\link"), "red xlink");
        assert_eq!(clean("a\rb\x08c\u{9b}31md\u{202e}e\x7f\u{61c}"), "abc31mde");
        assert_eq!(clean("two\nlines"), "two lines");
        assert_eq!(clean("\x1b"), "");
    }

    #[test]
    fn ages_are_as_long_as_they_need_to_be() {
        let shown: Vec<String> = [0.42, 59.0, 150.0, 900.0, 7_300.0, 200_000.0].into_iter().map(seconds).collect();
        assert_eq!(shown, ["0.4s", "59s", "2m30s", "15m", "2h", "2d"]);
    }

    #[test]
    fn a_table_without_a_terminal_has_no_colours_and_no_trailing_spaces() {
        let printer = Printer { format: Format::Table, colour: false, terminal: false };
        let rows = vec![vec!["db".into(), "active".into()], vec!["cache\x1b[2J".into(), "failed".into()]];
        assert_eq!(printer.table(&["NAME", "STATE"], rows), "NAME   STATE\ndb     active\ncache  failed\n");
    }
}
