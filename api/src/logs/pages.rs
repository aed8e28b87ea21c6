//! The lines of a log, page by page, from Postgres or, when they are there no more, from the archive.

use shared::{
    domain::ids::RunId,
    store::log::{self, Line, Selection, range},
};

use super::archived;
use crate::{error::Problem, state::AppState};

/// Lines read first; then as many as make about [`BYTES`].
const FIRST: i64 = 500;
const LEAST: i64 = 100;
const MOST: i64 = 5_000;
const BYTES: usize = 2 * 1024 * 1024;

/// A log being read from its beginning to its end, as far as it is written.
pub(super) struct Pages {
    app: AppState,
    run: RunId,
    selection: Selection,
    /// Lines without this text may be passed over.
    containing: Option<String>,
    at: i64,
    size: i64,
    source: Source,
}

enum Source {
    Postgres,
    Archive(archived::Pages),
    Over,
}

impl Pages {
    /// The selected lines after a cursor.
    pub(super) fn after(app: AppState, run: RunId, selection: Selection, cursor: i64) -> Self {
        Self { app, run, selection, containing: None, at: cursor, size: FIRST, source: Source::Postgres }
    }

    /// The same, of which those without this text may be left out: what is to be searched for.
    pub(super) fn containing(self, text: Option<String>) -> Self {
        Self { containing: text, ..self }
    }

    /// The next lines; none: that was all.
    ///
    /// # Errors
    /// When Postgres or the archive does not answer.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Line>>, Problem> {
        loop {
            let lines = match &mut self.source {
                Source::Over => return Ok(None),
                Source::Archive(pages) => return pages.recv().await.transpose(),
                Source::Postgres => self.read().await?,
            };
            if let Some(last) = lines.last() {
                self.at = last.cursor;
            }
            if i64::try_from(lines.len()).is_ok_and(|count| count < self.size) {
                // They may have been removed while they were read: what is missing is in the archive then.
                let rest = archived::pages(&self.app, self.run, &self.selection, self.at).await?;
                self.source = rest.map_or(Source::Over, Source::Archive);
            }
            if !lines.is_empty() {
                let bytes: usize = lines.iter().map(|line| line.text.len() + 64).sum();
                let fitting = i64::try_from(BYTES / (bytes / lines.len()).max(1)).unwrap_or(MOST);
                self.size = fitting.clamp(LEAST, MOST);
                return Ok(Some(lines));
            }
        }
    }

    async fn read(&self) -> Result<Vec<Line>, Problem> {
        let pool = self.app.store.pool();
        Ok(match &self.containing {
            Some(text) => range::lines_with(pool, self.run, self.at, &self.selection, text, self.size).await?,
            None => log::lines_after(pool, self.run, self.at, &self.selection, self.size).await?,
        })
    }
}
