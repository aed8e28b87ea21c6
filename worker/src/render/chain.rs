//! Field chains: `.steps.create-database.output.key`.
//!
//! Go's lexer, and gtmpl's, end a name at a hyphen, and both print `<no value>` for what is missing. So each chain is
//! rewritten into a call of a function before it is parsed: names may hold hyphens, and what is missing is an error
//! that names it. Line breaks stay where they are, so that errors name the right line.

use std::fmt::Write as _;

/// The function that a chain becomes where its value is used: it must exist.
pub(super) const MUST: &str = "_must";
/// The function that a chain becomes where its value is asked about: it may be missing.
pub(super) const MAY: &str = "_may";

/// Actions and functions that ask whether something is there.
const ASKING: [&str; 10] = ["if", "else", "with", "range", "default", "coalesce", "empty", "and", "or", "not"];

/// The names of a string that is one chain and nothing else, as `{{ .parameters.size }}`.
pub(super) fn sole(source: &str) -> Option<Vec<&str>> {
    let inner = source.strip_prefix("{{")?.strip_suffix("}}")?;
    let inner = inner.strip_prefix("- ").unwrap_or(inner);
    let inner = inner.strip_suffix(" -").unwrap_or(inner).trim();
    let inner = inner.strip_prefix('$').unwrap_or(inner);
    let (names, rest) = names(inner)?;
    rest.is_empty().then_some(names)
}

