//! A workspace as a tar archive, taken apart as it streams by: what is not to be kept is left out, and what is kept is
//! known by a digest that does not change when only times do.

use sha2::{Digest as _, Sha256};

const BLOCK: usize = 512;
/// Bytes that the extension of one entry (a long name) may have.
const EXTENSION: u64 = 1024 * 1024;
/// Bytes that one entry may say it has. What there is room for is bounded elsewhere; this keeps sums of sizes what they are.
const LARGEST: u64 = 1 << 40;

/// The archive is not one, or not one that a workspace is packed into: with a name or a hard link that leads out of it, a device, or
/// parts that programs read differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the workspace came as a broken tar archive")]
pub struct Broken;

#[derive(Debug)]
enum At {
    Header,
    /// Bytes of content left, and of padding after it.
    Content {
        left: u64,
        padding: u64,
        keep: bool,
    },
    Extension {
        left: u64,
        padding: u64,
        kind: u8,
        content: Vec<u8>,
    },
    End,
}

/// Leaves out what is not to be kept and digests the rest.
#[derive(Debug)]
pub struct Sieve {
    drop: Vec<String>,
    at: At,
    block: Vec<u8>,
    /// Extension headers of the entry to come, to be kept or left out with it.
    held_back: Vec<u8>,
    name: Option<String>,
    /// Where the entry to come links to, if an extension says so.
    link: Option<Vec<u8>>,
    digest: Sha256,
    entries: u64,
}

impl Sieve {
    /// Leaves out the given paths, relative to the root of the archive, and all below them.
    #[must_use]
    pub fn without(drop: &[&str]) -> Self {
        Self {
            drop: drop.iter().map(|path| (*path).to_owned()).collect(),
            at: At::Header,
            block: Vec::with_capacity(BLOCK),
            held_back: Vec::new(),
            name: None,
            link: None,
            digest: Sha256::new(),
            entries: 0,
        }
    }

