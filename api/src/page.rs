//! Lists, a page at a time.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use shared::store::labels::LabelSelector;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::error::Problem;

const DEFAULT_LIMIT: u64 = 50;
const MAX_LIMIT: u64 = 500;

/// Where a page begins and how long it is.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// `next_cursor` of the page before; without it, the first page.
    pub cursor: Option<String>,
    /// Items a page has at most, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<u64>,
}

impl Paging {
    /// The id that the page's items come before.
    pub(crate) fn before(&self) -> Result<Option<Uuid>, Problem> {
        self.cursor.as_deref().map(|cursor| read_cursor("cursor", cursor)).transpose()
    }

    fn length(&self) -> Result<usize, Problem> {
        match self.limit.unwrap_or(DEFAULT_LIMIT) {
            limit @ 1..=MAX_LIMIT => Ok(usize::try_from(limit).unwrap_or(usize::MAX)),
            _ => Err(Problem::bad_request(format!("limit: from 1 to {MAX_LIMIT}"))),
        }
    }

    /// How many rows to read: one more than shown, to know whether another page follows.
    pub(crate) fn rows(&self) -> Result<i64, Problem> {
        Ok(i64::try_from(self.length()?).unwrap_or(i64::MAX).saturating_add(1))
    }

    /// The page that these rows make.
    pub(crate) fn page<R, T>(
        &self,
        rows: Vec<R>,
        id: impl Fn(&R) -> Uuid,
        view: impl Fn(R) -> T,
    ) -> Result<Page<T>, Problem> {
        self.cut(rows, |row| cursor_of(id(row)), view)
    }

    /// The page that these rows make, newest first, which are the next ones after a place: the one too many is the newest.
    pub(crate) fn page_of_newer<R, T>(
        &self,
        mut rows: Vec<R>,
        id: impl Fn(&R) -> Uuid,
        view: impl Fn(R) -> T,
    ) -> Result<Page<T>, Problem> {
        let beyond = rows.len().saturating_sub(self.length()?);
        rows.drain(..beyond);
        let next_cursor = rows.last().map(|row| cursor_of(id(row)));
        let previous_cursor = rows.first().filter(|_| beyond > 0).map(|row| cursor_of(id(row)));
        Ok(Page { items: rows.into_iter().map(view).collect(), next_cursor, previous_cursor })
    }

    /// The name that the page's items come after, of a list by name.
    pub(crate) fn after(&self) -> Result<Option<String>, Problem> {
        let name = |cursor: &String| String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok();
        self.cursor.as_ref().map(|cursor| name(cursor).ok_or_else(foreign_cursor)).transpose()
    }

    /// The page that these rows make, of a list by name.
    pub(crate) fn page_by_name<R, T>(
        &self,
        rows: Vec<R>,
        name: impl Fn(&R) -> &str,
        view: impl Fn(R) -> T,
    ) -> Result<Page<T>, Problem> {
        self.cut(rows, |row| BASE64_URL_SAFE_NO_PAD.encode(name(row)), view)
    }

    /// The place that the page's items come after, of a list in the order of several things: as [`Paging::page_by`] wrote it, cut at
    /// the first slashes. Only the last of them may have slashes itself.
    pub(crate) fn after_parts<const N: usize, T>(
        &self,
        read: impl Fn([&str; N]) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(place) = self.after()? else { return Ok(None) };
        let parts: Vec<&str> = place.splitn(N, '/').collect();
        let read = parts.try_into().ok().and_then(read);
        read.map(Some).ok_or_else(foreign_cursor)
    }

    /// The page that these rows make, of a list in the order of such a place.
    pub(crate) fn page_by<R, T>(
        &self,
        rows: Vec<R>,
        place: impl Fn(&R) -> String,
        view: impl Fn(R) -> T,
    ) -> Result<Page<T>, Problem> {
        self.cut(rows, |row| BASE64_URL_SAFE_NO_PAD.encode(place(row)), view)
    }

    fn cut<R, T>(
        &self,
        mut rows: Vec<R>,
        cursor: impl Fn(&R) -> String,
        view: impl Fn(R) -> T,
    ) -> Result<Page<T>, Problem> {
        let length = self.length()?;
        let more = rows.len() > length;
        rows.truncate(length);
        let next_cursor = rows.last().filter(|_| more).map(cursor);
        Ok(Page { items: rows.into_iter().map(view).collect(), next_cursor, previous_cursor: None })
    }
}

/// What is said of a cursor that leads nowhere.
pub(crate) fn foreign_cursor() -> Problem {
    Problem::bad_request("cursor: not one that Slipway gave out")
}

/// The place that a cursor means.
pub(crate) fn read_cursor(name: &str, cursor: &str) -> Result<Uuid, Problem> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok();
    let id = bytes.and_then(|bytes| Uuid::from_slice(&bytes).ok());
    id.ok_or_else(|| Problem::bad_request(format!("{name}: not one that Slipway gave out")))
}

fn cursor_of(id: Uuid) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(id.as_bytes())
}

/// The way back in a list that goes both ways.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Newer {
    /// `previous_cursor` of a page, in place of `cursor`: the items next newer than that page's.
    pub newer: Option<String>,
}

/// A page of a list, newest first or by name.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// Its items.
    pub items: Vec<T>,
    /// Give this as `cursor` to get the next page; none on the last one.
    pub next_cursor: Option<String>,
    /// Of lists that go both ways: give this as `newer` to get the page before; absent when this page begins with the newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_cursor: Option<String>,
}

impl<T> Page<T> {
    /// The same page, which others may come before.
    pub(crate) fn preceded(mut self, id: impl Fn(&T) -> Uuid) -> Self {
        self.previous_cursor = self.items.first().map(|item| cursor_of(id(item)));
        self
    }
}

/// `key=value`, `key!=value`, `key`, `!key`, separated by commas.
pub(crate) fn selector(text: Option<&str>) -> Result<LabelSelector, Problem> {
    match text {
        None | Some("") => Ok(LabelSelector::default()),
        Some(text) => text.parse().map_err(|error| Problem::bad_request(format!("labels: {error}"))),
    }
}

/// Reads a filter whose values are a closed list.
pub(crate) fn choice<T: std::str::FromStr<Err = shared::domain::states::UnknownName>>(
    name: &str,
    text: Option<&str>,
) -> Result<Option<T>, Problem> {
    text.map(|text| text.parse().map_err(|error| Problem::bad_request(format!("{name}: {error}")))).transpose()
}

#[cfg(test)]
mod fuzz;
