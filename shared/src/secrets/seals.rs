//! The keyring together with the data keys that Postgres holds, wrapped.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Instant,
};

use serde_json::Value;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    KEPT, Keyring, SecretError, Sources, blob,
    envelope::DataKey,
    keyring::Wrapped,
    stored::{self, Place, Stored},
    token::{self, Token},
};
use crate::{
    config::Secrets,
    store::{
        Store,
        data_key::{self, WrappedDataKey},
        lease::Lease,
        secret::{self, Content},
    },
};

/// Data keys kept in memory; more than that, and all are asked for again.
const MOST: usize = 1024;

/// A data key, ready for use.
#[derive(Clone, Debug)]
pub struct TeamKey {
    /// Its id, which stands in all that it seals.
    pub id: Uuid,
    /// The team whose it is.
    pub team: String,
    /// Itself.
    pub key: DataKey,
}

/// What a run's tokens stand for.
#[derive(Debug, Default)]
pub struct Opener {
    keys: BTreeMap<Uuid, Arc<TeamKey>>,
    secrets: BTreeMap<String, Zeroizing<String>>,
}

impl Opener {
    /// What a token stands for.
    ///
    /// # Errors
    /// When it was not asked for before, or does not fit its key.
    pub fn open(&self, token: &Token<'_>) -> Result<Value, SecretError> {
        match token {
            Token::Sealed { key, origin, content } => {
                let found = self.keys.get(key).ok_or(SecretError::ForeignKey)?;
                token::open(*key, &found.key, *origin, content)
                    .map_err(|why| SecretError::Unopened { what: "a sealed value".to_owned(), why })
            }
            Token::Secret { name } => {
                let found = self.secrets.get(*name).ok_or_else(|| SecretError::NoSecret((*name).to_owned()))?;
                Ok(Value::String(found.to_string()))
            }
        }
    }

    /// The secrets that are named, by their names.
    #[must_use]
    pub fn into_secrets(self) -> BTreeMap<String, Zeroizing<String>> {
        self.secrets
    }
}

type Known = Mutex<HashMap<(String, Option<Uuid>), (Arc<TeamKey>, Instant)>>;

type Unwrapped = Mutex<HashMap<Vec<u8>, (DataKey, Instant)>>;

/// Seals and opens. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Seals {
    keyring: Keyring,
    sources: Sources,
    /// By who asked (a run's team; nobody for the api, which may have all) and the key's id, or none for the current one.
    known: Arc<Known>,
    /// By the wrapped key and its place.
    unwrapped: Arc<Unwrapped>,
}

impl Seals {
    /// As configured. Keys in files and variables are read; nothing is sent.
    ///
    /// # Errors
    /// When the configuration cannot be used, or a key cannot be read.
    pub fn of(config: &Secrets) -> Result<Self, SecretError> {
        let sources = Sources::of(config)?;
        Ok(Self { keyring: Keyring::of(config, &sources)?, sources, ..Self::default() })
    }

