//! Images: which one a name means on the engine, fetching one, and what of it a step's container must be kept from.

use std::time::Duration;

use bollard::{
    Docker,
    auth::DockerCredentials,
    models::{CreateImageInfo, ImageInspect},
    query_parameters::CreateImageOptionsBuilder,
};
use futures::StreamExt as _;
use shared::config::{PullPolicy, Sandbox};

use super::call::{Failure, QUICK, call};
use crate::{
    engine::{
        EngineError,
        sandbox::{Base, may_be_volume},
    },
    images::ImageRef,
};

/// Bytes of environment that an image may bring along: the kernel's room for it is shared with the step's own.
const MOST_ENVIRONMENT: usize = 64 * 1024;
/// Volumes that an image may declare.
const MOST_VOLUMES: usize = 8;
/// Places of ours: what an image declares there is passed over.
const OURS: [&str; 5] = ["/workspace", "/tmp", "/run/slipway", "/run/slipway/files", "/.slipway"];
const MIB: u64 = 1024 * 1024;

/// The id of an image that the engine has. With `always`, only of one that no registry could have a newer one of.
pub(super) async fn known(docker: &Docker, sandbox: &Sandbox, image: &str) -> Result<Option<String>, EngineError> {
    let named = ImageRef::parse(image);
    if sandbox.pull.policy == PullPolicy::Always
        && named.as_ref().is_some_and(|named| named.registry.is_some() && named.digest.is_none())
    {
        return Ok(None);
    }
    Ok(inspect(docker, &asked(image)).await?.and_then(|found| found.id))
}

/// Fetches an image from its registry; gives its id.
pub(super) async fn fetch(docker: &Docker, sandbox: &Sandbox, image: &str) -> Result<String, EngineError> {
    let failed = |reason: String, passing: bool| EngineError::Image { image: image.to_owned(), reason, passing };
    let missing = |why: &str| Err(failed(format!("the engine does not have it, and {why}"), false));
    let Some(registry) = ImageRef::parse(image).and_then(|named| named.registry) else {
        return missing("a name without a registry is never pulled: write registry.example/…, or put it on the engine");
    };
    if sandbox.pull.policy == PullPolicy::Never {
        return missing("sandbox.pull.policy is never");
    }
    let credentials = match sandbox.pull.registries.get(registry) {
        None => None,
        Some(known) => {
            let password = known.password.read();
            let password = password
                .map_err(|why| failed(format!("the password for {registry} (sandbox.pull.registries): {why}"), true))?;
            Some(DockerCredentials {
                username: Some(known.username.clone()),
                password: Some(password),
                serveraddress: Some(registry.to_owned()),
                ..DockerCredentials::default()
            })
        }
    };
    let name = asked(image);
    let most = sandbox.pull.max_mib.saturating_mul(MIB);
    let options = CreateImageOptionsBuilder::default().from_image(&name).build();
    // Dropped before its end, the call takes the pull along.
    let pulling = async {
        let mut progress = Box::pin(docker.create_image(Some(options), None, credentials));
        let mut size = Size::default();
        while let Some(step) = progress.next().await {
            if size.add(&step.map_err(Failure::from)?) > most {
                return Ok(false);
            }
        }
        Ok(true)
    };
    let too_large = || {
        let limit = sandbox.pull.max_mib;
        Err(failed(format!("it has more than {limit} MiB (sandbox.pull.max_mib)"), false))
    };
    let limit = Duration::from_secs(sandbox.pull.timeout_s);
    match tokio::time::timeout(limit, pulling).await {
        Err(_) => {
            return Err(failed(
                format!("it did not arrive within {} s (sandbox.pull.timeout_s)", limit.as_secs()),
                true,
            ));
        }
        Ok(Ok(true)) => {}
        Ok(Ok(false)) => return too_large(),
        Ok(Err(Failure::Status(status, reason))) => return Err(failed(reason, status >= 500)),
        Ok(Err(silent)) => return Err(silent.into()),
    }
    match inspect(docker, &name).await? {
        // Layers that come quickly, or that the engine had, tell no size on their way; and unpacked they may be larger.
        Some(found) if found.size.is_some_and(|size| u64::try_from(size).unwrap_or(0) > most) => {
            let removed = call(
                "remove image",
                QUICK,
                docker.remove_image(&name, None::<bollard::query_parameters::RemoveImageOptions>, None),
            )
            .await;
            if let Err(failure) = removed {
                tracing::warn!(image, failure = %EngineError::from(failure), "an image that is too large stays on the engine");
            }
            too_large()
        }
        Some(ImageInspect { id: Some(id), .. }) => Ok(id),
        _ => Err(failed("it was pulled, and is not there".into(), true)),
    }
}

