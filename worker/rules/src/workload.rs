//! What a workload becomes on Kubernetes: a Deployment, and what goes with it, as files for `kubernetes` or `git`.

mod asked;
mod config;
mod names;
mod objects;
mod order;
mod pod;
#[cfg(test)]
mod tests;

use std::{fs, path::Path};

use anyhow::{Context as _, ensure};
pub(crate) use asked::Asked;
use objects::Rendered;
use serde_json::{Map, Value};

/// What there should be.
const WANTED: &str = "manifests";
/// What there should not be any more.
const UNWANTED: &str = "unwanted";
/// Bytes that a ConfigMap or a Secret may hold, as Kubernetes says.
const LARGEST: usize = 1024 * 1024;

/// Writes the manifests into the workspace and gives the step's outputs.
///
/// # Errors
/// What cannot be run on Kubernetes as it is asked for.
pub(crate) fn write(asked: &Asked, workspace: &Path) -> anyhow::Result<Map<String, Value>> {
    let rendered = objects::render(asked)?;
    let (wanted, unwanted) = (workspace.join(WANTED), workspace.join(UNWANTED));
    for folder in [&wanted, &unwanted] {
        // Of an earlier try.
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let Rendered { objects, absent, outputs } = rendered;
    for (folder, objects) in [(&wanted, &objects), (&unwanted, &absent)] {
        for object in objects {
            let kind = object["kind"].as_str().unwrap_or_default();
            let text = serde_yaml::to_string(object).context("a manifest")?;
            ensure!(text.len() <= 4 * LARGEST, "the {kind} would have {} bytes", text.len());
            let file = folder.join(format!("{}.yaml", kind.to_lowercase()));
            fs::write(&file, text).with_context(|| file.display().to_string())?;
            println!("{} {kind} {}", folder.file_name().unwrap_or_default().display(), object["metadata"]["name"]);
        }
    }
    Ok(outputs)
}

/// Renders, and leaves the outputs where the step's are read.
///
/// # Errors
/// As [`write`].
pub(crate) fn run(asked: &Asked) -> anyhow::Result<()> {
    let outputs = Value::Object(write(asked, Path::new("/workspace"))?).to_string();
    if let Some(path) = std::env::var_os("SLIPWAY_OUTPUT") {
        fs::write(&path, outputs).with_context(|| path.display().to_string())?;
    }
    Ok(())
}
