//! CEL text to an expression, within bounds that are known before anything is evaluated.

use std::{collections::BTreeSet, fmt};

use cel::{
    common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators},
    parser::PrattParser,
};

/// Bytes an expression may have.
pub const MAX_BYTES: usize = 4096;
/// Names that an expression may begin with.
pub const ROOTS: [&str; 7] = ["parameters", "steps", "variables", "settings", "run", "item", "index"];
/// Calls, names and values in all.
const MAX_NODES: usize = 600;
/// Calls inside each other. Evaluation takes stack for each.
const MAX_DEPTH: usize = 40;
/// `all`, `exists`, `map` and the like, inside each other: each multiplies the work by the length of a list.
const MAX_NESTED_LOOPS: usize = 2;
/// And in all.
const MAX_LOOPS: usize = 4;

/// What is wrong with a condition, and where in its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// For its author.
    pub message: String,
    /// In characters, from 1, over the whole text.
    pub column: u32,
}

impl Mistake {
    pub(super) fn new(message: impl Into<String>, column: usize) -> Self {
        Self { message: message.into(), column: u32::try_from(column).unwrap_or(u32::MAX) }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (column {} of the condition)", self.message, self.column)
    }
}

/// Reads an expression and holds it to the bounds.
pub(super) fn parse(text: &str) -> Result<IdedExpr, Mistake> {
    if text.len() > MAX_BYTES {
        return Err(Mistake::new(format!("a condition has at most {MAX_BYTES} bytes"), 1));
    }
    if text.trim().is_empty() {
        return Err(Mistake::new("a condition must not be empty", 1));
    }
    refuse_depth(text)?;
    let parser =
        PrattParser::new().max_recursion_depth(64).error_recovery_limit(2).max_expression_node_count(MAX_NODES);
    let expression = parser.parse(text).map_err(|errors| {
        let first = errors.errors.into_iter().next();
        let (message, (line, column)) = first.map_or_else(|| (String::new(), (1, 1)), |error| (error.msg, error.pos));
        Mistake::new(format!("no CEL expression: {}", tidy(&message)), column_of(text, line, column))
    })?;
    bounded(&expression)?;
    Ok(expression)
}

/// Brackets are counted before the parser meets them: it goes down a level for each.
fn refuse_depth(text: &str) -> Result<(), Mistake> {
    let mut open = 0_usize;
    for (at, c) in text.chars().enumerate() {
        match c {
            '(' | '[' | '{' => open += 1,
            ')' | ']' | '}' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > MAX_DEPTH {
            return Err(Mistake::new(format!("brackets more than {MAX_DEPTH} deep"), at + 1));
        }
    }
    Ok(())
}

fn tidy(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    super::super::problem::short(line.trim_start_matches("Syntax error: ").trim())
}

/// The parser counts bytes within a line.
fn column_of(text: &str, line: isize, column: isize) -> usize {
    let line = usize::try_from(line).unwrap_or(1).max(1);
    let start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let at = start + usize::try_from(column).unwrap_or(1).max(1) - 1;
    text.char_indices().take_while(|(index, _)| *index < at).count() + 1
}

/// Goes through the whole expression without recursion.
fn bounded(expression: &IdedExpr) -> Result<(), Mistake> {
    let (mut nodes, mut loops) = (0, 0);
    let mut open = vec![(expression, 1_usize, 0_usize)];
    while let Some((node, depth, nested)) = open.pop() {
        nodes += 1;
        let looping = matches!(node.expr, Expr::Comprehension(_));
        loops += usize::from(looping);
        let nested = nested + usize::from(looping);
        // A loop is made of several calls that its author did not write.
        let depth = if looping { depth.saturating_sub(1) } else { depth };
        if nodes > MAX_NODES || depth > MAX_DEPTH {
            return Err(Mistake::new("the condition is too long; give a part of it to a step or a parameter", 1));
        }
        if nested > MAX_NESTED_LOOPS || loops > MAX_LOOPS {
            let message = format!("at most {MAX_LOOPS} loops over lists, {MAX_NESTED_LOOPS} inside each other");
            return Err(Mistake::new(message, 1));
        }
        children(node, &mut |child| open.push((child, depth + 1, nested)));
    }
    Ok(())
}

/// Hands the direct parts of an expression to `take`.
pub(super) fn children<'a>(node: &'a IdedExpr, take: &mut dyn FnMut(&'a IdedExpr)) {
    match &node.expr {
        Expr::Call(call) => {
            call.target.iter().for_each(|target| take(target));
            call.args.iter().for_each(take);
        }
        Expr::Comprehension(loops) => {
            let parts = [&loops.iter_range, &loops.accu_init, &loops.loop_cond, &loops.loop_step, &loops.result];
            parts.into_iter().for_each(take);
        }
        Expr::List(list) => list.elements.iter().for_each(take),
        Expr::Map(map) => map.entries.iter().for_each(|entry| entry_parts(&entry.expr, take)),
        Expr::Struct(made) => made.entries.iter().for_each(|entry| entry_parts(&entry.expr, take)),
        Expr::Select(select) => take(&select.operand),
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => {}
    }
}

fn entry_parts<'a>(entry: &'a EntryExpr, take: &mut dyn FnMut(&'a IdedExpr)) {
    match entry {
        EntryExpr::StructField(field) => take(&field.value),
        EntryExpr::MapEntry(entry) => {
            take(&entry.key);
            take(&entry.value);
        }
    }
}

/// What an expression names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) parameters: BTreeSet<String>,
    pub(crate) steps: BTreeSet<String>,
    pub(crate) variables: BTreeSet<String>,
    /// Roots other than [`ROOTS`].
    pub(crate) unknown: BTreeSet<String>,
    /// Functions that do not exist.
    pub(crate) functions: BTreeSet<String>,
}