    /// Takes the next bytes of the archive and gives what is kept of them.
    ///
    /// # Errors
    /// When they are no tar archive.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<Vec<u8>, Broken> {
        let mut kept = Vec::with_capacity(bytes.len());
        while !bytes.is_empty() {
            match &mut self.at {
                At::End => break,
                At::Header => {
                    let take = (BLOCK - self.block.len()).min(bytes.len());
                    self.block.extend_from_slice(&bytes[..take]);
                    bytes = &bytes[take..];
                    if self.block.len() == BLOCK {
                        let block = std::mem::take(&mut self.block);
                        self.header(&block, &mut kept)?;
                    }
                }
                At::Content { left, padding, keep } => {
                    let take = usize::try_from(*left + *padding).unwrap_or(usize::MAX).min(bytes.len());
                    if *keep {
                        kept.extend_from_slice(&bytes[..take]);
                        let content = usize::try_from(*left).unwrap_or(usize::MAX).min(take);
                        self.digest.update(&bytes[..content]);
                    }
                    let content = (*left).min(take as u64);
                    *left -= content;
                    *padding -= take as u64 - content;
                    bytes = &bytes[take..];
                    if *left + *padding == 0 {
                        self.at = At::Header;
                    }
                }
                At::Extension { left, padding, kind, content } => {
                    let take = usize::try_from(*left + *padding).unwrap_or(usize::MAX).min(bytes.len());
                    let wanted = usize::try_from(*left).unwrap_or(usize::MAX).min(take);
                    content.extend_from_slice(&bytes[..wanted]);
                    self.held_back.extend_from_slice(&bytes[..take]);
                    *left -= wanted as u64;
                    *padding -= (take - wanted) as u64;
                    bytes = &bytes[take..];
                    if *left + *padding == 0 {
                        let said = Extension::of(*kind, content)?;
                        self.name = said.name.or(self.name.take());
                        self.link = said.link.or(self.link.take());
                        self.at = At::Header;
                    }
                }
            }
        }
        Ok(kept)
    }

    fn header(&mut self, block: &[u8], kept: &mut Vec<u8>) -> Result<(), Broken> {
        if block.iter().all(|&byte| byte == 0) {
            self.at = At::End;
            return Ok(());
        }
        let header = tar::Header::from_byte_slice(block);
        let size = header.entry_size().ok().filter(|size| *size <= LARGEST).ok_or(Broken)?;
        let padding = size.next_multiple_of(BLOCK as u64) - size;
        let kind = header.entry_type().as_byte();
        if matches!(kind, b'x' | b'L' | b'K') {
            if size > EXTENSION {
                return Err(Broken);
            }
            self.held_back.extend_from_slice(block);
            self.at = At::Extension { left: size, padding, kind, content: Vec::new() };
            return Ok(());
        }
        let name = self.name.take().unwrap_or_else(|| String::from_utf8_lossy(&header.path_bytes()).into_owned());
        let link = self.link.take().unwrap_or_else(|| header.link_name_bytes().unwrap_or_default().into_owned());
        let is_known = matches!(kind, b'0' | b'\0' | b'1' | b'2' | b'5' | b'6');
        if !is_known || leads_out(&name) || kind == b'1' && leads_out(&String::from_utf8_lossy(&link)) {
            return Err(Broken);
        }
        let name = name.trim_start_matches("./").trim_matches('/');
        let dropped = self
            .drop
            .iter()
            .any(|path| name == path || name.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with('/')));
        let extensions = std::mem::take(&mut self.held_back);
        if !dropped {
            self.entries += u64::from(!name.is_empty() && name != ".");
            self.digest.update(name.as_bytes());
            self.digest.update([0, kind]);
            self.digest.update(header.mode().unwrap_or(0).to_be_bytes());
            self.digest.update(&link);
            self.digest.update(size.to_be_bytes());
            kept.extend_from_slice(&extensions);
            kept.extend_from_slice(block);
        }
        if size + padding > 0 {
            self.at = At::Content { left: size, padding, keep: !dropped };
        }
        Ok(())
    }

    /// The end of the archive: the blocks that close it, the digest of what was kept, and how many entries that was
    /// (the root itself not counted).
    ///
    /// # Errors
    /// When it ended in the middle of an entry.
    pub fn finish(self) -> Result<(Vec<u8>, [u8; 32], u64), Broken> {
        match self.at {
            At::Header if self.block.is_empty() => {}
            At::End => {}
            At::Header | At::Content { .. } | At::Extension { .. } => return Err(Broken),
        }
        Ok((vec![0; 2 * BLOCK], self.digest.finalize().into(), self.entries))
    }
}

/// Whether a path is none below the root of the archive. Where a symbolic link leads is nobody's business: it is followed inside the
/// step's container alone.
fn leads_out(path: &str) -> bool {
    path.starts_with('/') || path.split('/').any(|part| part == "..")
}

/// What an extension says of the entry after it.
#[derive(Default)]
struct Extension {
    name: Option<String>,
    link: Option<Vec<u8>>,
}

impl Extension {
    /// # Errors
    /// When it gives the entry another size than its header does, or cannot be read: whoever unpacks it would find other entries
    /// than were looked at here.
    fn of(kind: u8, content: &[u8]) -> Result<Self, Broken> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned();
        let mut said = Self::default();
        match kind {
            b'L' => said.name = Some(text(content)),
            b'K' => said.link = Some(text(content).into_bytes()),
            _ => {
                for record in tar::PaxExtensions::new(content) {
                    let record = record.map_err(|_| Broken)?;
                    match record.key_bytes() {
                        b"path" => said.name = Some(text(record.value_bytes())),
                        b"linkpath" => said.link = Some(record.value_bytes().to_vec()),
                        b"size" => return Err(Broken),
                        _ => {}
                    }
                }
            }
        }
        Ok(said)
    }
}

/// Builds the small archives that the worker puts into a workspace. Everything belongs to the user that steps run as.
#[derive(Default)]
pub struct Packed {
    builder: Option<tar::Builder<Vec<u8>>>,
}

impl std::fmt::Debug for Packed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Packed")
    }
}

/// The user and group of every step.
const STEP_USER: u64 = 65_532;

