//! Go templates as operands of conditions: `{{ .parameters.public }}`, `{{ eq .parameters.env "prod" }}`,
//! `{{ if … }}true{{ else }}false{{ end }}`.

use super::{
    emit::{compared, field, quote, text_of, truth_of, value},
    older::{MAX_DEPTH, Meaning, Names, Operand, Operator},
};

/// A message, and after how many characters.
type Wrong = (String, usize);

/// Reads the template at the start of `text`; gives how many characters it has.
pub(super) fn operand(text: &str, names: &dyn Names) -> Result<(Operand, usize), Wrong> {
    let (action, length) = action(text, 0)?;
    let Some(condition) = action.strip_prefix("if ") else {
        return Ok((pipeline(&action, names)?, length));
    };
    let truth = truth_of(&pipeline(condition, names)?);
    let rest: String = text.chars().skip(length).collect();
    let unsupported = || ("in a condition, '{{ if }}' holds plain text, and at most one '{{ else }}'".to_owned(), 0);
    let then_end = rest.find("{{").ok_or_else(unsupported)?;
    let (then, tail) = rest.split_at(then_end);
    let (next, taken) = self::action(tail, 0)?;
    let tail: String = tail.chars().skip(taken).collect();
    let (other, after) = match next.as_str() {
        "end" => (String::new(), tail),
        "else" => {
            let end = tail.find("{{").ok_or_else(unsupported)?;
            let (other, tail) = tail.split_at(end);
            let (next, taken) = self::action(tail, 0)?;
            if next != "end" {
                return Err(unsupported());
            }
            (other.to_owned(), tail.chars().skip(taken).collect())
        }
        _ => return Err(unsupported()),
    };
    let total = text.chars().count() - after.chars().count();
    let operand = match (then.trim(), other.trim()) {
        ("true", "false" | "") => Operand::Condition(truth),
        (then, other) => Operand::Value(format!("({truth} ? {} : {})", quote(then), quote(other)), None),
    };
    Ok((operand, total))
}

/// What is between `{{` and `}}`, trimmed, and the length of the whole in characters.
fn action(text: &str, at: usize) -> Result<(String, usize), Wrong> {
    let inner = text.strip_prefix("{{").ok_or_else(|| ("expected '{{'".to_owned(), at))?;
    let end = inner.find("}}").ok_or_else(|| ("'{{' is not closed by '}}'".to_owned(), at))?;
    let body = &inner[..end];
    let body = body.strip_prefix('-').unwrap_or(body);
    let body = body.strip_suffix('-').unwrap_or(body);
    Ok((body.trim().to_owned(), inner[..end].chars().count() + 4))
}

fn pipeline(text: &str, names: &dyn Names) -> Result<Operand, Wrong> {
    let mut reader = Reader { chars: text.chars().collect(), at: 0, depth: 0, names };
    let operand = reader.pipeline()?;
    match reader.peek() {
        None => Ok(operand),
        Some(c) => Err((format!("'{c}' is not expected in this template"), reader.at)),
    }
}

struct Reader<'a> {
    chars: Vec<char>,
    at: usize,
    depth: usize,
    names: &'a dyn Names,
}

