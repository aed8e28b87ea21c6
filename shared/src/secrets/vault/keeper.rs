//! Vault as one who keeps secrets.

use futures::future::BoxFuture;
use zeroize::Zeroizing;

use super::Vault;
use crate::secrets::{SecretError, sources::Keeper};

impl Keeper for Vault {
    fn read<'a>(
        &'a self,
        team: Option<&'a str>,
        reference: &'a str,
    ) -> BoxFuture<'a, Result<Zeroizing<String>, SecretError>> {
        Box::pin(async move {
            match team {
                None => Vault::read(self, reference).await,
                Some(team) => {
                    let place = self.of_team(team, reference).map_err(SecretError::Refused)?;
                    Vault::read(self, &place).await
                }
            }
        })
    }

    fn check(&self, team: &str, reference: &str) -> Result<(), String> {
        self.of_team(team, reference).map(drop)
    }
}
