//! A provider's folder: nothing outside it is read, and no link is followed.

use std::{
    fs,
    io::Read,
    path::{Component, Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use sha2::{Digest, Sha256};

use super::{
    golden_path,
    problem::{Problem, code},
    yaml,
};

/// Bytes a bundle may have.
pub(crate) const MAX_BUNDLE_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of text that are read in one folder: a small manifest may name a large file a thousand times.
const MAX_READ_BYTES: usize = 16 * 1024 * 1024;
/// Files and folders a bundle may have.
const MAX_BUNDLE_ENTRIES: usize = 2_000;
/// Folders inside each other.
const MAX_DEPTH: usize = 16;
/// What a provider's folder holds for Slipway itself, and not for steps.
const NOT_BUNDLED: [&str; 6] =
    ["provider.yaml", "provider.yml", golden_path::FILE, "workflows", "step-types", "images"];

/// The folder of one provider.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    /// How problems name it, when not by its path.
    label: Option<String>,
    /// Bytes of text that were read, over all clones.
    read: Arc<AtomicUsize>,
}

impl Folder {
    pub(crate) fn new(root: &Path) -> Self {
        Self::labelled(root, None)
    }

    /// A folder that problems name by `label`: where it stands on this machine says nothing to anyone.
    pub(crate) fn labelled(root: &Path, label: Option<String>) -> Self {
        Self { root: root.to_owned(), label, read: Arc::default() }
    }

    /// The manifest's file name, when there is a manifest. A folder of golden paths needs none but their own.
    pub(crate) fn manifest(&self) -> Option<&'static str> {
        ["provider.yaml", "provider.yml", golden_path::FILE].into_iter().find(|name| self.root.join(name).is_file())
    }

    /// The folder's own name, as problems show it.
    pub(crate) fn name(&self) -> Option<&str> {
        let root = self.label.as_ref().map_or(self.root.as_path(), Path::new);
        root.file_name().and_then(|name| name.to_str()).or_else(|| self.root.file_name()?.to_str())
    }

    /// How problems name a file of this folder.
    pub(crate) fn shown(&self, file: &str) -> String {
        let root = self.label.as_ref().map_or(self.root.as_path(), Path::new);
        if file.is_empty() {
            return root.display().to_string();
        }
        root.join(file.strip_prefix("./").unwrap_or(file)).display().to_string()
    }

    /// The path of something in the folder; refuses what leads out of it, by name or by link, or does not exist.
    fn inside(&self, file: &str) -> Result<PathBuf, String> {
        let mut path = self.root.clone();
        for component in Path::new(file).components() {
            match component {
                Component::CurDir => continue,
                Component::Normal(name) => path.push(name),
                Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                    return Err(format!("'{file}' leads out of the provider's folder"));
                }
            }
            let meta = fs::symlink_metadata(&path).map_err(|error| format!("'{file}' cannot be read: {error}"))?;
            if meta.file_type().is_symlink() {
                return Err(format!("'{file}' is or goes through a link, which is not followed"));
            }
        }
        Ok(path)
    }

    /// Whether a folder or file of that name is inside.
    pub(crate) fn has(&self, file: &str) -> bool {
        self.inside(file).is_ok_and(|path| path != self.root)
    }

    /// The text of a file, at most what [`yaml::parse`] takes.
    pub(crate) fn read(&self, file: &str) -> Result<String, Problem> {
        self.try_read(file).map_err(|message| Problem::new(code::FILE, message).in_file(self.shown(file)))
    }

    fn try_read(&self, file: &str) -> Result<String, String> {
        let path = self.inside(file)?;
        // Before it is opened: a pipe has whoever opens it wait for a writer.
        if !fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file()) {
            return Err(format!("'{file}' is no file"));
        }
        let mut text = String::new();
        let opened = fs::File::open(&path).map_err(|error| format!("'{file}' cannot be read: {error}"))?;
        let read = opened.take(yaml::MAX_BYTES as u64 + 1).read_to_string(&mut text);
        read.map_err(|error| format!("'{file}' cannot be read: {error}"))?;
        if self.read.fetch_add(text.len(), Ordering::Relaxed) + text.len() > MAX_READ_BYTES {
            return Err(format!(
                "'{file}' is not read: this provider's files have more than {MAX_READ_BYTES} bytes together"
            ));
        }
        Ok(text)
    }

    /// The YAML files directly in a folder, sorted; none when there is no such folder.
    pub(crate) fn yaml_files(&self, folder: &str) -> Result<Vec<String>, Problem> {
        if fs::symlink_metadata(self.root.join(folder)).is_err() {
            return Ok(Vec::new());
        }
        let fail = |message: String| Problem::new(code::FILE, message).in_file(self.shown(folder));
        let path = self.inside(folder).map_err(fail)?;
        let mut names: Vec<String> = entries(&path).map_err(fail)?;
        names.retain(|name| name.ends_with(".yaml") || name.ends_with(".yml"));
        Ok(names.into_iter().map(|name| format!("{folder}/{name}")).collect())
    }

    /// All files that steps may need, as a tar archive that only depends on their names, contents and whether they
    /// may be executed; and its SHA-256.
    pub(crate) fn bundle(&self) -> Result<([u8; 32], Vec<u8>), Problem> {
        let mut archive = tar::Builder::new(Vec::new());
        let mut count = 0;
        let result = self
            .add(&mut archive, "", 0, &mut count)
            .and_then(|()| archive.into_inner().map_err(|error| error.to_string()));
        let bytes = result.map_err(|message| {
            Problem::new(code::FILE, format!("the files for steps: {message}")).in_file(self.shown(""))
        })?;
        Ok((Sha256::digest(&bytes).into(), bytes))
    }

    fn add(
        &self,
        archive: &mut tar::Builder<Vec<u8>>,
        below: &str,
        depth: usize,
        count: &mut usize,
    ) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(format!("'{below}' is more than {MAX_DEPTH} folders deep"));
        }
        for name in entries(&self.root.join(below))? {
            if name.starts_with('.') || (depth == 0 && NOT_BUNDLED.contains(&name.as_str())) {
                continue;
            }
            *count += 1;
            if *count > MAX_BUNDLE_ENTRIES {
                return Err(format!("more than {MAX_BUNDLE_ENTRIES} files"));
            }
            let inside = if below.is_empty() { name } else { format!("{below}/{name}") };
            let path = self.inside(&inside)?;
            let meta = fs::symlink_metadata(&path).map_err(|error| format!("'{inside}': {error}"))?;
            if meta.is_dir() {
                append(archive, &format!("{inside}/"), true, true, &[])?;
                self.add(archive, &inside, depth + 1, count)?;
                continue;
            }
            if !meta.is_file() {
                return Err(format!("'{inside}' is neither file nor folder"));
            }
            let room = MAX_BUNDLE_BYTES.saturating_sub(archive.get_ref().len()) as u64;
            if meta.len() > room {
                return Err(format!("larger than {MAX_BUNDLE_BYTES} bytes with '{inside}'"));
            }
            let content = fs::read(&path).map_err(|error| format!("'{inside}': {error}"))?;
            append(archive, &inside, false, executable(&meta), &content)?;
        }
        Ok(())
    }
}

/// Names in a folder, sorted.
pub(crate) fn entries(path: &Path) -> Result<Vec<String>, String> {
    let fail = |error: std::io::Error| format!("'{}' cannot be read: {error}", path.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(fail)? {
        let name = entry.map_err(fail)?.file_name();
        names.push(name.into_string().map_err(|name| format!("a file's name is no text: {}", name.display()))?);
    }
    names.sort();
    Ok(names)
}

fn append(
    archive: &mut tar::Builder<Vec<u8>>,
    name: &str,
    folder: bool,
    executable: bool,
    content: &[u8],
) -> Result<(), String> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(if folder { tar::EntryType::Directory } else { tar::EntryType::Regular });
    header.set_mode(if executable { 0o755 } else { 0o644 });
    header.set_size(content.len() as u64);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    archive.append_data(&mut header, name, content).map_err(|error| format!("'{name}': {error}"))
}

#[cfg(unix)]
fn executable(meta: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    meta.permissions().mode() & 0o100 != 0
}

#[cfg(not(unix))]
fn executable(_: &fs::Metadata) -> bool {
    false
}
