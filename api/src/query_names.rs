//! Query parameters that a route does not have are refused: a filter that is mistyped and ignored would select everything.

use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use serde_json::Value;
use shared::formats::problem::{did_you_mean, nearest};

use crate::error::Problem;

/// The query parameters of every described operation, by method and path template.
#[derive(Clone, Debug)]
pub(crate) struct QueryNames(Arc<HashMap<(String, String), Vec<String>>>);

impl QueryNames {
    /// Reads them from the description that is generated from the handlers.
    pub(crate) fn of(description: &utoipa::openapi::OpenApi) -> Self {
        // Strings and maps only: what serde_json refuses (maps with keys that are no strings) cannot occur.
        let document = serde_json::to_value(description).unwrap_or_default();
        let mut names = HashMap::new();
        for (path, methods) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in methods.as_object().into_iter().flatten() {
                let in_query = |parameter: &&Value| parameter["in"] == "query";
                let name = |parameter: &Value| parameter["name"].as_str().map(str::to_owned);
                let parameters = operation["parameters"].as_array().into_iter().flatten();
                let known = parameters.filter(in_query).filter_map(name).collect();
                names.insert((method.to_ascii_uppercase(), path.clone()), known);
            }
        }
        Self(Arc::new(names))
    }

    /// What is wrong with a query, if anything is.
    fn check(&self, method: &str, path: &str, query: &str) -> Result<(), Problem> {
        // A method that is not described (LOCK and UNLOCK of the state protocol) looks after itself.
        let Some(known) = self.0.get(&(method.to_owned(), path.to_owned())) else { return Ok(()) };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let name = pair.split('=').next().unwrap_or_default();
            if known.iter().any(|known| known == name) {
                continue;
            }
            let hint = did_you_mean(&nearest(name, known.iter().map(String::as_str)));
            let list = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let name: String = name.chars().take(64).collect();
            return Err(Problem::bad_request(format!(
                "there is no query parameter '{name}' here{hint}; this route takes: {list}"
            )));
        }
        Ok(())
    }
}

/// Answers 400 to a request with a query parameter that its route does not have.
pub(crate) async fn refuse_unknown(
    State(names): State<QueryNames>,
    matched: MatchedPath,
    request: Request,
    next: Next,
) -> Response {
    let query = request.uri().query().unwrap_or_default();
    match names.check(request.method().as_str(), matched.as_str(), query) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}
