//! Keys that wrap keys: rotated while everything stays readable, missed by name.

use anyhow::Context as _;
use serde_json::json;
use shared::{
    config::{SecretKey, Secrets},
    domain::ids::{ResourceId, RunId},
    secrets::{Keyring, Seals, SecretError, keyring, rotation, stored, stored::Place, token},
    store::{
        data_key,
        integration::{self, NewIntegration},
        secret::{self, Content, Owner},
    },
};
use tempfile::TempDir;
use tests::database::TestDatabase;

/// Keys of these names, the first one current; each name is the same key every time.
fn seals(folder: &TempDir, names: &[&str]) -> anyhow::Result<Seals> {
    let mut config = Secrets::default();
    for name in names {
        let file = folder.path().join(name);
        if !file.exists() {
            std::fs::write(&file, &*keyring::new_key())?;
        }
        config.keys.push(SecretKey { id: (*name).to_owned(), file: Some(file), ..SecretKey::default() });
    }
    Ok(Seals::of(&config)?)
}

pub(crate) async fn store_secret(
    database: &TestDatabase,
    keyring: &Keyring,
    name: &str,
    value: &str,
) -> anyhow::Result<()> {
    let owner = Owner { team: "shop", application: None };
    let mut tx = database.store.begin().await?;
    let version = secret::next_version(&mut tx, owner, name).await?;
    let place = Place::Secret { team: "shop", application: None, name, version };
    let content = Content::Sealed(stored::seal(keyring, place, value).await?);
    secret::put(&mut *tx, owner, name, version, &content, "ada").await?;
    tx.commit().await?;
    Ok(())
}

#[tokio::test]
async fn a_rotation_moves_everything_to_the_new_key_while_all_of_it_stays_readable() -> anyhow::Result<()> {
    let database = TestDatabase::create().await?;
    let folder = TempDir::new()?;
    let (store, pool) = (&database.store, database.store.pool());
    let old = seals(&folder, &["old"])?;
    for number in 0..7 {
        store_secret(&database, old.keyring(), &format!("S{number}"), "hunter2").await?;
    }
    let place = Place::Integration { name: "forge", kind: "git", version: 1 };
    let kept = stored::seal(old.keyring(), place, "{}").await?;
    let settings = json!({});
    let new = NewIntegration {
        name: "forge",
        kind: "git",
        settings: &settings,
        version: 1,
        stored: &kept,
        actor: "ada",
        checked: false,
    };
    assert!(integration::put(pool, &new).await?);
    let resource = ResourceId::new();
    let state = old.seal_state(store, "shop", resource.0, b"{\"serial\": 1}").await?;
    assert!(!String::from_utf8_lossy(&state).contains("serial"));
    let mut value = json!({"password": "hunter2"});
    old.seal_value(store, "shop", resource.0, &mut value).await?;

    // Processes with the old keyring and with the new one work side by side.
    let both = seals(&folder, &["new", "old"])?;
    let mut passes = 0;
    loop {
        let passed = rotation::rewrap(both.keyring(), store, 3).await?;
        passes += 1;
        assert_eq!(both.open_state(store, resource.0, state.clone()).await?, b"{\"serial\": 1}");
        assert_eq!(both.reveal(store, "shop", value.clone()).await?, json!({"password": "hunter2"}));
        if passed.left == 0 {
            break;
        }
        assert!(passed.done > 0, "a pass did nothing, and {} are left", passed.left);
    }
    assert_eq!(passes, 3, "a batch at a time");
    let wraps = data_key::wraps(pool).await?;
    assert_eq!(wraps.iter().map(|it| (it.key_id.as_str(), it.count)).collect::<Vec<_>>(), [("new", 9)]);
    assert_eq!(rotation::rewrap(both.keyring(), store, 3).await?.done, 0, "a second rotation does nothing");

    // The old key is not needed any more, and what it sealed opens without it.
    let only_new = seals(&folder, &["new"])?;
    assert_eq!(only_new.reveal(store, "shop", value.clone()).await?, json!({"password": "hunter2"}));
    let (_, kept) = integration::find(pool, "forge").await?.context("the integration is gone")?;
    assert_eq!(only_new.open_stored(place, &kept).await?.as_str(), "{}");
    let error = seals(&folder, &["old"])?.reveal(store, "shop", value).await.unwrap_err();
    assert!(matches!(&error, SecretError::UnknownKey(id) if id == "new"), "{error}");
    assert!(error.to_string().starts_with("the key 'new' is not in secrets.keys"), "{error}");
    Ok(())
}

#[tokio::test]
async fn equal_values_of_one_origin_are_equal_when_sealed_so_that_nothing_is_made_again_for_them() -> anyhow::Result<()>
{
    let database = TestDatabase::create().await?;
    let folder = TempDir::new()?;
    let seals = seals(&folder, &["main"])?;
    let (one, other) = (RunId::new(), RunId::new());
    let sealed = async |team: &str, origin: RunId| {
        let mut value = json!("hunter2");
        seals.seal_value(&database.store, team, origin.0, &mut value).await?;
        anyhow::Ok(value)
    };
    let first = sealed("shop", one).await?;
    assert!(token::is_in(&first));
    assert_eq!(sealed("shop", one).await?, first);
    assert_ne!(sealed("shop", other).await?, first);
    let foreign = sealed("bank", one).await?;
    assert_ne!(foreign, first);
    // What another team gave is not shown for being in one's own row.
    assert_eq!(seals.reveal(&database.store, "shop", foreign).await?, json!("***"));
    Ok(())
}

#[tokio::test]
async fn what_was_stored_before_there_was_a_key_stays_readable_and_without_a_key_nothing_is_stored()
-> anyhow::Result<()> {
    let database = TestDatabase::create().await?;
    let folder = TempDir::new()?;
    let seals = seals(&folder, &["main"])?;
    let plain = b"{\"serial\": 1}".to_vec();
    assert_eq!(seals.open_state(&database.store, ResourceId::new().0, plain.clone()).await?, plain);
    assert_eq!(seals.reveal(&database.store, "shop", json!({"password": "old"})).await?, json!({"password": "old"}));
    let none = Seals::default();
    let place = Place::Secret { team: "shop", application: None, name: "S", version: 1 };
    assert!(matches!(stored::seal(none.keyring(), place, "x").await, Err(SecretError::NoKey)));
    assert!(matches!(rotation::rewrap(none.keyring(), &database.store, 1).await, Err(SecretError::NoKey)));
    Ok(())
}
