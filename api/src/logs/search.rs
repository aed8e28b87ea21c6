//! Search in a log, whole: what is counted is all there is, not what happens to be on a screen.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State, http::StatusCode};
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use shared::{
    domain::ids::RunId,
    store::log::{Line, Selection},
};
use tokio::{sync::Semaphore, time::Instant};
use utoipa::{IntoParams, ToSchema};

use super::{LineOut, known, pages::Pages};
use crate::{
    error::{Problem, ProblemDetails},
    extract::{Path, Query},
    state::AppState,
};

/// Bytes that what is searched for may have.
const MAX_TEXT: usize = 1_000;
/// Bytes that a pattern may take when it is compiled, and that matching it may take beside.
const MAX_COMPILED: usize = 1024 * 1024;
const DEFAULT: usize = 100;
const MOST: usize = 1_000;
/// Bytes of lines that an answer has, about; it has at least one when one matches.
const BYTES: usize = 2 * 1024 * 1024;
/// Places in one line that are told.
const PLACES: usize = 100;
/// How long a search may take; what is left is for another request.
const BUDGET: Duration = Duration::from_secs(10);
/// Searches at once.
const AT_ONCE: usize = 4;

/// What to search for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchQuery {
    /// The text, or with `regex` the pattern.
    q: String,
    /// `q` is a pattern, in the syntax of Rust's `regex`: it takes time in proportion to the log, whatever it is.
    #[serde(default)]
    regex: bool,
    /// Capital and small letters are the same.
    #[serde(default)]
    ignore_case: bool,
    /// Only this step's lines.
    step: Option<String>,
    /// Only this attempt's lines.
    attempt: Option<i16>,
    /// Only lines from this cursor on.
    from: Option<i64>,
    /// Matches told at most, 1 to 1000.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
    /// `false`: stops when `limit` is reached, and counts no further.
    count: Option<bool>,
}

/// A line that matches.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MatchView {
    /// The line.
    #[serde(flatten)]
    line: LineOut,
    /// Where in its text: first and past the last, in UTF-16 units as JavaScript counts; the first hundred.
    places: Vec<(usize, usize)>,
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SearchResult {
    /// The first matches from `from` on, in order.
    matches: Vec<MatchView>,
    /// Lines that match, told or not, from `from` up to where the search came.
    count: u64,
    /// Whether the search came to the end of what is written by now.
    complete: bool,
    /// Give it as `from` to get the matches that follow those told; none: there are none.
    next: Option<i64>,
    /// Give it as `from`, and add up the counts, when the search is not complete.
    resume: Option<i64>,
}

/// Lines of a log that hold a text or match a pattern, and how many there are. Everything that was written is searched, in
/// Postgres or in the archive; a search that takes more than ten seconds says how far it came.
#[utoipa::path(get, path = "/api/workflows/{id}/logs/search", tag = "workflows", params(("id" = Uuid, Path), SearchQuery),
    responses((status = 200, body = SearchResult), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails),
              (status = 503, body = ProblemDetails)))]
pub(crate) async fn search(
    State(app): State<AppState>,
    Path(id): Path<RunId>,
    Query(query): Query<SearchQuery>,
) -> Result<Json<SearchResult>, Problem> {
    known(&app, id).await?;
    let pattern = pattern(&query)?;
    let limit = match query.limit.unwrap_or(DEFAULT) {
        limit @ 1..=MOST => limit,
        _ => return Err(Problem::bad_request(format!("limit: from 1 to {MOST}"))),
    };
    let begun = Instant::now();
    let Ok(Ok(_turn)) = tokio::time::timeout(BUDGET, Arc::clone(&app.searches).acquire_owned()).await else {
        let detail = "others search logs at the moment; try again in a few seconds";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail));
    };
    // Postgres finds a text as it is written by itself; all else is matched here, by one engine for everything.
    let plain = (!query.regex && !query.ignore_case).then(|| query.q.clone());
    let selection = Selection { step: query.step, attempt: query.attempt };
    let from = query.from.unwrap_or(1).max(1);
    let mut pages = Pages::after(app, id, selection, from - 1).containing(plain);
    let mut found = Found::new(pattern, limit, query.count.unwrap_or(true));
    while let Some(page) = pages.next().await? {
        let looked = tokio::task::spawn_blocking(move || found.look(page)).await;
        found = looked.map_err(|error| Problem::internal(&error))?;
        if found.full() || begun.elapsed() > BUDGET {
            let resume = Some(found.seen + 1);
            return Ok(Json(SearchResult {
                next: found.next.or(resume),
                resume,
                matches: found.matches,
                count: found.count,
                complete: false,
            }));
        }
    }
    let Found { matches, count, next, .. } = found;
    Ok(Json(SearchResult { matches, count, complete: true, next, resume: None }))
}

