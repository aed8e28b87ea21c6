//! Credentials for other systems: tried where they are for, stored sealed, shown to nobody.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use shared::{
    config::{Config, Integrations},
    secrets::{
        SecretError,
        credential::{self, Checked, Credential},
    },
};
use tests::{
    moto::{Moto, REGION},
    receiver::{Received, Receiver},
    stack::{Options, Stack},
};

use super::{
    azure::{AzureCloud, CLIENT, SECRET, TENANT},
    gcp::google::{self, Google},
};

fn open_to_this_machine() -> Integrations {
    let loopback = "127.0.0.0/8".parse();
    Integrations { allow: loopback.into_iter().collect(), plain_http: true, ..Integrations::default() }
}

fn configure(config: &mut Config) {
    config.integrations = open_to_this_machine();
}

fn said(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} Said\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

/// Answers as a Git host and as a registry do, for the user `ada` with the password `hunter2`.
async fn host() -> anyhow::Result<Receiver> {
    Receiver::start(|_, request: &Received| {
        let path = request.line.split(' ').nth(1).unwrap_or_default();
        let login = format!("Basic {}", BASE64_STANDARD.encode("ada:hunter2"));
        let known = request.header("authorization") == login;
        match path.split('?').next().unwrap_or_default() {
            "/platform/providers.git/info/refs" if known => said(
                200,
                "content-type: application/x-git-upload-pack-advertisement\r\n",
                "001e# service=git-upload-pack\n",
            ),
            "/web/page/info/refs" if known => said(200, "content-type: text/html\r\n", "<p>hello</p>"),
            "/none.git/info/refs" if known => said(404, "", ""),
            "/v2/" => {
                let realm = format!("http://{}/token", request.header("host"));
                said(401, &format!("www-authenticate: Bearer realm=\"{realm}\",service=\"images\"\r\n"), "")
            }
            "/token" if known && path.ends_with("?service=images") => said(200, "", "{\"token\": \"t\"}"),
            _ => said(401, "www-authenticate: Basic realm=\"x\"\r\n", ""),
        }
    })
    .await
}

fn read(value: Value) -> anyhow::Result<Credential> {
    Ok(serde_json::from_value(value)?)
}

#[tokio::test]
async fn a_credential_is_tried_where_it_is_for() -> anyhow::Result<()> {
    let host = host().await?;
    let config = open_to_this_machine();
    let client = credential::client(&config)?;
    let git = |repository: &str, password: &str| {
        read(
            json!({"kind": "git", "host": host.address.to_string(), "username": "ada", "repository": repository, "password": password}),
        )
    };
    let check = async |credential: Credential| credential::check(&client, &config, &credential).await;
    let name = host.address.to_string();
    assert_eq!(check(git("platform/providers.git", "hunter2")?).await?, Checked::Good);
    let wrong = Checked::Refused(format!("{name} refuses the user or the password"));
    assert_eq!(check(git("platform/providers.git", "wrong")?).await?, wrong);
    let none = format!("{name} has no repository none.git, or does not show it to this user");
    assert_eq!(check(git("none.git", "hunter2")?).await?, Checked::Refused(none));
    assert!(
        matches!(check(git("web/page", "hunter2")?).await?, Checked::Refused(text) if text.contains("not answer as a Git host"))
    );

    let registry =
        |password: &str| read(json!({"kind": "registry", "host": name, "username": "ada", "password": password}));
    assert_eq!(check(registry("hunter2")?).await?, Checked::Good);
    assert_eq!(check(registry("wrong")?).await?, wrong);
    let chat = read(json!({"kind": "chat", "url": "https://hooks.example.org/services/T/B/x"}))?;
    assert!(matches!(check(chat).await?, Checked::NotTried(_)));

    // An address that is not allowed is not spoken to.
    let closed = Integrations { plain_http: true, ..Integrations::default() };
    let before = host.received().len();
    let outcome = credential::check(&credential::client(&closed)?, &closed, &registry("hunter2")?).await;
    assert!(matches!(&outcome, Err(SecretError::Refused(text)) if text.contains("integrations.allow")), "{outcome:?}");
    assert_eq!(host.received().len(), before);
    Ok(())
}

