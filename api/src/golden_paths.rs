//! Golden paths, looked at. Starting one is in `execute.rs`.

mod example;

use std::collections::HashMap;

use axum::{Json, extract::State, http::HeaderMap, response::Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use shared::{
    domain::plan::PlannedStep,
    formats::{
        registry::{ProviderRecord, WorkflowRecord},
        workflow::Parameter,
    },
    store::history,
};
use utoipa::{IntoParams, ToSchema};

use crate::{
    conditional,
    error::{Problem, ProblemDetails},
    execute::{all, find},
    extract::{Path, Query},
    page::{Page, Paging},
    providers,
    state::AppState,
};

/// A golden path.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GoldenPathView {
    /// Its name.
    name: String,
    /// The provider that has it.
    provider: String,
    /// That provider's version.
    provider_version: String,
    /// For people.
    description: Option<String>,
    /// Its version.
    version: Option<String>,
    /// Tags.
    tags: Vec<String>,
    /// Parameters that must be given.
    required: Vec<String>,
    /// Parameters that may be given.
    optional: Vec<String>,
    /// What kind of golden path it is, in its provider's words.
    group: Option<String>,
    /// How long it takes by what was measured, when it ever completed.
    estimated_duration: Option<PastDurationView>,
    /// How long it takes in its provider's words.
    stated_duration: Option<String>,
    /// Why it cannot run on this instance, if so.
    unavailable: Option<String>,
}

/// How long runs took before.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct PastDurationView {
    /// Half of the runs took no longer, in seconds.
    seconds: f64,
    /// The longest of them, in seconds.
    longest_s: f64,
    /// How many runs it is taken from.
    runs: i64,
    /// The same in words.
    basis: String,
}

impl From<history::Duration> for PastDurationView {
    fn from(past: history::Duration) -> Self {
        let runs = if past.runs == 1 { "last completed run" } else { "last completed runs" };
        Self {
            seconds: (past.median_s * 10.0).round() / 10.0,
            longest_s: (past.longest_s * 10.0).round() / 10.0,
            runs: past.runs,
            basis: format!("the median of the {} {runs}, waits for people included", past.runs),
        }
    }
}

impl GoldenPathView {
    fn of(record: &ProviderRecord, workflow: &WorkflowRecord, past: Option<PastDurationView>) -> Self {
        let named = |required: bool| {
            let wanted = workflow.parameters.iter().filter(move |it| must_be_given(it) == required);
            wanted.map(|it| it.name.clone()).collect()
        };
        Self {
            name: workflow.name.clone(),
            provider: record.name.clone(),
            provider_version: record.version.clone(),
            description: workflow.description.clone(),
            version: workflow.version.clone(),
            tags: workflow.tags.clone(),
            required: named(true),
            optional: named(false),
            group: workflow.group.clone(),
            estimated_duration: past,
            stated_duration: workflow.estimated_duration.clone(),
            unavailable: workflow.unavailable.clone(),
        }
    }
}

fn must_be_given(parameter: &Parameter) -> bool {
    parameter.required && parameter.default.is_none()
}

/// The golden paths of all providers, by name.
#[utoipa::path(get, path = "/api/golden-paths", tag = "golden paths", params(Paging),
    responses((status = 200, body = Page<GoldenPathView>), (status = 400, body = ProblemDetails)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<GoldenPathView>>, Problem> {
    let after = paging.after_parts(|[name, provider]| Some((name.to_owned(), provider.to_owned())))?;
    let mut tx = app.store.begin().await?;
    let registry = providers::loaded(&app, &mut tx).await?;
    let mut paths: Vec<_> = all(&registry).collect();
    paths.sort_by_key(|(record, workflow)| (workflow.name.as_str(), record.name.as_str()));
    let after = after.as_ref().map(|(name, provider)| (name.as_str(), provider.as_str()));
    let passed =
        paths.partition_point(|(record, workflow)| Some((workflow.name.as_str(), record.name.as_str())) <= after);
    paths.drain(..passed);
    paths.truncate(usize::try_from(paging.rows()?).unwrap_or(usize::MAX));
    let names: Vec<_> = paths.iter().map(|(record, workflow)| (record.name.as_str(), workflow.name.as_str())).collect();
    let past = history::golden_path_durations(&mut *tx, &names).await?;
    let mut past: HashMap<_, _> =
        past.into_iter().map(|it| ((it.provider.clone(), it.workflow.clone()), PastDurationView::from(it))).collect();
    let views = paths.into_iter().map(|(record, workflow)| {
        GoldenPathView::of(record, workflow, past.remove(&(record.name.clone(), workflow.name.clone())))
    });
    Ok(Json(paging.page_by(views.collect(), |it: &GoldenPathView| format!("{}/{}", it.name, it.provider), |it| it)?))
}

/// Whose golden path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Whose {
    /// Its provider, or `NAME@VERSION`; needed only when several have a golden path of that name.
    provider: Option<String>,
}

/// A parameter of a golden path.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ParameterView {
    /// Its name.
    name: String,
    /// `string`, `number`, `boolean`, `map`, `list`, …
    #[serde(rename = "type")]
    kind: String,
    /// What a value must be, in words.
    expected: String,
    /// Whether it must be given.
    required: bool,
    /// Used when it is not given.
    #[schema(value_type = Option<Object>)]
    default: Option<Value>,
    /// For people.
    description: Option<String>,
    /// The only values allowed.
    #[serde(rename = "enum")]
    #[schema(value_type = Option<Vec<Object>>)]
    allowed: Option<Vec<Value>>,
    /// A regular expression that a string must match somewhere.
    pattern: Option<String>,
    /// The least number, or the least length of a string or list.
    min: Option<f64>,
    /// The greatest number, or the greatest length of a string or list.
    max: Option<f64>,
    /// Masked wherever it is shown.
    sensitive: bool,
    /// A value that would be taken.
    #[schema(value_type = Object)]
    example: Value,
}

