//! Amazon's services as `moto` from PyPI has them, at pinned versions, started for one test. It checks signatures and permissions.

use std::time::Duration;

use anyhow::Context as _;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::{
    process::{self, Process, Recipe},
    pypi, wait,
};

/// The only region.
pub const REGION: &str = "eu-central-1";
/// moto's own number of the account.
pub const ACCOUNT: &str = "123456789012";

/// A running server; ended when dropped.
#[derive(Debug)]
pub struct Moto {
    /// Where all services answer.
    pub url: String,
    http: reqwest::Client,
    _process: Process,
    _folder: tempfile::TempDir,
}

/// An access key.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: String,
}

impl Moto {
    /// Starts one and waits until it answers. Nothing is checked before [`Self::check_from_now_on`].
    ///
    /// # Errors
    /// When it cannot be installed or does not start; the message says what to install.
    pub async fn start() -> anyhow::Result<Self> {
        let program = pypi::programs("moto").await?.join("moto_server");
        let folder = tempfile::Builder::new().prefix("slipway-moto-").tempdir()?;
        let port = process::free_port()?;
        let mut process = Process::start(Recipe {
            name: "moto".into(),
            program,
            arguments: vec!["-H".into(), "127.0.0.1".into(), "-p".into(), port.to_string()],
            // It looks nowhere else for an account.
            environment: vec![
                ("HOME".into(), folder.path().display().to_string()),
                ("AWS_ACCESS_KEY_ID".into(), "none".into()),
                ("AWS_SECRET_ACCESS_KEY".into(), "none".into()),
            ],
            account: None,
            log: folder.path().join("log"),
            end_with: Signal::SIGKILL,
        })?;
        // One of the two providers that rustls could use must be chosen; a second choice changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).no_proxy().build()?;
        let url = format!("http://127.0.0.1:{port}");
        wait::until("moto answers", Duration::from_secs(60), async || {
            process.check()?;
            Ok(http.get(format!("{url}/moto-api/data.json")).send().await.ok().map(drop))
        })
        .await?;
        Ok(Self { url, http, _process: process, _folder: folder })
    }

    /// Has signatures and permissions checked, of all but the next `free` requests.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn check_from_now_on(&self, free: u32) -> anyhow::Result<()> {
        let request = self.http.post(format!("{}/moto-api/reset-auth", self.url)).body(free.to_string());
        request.send().await?.error_for_status()?;
        Ok(())
    }

    /// An operation of a service that speaks JSON, unsigned.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn json(&self, service: &str, target: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.http.post(&self.url).header("x-amz-target", target).body(body.to_string());
        let request = request.header("content-type", "application/x-amz-json-1.1");
        let answer = request.header("authorization", unsigned(service)).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        anyhow::ensure!(status.is_success(), "{target}: {status}: {text}");
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    /// An operation of IAM, unsigned; its answer is XML.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn iam(&self, parameters: &[(&str, &str)]) -> anyhow::Result<String> {
        let url = reqwest::Url::parse_with_params(&self.url, [&[("Version", "2010-05-08")], parameters].concat())?;
        let form = url.query().unwrap_or_default().to_owned();
        let request = self.http.post(&self.url).header("authorization", unsigned("iam")).body(form);
        let answer = request.header("content-type", "application/x-www-form-urlencoded").send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        anyhow::ensure!(status.is_success(), "{parameters:?}: {status}: {text}");
        Ok(text)
    }

    /// A user who may do these things, as `kms:Encrypt`, and nothing else.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn user(&self, name: &str, actions: &[&str]) -> anyhow::Result<AccessKey> {
        self.iam(&[("Action", "CreateUser"), ("UserName", name)]).await?;
        let policy = allow(actions);
        let put = [("Action", "PutUserPolicy"), ("UserName", name), ("PolicyName", "p"), ("PolicyDocument", &policy)];
        self.iam(&put).await?;
        let key = self.iam(&[("Action", "CreateAccessKey"), ("UserName", name)]).await?;
        let part = |tag: &str| -> anyhow::Result<String> {
            let rest = key.split_once(&format!("<{tag}>")).context("no key")?.1;
            Ok(rest.split_once("</").context("no key")?.0.to_owned())
        };
        Ok(AccessKey { id: part("AccessKeyId")?, secret: part("SecretAccessKey")? })
    }

    /// A role for web identities, who may do these things; its ARN.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn role(&self, name: &str, actions: &[&str]) -> anyhow::Result<String> {
        let trust = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Federated": "*"}, "Action": "sts:AssumeRoleWithWebIdentity"}]});
        let create = [("Action", "CreateRole"), ("RoleName", name), ("AssumeRolePolicyDocument", &trust.to_string())];
        self.iam(&create).await?;
        let policy = allow(actions);
        let put = [("Action", "PutRolePolicy"), ("RoleName", name), ("PolicyName", "p"), ("PolicyDocument", &policy)];
        self.iam(&put).await?;
        Ok(format!("arn:aws:iam::{ACCOUNT}:role/{name}"))
    }

    /// A symmetric key; its ARN.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn key(&self) -> anyhow::Result<String> {
        let made = self.json("kms", "TrentService.CreateKey", &json!({})).await?;
        made["KeyMetadata"]["Arn"].as_str().map(str::to_owned).context("no key was made")
    }
}

fn allow(actions: &[&str]) -> String {
    let statement = json!([{"Effect": "Allow", "Action": actions, "Resource": "*"}]);
    json!({"Version": "2012-10-17", "Statement": statement}).to_string()
}

/// Says which service is meant; who asks is not looked at.
fn unsigned(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=none/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=none"
    )
}
