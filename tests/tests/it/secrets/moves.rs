//! Everything moves from a key in a file to a cloud's and back, while all of it stays in use.

use std::path::Path;

use anyhow::Context as _;
use serde_json::json;
use shared::{
    config::{SecretKey, Secrets},
    domain::ids::ResourceId,
    secrets::{
        Seals, SecretError, keyring, rotation,
        stored::{self, Place},
    },
    store::{
        data_key,
        integration::{self, NewIntegration},
    },
};
use tests::{database::TestDatabase, moto::Moto};

use crate::secrets::{
    aws,
    azure::{self, AzureCloud},
    gcp::{
        self,
        google::{Google, KEY_NAME},
    },
    keys::store_secret,
};

const FORGE: Place<'_> = Place::Integration { name: "forge", kind: "git", version: 1 };

fn file(folder: &Path, id: &str) -> anyhow::Result<SecretKey> {
    let file = folder.join(id);
    std::fs::write(&file, &*keyring::new_key())?;
    Ok(SecretKey { id: id.to_owned(), file: Some(file), ..SecretKey::default() })
}

/// From a file to `cloud` and on to another file. `clouds` says where that is.
async fn moves(cloud: SecretKey, clouds: &Secrets) -> anyhow::Result<()> {
    let (database, folder) = (TestDatabase::create().await?, tempfile::tempdir()?);
    let (first, last) = (file(folder.path(), "first")?, file(folder.path(), "last")?);
    let store = &database.store;
    // As after a restart: nothing is known from before.
    let seals =
        |keys: &[&SecretKey]| Seals::of(&Secrets { keys: keys.iter().copied().cloned().collect(), ..clouds.clone() });

    let old = seals(&[&first])?;
    for number in 0..3 {
        store_secret(&database, old.keyring(), &format!("S{number}"), "hunter2").await?;
    }
    let kept = stored::seal(old.keyring(), FORGE, "{}").await?;
    let settings = json!({});
    let forge = NewIntegration {
        name: "forge",
        kind: "git",
        settings: &settings,
        version: 1,
        stored: &kept,
        actor: "ada",
        checked: false,
    };
    assert!(integration::put(store.pool(), &forge).await?);
    let resource = ResourceId::new();
    let mut value = json!({"password": "hunter2"});
    old.seal_value(store, "shop", resource.0, &mut value).await?;
    let state = old.seal_state(store, "shop", resource.0, b"{\"serial\": 1}").await?;

    let readable = async |seals: &Seals| -> anyhow::Result<()> {
        assert_eq!(seals.reveal(store, "shop", value.clone()).await?, json!({"password": "hunter2"}));
        assert_eq!(seals.open_state(store, resource.0, state.clone()).await?, b"{\"serial\": 1}");
        let (_, kept) = integration::find(store.pool(), "forge").await?.context("the integration is gone")?;
        assert_eq!(seals.open_stored(FORGE, &kept).await?.as_str(), "{}");
        Ok(())
    };
    for (to, from) in [(&cloud, &first), (&last, &cloud)] {
        // The scheduler already has both keys, a worker still has the old one first.
        let (new, old) = (seals(&[to, from])?, seals(&[from, to])?);
        loop {
            let passed = rotation::rewrap(new.keyring(), store, 2).await?;
            readable(&seals(&[to, from])?).await?;
            readable(&old).await?;
            if passed.left == 0 {
                break;
            }
            assert!(passed.done > 0, "a pass did nothing, and {} are left", passed.left);
        }
        let wraps = data_key::wraps(store.pool()).await?;
        let wraps: Vec<_> = wraps.iter().map(|it| (it.key_id.as_str(), it.count)).collect();
        assert_eq!(wraps, [(to.id.as_str(), 5)], "three secrets, an integration and a team's key");
        readable(&seals(&[to])?).await?;
        let error = seals(&[from])?.reveal(store, "shop", value.clone()).await.unwrap_err();
        assert!(matches!(&error, SecretError::UnknownKey(id) if *id == to.id), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn everything_moves_to_a_key_of_aws_kms_and_back_while_all_of_it_stays_readable() -> anyhow::Result<()> {
    let (moto, folder) = (Moto::start().await?, tempfile::tempdir()?);
    let key = moto.key().await?;
    let user = moto.user("slipway", &["kms:Encrypt", "kms:Decrypt"]).await?;
    moto.check_from_now_on(0).await?;
    let aws = Some(aws::with_key(&moto.url, &user, folder.path())?);
    let cloud = SecretKey { id: "cloud".into(), aws_kms: Some(key), ..SecretKey::default() };
    moves(cloud, &Secrets { aws, ..Secrets::default() }).await
}

#[tokio::test]
async fn everything_moves_to_a_key_of_google_cloud_kms_and_back_while_all_of_it_stays_readable() -> anyhow::Result<()> {
    let google = Google::start().await?;
    let gcp = Some(gcp::with_account(&google)?);
    let cloud = SecretKey { id: "cloud".into(), gcp_kms: Some(KEY_NAME.into()), ..SecretKey::default() };
    moves(cloud, &Secrets { gcp, ..Secrets::default() }).await
}

#[tokio::test]
async fn everything_moves_to_a_key_of_an_azure_vault_and_back_while_all_of_it_stays_readable() -> anyhow::Result<()> {
    let (cloud, folder) = (AzureCloud::start().await?, tempfile::tempdir()?);
    let azure = Some(azure::logged_in(&cloud, folder.path())?);
    let key = SecretKey { id: "cloud".into(), azure_key_vault: Some("slipway".into()), ..SecretKey::default() };
    moves(key, &Secrets { azure, ..Secrets::default() }).await
}
