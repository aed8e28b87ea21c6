//! Files of containers that a Score file names instead of holding them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::super::{
    problem::{Problem, Warning, code},
    yaml::{self, Position, Positions},
};

/// A container's file whose content is beside the Score file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSource {
    /// Where, as written.
    pub source: String,
    /// JSON pointer to that.
    pub path: String,
    /// Its place in the text, when it came from one.
    pub position: Option<Position>,
}

impl FileSource {
    /// What is wrong with it, at its place.
    #[must_use]
    pub fn problem(&self, message: impl Into<String>) -> Problem {
        Problem::new(code::FILE, message).at(&self.path).placed(self.position)
    }

    /// What its author should know of it, at its place.
    #[must_use]
    pub fn warning(&self, message: impl Into<String>) -> Warning {
        let (line, column) = self.position.map(|at| (at.line, at.column)).unzip();
        Warning { message: message.into(), path: self.path.clone(), line, column }
    }
}

/// A Score file that holds its files, and where everything stood before it did.
#[derive(Debug)]
pub struct Embedded {
    text: Option<String>,
    positions: Positions,
}

impl Embedded {
    /// The file anew, as JSON; none when it named no file.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// The place of a value in the text that was read, or of the nearest around it.
    #[must_use]
    pub fn position(&self, path: &str) -> Option<Position> {
        self.positions.of(path)
    }
}

/// Puts the content of each file that a Score file names in the place of the name: as `content` where it is UTF-8, and
/// else as `binaryContent`. `fetch` gives the content, or says why there is none.
///
/// # Errors
/// When the text cannot be read, and each file that cannot, with line and column.
pub fn embed(text: &str, fetch: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>) -> Result<Embedded, Vec<Problem>> {
    let (mut value, positions) = yaml::parse(text)?;
    let named = sources(&value, &positions);
    let mut problems = Vec::new();
    for file in &named {
        let holder = file.path.rsplit_once('/').map_or("", |(holder, _)| holder);
        let content = match fetch(&file.source) {
            Ok(bytes) => bytes,
            Err(message) => {
                problems.push(file.problem(message));
                continue;
            }
        };
        if let Some(details) = value.pointer_mut(holder).and_then(Value::as_object_mut) {
            details.remove("source");
            let (key, content) = match String::from_utf8(content) {
                Ok(text) => ("content", text),
                Err(error) => ("binaryContent", STANDARD.encode(error.as_bytes())),
            };
            details.insert(key.to_owned(), Value::String(content));
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Embedded { text: (!named.is_empty()).then(|| value.to_string()), positions })
}

/// A JSON pointer by which the value is found again, however long the key.
fn exact(parent: &str, key: &str) -> String {
    format!("{parent}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// The files that a Score file names, in the order of its text where that is known.
pub(crate) fn sources(score: &Value, positions: &Positions) -> Vec<FileSource> {
    let mut found = Vec::new();
    let mut look = |path: String, details: &Value| {
        if let Some(source) = details.get("source").and_then(Value::as_str) {
            let path = format!("{path}/source");
            found.push(FileSource { source: source.to_owned(), position: positions.of(&path), path });
        }
    };
    let containers = score.get("containers").and_then(Value::as_object);
    for (name, container) in containers.into_iter().flat_map(Map::iter) {
        let base = format!("{}/files", exact("/containers", name));
        match container.get("files") {
            Some(Value::Object(files)) => files.iter().for_each(|(target, file)| look(exact(&base, target), file)),
            Some(Value::Array(files)) => {
                files.iter().enumerate().for_each(|(index, file)| look(format!("{base}/{index}"), file));
            }
            _ => {}
        }
    }
    found.sort_by_key(|file| file.position.map(|at| (at.line, at.column)));
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TEXT: &str = "containers:\n  app:\n    files:\n      /etc/a: {source: a.txt, mode: '0600'}\n      /etc/b: {content: b}\n      /c~d: {source: c.bin}\n  old:\n    files:\n      - {target: /etc/e, source: a.txt}\n";

    #[test]
    fn the_content_takes_the_place_of_the_name_as_text_or_as_base64() {
        let embedded = embed(TEXT, &mut |source| match source {
            "a.txt" => Ok(b"hello ${metadata.name}".to_vec()),
            _ => Ok(vec![0xff, 0]),
        });
        let embedded = embedded.unwrap();
        let value: Value = serde_json::from_str(embedded.text().unwrap()).unwrap();
        let files = &value["containers"]["app"]["files"];
        assert_eq!(files["/etc/a"], json!({"content": "hello ${metadata.name}", "mode": "0600"}));
        assert_eq!(files["/c~d"], json!({"binaryContent": "/wA="}));
        assert_eq!(value["containers"]["old"]["files"][0]["content"], "hello ${metadata.name}");
        let place = embedded.position("/containers/app/files/~1c~0d/binaryContent").unwrap();
        assert_eq!(place.line, 6, "of the file that the content was put into");
    }

    #[test]
    fn every_file_that_cannot_be_had_is_told_with_its_place() {
        let problems = embed(TEXT, &mut |source| Err(format!("there is no {source}"))).unwrap_err();
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(told[0], "4:16: there is no a.txt (at /containers/app/files/~1etc~1a/source)");
        assert_eq!(told.len(), 3);
    }

    #[test]
    fn a_file_at_a_long_path_gets_its_content_too() {
        let target = format!("/opt/{}/x", "long-".repeat(30));
        let text = format!("containers: {{app: {{files: {{{target}: {{source: a}}}}}}}}");
        let embedded = embed(&text, &mut |_| Ok(b"here".to_vec())).unwrap();
        let value: Value = serde_json::from_str(embedded.text().unwrap()).unwrap();
        assert_eq!(value["containers"]["app"]["files"][&target], json!({"content": "here"}));
    }

    #[test]
    fn what_names_no_file_stays_as_it_is() {
        let mut never = |_: &str| -> Result<Vec<u8>, String> { panic!("nothing is to be fetched") };
        assert_eq!(embed("containers: {app: {volumes: {/v: {source: disk}}}}", &mut never).unwrap().text(), None);
    }
}
