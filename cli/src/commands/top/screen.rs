//! What a person sees and does: which list, which line, which question. Nothing here speaks to a server or a terminal.

use chrono::{DateTime, Utc};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::feed::{Look, News};
use crate::{
    output::clean,
    views::{Queue, Run, Worker},
};

/// Characters of a filter.
const MAX_FILTER: usize = 100;
/// Lines that a page key moves by.
const PAGE: isize = 10;

/// A list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tab {
    #[default]
    Queues,
    Runs,
    Workers,
}

impl Tab {
    pub(super) const ALL: [Self; 3] = [Self::Queues, Self::Runs, Self::Workers];

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Queues => "Queues",
            Self::Runs => "Runs",
            Self::Workers => "Workers",
        }
    }

    pub(super) const fn place(self) -> usize {
        self as usize
    }

    fn beside(self, step: usize) -> Self {
        Self::ALL[(self.place() + step) % Self::ALL.len()]
    }
}

/// What keys mean now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    /// They move in a list.
    #[default]
    List,
    /// They write a filter.
    Filter,
    /// They move in a text about one thing.
    Details {
        /// Of what.
        title: String,
        /// None while it is asked for.
        text: Option<String>,
        /// Lines that are above the screen.
        above: u16,
    },
    /// They answer whether this run is to be cancelled.
    Confirm {
        /// Its id.
        run: String,
        /// What it does.
        what: String,
    },
    /// Any of them closes the list of keys.
    Help,
}

/// What a key asks of the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Nothing,
    Quit,
    Look,
    /// More about this run.
    Details(String),
    /// That this run stops.
    Cancel(String),
}

/// The screen.
#[derive(Clone, Debug, Default)]
pub(super) struct Screen {
    pub(super) server: String,
    pub(super) tab: Tab,
    pub(super) mode: Mode,
    pub(super) filter: String,
    pub(super) look: Look,
    /// Since when, and why, the server does not answer.
    pub(super) trouble: Option<(DateTime<Utc>, String)>,
    /// What became of the last wish.
    pub(super) said: Option<String>,
    /// The id of the chosen line in each list: lines move while one looks.
    chosen: [Option<String>; 3],
}

impl Screen {
    pub(super) fn new(server: String) -> Self {
        Self { server, ..Self::default() }
    }

    /// Notes what the server said.
    pub(super) fn take(&mut self, news: News) {
        match news {
            News::Look(look) => (self.look, self.trouble) = (*look, None),
            News::Said(said) => self.said = Some(clean(&said)),
            News::Trouble(why) => {
                let why = clean(&why);
                if let Mode::Details { text: text @ None, .. } = &mut self.mode {
                    *text = Some(why.clone());
                }
                let since = self.trouble.take().map_or_else(Utc::now, |(since, _)| since);
                self.trouble = Some((since, why));
            }
            News::Details { run, text: told } => {
                if let Mode::Details { title, text, .. } = &mut self.mode
                    && title.ends_with(&run)
                {
                    *text = Some(told);
                }
            }
        }
    }

    /// The queues that the filter lets through.
    pub(super) fn queues(&self) -> Vec<&Queue> {
        self.look
            .queues
            .iter()
            .filter(|it| self.lets(&[&it.name, it.wait_reason.as_deref().unwrap_or_default()]))
            .collect()
    }

    /// The runs that the filter lets through.
    pub(super) fn runs(&self) -> Vec<&Run> {
        let lets = |it: &&Run| {
            let [application, resource, reason] =
                [&it.application, &it.resource, &it.reason].map(|it| it.as_deref().unwrap_or_default());
            self.lets(&[&it.id, &it.workflow, &it.queue, &it.status, &it.operation, application, resource, reason])
        };
        self.look.runs.iter().filter(lets).collect()
    }

    /// The workers that the filter lets through.
    pub(super) fn workers(&self) -> Vec<&Worker> {
        let lets = |it: &&Worker| self.lets(&[&it.name, &it.host, &it.state, &it.queues.join(" ")]);
        self.look.workers.iter().filter(lets).collect()
    }

