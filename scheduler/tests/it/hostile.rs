//! Repositories that mean harm.

use std::{io::Write as _, os::unix::fs::symlink, process::Command};

use scheduler::sources::{Failure, Found, fetch};
use shared::{config::Git, formats::source::Source};

use crate::stage::{
    Repository, Stage, git, provider,
    server::{Manner, Server},
    source,
};

fn settings(repository: &Repository) -> Git {
    Git { folders: vec![repository.folder.path().to_owned()], ..Git::default() }
}

async fn fetched(repository: &Repository, settings: &Git) -> Result<Found, Failure> {
    fetch(settings, &source("x", &repository.url(), "main"), None).await
}

/// What was wrong, in one text.
fn problems(outcome: Result<Found, Failure>) -> String {
    match outcome {
        Ok(found) => panic!("it was taken: {found:?}"),
        Err(Failure::Unfit { problems, .. }) => problems.join("\n"),
        Err(Failure::Unreachable(problem)) => problem,
    }
}

fn with_provider() -> Repository {
    let repository = Repository::new();
    for (file, content) in provider("one", "1.0.0", "box", "x") {
        repository.write(&[(&file, &content)]);
    }
    repository
}

/// Writes an object that git itself would not make; gives its name.
fn raw(folder: &std::path::Path, kind: &str, content: &[u8]) -> String {
    let mut child = Command::new("git")
        .args(["hash-object", "-w", "--literally", "-t", kind, "--stdin"])
        .current_dir(folder)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(content).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
}

/// A tree of entries as they are, right or wrong.
fn raw_tree(folder: &std::path::Path, entries: &[(&str, &str, &str)]) -> String {
    let mut content = Vec::new();
    for (mode, name, object) in entries {
        content.extend_from_slice(format!("{mode} {name}\0").as_bytes());
        content.extend((0..object.len()).step_by(2).map(|at| u8::from_str_radix(&object[at..at + 2], 16).unwrap()));
    }
    raw(folder, "tree", &content)
}

/// Makes `main` a commit of that tree.
fn commit_tree(folder: &std::path::Path, tree: &str) {
    let commit = format!("tree {tree}\nauthor t <t@example.org> 1 +0000\ncommitter t <t@example.org> 1 +0000\n\nx\n");
    let commit = raw(folder, "commit", commit.as_bytes());
    git(folder, &["update-ref", "refs/heads/main", &commit]);
}

