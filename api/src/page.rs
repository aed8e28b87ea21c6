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
        let invalid = |_| Problem::bad_request("cursor: not one that Slipway gave out");
        self.cursor
            .as_deref()
            .map(|cursor| {
                let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid(()))?;
                Uuid::from_slice(&bytes).map_err(|_| invalid(()))
            })
            .transpose()
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
        mut rows: Vec<R>,
        id: impl Fn(&R) -> Uuid,
        view: impl Fn(R) -> T,
    ) -> Result<Page<T>, Problem> {
        let length = self.length()?;
        let more = rows.len() > length;
        rows.truncate(length);
        let last = rows.last().filter(|_| more);
        let next_cursor = last.map(|row| BASE64_URL_SAFE_NO_PAD.encode(id(row).as_bytes()));
        Ok(Page { items: rows.into_iter().map(view).collect(), next_cursor })
    }
}

/// A page of a list, newest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// Its items.
    pub items: Vec<T>,
    /// Give this as `cursor` to get the next page; none on the last one.
    pub next_cursor: Option<String>,
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