#[tokio::test]
async fn an_access_key_of_aws_is_shown_to_sts_and_taken_or_refused_in_its_words() -> anyhow::Result<()> {
    let moto = Moto::start().await?;
    // Whoever may do nothing may ask who they are.
    let user = moto.user("deployer", &["s3:ListAllMyBuckets"]).await?;
    moto.check_from_now_on(0).await?;
    let config = Integrations { aws_sts: Some(moto.url.clone()), ..open_to_this_machine() };
    let client = credential::client(&config)?;
    let key = |secret: &str| {
        read(json!({"kind": "aws", "region": REGION, "access_key_id": user.id, "secret_access_key": secret}))
    };
    assert_eq!(credential::check(&client, &config, &key(&user.secret)?).await?, Checked::Good);
    let refused = credential::check(&client, &config, &key("wrong")?).await?;
    let start = format!("AWS STS does not take the access key {}: SignatureDoesNotMatch", user.id);
    assert!(matches!(&refused, Checked::Refused(why) if why.starts_with(&start)), "{refused:?}");
    let elsewhere =
        read(json!({"kind": "aws", "region": "x.example.org/", "access_key_id": user.id, "secret_access_key": "s"}))?;
    let refused = credential::check(&client, &config, &elsewhere).await?;
    assert!(matches!(&refused, Checked::Refused(why) if why.starts_with("'region' is one as")), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn a_service_account_of_google_signs_a_grant_for_a_token_and_is_spoken_to_nowhere_that_is_private()
-> anyhow::Result<()> {
    let google = Google::start().await?;
    let config = open_to_this_machine();
    let client = credential::client(&config)?;
    let account = |file: std::path::PathBuf| read(json!({"kind": "gcp", "key": std::fs::read_to_string(file)?}));
    let good = account(google.account(None)?)?;
    assert_eq!(credential::check(&client, &config, &good).await?, Checked::Good);
    let forged = account(google.account(Some(&google::rsa_key()?))?)?;
    let refused = credential::check(&client, &config, &forged).await?;
    assert!(matches!(&refused, Checked::Refused(why) if why.contains("invalid_grant")), "{refused:?}");

    // The key itself says where it is to be shown: that is no way into the network.
    let closed = Integrations::default();
    let logins = google.known.lock().unwrap().logins;
    let outcome = credential::check(&credential::client(&closed)?, &closed, &good).await;
    assert!(matches!(&outcome, Err(SecretError::Refused(_))), "{outcome:?}");
    assert_eq!(google.known.lock().unwrap().logins, logins);
    Ok(())
}

#[tokio::test]
async fn an_application_of_azure_is_given_a_token_or_refused_in_azures_words() -> anyhow::Result<()> {
    let cloud = AzureCloud::start().await?;
    let config = Integrations { azure_login: Some(cloud.url.clone()), ..open_to_this_machine() };
    let client = credential::client(&config)?;
    let client_of = |secret: &str| {
        read(json!({"kind": "azure", "tenant_id": TENANT, "client_id": CLIENT, "client_secret": secret}))
    };
    assert_eq!(credential::check(&client, &config, &client_of(SECRET)?).await?, Checked::Good);
    let refused = credential::check(&client, &config, &client_of("wrong")?).await?;
    let why = format!(
        "Azure's login at {} gives the client {CLIENT} no token: invalid_client: AADSTS7000215: Invalid client secret provided.",
        cloud.url
    );
    assert_eq!(refused, Checked::Refused(why));
    Ok(())
}

#[tokio::test]
async fn an_integration_is_stored_once_it_was_tried_and_never_read_out_again() -> anyhow::Result<()> {
    let stack = Stack::start(Options { configure, ..Options::scripted() }).await?;
    let host = host().await?;
    let put = async |name: &str, body: Value| {
        stack.client.send(Method::PUT, &format!("/api/integrations/{name}"), &[], Some(body.to_string())).await
    };
    let images = |password: &str| json!({"kind": "registry", "host": host.address.to_string(), "username": "ada", "password": password});
    let refused = put("images", images("wrong-hunter")).await?;
    assert_eq!(
        (refused.status, &refused.body["type"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("/problems/credential-refused"))
    );
    assert_eq!(
        stack.client.get("/api/integrations").await?,
        json!({"items": [], "next_cursor": null}),
        "it was stored all the same"
    );
    let stored = put("images", images("hunter2")).await?.ok()?;
    assert_eq!(stored["message"], "the integration 'images' was tried and is stored");
    assert_eq!(put("images", images("hunter2")).await?.ok()?["version"], 2);
    let forge = json!({"kind": "git", "host": "git.example.org", "password": "hunter2"});
    assert_eq!(put("forge", forge).await?.ok()?["checked"], false);

    for (body, field) in [
        (json!({"kind": "ftp", "password": "hunter2"}), "kind: "),
        (json!({"kind": "git", "host": "a/b", "password": "hunter2"}), "host: "),
        (json!({"kind": "git", "password": {"hunter2": 1}}), "a credential of the kind 'git' has these fields"),
        (json!("hunter2"), "kind: "),
    ] {
        let refused = put("other", body).await?;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{:#}", refused.body);
        let detail = refused.body["detail"].as_str().unwrap_or_default();
        assert!(detail.starts_with(field) && !detail.contains("hunter2"), "{detail}");
    }

    let listed = stack.client.get("/api/integrations").await?;
    assert_eq!(
        (&listed["items"][0]["name"], &listed["items"][1]["settings"]["username"]),
        (&json!("forge"), &json!("ada"))
    );
    assert!(!listed.to_string().contains("hunter2"));
    assert_eq!(super::rows_with(&stack, "hunter2").await?, Vec::<String>::new());
    let checked = stack.client.post("/api/integrations/images/check", &Value::Null).await?;
    assert_eq!((checked.status, &checked.body["checked"]), (StatusCode::OK, &json!(true)), "{:#}", checked.body);

    // A source may use it by its name, and keeps it from being removed.
    let source = json!({"url": "https://git.example.org/x.git", "ref": "main", "name": "x", "secret": "images"});
    assert_eq!(
        stack.client.post("/api/admin/providers/sources", &source).await?.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let source = json!({"url": "https://git.example.org/x.git", "ref": "main", "name": "x", "secret": "forge"});
    stack.client.post("/api/admin/providers/sources", &source).await?.ok()?;
    let remove =
        async |name: &str| stack.client.send(Method::DELETE, &format!("/api/integrations/{name}"), &[], None).await;
    let refused = remove("forge").await?;
    assert_eq!((refused.status, &refused.body["sources"]), (StatusCode::CONFLICT, &json!(["x"])));
    assert_eq!(remove("images").await?.status, StatusCode::OK);
    assert_eq!(remove("images").await?.status, StatusCode::NOT_FOUND);
    stack.finish().await
}
