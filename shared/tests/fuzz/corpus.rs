//! Seeds: small real files, hand-made nasty ones, and whatever once failed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

/// Where a target's own seeds are.
fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(target)
}

/// The seeds of a target, in the order of their names.
pub(crate) fn seeds(target: &str) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for path in files(&folder(target)) {
        let content = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        if path.file_name().is_some_and(|name| name == "lines.txt") {
            seeds.extend(content.split(|byte| *byte == b'\n').map(<[u8]>::to_vec));
        } else {
            seeds.push(content);
        }
    }
    seeds
}

/// As [`seeds`], and the files below a folder of the repository whose path holds `part`.
pub(crate) fn seeds_with(target: &str, shipped: &str, part: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(shipped);
    let mut seeds = seeds(target);
    let chosen = files(&root).into_iter().filter(|path| {
        path.extension().is_some_and(|extension| extension == "yaml") && path.to_string_lossy().contains(part)
    });
    seeds.extend(chosen.filter_map(|path| fs::read(path).ok()));
    seeds
}

/// Writes an input that failed into the corpus; the same input gets the same name.
pub(crate) fn keep(target: &str, input: &[u8]) -> PathBuf {
    let path = folder(target).join(format!("found-{}", hex::encode(&Sha256::digest(input)[..6])));
    fs::write(&path, input).unwrap_or_else(|error| panic!("{} cannot be written: {error}", path.display()));
    path
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths.into_iter().flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
