//! The keys that wrap data keys, and where they are: in files, in variables, or in a service that never gives them away.

use std::{io::Read as _, path::Path, sync::Arc};

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use futures::future::BoxFuture;
use zeroize::Zeroizing;

use super::{
    SecretError, Sources,
    envelope::{DataKey, KEY},
};
use crate::config::{SecretKey, Secrets};

/// Wraps and unwraps data keys. `place` says what a key is for, and is needed again to unwrap it.
pub trait KeyWrapper: std::fmt::Debug + Send + Sync {
    /// The data key, wrapped.
    ///
    /// # Errors
    /// When the service that has the key does not answer or refuses.
    fn wrap<'a>(&'a self, key: &'a DataKey, place: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, SecretError>>;

    /// The data key that was wrapped for this place.
    ///
    /// # Errors
    /// When it was wrapped by another key or for another place, or the service does not answer or refuses.
    fn unwrap<'a>(&'a self, wrapped: &'a [u8], place: &'a [u8]) -> BoxFuture<'a, Result<DataKey, SecretError>>;
}

/// A data key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrapped {
    /// The key of the keyring that wraps it.
    pub key_id: String,
    /// The key itself, wrapped.
    pub bytes: Vec<u8>,
}

/// All keys of an instance. The first wraps, the others only unwrap. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    keys: Arc<[(String, Box<dyn KeyWrapper>)]>,
}

impl Keyring {
    /// The keys that the configuration names. Files and variables are read once, here.
    ///
    /// # Errors
    /// When a key cannot be read, is none, or names a service that is not configured.
    pub fn of(config: &Secrets, sources: &Sources) -> Result<Self, SecretError> {
        let mut keys: Vec<(String, Box<dyn KeyWrapper>)> = Vec::new();
        for (number, key) in config.keys.iter().enumerate() {
            let place = format!("secrets.keys[{number}]");
            let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if key.id.is_empty() || key.id.len() > 64 || !key.id.chars().all(legal) {
                return Err(wrong(format!(
                    "{place}: 'id' is 1 to 64 letters, digits, '-', '_' or '.', not '{}'",
                    key.id
                )));
            }
            if keys.iter().any(|(id, _)| *id == key.id) {
                return Err(wrong(format!("{place}: there are two keys with the id '{}'", key.id)));
            }
            keys.push((key.id.clone(), wrapper(key, &place, sources)?));
        }
        Ok(Self { keys: keys.into() })
    }

    /// One that has this key and no other.
    #[must_use]
    pub fn single(id: &str, key: DataKey) -> Self {
        let key: Box<dyn KeyWrapper> = Box::new(Local(key));
        Self { keys: Arc::new([(id.to_owned(), key)]) }
    }

    /// Whether anything can be sealed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The id of the key that wraps what is new.
    #[must_use]
    pub fn current(&self) -> Option<&str> {
        self.keys.first().map(|(id, _)| id.as_str())
    }

    /// The ids of all keys, the current one first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|(id, _)| id.as_str())
    }

    /// Wraps with the current key.
    ///
    /// # Errors
    /// Without a key, or when its service fails.
    pub async fn wrap(&self, key: &DataKey, place: &[u8]) -> Result<Wrapped, SecretError> {
        let (id, wrapper) = self.keys.first().ok_or(SecretError::NoKey)?;
        Ok(Wrapped { key_id: id.clone(), bytes: wrapper.wrap(key, place).await? })
    }

    /// Unwraps with the key that wrapped it.
    ///
    /// # Errors
    /// When that key is not in the keyring, the place is another, or its service fails.
    pub async fn unwrap(&self, wrapped: &Wrapped, place: &[u8]) -> Result<DataKey, SecretError> {
        let found = self.keys.iter().find(|(id, _)| *id == wrapped.key_id);
        let (_, wrapper) = found.ok_or_else(|| SecretError::UnknownKey(wrapped.key_id.clone()))?;
        wrapper.unwrap(&wrapped.bytes, place).await
    }
}

fn wrong(text: String) -> SecretError {
    SecretError::Configuration(text)
}

