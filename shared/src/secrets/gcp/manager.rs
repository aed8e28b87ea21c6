//! Secrets that Google's Secret Manager keeps.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures::future::BoxFuture;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{Gcp, is_checksum};
use crate::{
    formats::problem::short,
    outgoing::Method,
    secrets::{
        SecretError,
        cloud::{self, Failure},
        sources::Keeper,
    },
};

const WHO: &str = "Google Secret Manager";

#[derive(Deserialize)]
struct Version {
    payload: Payload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    data: Zeroizing<String>,
    data_crc32c: Option<String>,
}

/// A version of a secret, and a field of it.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    project: String,
    secret: String,
    version: String,
    field: Option<String>,
}

/// A project's id or number.
pub(super) fn is_project(id: &str) -> bool {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !id.is_empty() && id.len() <= 63 && id.chars().all(legal)
}

fn is_id(id: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    !id.is_empty() && id.len() <= 255 && id.chars().all(legal)
}

/// `NAME` or `NAME/versions/VERSION`, of this project.
fn below(project: &str, place: &str, field: Option<&str>) -> Option<Place> {
    let (secret, version) = place.split_once("/versions/").unwrap_or((place, "latest"));
    (is_project(project) && is_id(secret) && is_id(version)).then(|| Place {
        project: project.to_owned(),
        secret: secret.to_owned(),
        version: version.to_owned(),
        field: field.map(str::to_owned),
    })
}

impl Gcp {
    fn of_team(&self, team: &str, reference: &str) -> Result<Place, String> {
        let Some(template) = &self.0.team_project else {
            return Err(format!(
                "teams are given nothing in {WHO} on this instance: secrets.gcp.team_project says nothing"
            ));
        };
        let (place, field) = cloud::field(reference)?;
        let project = cloud::for_team(template, team)?;
        below(&project, place, field).ok_or_else(|| {
            format!("a secret in {WHO} is NAME or NAME/versions/VERSION, both with #FIELD, not '{}'", short(reference))
        })
    }

    fn of_instance(&self, reference: &str) -> Result<Place, String> {
        let (place, field) = cloud::field(reference)?;
        let found = match place.strip_prefix("projects/") {
            Some(rest) => rest.split_once("/secrets/").and_then(|(project, place)| below(project, place, field)),
            None => match &self.0.project {
                Some(project) => below(project, place, field),
                None => return Err("secrets.gcp.project names no project for secrets without one".to_owned()),
            },
        };
        found.ok_or_else(|| {
            format!(
                "a secret in {WHO} is projects/P/secrets/NAME, NAME, or either with /versions/VERSION or #FIELD, not '{}'",
                short(reference)
            )
        })
    }
}

impl Keeper for Gcp {
    fn read<'a>(
        &'a self,
        team: Option<&'a str>,
        reference: &'a str,
    ) -> BoxFuture<'a, Result<Zeroizing<String>, SecretError>> {
        Box::pin(async move {
            let place = match team {
                Some(team) => self.of_team(team, reference),
                None => self.of_instance(reference),
            };
            let Place { project, secret, version, field } = place.map_err(SecretError::Refused)?;
            let name = format!("projects/{project}/secrets/{secret}/versions/{version}");
            let url = cloud::below(&self.0.secretmanager, &format!("/v1/{name}:access"))?;
            let answer: Version = self.call(WHO, &url, Method::GET, Vec::new()).await.map_err(|failure| {
                SecretError::Refused(match failure {
                    Failure::Other(error) => return error,
                    Failure::Missing(said) => format!("{WHO} has no {name}: {said}"),
                    Failure::Login(said) | Failure::Denied(said) => {
                        format!("{WHO} does not let Slipway read {name}: {said}")
                    }
                    Failure::Unfit(said) => format!("{WHO} does not give {name}: {said}"),
                })
            })?;
            let what = format!("the secret '{secret}' in {WHO}, project {project},");
            let Payload { data, data_crc32c } = answer.payload;
            let bytes = Zeroizing::new(BASE64_STANDARD.decode(data.as_bytes()).unwrap_or_default());
            if data_crc32c.is_some_and(|sum| !is_checksum(&sum, &bytes)) {
                return Err(SecretError::Unavailable(format!("{what} was changed on the way")));
            }
            cloud::pick(&what, cloud::text(&what, &data)?, field.as_deref())
        })
    }

    fn check(&self, team: &str, reference: &str) -> Result<(), String> {
        self.of_team(team, reference).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn gcp(team_project: &str) -> Result<Gcp, SecretError> {
        let config = config::Gcp {
            project: Some("acme-prod".into()),
            team_project: Some(team_project.into()),
            ..config::Gcp::default()
        };
        Gcp::of(&config, &|_| None)
    }

    fn name(place: Result<Place, String>) -> Option<String> {
        let Place { project, secret, version, field } = place.ok()?;
        Some(format!("{project} {secret} {version} {}", field.unwrap_or_default()))
    }

    #[test]
    fn a_teams_secrets_are_those_of_its_own_project() {
        let gcp = gcp("acme-{team}").unwrap();
        assert_eq!(name(gcp.of_team("shop", "db")).unwrap(), "acme-shop db latest ");
        assert_eq!(name(gcp.of_team("shop", "db/versions/3#a")).unwrap(), "acme-shop db 3 a");
        for wrong in ["", "a/b", "../bank", "projects/acme-bank/secrets/db", "db/versions/", "db#", "a b"] {
            assert!(gcp.of_team("shop", wrong).is_err(), "{wrong}");
        }
        assert!(gcp.of_team("a/b", "db").is_err());
    }

    #[test]
    fn the_instance_names_secrets_of_any_project() {
        let gcp = gcp("{team}").unwrap();
        assert_eq!(name(gcp.of_instance("db")).unwrap(), "acme-prod db latest ");
        assert_eq!(name(gcp.of_instance("projects/other/secrets/db/versions/2")).unwrap(), "other db 2 ");
        assert!(gcp.of_instance("projects/other/db").is_err());
    }

    #[test]
    fn a_configuration_that_mixes_teams_up_is_refused() {
        for wrong in ["acme", "{team}{team}", "Acme-{team}", "a/{team}"] {
            assert!(self::gcp(wrong).unwrap_err().to_string().contains("'team_project'"), "{wrong}");
        }
    }
}
