//! Where `slipway dev` keeps things.
//!
//! In its folder (`.slipway`): `dev.yaml` (ports), `env` (to source), `people.yaml`, `admin-password`, `config.yaml` (for more workers), `lock`, `logs/`, `tls/`.
//! In its data folder: `postgres/`, `tenants/`, `redis/`, `buckets/`, `archive/`, `secrets/`, `tls/`. As root that one is
//! outside the project, since the user that Postgres runs as may not be able to reach the project.

use std::{
    fs::{File, OpenOptions, Permissions},
    io::{Read as _, Seek as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use nix::{
    fcntl::{Flock, FlockArg},
    unistd::Uid,
};
use sha2::{Digest as _, Sha256};

use super::account::{self, Account};

/// Bytes of a log file at which the next start puts it aside.
const LOG_BYTES: u64 = 16 * 1024 * 1024;

/// The file with the key that secrets are sealed with.
pub(crate) const SEALING_KEY: &str = "sealing-key";

/// The folders of one `slipway dev`.
#[derive(Clone, Debug)]
pub(crate) struct Folders {
    /// `.slipway`, absolute.
    pub(crate) dir: PathBuf,
    /// Where the servers keep their data.
    pub(crate) data: PathBuf,
    /// `dev-<8 hex>`: marks this installation's containers.
    pub(crate) instance: String,
}

impl Folders {
    /// Makes the folders that are not there yet. `data` overrides where data goes.
    ///
    /// # Errors
    /// When a folder cannot be made.
    pub(crate) fn prepare(dir: &Path, data: Option<&Path>, account: Option<&Account>) -> anyhow::Result<Self> {
        make(dir, 0o755)?;
        let dir = dir.canonicalize().with_context(|| format!("finding {}", dir.display()))?;
        make(&dir.join("logs"), 0o755)?;
        let mark = mark(&dir);
        let data = match (data, account) {
            (Some(data), _) => std::path::absolute(data).with_context(|| format!("finding {}", data.display()))?,
            (None, None) => dir.join("data"),
            (None, Some(_)) => Path::new("/var/lib/slipway-dev").join(format!("{}-{mark}", project_name(&dir))),
        };
        // Others may pass through on their way to a folder of their own, and see nothing.
        make(&data, 0o711)?;
        make(&data.join("secrets"), 0o700)?;
        make(&data.join("archive"), 0o700)?;
        for server in ["postgres", "tenants", "redis", "buckets"] {
            let folder = data.join(server);
            make(&folder, 0o700)?;
            account::give(&folder, account)?;
        }
        let folders = Self { dir, data, instance: format!("dev-{mark}") };
        folders.secret(SEALING_KEY)?;
        Ok(folders)
    }

    /// The file that a server's output goes to, and its path. A large one from earlier is put aside first.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(crate) fn log(&self, server: &str) -> anyhow::Result<(File, PathBuf)> {
        let path = self.dir.join("logs").join(format!("{server}.log"));
        if std::fs::metadata(&path).is_ok_and(|found| found.len() > LOG_BYTES) {
            std::fs::rename(&path, path.with_extension("log.1"))
                .with_context(|| format!("rotating {}", path.display()))?;
        }
        let file = OpenOptions::new().create(true).append(true).mode(0o640).open(&path);
        Ok((file.with_context(|| format!("opening {}", path.display()))?, path))
    }

    /// The path of a secret.
    pub(crate) fn secret_path(&self, name: &str) -> PathBuf {
        self.data.join("secrets").join(name)
    }

    /// A secret of 256 random bits in hex, made at the first call and the same ever after.
    ///
    /// # Errors
    /// When its file cannot be read or written.
    pub(crate) fn secret(&self, name: &str) -> anyhow::Result<String> {
        let path = self.secret_path(name);
        match std::fs::read_to_string(&path) {
            Ok(secret) if !secret.trim().is_empty() => return Ok(secret.trim().to_owned()),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        }
        let secret = random();
        write(&path, &format!("{secret}\n"), 0o600)?;
        Ok(secret)
    }
}

/// 256 random bits in hex: safe in a URL, a configuration file and a line of SQL.
pub(crate) fn random() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

/// Replaces a file as one step: whoever reads it sees the old or the new, and it never has wider permissions.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let attempt = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(mode).open(&new)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, path)
    };
    attempt().with_context(|| format!("writing {}", path.display()))
}

