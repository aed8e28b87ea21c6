//! Paints the screen. Colours only repeat what words and marks say, so that it reads as well without.

mod lists;

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Margin, Rect},
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::{Block, Clear, Paragraph, Wrap},
};

use super::screen::{Mode, Screen, Tab};
use crate::{
    output::{age, clean},
    views::Queue,
};

const KEYS: &str = "1 2 3 lists  j k move  / filter  Enter more  c cancel  r look  ? keys  q end";
const HELP: [(&str, &str); 10] = [
    ("1 2 3, Tab", "queues, runs, workers"),
    ("j k, arrows", "a line down, up"),
    ("g G, Home End", "the first line, the last"),
    ("Space, PgUp", "ten lines down, up"),
    ("/", "show only lines with these words; Esc shows all"),
    ("Enter", "a queue's runs; a run's steps; a worker's engine"),
    ("c", "cancel the run, after a question"),
    ("r", "look now"),
    ("?", "this"),
    ("q, Ctrl-C", "end"),
];

/// Paints all of it.
pub(super) fn screen(frame: &mut Frame<'_>, screen: &Screen, colour: bool) {
    let paint = Paint { colour };
    let [head, tabs, list, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Length(1), Constraint::Min(1), Constraint::Length(1)])
            .areas(frame.area());
    frame.render_widget(Paragraph::new(paint.head(screen)), head);
    frame.render_widget(Paragraph::new(paint.tabs(screen)), tabs);
    match screen.tab {
        Tab::Queues => paint.queues(frame, list, screen),
        Tab::Runs => paint.runs(frame, list, screen),
        Tab::Workers => paint.workers(frame, list, screen),
    }
    frame.render_widget(Paragraph::new(paint.foot(screen)), foot);
    match &screen.mode {
        Mode::List | Mode::Filter => {}
        Mode::Details { title, text, above } => {
            let text = text.as_deref().unwrap_or("asking the server …");
            paint.window(frame, list, title, text.to_owned(), *above);
        }
        Mode::Confirm { run, what } => {
            let text = format!("Cancel run {run}?\n{what}\n\ny cancels it, n leaves it");
            paint.window(frame, middle(list, 6), "cancel", text, 0);
        }
        Mode::Help => {
            let text: Vec<String> = HELP.iter().map(|(key, what)| format!("{key:<15}{what}")).collect();
            paint.window(frame, middle(list, 12), "keys", text.join("\n"), 0);
        }
    }
}

/// As many lines in the middle.
fn middle(area: Rect, height: u16) -> Rect {
    let height = height.min(area.height);
    Rect { y: area.y + (area.height - height) / 2, height, ..area }.inner(Margin::new(area.width / 12, 0))
}

struct Paint {
    colour: bool,
}

impl Paint {
    fn fg(&self, colour: Color) -> Style {
        if self.colour { Style::new().fg(colour) } else { Style::new() }
    }

