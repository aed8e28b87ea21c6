//! What happens when the engine itself goes away, on a private engine that the test may kill.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use futures::StreamExt;
use shared::domain::ids::RunId;
use worker::engine::{Engine, EngineError, OutputStream, docker::DockerEngine};

use super::stage::{IMAGE, Stage, image, script, stdout, until};

/// A Docker engine of the test's own, without networks; ended and wiped with the test.
struct PrivateEngine {
    folder: PathBuf,
    daemon: Child,
}

impl PrivateEngine {
    async fn new() -> Self {
        image().await;
        let id = RunId::new().0.simple().to_string();
        let folder = std::env::temp_dir().join(format!("slipway-{}", &id[20..]));
        std::fs::create_dir_all(&folder).unwrap();
        let daemon = spawn(&folder);
        let private = Self { folder, daemon };
        private.until_up().await;
        let mut save = Command::new("docker").args(["save", IMAGE]).stdout(Stdio::piped()).spawn().unwrap();
        let load = private.docker().arg("load").stdin(save.stdout.take().unwrap()).output().unwrap();
        assert!(save.wait().unwrap().success());
        assert!(load.status.success(), "{}", String::from_utf8_lossy(&load.stderr));
        private
    }

    fn socket(&self) -> String {
        self.folder.join("docker.sock").to_string_lossy().into_owned()
    }

    fn docker(&self) -> Command {
        let mut command = Command::new("docker");
        command.args(["--host", &format!("unix://{}", self.socket())]);
        command
    }

    async fn until_up(&self) {
        for _ in 0..300 {
            if self.docker().arg("info").output().unwrap().status.success() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        panic!("dockerd does not come up (needs root and docker.io): {log}");
    }

    /// As a crash would: nothing is told to end.
    async fn crash_and_restart(&mut self) {
        self.daemon.kill().unwrap();
        self.daemon.wait().unwrap();
        let _ = std::fs::remove_file(self.folder.join("docker.pid"));
        self.daemon = spawn(&self.folder);
        self.until_up().await;
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.daemon.id().to_string()]).status().unwrap().success());
    }

    /// Stops the daemon where it stands. A signal is sent before it is heeded: each thread stops in its own time.
    async fn stop(&self) {
        self.signal("-STOP");
        let tasks = format!("/proc/{}/task", self.daemon.id());
        let stands = |task: std::fs::DirEntry| {
            let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            // A thread that ended meanwhile says nothing any more.
            stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('T'))
        };
        for _ in 0..200 {
            if std::fs::read_dir(&tasks).unwrap().flatten().all(stands) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("dockerd did not stop");
    }
}

impl Drop for PrivateEngine {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-CONT", &self.daemon.id().to_string()]).status();
        if let Ok(found) = self.docker().args(["ps", "-aq"]).output() {
            for one in String::from_utf8_lossy(&found.stdout).lines() {
                let _ = self.docker().args(["rm", "-f", one]).output();
            }
        }
        let _ = Command::new("kill").arg(self.daemon.id().to_string()).status();
        let _ = self.daemon.wait();
        // A daemon that was killed leaves its mounts, the newest on top.
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        for mount in mounts.lines().rev().filter_map(|line| line.split(' ').nth(1)) {
            if Path::new(mount).starts_with(&self.folder) {
                let _ = Command::new("umount").args(["--lazy", mount]).status();
            }
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn spawn(folder: &Path) -> Child {
    let at = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
    let log = std::fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
    // The machine's own containerd, in a namespace apart: one that the daemon started itself would die with it.
    let containerd = ["/run/containerd/containerd.sock", "/run/docker/containerd/containerd.sock"];
    let containerd = containerd.into_iter().find(|path| Path::new(path).exists()).expect("containerd: install it");
    // A network namespace of its own: told to do without a bridge, a daemon deletes the `docker0` that it finds.
    Command::new("unshare")
        .args(["--net", "dockerd", "--containerd", containerd])
        .args(["--data-root", &at("data"), "--exec-root", &at("exec"), "--pidfile", &at("docker.pid")])
        .args(["--host", &format!("unix://{}", at("docker.sock")), "--bridge=none", "--iptables=false"])
        .args(["--containerd-namespace", &name, "--containerd-plugins-namespace", &format!("{name}-plugins")])
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .expect("dockerd: install docker.io")
}

#[tokio::test]
async fn a_step_that_ended_because_the_engine_crashed_says_nothing_about_the_step() {
    let mut private = PrivateEngine::new().await;
    let stage = Stage::at(&private.socket()).await;
    let name = stage.engine.prepare(&stage.spec("victim")).await.unwrap();
    let mut output = stage.engine.hand_over(&name, &script("echo before; sleep 600")).await.unwrap();
    until(&mut output, "before").await;
    let (engine, waited) = (stage.engine.clone(), name.clone());
    let waiting = tokio::spawn(async move { engine.wait(&waited).await });
    private.crash_and_restart().await;
    let exit = waiting.await.unwrap().unwrap();
    assert!(exit.infrastructure, "{exit:?}");
    let rest: Vec<_> = output.collect().await;
    assert!(rest.iter().any(|line| line.stream == OutputStream::Gap), "{rest:?}");
    assert_eq!(stdout(&rest), "", "what was read before comes once");
    std::mem::forget(stage);
}

#[tokio::test]
async fn a_stopped_engine_makes_calls_fail_and_not_hang() {
    let private = PrivateEngine::new().await;
    let stage = Stage::at(&private.socket()).await;
    private.stop().await;
    let listed = stage.engine.list(&stage.instance).await;
    assert!(matches!(listed, Err(EngineError::Unavailable(_))), "{listed:?}");
    private.signal("-CONT");
    assert!(stage.engine.list(&stage.instance).await.unwrap().is_empty());
    std::mem::forget(stage);
}

#[tokio::test]
async fn the_init_comes_back_after_a_clean_up_took_its_volume_and_its_image() {
    let private = PrivateEngine::new().await;
    let stage = Stage::at(&private.socket()).await;
    assert_eq!(stage.script("before", "echo works").await.0, "works");
    stage.engine.remove(&worker::engine::sandbox::container_name(&stage.spec("before").owner)).await.unwrap();
    for words in [&["volume", "prune", "-f"][..], &["image", "rm", "-f"][..]] {
        let mut command = private.docker();
        command.args(words);
        if words[0] == "image" {
            let images = private.docker().args(["images", "-q", "slipway-gate"]).output().unwrap();
            command.args(String::from_utf8_lossy(&images.stdout).lines());
        }
        assert!(command.output().unwrap().status.success());
    }
    stage.engine.ensure_volume(&stage.instance, stage.run, &stage.volume).await.unwrap();
    assert_eq!(stage.script("after", "echo works again").await.0, "works again");
    std::mem::forget(stage);
}

#[tokio::test]
async fn workers_that_start_at_once_share_one_init() {
    let private = PrivateEngine::new().await;
    let made = futures::future::join_all((0..6).map(|_| async {
        let engine = DockerEngine::connect(private.socket()).await.unwrap();
        let run = RunId::new();
        engine.ensure_volume("race", run, &format!("race-{run}")).await
    }))
    .await;
    assert!(made.iter().all(|made| matches!(made, Ok(true))), "{made:?}");
    let images = private.docker().args(["images", "-aq"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&images.stdout).lines().count(), 2, "the test's and the init's");
}
