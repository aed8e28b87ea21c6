//! `slipway top`: queues, runs and workers, live in the terminal.
//!
//! [`feed`] asks the server, [`screen`] is what a person sees and does, [`draw`] paints it, [`console`] is the terminal.

mod console;
mod draw;
mod feed;
mod screen;

use std::{io::IsTerminal as _, time::Duration};

use serde_json::json;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time::{Instant, interval_at},
};

use self::{
    console::{Console, Input},
    feed::{Feed, News},
    screen::{Screen, Wish},
};
use super::Globals;
use crate::output::Format;

/// How often the screen is painted though nothing happened: ages grow.
const REPAINT: Duration = Duration::from_secs(1);
/// Answers that wait to be shown, and keys that wait to be obeyed.
const WAITING: usize = 64;

/// Shows queues, runs and workers, live
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  slipway top
  slipway top --interval 5 --no-color
  slipway top -o json                      one look, for programs
Keys: 1 2 3 or Tab change the list; arrows or j k move; / filters, Esc lets all through again; Enter shows one (of a queue: its runs);
c cancels a run, after a question; r looks at once; ? helps; q ends.")]
pub(crate) struct Arguments {
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=3600))]
    interval: u16,
    /// Only runs of this application
    #[arg(long, visible_alias = "application", value_name = "APP")]
    app: Option<String>,
}

/// Carries it out.
///
/// # Errors
/// When there is no terminal, or the first look fails.
pub(crate) async fn run(globals: &Globals, arguments: Arguments) -> anyhow::Result<()> {
    let printer = globals.printer();
    let feed = Feed::new(globals.client()?, arguments.app);
    if printer.format != Format::Table {
        let look = feed.raw().await?;
        return printer.print(&look, |_, _| Ok(String::new()));
    }
    anyhow::ensure!(
        std::io::stdout().is_terminal() && std::io::stdin().is_terminal(),
        "top needs a terminal: `slipway queue list --watch` and `slipway workflow list --watch` do without, `slipway top -o json` looks once"
    );
    // What is wrong with the server or the key is better said before the screen is taken.
    let first = feed.look().await?;
    let mut screen = Screen::new(feed.server());
    screen.take(News::Look(Box::new(first)));
    show(feed, screen, Duration::from_secs(arguments.interval.into()), printer.colour).await
}

async fn show(feed: Feed, mut screen: Screen, interval: Duration, colour: bool) -> anyhow::Result<()> {
    let (tell, mut news) = mpsc::channel(WAITING);
    let mut console = Console::open(WAITING)?;
    let (mut terminate, mut hang_up) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    let mut looks = interval_at(Instant::now() + interval, interval);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut repaint = tokio::time::interval(REPAINT);
    let mut looking = None;
    loop {
        console.draw(|frame| draw::screen(frame, &screen, colour))?;
        let wish = tokio::select! {
            input = console.input() => match input {
                Some(Input::Key(key)) => screen.key(key),
                Some(Input::Redraw) => Wish::Nothing,
                None => Wish::Quit,
            },
            Some(told) = news.recv() => {
                screen.take(told);
                Wish::Nothing
            }
            _ = looks.tick() => Wish::Look,
            _ = repaint.tick() => Wish::Nothing,
            _ = terminate.recv() => Wish::Quit,
            _ = hang_up.recv() => Wish::Quit,
        };
        match wish {
            Wish::Nothing => {}
            Wish::Quit => return Ok(()),
            // One look at a time: a slow server is not asked more often than it answers.
            Wish::Look if looking.as_ref().is_some_and(|task: &tokio::task::JoinHandle<()>| !task.is_finished()) => {}
            Wish::Look => looking = Some(tell_of(&feed, &tell, Ask::Look)),
            Wish::Details(run) => drop(tell_of(&feed, &tell, Ask::Details(run))),
            Wish::Cancel(run) => drop(tell_of(&feed, &tell, Ask::Cancel(run))),
        }
    }
}

enum Ask {
    Look,
    Details(String),
    Cancel(String),
}

/// Asks the server beside the screen, which goes on meanwhile.
fn tell_of(feed: &Feed, tell: &mpsc::Sender<News>, ask: Ask) -> tokio::task::JoinHandle<()> {
    let (feed, tell) = (feed.clone(), tell.clone());
    tokio::spawn(async move {
        let told = match ask {
            Ask::Look => feed.look().await.map(|look| News::Look(Box::new(look))),
            Ask::Details(run) => feed.details(&run).await.map(|text| News::Details { run, text }),
            Ask::Cancel(run) => feed.cancel(&run).await.map(News::Said),
        };
        // The screen may be gone.
        let _ = tell.send(told.unwrap_or_else(|error| News::Trouble(format!("{error:#}")))).await;
    })
}

/// A look as programs want it.
fn as_json(queues: serde_json::Value, runs: serde_json::Value, workers: serde_json::Value) -> serde_json::Value {
    json!({ "queues": queues["items"], "runs": runs["items"], "workers": workers["items"] })
}
