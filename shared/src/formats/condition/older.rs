//! Conditions as the older dialects write them, into CEL.
//!
//! `${build.coverage} >= 80 && deploy.success`, `$BRANCH startsWith feature/`, `{{ .parameters.public }}`: operands are
//! references, Go templates, quoted texts or bare words, which are text. Nothing has a declared type, so values are
//! compared as what they look like, unless a parameter's type is known.

use super::{
    emit::{compared, field, quote, text_of, value},
    expression::{MAX_BYTES, Mistake},
    functions::compile,
    go,
};
use crate::formats::{parameter::ParameterType, problem::short};

/// Parentheses and negations inside each other.
pub(super) const MAX_DEPTH: usize = 24;

/// Bytes of a text that a name stands for.
const MAX_TEXT: usize = 1024;

/// What a name in a condition means in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// A value: `parameters`, `size`; `steps`, `build`, `output`, `url`.
    Path(Vec<String>),
    /// A text that holds references itself.
    Text(String),
    /// Nothing that this file sets; it counts as empty.
    Unset,
    /// A mistake, said for people.
    Unknown(String),
}

/// The names of a file.
pub(crate) trait Names {
    /// What stands between `${` and `}`, or after `$`.
    fn meaning(&self, name: &str) -> Meaning;
    /// The declared type of a parameter that always has a value.
    fn certain_type(&self, parameter: &str) -> Option<ParameterType>;
}

/// A part of a condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    /// CEL that gives true or false.
    Condition(String),
    /// CEL that gives any value, and its type if that is sure.
    Value(String, Option<ParameterType>),
    /// A text, and whether it was in quotes.
    Text(String, bool),
}

/// CEL, and what its author should look at again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Translated {
    pub(crate) cel: String,
    pub(crate) warnings: Vec<String>,
}

/// Translates a condition.
pub(crate) fn translate(text: &str, names: &dyn Names) -> Result<Translated, Mistake> {
    if text.len() > MAX_BYTES {
        return Err(Mistake::new(format!("a condition has at most {MAX_BYTES} bytes"), 1));
    }
    let mut reader =
        Reader { chars: text.chars().collect(), at: 0, depth: 0, open: 0, inside: false, names, warnings: Vec::new() };
    reader.space();
    if reader.peek(0).is_none() {
        return Err(Mistake::new("a condition must not be empty", 1));
    }
    let cel = reader.any()?;
    if reader.peek(0).is_some() {
        return Err(reader.mistake("expected '&&', '||' or the end"));
    }
    Ok(Translated { cel, warnings: reader.warnings })
}

struct Reader<'a> {
    chars: Vec<char>,
    at: usize,
    depth: usize,
    /// Parentheses of the condition itself that are open.
    open: usize,
    /// Whether this is a text that a name stood for: names in it stand for no more texts.
    inside: bool,
    names: &'a dyn Names,
    warnings: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    AtMost,
    AtLeast,
    Less,
    Greater,
    Contains,
    StartsWith,
    EndsWith,
    Matches,
}

