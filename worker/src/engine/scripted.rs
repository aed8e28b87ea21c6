//! An engine without containers: a step does what its first argument scripts, as JSON.
//!
//! It serves tests and benchmarks that count runs by the hundred, where a container's 0.1–0.2 s would hide what is
//! measured. It isolates nothing, executes nothing, and keeps everything in memory, so it cannot serve real workflows;
//! it keeps the contracts of [`Engine`], deadlines and stops included, so that what drives it cannot tell.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use shared::domain::{
    ids::{Fence, RunId},
    posture::Posture,
};
use tokio::{sync::watch, time::Instant};

use super::{
    Answer, Archive, ContainerSpec, Engine, EngineError, Exit, Found, HandOver, Output, OutputLine, OutputStream,
    Ownership, Probe,
};

/// What a scripted step does, in this order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// Printed to standard output at once.
    pub lines: Vec<String>,
    /// Milliseconds it then takes.
    pub sleep_ms: u64,
    /// It never ends by itself.
    pub hang: bool,
    /// Tries, counted from the first, that never end by themselves.
    pub hang_times: u16,
    /// It does not end at SIGTERM, only at SIGKILL.
    pub ignore_term: bool,
    /// Tries, counted from the first, that fail with `exit_code` (or 1).
    pub fail_times: u16,
    /// Tries, counted from the first, that the engine ends by itself.
    pub vanish_times: u16,
    /// Ends with this code; with `fail_times`, only the tries that fail do.
    pub exit_code: i64,
    /// Files it writes into its workspace, by path.
    pub write: BTreeMap<String, String>,
    /// Files of its workspace that it prints, each as `path: content` or `path: missing`.
    pub print: Vec<String>,
    /// Of a service: times it is asked in vain whether it is ready.
    pub ready_after: u32,
    /// Written to the output file as JSON.
    pub outputs: Map<String, Value>,
}

type Files = BTreeMap<String, Vec<u8>>;

#[derive(Debug)]
struct Container {
    owner: Ownership,
    volume: String,
    /// Set once it has ended.
    exit: watch::Sender<Option<Exit>>,
    /// When the init ends it unless told otherwise.
    deadline: watch::Sender<Option<Instant>>,
    started: bool,
    ignores_term: bool,
    /// Times it is still to be asked in vain.
    not_ready: u32,
}

#[derive(Debug, Default)]
struct State {
    containers: HashMap<String, Container>,
    volumes: HashMap<String, (String, RunId, Files)>,
}

/// Steps scripted by their configuration.
#[derive(Clone, Debug, Default)]
pub struct Scripted {
    state: Arc<Mutex<State>>,
}

impl Scripted {
    /// An engine that holds nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> Result<T, EngineError> {
        let mut state = self.state.lock().map_err(|_| EngineError::Unavailable("the scripted engine broke".into()))?;
        Ok(act(&mut state))
    }

    fn end(&self, name: &str, exit: Exit) -> Result<(), EngineError> {
        self.with(|state| {
            if let Some(container) = state.containers.get(name) {
                container.exit.send_if_modified(|ended| {
                    let first = ended.is_none();
                    ended.get_or_insert(exit);
                    first
                });
            }
        })
    }

    /// Does the workspace's part of a script; gives what `print` asks for.
    fn work(&self, name: &str, script: &Script, out: Option<&str>) -> Result<Vec<String>, EngineError> {
        self.with(|state| {
            let volume = state.containers.get(name).map(|container| container.volume.clone()).unwrap_or_default();
            let Some((_, _, files)) = state.volumes.get_mut(&volume) else { return Vec::new() };
            let printed = script.print.iter().map(|path| match files.get(path) {
                Some(content) => format!("{path}: {}", String::from_utf8_lossy(content)),
                None => format!("{path}: missing"),
            });
            let printed = printed.collect();
            files.extend(script.write.iter().map(|(path, text)| (path.clone(), text.clone().into_bytes())));
            if let Some(out) = out.filter(|_| !script.outputs.is_empty()) {
                files.insert(in_workspace(out).to_owned(), json!(script.outputs).to_string().into_bytes());
            }
            printed
        })
    }
}

/// The part of a path below `/workspace`.
fn in_workspace(path: &str) -> &str {
    path.trim_start_matches("/workspace").trim_matches('/').trim_end_matches("/.").trim_end_matches('.')
}

fn unavailable(name: &str) -> EngineError {
    EngineError::Refused(format!("there is no container {name}"))
}

impl Engine for Scripted {
    async fn known_image(&self, image: &str) -> Result<Option<String>, EngineError> {
        let id = || format!("sha256:{}", hex::encode(Sha256::digest(image)));
        Ok((image != "missing").then(id))
    }

    async fn fetch_image(&self, image: &str) -> Result<String, EngineError> {
        Err(EngineError::Image { image: image.to_owned(), reason: "no such image".into(), passing: true })
    }

