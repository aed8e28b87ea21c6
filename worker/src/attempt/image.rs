//! The image of a try: what a name meant when the run first used it is what it means to the run.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use shared::{
    domain::run::error_code,
    store::{self, lease},
};

use super::{RunScope, Try};
use crate::{
    container::Setback,
    contract::Failure,
    engine::{Engine, EngineError},
    retry::Pause,
};

/// Times an image is asked for before the step fails for want of it.
const FETCHES: u32 = 3;

/// The images that a run keeps, by the names its steps have for them.
#[derive(Debug, Default)]
pub struct Kept(Mutex<BTreeMap<String, String>>);

impl Kept {
    /// Those that tries of the run before recorded.
    ///
    /// # Errors
    /// When Postgres cannot be reached.
    pub async fn load(store: &store::Store, lease: lease::Lease) -> store::Result<Self> {
        let mut kept: BTreeMap<String, String> = lease::images(store.pool(), lease).await?.into_iter().collect();
        for start in lease::service_starts(store.pool(), lease).await? {
            kept.entry(start.image).or_insert(start.image_id);
        }
        Ok(Self(Mutex::new(kept)))
    }

    fn get(&self, name: &str) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Keeps the id, unless another step was first; gives the one that is kept.
    fn keep(&self, name: &str, id: String) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(name.to_owned()).or_insert(id).clone()
    }
}

/// What a try runs, as far as it is known before it begins.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// As the step names it.
    pub name: String,
    /// The id, when it is known.
    pub id: Option<String>,
    /// Whether the engine has it.
    here: bool,
    /// What the name means by now, where that is another image.
    moved_to: Option<String>,
}

/// Looks for the image; fetches nothing.
pub(crate) async fn choose<E: Engine>(scope: &RunScope<E>, name: &str, again: bool) -> Result<Chosen, EngineError> {
    let engine = &scope.worker.engine;
    let chosen = |id, here, moved_to| Chosen { name: name.to_owned(), id, here, moved_to };
    if !scope.worker.config.sandbox.pin_images {
        let id = engine.known_image(name).await?;
        let here = id.is_some();
        return Ok(chosen(id, here, None));
    }
    let Some(kept) = scope.images.get(name) else {
        return Ok(match engine.known_image(name).await? {
            Some(id) => chosen(Some(scope.images.keep(name, id)), true, None),
            None => chosen(None, false, None),
        });
    };
    // The first steps of a run find what was there a moment ago; whoever comes back to a run looks again.
    if !again {
        return Ok(chosen(Some(kept), true, None));
    }
    let here = engine.known_image(&kept).await?.is_some();
    let moved_to = engine.known_image(name).await?.filter(|now| *now != kept);
    Ok(chosen(Some(kept), here, moved_to))
}

impl Chosen {
    /// What people are told when the name has come to mean another image.
    pub(crate) fn notice(&self) -> Option<String> {
        let (kept, now) = (self.id.as_deref()?, self.moved_to.as_deref()?);
        let (kept, now) = (short(kept), short(now));
        self.here.then(|| {
            format!("image {} is another by now ({now}); this run keeps the one it began with ({kept})", self.name)
        })
    }
}

/// The id of the image, fetched if need be.
///
/// # Errors
/// When it cannot be had, or is not the one that the run began with.
pub async fn secure<E: Engine>(
    scope: &RunScope<E>,
    one: &Try,
    number: i16,
    chosen: &Chosen,
) -> Result<String, Setback> {
    let (id, fetched) = obtain(scope, chosen).await?;
    if fetched {
        let (pool, lease) = (scope.worker.store.pool(), scope.held.lease);
        scope.held.write("image", || lease::image_fetched(pool, lease, one.row.id, number, &id)).await?;
    }
    Ok(id)
}

/// The id of the image, fetched if need be, and whether it is known only now.
///
/// # Errors
/// When it cannot be had, or is not the one that the run began with.
pub(crate) async fn obtain<E: Engine>(scope: &RunScope<E>, chosen: &Chosen) -> Result<(String, bool), Setback> {
    match &chosen.id {
        Some(id) if chosen.here => Ok((id.clone(), false)),
        Some(kept) => {
            // Gone from this engine; a registry may still have the very same.
            let fetched = fetch(scope, &chosen.name).await;
            match fetched {
                Ok(id) if id == *kept => Ok((id, false)),
                Err(Setback::Halt(halt)) => Err(halt.into()),
                Ok(id) => Err(changed(&chosen.name, kept, Some(&id))),
                Err(_) => Err(changed(&chosen.name, kept, chosen.moved_to.as_deref())),
            }
        }
        None => {
            let id = fetch(scope, &chosen.name).await?;
            let id = if scope.worker.config.sandbox.pin_images { scope.images.keep(&chosen.name, id) } else { id };
            Ok((id, true))
        }
    }
}

async fn fetch<E: Engine>(scope: &RunScope<E>, name: &str) -> Result<String, Setback> {
    let held = &scope.held;
    let mut pause = Pause::up_to(std::time::Duration::from_secs(5));
    for asked in 1.. {
        let fetched = tokio::select! {
            fetched = scope.worker.engine.fetch_image(name) => fetched,
            () = held.lost.cancelled() => return Err(crate::held::Halt::Lost.into()),
            () = held.cancelled.cancelled() => return Err(Setback::Passing("called off while its image came".to_owned())),
            () = scope.stop.cancelled() => return Err(Setback::Passing("the worker stops".to_owned())),
        };
        match fetched {
            Err(EngineError::Image { passing: true, .. }) if asked < FETCHES => pause.wait().await,
            other => return Ok(other?),
        }
    }
    Err(crate::held::Halt::Lost.into())
}

fn changed(name: &str, kept: &str, now: Option<&str>) -> Setback {
    let now = match now {
        Some(now) => format!("by now it is {}", short(now)),
        None => "it is not to be had any more".to_owned(),
    };
    let message = format!(
        "image {name} is not the one that this run began with ({}), {now}: start the run again to take what there is, \
         or name images by digest",
        short(kept)
    );
    Setback::Failed(Failure { code: error_code::IMAGE_CHANGED, message })
}

/// As much of an id as people compare.
fn short(id: &str) -> &str {
    id.get(.."sha256:".len() + 12).unwrap_or(id)
}