/// Longer ones first.
const SYMBOLS: [(&str, Operator); 6] = [
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("<", Operator::Less),
    (">", Operator::Greater),
];
pub(super) const WORDS: [(&str, Operator); 4] = [
    ("contains", Operator::Contains),
    ("startsWith", Operator::StartsWith),
    ("endsWith", Operator::EndsWith),
    ("matches", Operator::Matches),
];

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn starts(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(ahead, c)| self.peek(ahead) == Some(c))
    }

    fn space(&mut self) {
        while self.peek(0).is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) && self.warnings.len() < 10 {
            self.warnings.push(warning);
        }
    }

    fn mistake(&self, message: impl Into<String>) -> Mistake {
        Mistake::new(message, self.at + 1)
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Mistake>) -> Result<T, Mistake> {
        if self.depth >= MAX_DEPTH {
            return Err(self.mistake(format!("more than {MAX_DEPTH} levels deep")));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Alternatives.
    fn any(&mut self) -> Result<String, Mistake> {
        self.joined("||", |reader| reader.joined("&&", Self::negated))
    }

    fn joined(
        &mut self,
        symbol: &str,
        mut part: impl FnMut(&mut Self) -> Result<String, Mistake>,
    ) -> Result<String, Mistake> {
        let mut parts = vec![part(self)?];
        loop {
            self.space();
            if !self.starts(symbol) {
                break;
            }
            self.at += symbol.len();
            parts.push(part(self)?);
        }
        if parts.len() == 1 {
            return Ok(parts.remove(0));
        }
        // What is joined by the weaker of the two is always put in parentheses inside the stronger.
        let joined = parts.join(&format!(" {symbol} "));
        Ok(if symbol == "||" { format!("({joined})") } else { joined })
    }

    fn negated(&mut self) -> Result<String, Mistake> {
        self.space();
        if self.peek(0) == Some('!') && self.peek(1) != Some('=') {
            self.at += 1;
            let inner = self.deeper(Self::negated)?;
            return Ok(format!("!({})", unwrapped(&inner)));
        }
        if self.peek(0) == Some('(') {
            self.at += 1;
            self.open += 1;
            let inner = self.deeper(Self::any)?;
            self.space();
            if self.peek(0) != Some(')') {
                return Err(self.mistake("expected ')'"));
            }
            self.at += 1;
            self.open -= 1;
            return Ok(format!("({})", unwrapped(&inner)));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<String, Mistake> {
        let start = self.at;
        let left = self.operand(false)?;
        self.space();
        let Some(operator) = self.operator() else {
            return self.alone(left, start);
        };
        self.space();
        let called = operator >= Operator::Contains && self.peek(0) == Some('(') && self.closes();
        if called {
            self.at += 1;
            self.open += 1;
        }
        let right_start = self.at;
        let right = self.operand(operator == Operator::Matches)?;
        if called {
            self.space();
            if self.peek(0) != Some(')') {
                return Err(self.mistake("expected ')'"));
            }
            self.at += 1;
            self.open -= 1;
        }
        if let (Operator::Matches, Operand::Text(pattern, _)) = (operator, &right) {
            compile(pattern).map_err(|reason| Mistake::new(reason, right_start + 1))?;
        }
        if let (Operand::Text(..), Operand::Text(..)) = (&left, &right) {
            self.warn("the condition compares two texts that never change".to_owned());
        }
        Ok(compared(&left, operator, &right))
    }

    /// Whether the parenthesis here is closed before the end.
    fn closes(&self) -> bool {
        let mut open = 0_usize;
        for c in &self.chars[self.at..] {
            match c {
                '(' => open += 1,
                ')' => open = open.saturating_sub(1),
                _ => {}
            }
            if open == 0 {
                return true;
            }
        }
        false
    }

    fn operator(&mut self) -> Option<Operator> {
        if let Some((symbol, operator)) = SYMBOLS.into_iter().find(|(symbol, _)| self.starts(symbol)) {
            self.at += symbol.len();
            return Some(operator);
        }
        let dot = usize::from(self.peek(0) == Some('.'));
        let (word, operator) = WORDS.into_iter().find(|(word, _)| self.word_at(self.at + dot, word))?;
        self.at += dot + word.len();
        Some(operator)
    }

    /// Whether an operator's word stands there, by itself or as a call.
    fn word_at(&self, at: usize, word: &str) -> bool {
        word.chars().enumerate().all(|(ahead, c)| self.chars.get(at + ahead) == Some(&c))
            && self.chars.get(at + word.len()).is_none_or(|c| c.is_whitespace() || *c == '(')
    }

    /// A value: references, templates, quoted text and bare words, as long as nothing else begins. In a `pattern`,
    /// comparisons and single bars are part of it.
    fn operand(&mut self, pattern: bool) -> Result<Operand, Mistake> {
        self.space();
        let start = self.at;
        let mut parts: Vec<Operand> = Vec::new();
        let mut bare = String::new();
        let mut brackets = 0_usize;
        while let Some(c) = self.peek(0) {
            let after_space = self.at == start || self.chars[self.at - 1].is_whitespace();
            if self.ends_operand(c, after_space, pattern, brackets) {
                break;
            }
            match c {
                '$' if self.reference(&mut parts, &mut bare)? => continue,
                '{' if self.starts("{{") => {
                    flush(&mut parts, &mut bare);
                    parts.push(self.template()?);
                    continue;
                }
                '"' | '\'' if bare.trim().is_empty() => {
                    if let Some(text) = self.quoted(c) {
                        bare.clear();
                        parts.push(Operand::Text(text, true));
                        continue;
                    }
                }
                '(' => brackets += 1,
                ')' => brackets = brackets.saturating_sub(1),
                _ => {}
            }
            bare.push(c);
            self.at += 1;
        }
        while bare.ends_with(char::is_whitespace) {
            bare.pop();
        }
        flush(&mut parts, &mut bare);
        match parts.len() {
            0 => Err(Mistake::new("a value is missing", start + 1)),
            1 => Ok(self.bare_reference(parts.remove(0))),
            _ => Ok(Operand::Value(parts.iter().map(text_of).collect::<Vec<_>>().join(" + "), None)),
        }
    }

    fn ends_operand(&self, c: char, after_space: bool, pattern: bool, brackets: usize) -> bool {
        let joined = self.starts("&&") || self.starts("||");
        if pattern {
            // A pattern may hold bars; one that joins conditions stands between spaces.
            let apart = self.peek(2).is_none_or(char::is_whitespace);
            return (joined && after_space && apart) || (c == ')' && brackets == 0 && self.open > 0);
        }
        joined
            || SYMBOLS.into_iter().any(|(symbol, _)| self.starts(symbol))
            || (c == ')' && brackets == 0 && self.open > 0)
            || (after_space && WORDS.into_iter().any(|(word, _)| self.word_at(self.at, word)))
            || (c == '.' && WORDS.into_iter().any(|(word, _)| self.called_at(self.at + 1, word)))
    }

    fn called_at(&self, at: usize, word: &str) -> bool {
        self.word_at(at, word) && self.chars.get(at + word.len()) == Some(&'(')
    }

    /// `${name}` or `$name`; false when it is neither.
    fn reference(&mut self, parts: &mut Vec<Operand>, bare: &mut String) -> Result<bool, Mistake> {
        let start = self.at;
        let name: String = if self.peek(1) == Some('{') {
            let inner: String = self.chars[self.at + 2..].iter().take_while(|c| **c != '}').collect();
            if self.peek(2 + inner.chars().count()) != Some('}') {
                return Err(self.mistake("'${' is not closed by '}'"));
            }
            self.at += 3 + inner.chars().count();
            inner.trim().to_owned()
        } else {
            let mut length = 0;
            while let Some(c) = self.peek(1 + length) {
                let inside = c.is_ascii_alphanumeric() || c == '_';
                let method = c == '.' && WORDS.into_iter().any(|(word, _)| self.called_at(self.at + 2 + length, word));
                let key = c == '.'
                    && length > 0
                    && !method
                    && self.peek(2 + length).is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
                if !(inside || key) {
                    break;
                }
                length += 1;
            }
            let name: String = self.chars[self.at + 1..self.at + 1 + length].iter().collect();
            if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
                return Ok(false);
            }
            self.at += 1 + length;
            name
        };
        flush(parts, bare);
        parts.push(self.named(&name, start)?);
        Ok(true)
    }

    fn named(&mut self, name: &str, start: usize) -> Result<Operand, Mistake> {
        match self.names.meaning(name) {
            Meaning::Path(path) => Ok(value(&path, self.names)),
            Meaning::Text(text) if self.inside => Ok(Operand::Text(text, true)),
            Meaning::Text(text) if text.len() > MAX_TEXT => {
                Err(Mistake::new(format!("the text of '{}' is too long for a condition", short(name)), start + 1))
            }
            Meaning::Text(text) => match literal_or(&text) {
                Some(literal) => Ok(literal),
                // A text of the file that holds references: read as an operand of its own, once.
                None => self.deeper(|reader| {
                    let mut inner = Reader {
                        chars: text.chars().collect(),
                        at: 0,
                        depth: reader.depth,
                        open: 0,
                        inside: true,
                        names: reader.names,
                        warnings: Vec::new(),
                    };
                    let operand = inner.operand(true).map_err(|mistake| Mistake::new(mistake.message, start + 1))?;
                    if inner.peek(0).is_some() {
                        return Err(Mistake::new(format!("'{}' is no value", short(&text)), start + 1));
                    }
                    Ok(operand)
                }),
            },
            Meaning::Unset => {
                let name = short(name);
                self.warn(format!("nothing in this file sets '{name}': it is empty unless a step does"));
                Ok(Operand::Value(format!("get(variables, {})", quote(&name)), None))
            }
            Meaning::Unknown(message) => Err(Mistake::new(message, start + 1)),
        }
    }

    fn template(&mut self) -> Result<Operand, Mistake> {
        let start = self.at;
        let rest: String = self.chars[self.at..].iter().collect();
        let (operand, length) =
            go::operand(&rest, self.names).map_err(|(message, at)| Mistake::new(message, start + at + 1))?;
        self.at += length;
        Ok(operand)
    }

    /// The text between two quotes, if the second ends a word.
    fn quoted(&mut self, quote: char) -> Option<String> {
        let inner: String = self.chars[self.at + 1..].iter().take_while(|c| **c != quote).collect();
        let length = inner.chars().count() + 2;
        if self.chars.get(self.at + length - 1) != Some(&quote) {
            return None;
        }
        self.at += length;
        Some(inner)
    }

    /// `parameters.size` without any sign that it is a reference is still meant as one.
    fn bare_reference(&self, operand: Operand) -> Operand {
        let Operand::Text(text, false) = &operand else { return operand };
        let root = text.split('.').next().unwrap_or_default();
        if text.contains('.')
            && matches!(root, "parameters" | "variables" | "steps" | "workflow")
            && let Meaning::Path(path) = self.names.meaning(text)
        {
            return value(&path, self.names);
        }
        operand
    }

    /// A condition that is one value.
    fn alone(&mut self, operand: Operand, start: usize) -> Result<String, Mistake> {
        let text = match operand {
            Operand::Condition(cel) => return Ok(cel),
            Operand::Value(cel, Some(ParameterType::Boolean)) => return Ok(cel),
            Operand::Value(cel, _) => return Ok(format!("truthy({cel})")),
            Operand::Text(text, _) => text,
        };
        let lower = text.to_ascii_lowercase();
        if matches!(lower.as_str(), "true" | "false") {
            return Ok(lower);
        }
        if let Some((step, status)) = text.rsplit_once('.') {
            let step = step.strip_prefix("steps.").unwrap_or(step);
            let status = match status.to_ascii_lowercase().as_str() {
                "success" | "succeeded" => Some("success"),
                "failed" | "failure" => Some("failed"),
                "skipped" => Some("skipped"),
                _ => None,
            };
            if let Some(status) = status {
                // A step that does not exist is told by the check of what the expression names.
                return Ok(format!("{}.{status}", field("steps", step)));
            }
        }
        match self.names.meaning(&text) {
            Meaning::Path(path) if !text.contains(char::is_whitespace) => match value(&path, self.names) {
                Operand::Value(cel, Some(ParameterType::Boolean)) => Ok(cel),
                Operand::Value(cel, _) => Ok(format!("truthy({cel})")),
                _ => Ok("false".to_owned()),
            },
            Meaning::Text(text) => Ok(format!("truthy({})", quote(&text))),
            _ => {
                let message = format!(
                    "'{}' is no condition; expected a comparison, or NAME.success, NAME.failed or NAME.skipped of a step",
                    short(&text)
                );
                Err(Mistake::new(message, start + 1))
            }
        }
    }
}

impl PartialOrd for Operator {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        (*self as u8).partial_cmp(&(*other as u8))
    }
}

fn flush(parts: &mut Vec<Operand>, bare: &mut String) {
    if !bare.is_empty() {
        parts.push(Operand::Text(std::mem::take(bare), false));
    }
}

fn literal_or(text: &str) -> Option<Operand> {
    (!text.contains('$') && !text.contains("{{")).then(|| Operand::Text(text.to_owned(), false))
}

/// Without the parentheses that hold all of it.
fn unwrapped(cel: &str) -> &str {
    let Some(inner) = cel.strip_prefix('(').and_then(|cel| cel.strip_suffix(')')) else { return cel };
    let (mut open, mut quote) = (0_i32, None);
    let mut escaped = false;
    for c in inner.chars() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(q), c) if q == c => quote = None,
            (Some(_), _) => {}
            (None, '"') => quote = Some('"'),
            (None, '(') => open += 1,
            (None, ')') => open -= 1,
            (None, _) => {}
        }
        if open < 0 {
            return cel;
        }
    }
    inner
}
