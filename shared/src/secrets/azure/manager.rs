//! Secrets that Azure's Key Vault keeps.

use futures::future::BoxFuture;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{Azure, is_name, is_version};
use crate::{
    formats::problem::short,
    outgoing::{Method, Url},
    secrets::{
        SecretError,
        cloud::{self, Failure},
        sources::Keeper,
    },
};

const WHO: &str = "Azure Key Vault";

#[derive(Deserialize)]
struct Bundle {
    value: Zeroizing<String>,
}

/// A version of a secret, and a field of it.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    vault: Url,
    name: String,
    /// Empty: the current one.
    version: String,
    field: Option<String>,
}

impl Azure {
    fn find(&self, team: Option<&str>, reference: &str) -> Result<Place, String> {
        let vault = match (team, &self.0.team_vault) {
            (None, _) => self.0.vault.clone(),
            (Some(team), Some(template)) => cloud::endpoint("team_vault", &cloud::for_team(template, team)?)?,
            (Some(_), None) => {
                return Err(format!(
                    "teams are given nothing in {WHO} on this instance: secrets.azure.team_vault says nothing"
                ));
            }
        };
        let (place, field) = cloud::field(reference)?;
        let (name, version) = place.split_once('/').map_or((place, None), |(name, version)| (name, Some(version)));
        if !is_name(name) || !version.is_none_or(is_version) {
            return Err(format!(
                "a secret in {WHO} is NAME or NAME/VERSION, both with #FIELD, not '{}'",
                short(reference)
            ));
        }
        Ok(Place {
            vault,
            name: name.to_owned(),
            version: version.unwrap_or_default().to_owned(),
            field: field.map(str::to_owned),
        })
    }
}

impl Keeper for Azure {
    fn read<'a>(
        &'a self,
        team: Option<&'a str>,
        reference: &'a str,
    ) -> BoxFuture<'a, Result<Zeroizing<String>, SecretError>> {
        Box::pin(async move {
            let Place { vault, name, version, field } = self.find(team, reference).map_err(SecretError::Refused)?;
            let path = format!("/secrets/{name}/{version}");
            let at = format!("{WHO} at {}", vault.origin().ascii_serialization());
            let answer: Bundle = self.call(&vault, &path, Method::GET, Vec::new()).await.map_err(|failure| {
                SecretError::Refused(match failure {
                    Failure::Other(error) => return error,
                    Failure::Missing(said) => format!("{at} has no secret '{name}': {said}"),
                    Failure::Login(said) | Failure::Denied(said) => {
                        format!("{at} does not let Slipway read the secret '{name}': {said}")
                    }
                    Failure::Unfit(said) => format!("{at} does not give the secret '{name}': {said}"),
                })
            })?;
            let what = format!("the secret '{name}' in {at}");
            cloud::pick(&what, answer.value, field.as_deref())
        })
    }

    fn check(&self, team: &str, reference: &str) -> Result<(), String> {
        self.find(Some(team), reference).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn azure(team_vault: &str) -> Result<Azure, SecretError> {
        let config = config::Azure {
            vault: "https://acme.vault.azure.net/".into(),
            team_vault: Some(team_vault.into()),
            ..config::Azure::default()
        };
        Azure::of(&config, &|_| None)
    }

    fn place(azure: &Azure, team: Option<&str>, reference: &str) -> Result<String, String> {
        let Place { vault, name, version, field } = azure.find(team, reference)?;
        Ok(format!("{vault} {name} {version} {}", field.unwrap_or_default()))
    }

    #[test]
    fn a_teams_secrets_are_those_of_its_own_vault() {
        let azure = azure("https://acme-{team}.vault.azure.net").unwrap();
        assert_eq!(place(&azure, Some("shop"), "db").unwrap(), "https://acme-shop.vault.azure.net/ db  ");
        assert_eq!(place(&azure, None, "db/0f3#a").unwrap(), "https://acme.vault.azure.net/ db 0f3 a");
        for wrong in ["", "a_b", "a/b/c", "../keys", "https://evil.example.org/secrets/x", "db#", "db/"] {
            assert!(azure.find(Some("shop"), wrong).is_err(), "{wrong}");
        }
        for team in ["a.evil", "a/b", "a@b", ""] {
            assert!(azure.find(Some(team), "db").is_err(), "{team}");
        }
    }

    #[test]
    fn a_configuration_that_mixes_teams_up_or_can_be_listened_to_is_refused() {
        for wrong in [
            "https://acme.vault.azure.net",
            "https://{team}-{team}.vault.azure.net",
            "https://acme.vault.azure.{team}",
            "https://acme:{team}@vault.azure.net",
        ] {
            assert!(self::azure(wrong).unwrap_err().to_string().contains("'team_vault'"), "{wrong}");
        }
        assert!(self::azure("http://{team}.vault.azure.net").unwrap_err().to_string().contains("must be https"));
    }
}
