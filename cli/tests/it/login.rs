//! `slipway login`, `whoami` and `logout`: the real binary, against an api that answers at a real address.

use std::{os::unix::fs::PermissionsExt as _, path::Path, process::Stdio};

use shared::{
    config::{Config, Environment},
    password,
    people::{People, Person},
};
use tests::{browser::Browser, database::TestDatabase};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStderr, Command},
};
use tokio_util::sync::{CancellationToken, DropGuard};

const PASSWORD: &str = "correct horse";

/// An api with one person, and that person's home.
struct Site {
    url: String,
    home: tempfile::TempDir,
    _shutdown: DropGuard,
    _database: TestDatabase,
}

impl Site {
    async fn start() -> Self {
        let (database, home) = (TestDatabase::create().await.unwrap(), tempfile::tempdir().unwrap());
        let file = home.path().join("people.yaml");
        let ada = Person {
            name: "ada".into(),
            password: password::hash(PASSWORD).unwrap(),
            roles: vec!["developer".into()],
            teams: vec!["shop".into()],
            disabled: false,
        };
        People { people: vec![ada] }.write(&file).unwrap();
        let mut config =
            Config { database: database.config(), environment: Environment::Development, ..Config::default() };
        config.api.listen = "127.0.0.1:0".into();
        config.identity.people_file = Some(file);
        config.redis.url = std::env::var("TEST_REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6399/0".into());
        config.redis.prefix = format!("cli-test-{}", home.path().file_name().unwrap().display());
        let shutdown = CancellationToken::new();
        let server = api::bind(config, database.store.clone(), shutdown.clone()).await.unwrap();
        let url = format!("http://{}", server.address().unwrap());
        tokio::spawn(server.run());
        Self { url, home, _shutdown: shutdown.drop_guard(), _database: database }
    }

    fn slipway(&self, arguments: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_slipway"))
            .args(arguments)
            .current_dir(self.home.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("USER", "ada")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    /// What a command prints, and whether it did what it was asked.
    async fn run(&self, arguments: &[&str]) -> (bool, String, String) {
        let output = self.slipway(arguments).wait_with_output().await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.success(), text(output.stdout), text(output.stderr))
    }

    fn credentials(&self) -> std::path::PathBuf {
        self.home.path().join(".config/slipway/credentials")
    }

    async fn browser(&self) -> Browser {
        let mut browser = Browser::new(&self.url).unwrap();
        assert_eq!(browser.log_in("ada", PASSWORD).await.unwrap().status, 303);
        browser
    }
}

/// The first line that begins so, without the beginning.
async fn line(lines: &mut Lines<BufReader<ChildStderr>>, beginning: &str) -> String {
    loop {
        let line = lines.next_line().await.unwrap().unwrap_or_else(|| panic!("no line begins with {beginning:?}"));
        if let Some(rest) = line.strip_prefix(beginning) {
            return rest.to_owned();
        }
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_login_by_the_browser_is_kept_used_and_ended() {
    let site = Site::start().await;
    let mut child = site.slipway(&["login", &site.url, "--no-browser"]);
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let page = line(&mut said, "  ").await;
    let path = page.strip_prefix(&site.url).unwrap();
    let mut browser = site.browser().await;
    assert!(browser.open(path).await.unwrap().text.contains("A program on this machine asks to act as you."));
    let asked: Vec<(&str, &str)> =
        path.split_once('?').unwrap().1.split('&').map(|pair| pair.split_once('=').unwrap()).collect();
    let asked = [&asked[..], &[("answer", "yes")]].concat();
    let sent = browser.submit("/cli/login", &asked).await.unwrap();
    let (origin, callback) = sent.location().split_once("/callback").unwrap();
    let mut port = Browser::new(origin).unwrap();
    assert_eq!(port.open("/favicon.ico").await.unwrap().status, 404);
    assert_eq!(port.open("/callback?state=guessed&code=mine").await.unwrap().status, 404);
    let told = port.open(&format!("/callback{callback}")).await.unwrap();
    assert_eq!(told.text, "The command line is logged in. You may close this page.\n");
    let output = child.wait_with_output().await.unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(out.starts_with(&format!("logged in at {} as ada until 20", site.url)), "{out}");

    assert_eq!(mode(&site.credentials()), 0o600);
    let (done, out, err) = site.run(&["whoami"]).await;
    assert!(done, "{err}");
    assert!(
        out.starts_with("name    ada (person)\nroles   developer\nteams   shop\nscopes  all that the roles allow\n"),
        "{out}"
    );
    assert!(out.contains("/.config/slipway/credentials, good until 20"), "{out}");
    let (_, out, _) = site.run(&["whoami", "-o", "json"]).await;
    let answer: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&answer["name"], &answer["credential"]["kind"]), (&"ada".into(), &"key".into()));

    let key = std::fs::read_to_string(site.credentials()).unwrap();
    let key = key.lines().find_map(|line| line.trim().strip_prefix("api_key: ")).unwrap().to_owned();
    let (done, out, err) = site.run(&["logout"]).await;
    assert_eq!((done, out), (true, format!("logged out at {} (ada)\n", site.url)), "{err}");
    let (done, _, err) = site.run(&["whoami", "--server", &site.url, "--api-key", &key]).await;
    assert!(!done && err.contains("A valid API key is needed"), "the key is revoked: {err}");
    let (done, _, err) = site.run(&["whoami", "--server", &site.url]).await;
    assert!(!done && err.contains(&format!("no API key for {0}: `slipway login {0}`", site.url)), "{err}");
}

#[tokio::test]
async fn a_login_by_device_code_needs_no_browser_here() {
    let site = Site::start().await;
    let mut child = site.slipway(&["login", &site.url, "--device", "-o", "json"]);
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let code = line(&mut said, "  ").await;
    let mut browser = site.browser().await;
    let page = browser.submit("/device", &[("user_code", code.as_str()), ("answer", "yes")]).await.unwrap();
    assert!(page.text.contains("The device is logged in."), "{}", page.text);
    let output = child.wait_with_output().await.unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&answer["name"], &answer["server"]), (&"ada".into(), &site.url.as_str().into()));
    assert!(site.run(&["whoami"]).await.0);
}

#[tokio::test]
async fn a_login_that_is_refused_leaves_nothing_behind() {
    let site = Site::start().await;
    let mut child = site.slipway(&["login", &site.url, "--device"]);
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let code = line(&mut said, "  ").await;
    let mut browser = site.browser().await;
    browser.submit("/device", &[("user_code", code.as_str()), ("answer", "no")]).await.unwrap();
    assert_eq!(child.wait().await.unwrap().code(), Some(1));
    assert_eq!(
        line(&mut said, "error: ").await,
        "The login was refused: it was refused, or exchanged for a key before"
    );
    assert!(!site.credentials().exists());
}
