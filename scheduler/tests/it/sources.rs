//! Providers from Git: fetched, built as a whole, swapped at once, and taken over by every scheduler.

use std::{collections::BTreeMap, sync::atomic::Ordering};

use serde_json::json;
use shared::{
    domain::{event as events, run::Operation},
    formats::{
        registry::{ProviderRecord, Registry, Wanted},
        source::Source,
    },
    store::{provider, provider_set::Asked, provider_source},
};

use crate::stage::{
    Repository, Stage, git,
    server::{Manner, Server},
    source,
};

/// The set as every scheduler has it.
async fn registry(stage: &Stage) -> Registry {
    let rows = provider::list(stage.database.store.pool()).await.unwrap();
    let records: Vec<ProviderRecord> =
        rows.into_iter().map(|row| serde_json::from_value(row.manifest).unwrap()).collect();
    Registry::from_records(records)
}

#[tokio::test]
async fn a_tag_a_branch_and_a_commit_are_fetched_and_the_commit_is_recorded() {
    let (tagged, branched, pinned) = (Repository::new(), Repository::new(), Repository::new());
    let commits = [
        tagged.provide("one", "1.0.0", "box", "x"),
        branched.provide("two", "1.0.0", "crate", "x"),
        pinned.provide("three", "1.0.0", "bag", "x"),
    ];
    // Each brings the step type it needs, under a name of its own.
    for (repository, name) in [(&branched, "two"), (&pinned, "three")] {
        for file in ["w/make.yaml", "step-types/say.yaml"] {
            let path = repository.folder.path().join(file);
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text
                .replace("type: say", &format!("type: say-{name}"))
                .replace("name: say", &format!("name: say-{name}"));
            std::fs::write(path, text).unwrap();
        }
    }
    let commits = [commits[0].clone(), branched.commit(), pinned.commit()];
    tagged.tag("v1");
    tagged.provide("one", "9.0.0", "box", "later than the tag");
    git(branched.folder.path(), &["checkout", "--quiet", "-b", "feature/x"]);
    pinned.provide("three", "9.0.0", "bag", "later than the commit");
    let mut stage = Stage::new(&[&tagged, &branched, &pinned]).await;
    stage.add(&source("one", &tagged.url(), "v1")).await;
    stage.add(&source("two", &branched.url(), "feature/x")).await;
    stage.add(&source("three", &pinned.url(), &commits[2])).await;
    stage.start();
    for (name, commit) in ["one", "two", "three"].iter().zip(&commits) {
        let row = stage.becomes(name, "loaded").await;
        assert_eq!((row.commit.as_ref(), &row.providers), (Some(commit), &vec![format!("{name}@1.0.0")]));
    }
    let registry = registry(&stage).await;
    let record = registry.provider("one", None).unwrap();
    assert_eq!((record.commit.as_ref(), record.source.as_deref()), (Some(&commits[0]), Some("one")));
    let planned = registry.plan("box", Operation::Create, &[]).unwrap();
    assert_eq!(planned.provider_commit.as_ref(), Some(&commits[0]));
    assert_eq!(stage.events(events::PROVIDER_LOADED).await.len(), 3);
    stage.stop().await;
}

#[tokio::test]
async fn what_is_committed_is_found_by_looking_again_and_again_though_nobody_says_so() {
    let repository = Repository::new();
    repository.provide("one", "1.0.0", "box", "x");
    let mut stage = Stage::new(&[&repository]).await;
    stage.add(&Source { interval_s: Some(1), ..source("one", &repository.url(), "main") }).await;
    stage.start();
    stage.becomes("one", "loaded").await;
    let commit = repository.provide("one", "1.1.0", "box", "y");
    stage
        .until("the new commit is loaded", async || {
            Ok((stage.find("one").await.commit.as_ref() == Some(&commit)).then_some(()))
        })
        .await;
    assert_eq!(stage.find("one").await.providers, ["one@1.1.0"]);
    stage.stop().await;
}

