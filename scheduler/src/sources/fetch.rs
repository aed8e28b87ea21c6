//! One look at one source: which commit its reference is now, and the files of that commit.

use shared::{
    config::Git as Settings,
    formats::source::{self, Source},
};

use super::{
    address,
    git::{GitError, Sandbox},
    tree::{self, Kind, Tree},
};

/// Where the fetched commit is put.
const FETCHED: &str = "refs/slipway/fetched";
/// What git may answer to questions about references.
const MAX_REFERENCES: usize = 256 * 1024;

/// What a look found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The commit that was known.
    Unchanged,
    /// Another one.
    Commit {
        /// Its name, in full.
        commit: String,
        /// Its files.
        tree: Tree,
    },
}

/// Why a look found nothing. The texts are for those who added the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The repository could not be asked, or may not be.
    Unreachable(String),
    /// What is there is not fit to be taken.
    Unfit {
        /// The commit, when there is one.
        commit: Option<String>,
        /// Everything that is wrong with it.
        problems: Vec<String>,
    },
}

/// Looks at a source, and takes its files unless they are of the commit that is `known`.
///
/// # Errors
/// See [`Failure`].
pub async fn fetch(settings: &Settings, source: &Source, known: Option<&str>) -> Result<Found, Failure> {
    let unreachable = |message: String| Failure::Unreachable(format!("{}: {message}", source.url));
    let asked = |error: GitError| unreachable(error.to_string());
    source::check_reference(&source.reference).map_err(unreachable)?;
    let address = address::admit(settings, source).await.map_err(unreachable)?;
    let sandbox = Sandbox::new(settings, &address).map_err(asked)?;
    sandbox.check_version().await.map_err(asked)?;
    let url = address.url.as_str();

    let mut warnings = Vec::new();
    let wanted = if source::is_commit(&source.reference) {
        Wanted { spec: source.reference.clone(), object: source.reference.clone(), commit: source.reference.clone() }
    } else {
        let tag = format!("refs/tags/{}", source.reference);
        let (peeled, branch) = (format!("{tag}^{{}}"), format!("refs/heads/{}", source.reference));
        let answer = sandbox
            .run(&["ls-remote", "--quiet", "--", url, &tag, &peeled, &branch], &[], MAX_REFERENCES)
            .await
            .map_err(asked)?;
        let answer = String::from_utf8_lossy(&answer);
        let object = |name: &str| {
            let mut lines = answer.lines().filter_map(|line| line.split_once('\t'));
            lines
                .find(|(_, found)| *found == name)
                .map(|(object, _)| object.to_owned())
                .filter(|it| source::is_commit(it))
        };
        match (object(&tag), object(&branch)) {
            (Some(tagged), other) => {
                if other.is_some() {
                    warnings.push(format!("'{}' is both a tag and a branch; the tag is taken", source.reference));
                }
                Wanted { commit: object(&peeled).unwrap_or_else(|| tagged.clone()), object: tagged, spec: tag }
            }
            (None, Some(head)) => Wanted { commit: head.clone(), object: head, spec: branch },
            (None, None) => {
                let problem = format!("{}: there is no tag and no branch '{}'", source.url, source.reference);
                return Err(Failure::Unfit { commit: None, problems: vec![problem] });
            }
        }
    };
    if known == Some(wanted.commit.as_str()) {
        return Ok(Found::Unchanged);
    }

    let format = if wanted.object.len() == 64 { "sha256" } else { "sha1" };
    let init = [
        "init",
        "--quiet",
        "--bare",
        "--template=",
        "--initial-branch=none",
        &format!("--object-format={format}"),
        ".",
    ];
    sandbox.run(&init, &[], MAX_REFERENCES).await.map_err(asked)?;
    let spec = format!("+{}:{FETCHED}", wanted.spec);
    let options = ["fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"];
    let fetch = [&options[..], &["--no-auto-maintenance", "--", url, &spec]].concat();
    sandbox.run(&fetch, &[], MAX_REFERENCES).await.map_err(|error| match error {
        // It was there, and is what nobody should take.
        GitError::TooLarge(_) => unfit(&wanted, error.to_string()),
        GitError::Failed(said) if said.contains("fsck") || said.contains("index-pack") => unfit(&wanted, said),
        error => asked(error),
    })?;
    let parse = ["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{FETCHED}^{{commit}}")];
    let commit = sandbox.run(&parse, &[], MAX_REFERENCES).await.map_err(asked)?;
    let commit = String::from_utf8_lossy(&commit).trim().to_owned();
    // A reference may move between the two questions; a commit may not.
    if !source::is_commit(&commit) || (source::is_commit(&source.reference) && commit != source.reference) {
        return Err(unreachable(format!("'{}' is no commit", source.reference)));
    }
    if known == Some(commit.as_str()) {
        return Ok(Found::Unchanged);
    }
    let mut tree = files(settings, source, &sandbox, &commit).await?;
    tree.warnings.append(&mut warnings);
    Ok(Found::Commit { commit, tree })
}

fn unfit(wanted: &Wanted, problem: String) -> Failure {
    Failure::Unfit { commit: Some(wanted.commit.clone()), problems: vec![problem] }
}

/// What is asked for.
struct Wanted {
    /// As git takes it.
    spec: String,
    /// What the reference names: a commit, or a tag of one.
    object: String,
    commit: String,
}

async fn files(settings: &Settings, source: &Source, sandbox: &Sandbox<'_>, commit: &str) -> Result<Tree, Failure> {
    let unfit = |problems: Vec<String>| Failure::Unfit { commit: Some(commit.to_owned()), problems };
    let refused = |error: GitError| unfit(vec![error.to_string()]);
    let folder = format!("{commit}:{}", source.path);
    let listing =
        usize::try_from(settings.max_files).unwrap_or(usize::MAX).saturating_mul(640).saturating_add(64 * 1024);
    let answer = sandbox.run(&["ls-tree", "-r", "-z", "-l", "--full-tree", &folder], &[], listing).await;
    let answer = answer.map_err(|error| match error {
        GitError::Failed(_) if !source.path.is_empty() => unfit(vec![format!("there is no folder '{}'", source.path)]),
        GitError::TooTalkative(_) => {
            unfit(vec![format!("it has more than {} files (git.max_files)", settings.max_files)])
        }
        error => refused(error),
    })?;
    let entries = tree::listed(&answer, settings).map_err(unfit)?;
    let files = || entries.iter().filter(|entry| matches!(entry.kind, Kind::File { .. }));
    let asked: String = files().map(|entry| format!("{}\n", entry.object)).collect();
    let room = files().map(|entry| usize::try_from(entry.size).unwrap_or(usize::MAX)).fold(0, usize::saturating_add);
    let room = room.saturating_add(entries.len() * 128);
    let answer = sandbox.run(&["cat-file", "--batch"], asked.as_bytes(), room).await.map_err(refused)?;
    tree::packed(&entries, &answer).map_err(|error| unfit(vec![error.to_string()]))
}
