//! The file with people, as it was read last, and passwords checked against it.

use std::{os::unix::fs::MetadataExt as _, path::PathBuf, time::Duration};

use shared::{
    password,
    people::People,
    store::{Store, StoreError, person},
};
use tokio::sync::{Mutex, Semaphore};

use crate::error::Problem;

/// Passwords that are checked at once: each takes 19 MiB and a processor.
const AT_ONCE: usize = 2;
/// How long a password may wait for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// What tells one state of a file from another.
type Mark = (i64, i64, u64, u64);

/// The file with people.
#[derive(Debug)]
pub(super) struct PeopleFile {
    path: Option<PathBuf>,
    read: Mutex<Read>,
    turns: Semaphore,
}

#[derive(Debug, Default)]
struct Read {
    /// Of the file that was looked at last; none while there is none.
    mark: Option<Option<Mark>>,
    people: People,
    /// Whether the database has them as the file does.
    stored: bool,
}

impl PeopleFile {
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Self { path, read: Mutex::default(), turns: Semaphore::new(AT_ONCE) }
    }

    /// Whether anybody can log in by a password.
    pub(super) const fn is_configured(&self) -> bool {
        self.path.is_some()
    }

    /// Reads the file again if it has changed, and has the database follow it. What is wrong with it is logged once; until it is
    /// mended, the people are those of before.
    pub(super) async fn refresh(&self, store: &Store) {
        let mut read = self.read.lock().await;
        let mark = match &self.path {
            Some(path) => tokio::fs::metadata(path)
                .await
                .ok()
                .map(|found| (found.mtime(), found.mtime_nsec(), found.size(), found.ino())),
            None => None,
        };
        if read.mark != Some(mark) {
            match self.load().await {
                Ok(people) => {
                    read.stored = false;
                    read.people = people;
                }
                Err(error) => tracing::warn!(%error, "identity.people_file: the people stay as they were"),
            }
            read.mark = Some(mark);
        }
        if !read.stored {
            match follow(store, &read.people).await {
                Ok(()) => {
                    tracing::info!(people = read.people.people.len(), "the people are those of the file");
                    read.stored = true;
                }
                Err(error) => tracing::warn!(%error, "the people of the file could not be stored; trying again"),
            }
        }
    }

    /// Somebody by name and password; none when they do not match, the person is unknown or disabled, which takes the same
    /// time.
    pub(super) async fn verify(&self, name: &str, secret: String) -> Result<Option<person::Listed>, Problem> {
        let found = self.read.lock().await.people.find(name).cloned();
        let Ok(Ok(_turn)) = tokio::time::timeout(PATIENCE, self.turns.acquire()).await else {
            let detail = "too many people are logging in just now; try again in a few seconds";
            return Err(Problem::new(axum::http::StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
                .with_header(axum::http::header::RETRY_AFTER, axum::http::HeaderValue::from_static("5")));
        };
        let hash = found.as_ref().map(|person| person.password.clone());
        let matches = tokio::task::spawn_blocking(move || password::verify(hash.as_deref(), &secret))
            .await
            .map_err(|error| Problem::internal(&error))?;
        let person = found.filter(|person| matches && !person.disabled);
        Ok(person.and_then(|person| People { people: vec![person] }.listed().pop()))
    }

    async fn load(&self) -> Result<People, shared::people::PeopleError> {
        let Some(path) = self.path.clone() else { return Ok(People::default()) };
        let shown = path.clone();
        let read = tokio::task::spawn_blocking(move || People::read(&path)).await;
        let gone = |error| shared::people::PeopleError::Io { path: shown, source: std::io::Error::other(error) };
        // A file that is not there (yet, or at the moment) has nobody, who may come back.
        Ok(read.map_err(gone)??.unwrap_or_default())
    }
}

async fn follow(store: &Store, people: &People) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    person::match_file(&mut tx, &people.listed()).await?;
    Ok(tx.commit().await?)
}
