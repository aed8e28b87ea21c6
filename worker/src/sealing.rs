//! Secrets on their way into a step and out of it: tokens are opened in memory just before templates see them, and what
//! comes back is sealed before it is recorded.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::{Map, Value};
use shared::{
    domain::run::error_code,
    secrets::{SecretError, token},
};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{attempt::RunScope, container::Setback, contract::Failure, engine::Engine};

impl From<SecretError> for Setback {
    fn from(error: SecretError) -> Self {
        if error.is_passing() {
            Self::Passing(error.to_string())
        } else {
            Self::Failed(Failure { code: error_code::SECRET_UNAVAILABLE, message: error.to_string() })
        }
    }
}

/// What the run's values are said to come from: the resource it works on, or else the run that stands above it.
fn origin<E>(scope: &RunScope<E>) -> Uuid {
    scope.claimed.resource_id.map_or(scope.claimed.root_run_id.0, |resource| resource.0)
}

/// Values in plain, for nobody but a container.
#[derive(Debug)]
pub struct Opened<'a> {
    /// With their tokens opened.
    pub values: Cow<'a, Map<String, Value>>,
    /// The secrets that are named in them, by their names.
    pub secrets: BTreeMap<String, Zeroizing<String>>,
}

impl<'a> Opened<'a> {
    /// Values as they are.
    #[must_use]
    pub fn as_they_are(values: &'a Map<String, Value>) -> Self {
        Self { values: Cow::Borrowed(values), secrets: BTreeMap::new() }
    }
}

/// The values with their tokens opened, for this step (empty: for what the run gives); what was opened is masked from now on.
///
/// # Errors
/// When a secret cannot be had.
pub async fn open<'a, E: Engine>(
    scope: &RunScope<E>,
    step: &str,
    values: &'a Map<String, Value>,
) -> Result<Opened<'a>, Setback> {
    if !values.values().any(token::is_in) {
        return Ok(Opened::as_they_are(values));
    }
    let (worker, lease) = (&scope.worker, scope.held.lease);
    let opener = worker.seals.opener(&worker.store, lease, &scope.claimed.team, step, values.values()).await?;
    let mut opened = values.clone();
    for value in opened.values_mut() {
        token::replace(value, &mut |token| {
            let plain = opener.open(token)?;
            scope.mask.add_value(&plain);
            Ok::<_, SecretError>(plain)
        })?;
    }
    Ok(Opened { values: Cow::Owned(opened), secrets: opener.into_secrets() })
}

/// Seals the values of sensitive names, and every text that holds a secret of the run, wherever it is. The names of such
/// are sensitive from then on. Without a key in the keyring values stay as they are.
///
/// # Errors
/// When the key to seal with cannot be had.
pub async fn seal<E: Engine>(
    scope: &RunScope<E>,
    values: &mut Map<String, Value>,
    sensitive: &mut Vec<String>,
) -> Result<(), Setback> {
    for (name, value) in &*values {
        if !sensitive.contains(name) && (scope.mask.hides(value) || token::is_in(value)) {
            sensitive.push(name.clone());
        }
    }
    let seals = &scope.worker.seals;
    if !seals.is_on() || !sensitive.iter().any(|name| values.contains_key(name)) {
        return Ok(());
    }
    let key = seals.key_of_run(&scope.worker.store, scope.held.lease, &scope.claimed.team, None).await?;
    for (_, value) in values.iter_mut().filter(|(name, _)| sensitive.contains(name)) {
        token::seal_leaves(value, &|_| true, &|leaf| token::seal(key.id, &key.key, origin(scope), leaf));
    }
    Ok(())
}
