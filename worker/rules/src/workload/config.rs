//! What containers read: variables and files, those that came from resources apart from the others.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::{
    LARGEST,
    asked::{Asked, File, text},
    names,
};

/// The data of the ConfigMap and of the Secret, and how containers refer to them.
#[derive(Debug, Default)]
pub(super) struct Data {
    /// Plain text of the ConfigMap.
    pub(super) plain: Map<String, Value>,
    /// Its binary content, in base64.
    pub(super) binary: Map<String, Value>,
    /// The Secret's content, in base64.
    pub(super) secret: Map<String, Value>,
    /// By container, its `env`.
    pub(super) env: BTreeMap<String, Vec<Value>>,
    /// By container, its mounted files.
    pub(super) mounts: BTreeMap<String, Vec<Value>>,
    /// Files of the ConfigMap, as a volume's items.
    pub(super) plain_items: Vec<Value>,
    /// Files of the Secret, as a volume's items.
    pub(super) secret_items: Vec<Value>,
}

impl Data {
    /// # Errors
    /// When a file cannot be had, or all of it is more than Kubernetes keeps.
    pub(super) fn of(asked: &Asked, config_map: &str, secret: &str) -> anyhow::Result<Self> {
        let mut data = Self::default();
        for (name, container) in &asked.containers {
            let base = format!("/containers/{}", escaped(name));
            let from_resource = |what: &str, key: &str| {
                asked.from_resources.iter().any(|at| *at == format!("{base}/{what}/{}", escaped(key)))
            };
            let mut env = Vec::new();
            for (variable, value) in &container.variables {
                let value = text(value);
                if from_resource("variables", variable) {
                    let key = names::key(name, variable);
                    data.secret.insert(key.clone(), STANDARD.encode(&value).into());
                    env.push(json!({"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}));
                } else {
                    env.push(json!({"name": variable, "value": super::pod::verbatim(&value)}));
                }
            }
            data.env.insert(name.clone(), env);
            let mut mounts = Vec::new();
            for (target, file) in &container.files {
                let volume = data.file(name, target, file, from_resource("files", target))?;
                mounts.push(
                    json!({"name": volume, "mountPath": target, "subPath": names::key(name, target), "readOnly": true}),
                );
            }
            data.mounts.insert(name.clone(), mounts);
        }
        let size = |map: &Map<String, Value>| -> usize {
            map.iter().map(|(key, value)| key.len() + value.as_str().map_or(0, str::len)).sum()
        };
        for (name, bytes) in [(config_map, size(&data.plain) + size(&data.binary)), (secret, size(&data.secret))] {
            ensure!(bytes <= LARGEST, "{name} would hold {bytes} bytes of files and variables; {LARGEST} are allowed");
        }
        Ok(data)
    }

    /// Adds a file, and names the volume it comes from.
    fn file(&mut self, container: &str, target: &str, file: &File, is_secret: bool) -> anyhow::Result<&'static str> {
        let key = names::key(container, target);
        let mut item = json!({"key": key, "path": key});
        if let Some(mode) = &file.mode {
            item["mode"] = u32::from_str_radix(mode, 8).with_context(|| format!("{target}: the mode '{mode}'"))?.into();
        }
        match file {
            File { content: Some(content), .. } if is_secret => {
                self.secret.insert(key, STANDARD.encode(text(content)).into());
                self.secret_items.push(item);
                return Ok("files-of-resources");
            }
            File { content: Some(content), .. } => self.plain.insert(key, text(content).into()),
            File { binary_content: Some(binary), .. } => self.binary.insert(key, binary.clone().into()),
            File { source: Some(source), .. } => bail!(
                "{container}: the file {target} is to be read from '{source}', which is on its author's machine; write its \
                 `content` or `binaryContent`"
            ),
            File { .. } => bail!("{container}: the file {target} has no content"),
        };
        self.plain_items.push(item);
        Ok("files")
    }

    /// What tells one content from another.
    pub(super) fn checksum(&self) -> String {
        let all = json!([self.plain, self.binary, self.secret]);
        names::digest(&all.to_string(), 32)
    }
}

/// As a JSON pointer writes a key.
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