fn wrapper(key: &SecretKey, place: &str, sources: &Sources) -> Result<Box<dyn KeyWrapper>, SecretError> {
    let SecretKey { id: _, file, env, vault_transit, aws_kms, gcp_kms, azure_key_vault } = key;
    let given = [
        file.is_some(),
        env.is_some(),
        vault_transit.is_some(),
        aws_kms.is_some(),
        gcp_kms.is_some(),
        azure_key_vault.is_some(),
    ];
    if given.into_iter().filter(|given| *given).count() != 1 {
        return Err(wrong(format!(
            "{place}: exactly one of 'file', 'env', 'vault_transit', 'aws_kms', 'gcp_kms' and 'azure_key_vault' is needed"
        )));
    }
    let at = |why: String| wrong(format!("{place}: {why}"));
    let needs = |what: &str, section: &str| wrong(format!("{place}: '{what}' needs secrets.{section}"));
    if let Some(path) = file {
        return Ok(Box::new(Local(read_file(path).map_err(at)?)));
    }
    if let Some(variable) = env {
        let text = std::env::var(variable)
            .map(Zeroizing::new)
            .map_err(|_| at(format!("the environment variable {variable} is not set")))?;
        return Ok(Box::new(Local(
            parse(&text).map_err(|why| at(format!("the environment variable {variable}: {why}")))?,
        )));
    }
    if let Some(name) = vault_transit {
        let vault = sources.vault().ok_or_else(|| needs("vault_transit", "vault"))?;
        return Ok(Box::new(vault.transit(name).map_err(at)?));
    }
    if let Some(name) = aws_kms {
        let aws = sources.aws().ok_or_else(|| needs("aws_kms", "aws"))?;
        return Ok(Box::new(aws.key(name).map_err(at)?));
    }
    if let Some(name) = gcp_kms {
        let gcp = sources.gcp().ok_or_else(|| needs("gcp_kms", "gcp"))?;
        return Ok(Box::new(gcp.key(name).map_err(at)?));
    }
    let azure = sources.azure().ok_or_else(|| needs("azure_key_vault", "azure"))?;
    Ok(Box::new(azure.key(azure_key_vault.as_deref().unwrap_or_default()).map_err(at)?))
}

fn read_file(path: &Path) -> Result<DataKey, String> {
    let mut text = Zeroizing::new(String::new());
    let file = std::fs::File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    file.take(1024).read_to_string(&mut text).map_err(|error| format!("{}: {error}", path.display()))?;
    parse(&text).map_err(|why| format!("{}: {why}", path.display()))
}

/// A key from its text.
///
/// # Errors
/// When the text is not 32 bytes in base64 or hex.
pub fn parse(text: &str) -> Result<DataKey, String> {
    let text = text.trim();
    let bytes = if text.len() == KEY * 2 {
        hex::decode(text).ok()
    } else {
        BASE64_STANDARD.decode(text).or_else(|_| BASE64_URL_SAFE_NO_PAD.decode(text)).ok()
    };
    let bytes = Zeroizing::new(bytes.unwrap_or_default());
    DataKey::from_bytes(&bytes).map_err(|_| {
        format!("a key is {KEY} random bytes in base64 or hex; `slipway secret new-key` and `openssl rand -base64 {KEY}` make one")
    })
}

/// A new key, as files and variables hold it.
#[must_use]
pub fn new_key() -> Zeroizing<String> {
    Zeroizing::new(BASE64_STANDARD.encode(DataKey::generate().bytes()))
}

/// A key in this process' memory.
#[derive(Debug)]
struct Local(DataKey);

