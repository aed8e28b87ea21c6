//! The step types that ship, in their own images: each does what its manifest says, and no more.
//!
//! The images must be there; a test whose image is missing fails and says so.

mod ansible;
mod cluster;
mod forge;
mod git;
mod http;
mod kubernetes;
mod manifests;
mod rules;
mod server;
mod terraform;

use std::{path::PathBuf, sync::Arc};

use serde_json::{Value, json};
use shared::{
    config::{ProviderSettings, SecretSource},
    domain::{
        ids::{ApplicationId, ResourceId, RunId},
        plan::PlannedStep,
        run::RunStatus,
    },
    formats::step_type,
};
use worker::{drive::Over, engine::docker::DockerEngine};

use crate::stage::{Crew, Stage, plan};

use crate::engine_docker::stage as docker;

/// Where the step types are.
fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../providers/core/step-types")
}

/// The manifest of a step type that ships.
fn manifest(kind: &str) -> step_type::Manifest {
    let file = folder().join(format!("{kind}.yaml"));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    step_type::parse(&text, Some(kind)).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// A step of a type that ships.
fn step(name: &str, after: &[&str], kind: &str, config: Value) -> PlannedStep {
    PlannedStep {
        name: name.to_owned(),
        step_type: manifest(kind).step_type,
        config: config.as_object().cloned().unwrap(),
        depends_on: after.iter().map(|&name| name.to_owned()).collect(),
        timeout_s: 120,
        ..PlannedStep::default()
    }
}

/// A script that runs between the steps that are looked at.
fn shell(name: &str, after: &[&str], script: &str) -> PlannedStep {
    step(name, after, "shell", json!({ "script": script }))
}

/// The same step, which may reach these names and is given these secrets.
fn reaching(step: PlannedStep, egress: &[&str], secrets: &[&str]) -> PlannedStep {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    PlannedStep { egress: owned(egress), secrets: owned(secrets), ..step }
}

/// A worker on the Docker engine, for one test.
struct Scene {
    stage: Stage,
    crew: Crew<DockerEngine>,
}

impl Drop for Scene {
    /// The network that its gates went through would stay: an engine has room for thirty.
    fn drop(&mut self) {
        docker::wipe(&self.stage.config.instance.0);
    }
}

impl Scene {
    async fn new() -> Self {
        Self::with(&[], &[]).await
    }

    /// With names for ports of the host, and secrets.
    async fn with(egress: &[(&str, u16)], secrets: &[(&str, &str)]) -> Self {
        let mut stage = Stage::new().await;
        stage.config.instance.0 = format!("test-{}", &RunId::new().0.simple().to_string()[20..]);
        // The test's own image is none of those that step types name.
        stage.config.sandbox.images.push("slipway-test-*".into());
        let mut settings = ProviderSettings::default();
        for (name, port) in egress {
            settings.egress.insert((*name).to_owned(), format!("host.docker.internal:{port}"));
        }
        for (name, value) in secrets {
            let file = stage.folder().join(name);
            std::fs::write(&file, value).unwrap();
            settings.secrets.insert((*name).to_owned(), SecretSource::File(file));
        }
        stage.config.providers.insert("p".into(), settings);
        let engine = Arc::new(DockerEngine::connect(docker::SOCKET).await.unwrap());
        let crew = stage.crew_on(stage.config.clone(), engine, "docker-1").await;
        Self { stage, crew }
    }

    /// Runs the steps to their end.
    async fn run(&self, steps: Vec<PlannedStep>, of: Option<(ApplicationId, ResourceId)>) -> (RunId, Over) {
        for step in &steps {
            let image = &step.step_type.image;
            let found =
                tokio::process::Command::new("docker").args(["image", "inspect", image]).output().await.unwrap();
            assert!(found.status.success() || image.contains("{{"), "the image {image} is not there: run make images");
        }
        let run = self.stage.run_for(&plan(steps), json!({}), of).await;
        let over = self.stage.drive(&self.crew, run).await;
        (run, over)
    }

    /// Runs the steps, all of which must complete.
    async fn completes(&self, steps: Vec<PlannedStep>) -> RunId {
        self.completes_for(steps, None).await
    }

    async fn completes_for(&self, steps: Vec<PlannedStep>, of: Option<(ApplicationId, ResourceId)>) -> RunId {
        let (run, over) = self.run(steps, of).await;
        if over != Over::Finished(RunStatus::Completed) {
            panic!("{over:?}: {:?}\n{}", self.stage.row(run).await.error_message, self.told(run).await);
        }
        run
    }

    /// Runs the steps, one of which must fail, and gives what is said of it.
    async fn fails(&self, steps: Vec<PlannedStep>) -> (RunId, String) {
        let (run, over) = self.run(steps, None).await;
        assert_eq!(over, Over::Finished(RunStatus::Failed), "{}", self.told(run).await);
        (run, self.stage.row(run).await.error_message.unwrap())
    }

    async fn outputs(&self, run: RunId, step: &str) -> Value {
        self.stage.step(run, step).await.outputs
    }

    /// The whole log.
    async fn told(&self, run: RunId) -> String {
        let lines = self.stage.log(run).await;
        lines.into_iter().map(|line| line.text).collect::<Vec<_>>().join("\n")
    }
}