/// Functions by name, methods too.
const FUNCTIONS: [&str; 21] = [
    "same",
    "compare",
    "text",
    "truthy",
    "get",
    "seconds",
    "matches",
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "string",
    "int",
    "uint",
    "double",
    "bool",
    "bytes",
    "type",
    "dyn",
    "has",
    "@not_strictly_false",
];

pub(super) fn named(expression: &IdedExpr) -> Named {
    let mut found = Named::default();
    // Variables of loops: few, and never worth a mistake of being used outside of theirs.
    let mut bound = BTreeSet::new();
    let mut open = vec![expression];
    while let Some(node) = open.pop() {
        if let Expr::Comprehension(loops) = &node.expr {
            bound.extend([loops.iter_var.as_str(), loops.accu_var.as_str()]);
            bound.extend(loops.iter_var2.as_deref());
        }
        if let Expr::Call(call) = &node.expr
            && !FUNCTIONS.contains(&call.func_name.as_str())
            && !call.func_name.contains('_')
            && call.func_name != operators::IN
        {
            found.functions.insert(call.func_name.clone());
        }
        if let Some((root, key)) = member(node) {
            let keys = match root {
                "parameters" => &mut found.parameters,
                "steps" => &mut found.steps,
                "variables" => &mut found.variables,
                _ => &mut found.unknown,
            };
            if matches!(root, "parameters" | "steps" | "variables") {
                keys.insert(key.to_owned());
            }
        }
        if let Expr::Ident(name) = &node.expr
            && !ROOTS.contains(&name.as_str())
        {
            found.unknown.insert(name.clone());
        }
        children(node, &mut |child| open.push(child));
    }
    found.unknown.retain(|name| !bound.contains(name.as_str()));
    found
}

/// `root.key`, `root["key"]` or `get(root, "key")`.
fn member(node: &IdedExpr) -> Option<(&str, &str)> {
    let root = |node: &'_ IdedExpr| match &node.expr {
        Expr::Ident(name) => ROOTS.into_iter().find(|root| root == name),
        _ => None,
    };
    match &node.expr {
        Expr::Select(select) => Some((root(&select.operand)?, select.field.as_str())),
        Expr::Call(CallExpr { func_name, args, .. }) if matches!(func_name.as_str(), operators::INDEX | "get") => {
            let [operand, key] = args.as_slice() else { return None };
            match &key.expr {
                Expr::Literal(LiteralValue::String(key)) => Some((root(operand)?, key.inner())),
                _ => None,
            }
        }
        _ => None,
    }
}

/// An operator as it is written.
pub(super) fn shown(function: &str) -> String {
    let written = match function {
        operators::LOGICAL_NOT => "!",
        operators::NEGATE => "-",
        operators::CONDITIONAL => "?:",
        operators::INDEX => "[]",
        operators::IN => "in",
        other => other.trim_matches('_'),
    };
    format!("'{written}'")
}
