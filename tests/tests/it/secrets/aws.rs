//! Amazon's KMS and Secrets Manager, as `moto` has them: with signatures and permissions that are checked.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::json;
use shared::{
    config::{Aws as Settings, AwsEndpoints, SecretSource},
    secrets::{Aws, DataKey, SecretError, keyring::KeyWrapper as _, sources::Keeper as _},
};
use tests::{
    moto::{AccessKey, Moto, REGION},
    receiver::{Received, Receiver},
};

use super::sources::answer;

/// As the instance would be configured, with an address of everything and no login.
pub(crate) fn settings(url: &str) -> Settings {
    let url = Some(url.to_owned());
    Settings {
        region: REGION.into(),
        endpoints: AwsEndpoints { kms: url.clone(), secretsmanager: url.clone(), sts: url.clone(), metadata: url },
        timeout_s: 20,
        ..Settings::default()
    }
}

/// The same with an access key, whose secret is in that folder.
pub(crate) fn with_key(url: &str, key: &AccessKey, folder: &Path) -> anyhow::Result<Settings> {
    let file = folder.join(&key.id);
    std::fs::write(&file, format!("{}\n", key.secret))?;
    let secret_access_key = Some(SecretSource::File(file));
    Ok(Settings { access_key_id: Some(key.id.clone()), secret_access_key, ..settings(url) })
}

fn nothing(_: &str) -> Option<String> {
    None
}

fn text(error: &SecretError) -> String {
    error.to_string()
}

#[tokio::test]
async fn a_key_of_kms_wraps_and_unwraps_for_one_place_with_requests_that_are_signed() -> anyhow::Result<()> {
    let (moto, folder) = (Moto::start().await?, tempfile::tempdir()?);
    let (key, other) = (moto.key().await?, moto.key().await?);
    let user = moto.user("slipway", &["kms:Encrypt", "kms:Decrypt"]).await?;
    let reader = moto.user("reader", &["kms:Decrypt"]).await?;
    moto.check_from_now_on(0).await?;

    let aws = Aws::of(&with_key(&moto.url, &user, folder.path())?, &nothing)?;
    let kms = aws.key(&key).map_err(anyhow::Error::msg)?;
    let data_key = DataKey::generate();
    let wrapped = kms.wrap(&data_key, b"shop").await?;
    let opened = kms.unwrap(&wrapped, b"shop").await?;
    assert_eq!(&opened.open(&data_key.seal(b"hunter2", b""), b"")?[..], b"hunter2", "another key came back");

    let error = kms.unwrap(&wrapped, b"bank").await.unwrap_err();
    let start = format!("AWS KMS does not decrypt with the key '{key}': InvalidCiphertextException");
    assert!(matches!(error, SecretError::Refused(_)) && text(&error).starts_with(&start), "{error}");
    let error = aws.key(&other).map_err(anyhow::Error::msg)?.unwrap(&wrapped, b"shop").await.unwrap_err();
    assert!(matches!(error, SecretError::Refused(_)), "another key of the account unwrapped it: {error}");

    let missing = "00000000-0000-0000-0000-000000000000";
    let error = aws.key(missing).map_err(anyhow::Error::msg)?.wrap(&data_key, b"shop").await.unwrap_err();
    assert_eq!(text(&error), format!("AWS KMS has no key '{missing}' in {REGION}"));

    let reader = Aws::of(&with_key(&moto.url, &reader, folder.path())?, &nothing)?;
    let error = reader.key(&key).map_err(anyhow::Error::msg)?.wrap(&data_key, b"shop").await.unwrap_err();
    let start = format!("AWS KMS does not let Slipway encrypt with the key '{key}': AccessDenied");
    assert!(text(&error).starts_with(&start) && !error.is_passing(), "{error}");
    assert!(text(&error).contains("kms:Encrypt"), "{error}");

    let wrong = AccessKey { secret: "wrong".into(), ..user.clone() };
    let wrong = Aws::of(&with_key(&moto.url, &wrong, folder.path())?, &nothing)?;
    let error = wrong.key(&key).map_err(anyhow::Error::msg)?.wrap(&data_key, b"shop").await.unwrap_err();
    let start = format!(
        "AWS KMS does not take the credentials that come from the configuration (access key {}): SignatureDoesNotMatch",
        user.id
    );
    assert!(text(&error).starts_with(&start) && !error.is_passing(), "{error}");
    Ok(())
}