impl Packed {
    /// Adds a directory, `a/b/c`, with the ones above it.
    pub fn directory(&mut self, path: &str) -> std::io::Result<()> {
        let mut above = String::new();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            above.push_str(part);
            above.push('/');
            self.entry(&above, tar::EntryType::Directory, 0o755, &[])?;
        }
        Ok(())
    }

    /// Adds a file; its directory must be there.
    pub fn file(&mut self, path: &str, content: &[u8]) -> std::io::Result<()> {
        self.entry(path, tar::EntryType::Regular, 0o600, content)
    }

    fn entry(&mut self, path: &str, kind: tar::EntryType, mode: u32, content: &[u8]) -> std::io::Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(STEP_USER);
        header.set_gid(STEP_USER);
        header.set_mtime(0);
        header.set_size(content.len() as u64);
        self.builder.get_or_insert_with(|| tar::Builder::new(Vec::new())).append_data(&mut header, path, content)
    }

    /// The archive; none when nothing was added.
    pub fn finish(self) -> std::io::Result<Option<Vec<u8>>> {
        self.builder.map(tar::Builder::into_inner).transpose()
    }
}

/// The content of the one file in an archive, if it holds one.
#[must_use]
pub fn only_file(archive: &[u8]) -> Option<Vec<u8>> {
    files(archive).into_iter().next().map(|(_, content)| content)
}

/// The plain files of an archive, by the last part of their names.
#[must_use]
pub fn files(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    use std::io::Read as _;
    let mut found = Vec::new();
    let mut archive = tar::Archive::new(archive);
    for mut entry in archive.entries().into_iter().flatten().flatten() {
        if entry.header().entry_type() != tar::EntryType::Regular {
            continue;
        }
        let name = entry.path().ok().and_then(|path| path.file_name().map(|name| name.to_string_lossy().into_owned()));
        let mut content = Vec::new();
        if let (Some(name), Ok(_)) = (name, entry.read_to_end(&mut content)) {
            found.push((name, content));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(files: &[(&str, &str)], mtime: u64) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_mtime(mtime);
            builder.append_data(&mut header, name, content.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    type Files = Vec<(String, Vec<u8>)>;

    fn sieve(archive: &[u8], chunk: usize) -> (Files, [u8; 32], u64) {
        let mut sieve = Sieve::without(&[".slipway"]);
        let mut kept = Vec::new();
        for part in archive.chunks(chunk) {
            kept.extend(sieve.feed(part).unwrap());
        }
        let (end, digest, entries) = sieve.finish().unwrap();
        kept.extend(end);
        (files(&kept), digest, entries)
    }

    #[test]
    fn what_is_left_out_is_gone_and_the_rest_is_whole_however_it_is_cut() {
        let long = format!("deep/{}/file", "n".repeat(180));
        let dropped = format!(".slipway/{}/file", "n".repeat(180));
        let content = "y".repeat(1300);
        let input =
            archive(&[("a", "1"), (".slipway/out", "no"), (&long, &content), (&dropped, "no"), (".slipwayx", "2")], 1);
        for chunk in [1, 7, 512, 4096, usize::MAX] {
            let (files, _, entries) = sieve(&input, chunk);
            let expected = [("a", "1"), ("file", content.as_str()), (".slipwayx", "2")];
            assert_eq!(files, expected.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())));
            assert_eq!(entries, 3);
        }
    }

    #[test]
    fn the_digest_knows_content_and_not_times() {
        let digest = |text: &str, mtime| sieve(&archive(&[("a", text)], mtime), 100).1;
        assert_eq!(digest("1", 1), digest("1", 2));
        assert_ne!(digest("1", 1), digest("2", 1));
    }

    #[test]
    fn an_archive_that_ends_in_the_middle_is_broken() {
        let input = archive(&[("a", "12345")], 1);
        let mut sieve = Sieve::without(&[]);
        sieve.feed(&input[..514]).unwrap();
        assert_eq!(sieve.finish().unwrap_err(), Broken);
    }

    #[test]
    fn noise_does_not_panic() {
        let noise: Vec<u8> = (0..4096u32).map(|n| (n * 31 % 251) as u8).collect();
        let _ = Sieve::without(&[]).feed(&noise);
    }
}
