//! What a case does to its seed. Each change is a value that proptest can leave out, so that a finding becomes small.

use proptest::{prelude::*, sample::Index};

/// Bytes an input may grow to: what is larger is refused before it is looked at, and a test of its own shows that.
const MAX_INPUT: usize = 128 * 1024;

/// Words that any format may stumble over.
const WORDS: &[&str] = &[
    "",
    "\0",
    "\n",
    "\r\n",
    "\t",
    " ",
    "\u{feff}",
    "\u{202e}",
    "\u{1b}[2J",
    "é",
    "💥",
    "'",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "-",
    "- ",
    ": ",
    "? ",
    "| ",
    ">-\n",
    "#",
    ",",
    "[",
    "]",
    "{",
    "}",
    "{}",
    "[]",
    "[[[[[[[[",
    "{a: {a: {a: ",
    "&a ",
    "*a",
    "&a [*a]",
    "<<: ",
    "!!str ",
    "!x ",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "~",
    "null",
    "true",
    "yes",
    "0",
    "-1",
    "1e999",
    "-0.0",
    ".nan",
    ".inf",
    "0x10",
    "0o7",
    "1_000",
    "18446744073709551616",
    "9223372036854775807",
    "-9223372036854775808",
    "0.1",
    "2026-01-01",
    "../..",
    "/etc/passwd",
    "${",
    "${}",
    "$",
    "$$",
    "{{",
    "}}",
    "..",
    "%s%n",
    "value: ",
    "name: ",
    "x",
];

/// One change.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// Another bit in one byte.
    Flip(Index, u8),
    /// A few bytes less.
    Delete(Index, usize),
    /// A few bytes more than once.
    Repeat(Index, usize, usize),
    /// A word of the format or of any.
    Insert(Index, Index),
    /// Everything from here on less.
    Cut(Index),
    /// A line less.
    DeleteLine(Index),
    /// A line and some that follow it, once more elsewhere.
    CopyLines(Index, usize, Index),
    /// Two lines, each where the other was.
    SwapLines(Index, Index),
    /// A line further in or out.
    Indent(Index, i8),
    /// What two keys hold, exchanged.
    SwapValues(Index, Index),
    /// A word in place of what a key holds.
    Value(Index, Index),
    /// From here on, another seed from there on.
    Splice(Index, Index, Index),
}

/// Any change, those that keep the shape of a file more often than those that do not.
pub(crate) fn any_change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        1 => (at(), 0_u8..8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        2 => (at(), 1_usize..24).prop_map(|(at, length)| Change::Delete(at, length)),
        1 => (at(), 1_usize..24, 2_usize..400).prop_map(|(at, length, times)| Change::Repeat(at, length, times)),
        4 => (at(), at()).prop_map(|(at, word)| Change::Insert(at, word)),
        1 => at().prop_map(Change::Cut),
        3 => at().prop_map(Change::DeleteLine),
        3 => (at(), 1_usize..12, at()).prop_map(|(from, length, to)| Change::CopyLines(from, length, to)),
        3 => (at(), at()).prop_map(|(a, b)| Change::SwapLines(a, b)),
        2 => (at(), -4_i8..5).prop_map(|(at, by)| Change::Indent(at, by)),
        5 => (at(), at()).prop_map(|(a, b)| Change::SwapValues(a, b)),
        6 => (at(), at()).prop_map(|(at, word)| Change::Value(at, word)),
        2 => (at(), at(), at()).prop_map(|(at, other, from)| Change::Splice(at, other, from)),
    ]
}

/// The seed that `index` chooses, changed.
pub(crate) fn applied(seeds: &[Vec<u8>], index: &Index, changes: &[Change], words: &[&str]) -> Vec<u8> {
    let mut input = index.get(seeds).clone();
    for change in changes {
        apply(&mut input, change, seeds, words);
        input.truncate(MAX_INPUT);
    }
    input
}