    fn head(&self, screen: &Screen) -> Line<'static> {
        let look = &screen.look;
        if let Some((since, why)) = &screen.trouble {
            // The reason takes the place of figures that are not true any more.
            let text = format!(
                "slipway top  {}  ! as of {} ago, no answer for {}: {why}",
                screen.server,
                age(Some(look.at)),
                age(Some(*since))
            );
            return Line::from(Span::styled(text, self.fg(Color::Red).add_modifier(Modifier::BOLD)));
        }
        let sum = |of: fn(&Queue) -> i64| look.queues.iter().map(of).sum::<i64>();
        let (waiting, running) = (sum(|it| it.ready + it.queued), sum(|it| it.in_flight));
        // Slots of workers that serve several queues are counted once.
        let slots: i64 = look.workers.iter().filter(|it| it.live).map(|it| it.slots).sum();
        let live = look.workers.iter().filter(|it| it.live).count();
        let text = format!(
            "slipway top  {}  waiting {waiting}  running {running}/{slots}  blocked {}  workers {live}  ",
            screen.server,
            sum(|it| it.blocked)
        );
        let at = format!("{} UTC", look.at.format("%H:%M:%S"));
        Line::from(vec![Span::styled(text, Style::new().add_modifier(Modifier::BOLD)), Span::raw(at)])
    }

    fn tabs(&self, screen: &Screen) -> Line<'static> {
        let counts = [screen.queues().len(), screen.runs().len(), screen.workers().len()];
        let mut spans = Vec::new();
        for (tab, count) in Tab::ALL.into_iter().zip(counts) {
            let text = format!("{} {} ({count})", tab.place() + 1, tab.title());
            spans.push(match tab == screen.tab {
                true => Span::styled(format!("[{text}]"), Style::new().add_modifier(Modifier::REVERSED)),
                false => Span::raw(format!(" {text} ")),
            });
            spans.push(Span::raw(" "));
        }
        Line::from(spans)
    }

    fn foot(&self, screen: &Screen) -> Line<'static> {
        if screen.mode == Mode::Filter {
            return Line::from(format!("/{}_   Enter keeps it, Esc shows all", screen.filter));
        }
        if let Some(said) = &screen.said {
            return Line::from(Span::styled(said.clone(), Style::new().add_modifier(Modifier::BOLD)));
        }
        if screen.filter.is_empty() {
            return Line::from(KEYS);
        }
        Line::from(format!("only /{}  (Esc shows all)  {KEYS}", clean(&screen.filter)))
    }

    fn window(&self, frame: &mut Frame<'_>, area: Rect, title: &str, text: String, above: u16) {
        let block = Block::bordered().title(format!(" {title} ")).title_bottom(" Esc closes ");
        frame.render_widget(Clear, area);
        frame.render_widget(Paragraph::new(text).block(block).wrap(Wrap { trim: false }).scroll((above, 0)), area);
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use ratatui::{
        Terminal,
        backend::TestBackend,
        crossterm::event::{KeyCode, KeyEvent, KeyModifiers},
    };

    use super::super::{
        feed::{Look, News},
        screen::Wish,
    };
    use super::*;
    use crate::views::{Run, Worker};

    fn key(code: KeyCode) -> KeyEvent {
        KeyEvent::new(code, KeyModifiers::NONE)
    }

    /// A screen with something in each list, which hostile names are among.
    fn some() -> Screen {
        let queue = |name: &str| Queue {
            name: name.into(),
            ready: 12,
            in_flight: 4,
            slots: 4,
            blocked: 2,
            oldest_age_s: Some(95.0),
            finished_per_minute: 3.4,
            failed_per_minute: 0.2,
            workers: 1,
            wait_reason: Some("QueueFull".into()),
            wait_since: Some(Utc::now() - chrono::TimeDelta::seconds(30)),
            ..Queue::default()
        };
        let run = |id: &str, status: &str, workflow: &str| Run {
            id: id.into(),
            status: status.into(),
            workflow: workflow.into(),
            queue: "default".into(),
            application: Some("shop".into()),
            resource: Some("db".into()),
            duration_s: Some(12.0),
            ..Run::default()
        };
        let worker = |name: &str, live: bool| Worker {
            id: name.into(),
            name: name.into(),
            host: "alpha".into(),
            state: "active".into(),
            live,
            slots: 4,
            running: 4,
            queues: vec!["default".into()],
            version: "1.0.0".into(),
            ..Worker::default()
        };
        let look = Look {
            at: "2026-01-31T14:05:00Z".parse().unwrap(),
            queues: vec![queue("default"), queue("gpu\u{1b}[2J")],
            runs: vec![
                run("0198c7a2-70d9-7494-8221-6f4cc9e19904", "running", "create-database"),
                run("0198c7a2-70d9-7494-8221-6f4cc9e19905", "failed", "create-bucket"),
            ],
            workers: vec![worker("builder-1", true), worker("builder-2", false)],
        };
        let mut screen = Screen::new("http://127.0.0.1:8080".into());
        screen.take(News::Look(Box::new(look)));
        screen
    }

    fn painted(screen: &Screen, colour: bool) -> Terminal<TestBackend> {
        let mut terminal = Terminal::new(TestBackend::new(132, 14)).unwrap();
        terminal.draw(|frame| super::screen(frame, screen, colour)).unwrap();
        terminal
    }

    fn text(screen: &Screen) -> String {
        painted(screen, false).backend().to_string()
    }

    #[test]
    fn each_list_says_what_there_is() {
        let mut screen = some();
        insta::assert_snapshot!("queues", text(&screen));
        assert_eq!(screen.key(key(KeyCode::Char('2'))), Wish::Nothing);
        insta::assert_snapshot!("runs", text(&screen));
        screen.key(key(KeyCode::Tab));
        insta::assert_snapshot!("workers", text(&screen));
        let mut empty = Screen::new("http://127.0.0.1:8080".into());
        assert!(text(&empty).contains("no queues: no worker has ever served one"));
        empty.key(key(KeyCode::Char('2')));
        assert!(text(&empty).contains("`slipway deploy FILE` makes some"));
    }

    #[test]
    fn colours_only_repeat_what_is_said() {
        let mut screen = some();
        screen.key(key(KeyCode::Char('2')));
        let (plain, coloured) = (painted(&screen, false), painted(&screen, true));
        let words = |terminal: &Terminal<TestBackend>| {
            terminal.backend().buffer().content().iter().map(|cell| cell.symbol().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(words(&plain), words(&coloured));
        let colours = |terminal: &Terminal<TestBackend>| {
            terminal.backend().buffer().content().iter().filter(|cell| cell.fg != Color::Reset).count()
        };
        assert_eq!((colours(&plain), colours(&coloured) > 0), (0, true));
    }

    #[test]
    fn a_run_is_cancelled_only_by_a_yes() {
        let mut screen = some();
        screen.key(key(KeyCode::Char('2')));
        screen.key(key(KeyCode::Char('c')));
        insta::assert_snapshot!("confirm", text(&screen));
        assert_eq!(screen.key(key(KeyCode::Enter)), Wish::Nothing);
        assert!(text(&screen).contains("y cancels it"), "Enter is no answer");
        assert_eq!(screen.key(key(KeyCode::Char('y'))), Wish::Cancel("0198c7a2-70d9-7494-8221-6f4cc9e19904".into()));
        // One that is over is not asked about.
        screen.key(key(KeyCode::Down));
        assert_eq!(screen.key(key(KeyCode::Char('c'))), Wish::Nothing);
        assert!(text(&screen).contains("is failed already"));
    }

    #[test]
    fn the_chosen_line_stays_chosen_when_lines_move() {
        let mut screen = some();
        screen.key(key(KeyCode::Char('2')));
        screen.key(key(KeyCode::Char('j')));
        let mut look = screen.look.clone();
        look.runs.insert(0, Run { id: "new".into(), status: "pending".into(), ..Run::default() });
        screen.take(News::Look(Box::new(look)));
        assert_eq!(screen.line(), Some(2));
        screen.key(key(KeyCode::Char('G')));
        screen.key(key(KeyCode::PageDown));
        assert_eq!(screen.line(), Some(2), "there is nothing below the last line");
    }

    #[test]
    fn a_filter_finds_and_says_how_to_take_it_away() {
        let mut screen = some();
        screen.key(key(KeyCode::Char('2')));
        "/bucket shop".chars().for_each(|c| drop(screen.key(key(KeyCode::Char(c)))));
        screen.key(key(KeyCode::Enter));
        assert_eq!(screen.runs().len(), 1);
        assert!(text(&screen).contains("only /bucket shop  (Esc shows all)"));
        screen.key(key(KeyCode::Esc));
        assert_eq!(screen.runs().len(), 2);
    }

    #[test]
    fn a_server_that_does_not_answer_leaves_the_last_look_with_its_age() {
        let mut screen = some();
        screen.take(News::Trouble("no server answers\u{1b}[2J".into()));
        let shown = text(&screen);
        assert!(
            shown.contains("! as of") && shown.contains("no server answers") && shown.contains("QueueFull"),
            "{shown}"
        );
        let look = screen.look.clone();
        screen.take(News::Look(Box::new(look)));
        assert!(!text(&screen).contains("no server answers"));
    }

    #[test]
    fn every_key_of_the_help_is_shown_on_a_small_screen_too() {
        let mut screen = some();
        screen.key(key(KeyCode::Char('?')));
        insta::assert_snapshot!("help", text(&screen));
        // Nothing breaks where there is no room.
        for (width, height) in [(1, 1), (20, 3), (40, 5)] {
            let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
            terminal.draw(|frame| super::screen(frame, &screen, true)).unwrap();
        }
    }
}
