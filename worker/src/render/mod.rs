//! Rendering of the Go templates in workflows and step types, in a child process under limits.
//!
//! A template is a user's program: forty doublings of a string need a terabyte. So the worker's own binary is started
//! a second time as a child that holds nothing (no environment, no open files but two pipes, bounded memory and
//! processor time), is given requests, and is killed and started again when it answers late, too much or not at all.
//!
//! What is a template and what it may use is written in [`template`]; how the two processes talk, in [`wire`].

mod chain;
mod child;
mod convert;
mod functions;
mod template;
mod wire;

use std::{path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::{Mutex, Semaphore},
    time::timeout,
};

pub use child::run_child_if_asked;
use template::Limits;
use wire::{Answer, CHILD_VARIABLE, MAX_ANSWER_BYTES, MAX_REQUEST_BYTES};

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Children of one renderer: one hostile template must not hold up everyone.
const CHILDREN: usize = 2;

/// A map with this key stands for a value that is not known yet: the key's value, a text, is shown in its place and in that
/// of everything below it.
pub const UNKNOWN: &str = "\u{0}unknown";

/// What to render, over what.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RenderRequest {
    /// What templates in `values` and the condition see: `parameters`, `steps`, `settings`, …
    pub context: Map<String, Value>,
    /// A CEL expression, looked at first: when it is false, nothing is rendered.
    #[serde(default)]
    pub condition: Option<String>,
    /// Rendered over `context`. Every string in it, however deep, may be a template; keys are taken as they are.
    pub values: Map<String, Value>,
    /// Rendered afterwards over the rendered `values`, and only those: a step type's own strings, which see `config`.
    /// What `values` became is data there and is not rendered again.
    #[serde(default)]
    pub then: Map<String, Value>,
}

/// What became of a [`RenderRequest`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RenderResponse {
    /// `values`, rendered.
    pub values: Map<String, Value>,
    /// `then`, rendered.
    pub then: Map<String, Value>,
    /// What the condition gave, if there was one. False: nothing was rendered.
    #[serde(default)]
    pub condition: Option<bool>,
}

/// Why nothing was rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A template is wrong, or names what does not exist.
    #[error("{path}, line {line}: {reason}")]
    Template {
        /// Where the template is, as `config.items[2].name`.
        path: String,
        /// Line in that string, from 1.
        line: usize,
        /// What is wrong, for its author.
        reason: String,
    },
    /// The values and what they see are too large to be rendered.
    #[error("{bytes} bytes to render; at most {MAX_REQUEST_BYTES} are allowed")]
    RequestTooLarge {
        /// Size of the request.
        bytes: usize,
    },
    /// The result is too large.
    #[error("the rendered values have more than {MAX_ANSWER_BYTES} bytes")]
    OutputTooLarge,
    /// Not done in time.
    #[error("the templates took longer than {} s to render", TIMEOUT.as_secs())]
    TimedOut,
    /// The child did not survive the request.
    #[error("the templates need more memory or time than rendering may take")]
    Exhausted,
    /// The child cannot be started or spoken to; says nothing about the templates.
    #[error("the process that renders templates is not available: {0}")]
    Unavailable(String),
}

impl RenderError {
    /// Whether the same request would fail again: the templates are at fault, not this host.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        match self {
            Self::Template { .. }
            | Self::RequestTooLarge { .. }
            | Self::OutputTooLarge
            | Self::TimedOut
            | Self::Exhausted => true,
            Self::Unavailable(_) => false,
        }
    }
}

/// Renders templates in child processes, which are started when they are needed. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Renderer {
    exe: PathBuf,
    idle: Arc<Mutex<Vec<Helper>>>,
    turns: Arc<Semaphore>,
}

/// One child and the pipes to it. Killed when dropped.
#[derive(Debug)]
struct Helper {
    process: Child,
    requests: ChildStdin,
    answers: ChildStdout,
}

