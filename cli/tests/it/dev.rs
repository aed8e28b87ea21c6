//! `slipway dev`, the real binary over real servers. The scripted engine stands in for Docker: no container runs here.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// How long a start may take before the test gives up.
const START: Duration = Duration::from_secs(90);

struct Project {
    port: u16,
    folder: tempfile::TempDir,
    /// More of the command line of `slipway dev`.
    more: &'static [&'static str],
    providers: &'static str,
}

impl Project {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The user that Postgres runs as passes through.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
        std::fs::write(folder.path().join("config.yaml"), "worker: { engine: scripted }\nlog: { filter: warn }\n")
            .unwrap();
        // Not the default one, which what else runs on this machine may want.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { port, folder, more: &[], providers: "../providers" }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_slipway"));
        command.args(arguments).current_dir(self.path());
        for variable in [
            "SLIPWAY_URL",
            "SLIPWAY_API_KEY",
            "SLIPWAY_CONFIG",
            "SLIPWAY_CACERT",
            "SLIPWAY_CERT",
            "SLIPWAY_CERT_KEY",
            "SLIPWAY_DEV_TLS",
        ] {
            command.env_remove(variable);
        }
        command
    }

    fn dev_command(&self) -> Command {
        let providers = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(self.providers);
        let mut command = self.command(&["dev", "--config", "config.yaml", "--data-dir", "data", "--providers"]);
        command.arg(providers).args(["--port", &self.port.to_string()]).args(self.more);
        command
    }

    /// Starts it and waits until it says that it is ready.
    fn start(&self) -> Dev {
        let path = self.path().join("out");
        let out = std::fs::File::create(&path).unwrap();
        let child =
            self.dev_command().stdout(out.try_clone().unwrap()).stderr(out).stdin(Stdio::null()).spawn().unwrap();
        let mut dev = Dev { child };
        let deadline = Instant::now() + START;
        loop {
            let text = std::fs::read_to_string(&path).unwrap();
            if text.contains("ready: http") {
                return dev;
            }
            assert!(dev.child.try_wait().unwrap().is_none(), "it ended instead of being ready:\n{text}");
            assert!(Instant::now() < deadline, "it is not ready:\n{text}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// Processes that work on this project's data.
    fn servers(&self) -> Vec<i32> {
        let data = self.path().join("data").canonicalize().unwrap();
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        all.filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            std::fs::read_link(entry.path().join("cwd")).ok()?.starts_with(&data).then_some(pid)
        })
        .collect()
    }

    fn wait_until_no_server_is_left(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !self.servers().is_empty() {
            assert!(Instant::now() < deadline, "still there: {:?}", self.servers());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

struct Dev {
    child: Child,
}

impl Dev {
    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // Its servers end with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_killed_instance_takes_its_servers_along_and_the_next_one_finds_everything_as_it_was() {
    let project = Project::new();
    let first = project.start();
    assert!(project.servers().len() >= 3);
    let listed = project.run(&["worker", "list"]);
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let (ports, access) = (project.file(".slipway/dev.yaml"), project.file(".slipway/env"));

    let second = project.dev_command().output().unwrap();
    let refused = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1));
    assert!(refused.contains(&format!("(process {})", first.child.id())), "{refused}");

    first.signal(Signal::SIGKILL);
    project.wait_until_no_server_is_left();
    drop(first);

    let mut third = project.start();
    assert_eq!((project.file(".slipway/dev.yaml"), project.file(".slipway/env")), (ports, access));
    assert!(project.run(&["list"]).status.success(), "the key of the first start still works");
    for secret in
        [".slipway/env", ".slipway/config.yaml", "data/secrets/tenant-admin-password", "data/secrets/sealing-key"]
    {
        let mode = std::fs::metadata(project.path().join(secret)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{secret}");
    }

    third.signal(Signal::SIGTERM);
    assert_eq!(third.child.wait().unwrap().code(), Some(0));
    assert!(project.servers().is_empty(), "a stopped instance leaves no server");
}

#[test]
fn a_server_that_ends_by_itself_is_started_again() {
    let project = Project::new();
    let _dev = project.start();
    let pid_file = project.path().join("data/redis/redis.pid");
    let before: i32 = std::fs::read_to_string(&pid_file).unwrap().trim().parse().unwrap();
    kill(Pid::from_raw(before), Signal::SIGKILL).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let now = std::fs::read_to_string(&pid_file).ok().and_then(|text| text.trim().parse::<i32>().ok());
        if now.is_some_and(|now| now != before) {
            return;
        }
        assert!(Instant::now() < deadline, "Redis was not started again:\n{}", project.file("out"));
        std::thread::sleep(Duration::from_millis(50));
    }
}

const SCORE: &str = "apiVersion: score.dev/v1b1
metadata: { name: shop }
containers: { main: { image: busybox } }
resources: { thing: { type: scripted } }
";

/// What Postgres and Redis say of themselves and of who is connected is asked by their own programs, with the certificate of
/// Slipway's programs or without.
#[test]
fn over_tls_an_application_becomes_active_and_nobody_without_a_certificate_is_let_in_anywhere() {
    let project = Project { more: &["--tls"], providers: "../tests/fixtures/providers", ..Project::new() };
    let _dev = project.start();
    let access = project.file(".slipway/env");
    assert!(access.contains(&format!("SLIPWAY_URL=https://127.0.0.1:{}", project.port)), "{access}");
    std::fs::write(project.path().join("shop.yaml"), SCORE).unwrap();
    let deployed = project.run(&["deploy", "shop.yaml", "--wait"]);
    let said = format!("{}{}", String::from_utf8_lossy(&deployed.stdout), String::from_utf8_lossy(&deployed.stderr));
    assert!(deployed.status.success(), "{said}");
    let listed = project.run(&["resource", "list", "-o", "json"]);
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!((&listed["items"][0]["type"], &listed["items"][0]["state"]), (&"scripted".into(), &"active".into()));

    let config = project.file(".slipway/config.yaml");
    let config: serde_json::Value = serde_yaml::from_str(&config).unwrap();
    let all = psql(
        &project,
        &config,
        true,
        "SELECT bool_and(ssl) AND count(*) > 0 FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE backend_type = 'client backend'",
    );
    assert_eq!(String::from_utf8_lossy(&all.stdout).trim(), "t", "{}", String::from_utf8_lossy(&all.stderr));
    let refused = psql(&project, &config, false, "SELECT 1");
    let refused = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.contains("connection requires a valid client certificate"), "{refused}");
    assert_eq!(ping(&config, true), "PONG");
    assert_ne!(ping(&config, false), "PONG");

    std::fs::write(
        project.path().join(".slipway/env"),
        access.lines().filter(|line| !line.contains("SLIPWAY_CERT")).collect::<Vec<_>>().join("\n"),
    )
    .unwrap();
    let stranger = project.run(&["list"]);
    let refused = String::from_utf8_lossy(&stranger.stderr).into_owned();
    assert_eq!(stranger.status.code(), Some(1));
    assert!(refused.contains("the server asks for a certificate: --cert FILE --key FILE"), "{refused}");

    let examined = project.run(&["doctor", "--config", ".slipway/config.yaml", "-o", "json"]);
    let examined: serde_json::Value = serde_json::from_slice(&examined.stdout).unwrap();
    let checks = examined["checks"].as_array().unwrap();
    let said: Vec<&str> =
        checks.iter().filter(|it| it["check"] == "certificates").filter_map(|it| it["said"].as_str()).collect();
    let settings =
        ["database.tls.cert", "database.tls.ca", "redis.tls.cert", "redis.tls.ca", "api.tls.cert", "api.tls.client_ca"];
    for setting in settings {
        assert!(
            said.iter().any(|said| said.starts_with(&format!("{setting}: ")) && said.contains(" days left")),
            "{said:?}"
        );
    }
    assert!(
        checks.iter().any(|it| it["said"].as_str().is_some_and(|said| said.contains(", encrypted, "))),
        "{checks:?}"
    );
}