#[tokio::test]
async fn a_repository_is_fetched_over_http_from_a_host_that_is_allowed_and_from_nowhere_it_redirects_to() {
    let repository = Repository::new();
    let commit = repository.provide("one", "1.0.0", "box", "x");
    let root = tempfile::tempdir().unwrap();
    git(root.path(), &["clone", "--quiet", "--bare", &repository.url(), "one.git"]);
    let server = Server::start(Manner::Serve(root.path().to_owned())).await;
    let elsewhere = Server::start(Manner::Redirect(format!("{}/info/refs", server.url("one.git")))).await;
    let forbidden = Server::start(Manner::Serve(root.path().to_owned())).await;
    let mut stage = Stage::new(&[]).await;
    stage.config.git.plain_http_hosts = vec![server.host(), elsewhere.host(), forbidden.host()];
    stage.config.git.private_hosts = vec![server.host(), elsewhere.host()];
    stage.add(&source("one", &server.url("one.git"), "main")).await;
    stage.add(&source("redirected", &elsewhere.url("one.git"), "main")).await;
    stage.add(&source("forbidden", &forbidden.url("one.git"), "main")).await;
    stage.start();
    assert_eq!(stage.becomes("one", "loaded").await.commit, Some(commit.clone()));
    let redirected = stage.becomes("redirected", "unreachable").await;
    assert!(redirected.problems.to_string().contains("302"), "{}", redirected.problems);
    assert!(elsewhere.asked.load(Ordering::SeqCst) > 0);
    let refused = stage.becomes("forbidden", "unreachable").await;
    assert!(refused.problems.to_string().contains("git.private_hosts"), "{}", refused.problems);
    assert_eq!(forbidden.asked.load(Ordering::SeqCst), 0);

    // A look that finds the same commit asks one question and fetches nothing.
    let asked = server.asked.load(Ordering::SeqCst);
    let generation = stage.generation().await;
    stage.look("one").await;
    assert!(server.asked.load(Ordering::SeqCst) - asked <= 2);
    assert_eq!((stage.generation().await, stage.find("one").await.commit), (generation, Some(commit.clone())));

    // By its name, a commit may be asked for too.
    stage.add(&source("one", &server.url("one.git"), &commit)).await;
    assert_eq!(stage.becomes("one", "loaded").await.commit, Some(commit));
    stage.stop().await;
}

#[tokio::test]
async fn a_bad_commit_changes_nothing_and_raises_one_event() {
    let repository = Repository::new();
    let good = repository.provide("one", "1.0.0", "box", "x");
    let mut stage = Stage::new(&[&repository]).await;
    stage.provide("own", "1.0.0", "crate");
    stage.add(&source("one", &repository.url(), "main")).await;
    stage.start();
    stage.becomes("one", "loaded").await;
    let (generation, before) = (stage.generation().await, stage.providers().await);

    repository.write(&[("w/make.yaml", "apiVersion: slipway.dev/v1\nmetadata: {name: make}\nstep: []\n")]);
    let bad = repository.commit();
    let row = stage.look("one").await;
    assert_eq!(
        (row.status.as_str(), row.commit.as_ref(), row.seen_commit.as_ref()),
        ("rejected", Some(&good), Some(&bad))
    );
    assert!(row.problems.to_string().contains(&format!("one@{}/w/make.yaml:3:1", &bad[..12])), "{}", row.problems);
    assert_eq!((stage.generation().await, stage.providers().await), (generation, before));
    let rejected = stage.events(events::PROVIDER_REJECTED).await;
    assert_eq!((rejected.len(), &rejected[0]["commit"]), (1, &json!(bad)));

    // Looked at again, it is no news; and one that takes another's type is refused as well.
    stage.look("one").await;
    assert_eq!(stage.events(events::PROVIDER_REJECTED).await.len(), 1);
    repository.provide("one", "1.1.0", "crate", "x");
    let row = stage.look("one").await;
    assert_eq!(row.status, "rejected");
    assert!(row.problems.to_string().contains("'crate'"), "{}", row.problems);
    assert_eq!(stage.generation().await, generation);

    let mended = repository.provide("one", "1.2.0", "box", "y");
    let row = stage.look("one").await;
    assert_eq!((row.status.as_str(), row.commit), ("loaded", Some(mended)));
    assert_eq!(row.problems, json!([]));
    assert_eq!(stage.providers().await, ["one@1.2.0", "own@1.0.0"]);
    assert!(stage.generation().await > generation);
    stage.stop().await;
}

