//! Gives the init of a container its command, and more time.

use std::{
    pin::Pin,
    sync::{Arc, PoisonError},
    time::Duration,
};

use bollard::{
    container::AttachContainerResults,
    models::ContainerStateStatusEnum,
    query_parameters::{AttachContainerOptionsBuilder, StartContainerOptions},
};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt as _},
    sync::{Mutex as AsyncMutex, mpsc, watch},
    time::timeout,
};
use tokio_stream::wrappers::ReceiverStream;

use super::{
    DockerEngine,
    call::{Failure, QUICK, SLOW, call},
    output::{Pump, WAITING_LINES},
    parts,
    protocol::{self, Command, File, Message, Report},
};
use crate::engine::{EngineError, HandOver, Output, StepFile};

/// How long the init may take to read a message.
const SEND: Duration = Duration::from_secs(30);

type Input = Arc<AsyncMutex<Pin<Box<dyn AsyncWrite + Send>>>>;

/// What this process knows of a container it handed a command to.
pub(super) struct Live {
    nonce: String,
    input: Option<Input>,
    pub(super) report: watch::Receiver<Option<Report>>,
    pub(super) stopped: bool,
}

/// Starts a prepared container with its command; one that has started already is only followed.
pub(super) async fn hand_over(engine: &DockerEngine, name: &str, command: &HandOver) -> Result<Output, EngineError> {
    let fresh = parts::uuid_like() + &parts::uuid_like();
    let nonce = engine.with_live(name, |live| live.nonce.clone()).unwrap_or(fresh);
    let message = message(&nonce, command)?;
    let (to, lines) = mpsc::channel(WAITING_LINES);
    let (reports, report) = watch::channel(None);
    let pump = Pump::new(engine.docker.clone(), name.to_owned(), &nonce, command.max_output, to, reports);
    let status = engine.status(name).await?;
    let mut live = Live { nonce, input: None, report, stopped: false };
    // Never start a container twice: the step would run twice.
    let attached = match status {
        None => return Err(EngineError::Refused(format!("there is no container {name}"))),
        Some(ContainerStateStatusEnum::CREATED) => {
            let attached = start(engine, name).await?;
            let input: Input = Arc::new(AsyncMutex::new(attached.input));
            send(&input, &message).await?;
            live.input = Some(input);
            Some(attached.output)
        }
        Some(_) => None,
    };
    engine.shared.live.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), live);
    tokio::spawn(pump.run(attached));
    Ok(Box::pin(ReceiverStream::new(lines)))
}

/// Tells the init to wait longer, over the connection it was started by or another one.
pub(super) async fn renew(engine: &DockerEngine, name: &str, deadline: Duration) -> Result<(), EngineError> {
    let message = Message::Renew(u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX));
    if let Some(input) = engine.with_live(name, |live| live.input.clone()).flatten()
        && send(&input, &message).await.is_ok()
    {
        return Ok(());
    }
    if engine.status(name).await? != Some(ContainerStateStatusEnum::RUNNING) {
        return Ok(());
    }
    let options = AttachContainerOptionsBuilder::default().stream(true).stdin(true).build();
    let attached = call("attach", QUICK, engine.docker.attach_container(name, Some(options))).await?;
    let input: Input = Arc::new(AsyncMutex::new(attached.input));
    send(&input, &message).await?;
    engine.with_live(name, |live| live.input = Some(input));
    Ok(())
}

/// Attaches, so that no output is missed, and starts.
async fn attach_and_start(engine: &DockerEngine, name: &str) -> Result<AttachContainerResults, Failure> {
    let options = AttachContainerOptionsBuilder::default();
    let options = options.stream(true).stdin(true).stdout(true).stderr(true).build();
    let attached = call("attach", QUICK, engine.docker.attach_container(name, Some(options))).await?;
    call("start container", SLOW, engine.docker.start_container(name, None::<StartContainerOptions>)).await?;
    Ok(attached)
}

async fn start(engine: &DockerEngine, name: &str) -> Result<AttachContainerResults, EngineError> {
    match attach_and_start(engine, name).await {
        // Somebody cleaned up volumes since the container was made, and the engine put an empty one in its place.
        Err(failure) if failure.says("/.slipway/init") => {
            engine.forget_parts().await;
            engine.parts().await?;
            Ok(attach_and_start(engine, name).await?)
        }
        other => Ok(other?),
    }
}

async fn send(input: &Input, message: &Message) -> Result<(), EngineError> {
    let frame = message.encode();
    let writing = async {
        let mut input = input.lock().await;
        input.write_all(&frame).await?;
        input.flush().await
    };
    match timeout(SEND, writing).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(EngineError::Unavailable(format!("the init's input: {error}"))),
        Err(_) => Err(EngineError::Unavailable("the init does not read its input".into())),
    }
}

fn message(nonce: &str, command: &HandOver) -> Result<Message, EngineError> {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let size: usize = command.files.iter().map(|file| file.content.len()).sum();
    if size > protocol::MAX_FRAME / 2 {
        return Err(EngineError::TooLarge(protocol::MAX_FRAME as u64 / 2));
    }
    let nul = |text: &String| text.contains('\0');
    if command.argv.is_empty()
        || command.argv.iter().any(nul)
        || command.env.iter().any(|(k, v)| k.contains('=') || nul(k) || nul(v))
    {
        return Err(EngineError::Refused("the command or its environment cannot be expressed".into()));
    }
    let file = |file: &StepFile| File { path: file.path.clone(), mode: file.mode, content: file.content.to_vec() };
    Ok(Message::Command(Box::new(Command {
        nonce: nonce.to_owned(),
        argv: command.argv.clone(),
        env: command.env.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        cwd: command.cwd.clone(),
        files: command.files.iter().map(file).collect(),
        deadline_ms: millis(command.deadline),
        grace_ms: millis(command.grace),
        max_disk: command.max_disk,
    })))
}
