//! Secrets that the configuration names: in files, in variables, and where others keep them.

use futures::future::BoxFuture;
use zeroize::Zeroizing;

use super::{Aws, Azure, Gcp, SecretError, Vault};
use crate::config::{SecretSource, Secrets};

/// Bytes that a secret of the configuration may have.
const MOST: u64 = 256 * 1024;

/// Keeps secrets, and gives them out over the network.
pub trait Keeper: std::fmt::Debug + Send + Sync {
    /// The secret as it is now. `team` says whose own reference it is; without one it is the instance's configuration that names it.
    ///
    /// # Errors
    /// When the reference is none, or not for this team; when nothing is there, it may not be read, or there is no answer.
    fn read<'a>(
        &'a self,
        team: Option<&'a str>,
        reference: &'a str,
    ) -> BoxFuture<'a, Result<Zeroizing<String>, SecretError>>;

    /// Looks whether a team may have this reference of its own. Asks nobody.
    ///
    /// # Errors
    /// Why not.
    fn check(&self, team: &str, reference: &str) -> Result<(), String>;
}

/// Reads secrets from where the configuration says they are, each time they are needed. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    vault: Option<Vault>,
    aws: Option<Aws>,
    gcp: Option<Gcp>,
    azure: Option<Azure>,
}

impl Sources {
    /// Those that the configuration knows.
    ///
    /// # Errors
    /// When the configuration cannot be used.
    pub fn of(config: &Secrets) -> Result<Self, SecretError> {
        let variables = |name: &str| std::env::var(name).ok();
        Ok(Self {
            vault: config.vault.as_ref().map(Vault::of).transpose()?,
            aws: config.aws.as_ref().map(|config| Aws::of(config, &variables)).transpose()?,
            gcp: config.gcp.as_ref().map(|config| Gcp::of(config, &variables)).transpose()?,
            azure: config.azure.as_ref().map(|config| Azure::of(config, &variables)).transpose()?,
        })
    }

    /// The Vault of this instance.
    #[must_use]
    pub fn vault(&self) -> Option<&Vault> {
        self.vault.as_ref()
    }

    /// Its account at Amazon.
    #[must_use]
    pub fn aws(&self) -> Option<&Aws> {
        self.aws.as_ref()
    }

    /// Its login at Google.
    #[must_use]
    pub fn gcp(&self) -> Option<&Gcp> {
        self.gcp.as_ref()
    }

    /// Its key vault at Azure.
    #[must_use]
    pub fn azure(&self) -> Option<&Azure> {
        self.azure.as_ref()
    }

    /// The secret as it is now.
    ///
    /// # Errors
    /// When it is not there, is empty or too large, or its keeper does not answer.
    pub async fn read(&self, source: &SecretSource) -> Result<Zeroizing<String>, SecretError> {
        let (name, reference) = match source {
            SecretSource::Vault(reference) => ("vault", reference),
            SecretSource::Aws(reference) => ("aws", reference),
            SecretSource::Gcp(reference) => ("gcp", reference),
            SecretSource::Azure(reference) => ("azure", reference),
            SecretSource::File(_) | SecretSource::Env(_) | SecretSource::Held(_) => return local(source.clone()).await,
        };
        let keeper = self.keeper(name).map_err(SecretError::Refused)?;
        let secret = keeper.read(None, reference).await?;
        if secret.len() as u64 > MOST {
            return Err(SecretError::Refused(format!("{name}: {reference} has more than {MOST} bytes")));
        }
        Ok(secret)
    }

    /// A team's own reference: `PATH#KEY` below the team's folder in Vault, or `aws:`, `gcp:` or `azure:` and what is the team's there.
    ///
    /// # Errors
    /// As [`Self::read`], and when teams have nothing there.
    pub async fn read_of_team(&self, team: &str, reference: &str) -> Result<Zeroizing<String>, SecretError> {
        let (name, reference) = split(reference);
        self.keeper(name).map_err(SecretError::Refused)?.read(Some(team), reference).await
    }

    /// Looks whether a team may have this reference of its own. Asks nobody.
    ///
    /// # Errors
    /// Why not.
    pub fn check_of_team(&self, team: &str, reference: &str) -> Result<(), String> {
        let (name, reference) = split(reference);
        self.keeper(name)?.check(team, reference)
    }

    fn keeper(&self, name: &str) -> Result<&dyn Keeper, String> {
        let (keeper, called): (Option<&dyn Keeper>, _) = match name {
            "aws" => (self.aws.as_ref().map(|it| it as _), "AWS"),
            "gcp" => (self.gcp.as_ref().map(|it| it as _), "Google Cloud"),
            "azure" => (self.azure.as_ref().map(|it| it as _), "Azure"),
            _ => (self.vault.as_ref().map(|it| it as _), "Vault"),
        };
        keeper.ok_or_else(|| format!("this instance has no {called}: secrets.{name} is not set"))
    }
}

/// Who keeps it, and where. No place in Vault has a colon in it.
fn split(reference: &str) -> (&str, &str) {
    match reference.split_once(':') {
        Some((name @ ("vault" | "aws" | "gcp" | "azure"), rest)) => (name, rest),
        _ => ("vault", reference),
    }
}

async fn local(source: SecretSource) -> Result<Zeroizing<String>, SecretError> {
    let read = tokio::task::spawn_blocking(move || {
        if let SecretSource::File(path) = &source
            && std::fs::metadata(path).is_ok_and(|file| file.len() > MOST)
        {
            return Err(format!("{} has more than {MOST} bytes", path.display()));
        }
        source.read()
    });
    let read = read.await.map_err(|error| SecretError::Unavailable(error.to_string()))?;
    read.map(Zeroizing::new).map_err(SecretError::Refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_says_who_keeps_the_secret_and_is_vaults_when_it_says_nothing() {
        assert_eq!(split("database#password"), ("vault", "database#password"));
        assert_eq!(split("vault:database#password"), ("vault", "database#password"));
        assert_eq!(split("aws:db#password"), ("aws", "db#password"));
        assert_eq!(split("other:db"), ("vault", "other:db"));
    }

    #[test]
    fn a_keeper_that_is_not_configured_is_named() {
        let none = Sources::default();
        for (reference, text) in [
            ("db#x", "this instance has no Vault: secrets.vault is not set"),
            ("aws:db", "this instance has no AWS: secrets.aws is not set"),
            ("gcp:db", "this instance has no Google Cloud: secrets.gcp is not set"),
            ("azure:db", "this instance has no Azure: secrets.azure is not set"),
        ] {
            assert_eq!(none.check_of_team("shop", reference), Err(text.to_owned()), "{reference}");
        }
    }
}
