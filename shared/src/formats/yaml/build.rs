//! From parse events to a value and its places.

use std::{borrow::Cow, collections::HashMap};

use saphyr_parser::{Event, Marker, ScalarStyle, Span, Tag};
use serde_json::{Map, Value};

use super::{
    super::problem::{MAX_PROBLEMS, Problem, code, pointer, short},
    Children, MAX_ALIASES, MAX_DEPTH, MAX_DOCUMENTS, MAX_NODES, MAX_REPEATED_BYTES, Place, Position, Positions, scalar,
};

/// Counts of what a finished value holds, for aliases of it.
#[derive(Clone, Copy, Default)]
struct Weight {
    nodes: usize,
    bytes: usize,
    depth: usize,
}

struct Anchored {
    value: Value,
    place: Place,
    weight: Weight,
}

enum Open {
    Map { entries: Map<String, Value>, places: HashMap<String, Place>, key: Option<(String, Position)> },
    List { items: Vec<Value>, places: Vec<Place> },
}

struct Frame {
    open: Open,
    start: Position,
    anchor: usize,
    weight: Weight,
}

/// Takes the events of a text's documents. Iterative: the depth of the text is never the depth of the stack.
#[derive(Default)]
pub(super) struct Builder {
    stack: Vec<Frame>,
    anchors: HashMap<usize, Anchored>,
    root: Option<(Value, Place)>,
    many: bool,
    finished: Vec<(Value, Positions)>,
    documents: usize,
    nodes: usize,
    aliases: usize,
    repeated: usize,
    anchored: usize,
    problems: Vec<Problem>,
}

/// Where the text of a scalar starts, when it is all on one line.
fn inset(style: ScalarStyle, text: &str, span: &Span) -> Option<u32> {
    if span.start.line() != span.end.line() || text.contains('\n') {
        return None;
    }
    match style {
        ScalarStyle::Plain => Some(0),
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Some(1),
        ScalarStyle::Literal | ScalarStyle::Folded => None,
    }
}

pub(super) fn position(marker: &Marker) -> Position {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Position { line: number(marker.line()), column: number(marker.col() + 1) }
}

impl Builder {
    /// A builder that takes several documents.
    pub(super) fn many() -> Self {
        Self { many: true, ..Self::default() }
    }