    /// Every word of the filter is in one of the texts.
    fn lets(&self, texts: &[&str]) -> bool {
        let holds = |word: &str| texts.iter().any(|text| text.to_lowercase().contains(word));
        self.filter.to_lowercase().split_whitespace().all(holds)
    }

    fn ids(&self) -> Vec<String> {
        match self.tab {
            Tab::Queues => self.queues().iter().map(|it| it.name.clone()).collect(),
            Tab::Runs => self.runs().iter().map(|it| it.id.clone()).collect(),
            Tab::Workers => self.workers().iter().map(|it| it.id.clone()).collect(),
        }
    }

    /// Which line is chosen; none in an empty list.
    pub(super) fn line(&self) -> Option<usize> {
        let ids = self.ids();
        let chosen = self.chosen[self.tab.place()].as_ref();
        let line = chosen.and_then(|chosen| ids.iter().position(|id| id == chosen)).unwrap_or(0);
        (!ids.is_empty()).then_some(line)
    }

    fn choose(&mut self, pick: impl FnOnce(isize, isize) -> isize) {
        let ids = self.ids();
        let (Some(line), Ok(last)) = (self.line(), isize::try_from(ids.len().saturating_sub(1))) else { return };
        let wanted = pick(isize::try_from(line).unwrap_or(last), last).clamp(0, last);
        self.chosen[self.tab.place()] = usize::try_from(wanted).ok().and_then(|line| ids.get(line)).cloned();
    }