#[tokio::test]
async fn secrets_are_read_whole_or_by_a_field_and_each_refusal_says_what_it_is() -> anyhow::Result<()> {
    let (moto, folder) = (Moto::start().await?, tempfile::tempdir()?);
    for (name, value) in
        [("shop/db", "{\"password\": \"hunter2\", \"port\": 5432}"), ("slipway/bank/token", "of the bank")]
    {
        let body = json!({"Name": name, "SecretString": value, "ClientRequestToken": "t".repeat(32)});
        moto.json("secretsmanager", "secretsmanager.CreateSecret", &body).await?;
    }
    let binary = BASE64_STANDARD.encode([0xff, 0xfe]);
    let body = json!({"Name": "binary", "SecretBinary": binary, "ClientRequestToken": "t".repeat(32)});
    moto.json("secretsmanager", "secretsmanager.CreateSecret", &body).await?;
    let user = moto.user("slipway", &["secretsmanager:GetSecretValue"]).await?;
    let stranger = moto.user("stranger", &["kms:Encrypt"]).await?;
    moto.check_from_now_on(0).await?;

    let config = Settings { team_prefix: Some("slipway/{team}/".into()), ..with_key(&moto.url, &user, folder.path())? };
    let aws = Aws::of(&config, &nothing)?;
    assert_eq!(aws.read(None, "shop/db#password").await?.as_str(), "hunter2");
    assert_eq!(aws.read(None, "shop/db#port").await?.as_str(), "5432");
    assert!(aws.read(None, "shop/db").await?.starts_with('{'));
    assert_eq!(aws.read(Some("bank"), "token").await?.as_str(), "of the bank");

    for (team, reference, said) in [
        (
            Some("shop"),
            "token",
            format!("AWS Secrets Manager has no secret 'slipway/shop/token', or no value of it, in {REGION}"),
        ),
        (None, "shop/db#user", "the secret 'shop/db' in AWS Secrets Manager has no field 'user'".into()),
        (None, "binary", "the secret 'binary' in AWS Secrets Manager is no text in UTF-8".into()),
        (Some("bank"), "arn:aws:x", "a secret in AWS Secrets Manager is NAME or NAME#FIELD, not 'arn:aws:x'".into()),
    ] {
        let error = aws.read(team, reference).await.unwrap_err();
        assert!(matches!(&error, SecretError::Refused(text) if *text == said), "{reference}: {error}");
    }
    let stranger = Aws::of(&with_key(&moto.url, &stranger, folder.path())?, &nothing)?;
    let error = stranger.read(None, "shop/db").await.unwrap_err();
    assert!(
        text(&error).starts_with("AWS Secrets Manager does not let Slipway read the secret 'shop/db': AccessDenied"),
        "{error}"
    );
    Ok(())
}

#[tokio::test]
async fn a_role_is_assumed_with_a_pods_token_and_signs_with_what_it_is_given() -> anyhow::Result<()> {
    let (moto, folder) = (Moto::start().await?, tempfile::tempdir()?);
    let (key, role) = (moto.key().await?, moto.role("slipway", &["kms:Encrypt", "kms:Decrypt"]).await?);
    let token = folder.path().join("token");
    std::fs::write(&token, "a pod's token")?;
    // The login itself is unsigned.
    moto.check_from_now_on(1).await?;
    let variables = |name: &str| match name {
        "AWS_ROLE_ARN" => Some(role.clone()),
        "AWS_WEB_IDENTITY_TOKEN_FILE" => Some(token.display().to_string()),
        _ => None,
    };
    let aws = Aws::of(&settings(&moto.url), &variables)?;
    let kms = aws.key(&key).map_err(anyhow::Error::msg)?;
    let data_key = DataKey::generate();
    let wrapped = kms.wrap(&data_key, b"shop").await?;
    kms.unwrap(&wrapped, b"shop").await?;
    std::fs::remove_file(&token)?;
    kms.unwrap(&wrapped, b"shop").await?;
    let away = Aws::of(&settings(&moto.url), &variables)?;
    let error = away.key(&key).map_err(anyhow::Error::msg)?.unwrap(&wrapped, b"shop").await.unwrap_err();
    assert!(error.is_passing() && text(&error).starts_with("the web identity's token: "), "{error}");
    Ok(())
}

/// Credentials as metadata services give them.
fn given(id: &str) -> String {
    let expiration = chrono::Utc::now() + chrono::Duration::hours(1);
    answer(
        200,
        &json!({"AccessKeyId": id, "SecretAccessKey": "s", "Token": "session", "Expiration": expiration.to_rfc3339()}),
    )
}

#[tokio::test]
async fn a_machines_role_is_asked_for_by_the_second_version_of_the_protocol_once_for_many() -> anyhow::Result<()> {
    let receiver = Receiver::start(|_, request: &Received| {
        let mut words = request.line.split(' ');
        match (words.next().unwrap_or_default(), words.next().unwrap_or_default()) {
            ("PUT", "/latest/api/token") if request.header("x-aws-ec2-metadata-token-ttl-seconds") == "300" => {
                "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\ntoken".to_owned()
            }
            ("GET", path) if request.header("x-aws-ec2-metadata-token") != "token" => {
                answer(401, &json!(format!("{path} without a token")))
            }
            ("GET", "/latest/meta-data/iam/security-credentials/") => {
                "HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\nslipway".to_owned()
            }
            ("GET", "/latest/meta-data/iam/security-credentials/slipway") => given("ASIAINSTANCE"),
            ("POST", "/") => answer(200, &json!({"SecretString": request.header("authorization")})),
            _ => answer(404, &json!({})),
        }
    })
    .await?;
    let aws = Aws::of(&settings(&format!("http://{}", receiver.address)), &nothing)?;
    let said = aws.read(None, "db").await?;
    assert!(said.starts_with("AWS4-HMAC-SHA256 Credential=ASIAINSTANCE/"), "{}", &*said);
    assert!(said.contains(&format!("/{REGION}/secretsmanager/aws4_request")), "{}", &*said);
    assert!(said.contains("x-amz-security-token"), "the token is not signed: {}", &*said);
    aws.read(None, "db").await?;
    let asked = receiver.received();
    assert_eq!(asked.iter().filter(|it| it.line.starts_with("GET") || it.line.starts_with("PUT")).count(), 3);
    assert_eq!(asked.last().map(|it| it.header("x-amz-security-token").to_owned()), Some("session".into()));
    Ok(())
}