#[tokio::test]
async fn changes_that_need_each_other_are_taken_together_and_a_bad_one_holds_up_nobody() {
    let (one, two) = (Repository::new(), Repository::new());
    one.provide("one", "1.0.0", "box", "x");
    one.tag("v1");
    two.provide("two", "1.0.0", "crate", "x");
    for (repository, name) in [(&two, "two")] {
        let rename = |text: String| {
            text.replace("type: say", &format!("type: say-{name}")).replace("name: say", &format!("name: say-{name}"))
        };
        for file in ["w/make.yaml", "step-types/say.yaml"] {
            let path = repository.folder.path().join(file);
            std::fs::write(&path, rename(std::fs::read_to_string(&path).unwrap())).unwrap();
        }
        repository.commit();
    }
    let mut stage = Stage::new(&[&one, &two]).await;
    stage.add(&source("one", &one.url(), "main")).await;
    stage.add(&source("two", &two.url(), "main")).await;
    stage.start();
    stage.becomes("one", "loaded").await;
    stage.becomes("two", "loaded").await;

    // The type moves from one to the other.
    let swap = |repository: &Repository, from: &str, to: &str, version: &str| {
        let path = repository.folder.path().join("provider.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace(&format!("[{from}]"), &format!("[{to}]")).replace("1.0.0", version))
            .unwrap();
        repository.commit()
    };
    swap(&one, "box", "crate", "1.1.0");
    swap(&two, "crate", "box", "1.1.0");
    let answer = stage.ask(Asked::Reload).await;
    assert_eq!(answer["valid"], true, "{answer:#}");
    assert_eq!(registry(&stage).await.plan("box", Operation::Create, &[]).unwrap().provider, "two");

    one.write(&[("provider.yaml", "kind: Nothing\n")]);
    one.commit();
    swap(&two, "box", "bag", "1.1.0");
    let dry = stage.ask(Asked::Validate).await;
    assert_eq!((&dry["valid"], &dry["sources"][0]["status"]), (&json!(false), &json!("rejected")), "{dry:#}");
    assert_eq!(registry(&stage).await.plan("box", Operation::Create, &[]).unwrap().provider, "two");
    let answer = stage.ask(Asked::Reload).await;
    let statuses: Vec<&str> =
        answer["sources"].as_array().unwrap().iter().map(|it| it["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["rejected", "loaded"], "{answer:#}");
    assert!(answer["problems"][0]["file"].as_str().unwrap().contains("one@"), "{answer:#}");
    assert!(registry(&stage).await.plan("bag", Operation::Create, &[]).is_ok());
    stage.stop().await;
}

#[tokio::test]
async fn two_versions_stand_side_by_side_and_an_application_pins_one() {
    let repository = Repository::new();
    for (tag, version) in [("v1.0", "1.0.0"), ("v1.2", "1.2.0"), ("v2.0", "2.0.0")] {
        repository.provide("db", version, "postgres", version);
        repository.tag(tag);
    }
    let mut stage = Stage::new(&[&repository]).await;
    for (name, tag) in [("db-1-0", "v1.0"), ("db-1-2", "v1.2"), ("db-2", "v2.0")] {
        stage.add(&source(name, &repository.url(), tag)).await;
    }
    stage.start();
    for name in ["db-1-0", "db-1-2", "db-2"] {
        stage.becomes(name, "loaded").await;
    }
    let registry = registry(&stage).await;
    assert_eq!(registry.versions("db"), ["2.0.0", "1.2.0", "1.0.0"]);
    let pins = |text: &str| shared::formats::registry::parse_pins(text).unwrap();
    let planned =
        |pins: &BTreeMap<String, String>| registry.plan_pinned("postgres", Operation::Create, &[], pins).unwrap();
    assert_eq!(planned(&BTreeMap::new()).provider_version, "2.0.0");
    assert_eq!(planned(&pins("db=^1")).provider_version, "1.2.0");
    let exact = planned(&pins("db=1.0.0, other=3"));
    assert_eq!((exact.provider_version.as_str(), exact.plan.steps[0].step_type.image.as_str()), ("1.0.0", "say:1.0.0"));
    let error = registry.plan_pinned("postgres", Operation::Create, &[], &pins("db=3")).unwrap_err().to_string();
    assert!(error.contains("2.0.0, 1.2.0, 1.0.0") && error.contains("3 (pinned)"), "{error}");

    // What exists keeps the version that made it, or the newest compatible one, and that is said.
    let none = BTreeMap::new();
    let wanted = |made_by, pins| Wanted {
        resource_type: "postgres",
        operation: Operation::Delete,
        tags: &[],
        workflow: None,
        pins,
        made_by: Some(("db", made_by)),
    };
    let version = |made_by: &'static str| {
        registry.plan_for(&wanted(made_by, &none)).map(|it| (it.provider_version, it.moved.map(|it| it.to_string())))
    };
    let error = version("1.0.0").unwrap_err().to_string();
    assert_eq!(error, "the provider db@1.0.0 has no workflow to delete a 'postgres'");
    let create = |made_by: &'static str| {
        let wanted = Wanted { operation: Operation::Create, ..wanted(made_by, &none) };
        registry.plan_for(&wanted).map(|it| (it.provider_version, it.moved.map(|it| it.to_string())))
    };
    assert_eq!(create("1.0.0").unwrap(), ("1.0.0".into(), None));
    let (version, moved) = create("1.1.0").unwrap();
    assert_eq!(version, "1.2.0");
    assert_eq!(moved.unwrap(), "db@1.1.0, which made it, is not loaded any more; db@1.2.0 takes its place");
    assert!(create("3.0.0").is_err());
    let all = pins("db=1");
    let kept = Wanted { operation: Operation::Create, ..wanted("1.0.0", &all) };
    assert_eq!(registry.plan_for(&kept).unwrap().provider_version, "1.0.0", "the pin admits the version that made it");
    stage.stop().await;
}

#[tokio::test]
async fn every_scheduler_takes_over_the_set_and_one_that_starts_needs_no_repository() {
    let repository = Repository::new();
    let commit = repository.provide("one", "1.0.0", "box", "x");
    let mut stage = Stage::new(&[&repository]).await;
    stage.provide("own", "1.0.0", "crate");
    stage.start();
    stage.start();
    stage.add(&source("one", &repository.url(), "main")).await;
    stage.becomes("one", "loaded").await;
    stage.stop().await;
    let generation = stage.generation().await;
    drop(repository);
    stage.start();
    // A folder of the instance's is new: the set is built again, with the files that were fetched before.
    stage.stop().await;
    stage.provide("more", "1.0.0", "bag");
    stage.start();
    stage
        .until("the folder is loaded", async || {
            Ok(stage.providers().await.contains(&"more@1.0.0".to_owned()).then_some(()))
        })
        .await;
    assert_eq!(stage.providers().await, ["more@1.0.0", "one@1.0.0", "own@1.0.0"]);
    assert!(stage.generation().await > generation);
    let row = stage.look("one").await;
    assert_eq!((row.status.as_str(), row.commit), ("unreachable", Some(commit)));
    assert!(stage.providers().await.contains(&"one@1.0.0".to_owned()));
    stage.stop().await;
}

#[tokio::test]
async fn a_source_that_others_need_stays_until_they_do_not() {
    let (base, alias) = (Repository::new(), Repository::new());
    base.provide("base", "1.0.0", "box", "x");
    alias.write(&[(
        "provider.yaml",
        "apiVersion: v1\nkind: Provider\nmetadata: {name: alias, version: 1.0.0}\ncapabilities: {resourceTypeCapabilities: [{type: kiste, aliasFor: box}]}\nworkflows: [{name: make, file: make.yaml}]\n",
    ), ("make.yaml", "apiVersion: slipway.dev/v1\nmetadata: {name: make}\nsteps: [{name: work, type: say}]\n")]);
    alias.commit();
    let mut stage = Stage::new(&[&base, &alias]).await;
    stage.add(&source("base", &base.url(), "main")).await;
    stage.add(&source("alias", &alias.url(), "main")).await;
    stage.start();
    stage.becomes("base", "loaded").await;
    stage.becomes("alias", "loaded").await;
    let pool = stage.database.store.pool();
    assert_eq!(provider_source::request_removal(pool, "base", "api").await.unwrap(), Some(true));
    let row = stage.becomes("base", "rejected").await;
    assert!(row.problems.to_string().contains("'kiste' is an alias for 'box'"), "{}", row.problems);
    assert_eq!(stage.providers().await.len(), 2);
    assert_eq!(provider_source::request_removal(pool, "alias", "api").await.unwrap(), Some(true));
    stage.until("both are gone", async || Ok(stage.providers().await.is_empty().then_some(()))).await;
    assert!(provider_source::list(pool).await.unwrap().is_empty());
    stage.stop().await;
}

#[tokio::test]
async fn the_instances_list_is_followed_at_the_start_and_at_a_reload() {
    let repository = Repository::new();
    repository.write(&[("docs/readme.md", "x")]);
    for (file, content) in crate::stage::provider("one", "1.0.0", "box", "x") {
        repository.write(&[(&format!("providers/one/{file}"), &content)]);
    }
    repository.commit();
    let mut stage = Stage::new(&[&repository]).await;
    let list = stage.folder.path().join(".providers.yaml");
    std::fs::write(&list, format!("- {{url: '{}', ref: main, path: providers, name: ours}}\n", repository.url()))
        .unwrap();
    stage.config.git.sources = Some(list.clone());
    stage.start();
    let row = stage.becomes("ours", "loaded").await;
    assert_eq!((row.origin.as_str(), row.providers), ("file", vec!["one@1.0.0".to_owned()]));
    assert_eq!(
        provider_source::request_removal(stage.database.store.pool(), "ours", "api").await.unwrap(),
        Some(false)
    );

    std::fs::write(&list, "- {url: 'https://h.example/x', ref: -x}\n").unwrap();
    let answer = stage.ask(Asked::Reload).await;
    assert_eq!(answer["valid"], false);
    assert!(answer["problems"][0]["message"].as_str().unwrap().contains("'-x'"), "{answer:#}");
    assert_eq!(stage.providers().await, ["one@1.0.0"]);
    std::fs::write(&list, "[]\n").unwrap();
    let answer = stage.ask(Asked::Validate).await;
    assert_eq!((&answer["valid"], &answer["providers"]), (&json!(true), &json!([])), "{answer:#}");
    assert_eq!(stage.providers().await, ["one@1.0.0"]);
    stage.ask(Asked::Reload).await;
    assert!(stage.providers().await.is_empty());
    stage.stop().await;
}
