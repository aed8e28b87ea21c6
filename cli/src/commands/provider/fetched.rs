//! Repositories that are checked without a server: fetched first, as the server would.

use std::path::{Path, PathBuf};

use scheduler::sources::{self, Failure, Found};
use shared::{
    config::Git,
    formats::source::{self, Source},
};

use crate::output::{self, clean};

/// The folders of providers at each place: of a folder itself, of a repository after it was fetched into `scratch`.
///
/// # Errors
/// When a repository cannot be fetched, or holds what would be refused.
pub(super) async fn folders(places: &[String], git: &Git, scratch: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for place in places {
        if place.contains("://") {
            folders.extend(holding_providers(fetch(place, git, scratch).await?));
        } else {
            folders.push(place.into());
        }
    }
    Ok(folders)
}

async fn fetch(place: &str, git: &Git, scratch: &Path) -> anyhow::Result<PathBuf> {
    let wrong = |message: String| anyhow::anyhow!("{}: {}", clean(place), clean(&message));
    let (url, reference) = source::split(place).map_err(wrong)?;
    let source = Source { url: url.into(), reference: reference.into(), ..Source::default() };
    let source = source.checked().map_err(|(key, message)| wrong(format!("{key}: {message}")))?;
    let url = source::check_url(&source.url).map_err(wrong)?;
    // Whoever sits here may read this folder and reach this host anyway.
    let mut git = git.clone();
    git.folders.extend(source::folder_of(&url));
    git.private_hosts.extend(url.host_str().map(str::to_owned));
    match sources::fetch(&git, &source, None).await {
        Ok(Found::Commit { commit, tree }) => {
            tree.warnings.iter().for_each(|warning| output::warn(warning));
            Ok(sources::unpacked(&source.name, &commit, &tree.content, scratch)?.dir)
        }
        Ok(Found::Unchanged) => Err(wrong("nothing was fetched".into())),
        Err(Failure::Unreachable(problem)) => Err(anyhow::anyhow!(clean(&problem))),
        Err(Failure::Unfit { problems, .. }) => Err(wrong(problems.join("\n"))),
    }
}

/// A repository holds much that is no provider: the folder itself, or those right below it that are.
fn holding_providers(root: PathBuf) -> Vec<PathBuf> {
    let is_provider = |folder: &Path| {
        ["provider.yaml", "provider.yml", "goldenpaths.yaml"].iter().any(|name| folder.join(name).is_file())
    };
    if is_provider(&root) {
        return vec![root];
    }
    let below = std::fs::read_dir(&root).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = below.filter(|folder| is_provider(folder)).collect();
    found.sort();
    if found.is_empty() { vec![root] } else { found }
}
