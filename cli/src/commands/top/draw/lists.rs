//! The lists: of queues, runs and workers, a line each.

use ratatui::{
    Frame,
    layout::{Constraint, Rect},
    style::{Color, Modifier, Style},
    widgets::{Cell, Paragraph, Row, Table, TableState},
};

use super::{super::screen::Screen, Paint};
use crate::{
    output::{age, clean, or_dash, seconds, short},
    views::{Queue, Run, Worker},
};

impl Paint {
    fn list(&self, frame: &mut Frame<'_>, area: Rect, screen: &Screen, table: Table<'_>, empty: &str) {
        let Some(line) = screen.line() else {
            let text = if screen.filter.is_empty() {
                empty.to_owned()
            } else {
                format!("nothing here has '{}' in it; Esc shows all", clean(&screen.filter))
            };
            frame.render_widget(Paragraph::new(text), area);
            return;
        };
        let table = table
            .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED))
            .highlight_symbol("> ")
            .column_spacing(2);
        frame.render_stateful_widget(table, area, &mut TableState::new().with_selected(line));
    }

    fn header(names: &[&'static str]) -> Row<'static> {
        Row::new(names.iter().map(|name| Cell::new(*name))).style(Style::new().add_modifier(Modifier::BOLD))
    }

    pub(super) fn queues(&self, frame: &mut Frame<'_>, area: Rect, screen: &Screen) {
        let rows = screen.queues().into_iter().map(|it| self.queue(it));
        let widths = [
            Constraint::Min(10),
            Constraint::Length(7),
            Constraint::Length(7),
            Constraint::Length(9),
            Constraint::Length(8),
            Constraint::Length(7),
            Constraint::Length(10),
            Constraint::Length(10),
            Constraint::Fill(2),
        ];
        let names = ["QUEUE", "READY", "QUEUED", "RUNNING", "BLOCKED", "OLDEST", "DONE/MIN", "FAIL/MIN", "WAITS FOR"];
        let table = Table::new(rows, widths).header(Self::header(&names));
        self.list(frame, area, screen, table, "no queues: no worker has ever served one");
    }

    fn queue(&self, it: &Queue) -> Row<'static> {
        let why = it.wait_reason.as_ref().map(|why| format!("{} for {}", clean(why), age(it.wait_since)));
        let failing = if it.failed_per_minute > 0.0 { self.fg(Color::Red) } else { Style::new() };
        Row::new(vec![
            Cell::new(clean(&it.name)),
            Cell::new(it.ready.to_string()),
            Cell::new(it.queued.to_string()),
            Cell::new(format!("{}/{}", it.in_flight, it.slots)),
            Cell::new(it.blocked.to_string()),
            Cell::new(it.oldest_age_s.map_or_else(|| "-".into(), seconds)),
            Cell::new(format!("{:.1}", it.finished_per_minute)),
            Cell::new(format!("{:.1}", it.failed_per_minute)).style(failing),
            Cell::new(or_dash(&why)).style(self.fg(Color::Yellow)),
        ])
    }

    pub(super) fn runs(&self, frame: &mut Frame<'_>, area: Rect, screen: &Screen) {
        let rows = screen.runs().into_iter().map(|it| self.run(it));
        let widths = [
            Constraint::Length(36),
            Constraint::Length(13),
            Constraint::Fill(2),
            Constraint::Fill(2),
            Constraint::Length(10),
            Constraint::Length(7),
            Constraint::Fill(2),
        ];
        let names = ["RUN", "STATUS", "WORKFLOW", "FOR", "QUEUE", "TOOK", "WHY"];
        let table = Table::new(rows, widths).header(Self::header(&names));
        self.list(frame, area, screen, table, "no runs yet; `slipway deploy FILE` makes some");
    }

    fn run(&self, it: &Run) -> Row<'static> {
        let (mark, colour) = match it.status.as_str() {
            "running" => ("*", Color::Yellow),
            "completed" => ("+", Color::Green),
            "failed" => ("x", Color::Red),
            "cancelled" => ("-", Color::Reset),
            "suspended" => ("=", Color::Yellow),
            _ => ("o", Color::Reset),
        };
        let what = match (&it.application, &it.resource) {
            (Some(application), Some(resource)) => format!("{application}/{resource}"),
            (one, other) => or_dash(&one.clone().or_else(|| other.clone())),
        };
        let took = it.duration_s.map_or_else(|| age(it.started_at), seconds);
        let cancelling = it.cancel_requested_at.filter(|_| !it.is_over()).map(|_| "cancelling".to_owned());
        let why = cancelling.or_else(|| it.reason.clone()).or_else(|| it.error_message.clone());
        Row::new(vec![
            Cell::new(clean(&it.id)),
            Cell::new(format!("{mark} {}", clean(&it.status))).style(self.fg(colour)),
            Cell::new(clean(&it.workflow)),
            Cell::new(clean(&what)),
            Cell::new(clean(&it.queue)),
            Cell::new(took),
            Cell::new(short(&or_dash(&why), 120)),
        ])
    }

    pub(super) fn workers(&self, frame: &mut Frame<'_>, area: Rect, screen: &Screen) {
        let rows = screen.workers().into_iter().map(|it| self.worker(it));
        let widths = [
            Constraint::Fill(2),
            Constraint::Fill(1),
            Constraint::Length(14),
            Constraint::Length(9),
            Constraint::Fill(2),
            Constraint::Length(7),
            Constraint::Length(7),
            Constraint::Length(9),
        ];
        let names = ["NAME", "HOST", "STATE", "RUNNING", "QUEUES", "HEARD", "AGE", "VERSION"];
        let table = Table::new(rows, widths).header(Self::header(&names));
        self.list(frame, area, screen, table, "no workers: nothing runs until one starts");
    }

    fn worker(&self, it: &Worker) -> Row<'static> {
        let (state, colour) = match (it.live, it.state.as_str()) {
            (true, "active") => ("+ active".to_owned(), Color::Green),
            (true, state) => (format!("= {}", clean(state)), Color::Yellow),
            (false, _) => ("x gone".to_owned(), Color::Red),
        };
        Row::new(vec![
            Cell::new(clean(&it.name)),
            Cell::new(clean(&it.host)),
            Cell::new(state).style(self.fg(colour)),
            Cell::new(format!("{}/{}", it.running, it.slots)),
            Cell::new(clean(&it.queues.join(","))),
            Cell::new(age(it.heartbeat_at)),
            Cell::new(age(it.started_at)),
            Cell::new(clean(&it.version)),
        ])
    }
}
