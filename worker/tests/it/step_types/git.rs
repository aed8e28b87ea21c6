//! `git`: in repositories of the workspace, and over HTTPS with a token.

use serde_json::{Value, json};
use shared::domain::plan::PlannedStep;
use tokio::process::Command;

use crate::step_types::{
    Scene,
    forge::{TOKEN, backend},
    reaching, server, shell, step,
};

fn git(name: &str, after: &[&str], config: Value) -> PlannedStep {
    step(name, after, "git", config)
}

/// A bare repository in the workspace, with hooks that must never run, and files to commit.
const LAY: &str = r#"
git init -q --bare --initial-branch=main remote.git
for hook in pre-receive update post-receive; do
  printf '#!/bin/sh\ntouch /workspace/hooked\n' > remote.git/hooks/$hook
  chmod +x remote.git/hooks/$hook
done
git -C remote.git config core.hooksPath hooks
mkdir -p out/nested
echo one > out/nested/a.txt
"#;

#[tokio::test]
async fn files_are_committed_pushed_and_tagged_once_however_often_it_is_tried() {
    let scene = Scene::new().await;
    let lay = json!({"image": "slipway/git:1", "command": ["/bin/bash", "-euc", LAY]});
    let commit = |name: &str, after: &[&str], more: Value| {
        let mut config = json!({
            "operation": "commit", "repoURL": "remote.git", "source": "out", "targetPath": "apps/shop", "commitMessage": name,
            "branch": "main", "author": {"name": "A Bot", "email": "bot@example.com"},
        });
        config.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        git(name, after, config)
    };
    let look = "
ls
git -C remote.git log --format='%an %s' main
git -C remote.git log --format='%s' feature
git -C remote.git ls-tree -r --name-only main
git -C remote.git show main:apps/shop/b.txt feature:c.txt feature:d.txt
git -C remote.git cat-file -t v1";
    let steps = vec![
        step("lay", &[], "container", lay),
        commit("first", &["lay"], json!({})),
        commit("same", &["first"], json!({})),
        shell("change", &["same"], "rm out/nested/a.txt; echo two > out/b.txt"),
        commit("second", &["change"], json!({"mirror": true})),
        commit("feature", &["second"], json!({"branch": "feature", "files": {"out/b.txt": "c.txt"}})),
        git("tag", &["feature"], json!({"operation": "tag", "repoURL": "remote.git", "tag": "v1", "ref": "main"})),
        git("tagged", &["tag"], json!({"operation": "tag", "repoURL": "remote.git", "tag": "v1", "ref": "main"})),
        git("clone", &["tagged"], json!({"operation": "clone", "repoURL": "remote.git", "path": "src/shop"})),
        git("checkout", &["clone"], json!({"operation": "checkout", "path": "src/shop", "ref": "feature"})),
        shell("edit", &["checkout"], "echo three > src/shop/d.txt"),
        git(
            "local",
            &["edit"],
            json!({"operation": "commit", "path": "src/shop", "message": "By hand", "push": false}),
        ),
        git("push", &["local"], json!({"operation": "commit", "path": "src/shop"})),
        step("look", &["push"], "container", json!({"image": "slipway/git:1", "command": ["/bin/bash", "-euc", look]})),
    ];
    let run = scene.completes(steps).await;
    let of = async |step: &str| scene.outputs(run, step).await;
    let (first, same, second) = (of("first").await, of("same").await, of("second").await);
    assert_eq!((&first["changed"], &first["pushed"]), (&json!(true), &json!(true)));
    assert_eq!((&same["changed"], &same["commit"]), (&json!(false), &first["commit"]));
    assert_ne!(second["commit"], first["commit"]);
    assert_eq!(of("tag").await["commit"], second["commit"]);
    assert_eq!(of("tagged").await["changed"], json!(false));
    assert_eq!(of("clone").await["commit"], second["commit"]);
    assert_eq!(of("checkout").await["branch"], "feature");
    let (local, push) = (of("local").await, of("push").await);
    assert_eq!((&local["pushed"], &push["pushed"], &push["commit"]), (&json!(false), &json!(true), &local["commit"]));
    let printed = scene.stage.printed(run).await;
    let looked: Vec<&str> = printed.iter().map(String::as_str).skip_while(|line| *line != "out").collect();
    // No hook has run: there is no file `hooked`.
    let wanted = [
        &["out", "remote.git", "src"][..],
        &["A Bot second", "A Bot first"],
        &["By hand", "feature", "second", "first"],
        &["apps/shop/b.txt"],
        &["two", "two", "three", "tag"],
    ];
    assert_eq!(looked, wanted.concat());

    // A try whose record was lost finds its commit in the repository.
    let steps = vec![
        step("lay", &[], "container", json!({"image": "slipway/git:1", "command": ["/bin/bash", "-euc", LAY]})),
        {
            let mut twice = commit("twice", &["lay"], json!({}));
            twice.step_type.command = vec![
                "/bin/bash".into(),
                "-c".into(),
                "/usr/local/lib/slipway/git-step && cp $SLIPWAY_OUTPUT /tmp/first && echo more > out/more && /usr/local/lib/slipway/git-step && diff /tmp/first $SLIPWAY_OUTPUT".into(),
            ];
            twice
        },
        step(
            "count",
            &["twice"],
            "container",
            json!({"image": "slipway/git:1", "command": ["git", "-C", "remote.git", "rev-list", "--count", "main"]}),
        ),
    ];
    let run = scene.completes(steps).await;
    assert_eq!(scene.stage.printed(run).await.last().unwrap(), "1");
}

