//! Where workspaces and finished logs are kept: a local directory, or an object store.

use std::{path::Path as FsPath, sync::Arc};

use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload, WriteMultipart, local::LocalFileSystem, path::Path};
use serde::{Deserialize, Serialize};

use crate::config;

/// The file in a local archive that says whose it is.
const MARKER: &str = ".slipway-archive.json";
/// Parts of an upload in flight at once.
const UPLOADS: usize = 4;

/// What goes wrong with the archive.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The configured address cannot be used.
    #[error("archive.url {url}: {reason}")]
    Url {
        /// As configured.
        url: String,
        /// Why not.
        reason: String,
    },
    /// A local directory was made by another host: what is in it and what this host expects there may differ.
    #[error(
        "the archive {folder} belongs to host {owner}, and this is {here}: a directory serves one host; \
         set archive.url to an object store (s3://, gs://, az://) to run workers on several"
    )]
    OtherHost {
        /// The directory.
        folder: String,
        /// The host that made it.
        owner: String,
        /// This host.
        here: String,
    },
    /// There is nothing under the key.
    #[error("the archive has no {0}")]
    Missing(String),
    /// What is under the key is larger than the caller allows.
    #[error("{key} has {bytes} bytes, more than the {limit} allowed")]
    TooLarge {
        /// The key.
        key: String,
        /// Its size.
        bytes: u64,
        /// The caller's limit.
        limit: u64,
    },
    /// The store failed; another try may succeed.
    #[error("the archive failed: {0}")]
    Failed(#[from] object_store::Error),
    /// The directory cannot be used.
    #[error("archive directory: {0}")]
    Folder(#[from] std::io::Error),
}

/// Who made a local archive.
#[derive(Debug, Serialize, Deserialize)]
struct Marker {
    id: String,
    host: String,
    /// Tells containers on one host, which have names of their own, from other hosts. Changes when the host restarts.
    boot: String,
}

/// A place for blobs, by key.
#[derive(Clone, Debug)]
pub struct Archive {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    id: String,
}

impl Archive {
    /// Opens the archive; makes a local directory when it is not there.
    ///
    /// # Errors
    /// When the address is none that this build knows, or the directory cannot be written or is another host's.
    pub fn open(config: &config::Archive) -> Result<Self, ArchiveError> {
        let refused = |reason: String| ArchiveError::Url { url: config.url.clone(), reason };
        if let Some(folder) = config.url.strip_prefix("file://") {
            let folder = FsPath::new(folder);
            if !folder.is_absolute() {
                return Err(refused("the path must be absolute".into()));
            }
            std::fs::create_dir_all(folder)?;
            let marker = claim(folder)?;
            let store = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true).with_automatic_cleanup(true);
            return Ok(Self { store: Arc::new(store), prefix: Path::default(), id: marker.id });
        }
        let url = url::Url::parse(&config.url).map_err(|error| refused(error.to_string()))?;
        // One of the two providers that rustls could use must be chosen; a second choice changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let environment = std::env::vars().map(|(key, value)| (key.to_ascii_lowercase(), value));
        let (store, prefix) =
            object_store::parse_url_opts(&url, environment).map_err(|error| refused(error.to_string()))?;
        Ok(Self { store: store.into(), prefix, id: config.url.clone() })
    }

    /// Tells one archive from another: what was stored in one is not looked for in the other.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    fn at(&self, key: &str) -> Path {
        self.prefix.parts().chain(Path::from(key).parts()).collect()
    }

    /// Stores a blob; on disk, or acknowledged by the store, when this returns.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn put(&self, key: &str, content: Bytes) -> Result<(), ArchiveError> {
        self.store.put(&self.at(key), PutPayload::from_bytes(content)).await?;
        Ok(())
    }

    /// Begins a blob of unknown size. Nothing is under the key until [`Upload::finish`].
    ///
    /// # Errors
    /// When the store fails.
    pub async fn upload(&self, key: &str) -> Result<Upload, ArchiveError> {
        let parts = self.store.put_multipart(&self.at(key)).await?;
        Ok(Upload { parts: WriteMultipart::new_with_chunk_size(parts, 8 * 1024 * 1024) })
    }

    /// Reads a blob of at most `limit` bytes.
    ///
    /// # Errors
    /// When there is none, it is larger, or the store fails.
    pub async fn get(&self, key: &str, limit: u64) -> Result<Bytes, ArchiveError> {
        let found = match self.store.get(&self.at(key)).await {
            Err(object_store::Error::NotFound { .. }) => return Err(ArchiveError::Missing(key.into())),
            found => found?,
        };
        if found.meta.size > limit {
            return Err(ArchiveError::TooLarge { key: key.into(), bytes: found.meta.size, limit });
        }
        Ok(found.bytes().await?)
    }

    /// Removes a blob. No error when there is none.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete(&self, key: &str) -> Result<(), ArchiveError> {
        match self.store.delete(&self.at(key)).await {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            done => Ok(done?),
        }
    }

    /// Removes every blob whose key begins with `folder/`.
    ///
    /// # Errors
    /// When the store fails; some may be gone.
    pub async fn delete_folder(&self, folder: &str) -> Result<(), ArchiveError> {
        let found: Vec<_> = self.store.list(Some(&self.at(folder))).map_ok(|meta| meta.location).try_collect().await?;
        for location in found {
            match self.store.delete(&location).await {
                Err(object_store::Error::NotFound { .. }) => {}
                done => done?,
            }
        }
        Ok(())
    }
}