#[tokio::test]
async fn a_containers_service_is_asked_with_its_token_and_again_when_the_credentials_are_refused() -> anyhow::Result<()>
{
    let given_out = Arc::new(AtomicUsize::new(0));
    let count = given_out.clone();
    let receiver = Receiver::start(move |_, request: &Received| {
        if request.line.starts_with("GET /v1/credentials ") {
            return match request.header("authorization") {
                "a pod's token" => given(&format!("ASIA{}", count.fetch_add(1, Ordering::SeqCst) + 1)),
                _ => answer(401, &json!({})),
            };
        }
        if request.header("authorization").contains("Credential=ASIA1/") {
            return answer(
                400,
                &json!({"__type": "ExpiredTokenException", "message": "The security token is expired"}),
            );
        }
        answer(200, &json!({"SecretString": "hunter2"}))
    })
    .await?;
    let folder = tempfile::tempdir()?;
    let token = folder.path().join("token");
    std::fs::write(&token, "a pod's token\n")?;
    let url = format!("http://{}", receiver.address);
    let variables = |name: &str| match name {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI" => Some(format!("{url}/v1/credentials")),
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE" => Some(token.display().to_string()),
        _ => None,
    };
    let aws = Aws::of(&settings(&url), &variables)?;
    assert_eq!(aws.read(None, "db").await?.as_str(), "hunter2");
    assert_eq!(given_out.load(Ordering::SeqCst), 2);
    std::fs::write(&token, "another")?;
    let error = Aws::of(&settings(&url), &variables)?.read(None, "db").await.unwrap_err();
    let said =
        format!("AWS credentials: the container's credentials at {url}/v1/credentials gives none: 401 Unauthorized");
    assert!(matches!(&error, SecretError::Refused(text) if *text == said), "{error}");
    Ok(())
}

#[tokio::test]
async fn what_is_throttled_is_asked_for_again_and_what_stays_away_is_said_to_be_passing() -> anyhow::Result<()> {
    let receiver = Receiver::start(|before, request: &Received| {
        let name = request.json()["SecretId"].as_str().unwrap_or_default().to_owned();
        match (name.as_str(), before) {
            ("busy", 0) => answer(400, &json!({"__type": "ThrottlingException", "message": "Rate exceeded"})),
            ("busy", 1) => answer(503, &json!({})),
            ("busy", _) => answer(200, &json!({"SecretString": "hunter2"})),
            ("always", _) => {
                answer(400, &json!({"__type": "com.amazon.coral#ThrottlingException", "Message": "Rate exceeded"}))
            }
            ("later", _) => format!(
                "HTTP/1.1 429 Later\r\nretry-after: {}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
                u64::MAX
            ),
            _ => answer(200, &json!({"SecretString": "x".repeat(600_000)})),
        }
    })
    .await?;
    let (url, folder) = (format!("http://{}", receiver.address), tempfile::tempdir()?);
    let key = AccessKey { id: "AKIAX".into(), secret: "s".into() };
    let aws = Aws::of(&with_key(&url, &key, folder.path())?, &nothing)?;
    assert_eq!(aws.read(None, "busy").await?.as_str(), "hunter2");
    assert_eq!(receiver.received().len(), 3);
    let error = aws.read(None, "always").await.unwrap_err();
    assert_eq!(text(&error), format!("AWS Secrets Manager at {url}: ThrottlingException: Rate exceeded"));
    assert!(error.is_passing());
    assert_eq!(receiver.received().len(), 7, "four tries");
    let error = aws.read(None, "later").await.unwrap_err();
    assert!(error.is_passing() && text(&error).ends_with("429 Too Many Requests"), "{error}");
    assert_eq!(receiver.received().len(), 8, "nobody waits for ever");
    let error = aws.read(None, "huge").await.unwrap_err();
    assert!(error.is_passing() && text(&error).contains("its answer has more than"), "{error}");

    drop(receiver);
    let error = aws.read(None, "busy").await.unwrap_err();
    assert!(error.is_passing() && text(&error).contains("takes no connection"), "{error}");
    Ok(())
}