/// As many searches as may go on at once.
pub(crate) fn turns() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(AT_ONCE))
}

fn pattern(query: &SearchQuery) -> Result<Regex, Problem> {
    if query.q.is_empty() || query.q.len() > MAX_TEXT {
        return Err(Problem::bad_request(format!("q: 1 to {MAX_TEXT} bytes")));
    }
    let text = if query.regex { query.q.clone() } else { regex::escape(&query.q) };
    let mut builder = RegexBuilder::new(&text);
    builder.case_insensitive(query.ignore_case).size_limit(MAX_COMPILED).dfa_size_limit(MAX_COMPILED);
    builder.build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => Problem::bad_request("q: the pattern is too large when it is compiled"),
        error => Problem::bad_request(format!("q: not a pattern: {}", last_line(&error.to_string()))),
    })
}

/// The engine draws the place over several lines, and says what is wrong in the last.
fn last_line(text: &str) -> &str {
    text.lines().last().map_or(text, |line| line.trim_start_matches("error: "))
}

/// What a search has found so far.
struct Found {
    pattern: Regex,
    limit: usize,
    counts: bool,
    matches: Vec<MatchView>,
    bytes: usize,
    count: u64,
    /// The first match that was not told.
    next: Option<i64>,
    /// The last line that was looked at.
    seen: i64,
}

impl Found {
    fn new(pattern: Regex, limit: usize, counts: bool) -> Self {
        Self { pattern, limit, counts, matches: Vec::new(), bytes: 0, count: 0, next: None, seen: 0 }
    }

    fn look(mut self, lines: Vec<Line>) -> Self {
        for line in lines {
            if self.full() {
                break;
            }
            self.seen = line.cursor;
            if !self.pattern.is_match(&line.text) {
                continue;
            }
            self.count += 1;
            let room = self.matches.len() < self.limit && (self.bytes < BYTES || self.matches.is_empty());
            if self.next.is_some() || !room {
                self.next.get_or_insert(line.cursor);
                continue;
            }
            self.bytes += line.text.len();
            let places = places(&self.pattern, &line.text);
            self.matches.push(MatchView { line: line.into(), places });
        }
        self
    }

    /// Whether there is no use in going on.
    fn full(&self) -> bool {
        !self.counts && self.next.is_some()
    }
}

fn places(pattern: &Regex, text: &str) -> Vec<(usize, usize)> {
    let (mut places, mut bytes, mut units) = (Vec::new(), 0, 0);
    let mut units_at = |at: usize| {
        units += text[bytes..at].chars().map(char::len_utf16).sum::<usize>();
        bytes = at;
        units
    };
    for found in pattern.find_iter(text).take(PLACES) {
        places.push((units_at(found.start()), units_at(found.end())));
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(q: &str, regex: bool, ignore_case: bool) -> SearchQuery {
        let (q, none) = (q.to_owned(), None);
        SearchQuery { q, regex, ignore_case, step: None, attempt: none, from: None, limit: None, count: None }
    }

    #[test]
    fn a_text_is_a_text_and_a_pattern_a_pattern() {
        assert!(!pattern(&query("a.c", false, false)).unwrap().is_match("abc"));
        assert!(pattern(&query("a.c", true, false)).unwrap().is_match("abc"));
        assert!(pattern(&query("ÄRGER", false, true)).unwrap().is_match("kein Ärger"));
    }

    #[test]
    fn what_is_no_pattern_or_too_large_a_one_is_refused_in_one_line() {
        for text in ["(", "a{1000}{1000}", "", &"x".repeat(1_001)] {
            let problem = pattern(&query(text, true, false)).unwrap_err();
            assert_eq!(problem.code(), "bad-request", "{text}");
        }
    }

    #[test]
    fn places_are_counted_as_javascript_does() {
        let pattern = Regex::new("x").unwrap();
        assert_eq!(places(&pattern, "😀x äx"), [(2, 3), (5, 6)]);
    }
}