fn psql(project: &Project, config: &serde_json::Value, shown: bool, sql: &str) -> Output {
    let (url, tls) = (config["database"]["url"].as_str().unwrap(), &config["database"]["tls"]);
    let mut command = Command::new("psql");
    command.args([url, "-X", "-At", "-c", sql]).env("HOME", project.path());
    command.env("PGSSLMODE", "verify-full").env("PGSSLROOTCERT", tls["ca"].as_str().unwrap());
    if shown {
        command.env("PGSSLCERT", tls["cert"].as_str().unwrap()).env("PGSSLKEY", tls["key"].as_str().unwrap());
    }
    command.output().expect("no `psql`: on Debian or Ubuntu: apt-get install postgresql-client")
}

fn ping(config: &serde_json::Value, shown: bool) -> String {
    let (url, tls) = (config["redis"]["url"].as_str().unwrap(), &config["redis"]["tls"]);
    let (password, place) = url.trim_start_matches("rediss://:").split_once('@').unwrap();
    let port = place.trim_end_matches("/0").rsplit_once(':').unwrap().1;
    let mut command = Command::new("redis-cli");
    command.args(["-h", "127.0.0.1", "-p", port, "--tls", "--cacert", tls["ca"].as_str().unwrap()]);
    command.env("REDISCLI_AUTH", password);
    if shown {
        command.args(["--cert", tls["cert"].as_str().unwrap(), "--key", tls["key"].as_str().unwrap()]);
    }
    let output =
        command.arg("PING").output().expect("no `redis-cli`: on Debian or Ubuntu: apt-get install redis-tools");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