fn apply(input: &mut Vec<u8>, change: &Change, seeds: &[Vec<u8>], words: &[&str]) {
    let word = |at: &Index| {
        let at = at.index(words.len() + WORDS.len());
        words.iter().chain(WORDS).nth(at).map_or(&b""[..], |word| word.as_bytes())
    };
    let place = |at: &Index| at.index(input.len() + 1);
    let range = |at: &Index, length: usize| place(at)..(place(at) + length).min(input.len());
    match change {
        Change::Flip(at, bit) => {
            if !input.is_empty() {
                let at = at.index(input.len());
                input[at] ^= 1 << bit;
            }
        }
        Change::Delete(at, length) => drop(input.drain(range(at, *length))),
        Change::Repeat(at, length, times) => {
            let range = range(at, *length);
            let repeated = input[range.clone()].repeat(*times);
            input.splice(range, repeated);
        }
        Change::Insert(at, chosen) => {
            let place = place(at);
            input.splice(place..place, word(chosen).iter().copied());
        }
        Change::Cut(at) => input.truncate(place(at)),
        Change::Splice(at, other, from) => {
            let other = other.get(seeds);
            input.truncate(place(at));
            input.extend_from_slice(&other[from.index(other.len() + 1)..]);
        }
        Change::DeleteLine(_)
        | Change::CopyLines(..)
        | Change::SwapLines(..)
        | Change::Indent(..)
        | Change::SwapValues(..)
        | Change::Value(..) => {
            let mut lines: Vec<Vec<u8>> = input.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            in_lines(&mut lines, change, &word);
            *input = lines.join(&b'\n');
        }
    }
}

/// The changes that see lines, of which there is at least one.
fn in_lines<'w>(lines: &mut Vec<Vec<u8>>, change: &Change, word: &dyn Fn(&Index) -> &'w [u8]) {
    match change {
        Change::DeleteLine(at) => drop(lines.remove(at.index(lines.len()))),
        Change::CopyLines(from, length, to) => {
            let from = from.index(lines.len());
            let copied = lines[from..(from + length).min(lines.len())].to_vec();
            let to = to.index(lines.len() + 1);
            lines.splice(to..to, copied);
        }
        Change::SwapLines(a, b) => {
            let (a, b) = (a.index(lines.len()), b.index(lines.len()));
            lines.swap(a, b);
        }
        Change::Indent(at, by) => {
            let line = at.index(lines.len());
            let line = &mut lines[line];
            let spaces = usize::from(by.unsigned_abs());
            if *by > 0 {
                line.splice(0..0, std::iter::repeat_n(b' ', spaces));
            } else {
                let there = line.iter().take(spaces).take_while(|byte| **byte == b' ').count();
                line.drain(..there);
            }
        }
        Change::SwapValues(a, b) => {
            let valued: Vec<usize> = (0..lines.len()).filter(|line| value_at(&lines[*line]).is_some()).collect();
            if valued.is_empty() {
                return;
            }
            let (a, b) = (*a.get(&valued), *b.get(&valued));
            if let (Some(start_a), Some(start_b)) = (value_at(&lines[a]), value_at(&lines[b]))
                && a != b
            {
                let (value_a, value_b) = (lines[a].split_off(start_a), lines[b].split_off(start_b));
                lines[a].extend(value_b);
                lines[b].extend(value_a);
            }
        }
        Change::Value(at, chosen) => {
            let valued: Vec<usize> = (0..lines.len()).filter(|line| value_at(&lines[*line]).is_some()).collect();
            if valued.is_empty() {
                return;
            }
            let line = *at.get(&valued);
            if let Some(start) = value_at(&lines[line]) {
                lines[line].truncate(start);
                lines[line].extend_from_slice(word(chosen));
            }
        }
        Change::Flip(..)
        | Change::Delete(..)
        | Change::Repeat(..)
        | Change::Insert(..)
        | Change::Cut(_)
        | Change::Splice(..) => {}
    }
}

/// Where in a line what a key or a dash holds begins.
fn value_at(line: &[u8]) -> Option<usize> {
    line.windows(2)
        .position(|two| two == b": ")
        .or_else(|| line.windows(2).position(|two| two == b"- "))
        .map(|at| at + 2)
}
