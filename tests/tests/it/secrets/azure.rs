//! Azure's Key Vault.

#[path = "azure/vault.rs"]
mod vault;

use std::path::Path;

use shared::{
    config::{Azure as Settings, AzureEndpoints, SecretSource},
    secrets::{Azure, DataKey, SecretError, keyring::KeyWrapper as _, sources::Keeper as _},
};

use self::vault::PROOF;
pub(crate) use self::vault::{AzureCloud, CLIENT, SECRET, TENANT};

/// As the instance would be configured, without a login.
fn settings(cloud: &AzureCloud) -> Settings {
    let url = Some(cloud.url.clone());
    Settings {
        vault: cloud.url.clone(),
        team_vault: Some(format!("{}/{{team}}", cloud.url)),
        endpoints: AzureEndpoints { login: url.clone(), metadata: url },
        timeout_s: 20,
        ..Settings::default()
    }
}

/// The same with a client and its secret, in that folder.
pub(crate) fn with_client(cloud: &AzureCloud, folder: &Path, secret: &str) -> anyhow::Result<Settings> {
    let file = folder.join("client-secret");
    std::fs::write(&file, secret)?;
    Ok(Settings {
        tenant_id: Some(TENANT.into()),
        client_id: Some(CLIENT.into()),
        client_secret: Some(SecretSource::File(file)),
        ..settings(cloud)
    })
}

pub(crate) fn logged_in(cloud: &AzureCloud, folder: &Path) -> anyhow::Result<Settings> {
    with_client(cloud, folder, SECRET)
}

fn azure(config: &Settings) -> anyhow::Result<Azure> {
    Ok(Azure::of(config, &|_| None)?)
}

#[tokio::test]
async fn a_key_of_a_vault_wraps_for_one_place_and_unwraps_what_its_older_versions_wrapped() -> anyhow::Result<()> {
    let (cloud, folder) = (AzureCloud::start().await?, tempfile::tempdir()?);
    let azure = azure(&logged_in(&cloud, folder.path())?)?;
    let key = azure.key("slipway").map_err(anyhow::Error::msg)?;
    let data_key = DataKey::generate();
    let wrapped = key.wrap(&data_key, b"shop").await?;
    cloud.known.lock().unwrap().versions.push(("second".into(), Some(DataKey::generate())));
    let opened = key.unwrap(&wrapped, b"shop").await?;
    assert_eq!(&opened.open(&data_key.seal(b"hunter2", b""), b"")?[..], b"hunter2", "another key came back");
    let error = key.unwrap(&wrapped, b"bank").await.unwrap_err();
    assert!(matches!(&error, SecretError::Unopened { .. }), "{error}");
    key.unwrap(&key.wrap(&data_key, b"shop").await?, b"shop").await?;
    assert_eq!(cloud.known.lock().unwrap().logins, 1, "one login for all");

    // What is stored names a version and nothing that a request could be led astray by.
    let stored = String::from_utf8(wrapped.clone())?;
    assert!(!stored.contains("http"), "{stored}");
    for forged in [stored.replace("78deebed", "../../secrets/"), stored.replace("\"version\"", "\"kid\""), "x".into()] {
        let before = cloud.receiver.received().len();
        let error = key.unwrap(forged.as_bytes(), b"shop").await.unwrap_err();
        assert!(matches!(&error, SecretError::Unopened { .. }), "{error}");
        assert_eq!(cloud.receiver.received().len(), before, "the vault was asked for {forged}");
    }

    let at = format!("Azure Key Vault at {}", cloud.url);
    for (name, said) in [
        (
            "of-others",
            format!(
                "{at} does not let Slipway wrap with the key 'of-others': Forbidden: Caller is not authorized to perform action \
                 on resource."
            ),
        ),
        (
            "none",
            format!("{at} has no key 'none': KeyNotFound: A key with (name/id) none was not found in this key vault."),
        ),
    ] {
        let error = azure.key(name).map_err(anyhow::Error::msg)?.wrap(&data_key, b"shop").await.unwrap_err();
        assert!(matches!(&error, SecretError::Refused(text) if *text == said), "{error}");
    }
    cloud.known.lock().unwrap().versions[0].1 = None;
    let error = key.unwrap(&wrapped, b"shop").await.unwrap_err();
    assert!(error.to_string().ends_with("Operation unwrapKey is not allowed on a disabled key."), "{error}");
    assert!(azure.key("../secrets").is_err());
    Ok(())
}

