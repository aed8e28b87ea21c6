//! How much room the files of a container take on disk, looked at while it runs.
//!
//! A bounded piece of the way at a time, in the supervisor's own loop: a process for it could be starved by the step, and a
//! whole walk would keep the supervisor from its signals.

use std::{
    collections::HashSet,
    fs::{self, DirEntry, File, Metadata, ReadDir},
    io,
    os::{fd::AsRawFd, unix::fs::MetadataExt},
    path::PathBuf,
    rc::Rc,
};

use crate::sys;

/// Where a container may have files on disk: its workspace, and its root when that is writable. All else is memory.
const WORKSPACE: &str = "/workspace";
const ROOT: &str = "/";
/// Where files are found that have no name any more, by those that hold them open.
const PROCESSES: &str = "/proc";
/// Entries of one piece.
const PIECE: usize = 2_000;
/// From the end of one walk to the next, at least; and at least so many times what the walk took.
const REST_MS: u64 = 400;
const REST_FACTOR: u64 = 9;
const BLOCK: u64 = 512;
/// Bytes of a path after which the way goes on from an open folder: the kernel takes none of more than 4096.
const LONG_PATH: usize = 2_000;
/// Open folders, one below the other, that a way may need. Whoever nests deeper does it to be out of sight.
const DEEPEST: u32 = 64;

/// Looks again and again.
pub struct Room {
    limit: u64,
    /// Whose files count at the root, when that can be written to: the others are the image's.
    root: Option<u32>,
    walk: Option<Walk>,
    next: u64,
}

struct Walk {
    began: u64,
    bytes: u64,
    /// Folders to look into.
    folders: Vec<Folder>,
    open: Option<(ReadDir, Folder)>,
    too_deep: bool,
    /// Devices that the container's files are on.
    devices: Vec<u64>,
    /// Files without a name that were counted.
    nameless: HashSet<(u64, u64)>,
}

/// A folder, by its path or by its way from an open one above it.
#[derive(Clone)]
struct Folder {
    above: Option<Rc<File>>,
    path: PathBuf,
    /// Open folders above it.
    depth: u32,
    holds: Holds,
}

/// What a folder holds.
#[derive(Clone, Copy)]
enum Holds {
    /// Files. What is on this device counts, and of this user, if one is named.
    Files { device: u64, owner: Option<u32> },
    /// A folder for each process.
    Processes,
    /// What one process holds open.
    Open,
}

impl Room {
    /// Files may take `limit` bytes.
    pub fn new(limit: u64) -> Self {
        let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
        let writable = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>()).any(
            |fields| matches!(fields[..], [_, ROOT, _, options, ..] if options.split(',').any(|option| option == "rw")),
        );
        Self { limit, root: writable.then(sys::own_user), walk: None, next: 0 }
    }

    /// When to look on, in milliseconds of boot time.
    pub fn next_look(&self) -> u64 {
        self.next
    }

    /// Goes a piece of the way if it is time to; true as soon as what was found is too much.
    pub fn is_exceeded(&mut self, now: u64) -> bool {
        if now < self.next {
            return false;
        }
        let (limit, root) = (self.limit, self.root);
        let walk = self.walk.get_or_insert_with(|| Walk::begin(now, root));
        let over = walk.go_on();
        if walk.bytes > limit || walk.too_deep {
            return true;
        }
        if over {
            let now = sys::boot_ms();
            self.next = now + REST_MS.max((now - walk.began) * REST_FACTOR);
            self.walk = None;
        }
        false
    }
}

impl Walk {
    fn begin(now: u64, root: Option<u32>) -> Self {
        let device = |path: &str| fs::metadata(path).map(|found| found.dev()).ok();
        let places = [(WORKSPACE, device(WORKSPACE), None), (ROOT, root.and_then(|_| device(ROOT)), root)];
        let mut folders = vec![Folder::at(PROCESSES, Holds::Processes)];
        let mut devices = Vec::new();
        for (path, device, owner) in places {
            if let Some(device) = device {
                folders.push(Folder::at(path, Holds::Files { device, owner }));
                devices.push(device);
            }
        }
        Self { began: now, bytes: 0, folders, open: None, too_deep: false, devices, nameless: HashSet::new() }
    }

    /// True when there is nothing left to look at.
    fn go_on(&mut self) -> bool {
        for _ in 0..PIECE {
            let (mut entries, folder) = match self.open.take() {
                Some(open) => open,
                None => match self.folders.pop().map(Folder::open) {
                    Some(Ok(open)) => open,
                    // One that is gone, or closed even to its owner, has nothing to count.
                    Some(Err(_)) => continue,
                    None => return true,
                },
            };
            self.too_deep |= folder.depth > DEEPEST;
            let Some(entry) = entries.next() else { continue };
            if let Ok(entry) = entry {
                self.look_at(&entry, &folder);
            }
            self.open = Some((entries, folder));
        }
        false
    }

    fn look_at(&mut self, entry: &DirEntry, folder: &Folder) {
        match folder.holds {
            Holds::Files { device, owner } => {
                let Some(found) = entry.metadata().ok().filter(|found| found.dev() == device) else { return };
                if owner.is_none_or(|owner| owner == found.uid()) {
                    self.bytes = self.bytes.saturating_add(taken(&found));
                }
                if found.is_dir() {
                    self.folders.push(Folder { path: folder.path.join(entry.file_name()), ..folder.clone() });
                }
            }
            Holds::Processes => {
                if entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit) {
                    self.folders.push(Folder { path: entry.path().join("fd"), ..Folder::at("", Holds::Open) });
                }
            }
            Holds::Open => {
                let Ok(found) = fs::metadata(entry.path()) else { return };
                let nameless = found.is_file() && found.nlink() == 0 && self.devices.contains(&found.dev());
                if nameless && self.nameless.insert((found.dev(), found.ino())) {
                    self.bytes = self.bytes.saturating_add(taken(&found));
                }
            }
        }
    }
}

impl Folder {
    fn at(path: &str, holds: Holds) -> Self {
        Self { above: None, path: PathBuf::from(path), depth: 0, holds }
    }

    /// Its entries; what is below it is reached from it once its own way is long.
    fn open(mut self) -> io::Result<(ReadDir, Self)> {
        if self.path.as_os_str().len() > LONG_PATH {
            let file = File::open(self.place())?;
            self = Self { above: Some(Rc::new(file)), path: PathBuf::new(), depth: self.depth + 1, ..self };
        }
        Ok((fs::read_dir(self.place())?, self))
    }

    fn place(&self) -> PathBuf {
        match &self.above {
            Some(above) => PathBuf::from(format!("/proc/self/fd/{}", above.as_raw_fd())).join(&self.path),
            None => self.path.clone(),
        }
    }
}

/// What a file takes on disk; one of several names counts in parts, once for each.
fn taken(found: &Metadata) -> u64 {
    let names = if found.is_dir() { 1 } else { found.nlink().max(1) };
    found.blocks().saturating_mul(BLOCK) / names
}