    async fn prepare(&self, spec: &ContainerSpec) -> Result<String, EngineError> {
        let name = format!("{}-{}-{}", spec.owner.run_id, spec.owner.step, spec.owner.attempt);
        self.with(|state| {
            if state.containers.contains_key(&name) {
                return Err(EngineError::Conflict(name.clone()));
            }
            let container = Container {
                owner: spec.owner.clone(),
                volume: spec.volume.clone().unwrap_or_default(),
                exit: watch::Sender::new(None),
                deadline: watch::Sender::new(None),
                started: false,
                ignores_term: false,
                not_ready: 0,
            };
            state.containers.insert(name.clone(), container);
            Ok(name)
        })?
    }

    async fn hand_over(&self, name: &str, command: &HandOver) -> Result<Output, EngineError> {
        let script: Script = match command.argv.first().map(|text| serde_json::from_str(text)) {
            None => Script::default(),
            Some(Ok(script)) => script,
            Some(Err(error)) => return Err(EngineError::Refused(format!("the script is not one: {error}"))),
        };
        let attempt: u16 = command.env.get("SLIPWAY_ATTEMPT").and_then(|text| text.parse().ok()).unwrap_or(1);
        let (mut ended, mut deadline) = self.with(|state| {
            let container = state.containers.get_mut(name).ok_or_else(|| unavailable(name))?;
            container.started = true;
            container.ignores_term = script.ignore_term;
            container.not_ready = script.ready_after;
            container.deadline.send_replace(Some(Instant::now() + command.deadline));
            Ok::<_, EngineError>((container.exit.subscribe(), container.deadline.subscribe()))
        })??;
        let printed = self.work(name, &script, command.env.get("SLIPWAY_OUTPUT").map(String::as_str))?;
        let lines: Vec<String> = script.lines.iter().cloned().chain(printed).collect();

        let code = match script.fail_times {
            0 => script.exit_code,
            times if attempt <= times => script.exit_code.max(1),
            _ => 0,
        };
        let infrastructure = attempt <= script.vanish_times;
        let exit = Exit { code: if infrastructure { 137 } else { code }, infrastructure, ..Exit::default() };
        let (engine, own_name) = (self.clone(), name.to_owned());
        let hangs = script.hang || attempt <= script.hang_times;
        if script.sleep_ms == 0 && !hangs {
            self.end(name, exit)?;
        } else {
            tokio::spawn(async move {
                let work = async {
                    tokio::time::sleep(Duration::from_millis(script.sleep_ms)).await;
                    if hangs {
                        std::future::pending::<()>().await;
                    }
                };
                let expired = async {
                    loop {
                        let at = *deadline.borrow_and_update();
                        tokio::select! {
                            () = async { match at { Some(at) => tokio::time::sleep_until(at).await, None => std::future::pending().await } } => break,
                            changed = deadline.changed() => if changed.is_err() { break },
                        }
                    }
                };
                let exit = tokio::select! {
                    () = work => exit,
                    () = expired => Exit { code: 143, infrastructure: true, ..Exit::default() },
                    _ = ended.wait_for(Option::is_some) => return,
                };
                // The engine's state is gone only when the process is.
                let _ = engine.end(&own_name, exit);
            });
        }
        let mut over = self
            .with(|state| state.containers.get(name).map(|c| c.exit.subscribe()))?
            .ok_or_else(|| unavailable(name))?;
        let now = chrono::Utc::now();
        let lines = lines.into_iter().map(move |text| OutputLine { stream: OutputStream::Stdout, at: now, text });
        let until_over = futures::stream::once(async move { drop(over.wait_for(Option::is_some).await) });
        Ok(futures::stream::iter(lines).chain(until_over.filter_map(|()| async { None })).boxed())
    }

    async fn renew(&self, name: &str, deadline: Duration) -> Result<(), EngineError> {
        self.with(|state| {
            if let Some(container) = state.containers.get(name) {
                container.deadline.send_replace(Some(Instant::now() + deadline));
            }
        })
    }

    async fn probe(&self, name: &str, probe: &Probe) -> Result<Answer, EngineError> {
        self.with(|state| match state.containers.get_mut(name) {
            Some(container) if container.exit.borrow().is_some() => Answer::NotYet("it has ended".to_owned()),
            Some(container) if container.not_ready > 0 => {
                container.not_ready -= 1;
                Answer::NotYet(format!("{}: asked in vain", probe.check))
            }
            Some(_) => Answer::Ready,
            None => Answer::NotYet("it is gone".to_owned()),
        })
    }

    async fn wait(&self, name: &str) -> Result<Exit, EngineError> {
        let ended = self.with(|state| state.containers.get(name).map(|container| container.exit.subscribe()))?;
        let mut ended = ended.ok_or_else(|| unavailable(name))?;
        let exit = ended.wait_for(Option::is_some).await.map_err(|_| unavailable(name))?.clone();
        exit.ok_or_else(|| unavailable(name))
    }

