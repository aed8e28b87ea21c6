//! A certified OpenID provider, `oidc-provider` from npm at a pinned version, started for one test.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::Context as _;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{
    process::{self, Process, Recipe},
    settings,
    visitor::{Browser, Visit},
    wait,
};

/// What it knows its client to prove itself with.
pub const SECRET: &str = "a secret that only the test and the provider know";

/// How it is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens.
    pub port: u16,
    /// What it calls itself, when that is not where it listens.
    pub issuer: Option<String>,
    /// The one redirect URI of its client.
    pub redirect: String,
    /// Login → claims.
    pub people: Value,
    /// What it signs with.
    pub algorithm: &'static str,
}

/// A running provider; ended when dropped.
#[derive(Debug)]
pub struct OpenId {
    /// What it calls itself where it listens.
    pub issuer: String,
    process: Process,
    _folder: tempfile::TempDir,
}

impl OpenId {
    /// Starts one and waits until it answers.
    ///
    /// # Errors
    /// When it cannot be installed or does not start; the message says what to install.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let sources = installed().await?;
        let node = process::find("node", &[]).context(MISSING)?;
        let folder = tempfile::Builder::new().prefix("slipway-openid-").tempdir()?;
        let issuer = format!("http://127.0.0.1:{}", options.port);
        let mut environment = vec![
            ("PORT".into(), options.port.to_string()),
            ("REDIRECT".into(), options.redirect),
            ("SECRET".into(), SECRET.into()),
            ("PEOPLE".into(), options.people.to_string()),
            ("ALGORITHM".into(), options.algorithm.into()),
            ("HOME".into(), folder.path().display().to_string()),
        ];
        environment.extend(options.issuer.map(|issuer| ("ISSUER".to_owned(), issuer)));
        let mut process = Process::start(Recipe {
            name: "oidc-provider".into(),
            program: node,
            arguments: vec![sources.join("provider.mjs").display().to_string()],
            environment,
            account: None,
            log: folder.path().join("log"),
            end_with: Signal::SIGKILL,
        })?;
        let browser = Browser::new()?;
        wait::until("the OpenID provider answers", Duration::from_secs(30), async || {
            process.check()?;
            Ok(browser.get(&format!("{issuer}/jwks")).await.ok().map(drop))
        })
        .await?;
        Ok(Self { issuer, process, _folder: folder })
    }

    /// Has it sign with a new key from now on, and publish that one alone.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn rotate(&self) -> anyhow::Result<()> {
        let url = reqwest::Url::parse(&format!("{}/rotate", self.issuer))?;
        let visit = Browser::new()?.send(&url, &[]).await?;
        anyhow::ensure!(visit.status.is_success(), "{}: {}", visit.status, visit.body);
        Ok(())
    }

    /// Fills in the forms of the provider, from its login page on, and gives where that leads to in the end.
    ///
    /// # Errors
    /// When a page is none that the provider should show, with the end of its log.
    pub async fn consent(&self, browser: &Browser, login_page: &Visit, login: &str) -> anyhow::Result<Visit> {
        let steps = async {
            anyhow::ensure!(login_page.body.contains("name=\"password\""), "no login form: {}", login_page.body);
            let fields = [("prompt", "login"), ("login", login), ("password", "any")];
            let page = browser.send(&login_page.form()?, &fields).await?;
            anyhow::ensure!(page.body.contains("value=\"consent\""), "no question for consent: {}", page.body);
            browser.send(&page.form()?, &[("prompt", "consent")]).await
        };
        steps.await.with_context(|| format!("the provider's log:\n{}", self.process.last_words()))
    }
}

const MISSING: &str = "node and npm are not installed: the OpenID provider of the tests runs on Node.js 18 or later; \
                       `make test` installs it, or do it by `apt-get install nodejs npm`";

/// The folder with the provider and all that it needs, as the lock file has it; installed by the first test that wants it.
async fn installed() -> anyhow::Result<PathBuf> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/oidc");
    let folder = settings::programs()?.join("openid-provider");
    std::fs::create_dir_all(&folder)?;
    let lock = File::create(folder.join("install.lock"))?;
    // Tests are processes of their own; the others wait here for the one that installs.
    let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await??;
    let mut fresh = true;
    for name in ["package.json", "package-lock.json", "provider.mjs"] {
        let wanted = std::fs::read(sources.join(name))?;
        let there = std::fs::read(folder.join(name)).is_ok_and(|there| there == wanted);
        if !there {
            std::fs::write(folder.join(name), wanted)?;
            // The program itself needs no installing.
            fresh &= name == "provider.mjs";
        }
    }
    let done = folder.join("node_modules/.installed");
    if !(fresh && done.is_file()) {
        npm_ci(&folder).await?;
        std::fs::write(done, "")?;
    }
    drop(lock);
    Ok(folder)
}

async fn npm_ci(folder: &Path) -> anyhow::Result<()> {
    let mut command = tokio::process::Command::new("npm");
    command.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]);
    command.current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(180), command.output())
        .await
        .context("npm ci takes more than three minutes")?
        .context(MISSING)?;
    anyhow::ensure!(output.status.success(), "npm ci: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
