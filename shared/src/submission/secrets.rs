//! The secrets that a submission names must be there.

use std::collections::BTreeMap;

use crate::{
    formats::{
        placeholder,
        problem::{Problem, code, did_you_mean, nearest, pointer},
    },
    store::{Connection, Result, secret, submit::Submission},
};

/// Every secret that is named and not there, each where it is named first. To be called in the transaction that submits.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn missing(conn: &mut Connection, submission: &Submission) -> Result<Vec<Problem>> {
    let mut named = BTreeMap::new();
    for (name, wanted) in &submission.resources {
        let base = pointer(&pointer("/resources", name), "params");
        for (secret, path) in placeholder::secrets(&wanted.params) {
            named.entry(secret).or_insert_with(|| format!("{base}{path}"));
        }
    }
    // The params of containers are at the same places as in the file.
    for (secret, path) in submission.workload.iter().flat_map(|it| placeholder::secrets(&it.wanted.params)) {
        named.entry(secret).or_insert(path);
    }
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let there = secret::visible(conn, &submission.name, submission.team.as_deref()).await?;
    let unknown = named.into_iter().filter(|(name, _)| !there.contains_key(name));
    Ok(unknown
        .map(|(name, path)| {
            let hint = did_you_mean(&nearest(&name, there.keys().map(String::as_str)));
            let message = format!(
                "neither the application nor its team has a secret '{name}'{hint}; `slipway secret set {name}` stores one"
            );
            Problem::new(code::UNKNOWN_NAME, message).at(path)
        })
        .collect())
}
