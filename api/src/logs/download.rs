//! A log as a file.

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use futures::TryStreamExt as _;
use serde::Deserialize;
use shared::{
    domain::ids::RunId,
    store::log::{Line, Selection},
};
use utoipa::IntoParams;

use super::{known, pages::Pages, written};
use crate::{
    error::{Problem, ProblemDetails},
    extract::{Caller, Path, Query},
    state::AppState,
    streams,
};

/// What the file is to hold.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DownloadQuery {
    /// Only this step's lines.
    step: Option<String>,
    /// Only this attempt's lines.
    attempt: Option<i16>,
    /// Begins each line with when it was written, in UTC.
    #[serde(default)]
    timestamps: bool,
}

/// The log of a run, of a step or of one attempt as a text file, as far as it is written by now. Lines of several steps begin
/// with the step's name; where lines are missing, a line says so.
#[utoipa::path(get, path = "/api/workflows/{id}/logs/download", tag = "workflows", params(("id" = Uuid, Path), DownloadQuery),
    responses((status = 200, body = String, content_type = "text/plain"), (status = 404, body = ProblemDetails),
              (status = 429, body = ProblemDetails)))]
pub(crate) async fn download(
    State(app): State<AppState>,
    Caller(caller): Caller,
    Path(id): Path<RunId>,
    Query(query): Query<DownloadQuery>,
) -> Result<Response, Problem> {
    known(&app, id).await?;
    let permit = streams::open(&app, &caller)?;
    let name = file_name(id, &query);
    let (with_step, timestamps) = (query.step.is_none(), query.timestamps);
    let selection = Selection { step: query.step, attempt: query.attempt };
    let mut pages = Pages::after(app, id, selection, 0);
    // The first page is read before anything is answered, so that an archive that cannot be read is told as a problem.
    let first = pages.next().await?;
    let lines = futures::stream::try_unfold((first, pages, permit), move |(page, mut pages, permit)| async move {
        let Some(lines) = page else { return Ok(None) };
        let lapsed = || std::io::Error::other("whoever reads this may no more");
        if permit.lapsed().is_cancelled() {
            return Err(lapsed());
        }
        let text: String = lines.iter().map(|line| as_text(line, with_step, timestamps)).collect();
        // A file that breaks off must not look whole: the connection breaks with it.
        let next = tokio::select! {
            () = permit.lapsed().cancelled() => return Err(lapsed()),
            next = pages.next() => next.map_err(|problem| std::io::Error::other(problem.code()))?,
        };
        Ok::<_, std::io::Error>(Some((Bytes::from(text), (next, pages, permit))))
    });
    let mut response = Body::from_stream(lines.into_stream()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

fn as_text(line: &Line, with_step: bool, timestamps: bool) -> String {
    let at = match timestamps {
        true => line.at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true) + " ",
        false => String::new(),
    };
    format!("{at}{}", written(line, with_step))
}

/// `run-0198….log`, `run-0198…-apply-2.log`, of characters that every system takes.
fn file_name(run: RunId, query: &DownloadQuery) -> String {
    let mut name = format!("run-{run}");
    if let Some(step) = &query.step {
        let plain = step.chars().take(64).map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' });
        name.push('-');
        name.extend(plain);
    }
    if let Some(attempt) = query.attempt {
        name.push_str(&format!("-{attempt}"));
    }
    name + ".log"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_after_what_it_holds_whatever_a_step_is_called() {
        let run = RunId(uuid::Uuid::nil());
        let query = DownloadQuery { step: Some("a\"; x=/../b".into()), attempt: Some(2), timestamps: false };
        assert_eq!(file_name(run, &query), "run-00000000-0000-0000-0000-000000000000-a___x__.._b-2.log");
    }
}