/// A blob on its way.
#[derive(Debug)]
pub struct Upload {
    parts: WriteMultipart,
}

impl Upload {
    /// Adds bytes; waits while too many are in flight.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), ArchiveError> {
        self.parts.wait_for_capacity(UPLOADS).await?;
        self.parts.put(bytes);
        Ok(())
    }

    /// Makes the blob durable and visible.
    ///
    /// # Errors
    /// When the store fails; nothing is under the key then.
    pub async fn finish(self) -> Result<(), ArchiveError> {
        self.parts.finish().await?;
        Ok(())
    }

    /// Drops what was written.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn abort(self) -> Result<(), ArchiveError> {
        Ok(self.parts.abort().await?)
    }
}

/// Reads a directory's marker, or writes it when this is the first host to come.
fn claim(folder: &FsPath) -> Result<Marker, ArchiveError> {
    let read = |path: &str| std::fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
    let here = Marker {
        id: uuid::Uuid::now_v7().to_string(),
        host: read("/proc/sys/kernel/hostname"),
        boot: read("/proc/sys/kernel/random/boot_id"),
    };
    let path = folder.join(MARKER);
    let bytes = serde_json::to_vec_pretty(&here).map_err(std::io::Error::from)?;
    // Written aside and linked, so that a second process finds it whole or not at all.
    let draft = folder.join(format!("{MARKER}.{}", here.id));
    std::fs::write(&draft, bytes)?;
    let linked = std::fs::hard_link(&draft, &path);
    std::fs::remove_file(&draft)?;
    match linked {
        Ok(()) => return Ok(here),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error.into()),
    }
    let found: Marker = serde_json::from_slice(&std::fs::read(&path)?).map_err(std::io::Error::from)?;
    if found.host != here.host && found.boot != here.boot {
        return Err(ArchiveError::OtherHost {
            folder: folder.display().to_string(),
            owner: found.host,
            here: here.host,
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(folder: &FsPath) -> config::Archive {
        config::Archive { url: format!("file://{}", folder.display()) }
    }

    #[tokio::test]
    async fn what_was_stored_is_read_back_and_a_folder_is_removed_whole() {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::open(&local(folder.path())).unwrap();
        archive.put("runs/a/one", Bytes::from_static(b"1")).await.unwrap();
        let mut upload = archive.upload("runs/a/two").await.unwrap();
        upload.write(Bytes::from_static(b"22")).await.unwrap();
        upload.finish().await.unwrap();
        assert_eq!(archive.get("runs/a/two", 10).await.unwrap(), "22");
        assert!(matches!(archive.get("runs/a/two", 1).await, Err(ArchiveError::TooLarge { bytes: 2, .. })));
        archive.delete_folder("runs/a").await.unwrap();
        assert!(matches!(archive.get("runs/a/one", 10).await, Err(ArchiveError::Missing(_))));
    }

    #[tokio::test]
    async fn an_aborted_upload_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::open(&local(folder.path())).unwrap();
        let mut upload = archive.upload("x").await.unwrap();
        upload.write(Bytes::from_static(b"1")).await.unwrap();
        upload.abort().await.unwrap();
        assert!(matches!(archive.get("x", 10).await, Err(ArchiveError::Missing(_))));
    }

    #[test]
    fn the_three_object_stores_are_known_and_others_are_refused() {
        for url in ["s3://bucket/prefix", "gs://bucket/prefix", "az://container/prefix"] {
            // Without credentials and accounts in the environment some refuse, but none as unknown.
            if let Err(error) = Archive::open(&config::Archive { url: url.into() }) {
                assert!(!error.to_string().contains("feature"), "{error}");
            }
        }
        assert!(Archive::open(&config::Archive { url: "ftp://x/y".into() }).is_err());
        assert!(Archive::open(&config::Archive { url: "file://relative".into() }).is_err());
    }

    #[test]
    fn a_directory_of_another_host_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let marker = Marker { id: "1".into(), host: "elsewhere".into(), boot: "then".into() };
        std::fs::write(folder.path().join(MARKER), serde_json::to_vec(&marker).unwrap()).unwrap();
        let error = Archive::open(&local(folder.path())).unwrap_err();
        assert!(error.to_string().contains("belongs to host elsewhere"), "{error}");
    }

    #[test]
    fn a_directory_opened_twice_is_the_same_archive() {
        let folder = tempfile::tempdir().unwrap();
        let first = Archive::open(&local(folder.path())).unwrap();
        assert_eq!(first.id(), Archive::open(&local(folder.path())).unwrap().id());
    }
}