#[tokio::test]
async fn a_client_logs_in_by_its_secret_or_by_a_pods_token_and_a_machine_by_its_identity() -> anyhow::Result<()> {
    let (cloud, folder) = (AzureCloud::start().await?, tempfile::tempdir()?);
    let wrong = with_client(&cloud, folder.path(), "wrong")?;
    let error = azure(&wrong)?.read(None, "db").await.unwrap_err();
    let said = format!(
        "Azure's login at {} gives the client {CLIENT} no token: invalid_client: AADSTS7000215: Invalid client secret provided.",
        cloud.url
    );
    assert!(matches!(&error, SecretError::Refused(text) if *text == said), "{error}");

    let token = folder.path().join("token");
    std::fs::write(&token, PROOF)?;
    let federated =
        Settings { client_secret: None, federated_token_file: Some(token), ..logged_in(&cloud, folder.path())? };
    assert_eq!(azure(&federated)?.read(None, "db#password").await?.as_str(), "hunter2");
    let machine = azure(&settings(&cloud))?;
    assert_eq!(machine.read(None, "db#password").await?.as_str(), "hunter2");

    // A token that is not taken any more is had anew, once.
    cloud.known.lock().unwrap().tokens.clear();
    let logins = cloud.known.lock().unwrap().logins;
    assert_eq!(machine.read(None, "db#password").await?.as_str(), "hunter2");
    assert_eq!(cloud.known.lock().unwrap().logins, logins + 1);
    Ok(())
}

#[tokio::test]
async fn secrets_are_read_from_a_vault_by_version_and_field_and_a_team_reads_its_own_vault() -> anyhow::Result<()> {
    let (cloud, folder) = (AzureCloud::start().await?, tempfile::tempdir()?);
    let azure = azure(&logged_in(&cloud, folder.path())?)?;
    assert_eq!(azure.read(None, "db#password").await?.as_str(), "hunter2");
    assert_eq!(azure.read(None, "db/0f3").await?.as_str(), "old");
    assert_eq!(azure.read(Some("bank"), "token").await?.as_str(), "of the bank");
    let at = format!("Azure Key Vault at {}", cloud.url);
    for (team, reference, said) in [
        (
            None,
            "hidden",
            format!(
                "{at} does not let Slipway read the secret 'hidden': Forbidden: Caller is not authorized to perform action on \
                 resource."
            ),
        ),
        (
            Some("shop"),
            "token",
            format!(
                "{at} has no secret 'token': SecretNotFound: A secret with (name/id) was not found in this key vault."
            ),
        ),
        (None, "db#user", format!("the secret 'db' in {at} has no field 'user'")),
        (None, "a_b", "a secret in Azure Key Vault is NAME or NAME/VERSION, both with #FIELD, not 'a_b'".to_owned()),
    ] {
        let error = azure.read(team, reference).await.unwrap_err();
        assert!(matches!(&error, SecretError::Refused(text) if *text == said), "{reference}: {error}");
    }
    Ok(())
}

#[tokio::test]
async fn azure_that_throttles_is_asked_again_and_azure_that_is_away_is_said_to_be_passing() -> anyhow::Result<()> {
    let (cloud, folder) = (AzureCloud::start().await?, tempfile::tempdir()?);
    let azure = azure(&logged_in(&cloud, folder.path())?)?;
    cloud.known.lock().unwrap().throttled = 2;
    assert_eq!(azure.read(None, "db/0f3").await?.as_str(), "old");
    cloud.known.lock().unwrap().throttled = 9;
    let error = azure.read(None, "db").await.unwrap_err();
    let said = format!(
        "Azure Key Vault at {}: Throttled: Request was not processed because too many requests were received.",
        cloud.url
    );
    assert!(error.is_passing() && error.to_string() == said, "{error}");
    assert_eq!(cloud.known.lock().unwrap().throttled, 5, "four tries");
    drop(cloud);
    let error = azure.read(None, "db").await.unwrap_err();
    assert!(error.is_passing() && error.to_string().contains("takes no connection"), "{error}");
    Ok(())
}