    /// Does what a key means; gives what else it asks for.
    pub(super) fn key(&mut self, key: KeyEvent) -> Wish {
        if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
            return Wish::Quit;
        }
        match std::mem::take(&mut self.mode) {
            Mode::List => self.in_list(key.code),
            Mode::Filter => self.in_filter(key.code),
            Mode::Details { title, text, above } => {
                let above = match key.code {
                    KeyCode::Down | KeyCode::Char('j') => above.saturating_add(1),
                    KeyCode::Up | KeyCode::Char('k') => above.saturating_sub(1),
                    KeyCode::PageDown | KeyCode::Char(' ') => above.saturating_add(10),
                    KeyCode::PageUp => above.saturating_sub(10),
                    KeyCode::Home | KeyCode::Char('g') => 0,
                    KeyCode::Esc | KeyCode::Enter | KeyCode::Left | KeyCode::Char('h' | 'q') => return Wish::Nothing,
                    KeyCode::Char('c') if self.tab == Tab::Runs => return self.ask_to_cancel(),
                    _ => above,
                };
                // Not further than the text goes.
                let lines = text.as_deref().map_or(0, |text| text.lines().count().saturating_sub(1));
                self.mode = Mode::Details { title, text, above: above.min(u16::try_from(lines).unwrap_or(u16::MAX)) };
                Wish::Nothing
            }
            Mode::Confirm { run, .. } => match key.code {
                KeyCode::Char('y' | 'Y') => Wish::Cancel(run),
                KeyCode::Char('n' | 'N' | 'q') | KeyCode::Esc => {
                    self.said = Some("nothing was cancelled".into());
                    Wish::Nothing
                }
                _ => {
                    // Whatever else was typed is no answer.
                    let what = self.what(&run);
                    self.mode = Mode::Confirm { run, what };
                    Wish::Nothing
                }
            },
            Mode::Help => Wish::Nothing,
        }
    }

    fn in_list(&mut self, key: KeyCode) -> Wish {
        self.said = None;
        match key {
            KeyCode::Char('q') => return Wish::Quit,
            KeyCode::Char('r') => return Wish::Look,
            KeyCode::Char('1') => self.tab = Tab::Queues,
            KeyCode::Char('2') => self.tab = Tab::Runs,
            KeyCode::Char('3') => self.tab = Tab::Workers,
            KeyCode::Tab | KeyCode::Right | KeyCode::Char('l') => self.tab = self.tab.beside(1),
            KeyCode::BackTab | KeyCode::Left | KeyCode::Char('h') => self.tab = self.tab.beside(2),
            KeyCode::Down | KeyCode::Char('j') => self.choose(|line, _| line + 1),
            KeyCode::Up | KeyCode::Char('k') => self.choose(|line, _| line - 1),
            KeyCode::PageDown | KeyCode::Char(' ') => self.choose(|line, _| line + PAGE),
            KeyCode::PageUp => self.choose(|line, _| line - PAGE),
            KeyCode::Home | KeyCode::Char('g') => self.choose(|_, _| 0),
            KeyCode::End | KeyCode::Char('G') => self.choose(|_, last| last),
            KeyCode::Char('/') => self.mode = Mode::Filter,
            KeyCode::Char('?') => self.mode = Mode::Help,
            KeyCode::Esc => self.filter.clear(),
            KeyCode::Enter => return self.open(),
            KeyCode::Char('c') if self.tab == Tab::Runs => return self.ask_to_cancel(),
            _ => {}
        }
        Wish::Nothing
    }

    fn in_filter(&mut self, key: KeyCode) -> Wish {
        self.mode = Mode::Filter;
        match key {
            KeyCode::Enter => self.mode = Mode::List,
            KeyCode::Esc => {
                self.filter.clear();
                self.mode = Mode::List;
            }
            KeyCode::Backspace => drop(self.filter.pop()),
            KeyCode::Char(c) if self.filter.chars().count() < MAX_FILTER && !c.is_control() => self.filter.push(c),
            _ => {}
        }
        Wish::Nothing
    }

    /// Shows the chosen line: of a queue its runs, of the others what is known.
    fn open(&mut self) -> Wish {
        let Some(line) = self.line() else { return Wish::Nothing };
        match self.tab {
            Tab::Queues => {
                self.filter = self.queues()[line].name.clone();
                self.tab = Tab::Runs;
                Wish::Nothing
            }
            Tab::Runs => {
                let run = self.runs()[line].id.clone();
                self.mode = Mode::Details { title: format!("run {run}"), text: None, above: 0 };
                Wish::Details(run)
            }
            Tab::Workers => {
                let worker = self.workers()[line];
                let title = format!("worker {}", clean(&worker.name));
                self.mode = Mode::Details { title, text: Some(about(worker)), above: 0 };
                Wish::Nothing
            }
        }
    }

    fn ask_to_cancel(&mut self) -> Wish {
        let Some(run) = self.line().and_then(|line| self.runs().get(line).map(|run| (*run).clone())) else {
            return Wish::Nothing;
        };
        if run.is_over() {
            self.said = Some(format!("run {} is {} already", clean(&run.id), clean(&run.status)));
            return Wish::Nothing;
        }
        self.mode = Mode::Confirm { what: self.what(&run.id), run: run.id };
        Wish::Nothing
    }

    /// What a run does, in a few words.
    fn what(&self, id: &str) -> String {
        let run = self.look.runs.iter().find(|run| run.id == id);
        run.map_or_else(String::new, |run| {
            let for_what = run.application.as_deref().map(|it| format!(" for {}", clean(it))).unwrap_or_default();
            format!("{}{for_what}, {}", clean(&run.workflow), clean(&run.status))
        })
    }
}

fn about(worker: &Worker) -> String {
    let mut lines = vec![
        format!("id          {}", clean(&worker.id)),
        format!("host        {}", clean(&worker.host)),
        format!("version     {}", clean(&worker.version)),
        format!("state       {}{}", clean(&worker.state), if worker.live { "" } else { " (gone)" }),
        format!("queues      {}", clean(&worker.queues.join(", "))),
        format!("running     {} of {}", worker.running, worker.slots),
        format!("refused     {} late writes", worker.refused_writes),
        format!("engine      {}", clean(&worker.posture.engine)),
    ];
    lines.extend(worker.posture.weaknesses.iter().map(|weakness| format!("weakness    {}", clean(weakness))));
    lines.join("\n")
}