    /// Whether anything can be sealed. Without a key, sensitive values are stored as they are.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.keyring.is_empty()
    }

    /// The keys.
    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Where secrets of the configuration are read.
    #[must_use]
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The key that a team seals with now; made when it has none.
    ///
    /// # Errors
    /// Without a key in the keyring, when Postgres or a key service cannot be reached.
    pub async fn current(&self, store: &Store, team: &str) -> Result<Arc<TeamKey>, SecretError> {
        let who = (format!("team {team}"), None);
        if let Some(key) = self.known(&who) {
            return Ok(key);
        }
        let found = match data_key::current(store.pool(), team).await? {
            Some(found) => found,
            None => {
                data_key::add(store.pool(), &self.new_key(team).await?).await?;
                let found = data_key::current(store.pool(), team).await?;
                found.ok_or_else(|| SecretError::Unavailable("a new data key is not there".to_owned()))?
            }
        };
        self.keep(who, &found).await
    }

    /// A data key, whoever's it is.
    ///
    /// # Errors
    /// When there is no such key, it cannot be unwrapped, or Postgres or a key service cannot be reached.
    pub async fn key(&self, store: &Store, id: Uuid) -> Result<Arc<TeamKey>, SecretError> {
        let who = (String::new(), Some(id));
        if let Some(key) = self.known(&who) {
            return Ok(key);
        }
        let found = data_key::find(store.pool(), id).await?.ok_or(SecretError::ForeignKey)?;
        self.keep(who, &found).await
    }

    /// The key that the run's team seals with now, or the one of that id if the run may have it.
    ///
    /// # Errors
    /// As [`Self::current`], and when the run may not have it or the lease is gone.
    pub async fn key_of_run(
        &self,
        store: &Store,
        lease: Lease,
        team: &str,
        id: Option<Uuid>,
    ) -> Result<Arc<TeamKey>, SecretError> {
        let who = (format!("run of {team}"), id);
        if let Some(key) = self.known(&who) {
            return Ok(key);
        }
        let mut found = data_key::of_run(store.pool(), lease, id).await?;
        if found.is_none() && id.is_none() {
            data_key::add_of_run(store.pool(), lease, &self.new_key(team).await?).await?;
            found = data_key::of_run(store.pool(), lease, None).await?;
        }
        self.keep(who, &found.ok_or(SecretError::ForeignKey)?).await
    }

    /// All that the tokens inside these values stand for, for a step of a run (empty: for what the run gives). Secrets are
    /// read now, wherever they are kept.
    ///
    /// # Errors
    /// When one cannot be had.
    pub async fn opener(
        &self,
        store: &Store,
        lease: Lease,
        team: &str,
        step: &str,
        values: impl IntoIterator<Item = &Value>,
    ) -> Result<Opener, SecretError> {
        let (keys, names) = token::needs(values);
        let mut opener = Opener::default();
        for id in keys {
            opener.keys.insert(id, self.key_of_run(store, lease, team, Some(id)).await?);
        }
        if names.is_empty() {
            return Ok(opener);
        }
        let names: Vec<String> = names.into_iter().collect();
        for given in secret::of_run(store.pool(), lease, &names, step).await? {
            let value = match &given.content {
                Content::Source(reference) => {
                    self.sources.read_of_team(&given.team, reference).await.map_err(|error| {
                        let named = |why: String| format!("the secret '{}': {why}", given.name);
                        match error {
                            SecretError::Refused(why) => SecretError::Refused(named(why)),
                            SecretError::Unavailable(why) => SecretError::Unavailable(named(why)),
                            other => other,
                        }
                    })?
                }
                Content::Sealed(kept) => {
                    let place = Place::Secret {
                        team: &given.team,
                        application: given.application.map(|id| id.0),
                        name: &given.name,
                        version: given.version,
                    };
                    self.open_stored(place, kept).await?
                }
            };
            opener.secrets.insert(given.name, value);
        }
        Ok(opener)
    }

    /// A stored secret; its unwrapped key is kept for a while.
    ///
    /// # Errors
    /// When it cannot be opened, or a key service does not answer.
    pub async fn open_stored(&self, place: Place<'_>, kept: &Stored) -> Result<Zeroizing<String>, SecretError> {
        let key = self.unwrap(&kept.key, place).await?;
        stored::open_with(&key, place, kept)
    }

    /// A resource's state, sealed for it with its team's key; as it is without a key in the keyring.
    ///
    /// # Errors
    /// As [`Self::current`].
    pub async fn seal_state(
        &self,
        store: &Store,
        team: &str,
        resource: Uuid,
        content: &[u8],
    ) -> Result<Vec<u8>, SecretError> {
        // An empty version says that the state was removed.
        if !self.is_on() || content.is_empty() {
            return Ok(content.to_vec());
        }
        let key = self.current(store, team).await?;
        Ok(blob::seal(key.id, &key.key, resource, content))
    }

    /// A resource's state as it was before it was stored.
    ///
    /// # Errors
    /// As [`Self::key`].
    pub async fn open_state(&self, store: &Store, resource: Uuid, content: Vec<u8>) -> Result<Vec<u8>, SecretError> {
        let Some(id) = blob::key_of(&content) else { return Ok(content) };
        let key = self.key(store, id).await?;
        open_state(&key, resource, &content)
    }

    /// The value with what this team's keys have sealed in it opened, for whoever may see that. What other teams gave, and
    /// secrets that are only named, are stars.
    ///
    /// # Errors
    /// When a key cannot be had, or something in the value was changed.
    pub async fn reveal(&self, store: &Store, team: &str, mut value: Value) -> Result<Value, SecretError> {
        let (ids, _) = token::needs([&value]);
        let mut keys = BTreeMap::new();
        for id in ids {
            let key = self.key(store, id).await?;
            if key.team == team {
                keys.insert(id, key);
            }
        }
        token::replace(&mut value, &mut |part| match part {
            Token::Sealed { key, origin, content } if keys.contains_key(key) => {
                token::open(*key, &keys[key].key, *origin, content)
                    .map_err(|why| SecretError::Unopened { what: "a sealed value".to_owned(), why })
            }
            Token::Sealed { .. } | Token::Secret { .. } => Ok(token::STARS.into()),
        })?;
        Ok(value)
    }

    /// Seals every text and number in a value that somebody of this team gives, for `origin`; as it is without a key in the keyring.
    ///
    /// # Errors
    /// As [`Self::current`].
    pub async fn seal_value(
        &self,
        store: &Store,
        team: &str,
        origin: Uuid,
        value: &mut Value,
    ) -> Result<(), SecretError> {
        if self.is_on() {
            let key = self.current(store, team).await?;
            token::seal_leaves(value, &|_| true, &|leaf| token::seal(key.id, &key.key, origin, leaf));
        }
        Ok(())
    }

    async fn new_key(&self, team: &str) -> Result<WrappedDataKey, SecretError> {
        let id = Uuid::now_v7();
        let key = self.keyring.wrap(&DataKey::generate(), &Place::DataKey { team, id }.bytes()).await?;
        Ok(WrappedDataKey { id, team: team.to_owned(), key })
    }

    fn known(&self, who: &(String, Option<Uuid>)) -> Option<Arc<TeamKey>> {
        let known = self.known.lock().ok()?;
        known.get(who).filter(|(_, since)| since.elapsed() < KEPT).map(|(key, _)| Arc::clone(key))
    }

    async fn keep(&self, who: (String, Option<Uuid>), found: &WrappedDataKey) -> Result<Arc<TeamKey>, SecretError> {
        let place = Place::DataKey { team: &found.team, id: found.id };
        let key =
            Arc::new(TeamKey { id: found.id, team: found.team.clone(), key: self.unwrap(&found.key, place).await? });
        if let Ok(mut known) = self.known.lock() {
            if known.len() >= MOST {
                known.clear();
            }
            known.insert(who, (Arc::clone(&key), Instant::now()));
        }
        Ok(key)
    }

    async fn unwrap(&self, wrapped: &Wrapped, place: Place<'_>) -> Result<DataKey, SecretError> {
        let place = place.bytes();
        let name = [wrapped.key_id.as_bytes(), b"\0", &wrapped.bytes, b"\0", &place].concat();
        let kept = self.unwrapped.lock().ok().and_then(|kept| kept.get(&name).cloned());
        if let Some((key, since)) = kept
            && since.elapsed() < KEPT
        {
            return Ok(key);
        }
        let key = self.keyring.unwrap(wrapped, &place).await?;
        if let Ok(mut kept) = self.unwrapped.lock() {
            if kept.len() >= MOST {
                kept.clear();
            }
            kept.insert(name, (key.clone(), Instant::now()));
        }
        Ok(key)
    }
}

/// A resource's state with the key that it was sealed with.
///
/// # Errors
/// When it is another key's, another resource's, or was changed.
pub fn open_state(key: &TeamKey, resource: Uuid, content: &[u8]) -> Result<Vec<u8>, SecretError> {
    let opened = blob::open(&key.key, resource, content);
    let why = |why| SecretError::Unopened { what: format!("the state of resource {resource}"), why };
    opened.map(|content| content.to_vec()).map_err(why)
}
