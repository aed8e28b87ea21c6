//! A place for one test: an installation of its own on the real engine, cleaned up whatever becomes of the test.

use std::{collections::BTreeMap, path::Path, time::Duration};

use futures::StreamExt;
use shared::domain::{
    ids::{Fence, RunId},
    plan::NetworkMode,
};
use tokio::{process::Command, sync::OnceCell};
use worker::engine::{
    ContainerSpec, Engine, Exit, HandOver, Output, OutputLine, OutputStream, Ownership, Role, docker::DockerEngine,
};

pub(crate) const SOCKET: &str = "/var/run/docker.sock";
pub(crate) const IMAGE: &str = "slipway-test-busybox:1";
static READY: OnceCell<()> = OnceCell::const_new();

pub(crate) struct Stage {
    pub(crate) engine: DockerEngine,
    pub(crate) instance: String,
    pub(crate) run: RunId,
    pub(crate) volume: String,
    struck: bool,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        READY.get_or_init(make_image).await;
        Self::at(SOCKET).await
    }

    /// On another engine, which must have the image.
    pub(crate) async fn at(socket: &str) -> Self {
        let engine = DockerEngine::connect(socket).await.expect("a Docker engine at the socket");
        let run = RunId::new();
        let instance = format!("test-{}", &run.0.simple().to_string()[20..]);
        let volume = format!("slipway-{instance}-{run}");
        engine.ensure_volume(&instance, run, &volume).await.unwrap();
        Self { engine, instance, run, volume, struck: false }
    }

    pub(crate) fn spec(&self, step: &str) -> ContainerSpec {
        ContainerSpec {
            owner: Ownership {
                instance: self.instance.clone(),
                run_id: self.run,
                role: Role::Step,
                step: step.into(),
                attempt: 1,
                fence: Fence(1),
                deadline: chrono::Utc::now().timestamp() + 600,
            },
            image: IMAGE.into(),
            memory_mib: 64,
            cpu_millis: 1000,
            writable_root: false,
            network: NetworkMode::None,
            egress: BTreeMap::new(),
            volume: Some(self.volume.clone()),
            tmpfs: BTreeMap::new(),
        }
    }

    /// Prepares, hands over, waits; the container stays until the stage is struck.
    pub(crate) async fn run(&self, spec: &ContainerSpec, command: &HandOver) -> (Vec<OutputLine>, Exit) {
        let name = self.engine.prepare(spec).await.unwrap();
        let output = self.engine.hand_over(&name, command).await.unwrap();
        let (lines, exit) = tokio::join!(output.collect::<Vec<_>>(), self.engine.wait(&name));
        (lines, exit.unwrap())
    }

    /// Runs a shell script in a container of its own and gives its standard output and its exit code.
    pub(crate) async fn script(&self, step: &str, text: &str) -> (String, i64) {
        let (lines, exit) = self.run(&self.spec(step), &script(text)).await;
        (stdout(&lines), exit.code)
    }

    /// Removes everything and shows that nothing is left.
    pub(crate) async fn strike(mut self) {
        self.engine.sweep(&self.instance, self.run, Fence(i64::MAX)).await.unwrap();
        self.engine.retire(&self.instance).await.unwrap();
        assert!(self.engine.leftovers(&self.instance).await.unwrap().is_empty());
        assert!(self.engine.list(&self.instance).await.unwrap().is_empty());
        let label = format!("label=dev.slipway.instance={}", self.instance);
        for list in [["ps", "-aq"], ["volume", "ls"], ["network", "ls"]] {
            let quiet = if list[0] == "ps" { vec![] } else { vec!["-q"] };
            let left = docker(&[&list[..], &quiet[..], &["--filter", &label]].concat()).await;
            assert_eq!(left, "", "{list:?} is not empty");
        }
        self.struck = true;
    }
}

impl Drop for Stage {
    /// A test that failed leaves nothing behind either.
    fn drop(&mut self) {
        if !self.struck {
            wipe(&self.instance);
        }
    }
}

/// Removes all that the engine has of an installation.
pub(crate) fn wipe(instance: &str) {
    let label = format!("label=dev.slipway.instance={instance}");
    for (list, remove) in [("ps -aq", "rm -fv"), ("network ls -q", "network rm"), ("volume ls -q", "volume rm")] {
        let run = |words: &str, more: &[&str]| {
            std::process::Command::new("docker").args(words.split(' ')).args(more).output()
        };
        let Ok(found) = run(list, &["--filter", &label]) else { continue };
        for one in String::from_utf8_lossy(&found.stdout).lines() {
            let _ = run(remove, &[one]);
        }
    }
}

pub(crate) fn script(text: &str) -> HandOver {
    HandOver {
        argv: vec!["/bin/busybox".into(), "sh".into(), "-c".into(), text.into()],
        env: BTreeMap::from([("PATH".into(), "/bin".into())]),
        cwd: "/workspace".into(),
        files: Vec::new(),
        deadline: Duration::from_secs(60),
        grace: Duration::from_secs(5),
        max_output: u64::MAX,
        max_disk: 0,
    }
}

pub(crate) fn stdout(lines: &[OutputLine]) -> String {
    text(lines, OutputStream::Stdout)
}

pub(crate) fn stderr(lines: &[OutputLine]) -> String {
    text(lines, OutputStream::Stderr)
}

fn text(lines: &[OutputLine], stream: OutputStream) -> String {
    let of: Vec<&str> = lines.iter().filter(|line| line.stream == stream).map(|line| line.text.as_str()).collect();
    of.join("\n")
}

/// Reads lines until one is `wanted`.
pub(crate) async fn until(output: &mut Output, wanted: &str) {
    while let Some(line) = output.next().await {
        if line.text == wanted {
            return;
        }
    }
    panic!("the output ended without {wanted:?}");
}

pub(crate) async fn docker(arguments: &[&str]) -> String {
    let done =
        Command::new("docker").args(arguments).output().await.expect("the docker command line: install docker.io");
    assert!(done.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

pub(crate) async fn image() {
    READY.get_or_init(make_image).await;
}

async fn make_image() {
    // Tests are processes of their own; one makes the image, the others wait for it.
    let lock = std::fs::File::create(std::env::temp_dir().join("slipway-test-image.lock")).unwrap();
    lock.lock().unwrap();
    let found = Command::new("docker").args(["image", "inspect", IMAGE]).output().await;
    if found.expect("the docker command line: install docker.io").status.success() {
        return;
    }
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| Path::new(path).exists());
    let busybox = busybox.expect("/bin/busybox: install busybox-static");
    let bytes = std::fs::read(busybox).unwrap();
    assert!(!bytes.windows(14).any(|part| part == b"/ld-linux-x86-"), "busybox is not static: install busybox-static");
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o755);
    tar.append_data(&mut header, "bin/busybox", bytes.as_slice()).unwrap();
    let applets = Command::new(busybox).arg("--list").output().await.unwrap().stdout;
    for applet in String::from_utf8(applets).unwrap().lines().filter(|applet| *applet != "busybox") {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        tar.append_link(&mut header, format!("bin/{applet}"), "busybox").unwrap();
    }
    let folder = std::env::temp_dir().join(format!("slipway-busybox-{}.tar", std::process::id()));
    std::fs::write(&folder, tar.into_inner().unwrap()).unwrap();
    docker(&["import", folder.to_str().unwrap(), IMAGE]).await;
    std::fs::remove_file(folder).unwrap();
}
