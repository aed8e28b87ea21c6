//! What a step is given: its configuration filled in and checked, its files, its environment, its privileges.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use shared::{
    config::{Config, ProviderSettings},
    domain::{
        plan::{PlannedStep, StepType},
        run::error_code,
        service::{Check, Readiness, Service},
    },
    secrets::{SecretError, Sources},
    store::lease::Wait,
};
use zeroize::Zeroizing;

use crate::{
    container::Setback,
    engine::StepFile,
    images,
    mask::Mask,
    privileges::{self, Granted},
    render::{RenderError, RenderRequest, Renderer},
    waits,
};

/// Why a step failed: a stable code and a message for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// One of `domain::run::error_code`.
    pub code: &'static str,
    /// Says what to do, where there is something to do.
    pub message: String,
}

impl Failure {
    /// The plan cannot be carried out as written, or not on this instance.
    #[must_use]
    pub fn plan(message: impl Into<String>) -> Self {
        Self { code: error_code::INVALID_PLAN, message: message.into() }
    }
}

/// What a step comes to once its templates are filled in.
#[derive(Clone, Debug)]
pub enum Prepared {
    /// It runs in a container.
    Container(Box<Ready>),
    /// It waits for something else.
    Waits(Box<Wait>),
    /// Its condition is false.
    Skipped,
}

/// A step, ready to be put into a container.
#[derive(Clone, Debug)]
pub struct Ready {
    /// The image to run.
    pub image: String,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// The step's own and its step type's, without what the worker adds.
    pub env: BTreeMap<String, String>,
    /// Under `/run/slipway`.
    pub files: Vec<StepFile>,
    /// What it may do.
    pub granted: Granted,
}

/// Fills in a step of a run.
#[derive(Debug)]
pub struct Contract<'a> {
    /// The worker's.
    pub config: &'a Config,
    /// Renders templates.
    pub renderer: &'a Renderer,
    /// The provider of the run.
    pub provider: &'a str,
    /// What its templates and its condition see.
    pub data: &'a Map<String, Value>,
    /// The secrets that are named in that, by their names.
    pub named: &'a BTreeMap<String, Zeroizing<String>>,
    /// Learns the secrets that the step is given.
    pub mask: &'a Mask,
    /// Where secrets of the configuration are.
    pub sources: &'a Sources,
}

