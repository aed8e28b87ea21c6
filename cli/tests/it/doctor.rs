//! `slipway doctor`, on servers that are well and on servers that are not.
use std::{collections::BTreeMap, path::Path, process::Stdio, time::Duration};

use serde_json::{Value, json};
use shared::config::{Config, EngineKind, Environment, GroupGrant, Oidc, SecretSource};
use tests::{
    database::TestDatabase,
    openid::{OpenId, Options, SECRET},
    process::free_port,
    redis::{PrivateRedis, command},
};

/// What was found, by what was looked at.
struct Diagnosis {
    code: i32,
    checks: BTreeMap<String, Value>,
}

impl Diagnosis {
    #[track_caller]
    fn said(&self, check: &str, state: &str) -> (String, String) {
        let found = self.checks.get(check).unwrap_or_else(|| panic!("{check} was not looked at: {:?}", self.checks));
        assert_eq!(found["state"], state, "{found}");
        let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
        (text("said"), text("advice"))
    }

    fn failed(&self) -> Vec<&str> {
        self.checks.iter().filter(|(_, found)| found["state"] == "failed").map(|(name, _)| name.as_str()).collect()
    }
}

async fn slipway(arguments: &[&str]) -> std::process::Output {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_slipway"));
    command.args(arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.current_dir("/").stdin(Stdio::null()).kill_on_drop(true);
    tokio::time::timeout(Duration::from_secs(90), command.output()).await.unwrap().unwrap()
}

async fn examine(folder: &Path, config: &Config) -> Diagnosis {
    let file = folder.join("config.yaml");
    std::fs::write(&file, serde_json::to_string(config).unwrap()).unwrap();
    let output = slipway(&["doctor", "--config", file.to_str().unwrap(), "-o", "json"]).await;
    let value: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let checks = value["checks"].as_array().unwrap().iter();
    let checks = checks.map(|found| (found["check"].as_str().unwrap().to_owned(), found.clone())).collect();
    let code = output.status.code().unwrap();
    assert_eq!(value["healthy"], json!(code == 0));
    Diagnosis { code, checks }
}

/// A configuration with which nothing is wrong, and its database.
async fn well(folder: &Path) -> (Config, TestDatabase) {
    let database = TestDatabase::create().await.unwrap();
    let mut config = Config { environment: Environment::Development, database: database.config(), ..Config::default() };
    config.redis.url = std::env::var("TEST_REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6399/0".into());
    config.redis.prefix = format!("doctor-{}", database.url.rsplit('_').next().unwrap());
    config.worker.engine = EngineKind::Scripted;
    let archive = folder.join("archive");
    std::fs::create_dir(&archive).unwrap();
    config.archive.url = format!("file://{}", archive.display());
    config.scheduler.providers = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../providers")];
    (config, database)
}

fn oidc(folder: &Path, issuer: String) -> Oidc {
    let secret = folder.join("client-secret");
    std::fs::write(&secret, SECRET).unwrap();
    let groups = vec![GroupGrant { group: "all".into(), roles: vec!["viewer".into()], teams: vec![] }];
    Oidc { issuer, client_secret: Some(SecretSource::File(secret)), groups, timeout_s: 5, ..Oidc::default() }
}

#[tokio::test]
async fn an_installation_that_is_well_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let (mut config, _database) = well(folder.path()).await;
    let (port, redirect) = (free_port().unwrap(), "http://127.0.0.1:8080/login/oidc/callback".to_owned());
    let options = Options { port, issuer: None, redirect, people: json!({}), algorithm: "ES256" };
    let provider = OpenId::start(options).await.unwrap();
    config.identity.oidc = Some(oidc(folder.path(), provider.issuer.clone()));
    let found = examine(folder.path(), &config).await;
    assert_eq!(found.failed(), [""; 0], "{:?}", found.checks);
    assert_eq!(found.code, 0);
    assert!(found.said("postgres schema", "ok").0.ends_with(" migrations, up to date"));
    assert_eq!(found.said("postgres notify", "ok").0, "a NOTIFY reaches who listens");
    assert_eq!(found.said("oidc keys", "ok").0, "1 published");
    let expected = "the provider sends browsers back to http://127.0.0.1:8080/login/oidc/callback";
    assert_eq!(found.said("oidc redirect", "ok").0, expected);
    assert_eq!(found.said("people", "skipped").0, "nobody logs in by a password (identity.people_file)");
    assert!(!folder.path().join("archive/doctor").exists(), "what was put there is removed again");

    let file = folder.path().join("config.yaml");
    let shown = slipway(&["doctor", "--config", file.to_str().unwrap()]).await;
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(text.starts_with("✓ configuration "), "{text}");
    assert!(text.ends_with("\nnothing is wrong\n"), "{text}");
}

