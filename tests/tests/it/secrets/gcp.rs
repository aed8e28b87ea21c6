//! Google's Cloud KMS and Secret Manager.

#[path = "gcp/google.rs"]
pub(crate) mod google;

use shared::{
    config::{Gcp as Settings, GcpEndpoints, SecretSource},
    secrets::{DataKey, Gcp, SecretError, keyring::KeyWrapper as _, sources::Keeper as _},
};

use self::google::{EMAIL, Google, KEY_NAME};

/// As the instance would be configured, without a login.
pub(crate) fn settings(google: &Google) -> Settings {
    let url = Some(google.url.clone());
    Settings {
        project: Some("acme-prod".into()),
        team_project: Some("acme-{team}".into()),
        endpoints: GcpEndpoints { kms: url.clone(), secretmanager: url.clone(), metadata: url },
        timeout_s: 20,
        ..Settings::default()
    }
}

/// The same with the account's own key.
pub(crate) fn with_account(google: &Google) -> anyhow::Result<Settings> {
    Ok(Settings { service_account: Some(SecretSource::File(google.account(None)?)), ..settings(google) })
}

fn gcp(config: &Settings) -> anyhow::Result<Gcp> {
    Ok(Gcp::of(config, &|_| None)?)
}

#[tokio::test]
async fn a_key_of_cloud_kms_wraps_and_unwraps_for_one_place_after_a_login_with_a_signed_grant() -> anyhow::Result<()> {
    let google = Google::start().await?;
    let gcp = gcp(&with_account(&google)?)?;
    let kms = gcp.key(KEY_NAME).map_err(anyhow::Error::msg)?;
    let data_key = DataKey::generate();
    let wrapped = kms.wrap(&data_key, b"shop").await?;
    let opened = kms.unwrap(&wrapped, b"shop").await?;
    assert_eq!(&opened.open(&data_key.seal(b"hunter2", b""), b"")?[..], b"hunter2", "another key came back");
    assert_eq!(google.known.lock().unwrap().logins, 1, "one login for both");

    let failed = "Google Cloud KMS does not decrypt with the key";
    for (key, place, said) in [
        (
            KEY_NAME,
            "bank",
            format!(
                "{failed} '{KEY_NAME}': INVALID_ARGUMENT: Decryption failed: verify that 'name' refers to the correct CryptoKey."
            ),
        ),
        (
            "projects/a/locations/b/keyRings/c/cryptoKeys/d",
            "shop",
            "Google Cloud KMS has no key 'projects/a/locations/b/keyRings/c/cryptoKeys/d': NOT_FOUND: CryptoKey \
             projects/a/locations/b/keyRings/c/cryptoKeys/d not found."
                .into(),
        ),
    ] {
        let error = gcp.key(key).map_err(anyhow::Error::msg)?.unwrap(&wrapped, place.as_bytes()).await.unwrap_err();
        assert!(matches!(&error, SecretError::Refused(text) if *text == said), "{error}");
    }
    let others = KEY_NAME.replace("/secrets", "/of-others");
    let error = gcp.key(&others).map_err(anyhow::Error::msg)?.wrap(&data_key, b"shop").await.unwrap_err();
    let start = format!("Google Cloud KMS does not let Slipway encrypt with the key '{others}': PERMISSION_DENIED");
    assert!(matches!(&error, SecretError::Refused(text) if text.starts_with(&start)), "{error}");
    let wrong = gcp.key("projects/a/../cryptoKeys/b").unwrap_err();
    assert!(wrong.starts_with("'gcp_kms' is projects/P/locations/L/keyRings/R/cryptoKeys/K"), "{wrong}");
    Ok(())
}

#[tokio::test]
async fn a_grant_that_another_key_signed_is_refused_and_a_token_that_is_revoked_is_had_anew() -> anyhow::Result<()> {
    let google = Google::start().await?;
    let other = google.account(Some(&google::rsa_key()?))?;
    let config = Settings { service_account: Some(SecretSource::File(other)), ..settings(&google) };
    let error = gcp(&config)?.read(None, "db").await.unwrap_err();
    let said = format!("Google's login at {} does not take {EMAIL}: invalid_grant: Invalid JWT Signature.", google.url);
    assert!(matches!(&error, SecretError::Refused(text) if *text == said), "{error}");

    let gcp = gcp(&with_account(&google)?)?;
    gcp.read(None, "db").await?;
    google.known.lock().unwrap().tokens.clear();
    gcp.read(None, "db").await?;
    assert_eq!(google.known.lock().unwrap().logins, 2);
    Ok(())
}

#[tokio::test]
async fn secrets_are_read_from_a_project_by_version_and_field_with_the_machines_own_account() -> anyhow::Result<()> {
    let google = Google::start().await?;
    let gcp = gcp(&settings(&google))?;
    assert_eq!(gcp.read(None, "db#password").await?.as_str(), "hunter2");
    assert_eq!(gcp.read(None, "db/versions/1").await?.as_str(), "old");
    assert_eq!(gcp.read(None, "projects/acme-bank/secrets/token").await?.as_str(), "of the bank");
    assert_eq!(gcp.read(Some("bank"), "token").await?.as_str(), "of the bank");
    for (team, reference, said) in [
        (
            Some("shop"),
            "token",
            "Google Secret Manager has no projects/acme-shop/secrets/token/versions/latest: NOT_FOUND: Secret \
             [projects/acme-shop/secrets/token/versions/latest] not found or has no versions.",
        ),
        (
            None,
            "hidden",
            "Google Secret Manager does not let Slipway read projects/acme-prod/secrets/hidden/versions/latest: \
             PERMISSION_DENIED: Permission 'secretmanager.versions.access' denied for resource \
             'projects/acme-prod/secrets/hidden/versions/latest'.",
        ),
        (None, "binary", "the secret 'binary' in Google Secret Manager, project acme-prod, is no text in UTF-8"),
        (None, "db#user", "the secret 'db' in Google Secret Manager, project acme-prod, has no field 'user'"),
    ] {
        let error = gcp.read(team, reference).await.unwrap_err();
        assert!(matches!(&error, SecretError::Refused(text) if text == said), "{reference}: {error}");
    }
    Ok(())
}

#[tokio::test]
async fn google_that_throttles_is_asked_again_and_google_that_is_away_is_said_to_be_passing() -> anyhow::Result<()> {
    let google = Google::start().await?;
    let gcp = gcp(&with_account(&google)?)?;
    google.known.lock().unwrap().throttled = 2;
    assert_eq!(gcp.read(None, "db/versions/1").await?.as_str(), "old");
    google.known.lock().unwrap().throttled = 9;
    let error = gcp.read(None, "db").await.unwrap_err();
    let said = format!("Google Secret Manager at {}: RESOURCE_EXHAUSTED: Quota exceeded.", google.url);
    assert!(error.is_passing() && error.to_string() == said, "{error}");
    assert_eq!(google.known.lock().unwrap().throttled, 5, "four tries");
    drop(google);
    let error = gcp.read(None, "db").await.unwrap_err();
    assert!(error.is_passing() && error.to_string().contains("takes no connection"), "{error}");
    Ok(())
}
