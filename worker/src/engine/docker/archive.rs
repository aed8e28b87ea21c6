//! Reads a container's files, as a tar of bounded size that keeps coming.

use std::time::Duration;

use bollard::{Docker, query_parameters::DownloadFromContainerOptionsBuilder};
use futures::StreamExt as _;
use tokio::time::timeout;

use super::call::Failure;
use crate::engine::{Archive, EngineError};

/// How long nothing may come of an archive that is being read.
const PAUSE: Duration = Duration::from_secs(60);

pub(super) async fn read(docker: &Docker, name: &str, path: &str, limit: u64) -> Result<Archive, EngineError> {
    let options = DownloadFromContainerOptionsBuilder::default().path(path).build();
    let mut chunks = Box::pin(docker.download_from_container(name, Some(options)));
    // The first piece tells whether there is anything to read.
    let first = match timeout(PAUSE, chunks.next()).await {
        Ok(Some(Err(error))) => return Err(Failure::from(error).into()),
        Ok(first) => first,
        Err(_) => return Err(EngineError::Unavailable("the archive does not begin".into())),
    };
    let whole = futures::stream::iter(first).chain(chunks);
    let bounded = futures::stream::try_unfold((Box::pin(whole), 0_u64), move |(mut chunks, read)| async move {
        match timeout(PAUSE, chunks.next()).await {
            Err(_) => Err(EngineError::Unavailable("the archive stands still".into())),
            Ok(None) => Ok(None),
            Ok(Some(Err(error))) => Err(Failure::from(error).into()),
            Ok(Some(Ok(chunk))) => {
                let read = read + chunk.len() as u64;
                if read > limit { Err(EngineError::TooLarge(limit)) } else { Ok(Some((chunk, (chunks, read)))) }
            }
        }
    });
    Ok(Box::pin(bounded))
}