impl Reader<'_> {
    fn peek(&mut self) -> Option<char> {
        while self.chars.get(self.at).is_some_and(|c| c.is_whitespace()) {
            self.at += 1;
        }
        self.chars.get(self.at).copied()
    }

    fn wrong<T>(&self, message: impl Into<String>) -> Result<T, Wrong> {
        Err((message.into(), self.at))
    }

    fn word(&mut self, more: impl Fn(char) -> bool) -> String {
        let start = self.at;
        while self.chars.get(self.at).is_some_and(|c| more(*c)) {
            self.at += 1;
        }
        self.chars[start..self.at].iter().collect()
    }

    fn pipeline(&mut self) -> Result<Operand, Wrong> {
        if self.depth >= MAX_DEPTH {
            return self.wrong(format!("more than {MAX_DEPTH} levels deep"));
        }
        self.depth += 1;
        let mut result = self.command(None)?;
        while self.peek() == Some('|') {
            self.at += 1;
            result = self.command(Some(result))?;
        }
        self.depth -= 1;
        Ok(result)
    }

    /// A function and its arguments, or one value.
    fn command(&mut self, piped: Option<Operand>) -> Result<Operand, Wrong> {
        let start = self.at;
        if !self.peek().is_some_and(|c| c.is_ascii_alphabetic()) {
            let operand = self.argument()?;
            return if piped.is_some() { self.wrong("only a function may follow '|'") } else { Ok(operand) };
        }
        let name = self.word(|c| c.is_ascii_alphanumeric());
        if matches!(name.as_str(), "true" | "false") {
            return Ok(Operand::Condition(name));
        }
        let mut arguments = Vec::new();
        while !matches!(self.peek(), None | Some(')' | '|')) {
            arguments.push(self.argument()?);
        }
        arguments.extend(piped);
        call(&name, &arguments).ok_or_else(|| {
            let message = format!(
                "the template function '{name}' with {} values is not supported in conditions; write the condition in CEL",
                arguments.len()
            );
            (message, start)
        })
    }

    fn argument(&mut self) -> Result<Operand, Wrong> {
        match self.peek() {
            Some('(') => {
                self.at += 1;
                let inner = self.pipeline()?;
                if self.peek() != Some(')') {
                    return self.wrong("expected ')'");
                }
                self.at += 1;
                Ok(inner)
            }
            Some(quote @ ('"' | '`')) => {
                self.at += 1;
                let mut text = String::new();
                loop {
                    match self.chars.get(self.at).copied() {
                        None => return self.wrong("a text is not closed"),
                        Some(c) if c == quote => break,
                        Some('\\') if quote == '"' => {
                            self.at += 1;
                            text.extend(self.chars.get(self.at));
                        }
                        Some(c) => text.push(c),
                    }
                    self.at += 1;
                }
                self.at += 1;
                Ok(Operand::Text(text, true))
            }
            Some('.' | '$') => self.chain(),
            Some(c) if c.is_ascii_digit() || c == '-' => {
                Ok(Operand::Text(self.word(|c| c.is_ascii_digit() || matches!(c, '-' | '.')), false))
            }
            Some(_) => {
                let word = self.word(|c| c.is_ascii_alphanumeric());
                match word.as_str() {
                    "true" | "false" => Ok(Operand::Condition(word)),
                    _ => self.wrong(format!("'{word}' is not expected in this template")),
                }
            }
            None => self.wrong("a value is missing"),
        }
    }

    fn chain(&mut self) -> Result<Operand, Wrong> {
        let start = self.at;
        let text = self.word(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '$'));
        let path: Vec<&str> = text.trim_start_matches('$').trim_start_matches('.').split('.').collect();
        let known = ["parameters", "steps", "variables", "settings", "run", "item", "index"];
        if !known.contains(&path[0]) || path.iter().any(|key| key.is_empty()) {
            return Err((format!("'{text}' names nothing; expected .parameters.NAME, .steps.NAME…"), start));
        }
        if path.len() == 1 {
            return Ok(Operand::Value(path[0].to_owned(), None));
        }
        if path[0] == "parameters" || path[0] == "variables" {
            match self.names.meaning(&path.join(".")) {
                Meaning::Path(path) => return Ok(value(&path, self.names)),
                Meaning::Unknown(message) => return Err((message, start)),
                Meaning::Text(_) | Meaning::Unset => {}
            }
        }
        let mut path: Vec<String> = path.into_iter().map(str::to_owned).collect();
        if path[0] == "steps" && path.get(2).is_some_and(|key| key == "outputs") {
            path[2] = "output".to_owned();
        }
        Ok(value(&path, self.names))
    }
}

fn call(name: &str, arguments: &[Operand]) -> Option<Operand> {
    let condition = |cel: String| Some(Operand::Condition(cel));
    let two = |operator: Operator| match arguments {
        [a, b] => condition(compared(a, operator, b)),
        _ => None,
    };
    let joined = |symbol: &str| {
        let parts: Vec<String> = arguments.iter().map(truth_of).collect();
        (parts.len() > 1).then(|| Operand::Condition(format!("({})", parts.join(symbol))))
    };
    match (name, arguments) {
        ("eq", [first, others @ ..]) if !others.is_empty() => {
            let parts: Vec<String> = others.iter().map(|other| compared(first, Operator::Equal, other)).collect();
            let cel = parts.join(" || ");
            condition(if parts.len() > 1 { format!("({cel})") } else { cel })
        }
        ("ne", _) => two(Operator::NotEqual),
        ("lt", _) => two(Operator::Less),
        ("le", _) => two(Operator::AtMost),
        ("gt", _) => two(Operator::Greater),
        ("ge", _) => two(Operator::AtLeast),
        ("and", _) => joined(" && "),
        ("or", _) => joined(" || "),
        ("not", [one]) => condition(format!("!({})", truth_of(one))),
        ("empty", [one]) => condition(format!("!{}", truthy(one))),
        ("contains", [part, all]) => condition(compared(all, Operator::Contains, part)),
        ("hasPrefix", [part, all]) => condition(compared(all, Operator::StartsWith, part)),
        ("hasSuffix", [part, all]) => condition(compared(all, Operator::EndsWith, part)),
        ("default", [other, one]) => {
            Some(Operand::Value(format!("({} ? text({}) : {})", truthy(one), plain(one), text_of(other)), None))
        }
        ("index", [Operand::Value(map, _), Operand::Text(key, _)]) => {
            let cel = if map == "parameters" { field(map, key) } else { format!("get({map}, {})", quote(key)) };
            Some(Operand::Value(cel, None))
        }
        ("len", [one]) => Some(Operand::Value(format!("size({})", plain(one)), None)),
        _ => None,
    }
}

fn plain(operand: &Operand) -> String {
    match operand {
        Operand::Condition(cel) | Operand::Value(cel, _) => cel.clone(),
        Operand::Text(text, _) => quote(text),
    }
}

fn truthy(operand: &Operand) -> String {
    format!("truthy({})", plain(operand))
}