#[tokio::test]
async fn links_submodules_and_lfs_are_not_followed_and_who_names_them_is_told() {
    let repository = with_provider();
    let root = repository.folder.path();
    repository.write(&[("big.tar", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")]);
    repository.write(&[
        (".gitattributes", "* filter=lfs diff=lfs ident export-subst\n"),
        (".gitmodules", "[submodule \"x\"]\n\tpath = sub\n\turl = https://h.example/x\n"),
    ]);
    symlink("/etc/passwd", root.join("secret.yaml")).unwrap();
    symlink("/etc", root.join("folder")).unwrap();
    git(root, &["update-index", "--add", "--cacheinfo", &format!("160000,{},sub", "1".repeat(40))]);
    repository.write(&[("provider.yaml", "apiVersion: v1\nkind: Provider\nmetadata: {name: one, version: 1.0.0}\nworkflows:\n  - {name: a, file: secret.yaml}\n  - {name: b, file: folder/hostname}\n  - {name: c, file: ../../../../etc/passwd}\n  - {name: d, file: /etc/passwd}\n  - {name: e, file: sub/x.yaml}\n  - {name: f, file: w/make.yaml}\n")]);
    git(
        root,
        &[
            "add",
            "provider.yaml",
            "secret.yaml",
            "folder",
            "big.tar",
            ".gitattributes",
            ".gitmodules",
            "w",
            "step-types",
        ],
    );
    git(root, &["commit", "--quiet", "--message", "x"]);
    let outcome = fetched(&repository, &settings(&repository)).await;
    let Ok(Found::Commit { tree, .. }) = outcome else { panic!("{outcome:?}") };
    let said = tree.warnings.join("\n");
    for part in ["'secret.yaml' is a link", "'folder' is a link", "'sub' is a submodule", "'big.tar' is in LFS"] {
        assert!(said.contains(part), "{said}");
    }

    let mut stage = Stage::new(&[&repository]).await;
    stage.add(&source("x", &repository.url(), "main")).await;
    stage.start();
    let row = stage.becomes("x", "rejected").await;
    let said = row.problems.to_string();
    for part in [
        "'a': 'secret.yaml' is or goes through a link",
        "'b': 'folder/hostname' is or goes through a link",
        "'c': '../../../../etc/passwd' leads out of",
        "'d': '/etc/passwd' leads out of",
        "'e': 'sub/x.yaml' cannot be read",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("'f'") && !said.contains("root:"), "{said}");
    assert!(stage.providers().await.is_empty());
    stage.stop().await;
}

#[tokio::test]
async fn a_submodule_that_would_run_something_is_refused() {
    let repository = with_provider();
    let text = "[submodule \"x\"]\n\tpath = sub\n\turl = -upload-pack=touch\n\tupdate = !touch /tmp/x\n";
    repository.write(&[(".gitmodules", text)]).commit();
    let outcome = fetched(&repository, &settings(&repository)).await;
    assert!(matches!(outcome, Err(Failure::Unfit { .. })), "{outcome:?}");
}

#[tokio::test]
async fn trees_that_git_would_not_make_are_refused() {
    for entries in [
        &[("100644", ".git", "file")][..],
        &[("40000", ".GIT", "folder")],
        &[("40000", "..", "folder")],
        &[("100644", "a/../../x", "file")],
        &[("100644", "a", "file"), ("100644", "a", "file")],
        &[("120000", "a", "file"), ("40000", "a", "folder")],
        &[("100644", "A", "file"), ("100644", "a", "file")],
        &[("100644", "git~1", "file")],
    ] {
        let repository = Repository::new();
        let root = repository.folder.path();
        let file = raw(root, "blob", b"x");
        let folder = raw_tree(root, &[("100644", "config", &file)]);
        let entries: Vec<(&str, &str, &str)> = entries
            .iter()
            .map(|(mode, name, kind)| (*mode, *name, if *kind == "file" { file.as_str() } else { folder.as_str() }))
            .collect();
        let tree = raw_tree(root, &entries);
        commit_tree(root, &tree);
        let outcome = fetched(&repository, &settings(&repository)).await;
        assert!(matches!(outcome, Err(Failure::Unfit { .. })), "{entries:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn what_is_too_large_in_any_way_is_refused() {
    let repository = with_provider();
    let root = repository.folder.path();
    std::fs::write(root.join("zeros"), vec![0; 20 << 20]).unwrap();
    repository.commit();
    let git_settings = settings(&repository);
    let said = problems(fetched(&repository, &git_settings).await);
    assert!(said.contains("git.max_tree_bytes"), "{said}");

    // Random bytes are as large on the way as they are in the end.
    let noise: Vec<u8> = std::iter::repeat_with(|| uuid::Uuid::now_v7().into_bytes()).take(400_000).flatten().collect();
    std::fs::write(root.join("zeros"), noise).unwrap();
    repository.commit();
    let small = Git { max_fetch_bytes: 1 << 20, ..git_settings.clone() };
    let said = problems(fetched(&repository, &small).await);
    assert!(said.contains("git.max_fetch_bytes"), "{said}");

    let many = with_provider();
    for number in 0..300 {
        many.write(&[(&format!("files/{number}"), "x")]);
    }
    many.commit();
    let few = Git { max_files: 200, ..settings(&many) };
    let said = problems(fetched(&many, &few).await);
    assert!(said.contains("git.max_files"), "{said}");

    // Ten folders of ten folders of …: a few objects that name ten thousand million files.
    let bomb = Repository::new();
    let root = bomb.folder.path();
    let mut object = raw(root, "blob", b"x");
    for level in 0..10 {
        let mode = if level == 0 { "100644" } else { "40000" };
        let names: Vec<String> = (0..10).map(|number| format!("d{number}")).collect();
        let entries: Vec<(&str, &str, &str)> =
            names.iter().map(|name| (mode, name.as_str(), object.as_str())).collect();
        object = raw_tree(root, &entries);
    }
    commit_tree(root, &object);
    let said = problems(fetched(&bomb, &settings(&bomb)).await);
    assert!(said.contains("git.max_files"), "{said}");
}

#[tokio::test]
async fn hooks_and_settings_of_a_repository_are_not_run() {
    let repository = with_provider();
    let root = repository.folder.path();
    repository.commit();
    let proof = root.join("proof");
    for name in
        ["post-checkout", "reference-transaction", "post-index-change", "fsmonitor-watchman", "update", "pre-auto-gc"]
    {
        let hook = root.join(".git/hooks").join(name);
        std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
        std::fs::write(&hook, format!("#!/bin/sh\ntouch {}\n", proof.display())).unwrap();
        std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let script = root.join(".git/hooks/update").display().to_string();
    for key in ["core.fsmonitor", "uploadpack.packObjectsHook", "core.sshCommand", "core.pager"] {
        git(root, &["config", key, &script]);
    }
    assert!(fetched(&repository, &settings(&repository)).await.is_ok());
    assert!(!proof.exists());
}

#[tokio::test]
async fn a_server_that_never_answers_is_left_in_time_and_nothing_of_git_stays_behind() {
    let server = Server::start(Manner::Silence).await;
    let settings = Git {
        plain_http_hosts: vec![server.host()],
        private_hosts: vec![server.host()],
        timeout_s: 1,
        ..Git::default()
    };
    let said = problems(fetch(&settings, &source("x", &server.url("x.git"), "main"), None).await);
    assert!(said.contains("longer than 1 s"), "{said}");
    let url = server.url("x.git");
    // What was killed is gone a moment later.
    tests::wait::until("git is gone", std::time::Duration::from_secs(10), async || {
        let mut processes = std::fs::read_dir("/proc")?.flatten();
        let runs = processes.any(|entry| {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&url)
        });
        Ok((!runs).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn without_git_the_source_says_what_is_missing() {
    let repository = with_provider();
    repository.commit();
    let missing = Git { program: "/nonexistent/git".into(), ..settings(&repository) };
    let said = problems(fetched(&repository, &missing).await);
    assert!(said.contains("install it, or set git.program"), "{said}");
    let unlisted = Git::default();
    let said = problems(fetched(&repository, &unlisted).await);
    assert!(said.contains("git.folders"), "{said}");
    let absent: Source = source("x", &repository.url(), "nowhere");
    let said = problems(fetch(&settings(&repository), &absent, None).await);
    assert!(said.contains("there is no tag and no branch 'nowhere'"), "{said}");
}