    async fn stop(&self, name: &str, grace: Duration) -> Result<(), EngineError> {
        let found =
            self.with(|state| state.containers.get(name).map(|c| (c.exit.subscribe(), c.started && c.ignores_term)))?;
        let Some((mut ended, stubborn)) = found else { return Ok(()) };
        if stubborn {
            // Over by itself within the grace, or killed.
            let _ = tokio::time::timeout(grace, ended.wait_for(Option::is_some)).await;
        }
        let code = if stubborn || grace.is_zero() { 137 } else { 143 };
        self.end(name, Exit { code, ..Exit::default() })
    }

    async fn read(&self, name: &str, path: &str, limit: u64) -> Result<Archive, EngineError> {
        let below = in_workspace(path).to_owned();
        let tar = self.with(|state| {
            let volume = state
                .containers
                .get(name)
                .map(|container| container.volume.clone())
                .ok_or_else(|| unavailable(name))?;
            let mut builder = tar::Builder::new(Vec::new());
            let files = state.volumes.get(&volume).map(|(_, _, files)| files.iter()).into_iter().flatten();
            for (file, content) in files {
                let inside =
                    if below.is_empty() { Some(file.as_str()) } else { file.strip_prefix(&format!("{below}/")) };
                let inside = inside.or_else(|| (*file == below).then(|| file.rsplit('/').next().unwrap_or(file)));
                if let Some(inside) = inside {
                    let mut header = tar::Header::new_gnu();
                    header.set_size(content.len() as u64);
                    header.set_mode(0o644);
                    builder
                        .append_data(&mut header, inside, content.as_slice())
                        .map_err(|e| EngineError::Refused(e.to_string()))?;
                }
            }
            builder.into_inner().map_err(|error| EngineError::Refused(error.to_string()))
        })??;
        if tar.len() as u64 > limit {
            return Err(EngineError::TooLarge(limit));
        }
        Ok(futures::stream::iter([Ok(Bytes::from(tar))]).boxed())
    }

    async fn write(&self, name: &str, path: &str, tar: Bytes) -> Result<(), EngineError> {
        use std::io::Read as _;
        let below = in_workspace(path).to_owned();
        self.with(|state| {
            let volume = state
                .containers
                .get(name)
                .map(|container| container.volume.clone())
                .ok_or_else(|| unavailable(name))?;
            let Some((_, _, files)) = state.volumes.get_mut(&volume) else { return Err(unavailable(name)) };
            let refused = |error: std::io::Error| EngineError::Refused(error.to_string());
            for entry in tar::Archive::new(&*tar).entries().map_err(refused)? {
                let mut entry = entry.map_err(refused)?;
                if entry.header().entry_type() == tar::EntryType::Regular {
                    let inside = entry.path().map_err(refused)?.to_string_lossy().trim_start_matches("./").to_owned();
                    let mut content = Vec::new();
                    entry.read_to_end(&mut content).map_err(refused)?;
                    files.insert(if below.is_empty() { inside } else { format!("{below}/{inside}") }, content);
                }
            }
            Ok(())
        })?
    }

    async fn remove(&self, name: &str) -> Result<(), EngineError> {
        self.end(name, Exit { code: 137, ..Exit::default() })?;
        self.with(|state| drop(state.containers.remove(name)))
    }

    async fn list(&self, instance: &str) -> Result<Vec<Found>, EngineError> {
        self.with(|state| {
            let all = state.containers.iter().filter(|(_, container)| container.owner.instance == instance);
            all.map(|(name, container)| Found {
                name: name.clone(),
                owner: container.owner.clone(),
                running: container.started && container.exit.borrow().is_none(),
            })
            .collect()
        })
    }

    async fn ensure_volume(&self, instance: &str, run: RunId, name: &str) -> Result<bool, EngineError> {
        self.with(|state| {
            let new = !state.volumes.contains_key(name);
            if new {
                state.volumes.insert(name.to_owned(), (instance.to_owned(), run, Files::new()));
            }
            new
        })
    }

    async fn remove_volume(&self, name: &str) -> Result<(), EngineError> {
        self.with(|state| drop(state.volumes.remove(name)))
    }

    async fn leftovers(&self, instance: &str) -> Result<Vec<RunId>, EngineError> {
        self.with(|state| {
            let mut runs: Vec<_> =
                state.volumes.values().filter(|(owner, _, _)| owner == instance).map(|(_, run, _)| *run).collect();
            runs.sort_unstable();
            runs.dedup();
            runs
        })
    }

    async fn sweep(&self, instance: &str, run: RunId, below: Fence) -> Result<(), EngineError> {
        let old = self.list(instance).await?;
        for found in old.into_iter().filter(|found| found.owner.run_id == run && found.owner.fence < below) {
            self.remove(&found.name).await?;
        }
        self.with(|state| {
            let used: Vec<String> = state.containers.values().map(|container| container.volume.clone()).collect();
            state.volumes.retain(|name, (owner, of, _)| owner != instance || *of != run || used.contains(name));
        })
    }

    async fn posture(&self) -> Result<Posture, EngineError> {
        Ok(Posture { engine: "scripted".into(), ..Posture::default() })
    }

    async fn free_disk(&self) -> Result<u64, EngineError> {
        Ok(u64::MAX)
    }
}