/// Rewrites every chain of a template.
pub(super) fn rewrite(source: &str) -> String {
    let mut out = String::with_capacity(source.len() + 64);
    let mut rest = source;
    while let Some(start) = rest.find("{{") {
        let (text, action) = rest.split_at(start);
        out.push_str(text);
        let end = action_end(action);
        let (action, after) = action.split_at(end);
        rewrite_action(action, &mut out);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Pieces of an action.
enum Piece<'a> {
    /// A quoted string, a comment: to be left alone.
    Opaque,
    /// A name, a number, or a variable without its fields.
    Word(&'a str),
    /// Anything else, one character.
    Mark(&'a str),
}

/// The first piece of `text`, which is not empty.
fn piece(text: &str) -> (Piece<'_>, &str) {
    let bytes = text.as_bytes();
    let end = match bytes[0] {
        b'/' if text.starts_with("/*") => text.find("*/").map_or(text.len(), |at| at + 2),
        b'`' => text[1..].find('`').map_or(text.len(), |at| at + 2),
        quote @ (b'"' | b'\'') => {
            let mut at = 1;
            while at < bytes.len() && bytes[at] != quote && bytes[at] != b'\n' {
                at += if bytes[at] == b'\\' { 2 } else { 1 };
            }
            // An escape may end in the middle of a character; a broken string is the parser's to refuse.
            let mut end = (at + 1).min(bytes.len());
            while !text.is_char_boundary(end) {
                end += 1;
            }
            end
        }
        b'$' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
            let end = 1 + bytes[1..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
            return (Piece::Word(&text[..end]), &text[end..]);
        }
        _ => {
            let end = text.chars().next().map_or(1, char::len_utf8);
            return (Piece::Mark(&text[..end]), &text[end..]);
        }
    };
    (Piece::Opaque, &text[end..])
}

/// Bytes from the `{{` that `text` begins with to behind its `}}`; all of it when that is missing.
fn action_end(text: &str) -> usize {
    let mut rest = &text[2..];
    while !rest.is_empty() {
        if rest.starts_with("}}") {
            return text.len() - rest.len() + 2;
        }
        rest = piece(rest).1;
    }
    text.len()
}

fn rewrite_action(action: &str, out: &mut String) {
    let function = if asks(action) { MAY } else { MUST };
    let mut rest = action;
    // A dot right behind a word or a bracket goes on with that value.
    let mut follows_value = false;
    let mut variable = "";
    while !rest.is_empty() {
        if (!follows_value || !variable.is_empty())
            && let Some((names, after)) = names(rest)
        {
            let base = if variable.is_empty() { "." } else { variable };
            out.truncate(out.len() - variable.len());
            let shown = &rest[..rest.len() - after.len()];
            // Writing to a string cannot fail.
            let _ = write!(out, "({function} \"{variable}{shown}\" {base}");
            names.iter().for_each(|name| {
                let _ = write!(out, " \"{name}\"");
            });
            out.push(')');
            (rest, follows_value, variable) = (after, true, "");
            continue;
        }
        let (next, after) = piece(rest);
        let text = &rest[..rest.len() - after.len()];
        (follows_value, variable) = match next {
            Piece::Word(word) => (true, if word.starts_with('$') { word } else { "" }),
            Piece::Opaque => (true, ""),
            Piece::Mark(mark) => (mark == ")" || mark == ".", ""),
        };
        out.push_str(text);
        rest = after;
    }
}

/// Whether an action asks about values rather than using them.
fn asks(action: &str) -> bool {
    let mut rest = &action[2..];
    let mut in_chain = false;
    while !rest.is_empty() {
        let (next, after) = piece(rest);
        match next {
            Piece::Word(word) if !in_chain && ASKING.contains(&word) => return true,
            Piece::Mark(".") => in_chain = true,
            // `.steps.read-if` asks nothing.
            Piece::Mark("-") if in_chain => {}
            Piece::Word(_) if in_chain && after.starts_with(['.', '-']) => {}
            _ => in_chain = false,
        }
        rest = after;
    }
    false
}

/// The names of the chain that `text` begins with, and what follows it.
fn names(text: &str) -> Option<(Vec<&str>, &str)> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some(name) = rest.strip_prefix('.') {
        let bytes = name.as_bytes();
        if !bytes.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_') {
            break;
        }
        let mut end = 1;
        while let Some(byte) = bytes.get(end) {
            let inside = byte.is_ascii_alphanumeric() || *byte == b'_';
            // A hyphen belongs to a name only with more of it behind: ` -}}` trims.
            let joins =
                *byte == b'-' && bytes.get(end + 1).is_some_and(|next| next.is_ascii_alphanumeric() || *next == b'_');
            if !inside && !joins {
                break;
            }
            end += 1;
        }
        names.push(&name[..end]);
        rest = &name[end..];
    }
    (!names.is_empty()).then_some((names, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_chain_becomes_a_call_whatever_its_names_hold() {
        let cases = [
            ("{{ .a.b-c.d }}", r#"{{ (_must ".a.b-c.d" . "a" "b-c" "d") }}"#),
            ("{{$.a}}", r#"{{(_must "$.a" $ "a")}}"#),
            ("{{ $x.y-z -}}", r#"{{ (_must "$x.y-z" $x "y-z") -}}"#),
            ("{{- if .a -}}x", r#"{{- if (_may ".a" . "a") -}}x"#),
            ("{{ .a | default 1.5 }}", r#"{{ (_may ".a" . "a") | default 1.5 }}"#),
            ("{{ index .a 0 }}", r#"{{ index (_must ".a" . "a") 0 }}"#),
            ("{{ (index .a 0).b }}", r#"{{ (index (_must ".a" . "a") 0).b }}"#),
            ("{{ .steps.read-if.x }}", r#"{{ (_must ".steps.read-if.x" . "steps" "read-if" "x") }}"#),
        ];
        for (source, expected) in cases {
            assert_eq!(rewrite(source), expected);
        }
    }

    #[test]
    fn text_strings_and_comments_are_left_alone() {
        for source in [
            "no .chain here",
            r#"{{ "}} .a" }}"#,
            "{{ `.a }}` }}",
            "{{/* .a }} */}}",
            "{{ . }}",
            "{{ $x }}",
            "{{ 'a' }}",
            "{{ .5 }}",
        ] {
            assert_eq!(rewrite(source), source);
        }
    }

    #[test]
    fn only_a_string_that_is_nothing_else_is_a_sole_chain() {
        assert_eq!(sole("{{ .a.b-c }}"), Some(vec!["a", "b-c"]));
        assert_eq!(sole("{{- $.a -}}"), Some(vec!["a"]));
        for source in ["{{ .a }} ", "{{ .a }}{{ .b }}", "{{ .a | quote }}", "{{ . }}", "{{ $x.a }}", "x"] {
            assert_eq!(sole(source), None, "{source}");
        }
    }

    proptest! {
        #[test]
        fn rewriting_keeps_lines_and_never_panics(source in "([{}.$a-c\"'`\\\\/* \n()é-]|\\{\\{|\\}\\}){0,40}") {
            let rewritten = rewrite(&source);
            prop_assert_eq!(rewritten.matches('\n').count(), source.matches('\n').count());
            let _ = sole(&source);
        }
    }
}
