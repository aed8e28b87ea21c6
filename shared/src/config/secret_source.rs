//! Where secrets are read from.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where a secret is read from, each time it is needed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// A file; a final newline is dropped.
    File(PathBuf),
    /// An environment variable of the process that needs it.
    Env(String),
    /// `MOUNT/PATH#KEY` in the Vault that `secrets.vault` names (a KV engine, version 2).
    Vault(String),
    /// `NAME`, or `NAME#FIELD` of a secret that is JSON, in AWS Secrets Manager; a name or an ARN.
    Aws(String),
    /// `NAME`, `NAME/versions/VERSION`, both with `#FIELD` or `projects/PROJECT/secrets/` before them, in Google's Secret Manager.
    Gcp(String),
    /// `NAME`, `NAME/VERSION`, both with `#FIELD`, in Azure's Key Vault.
    Azure(String),
    /// Held in memory by whoever has opened it. No configuration can say so.
    #[serde(skip)]
    Held(HeldSecret),
}

/// A secret in memory, wiped when it is dropped. It never shows itself.
#[derive(Clone)]
pub struct HeldSecret(pub zeroize::Zeroizing<String>);

impl std::fmt::Debug for HeldSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl SecretSource {
    /// Whether it is read without asking anybody.
    #[must_use]
    pub fn is_local(&self) -> bool {
        matches!(self, Self::File(_) | Self::Env(_) | Self::Held(_))
    }

    /// The secret as it is now; an empty one is none. What is in Vault or a cloud is read by `secrets::Sources`.
    ///
    /// # Errors
    /// When the file or the variable cannot be read, which the text names, or is empty, or it is not [local](Self::is_local).
    pub fn read(&self) -> Result<String, String> {
        let (secret, place) = match self {
            Self::File(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
                let text = text.strip_suffix('\n').unwrap_or(&text);
                (text.strip_suffix('\r').unwrap_or(text).to_owned(), path.display().to_string())
            }
            Self::Env(name) => {
                let text = std::env::var(name).map_err(|_| format!("the environment variable {name} is not set"))?;
                (text, format!("the environment variable {name}"))
            }
            Self::Held(HeldSecret(text)) => (text.to_string(), "the stored secret".to_owned()),
            Self::Vault(reference) | Self::Aws(reference) | Self::Gcp(reference) | Self::Azure(reference) => {
                return Err(format!(
                    "this secret cannot be read from where others keep it ({reference}): name a file or a variable"
                ));
            }
        };
        if secret.is_empty() { Err(format!("{place} is empty")) } else { Ok(secret) }
    }
}