impl From<&Parameter> for ParameterView {
    fn from(parameter: &Parameter) -> Self {
        Self {
            name: parameter.name.clone(),
            kind: type_name(parameter),
            expected: expected(parameter),
            required: must_be_given(parameter),
            default: parameter.default.clone(),
            description: parameter.description.clone(),
            allowed: parameter.allowed.clone(),
            pattern: parameter.pattern.clone(),
            min: parameter.min,
            max: parameter.max,
            sensitive: parameter.sensitive,
            example: example::value(parameter),
        }
    }
}

/// A step of a golden path.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PathStepView {
    /// Its name.
    name: String,
    /// Its step type.
    #[serde(rename = "type")]
    kind: String,
    /// Steps that are over before it begins.
    depends_on: Vec<String>,
    /// When it runs at all: a CEL expression.
    condition: Option<String>,
    /// Whether it runs once for each element of a list.
    repeated: bool,
    /// Whether it runs at the end, whatever became of the others.
    finally: bool,
}

impl From<&PlannedStep> for PathStepView {
    fn from(step: &PlannedStep) -> Self {
        Self {
            name: step.name.clone(),
            kind: step.step_type.name.clone(),
            depends_on: step.depends_on.clone(),
            condition: step.condition.clone(),
            repeated: step.for_each.is_some(),
            finally: step.finally,
        }
    }
}

/// How to start it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExampleView {
    /// Body for `POST /api/golden-paths/{name}/run`, with every parameter that has a value to show.
    #[schema(value_type = Object)]
    request: Value,
    /// The command line, with the parameters that must be given.
    cli: String,
}

/// A golden path with all that there is to know before it is started.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GoldenPathDetail {
    /// The golden path.
    #[serde(flatten)]
    golden_path: GoldenPathView,
    /// What it takes, in the order of its file.
    parameters: Vec<ParameterView>,
    /// Its steps, in order.
    steps: Vec<PathStepView>,
    /// Names of what its runs give back.
    outputs: Vec<String>,
    /// How to start it.
    example: ExampleView,
}

/// One golden path: parameters with types, steps, an example, and how long it took before.
#[utoipa::path(get, path = "/api/golden-paths/{name}", tag = "golden paths", params(("name" = String, Path), Whose),
    responses((status = 200, body = GoldenPathDetail), (status = 304), (status = 404, body = ProblemDetails),
              (status = 409, body = ProblemDetails)))]
pub(crate) async fn get(
    State(app): State<AppState>,
    Path(name): Path<String>,
    Query(whose): Query<Whose>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut tx = app.store.begin().await?;
    let registry = providers::loaded(&app, &mut tx).await?;
    let (record, workflow) = find(&registry, &name, whose.provider.as_deref())?;
    let past = history::golden_path_durations(&mut *tx, &[(&record.name, &workflow.name)]).await?;
    let detail = GoldenPathDetail {
        golden_path: GoldenPathView::of(record, workflow, past.into_iter().next().map(PastDurationView::from)),
        parameters: workflow.parameters.iter().map(ParameterView::from).collect(),
        steps: workflow.plan.steps.iter().map(PathStepView::from).collect(),
        outputs: workflow.plan.outputs.keys().cloned().collect(),
        example: ExampleView {
            request: Value::Object(Map::from_iter([(
                "inputs".into(),
                Value::Object(example::inputs(&workflow.parameters)),
            )])),
            cli: example::command(&workflow.name, &workflow.parameters),
        },
    };
    conditional::json(&headers, &detail)
}

/// The type as files write it.
fn type_name(parameter: &Parameter) -> String {
    match serde_json::to_value(parameter.kind) {
        Ok(Value::String(name)) => name,
        _ => "string".into(),
    }
}

/// What a value must be, in words.
pub(crate) fn expected(parameter: &Parameter) -> String {
    let what = type_name(parameter);
    let mut text = match what.as_str() {
        "string" => "a string".to_owned(),
        "number" => "a number".to_owned(),
        "integer" => "a whole number".to_owned(),
        "boolean" => "true or false".to_owned(),
        "map" | "object" => "a mapping".to_owned(),
        "list" => "a list".to_owned(),
        "duration" => "a time such as 30s, 5m or 8h".to_owned(),
        "enum" => "a value".to_owned(),
        other => format!("a {other}"),
    };
    if let Some(allowed) = &parameter.allowed {
        let values: Vec<String> =
            allowed.iter().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect();
        text.push_str(&format!(", one of: {}", values.join(", ")));
    }
    let unit = match what.as_str() {
        "string" | "enum" => " characters",
        "list" => " items",
        "duration" => " seconds",
        _ => "",
    };
    match (parameter.min, parameter.max) {
        (Some(min), Some(max)) => text.push_str(&format!(", {min} to {max}{unit}")),
        (Some(min), None) => text.push_str(&format!(", at least {min}{unit}")),
        (None, Some(max)) => text.push_str(&format!(", at most {max}{unit}")),
        (None, None) => {}
    }
    if let Some(pattern) = &parameter.pattern {
        text.push_str(&format!(", matching {pattern}"));
    }
    text
}
