//! Conditions as the older dialects write them, into CEL.
//!
//! `${build.coverage} >= 80 && deploy.success`, `$BRANCH startsWith feature/`, `{{ .parameters.public }}`: operands are
//! references, Go templates, quoted texts or bare words, which are text. Nothing has a declared type, so values are
//! compared as what they look like, unless a parameter's type is known.

mod operand;

use super::{
    emit::{compared, field, quote, value},
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