impl KeyWrapper for Local {
    fn wrap<'a>(&'a self, key: &'a DataKey, place: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, SecretError>> {
        Box::pin(async move { Ok(self.0.seal(key.bytes(), place)) })
    }

    fn unwrap<'a>(&'a self, wrapped: &'a [u8], place: &'a [u8]) -> BoxFuture<'a, Result<DataKey, SecretError>> {
        Box::pin(async move {
            let opened = self.0.open(wrapped, place).and_then(|key| DataKey::from_bytes(&key));
            opened.map_err(|why| SecretError::Unopened { what: "a data key".to_owned(), why })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &Path, name: &str, text: &str) -> SecretKey {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        SecretKey { id: name.to_owned(), file: Some(path), ..SecretKey::default() }
    }

    fn of(keys: Vec<SecretKey>) -> Result<Keyring, SecretError> {
        Keyring::of(&Secrets { keys, ..Secrets::default() }, &Sources::default())
    }

    fn refused(keys: Vec<SecretKey>) -> String {
        of(keys).unwrap_err().to_string()
    }

    #[tokio::test]
    async fn a_rotated_key_still_opens_and_no_longer_wraps() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) =
            (file(folder.path(), "old", &new_key()), file(folder.path(), "new", &format!("{}\n", &*new_key())));
        let before = of(vec![old.clone()]).unwrap();
        let wrapped = before.wrap(&DataKey::generate(), b"shop").await.unwrap();
        let after = of(vec![new.clone(), old]).unwrap();
        let key = after.unwrap(&wrapped, b"shop").await.unwrap();
        assert_eq!(after.wrap(&key, b"shop").await.unwrap().key_id, "new");
        assert!(after.unwrap(&wrapped, b"bank").await.is_err(), "opened for another place");
        let without = of(vec![new]).unwrap();
        let error = without.unwrap(&wrapped, b"shop").await.unwrap_err().to_string();
        assert!(error.starts_with("the key 'old' is not in secrets.keys"), "{error}");
    }

    #[test]
    fn keys_are_taken_in_base64_and_hex_and_nothing_else() {
        assert_eq!(parse(&"ab".repeat(32)).unwrap().bytes(), &[0xab; 32]);
        assert_eq!(parse(&format!(" {}\n", BASE64_STANDARD.encode([7; 32]))).unwrap().bytes(), &[7; 32]);
        for wrong in ["", "password", &"ab".repeat(31), &BASE64_STANDARD.encode([7; 31])] {
            assert!(parse(wrong).unwrap_err().contains("32 random bytes"), "{wrong}");
        }
    }

    #[test]
    fn a_key_that_cannot_be_used_is_refused_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let good = file(folder.path(), "good", &new_key());
        let (id, some) = ("k".to_owned(), Some("x".to_owned()));
        for (kms, text) in [
            (
                SecretKey { aws_kms: some.clone(), ..SecretKey::default() },
                "secrets.keys[1]: 'aws_kms' needs secrets.aws",
            ),
            (
                SecretKey { gcp_kms: some.clone(), ..SecretKey::default() },
                "secrets.keys[1]: 'gcp_kms' needs secrets.gcp",
            ),
            (
                SecretKey { azure_key_vault: some, ..SecretKey::default() },
                "secrets.keys[1]: 'azure_key_vault' needs secrets.azure",
            ),
        ] {
            let said = refused(vec![good.clone(), SecretKey { id: id.clone(), ..kms }]);
            assert!(said.contains(text), "{said}");
        }
        assert!(refused(vec![good.clone(), good.clone()]).contains("two keys with the id 'good'"));
        assert!(refused(vec![SecretKey { id: "a b".into(), ..good.clone() }]).contains("not 'a b'"));
        assert!(refused(vec![SecretKey { env: Some("X".into()), ..good }]).contains("exactly one of"));
        let transit = SecretKey { id: "t".into(), vault_transit: Some("slipway".into()), ..SecretKey::default() };
        assert!(refused(vec![transit]).contains("needs secrets.vault"));
        let short = file(folder.path(), "short", "c2hvcnQ=");
        assert!(refused(vec![short]).contains("32 random bytes"));
        let missing = SecretKey { id: "m".into(), file: Some(folder.path().join("missing")), ..SecretKey::default() };
        assert!(refused(vec![missing]).contains("No such file"));
        let unset = SecretKey { id: "m".into(), env: Some("SLIPWAY_TEST_UNSET_KEY".into()), ..SecretKey::default() };
        assert!(refused(vec![unset]).contains("SLIPWAY_TEST_UNSET_KEY is not set"));
    }
}
