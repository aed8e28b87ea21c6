//! The terminal: taken, painted, listened to, and given back as it was, whatever happens.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use ratatui::{
    DefaultTerminal, Frame,
    crossterm::event::{self, Event, KeyEvent, KeyEventKind},
};
use tokio::sync::mpsc;

/// How soon the reader of keys notices that it is not wanted any more.
const NOTICE: Duration = Duration::from_millis(100);

/// What comes from the terminal.
#[derive(Clone, Copy, Debug)]
pub(super) enum Input {
    /// A key went down.
    Key(KeyEvent),
    /// It has another size now.
    Redraw,
}

/// The terminal, in our hands until this is dropped.
#[derive(Debug)]
pub(super) struct Console {
    terminal: DefaultTerminal,
    inputs: mpsc::Receiver<Input>,
    over: Arc<AtomicBool>,
}

impl Console {
    /// Takes the terminal. A panic gives it back before it says why.
    ///
    /// # Errors
    /// When the terminal cannot do what is needed.
    pub(super) fn open(waiting: usize) -> anyhow::Result<Self> {
        let terminal = ratatui::try_init().context("taking the terminal")?;
        let (send, inputs) = mpsc::channel(waiting);
        let over = Arc::new(AtomicBool::new(false));
        let console = Self { terminal, inputs, over: Arc::clone(&over) };
        // A thread, because reading from a terminal blocks.
        std::thread::Builder::new()
            .name("keys".into())
            .spawn(move || listen(&send, &over))
            .context("listening to the keyboard")?;
        Ok(console)
    }

    /// Paints.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub(super) fn draw(&mut self, paint: impl FnOnce(&mut Frame<'_>)) -> anyhow::Result<()> {
        self.terminal.draw(paint).context("painting the terminal")?;
        Ok(())
    }

    /// The next key; none when the keyboard is gone.
    pub(super) async fn input(&mut self) -> Option<Input> {
        self.inputs.recv().await
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // There is nobody left to tell.
        let _ = ratatui::try_restore();
    }
}

fn listen(send: &mpsc::Sender<Input>, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        let input = match event::poll(NOTICE) {
            Ok(false) => continue,
            Ok(true) => match event::read() {
                Ok(Event::Key(key)) if key.kind == KeyEventKind::Press => Input::Key(key),
                Ok(Event::Resize(..)) => Input::Redraw,
                Ok(_) => continue,
                Err(_) => return,
            },
            Err(_) => return,
        };
        if send.blocking_send(input).is_err() {
            return;
        }
    }
}
