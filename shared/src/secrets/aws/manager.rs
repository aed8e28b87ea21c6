//! Secrets that AWS Secrets Manager keeps.

use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::{Aws, Service};
use crate::{
    formats::problem::short,
    secrets::{
        SecretError,
        cloud::{self, Failure},
        sources::Keeper,
    },
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Value {
    secret_string: Option<Zeroizing<String>>,
    secret_binary: Option<Zeroizing<String>>,
}

/// `slipway/{team}/`, so that no team's names begin with another's.
pub(super) fn is_team_prefix(prefix: &str) -> bool {
    prefix.strip_suffix("{team}/").is_some_and(|before| {
        before.len() <= 256
            && !before.contains("{team}")
            && (before.is_empty() || before.ends_with('/'))
            && is_text(before)
    })
}

fn is_text(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '+' | '=' | '.' | '@' | '-'))
}

/// A secret's name, which an ARN is not.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 512 && is_text(name)
}

fn is_arn(text: &str) -> bool {
    text.starts_with("arn:") && text.len() <= 2048 && text.split(':').count() >= 7 && text.split(':').all(is_text)
}

impl Aws {
    /// The secret's name, and the field of it that a team's own reference names.
    fn of_team(&self, team: &str, reference: &str) -> Result<(String, Option<String>), String> {
        let Some(prefix) = &self.0.team_prefix else {
            return Err(
                "teams are given nothing in AWS Secrets Manager on this instance: secrets.aws.team_prefix says nothing"
                    .to_owned(),
            );
        };
        let (name, field) = cloud::field(reference)?;
        if !is_name(name) {
            return Err(format!("a secret in AWS Secrets Manager is NAME or NAME#FIELD, not '{}'", short(reference)));
        }
        Ok((format!("{}{name}", cloud::for_team(prefix, team)?), field.map(str::to_owned)))
    }

    fn of_instance(reference: &str) -> Result<(String, Option<String>), String> {
        let (name, field) = cloud::field(reference)?;
        if !is_name(name) && !is_arn(name) {
            return Err(format!(
                "a secret in AWS Secrets Manager is NAME or NAME#FIELD, with its name or ARN, not '{}'",
                short(reference)
            ));
        }
        Ok((name.to_owned(), field.map(str::to_owned)))
    }
}

impl Keeper for Aws {
    fn read<'a>(
        &'a self,
        team: Option<&'a str>,
        reference: &'a str,
    ) -> BoxFuture<'a, Result<Zeroizing<String>, SecretError>> {
        Box::pin(async move {
            let place = match team {
                Some(team) => self.of_team(team, reference),
                None => Self::of_instance(reference),
            };
            let (name, field) = place.map_err(SecretError::Refused)?;
            let answer = self.call(Service::SecretsManager, "GetSecretValue", &json!({"SecretId": name})).await;
            let value: Value = answer.map_err(|failure| match failure {
                Failure::Other(error) => error,
                Failure::Missing(_) => SecretError::Refused(format!(
                    "AWS Secrets Manager has no secret '{name}', or no value of it, in {}",
                    self.0.region
                )),
                Failure::Login(said) | Failure::Denied(said) => SecretError::Refused(format!(
                    "AWS Secrets Manager does not let Slipway read the secret '{name}': {said}"
                )),
                Failure::Unfit(said) => {
                    SecretError::Refused(format!("AWS Secrets Manager does not give the secret '{name}': {said}"))
                }
            })?;
            let what = format!("the secret '{name}' in AWS Secrets Manager");
            let value = match (value.secret_string, value.secret_binary) {
                (Some(text), _) => text,
                (None, binary) => cloud::text(&what, &binary.unwrap_or_default())?,
            };
            cloud::pick(&what, value, field.as_deref())
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

    fn aws(team_prefix: Option<&str>) -> Result<Aws, SecretError> {
        let config = config::Aws {
            region: "eu-central-1".into(),
            team_prefix: team_prefix.map(Into::into),
            ..config::Aws::default()
        };
        Aws::of(&config, &|_| None)
    }

    #[test]
    fn a_teams_secrets_are_those_whose_names_begin_with_its_own() {
        let some = aws(Some("slipway/{team}/")).unwrap();
        assert_eq!(some.of_team("shop", "db#a"), Ok(("slipway/shop/db".into(), Some("a".into()))));
        for wrong in ["", "#a", "a b", "arn:aws:secretsmanager:eu-central-1:1:secret:x", "db#"] {
            assert!(some.of_team("shop", wrong).is_err(), "{wrong}");
        }
        assert!(some.of_team("shop/../bank", "db").is_err());
        assert!(aws(None).unwrap().of_team("shop", "db").unwrap_err().contains("team_prefix"));
        for wrong in ["slipway/", "slipway/{team}", "slipway-{team}/", "{team}/{team}/", "a b/{team}/"] {
            assert!(aws(Some(wrong)).unwrap_err().to_string().contains("'team_prefix'"), "{wrong}");
        }
    }

    #[test]
    fn the_instance_names_secrets_by_name_or_arn() {
        let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:db-AbCdEf";
        assert_eq!(Aws::of_instance(&format!("{arn}#a")), Ok((arn.into(), Some("a".into()))));
        assert_eq!(Aws::of_instance("shop/db"), Ok(("shop/db".into(), None)));
        for wrong in ["", "a:b", "arn:aws", "a b"] {
            assert!(Aws::of_instance(wrong).is_err(), "{wrong}");
        }
    }
}
