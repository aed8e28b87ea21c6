//! YAML or JSON text to values, under limits, with the place of every value.
//!
//! The text is read event by event and given up at the first limit it passes, so what a hostile file costs does not
//! depend on what it would expand to.

mod build;
mod scalar;

use std::collections::HashMap;

use saphyr_parser::{Event, Parser};
use serde_json::Value;

use super::problem::{Problem, code};

/// Bytes a text may have.
pub const MAX_BYTES: usize = 1024 * 1024;
/// Mappings and sequences inside each other.
pub const MAX_DEPTH: usize = 64;
/// Keys and values in all, those that aliases repeat counted each time.
pub const MAX_NODES: usize = 10_000;
/// Aliases in all.
pub const MAX_ALIASES: usize = 64;
/// Bytes of text that aliases may repeat.
const MAX_REPEATED_BYTES: usize = 4 * MAX_BYTES;
/// Steps that the parser may take to keep track of open flow brackets.
const MAX_FLOW_WORK: usize = 3_000_000;
/// Separators inside flow brackets.
const MAX_FLOW_SEPARATORS: usize = 5 * MAX_NODES;
/// Documents that one text may hold where several are allowed.
pub const MAX_DOCUMENTS: usize = 64;

/// A place in a text, counted from 1; columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

/// Where each value of a document is.
#[derive(Clone, Debug, Default)]
pub struct Positions {
    root: Option<Place>,
}

#[derive(Clone, Debug)]
struct Place {
    key: Option<Position>,
    value: Position,
    /// Characters between the start of a value and its text: 1 for a quote. None where a text does not start on its line.
    inset: Option<u32>,
    children: Children,
}

#[derive(Clone, Debug)]
enum Children {
    None,
    Map(HashMap<String, Place>),
    List(Vec<Place>),
}

impl Positions {
    /// The place of the key that names the value at `path` (of the value itself in a sequence), or of the nearest
    /// value around it that exists.
    #[must_use]
    pub fn of(&self, path: &str) -> Option<Position> {
        self.place(path).map(|place| place.key.unwrap_or(place.value))
    }

    /// The place of the `column`th character (from 1) of the string at `path`; None where that cannot be told from the
    /// string alone, as in one over several lines.
    #[must_use]
    pub fn within(&self, path: &str, column: u32) -> Option<Position> {
        let place = self.place(path)?;
        let column = place.value.column.checked_add(place.inset?)?.checked_add(column.saturating_sub(1))?;
        Some(Position { line: place.value.line, column })
    }

    fn place(&self, path: &str) -> Option<&Place> {
        let mut at = self.root.as_ref()?;
        for segment in path.split('/').skip(1) {
            let segment = segment.replace("~1", "/").replace("~0", "~");
            let next = match &at.children {
                Children::None => None,
                Children::Map(map) => map.get(&segment),
                Children::List(list) => segment.parse::<usize>().ok().and_then(|index| list.get(index)),
            };
            match next {
                Some(next) => at = next,
                None => break,
            }
        }
        Some(at)
    }
}

/// Neither YAML nor Postgres has a zero byte in a text.
fn refuse_zero_bytes(text: &str) -> Result<(), Vec<Problem>> {
    let Some(at) = text.find('\0') else { return Ok(()) };
    let before = &text[..at];
    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    let line = count(before.matches('\n').count()).saturating_add(1);
    let column = count(before.rsplit('\n').next().unwrap_or_default().chars().count()).saturating_add(1);
    let problem = Problem::new(code::SYNTAX, "a zero byte; text cannot hold one".to_owned());
    Err(vec![problem.placed(Some(Position { line, column }))])
}

/// Reads one YAML or JSON document.
///
/// # Errors
/// The text is too large, too deep, has too many values or aliases, is not well-formed, holds several documents,
/// a duplicate key, a key that is no string, a merge key, a tag, or a number JSON cannot hold; each with its place.
pub fn parse(text: &str) -> Result<(Value, Positions), Vec<Problem>> {
    read(text, build::Builder::default()).map(|mut documents| documents.pop().unwrap_or_default())
}

/// Reads all documents of a text, at most [`MAX_DOCUMENTS`]; empty ones are left out. The limits are those of one document.
///
/// # Errors
/// As [`parse`].
pub fn parse_all(text: &str) -> Result<Vec<(Value, Positions)>, Vec<Problem>> {
    read(text, build::Builder::many())
}

fn read(text: &str, mut builder: build::Builder) -> Result<Vec<(Value, Positions)>, Vec<Problem>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > MAX_BYTES {
        return Err(vec![Problem::new(code::LIMIT, format!("the text is larger than {MAX_BYTES} bytes"))]);
    }
    refuse_zero_bytes(text)?;
    refuse_flow_work(text)?;
    let joined;
    let text = if text.trim_start().starts_with(['{', '[']) && text.contains("\\u") {
        joined = scalar::join_surrogates(text);
        joined.as_str()
    } else {
        text
    };
    let mut parser = Parser::new_from_str(text);
    while let Some(next) = parser.next_event() {
        let (event, span) = match next {
            Ok(next) => next,
            Err(error) => {
                let problem = Problem::new(code::SYNTAX, error.info().to_owned());
                return Err(builder.give_up(problem.placed(Some(build::position(error.marker())))));
            }
        };
        if matches!(event, Event::StreamEnd) {
            break;
        }
        if let Err(problem) = builder.take(event, span) {
            return Err(builder.give_up(problem));
        }
    }
    builder.finish()
}

/// The parser reads a flow collection to its end before it gives the first event, and at each token looks at every
/// bracket that is open: `[[[…` with a tail of commas would take it seconds. So that work is summed up beforehand, in
/// one pass that knows nothing of quotes and scripts; those hold brackets too, but come nowhere near the bound.
fn refuse_flow_work(text: &str) -> Result<(), Vec<Problem>> {
    let (mut open, mut work, mut separators, mut line, mut column) = (0_usize, 0_usize, 0_usize, 1_u32, 0_u32);
    for c in text.chars() {
        column += 1;
        match c {
            '[' | '{' => open += 1,
            ']' | '}' => open = open.saturating_sub(1),
            ',' | ':' | '?' if open > 0 => separators += 1,
            '\n' => (line, column) = (line + 1, 0),
            _ => {}
        }
        if matches!(c, '[' | '{' | ',' | ':' | '?' | ' ' | '\'' | '"') {
            work += open;
        }
        if work > MAX_FLOW_WORK || separators > MAX_FLOW_SEPARATORS {
            let message = "too much in brackets: too many are open at once, or hold too many values";
            return Err(vec![Problem::new(code::LIMIT, message).placed(Some(Position { line, column }))]);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
