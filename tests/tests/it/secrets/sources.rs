//! Vault, as its published protocol has it: a stand-in that says what Vault says, word for word where a client depends on it.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use anyhow::Context as _;
use serde_json::{Value, json};
use shared::{
    config::{AppRole, SecretSource, Vault as Settings},
    secrets::{DataKey, SecretError, Vault, keyring::KeyWrapper as _},
};
use tests::receiver::{Received, Receiver};

pub(crate) fn answer(status: u16, body: &Value) -> String {
    let body = body.to_string();
    format!(
        "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn settings(receiver: &Receiver, token: &std::path::Path) -> Settings {
    Settings {
        address: format!("http://{}", receiver.address),
        token: Some(SecretSource::File(token.to_owned())),
        team_path: Some("kv/teams/{team}".into()),
        timeout_s: 2,
        ..Settings::default()
    }
}

#[tokio::test]
async fn a_value_is_read_from_a_kv_engine_with_the_token_and_each_refusal_says_what_it_is() -> anyhow::Result<()> {
    let receiver = Receiver::start(|_, request: &Received| {
        let path = request.line.split(' ').nth(1).unwrap_or_default().to_owned();
        match path.as_str() {
            "/v1/kv/data/shop/db" => answer(
                200,
                &json!({"data": {"data": {"password": "hunter2", "port": 5432, "empty": ""}, "metadata": {"version": 3}}}),
            ),
            "/v1/kv/data/teams/bank/db" => answer(200, &json!({"data": {"data": {"password": "of the bank"}}})),
            "/v1/kv/data/secret/hidden" => answer(403, &json!({"errors": ["1 error occurred:\n\t* permission denied\n\n"]})),
            "/v1/kv/data/sealed/x" => answer(503, &json!({"errors": ["Vault is sealed"]})),
            "/v1/kv/data/elsewhere/x" => {
                "HTTP/1.1 307 Elsewhere\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned()
            }
            "/v1/kv/data/slow/x" => String::new(),
            _ => answer(404, &json!({"errors": []})),
        }
    })
    .await?;
    let folder = tempfile::tempdir()?;
    let token = folder.path().join("token");
    std::fs::write(&token, "hvs.first\n")?;
    let vault = Vault::of(&Settings { namespace: Some("platform".into()), ..settings(&receiver, &token) })?;
    assert_eq!(vault.read("kv/shop/db#password").await?.as_str(), "hunter2");
    assert_eq!(vault.read("kv/shop/db#port").await?.as_str(), "5432");
    let request = receiver.received().pop().context("no request")?;
    assert_eq!((request.header("x-vault-token"), request.header("x-vault-namespace")), ("hvs.first", "platform"));
    assert_eq!(request.header("x-vault-request"), "true");

    // A token that an agent renewed is the one that is sent.
    std::fs::write(&token, "hvs.second\n")?;
    assert_eq!(
        vault.read(&vault.of_team("bank", "db#password").map_err(anyhow::Error::msg)?).await?.as_str(),
        "of the bank"
    );
    assert_eq!(receiver.received().pop().context("no request")?.header("x-vault-token"), "hvs.second");

    let refused = async |reference: &str| vault.read(reference).await.unwrap_err();
    for (reference, text) in [
        ("kv/shop/db#user", "Vault has no key 'user' at kv/shop/db"),
        ("kv/shop/db#empty", "the key 'empty' at kv/shop/db in Vault is empty"),
        ("kv/shop/none#x", "Vault has nothing at kv/shop/none (KV version 2)"),
        ("kv/secret/hidden#x", "Vault does not let Slipway read kv/secret/hidden"),
        ("kv#x", "a place in Vault is MOUNT/PATH#KEY, as 'kv/shop/database#password', not 'kv#x'"),
    ] {
        let error = refused(reference).await;
        assert!(matches!(&error, SecretError::Refused(said) if said == text), "{reference}: {error}");
    }
    for (reference, text) in [
        ("kv/sealed/x#y", "it is sealed, or under maintenance"),
        ("kv/elsewhere/x#y", "307"),
        ("kv/slow/x#y", "it does not answer in time"),
    ] {
        let error = refused(reference).await;
        assert!(error.is_passing() && error.to_string().contains(text), "{reference}: {error}");
    }
    assert_eq!(
        receiver.received().iter().filter(|it| it.line.contains("169.254")).count(),
        0,
        "a redirect was followed"
    );
    Ok(())
}

#[tokio::test]
async fn an_approle_logs_in_once_for_many_and_again_when_its_token_is_refused() -> anyhow::Result<()> {
    let logins = Arc::new(AtomicUsize::new(0));
    let counted = logins.clone();
    let receiver = Receiver::start(move |_, request: &Received| {
        let path = request.line.split(' ').nth(1).unwrap_or_default();
        if path == "/v1/auth/approle/login" {
            let body = request.json();
            if body != json!({"role_id": "role", "secret_id": "id"}) || !request.header("x-vault-token").is_empty() {
                return answer(400, &json!({"errors": ["invalid role or secret ID"]}));
            }
            let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
            let auth = json!({"client_token": format!("hvs.{number}"), "lease_duration": 3600, "renewable": true});
            return answer(200, &json!({"auth": auth}));
        }
        // The first token is revoked after one request.
        match (request.header("x-vault-token"), path) {
            ("hvs.1", "/v1/kv/data/a/first") => answer(200, &json!({"data": {"data": {"x": "z"}}})),
            ("hvs.1" | "", _) => answer(403, &json!({"errors": ["permission denied"]})),
            _ => answer(200, &json!({"data": {"data": {"x": "y"}}})),
        }
    })
    .await?;
    let folder = tempfile::tempdir()?;
    let id = folder.path().join("secret-id");
    std::fs::write(&id, "id")?;
    let role = AppRole { mount: "approle".into(), role_id: "role".into(), secret_id: SecretSource::File(id.clone()) };
    let config = Settings { token: None, app_role: Some(role), ..settings(&receiver, &id) };
    let vault = Vault::of(&config)?;
    assert_eq!(vault.read("kv/a/first#x").await?.as_str(), "z");
    assert_eq!(logins.load(Ordering::SeqCst), 1);
    assert_eq!(vault.read("kv/a/b#x").await?.as_str(), "y");
    assert_eq!(logins.load(Ordering::SeqCst), 2);
    let (one, two) = tokio::join!(vault.read("kv/a/b#x"), vault.read("kv/a/b#x"));
    assert_eq!((one?.as_str(), two?.as_str()), ("y", "y"));
    assert_eq!(logins.load(Ordering::SeqCst), 2, "a token that lasts was not used again");

    std::fs::write(&id, "wrong")?;
    let error = Vault::of(&config)?.read("kv/a/b#x").await.unwrap_err();
    assert!(error.to_string().starts_with("Vault refuses the login by AppRole at auth/approle"), "{error}");
    assert!(!error.is_passing());
    Ok(())
}

#[tokio::test]
async fn a_transit_key_wraps_and_unwraps_for_one_place_and_never_leaves_vault() -> anyhow::Result<()> {
    // As the engine does with associated data: the ciphertext opens with the same alone.
    let kept: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
    let store = kept.clone();
    let receiver = Receiver::start(move |_, request: &Received| {
        let path = request.line.split(' ').nth(1).unwrap_or_default();
        let body = request.json();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let mut kept = store.lock().unwrap();
        match path {
            "/v1/transit/encrypt/slipway" => {
                kept.push((text("plaintext"), text("associated_data")));
                answer(200, &json!({"data": {"ciphertext": format!("vault:v1:{}", kept.len() - 1), "key_version": 1}}))
            }
            "/v1/transit/decrypt/slipway" => {
                let number =
                    text("ciphertext").strip_prefix("vault:v1:").and_then(|number| number.parse::<usize>().ok());
                match number.and_then(|number| kept.get(number)) {
                    Some((plaintext, place)) if *place == text("associated_data") => {
                        answer(200, &json!({"data": {"plaintext": plaintext}}))
                    }
                    _ => answer(400, &json!({"errors": ["cipher: message authentication failed"]})),
                }
            }
            _ => answer(404, &json!({"errors": []})),
        }
    })
    .await?;
    let folder = tempfile::tempdir()?;
    let token = folder.path().join("token");
    std::fs::write(&token, "hvs.x")?;
    let vault = Vault::of(&settings(&receiver, &token))?;
    let transit = vault.transit("slipway").map_err(anyhow::Error::msg)?;
    let key = DataKey::generate();
    let wrapped = transit.wrap(&key, b"shop").await?;
    assert_eq!(wrapped, b"vault:v1:0");
    let opened = transit.unwrap(&wrapped, b"shop").await?;
    let sealed = key.seal(b"hunter2", b"");
    assert_eq!(&opened.open(&sealed, b"")?[..], b"hunter2", "another key came back");
    let error = transit.unwrap(&wrapped, b"bank").await.unwrap_err();
    assert!(matches!(&error, SecretError::Refused(text) if text.contains("message authentication failed")), "{error}");
    let other = vault.transit("other").map_err(anyhow::Error::msg)?;
    assert!(other.wrap(&key, b"shop").await.unwrap_err().to_string().contains("no transit engine"));
    assert!(vault.transit("../sys/seal").is_err());
    Ok(())
}
