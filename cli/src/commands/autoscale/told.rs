//! What is told while it works: lines with the time for people, one JSON object a line for programs.

use chrono::{SecondsFormat, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use super::server::Demand;
use crate::output::{self, Format, Printer, clean};

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum News<'a> {
    /// There are others than at the last look, or others were wanted.
    Look {
        #[serde(flatten)]
        figures: Figures,
    },
    /// A worker of an earlier life of this program goes on.
    Adopted { worker: &'a str, place: &'a str },
    /// A worker was started.
    Started { worker: &'a str, place: &'a str },
    /// It takes runs, so long after more were asked for.
    Serves { worker: &'a str, after_s: f64 },
    /// It is to go, and takes no more runs.
    Cordoned { worker: &'a str, running: u64 },
    /// It takes runs again.
    Uncordoned { worker: &'a str },
    /// It drove nothing any more and was told to end.
    Stopped { worker: &'a str },
    /// It is no more.
    Ended { worker: &'a str, how: &'a str, told: bool },
    /// Something does not work, or works again.
    Trouble { detail: &'a str },
    /// What is a problem no more.
    Mended { detail: &'a str },
    /// This program ends, and what becomes of its workers.
    Leaving { workers: usize, what: &'a str },
}

/// The figures of one look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Figures {
    #[serde(flatten)]
    pub(super) demand: Demand,
    /// Workers that are asked for now.
    pub(super) wanted: u32,
    /// Workers that were asked for at most within the cooldown.
    pub(super) lately: u32,
    /// Those that take runs.
    pub(super) serving: usize,
    /// Those that will soon.
    pub(super) starting: usize,
    /// Those that take no more.
    pub(super) leaving: usize,
}

/// Tells.
#[derive(Clone, Debug)]
pub(super) struct Teller {
    printer: Printer,
    queue: String,
    /// Nothing is done; what would be is told.
    dry: bool,
}

impl Teller {
    pub(super) fn new(printer: Printer, queue: &str, dry: bool) -> Self {
        Self { printer, queue: queue.to_owned(), dry }
    }

    pub(super) fn tell(&self, news: &News<'_>) {
        if self.printer.format == Format::Table {
            let would = if self.dry && news.is_deed() { "would be: " } else { "" };
            output::say!("{} {would}{}", chrono::Local::now().format("%H:%M:%S"), clean(&news.words()));
            return;
        }
        let mut line = json!({
            "at": Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true),
            "queue": self.queue,
        });
        // A map of plain members: it cannot fail to be one.
        if let (Some(line), Ok(Value::Object(news))) = (line.as_object_mut(), serde_json::to_value(news)) {
            line.extend(news);
            if self.dry {
                line.insert("dry_run".to_owned(), json!(true));
            }
        }
        output::say!("{line}");
    }
}

impl News<'_> {
    const fn is_deed(&self) -> bool {
        matches!(self, Self::Started { .. } | Self::Cordoned { .. } | Self::Uncordoned { .. } | Self::Stopped { .. })
    }

    fn words(&self) -> String {
        match self {
            Self::Look { figures } => figures.words(),
            Self::Adopted { worker, place } => format!("{worker} ({place}) was there already"),
            Self::Started { worker, place: "" } => format!("{worker} started"),
            Self::Started { worker, place } => format!("{worker} started ({place})"),
            Self::Serves { worker, after_s } => format!("{worker} takes runs, {after_s:.1} s after it was asked for"),
            Self::Cordoned { worker, running: 0 } => format!("{worker} cordoned: it is not needed any more"),
            Self::Cordoned { worker, running } => {
                format!("{worker} cordoned: it is not needed any more when its {running} run(s) are over")
            }
            Self::Uncordoned { worker } => format!("{worker} uncordoned: it is needed again"),
            Self::Stopped { worker } => format!("{worker} told to end: it drives nothing and takes nothing"),
            Self::Ended { worker, how, told: true } => format!("{worker} is gone: {how}"),
            Self::Ended { worker, how, told: false } => format!("{worker} is gone, unasked: {how}"),
            Self::Trouble { detail } | Self::Mended { detail } => (*detail).to_owned(),
            Self::Leaving { workers: 0, .. } => "ends; there are no workers".to_owned(),
            Self::Leaving { workers, what } => format!("ends; {workers} worker(s): {what}"),
        }
    }
}

impl Figures {
    fn words(&self) -> String {
        let Demand { demand, waiting, queued, running } = self.demand;
        let mut words = format!("demand {demand} ({waiting} waiting, {queued} queued, {running} running): ");
        words += &format!("{} worker(s) wanted, {} there", self.wanted, self.serving);
        for (count, what) in [(self.starting, "starting"), (self.leaving, "leaving")] {
            if count > 0 {
                words += &format!(", {count} {what}");
            }
        }
        if self.lately > self.wanted {
            words += &format!("; {} were wanted lately", self.lately);
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_told_in_one_line() {
        let demand = Demand { demand: 12, waiting: 7, queued: 1, running: 4 };
        let figures = Figures { demand, wanted: 3, lately: 3, serving: 1, starting: 2, leaving: 0 };
        assert_eq!(
            figures.words(),
            "demand 12 (7 waiting, 1 queued, 4 running): 3 worker(s) wanted, 1 there, 2 starting"
        );
        let figures = Figures { lately: 5, leaving: 1, starting: 0, ..figures };
        assert!(figures.words().ends_with("1 there, 1 leaving; 5 were wanted lately"), "{}", figures.words());
    }

    #[test]
    fn programs_get_one_object_a_line() {
        let news = News::Look { figures: Figures { wanted: 2, ..Figures::default() } };
        let line = serde_json::to_value(&news).unwrap();
        assert_eq!((&line["event"], &line["wanted"], &line["demand"]), (&json!("look"), &json!(2), &json!(0)));
        let news = News::Serves { worker: "default-1", after_s: 0.5 };
        let line = serde_json::to_value(&news).unwrap();
        assert_eq!(line, json!({"event": "serves", "worker": "default-1", "after_s": 0.5}));
    }
}