#[tokio::test]
async fn an_issuer_that_is_wrong_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let (mut config, _database) = well(folder.path()).await;
    let port = free_port().unwrap();
    let url = format!("http://127.0.0.1:{port}");

    // Nobody there.
    config.identity.oidc = Some(oidc(folder.path(), url.clone()));
    let found = examine(folder.path(), &config).await;
    let (said, advice) = found.said("oidc issuer", "failed");
    assert!(said.starts_with(&format!("{url}/.well-known/openid-configuration does not answer: ")), "{said}");
    assert_eq!(advice, "does it run, and does a firewall or proxy let this machine through?");
    assert_eq!((found.code, found.failed()), (1, vec!["oidc issuer"]));

    // Somebody who calls themselves otherwise, and knows another redirect URI.
    let redirect = "http://127.0.0.1:9/login/oidc/callback".to_owned();
    let options = Options { port, issuer: None, redirect, people: json!({}), algorithm: "ES256" };
    let _provider = OpenId::start(options).await.unwrap();
    config.identity.oidc = Some(oidc(folder.path(), format!("{url}/")));
    let (said, advice) = examine(folder.path(), &config).await.said("oidc issuer", "failed");
    assert_eq!(
        said,
        format!(
            "the provider calls itself '{url}', and identity.oidc.issuer says '{url}/': they must be the same to the letter \
             (mind the / at the end)"
        )
    );
    assert_eq!(advice, format!("set identity.oidc.issuer to '{url}', if that is the provider you mean"));

    config.identity.oidc = Some(oidc(folder.path(), url.clone()));
    let (said, advice) = examine(folder.path(), &config).await.said("oidc redirect", "failed");
    let expected =
        "the provider answers 400 instead of sending browsers back to http://127.0.0.1:8080/login/oidc/callback";
    assert_eq!(said, expected);
    assert_eq!(advice, "register exactly this redirect URI for the client 'slipway' at the provider");

    // Another page altogether.
    config.identity.oidc = Some(oidc(folder.path(), format!("{url}/realms/acme")));
    let (said, _) = examine(folder.path(), &config).await.said("oidc issuer", "failed");
    assert!(said.contains("answers 404, and not with the document that it should"), "{said}");

    // Not over plain http where others could listen.
    config.identity.oidc = Some(oidc(folder.path(), "http://id.example.com".into()));
    let (said, _) = examine(folder.path(), &config).await.said("oidc settings", "failed");
    assert_eq!(said, "identity.oidc.issuer 'http://id.example.com': it must begin with https://");

    config.identity.oidc = Some(oidc(folder.path(), "https://id.invalid".into()));
    let (said, advice) = examine(folder.path(), &config).await.said("oidc name", "failed");
    assert!(said.starts_with("id.invalid: "), "{said}");
    assert_eq!(advice, "is the name in identity.oidc.issuer right, and in the DNS here?");
}

#[tokio::test]
async fn servers_that_are_away_or_unfit_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let (mut config, _database) = well(folder.path()).await;
    let empty = TestDatabase::create_empty().await.unwrap();
    config.database = empty.config();
    let redis = PrivateRedis::start().await.unwrap();
    let mut set = redis::cmd("CONFIG");
    set.arg("SET").arg("maxmemory-policy").arg("allkeys-lru");
    command::<()>(&redis.url, set).await.unwrap();
    config.redis.url.clone_from(&redis.url);
    config.archive.url = "file:///proc/slipway".into();
    let people = folder.path().join("people.yaml");
    std::fs::write(&people, "people: []\n").unwrap();
    std::fs::set_permissions(&people, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    config.identity.people_file = Some(people);
    config.scheduler.providers = vec![folder.path().join("nothing")];
    let found = examine(folder.path(), &config).await;
    let (said, advice) = found.said("postgres schema", "failed");
    assert!(said.contains(" migration(s) are missing, the first is 20261121000001 core"), "{said}");
    assert_eq!(advice, "start slipway-api of this version: it brings the schema up to date");
    assert!(found.said("redis", "failed").0.contains("Redis has maxmemory-policy 'allkeys-lru'"));
    assert!(found.said("people", "failed").0.contains("others may write it (mode 0666)"));
    found.said("archive", "skipped");
    found.said("providers", "failed");

    config.database.url = format!("postgres://slipway:hidden@127.0.0.1:{}/slipway", free_port().unwrap());
    config.redis.url = format!("redis://:hidden@127.0.0.1:{}/0", free_port().unwrap());
    let found = examine(folder.path(), &config).await;
    let (said, advice) = found.said("postgres", "failed");
    assert!(said.starts_with("127.0.0.1:") && !said.contains("hidden"), "{said}");
    assert_eq!(advice, "is it running, and does a firewall let this machine through? look at database.url");
    let (said, _) = found.said("redis", "failed");
    assert!(said.starts_with("127.0.0.1:") && !said.contains("hidden"), "{said}");
}

#[tokio::test]
async fn a_configuration_that_cannot_be_read_is_all_that_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    std::fs::write(&file, "databse: {}\n").unwrap();
    let output = slipway(&["doctor", "--config", file.to_str().unwrap()]).await;
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("✗ configuration ") && text.contains("databse"), "{text}");
    assert!(text.ends_with("\n1 thing is wrong\n"), "{text}");
}

#[tokio::test]
async fn an_api_that_does_not_answer_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (config, _database) = well(folder.path()).await;
    let file = folder.path().join("config.yaml");
    std::fs::write(&file, serde_json::to_string(&config).unwrap()).unwrap();
    let url = format!("http://127.0.0.1:{}", free_port().unwrap());
    let output = slipway(&["doctor", "--config", file.to_str().unwrap(), "--url", &url]).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(&format!("✗ api                  {url} does not answer: ")), "{text}");
    assert_eq!(output.status.code(), Some(1));
}
