//! The files of a repository at one commit, as an archive. They are read object by object: nothing is ever checked out,
//! so no attribute, filter, link or name of the repository's has an effect.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, symlink},
    path::{Component, Path},
};

use anyhow::Context as _;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use sha2::{Digest as _, Sha256};
use shared::{config::Git, formats::problem::short};

/// Bytes of a path in a repository at most.
const MAX_PATH: usize = 512;
/// Folders inside each other at most.
const MAX_DEPTH: usize = 24;
/// What a link leads to once it is unpacked: nothing. It is there so that whoever names it is told that it is a link.
const LINK_TARGET: &str = "a-link-that-is-not-followed";
/// What stands at the beginning of a file that only says where the file is.
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// What `git ls-tree` says of one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) object: String,
    pub(super) path: String,
    /// Bytes; of files only.
    pub(super) size: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File { executable: bool },
    Link,
    Submodule,
}

/// The files of a source, ready to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// SHA-256 of the archive before it is compressed.
    pub digest: [u8; 32],
    /// A gzipped tar archive.
    pub content: Vec<u8>,
    /// What was left out, in words.
    pub warnings: Vec<String>,
}

/// Reads the answer of `git ls-tree -r -z -l`, and refuses what no folder of providers needs.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn listed(answer: &[u8], limits: &Git) -> Result<Vec<Entry>, Vec<String>> {
    let (mut entries, mut problems) = (Vec::new(), Vec::new());
    let (mut seen, mut bytes) = (BTreeMap::new(), 0_u64);
    for record in answer.split(|byte| *byte == 0).filter(|record| !record.is_empty()) {
        let entry = match entry(record) {
            Ok(entry) => entry,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        // A file system that does not tell large letters from small ones would let one take the other's place.
        if let Some(other) = seen.insert(entry.path.to_lowercase(), entry.path.clone()) {
            problems.push(format!(
                "'{}' and '{}' differ in nothing but the size of letters",
                short(&other),
                short(&entry.path)
            ));
        }
        bytes = bytes.saturating_add(entry.size);
        entries.push(entry);
    }
    // A file may not be a folder to another.
    for entry in &entries {
        let path = entry.path.to_lowercase();
        let mut above = path.match_indices('/').map(|(at, _)| &path[..at]);
        if let Some(above) = above.find(|above| seen.contains_key(*above)) {
            problems.push(format!("'{}' is both a file and a folder", short(above)));
        }
    }
    if entries.len() as u64 > u64::from(limits.max_files) {
        problems.push(format!(
            "it has {} files; at most {} are allowed (git.max_files)",
            entries.len(),
            limits.max_files
        ));
    }
    if bytes > limits.max_tree_bytes {
        problems.push(format!(
            "its files have {bytes} bytes; at most {} are allowed (git.max_tree_bytes)",
            limits.max_tree_bytes
        ));
    }
    if entries.is_empty() && problems.is_empty() {
        problems.push("there are no files".into());
    }
    problems.truncate(20);
    if problems.is_empty() { Ok(entries) } else { Err(problems) }
}

fn entry(record: &[u8]) -> Result<Entry, String> {
    let shown = || short(&String::from_utf8_lossy(record));
    let text = std::str::from_utf8(record).map_err(|_| format!("the name of a file is no text: {}", shown()))?;
    let (about, path) = text.split_once('\t').ok_or_else(|| format!("git said '{}'", shown()))?;
    let mut words = about.split_whitespace();
    let (mode, object, size) = (words.next().unwrap_or_default(), words.nth(1).unwrap_or_default(), words.next());
    let hidden = |part: &str| {
        // Names that file systems take for `.git`, or for nothing.
        let folded: String = part.chars().filter(|c| !is_ignorable(*c)).collect::<String>().to_lowercase();
        let folded = folded.trim_end_matches(['.', ' ']);
        folded.is_empty() || folded == ".git" || folded.starts_with("git~")
    };
    let wrong = path.len() > MAX_PATH
        || path.chars().any(|c| c.is_control() || c == '\\' || c == ':')
        || path.split('/').count() > MAX_DEPTH
        || path.split('/').any(hidden);
    if wrong {
        return Err(format!("'{}' is no name for a file", short(path)));
    }
    let kind = match mode {
        "100644" | "100664" => Kind::File { executable: false },
        "100755" => Kind::File { executable: true },
        "120000" => Kind::Link,
        "160000" => Kind::Submodule,
        _ => return Err(format!("'{}' is of the unknown kind {}", short(path), short(mode))),
    };
    let size = match kind {
        Kind::File { .. } => {
            size.and_then(|size| size.parse().ok()).ok_or_else(|| format!("git said '{}'", shown()))?
        }
        Kind::Link | Kind::Submodule => 0,
    };
    Ok(Entry { kind, object: object.to_owned(), path: path.to_owned(), size })
}