/// Gives a file in `.slipway` to whom the project's folder belongs: under `sudo`, that is who wants to read it.
///
/// # Errors
/// When the owner cannot be changed.
pub(crate) fn give_to_owner_of_project(path: &Path) -> anyhow::Result<()> {
    path.parent().map_or(Ok(()), |dir| give_to_owner_of(dir, path))
}

/// The same for what is deeper in `dir`, which is `.slipway`.
///
/// # Errors
/// When the owner cannot be changed.
pub(crate) fn give_to_owner_of(dir: &Path, path: &Path) -> anyhow::Result<()> {
    let Some(project) = dir.parent().filter(|_| Uid::effective().is_root()) else { return Ok(()) };
    let found = std::fs::metadata(project).with_context(|| format!("looking at {}", project.display()))?;
    std::os::unix::fs::chown(path, Some(found.uid()), Some(found.gid()))
        .with_context(|| format!("giving away {}", path.display()))
}

/// Held for as long as `slipway dev` runs; let go by the kernel however it ends.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "held, never looked at")] Flock<File>);

/// Makes sure that no other `slipway dev` uses the folder.
///
/// # Errors
/// When one does; the message says which process.
pub(crate) fn lock(folder: &Path) -> anyhow::Result<Lock> {
    let path = folder.join("lock");
    let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).open(&path);
    let file = file.with_context(|| format!("opening {}", path.display()))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(mut held) => {
            held.set_len(0)?;
            held.rewind()?;
            write!(*held, "{}", std::process::id())?;
            Ok(Lock(held))
        }
        Err((mut file, _)) => {
            let mut holder = String::new();
            // Only for the message: whoever holds it may be writing it just now.
            let _ = file.read_to_string(&mut holder);
            let holder = holder.trim().parse::<u32>().map_or_else(|_| String::new(), |pid| format!(" (process {pid})"));
            anyhow::bail!(
                "`slipway dev` runs on {} already{holder}; stop that one first, or give this one a folder of its own with --dir",
                folder.display()
            )
        }
    }
}

/// Makes a folder, and those above it, where there is none.
///
/// # Errors
/// When it cannot be made.
pub(crate) fn make(path: &Path, mode: u32) -> anyhow::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    // Parents are passed through by the servers' user too.
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o711)
        .create(path)
        .and_then(|()| std::fs::set_permissions(path, Permissions::from_mode(mode)))
        .with_context(|| format!("making the folder {}", path.display()))
}

/// Eight hex digits that tell this folder from every other on the machine.
fn mark(dir: &Path) -> String {
    hex::encode(&Sha256::digest(dir.as_os_str().as_encoded_bytes())[..4])
}

/// The name of the folder that `.slipway` is in, for people who look into /var/lib.
fn project_name(dir: &Path) -> String {
    let name =
        dir.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    match plain.trim_matches('-') {
        "" => "project".into(),
        plain => plain.chars().take(32).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_instance_on_the_same_folder_is_refused_and_told_who_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let held = lock(folder.path()).unwrap();
        let refused = lock(folder.path()).unwrap_err().to_string();
        assert!(refused.contains(&format!("(process {})", std::process::id())), "{refused}");
        drop(held);
        lock(folder.path()).unwrap();
    }

    #[test]
    fn a_secret_stays_the_same_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let folders = Folders::prepare(&folder.path().join("a/.slipway"), None, None).unwrap();
        let secret = folders.secret("x").unwrap();
        assert_eq!(folders.secret("x").unwrap(), secret);
        assert_eq!(secret.len(), 64);
        let mode = std::fs::metadata(folders.secret_path("x")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn two_projects_of_the_same_name_do_not_share_their_data() {
        assert_eq!(project_name(Path::new("/home/a/My Shop/.slipway")), "my-shop");
        assert_ne!(mark(Path::new("/home/a/shop/.slipway")), mark(Path::new("/home/b/shop/.slipway")));
    }
}