impl Renderer {
    /// Prepares to start `exe` (by default this process's own program) as child. Its `main` must begin with
    /// [`run_child_if_asked`].
    ///
    /// # Errors
    /// When the path of this program cannot be found out.
    pub fn start(exe: Option<PathBuf>) -> std::io::Result<Self> {
        let exe = exe.map_or_else(std::env::current_exe, Ok)?;
        Ok(Self { exe, idle: Arc::default(), turns: Arc::new(Semaphore::new(CHILDREN)) })
    }

    /// Renders one request. What holds no template, or none that is more than one field, is no program: it is answered at once,
    /// without the child.
    ///
    /// # Errors
    /// See [`RenderError`]. Whatever a request did to its child, the next one finds a working child.
    pub async fn render(&self, request: RenderRequest) -> Result<RenderResponse, RenderError> {
        let written = || [&request.values, &request.then].into_iter().flat_map(Map::values);
        let is_plain = request.condition.is_none() && written().all(template::is_plain);
        if is_plain && !written().any(template::is_in) {
            return Ok(RenderResponse { values: request.values, then: request.then, condition: None });
        }
        // Looked at before it is copied: what is far too large must not cost the worker anything.
        let bytes = [&request.context, &request.values, &request.then]
            .into_iter()
            .flat_map(Map::values)
            .map(template::size)
            .sum();
        if bytes > MAX_REQUEST_BYTES {
            return Err(RenderError::RequestTooLarge { bytes });
        }
        if is_plain {
            return Answer::of(template::render(request, Limits::from_now())).into_result();
        }
        let request = serde_json::to_vec(&request).map_err(unavailable)?;
        if request.len() > MAX_REQUEST_BYTES {
            return Err(RenderError::RequestTooLarge { bytes: request.len() });
        }
        let _turn = self.turns.acquire().await.map_err(unavailable)?;
        let mut helper = self.helper().await?;
        // A child that is not put back below is killed.
        let answer = timeout(TIMEOUT, helper.ask(&request)).await.map_err(|_| RenderError::TimedOut)??;
        self.idle.lock().await.push(helper);
        answer.into_result()
    }

    /// An idle child that lives, or a new one.
    async fn helper(&self) -> Result<Helper, RenderError> {
        let mut idle = self.idle.lock().await;
        while let Some(mut helper) = idle.pop() {
            if matches!(helper.process.try_wait(), Ok(None)) {
                return Ok(helper);
            }
        }
        drop(idle);
        let mut command = Command::new(&self.exe);
        command.env_clear().env(CHILD_VARIABLE, "1").current_dir("/").kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().map_err(unavailable)?;
        let (requests, answers) =
            process.stdin.take().zip(process.stdout.take()).ok_or_else(|| unavailable("no pipes"))?;
        Ok(Helper { process, requests, answers })
    }
}

impl Helper {
    async fn ask(&mut self, request: &[u8]) -> Result<Answer, RenderError> {
        // A child that dies closes its pipes; which end notices first is chance.
        self.send(request).await.map_err(|_| RenderError::Exhausted)?;
        let length = self.answers.read_u32().await.map_err(|_| RenderError::Exhausted)? as usize;
        if length > MAX_ANSWER_BYTES * 2 {
            return Err(RenderError::OutputTooLarge);
        }
        let mut answer = vec![0; length];
        self.answers.read_exact(&mut answer).await.map_err(|_| RenderError::Exhausted)?;
        serde_json::from_slice(&answer).map_err(unavailable)
    }

    async fn send(&mut self, request: &[u8]) -> std::io::Result<()> {
        self.requests.write_u32(u32::try_from(request.len()).unwrap_or(u32::MAX)).await?;
        self.requests.write_all(request).await?;
        self.requests.flush().await
    }
}

fn unavailable(error: impl std::fmt::Display) -> RenderError {
    RenderError::Unavailable(error.to_string())
}