/// Characters that a file system of the world leaves out of names.
fn is_ignorable(c: char) -> bool {
    matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

/// Makes the archive of what `git cat-file --batch` answered for the files among `entries`, in their order.
///
/// # Errors
/// When the answer is not what was asked for.
pub(super) fn packed(entries: &[Entry], mut answer: &[u8]) -> anyhow::Result<Tree> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut warnings = BTreeSet::new();
    let mut sorted: Vec<(&Entry, &[u8])> = Vec::new();
    for entry in entries {
        let content = match entry.kind {
            Kind::File { .. } => object(&mut answer, entry)?,
            Kind::Link => {
                warnings.insert(format!("'{}' is a link, which is not followed", short(&entry.path)));
                &[]
            }
            Kind::Submodule => {
                warnings.insert(format!("'{}' is a submodule, which is not fetched", short(&entry.path)));
                continue;
            }
        };
        if content.starts_with(LFS_POINTER) {
            warnings.insert(format!("'{}' is in LFS, from which nothing is fetched", short(&entry.path)));
        }
        sorted.push((entry, content));
    }
    sorted.sort_by(|a, b| a.0.path.cmp(&b.0.path));
    for (entry, content) in sorted {
        let mut header = tar::Header::new_gnu();
        header.set_mode(if entry.kind == (Kind::File { executable: true }) { 0o755 } else { 0o644 });
        header.set_size(content.len() as u64);
        header.set_mtime(0);
        if entry.kind == Kind::Link {
            header.set_entry_type(tar::EntryType::Symlink);
            archive.append_link(&mut header, &entry.path, LINK_TARGET)?;
        } else {
            header.set_entry_type(tar::EntryType::Regular);
            archive.append_data(&mut header, &entry.path, content)?;
        }
    }
    let plain = archive.into_inner()?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&plain)?;
    let warnings = warnings.into_iter().take(20).collect();
    Ok(Tree { digest: Sha256::digest(&plain).into(), content: encoder.finish()?, warnings })
}

/// The next object of the answer: a line with its name, kind and size, its content, a line's end.
fn object<'a>(answer: &mut &'a [u8], entry: &Entry) -> anyhow::Result<&'a [u8]> {
    let end = answer.iter().position(|byte| *byte == b'\n').context("git's answer ends early")?;
    let (line, rest) = (&answer[..end], &answer[end + 1..]);
    let expected = format!("{} blob {}", entry.object, entry.size);
    anyhow::ensure!(line == expected.as_bytes(), "git said '{}' of '{}'", String::from_utf8_lossy(line), entry.path);
    let size = usize::try_from(entry.size)?;
    anyhow::ensure!(rest.len() > size && rest[size] == b'\n', "git's answer ends early");
    *answer = &rest[size + 1..];
    Ok(&rest[..size])
}

/// Unpacks an archive of [`packed`] into an empty folder.
///
/// # Errors
/// When it is not such an archive, or the disk is full.
pub(super) fn unpack(content: &[u8], into: &Path) -> anyhow::Result<()> {
    // What was stored was within limits; a bound all the same, for what is stored may be older than a limit.
    let mut archive = tar::Archive::new(GzDecoder::new(content).take(1024 * 1024 * 1024));
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.into_owned();
        anyhow::ensure!(
            name.components().all(|part| matches!(part, Component::Normal(_))),
            "'{}' leads out of the archive",
            name.display()
        );
        let path = into.join(&name);
        if let Some(above) = path.parent() {
            fs::create_dir_all(above)?;
        }
        match entry.header().entry_type() {
            tar::EntryType::Symlink => symlink(LINK_TARGET, &path)?,
            tar::EntryType::Regular => {
                let mode = if entry.header().mode()? & 0o100 != 0 { 0o755 } else { 0o644 };
                let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?;
                io::copy(&mut entry, &mut file)?;
            }
            other => anyhow::bail!("'{}' is of the kind {other:?}", name.display()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(records: &[&str]) -> Result<Vec<Entry>, Vec<String>> {
        listed(records.join("\0").as_bytes(), &Git::default())
    }

    #[test]
    fn names_that_some_file_system_takes_for_another_are_refused() {
        for path in [
            ".git/config",
            "a/.GIT/hooks/x",
            "a/.g\u{200c}it/x",
            "git~1/x",
            "../x",
            "a/./b",
            "a//b",
            "a\\b",
            "a\nb",
            ".git./x",
            ".git::$INDEX/x",
        ] {
            let record = format!("100644 blob {} 1\t{path}", "0".repeat(40));
            let answer = of(&[&record]);
            assert!(answer.is_err(), "{path}: {answer:?}");
        }
        let file = |path: &str| format!("100644 blob {} 1\t{path}", "0".repeat(40));
        assert!(of(&[&file("A/x"), &file("a/X")]).is_err());
        assert!(of(&[&file("a"), &file("a/b")]).is_err());
        assert!(of(&[&file("A"), &file("a/b")]).is_err());
        assert!(of(&[&file("a/b"), &file("a/c"), &file("b")]).is_ok());
        assert!(of(&["100000 blob 00 1\tx"]).is_err());
    }

    #[test]
    fn a_link_is_unpacked_as_one_that_leads_nowhere() {
        let (link, file) = ("1".repeat(40), "2".repeat(40));
        let entries =
            of(&[&format!("120000 blob {link} 11\tlink"), &format!("100755 blob {file} 2\ta/run.sh")]).unwrap();
        let tree = packed(&entries, format!("{file} blob 2\nls\n").as_bytes()).unwrap();
        assert_eq!(tree.warnings, ["'link' is a link, which is not followed"]);
        let folder = tempfile::tempdir().unwrap();
        unpack(&tree.content, folder.path()).unwrap();
        assert_eq!(fs::read_link(folder.path().join("link")).unwrap(), Path::new(LINK_TARGET));
        assert_eq!(fs::read_to_string(folder.path().join("a/run.sh")).unwrap(), "ls");
        assert!(packed(&entries, format!("{file} missing\n").as_bytes()).is_err());
    }
}