    /// Takes the next event; an error ends the reading.
    pub(super) fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let start = position(&span.start);
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 && !self.many {
                    let message = "only one document is allowed in a file";
                    return Err(Problem::new(code::SYNTAX, message).placed(Some(start)));
                }
                if self.documents > MAX_DOCUMENTS {
                    let message = format!("more than {MAX_DOCUMENTS} documents in a file");
                    return Err(Problem::new(code::LIMIT, message).placed(Some(start)));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let value = self.scalar(&text, style, tag, start);
                let weight = Weight { nodes: 1, bytes: text.len(), depth: 0 };
                let place =
                    Place { key: None, value: start, inset: inset(style, &text, &span), children: Children::None };
                self.node(value, place, weight, anchor, start)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag, start);
                let open = Open::Map { entries: Map::new(), places: HashMap::new(), key: None };
                self.open(open, anchor, start)
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag, start);
                self.open(Open::List { items: Vec::new(), places: Vec::new() }, anchor, start)
            }
            Event::MappingEnd | Event::SequenceEnd => self.close(),
            Event::Alias(anchor) => self.alias(anchor, start),
            Event::DocumentEnd => {
                self.finish_document();
                Ok(())
            }
            Event::StreamStart | Event::StreamEnd | Event::Nothing => Ok(()),
        }
    }

    pub(super) fn give_up(mut self, problem: Problem) -> Vec<Problem> {
        self.problems.push(problem);
        self.problems
    }

    pub(super) fn finish(mut self) -> Result<Vec<(Value, Positions)>, Vec<Problem>> {
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        self.finish_document();
        Ok(self.finished)
    }

    fn finish_document(&mut self) {
        if let Some((value, place)) = self.root.take()
            && !(self.many && value.is_null())
        {
            self.finished.push((value, Positions { root: Some(place) }));
        }
        self.anchors.clear();
    }

    fn path(&self) -> String {
        self.stack.iter().fold(String::new(), |path, frame| match &frame.open {
            Open::Map { key: Some((key, _)), .. } => pointer(&path, key),
            Open::Map { key: None, .. } => path,
            Open::List { items, .. } => format!("{path}/{}", items.len()),
        })
    }

    fn report(&mut self, code: &'static str, message: String, place: Position) {
        if self.problems.len() < MAX_PROBLEMS {
            let problem = Problem::new(code, message).at(self.path()).placed(Some(place));
            self.problems.push(problem);
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<Cow<'_, Tag>>, start: Position) -> Value {
        if let Some(tag) = &tag {
            if tag.is_yaml_core_schema() && tag.suffix == "str" {
                return Value::String(text.to_owned());
            }
            // `!` alone only says "not plain".
            if !(tag.handle.is_empty() && tag.suffix == "!") {
                self.refuse_tag(Some(tag.clone()), start);
            }
        }
        if !matches!(style, ScalarStyle::Plain) {
            return Value::String(text.to_owned());
        }
        scalar::plain(text).unwrap_or_else(|why| {
            self.report(code::INVALID_VALUE, why.to_owned(), start);
            Value::Null
        })
    }

    fn refuse_tag(&mut self, tag: Option<Cow<'_, Tag>>, start: Position) {
        if let Some(tag) = tag
            && !(tag.is_yaml_core_schema() && matches!(tag.suffix.as_str(), "map" | "seq" | "str"))
        {
            self.report(code::UNSUPPORTED, format!("the tag '{}' is not supported", short(&tag.to_string())), start);
        }
    }

    fn open(&mut self, open: Open, anchor: usize, start: Position) -> Result<(), Problem> {
        self.refuse_as_key(start)?;
        if self.stack.len() >= MAX_DEPTH {
            let message = format!("nested more than {MAX_DEPTH} deep");
            return Err(Problem::new(code::LIMIT, message).at(self.path()).placed(Some(start)));
        }
        self.count(1, start)?;
        self.stack.push(Frame { open, start, anchor, weight: Weight { nodes: 1, bytes: 0, depth: 1 } });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Problem> {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let (value, children) = match frame.open {
            Open::Map { entries, places, .. } => (Value::Object(entries), Children::Map(places)),
            Open::List { items, places } => (Value::Array(items), Children::List(places)),
        };
        let place = Place { key: None, value: frame.start, inset: None, children };
        self.place_node(value, place, frame.weight, frame.anchor)
    }

    fn alias(&mut self, anchor: usize, start: Position) -> Result<(), Problem> {
        self.aliases += 1;
        let limit = |message: String| Problem::new(code::LIMIT, message).placed(Some(start));
        if self.aliases > MAX_ALIASES {
            return Err(limit(format!("more than {MAX_ALIASES} aliases")).at(self.path()));
        }
        let Some(anchored) = self.anchors.get(&anchor) else {
            // The anchor is of a collection that is still open.
            return Err(Problem::new(code::SYNTAX, "an alias may not be inside what it repeats")
                .at(self.path())
                .placed(Some(start)));
        };
        let weight = anchored.weight;
        self.repeated += weight.bytes;
        if self.stack.len() + weight.depth > MAX_DEPTH {
            return Err(limit(format!("nested more than {MAX_DEPTH} deep")).at(self.path()));
        }
        if self.repeated > MAX_REPEATED_BYTES {
            return Err(limit(format!("aliases repeat more than {MAX_REPEATED_BYTES} bytes")).at(self.path()));
        }
        if self.nodes + weight.nodes > MAX_NODES {
            return self.count(weight.nodes, start);
        }
        let (value, place) = (anchored.value.clone(), anchored.place.clone());
        self.node(value, place, weight, 0, start)
    }

    fn count(&mut self, nodes: usize, start: Position) -> Result<(), Problem> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            let message = format!("more than {MAX_NODES} values");
            return Err(Problem::new(code::LIMIT, message).at(self.path()).placed(Some(start)));
        }
        Ok(())
    }

    fn refuse_as_key(&mut self, start: Position) -> Result<(), Problem> {
        if let Some(Frame { open: Open::Map { key: None, .. }, .. }) = self.stack.last() {
            return Err(Problem::new(code::WRONG_TYPE, "a key must be a string").at(self.path()).placed(Some(start)));
        }
        Ok(())
    }

    /// A value that is complete: a key, or the value of one, or an item, or the document.
    fn node(
        &mut self,
        value: Value,
        place: Place,
        weight: Weight,
        anchor: usize,
        start: Position,
    ) -> Result<(), Problem> {
        self.count(weight.nodes, start)?;
        if let Some(Frame { open: Open::Map { key: None, .. }, .. }) = self.stack.last() {
            return self.key(value, start);
        }
        self.place_node(value, place, weight, anchor)
    }

    fn key(&mut self, value: Value, start: Position) -> Result<(), Problem> {
        let Value::String(name) = value else {
            let message = "a key must be a string; quote it".to_owned();
            return Err(Problem::new(code::WRONG_TYPE, message).at(self.path()).placed(Some(start)));
        };
        let mut found = None;
        if let Some(Frame { open: Open::Map { entries, places, key }, weight, .. }) = self.stack.last_mut() {
            weight.nodes += 1;
            weight.bytes += name.len();
            if name == "<<" {
                found = Some((code::UNSUPPORTED, "merge keys are not supported; write the keys out".to_owned()));
            } else if entries.contains_key(&name) {
                let first = places.get(&name).and_then(|place| place.key).map_or(0, |position| position.line);
                let message = format!("the key '{}' is given twice; it is first given on line {first}", short(&name));
                found = Some((code::DUPLICATE_KEY, message));
            }
            *key = Some((name, start));
        }
        if let Some((code, message)) = found {
            self.report(code, message, start);
        }
        Ok(())
    }

    fn place_node(&mut self, value: Value, mut place: Place, weight: Weight, anchor: usize) -> Result<(), Problem> {
        if anchor > 0 {
            // Kept apart for its aliases: anchors inside anchors must not copy the document once a level.
            self.anchored += weight.nodes;
            self.repeated += weight.bytes;
            if self.anchored > MAX_NODES || self.repeated > MAX_REPEATED_BYTES {
                let problem = Problem::new(code::LIMIT, "anchors hold too many values");
                return Err(problem.at(self.path()).placed(Some(place.value)));
            }
            self.anchors.insert(anchor, Anchored { value: value.clone(), place: place.clone(), weight });
        }
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some((value, place));
            return Ok(());
        };
        frame.weight.nodes += weight.nodes;
        frame.weight.bytes += weight.bytes;
        frame.weight.depth = frame.weight.depth.max(weight.depth + 1);
        match &mut frame.open {
            Open::Map { entries, places, key } => {
                let Some((name, at)) = key.take() else { return Ok(()) };
                place.key = Some(at);
                // The first of two wins; the problem has been reported.
                if !entries.contains_key(&name) {
                    places.insert(name.clone(), place);
                    entries.insert(name, value);
                }
            }
            Open::List { items, places } => {
                place.key = None;
                items.push(value);
                places.push(place);
            }
        }
        Ok(())
    }
}