/// What a step's container is made on: the image as the engine has it, without what it must not bring along.
pub(super) async fn base(docker: &Docker, sandbox: &Sandbox, image: &str) -> Result<Base, EngineError> {
    let failed = |reason: String| EngineError::Image { image: image.to_owned(), reason, passing: false };
    let Some(found) = inspect(docker, &asked(image)).await? else {
        return Err(failed("the engine does not have it".into()));
    };
    let config = found.config.unwrap_or_default();
    let environment: usize = config.env.iter().flatten().map(|variable| variable.len() + 1).sum();
    if environment > MOST_ENVIRONMENT {
        return Err(failed(format!("its ENV has {environment} bytes; an image may bring {MOST_ENVIRONMENT}")));
    }
    let mut volumes = config.volumes.unwrap_or_default();
    volumes.retain(|path| !OURS.contains(&path.as_str()));
    if volumes.len() > MOST_VOLUMES {
        return Err(failed(format!("it declares {} volumes; an image may have {MOST_VOLUMES}", volumes.len())));
    }
    if let Some(path) = volumes.iter().find(|path| !may_be_volume(path)) {
        return Err(failed(format!("it declares a volume at '{path}', which is not the image's to have")));
    }
    Ok(Base { image: found.id.unwrap_or_else(|| image.to_owned()), volumes, runtime: sandbox.runtime })
}

async fn inspect(docker: &Docker, name: &str) -> Result<Option<ImageInspect>, EngineError> {
    match call("inspect image", QUICK, docker.inspect_image(name)).await {
        Ok(found) => Ok(Some(found)),
        Err(failure) if failure.is(404) => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}

/// The name as the engine is asked for it: by digest where there is one, else by tag. A tag beside a digest says nothing.
fn asked(image: &str) -> String {
    match ImageRef::parse(image) {
        Some(ImageRef { name, digest: Some(digest), .. }) => format!("{name}@{digest}"),
        Some(ImageRef { name, tag: None, .. }) => format!("{name}:latest"),
        _ => image.to_owned(),
    }
}

/// The bytes of an image that is on its way: layers tell their sizes as they come.
#[derive(Default)]
struct Size {
    layers: std::collections::HashMap<String, u64>,
}

impl Size {
    fn add(&mut self, step: &CreateImageInfo) -> u64 {
        if let (Some(layer), Some(total)) = (&step.id, step.progress_detail.as_ref().and_then(|detail| detail.total)) {
            let known = self.layers.entry(layer.clone()).or_default();
            *known = (*known).max(u64::try_from(total).unwrap_or(0));
        }
        self.layers.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_s_volumes_are_its_own_places_only() {
        for path in ["/data", "/var/lib/postgresql/data", "/tmp/x", "/workspaces"] {
            assert!(may_be_volume(path), "{path}");
        }
        for path in [
            "/",
            "data",
            "/a/../b",
            "/a//b",
            "/proc/self/fd/7",
            "/dev",
            "/.slipway/init",
            "/run/slipway/secrets",
            "/a:b",
            "/workspace/x",
        ] {
            assert!(!may_be_volume(path), "{path}");
        }
    }

    #[test]
    fn the_engine_is_asked_by_digest_where_there_is_one() {
        let digest = format!("sha256:{}", "0".repeat(64));
        assert_eq!(asked(&format!("r.example/a:1@{digest}")), format!("r.example/a@{digest}"));
        assert_eq!(asked("r.example:5000/a"), "r.example:5000/a:latest");
        assert_eq!(asked("a/b:1"), "a/b:1");
        assert_eq!(asked(&digest), digest, "an id that a run keeps");
    }
}