impl Contract<'_> {
    /// Looks at the step's condition, then renders and checks everything it needs.
    ///
    /// # Errors
    /// When the condition or a template fails, the configuration does not fit the step type, a secret is missing or a privilege is not
    /// allowed.
    pub async fn make_ready(&self, step: &PlannedStep) -> Result<Prepared, Setback> {
        let kind = &step.step_type;
        let files: Vec<_> = kind.files.iter().map(|file| Value::from(file.content.as_str())).collect();
        let config = with_defaults(&kind.config_schema, &step.config);
        let mut request = RenderRequest {
            context: self.data.clone(),
            condition: step.condition.clone(),
            values: object(json!({"config": config, "env": step.env, "egress": step.egress})),
            then: object(json!({"image": kind.image, "command": kind.command, "env": kind.env, "files": files})),
        };
        let rendered = match self.renderer.render(request.clone()).await {
            Ok(rendered) => rendered,
            Err(error) => {
                // A step type's template that stumbles over a configuration is better explained by the schema.
                request.then = Map::new();
                if let Ok(rendered) = self.renderer.render(request).await {
                    check(kind, &rendered.values["config"]).map_err(|why| refused(step, why))?;
                }
                return Err(setback(&format!("step {}", step.name), &error));
            }
        };
        if rendered.condition == Some(false) {
            return Ok(Prepared::Skipped);
        }
        let (filled, made) = (rendered.values, rendered.then);
        check(kind, &filled["config"]).map_err(|why| refused(step, why))?;
        if let Some(wait) = waits::of(step, &filled["config"]).map_err(|why| refused(step, why))? {
            return Ok(Prepared::Waits(Box::new(wait)));
        }

        let settings = self.config.providers.get(self.provider);
        let targets = texts(&filled["egress"]);
        let uses_services = !step.services.is_empty();
        let granted = privileges::grant(kind, &targets, uses_services, self.provider, settings, &self.config.sandbox)
            .map_err(|why| refused(step, why))?;
        let mut files: Vec<StepFile> = kind
            .files
            .iter()
            .zip(texts(&made["files"]))
            .map(|(file, content)| StepFile {
                path: format!("/run/slipway/files/{}", file.name),
                mode: if file.executable { 0o500 } else { 0o400 },
                content: content.into(),
            })
            .collect();
        files.extend(self.secrets(&format!("step {}", step.name), &step.secrets).await?);
        let mut env = variables(&made["env"]);
        env.extend(variables(&filled["env"]));
        let (image, argv) = (text(&made["image"]), texts(&made["command"]));
        images::admit(kind, &image, &self.config.sandbox).map_err(|why| refused(step, why))?;
        Ok(Prepared::Container(Box::new(Ready { image, argv, env, files, granted })))
    }

    /// Fills in a service of the run. It has no workspace, and no files but its secrets.
    ///
    /// # Errors
    /// When a template fails, a secret is missing, or the instance does not allow what it asks for.
    pub async fn make_service_ready(&self, service: &Service) -> Result<(Ready, Option<Readiness>), Setback> {
        let of = format!("service {}", service.name);
        let asked = match service.ready.as_ref().map(|ready| &ready.check) {
            Some(Check::Command(argv)) => argv.as_slice(),
            Some(Check::Tcp(_)) | None => &[],
        };
        let values = object(json!({
            "image": service.image, "command": service.command, "env": service.env, "asked": asked,
        }));
        let request = RenderRequest { context: self.data.clone(), values, ..RenderRequest::default() };
        let filled = self.renderer.render(request).await.map_err(|error| setback(&of, &error))?.values;
        let refused = |why: &dyn std::fmt::Display| Setback::Failed(Failure::plan(format!("{of}: {why}")));
        let image = text(&filled["image"]);
        images::admit_service(&image, &self.config.sandbox).map_err(|why| refused(&why))?;
        let granted = privileges::grant_service(service, &self.config.sandbox).map_err(|why| refused(&why))?;
        let files = self.secrets(&of, &service.secrets).await?;
        let ready = service.ready.clone().map(|ready| match ready.check {
            Check::Command(_) => Readiness { check: Check::Command(texts(&filled["asked"])), ..ready },
            Check::Tcp(_) => ready,
        });
        let (argv, env) = (texts(&filled["command"]), variables(&filled["env"]));
        Ok((Ready { image, argv, env, files, granted }, ready))
    }

    /// Secrets of the provider's settings, and those that the run names, each as a file. Where both have one of a name, nobody
    /// could tell whose a step reads: it gets neither.
    async fn secrets(&self, of: &str, names: &[String]) -> Result<Vec<StepFile>, Setback> {
        let settings = self.config.providers.get(self.provider);
        if let Some(name) = names.iter().find(|name| self.named.contains_key(*name)) {
            let why = format!(
                "{of}: the run's secret {name} is called like one of the provider {}; store it under another name",
                self.provider
            );
            return Err(Setback::Failed(Failure::plan(why)));
        }
        let mut files: Vec<StepFile> = self.named.iter().map(|(name, secret)| file_of(name, secret)).collect();
        for name in names {
            let secret = self.read_secret(settings, name).await.map_err(|error| of_secret(of, name, error))?;
            self.mask.add(&secret);
            files.push(file_of(name, &secret));
        }
        Ok(files)
    }

    /// A secret of the provider's settings, as it is now.
    async fn read_secret(
        &self,
        settings: Option<&ProviderSettings>,
        name: &str,
    ) -> Result<Zeroizing<String>, SecretError> {
        match settings.and_then(|settings| settings.secrets.get(name)) {
            Some(source) => self.sources.read(source).await,
            None => Err(SecretError::Refused(format!("set providers.{}.secrets.{name}", self.provider))),
        }
    }

    /// Whether the step's condition holds; one without a condition always does.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub async fn may_run(&self, step: &PlannedStep) -> Result<bool, Setback> {
        let request =
            RenderRequest { context: self.data.clone(), condition: step.condition.clone(), ..RenderRequest::default() };
        let rendered = self.renderer.render(request).await;
        let rendered = rendered.map_err(|error| setback(&format!("step {}", step.name), &error))?;
        Ok(rendered.condition != Some(false))
    }
}

