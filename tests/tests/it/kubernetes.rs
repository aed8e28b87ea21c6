//! The manifests of `deploy/`: what Kubernetes' own schemas say of them, and whether they agree with the programs.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize as _;
use serde_json::Value;
use shared::config::Config;
use tests::{command_line, pypi};

/// The oldest and the newest that the manifests are for. Older ones know no sidecars.
const VERSIONS: [&str; 2] = ["1.29", "1.37"];

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").canonicalize().unwrap()
}

fn files() -> Vec<PathBuf> {
    let folder = deploy().join("kubernetes");
    let mut files: Vec<PathBuf> = [folder.clone(), folder.join("scaling")]
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap().flatten())
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .filter(|path| path.file_name().is_some_and(|name| name != "kustomization.yaml"))
        .collect();
    files.sort();
    files
}

fn documents(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap();
    serde_yaml::Deserializer::from_str(&text)
        .map(|document| Value::deserialize(document).unwrap_or_else(|error| panic!("{}: {error}", file.display())))
        .collect()
}

fn all() -> Vec<Value> {
    files().iter().flat_map(|file| documents(file)).collect()
}

fn one(kind: &str, name: &str) -> Value {
    let found = all().into_iter().find(|it| it["kind"] == kind && it["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("no {kind} {name}"))
}

/// The configuration in a ConfigMap, which the programs would refuse with a key that they do not know.
fn config(name: &str) -> Config {
    let text = one("ConfigMap", name)["data"]["config.yaml"].as_str().unwrap().to_owned();
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn is_kedas(document: &Value) -> bool {
    document["apiVersion"].as_str().is_some_and(|version| version.starts_with("keda.sh/"))
}

#[tokio::test]
async fn every_manifest_is_what_kubernetes_takes() -> anyhow::Result<()> {
    let program = pypi::programs("kubernetes-validate").await?.join("kubernetes-validate");
    let files: Vec<String> = files().iter().map(|file| file.display().to_string()).collect();
    let kedas = all().iter().filter(|document| is_kedas(document)).count();
    for version in VERSIONS {
        let mut arguments = vec!["--strict", "-k", version];
        arguments.extend(files.iter().map(String::as_str));
        let ended = command_line::run(&program, &arguments, &[], Duration::from_secs(100)).await?;
        let said = format!("{}{}", ended.out, ended.err);
        assert_eq!(ended.code, Some(0), "{version}: {said}");
        // Nothing is passed over but what is KEDA's.
        assert_eq!(said.matches("passed for resource").count(), all().len() - kedas, "{version}: {said}");
        assert_eq!(said.matches("WARN").count(), kedas, "{version}: {said}");
    }
    Ok(())
}

#[test]
fn what_is_kedas_is_as_its_documentation_has_it() {
    let schema: Value = serde_json::from_str(include_str!("../../fixtures/keda/schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut count = 0;
    for document in all().iter().filter(|document| is_kedas(document)) {
        let errors: Vec<String> = validator.iter_errors(document).map(|error| format!("{error}")).collect();
        assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
        count += 1;
    }
    assert_eq!(count, 5);
    // The schema is one that says no.
    let mut wrong = one("ScaledObject", "slipway-worker");
    wrong["spec"]["triggers"][0]["metadata"]["treshold"] = "4".into();
    assert!(!validator.is_valid(&wrong));
}

#[test]
fn the_configurations_are_what_the_programs_take() {
    for name in ["slipway-migrate", "slipway-api", "slipway-scheduler"] {
        assert!(config(name).database.tls.is_some(), "{name}");
    }
    let (api, worker) = (config("slipway-api"), config("slipway-worker"));
    assert_eq!(api.archive.url, worker.archive.url, "one archive for all");
    let folder = deploy().join("compose/config");
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let config = Config::load(Some(&entry.path())).unwrap_or_else(|error| panic!("{:?}: {error}", entry.path()));
        assert!(config.database.tls.is_some(), "{:?}", entry.path());
        let user = config.database.url.split(['/', '@']).nth(2).unwrap();
        assert!(!user.contains(':'), "a password in {:?}", entry.path());
    }
}

#[test]
fn a_worker_has_longer_to_end_than_it_gives_to_what_it_drives() {
    let grace =
        one("Deployment", "slipway-worker")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"].as_u64();
    assert!(grace > Some(config("slipway-worker").worker.drain_s.into()), "{grace:?}");
    let compose = std::fs::read_to_string(deploy().join("compose/config/worker.yaml")).unwrap();
    let config: Config = serde_yaml::from_str(&compose).unwrap();
    let text = std::fs::read_to_string(deploy().join("compose/compose.yaml")).unwrap();
    let compose: Value = serde_yaml::from_str(&text).unwrap();
    let grace = compose["services"]["worker"]["stop_grace_period"].as_str().unwrap().trim_end_matches('s').to_owned();
    assert!(grace.parse::<u32>().unwrap() > config.worker.drain_s, "{grace}");
}

#[test]
fn scalers_reckon_with_the_slots_that_a_worker_has() {
    let slots = config("slipway-worker").worker.slots.to_string();
    for document in all() {
        let triggers = document["spec"]["triggers"].as_array().cloned().unwrap_or_default();
        for trigger in triggers {
            let metadata = &trigger["metadata"];
            let target = [&metadata["threshold"], &metadata["targetValue"], &metadata["targetQueryValue"]];
            let target: Vec<&str> = target.into_iter().filter_map(Value::as_str).collect();
            assert_eq!(target, [slots.as_str()], "{trigger:#}");
        }
        if document["kind"] == "HorizontalPodAutoscaler" {
            assert_eq!(document["spec"]["metrics"][0]["external"]["target"]["averageValue"], slots.as_str());
        }
    }
}

#[test]
fn every_container_but_the_engine_is_confined_and_every_pod_has_probes() {
    let mut containers = 0;
    for document in all() {
        let pod = &document["spec"]["template"]["spec"];
        if pod.is_null() {
            continue;
        }
        assert_eq!(pod["automountServiceAccountToken"], false, "{document:#}");
        for container in pod["containers"].as_array().unwrap() {
            let name = container["name"].as_str().unwrap();
            let of = |what: &str| {
                let own = &container["securityContext"][what];
                if own.is_null() { pod["securityContext"][what].clone() } else { own.clone() }
            };
            assert_eq!(of("runAsNonRoot"), true, "{name}");
            assert_eq!(of("readOnlyRootFilesystem"), true, "{name}");
            assert_eq!(of("allowPrivilegeEscalation"), false, "{name}");
            assert_eq!(of("capabilities")["drop"][0], "ALL", "{name}");
            assert_eq!(of("seccompProfile")["type"], "RuntimeDefault", "{name}");
            assert!(container["resources"]["limits"]["memory"].is_string(), "{name}");
            if document["kind"] == "Deployment" {
                assert!(container["readinessProbe"].is_object() && container["livenessProbe"].is_object(), "{name}");
            }
            containers += 1;
        }
    }
    assert_eq!(containers, 4);
    let engine = &one("Deployment", "slipway-worker")["spec"]["template"]["spec"]["initContainers"][0];
    assert_eq!((&engine["name"], &engine["restartPolicy"]), (&"engine".into(), &"Always".into()));
}

#[test]
fn the_kustomization_names_every_file_and_one_scaler() {
    let folder = deploy().join("kubernetes");
    let text = std::fs::read_to_string(folder.join("kustomization.yaml")).unwrap();
    let kustomization: Value = serde_yaml::from_str(&text).unwrap();
    let mut named: Vec<PathBuf> =
        kustomization["resources"].as_array().unwrap().iter().map(|it| folder.join(it.as_str().unwrap())).collect();
    named.sort();
    let is_scaler = |file: &PathBuf| file.parent().is_some_and(|folder| folder.ends_with("scaling"));
    assert_eq!(named.iter().filter(|file| is_scaler(file)).count(), 1);
    let plain = |files: Vec<PathBuf>| files.into_iter().filter(|file| !is_scaler(file)).collect::<Vec<_>>();
    assert_eq!(plain(named), plain(files()));
}
