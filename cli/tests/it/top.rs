//! `slipway top` in a real terminal: a pseudo one, with the screen that a person would see.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    num::NonZero,
    os::fd::OwnedFd,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use nix::pty::{Winsize, openpty};
use shared::{
    config::Config,
    domain::access::Role,
    store::{api_key, run, worker},
};
use tests::{database::TestDatabase, seed};
use tokio_util::sync::{CancellationToken, DropGuard};

const ROWS: NonZero<u16> = NonZero::new(24).unwrap();
const COLUMNS: NonZero<u16> = NonZero::new(140).unwrap();
/// How long something may take to be on the screen before the test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// An api with one worker and one run that waits.
struct Site {
    url: String,
    key: String,
    run: String,
    _database: TestDatabase,
    _shutdown: DropGuard,
}

impl Site {
    async fn start() -> Self {
        let database = TestDatabase::create().await.unwrap();
        let mut config = Config { database: database.config(), ..Config::default() };
        config.api.listen = "127.0.0.1:0".into();
        config.redis.url = std::env::var("TEST_REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6399/0".into());
        let pool = database.store.pool();
        let (_, key) = api_key::create(pool, &api_key::NewKey::of_nobody("test", Role::Admin)).await.unwrap();
        worker::register(pool, &seed::new_worker(4)).await.unwrap();
        let mut tx = database.store.begin().await.unwrap();
        let mut new = seed::new_run(&seed::two_steps()).unwrap();
        new.workflow = "rebuild-\u{1b}[31mindex".into();
        run::create_all(&mut tx, &[new.clone()]).await.unwrap();
        tx.commit().await.unwrap();
        let shutdown = CancellationToken::new();
        let server = api::bind(config, database.store.clone(), shutdown.clone()).await.unwrap();
        let url = format!("http://{}", server.address().unwrap());
        tokio::spawn(server.run());
        Self { url, key, run: new.id.to_string(), _database: database, _shutdown: shutdown.drop_guard() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_slipway"));
        command.arg("top").args(arguments).env_clear().env("TERM", "xterm-256color");
        command.env("SLIPWAY_URL", &self.url).env("SLIPWAY_API_KEY", &self.key);
        command
    }

    fn open(&self, arguments: &[&str]) -> Terminal {
        let size = Winsize { ws_row: ROWS.get(), ws_col: COLUMNS.get(), ws_xpixel: 0, ws_ypixel: 0 };
        let pair = openpty(Some(&size), None).unwrap();
        let end = || Stdio::from(pair.slave.try_clone().unwrap());
        let child = self.command(arguments).stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        Terminal::new(child, pair.master)
    }
}

/// A terminal with a program in it.
struct Terminal {
    child: Child,
    keys: File,
    screen: Arc<Mutex<vt100::Parser>>,
    printed: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    fn new(child: Child, master: OwnedFd) -> Self {
        let screen = Arc::new(Mutex::new(vt100::Parser::new(ROWS, COLUMNS, 0)));
        let printed = Arc::new(Mutex::new(Vec::new()));
        let (mut output, keys) = (File::from(master.try_clone().unwrap()), File::from(master));
        let (shown, noted) = (Arc::clone(&screen), Arc::clone(&printed));
        std::thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(read @ 1..) = output.read(&mut part) {
                shown.lock().unwrap().process(&part[..read]);
                noted.lock().unwrap().extend_from_slice(&part[..read]);
            }
        });
        Self { child, keys, screen, printed }
    }

    fn contents(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Waits until this is on the screen.
    #[track_caller]
    fn shows(&self, text: &str) {
        let began = Instant::now();
        while !self.contents().contains(text) {
            assert!(began.elapsed() < PATIENCE, "'{text}' does not come on the screen:\n{}", self.contents());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until this is not on the screen any more.
    #[track_caller]
    fn hides(&self, text: &str) {
        let began = Instant::now();
        while self.contents().contains(text) {
            assert!(began.elapsed() < PATIENCE, "'{text}' stays on the screen:\n{}", self.contents());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Ends with this code, the terminal being as it was before.
    #[track_caller]
    fn ends(&mut self) {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(began.elapsed() < PATIENCE, "it does not end:\n{}", self.contents());
            std::thread::sleep(Duration::from_millis(20));
        };
        assert!(status.success(), "{status}: {}", self.contents());
        let printed = String::from_utf8_lossy(&self.printed.lock().unwrap()).into_owned();
        assert!(printed.contains("\u{1b}[?1049l"), "the screen was not given back");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_looks_around_finds_a_run_cancels_it_and_ends() {
    let site = Site::start().await;
    let mut terminal = site.open(&["--interval", "1"]);
    terminal.shows("QUEUE");
    terminal.shows("default");
    terminal.shows("workers 1");
    // The queue's runs.
    terminal.press("\r");
    terminal.shows("[2 Runs (1)]");
    terminal.shows("rebuild-index");
    assert!(!String::from_utf8_lossy(&terminal.printed.lock().unwrap()).contains("\u{1b}[31mindex"));
    // Its steps.
    terminal.press("\r");
    terminal.shows(&format!("run {}", site.run));
    terminal.shows("TRIES");
    // Each Esc by itself: together with the next key it would be another one.
    terminal.press("\u{1b}");
    terminal.hides("Esc closes");
    terminal.press("\u{1b}");
    terminal.hides("only /default");
    // A filter that lets nothing through says how to take it away.
    terminal.press("/nothing-like-it\r");
    terminal.shows("nothing here has 'nothing-like-it' in it");
    terminal.press("\u{1b}");
    terminal.shows("rebuild-index");
    // Cancelled, after a question which another key does not answer.
    terminal.press("cx");
    terminal.shows("y cancels it");
    terminal.press("n");
    terminal.shows("nothing was cancelled");
    terminal.press("cy");
    terminal.shows("- cancelled");
    terminal.press("3");
    terminal.shows("HEARD");
    terminal.press("?");
    terminal.shows("q, Ctrl-C");
    terminal.press("x");
    terminal.press("q");
    terminal.ends();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_colour_nothing_is_coloured_and_all_is_said() {
    let site = Site::start().await;
    let mut terminal = site.open(&["--no-color"]);
    terminal.press("2");
    terminal.shows("o pending");
    terminal.press("q");
    terminal.ends();
    let printed = String::from_utf8_lossy(&terminal.printed.lock().unwrap()).into_owned();
    for colour in 31..=37 {
        assert!(!printed.contains(&format!("\u{1b}[{colour}m")) && !printed.contains("\u{1b}[38;"), "{printed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_get_one_look_and_no_terminal_says_what_to_take_instead() {
    let site = Site::start().await;
    let look = tokio::task::spawn_blocking({
        let mut command = site.command(&["-o", "json"]);
        move || command.stdin(Stdio::null()).output().unwrap()
    })
    .await
    .unwrap();
    assert!(look.status.success(), "{look:?}");
    let value: serde_json::Value = serde_json::from_slice(&look.stdout).unwrap();
    assert_eq!(value["runs"][0]["id"], site.run);
    assert_eq!(value["queues"][0]["name"], "default");
    assert_eq!(value["workers"][0]["slots"], 4);
    let mut command = site.command(&[]);
    let refused = tokio::task::spawn_blocking(move || command.stdin(Stdio::null()).output().unwrap()).await.unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("slipway queue list --watch"), "{refused:?}");
}