/// Where a step finds a secret of this name.
#[must_use]
pub fn secret_path(name: &str) -> String {
    format!("/run/slipway/secrets/{name}")
}

fn file_of(name: &str, secret: &str) -> StepFile {
    StepFile { path: secret_path(name), mode: 0o400, content: Bytes::copy_from_slice(secret.as_bytes()) }
}

/// What the schema says is meant where a step says nothing.
pub(crate) fn with_defaults(schema: &Value, config: &Map<String, Value>) -> Map<String, Value> {
    let mut config = config.clone();
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        if let Some(default) = property.get("default")
            && !config.contains_key(name)
        {
            config.insert(name.clone(), default.clone());
        }
    }
    config
}

fn refused(step: &PlannedStep, why: impl std::fmt::Display) -> Setback {
    Setback::Failed(Failure::plan(format!("step {}: {why}", step.name)))
}

/// A template's error is the plan's; a missing process for rendering is this worker's.
#[must_use]
pub fn setback(of: &str, error: &RenderError) -> Setback {
    if error.is_final() {
        Setback::Failed(Failure::plan(format!("{of}: {error}")))
    } else {
        Setback::Passing(error.to_string())
    }
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn variables(value: &Value) -> BTreeMap<String, String> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect()
}

/// A list inside a list stands for its elements: `command: ["{{.config.command}}"]`.
pub(crate) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => {
            items.iter().flat_map(|item| if item.is_array() { texts(item) } else { vec![text(item)] }).collect()
        }
        Value::Null => Vec::new(),
        single => vec![text(single)],
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Checks a rendered configuration against its step type's schema.
pub(crate) fn check(kind: &StepType, config: &Value) -> Result<(), String> {
    if kind.config_schema.is_null() {
        return Ok(());
    }
    let validator = jsonschema::validator_for(&kind.config_schema)
        .map_err(|error| format!("the schema of step type {} is broken: {error}", kind.name))?;
    let errors: Vec<String> = validator
        .iter_errors(config)
        .take(5)
        .map(|error| {
            let path = error.instance_path().to_string();
            if path.is_empty() { error.to_string() } else { format!("config{path}: {error}") }
        })
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
}

/// Why a secret cannot be had; its keeper may answer later.
fn of_secret(of: &str, name: &str, error: SecretError) -> Setback {
    match Setback::from(error) {
        Setback::Passing(why) => Setback::Passing(format!("the secret {name}: {why}")),
        Setback::Failed(failure) => {
            Setback::Failed(Failure::plan(format!("{of}: the secret {name} cannot be had: {}", failure.message)))
        }
        halt @ Setback::Halt(_) => halt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_in_a_command_stands_for_its_elements() {
        assert_eq!(texts(&json!(["sh", ["-c", "x"], 3])), ["sh", "-c", "x", "3"]);
    }

    #[test]
    fn a_step_that_says_nothing_gets_the_schema_s_default() {
        let schema = json!({"properties": {"size": {"default": 3}, "name": {"default": "x"}, "plain": {}}});
        let config = with_defaults(&schema, &object(json!({"name": null})));
        assert_eq!(Value::Object(config), json!({"name": null, "size": 3}));
        assert!(with_defaults(&Value::Null, &Map::new()).is_empty());
    }

    #[test]
    fn a_configuration_that_does_not_fit_names_the_place() {
        let kind =
            StepType { config_schema: json!({"properties": {"port": {"type": "integer"}}}), ..StepType::default() };
        let error = check(&kind, &json!({"port": "x"})).unwrap_err();
        assert!(error.contains("config/port"), "{error}");
    }
}