#[tokio::test]
async fn other_protocols_and_other_places_are_refused() {
    let scene = Scene::new().await;
    let urls = [
        "ssh://host/a",
        "git@host:a",
        "ext::sh -c id",
        "http://host/a",
        "https://u:p@host/a",
        "/etc",
        "../a",
        "file:///etc",
    ];
    let steps = urls
        .iter()
        .enumerate()
        .map(|(at, url)| git(&format!("s{at}"), &[], json!({"operation": "clone", "repoURL": url, "path": "x"})));
    // One after another, so that each gets its own verdict.
    for (one, url) in steps.zip(urls) {
        let (_, error) = scene.fails(vec![one]).await;
        assert!(error.contains("exit code 2") && error.contains("git step: "), "{url}: {error}");
    }
}

#[tokio::test]
async fn a_token_opens_a_repository_over_https_and_is_shown_to_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("git")
        .args(["init", "-q", "--bare", "--initial-branch=main"])
        .arg(folder.path().join("team/app.git"))
        .status()
        .await;
    assert!(made.expect("the git command line: install git").success());
    let (ca, tls) = server::tls("forge");
    let root = folder.path().to_owned();
    let port = server::serve(Some(tls), move |request| {
        let root = root.clone();
        async move { backend(&root, request).await }
    })
    .await;
    let scene = Scene::with(&[("forge", port)], &[("token", TOKEN), ("ca", &ca)]).await;
    let of = |name: &str, after: &[&str], more: Value| {
        let mut config = json!({
            "server": format!("https://forge:{port}"), "owner": "team", "repoName": "app", "tokenSecret": "token", "caSecret": "ca",
        });
        config.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        reaching(git(name, after, config), &["forge"], &["token", "ca"])
    };
    let steps = vec![
        shell("make", &[], "echo hello > file"),
        of("commit", &["make"], json!({"operation": "commit", "source": "file", "branch": "main"})),
        // Both start from the same commit: the second to push takes in what the first did.
        of("left", &["commit"], json!({"operation": "commit", "source": "file", "targetPath": "left"})),
        of("right", &["commit"], json!({"operation": "commit", "source": "file", "targetPath": "right"})),
        of("clone", &["left", "right"], json!({"operation": "clone", "path": "copy"})),
        shell("look", &["clone"], "cat copy/file copy/left copy/right; grep -r forge-token copy/.git || echo clean"),
    ];
    let run = scene.completes(steps).await;
    let printed = scene.stage.printed(run).await;
    assert_eq!(&printed[printed.len() - 2..], ["hello", "clean"]);
    assert_eq!(printed.iter().filter(|line| *line == "hello").count(), 3);
    assert!(!scene.told(run).await.contains(TOKEN));

    let mut other = of("other", &[], json!({"operation": "clone", "path": "copy"}));
    other.config.remove("tokenSecret");
    let (_, error) = scene.fails(vec![other]).await;
    assert!(error.contains("could not be cloned"), "{error}");
}
