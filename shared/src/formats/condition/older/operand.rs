//! What conditions of the older dialects compare: references, Go templates, quoted texts and bare words.

use super::{
    super::emit::{quote, text_of, value},
    MAX_TEXT, Meaning, Mistake, Operand, Reader, SYMBOLS, WORDS, go, short,
};

impl Reader<'_> {
    /// A value: references, templates, quoted text and bare words, as long as nothing else begins. In a `pattern`,
    /// comparisons and single bars are part of it.
    pub(super) fn operand(&mut self, pattern: bool) -> Result<Operand, Mistake> {
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

    pub(super) fn ends_operand(&self, c: char, after_space: bool, pattern: bool, brackets: usize) -> bool {
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

    pub(super) fn called_at(&self, at: usize, word: &str) -> bool {
        self.word_at(at, word) && self.chars.get(at + word.len()) == Some(&'(')
    }

    /// `${name}` or `$name`; false when it is neither.
    pub(super) fn reference(&mut self, parts: &mut Vec<Operand>, bare: &mut String) -> Result<bool, Mistake> {
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

    pub(super) fn named(&mut self, name: &str, start: usize) -> Result<Operand, Mistake> {
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

    pub(super) fn template(&mut self) -> Result<Operand, Mistake> {
        let start = self.at;
        let rest: String = self.chars[self.at..].iter().collect();
        let (operand, length) =
            go::operand(&rest, self.names).map_err(|(message, at)| Mistake::new(message, start + at + 1))?;
        self.at += length;
        Ok(operand)
    }

    /// The text between two quotes, if the second ends a word.
    pub(super) fn quoted(&mut self, quote: char) -> Option<String> {
        let inner: String = self.chars[self.at + 1..].iter().take_while(|c| **c != quote).collect();
        let length = inner.chars().count() + 2;
        if self.chars.get(self.at + length - 1) != Some(&quote) {
            return None;
        }
        self.at += length;
        Some(inner)
    }

    /// `parameters.size` without any sign that it is a reference is still meant as one.
    pub(super) fn bare_reference(&self, operand: Operand) -> Operand {
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
}

pub(super) fn flush(parts: &mut Vec<Operand>, bare: &mut String) {
    if !bare.is_empty() {
        parts.push(Operand::Text(std::mem::take(bare), false));
    }
}

pub(super) fn literal_or(text: &str) -> Option<Operand> {
    (!text.contains('$') && !text.contains("{{")).then(|| Operand::Text(text.to_owned(), false))
}
