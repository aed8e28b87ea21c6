//! What a run would do: every step filled in as far as is known before any of them has run. Starts nothing, reads no secrets.

use serde_json::{Map, Value, json};
use shared::{
    domain::{
        plan::{Plan, PlannedStep, Runs},
        service::Service,
        step::StepStatus,
    },
    secrets::token,
    store::lease::Claimed,
};

use crate::{
    container::Setback,
    context::Context,
    contract::{self, check, object, texts, with_defaults},
    data::RunData,
    engine::Engine,
    graph::Graph,
    held::Halt,
    images, privileges,
    render::{RenderRequest, RenderResponse, UNKNOWN},
};

/// What begins a text that stands for a value not known yet.
const AFTER: &str = "<known after step ";
/// What stands for the element of a loop.
const EACH: &str = "<each element>";

/// `{"plan": {"steps": […], "outputs": {…}, …}}`: each step with its order, dependencies, condition, rendered configuration, image,
/// privileges, the paths that are unknown until run time (shown as `<known after step X>`), and what is wrong with it.
///
/// # Errors
/// When the process that renders is not available.
pub async fn preview<E: Engine>(
    worker: &Context<E>,
    claimed: &Claimed,
    plan: &Plan,
    graph: &Graph,
    data: &RunData,
) -> Result<Map<String, Value>, Halt> {
    let mut order = vec![0; plan.steps.len()];
    for (place, &at) in graph.order().iter().enumerate() {
        order[at] = place + 1;
    }
    let mut steps = Vec::with_capacity(plan.steps.len());
    for (at, step) in plan.steps.iter().enumerate() {
        let context = known_before(plan, data, |other| graph.before(at).contains(&other));
        let mut shown = shown(worker, claimed, step, context).await?;
        shown.insert("order".to_owned(), order[at].into());
        steps.push(Value::Object(shown));
    }
    let mut services = Vec::with_capacity(plan.services.len());
    let context = data.context(std::iter::empty(), std::iter::empty());
    for service in &plan.services {
        services.push(shown_service(worker, service, &context).await?);
    }
    let written = plan.outputs.iter().map(|(name, output)| (name.clone(), output.value.clone())).collect();
    let mut problems = Vec::new();
    let context = known_before(plan, data, |_| true);
    let outputs = fill(worker, &context, written, "outputs", &mut problems).await?;
    let all = json!({
        "steps": steps, "services": services, "outputs": outputs, "problems": problems, "max_parallel": plan.max_parallel, "timeout_s": plan.timeout_s,
    });
    Ok(Map::from_iter([("plan".to_owned(), all)]))
}

fn unknown(shown: impl Into<String>) -> Value {
    Value::Object(Map::from_iter([(UNKNOWN.to_owned(), Value::from(shown.into()))]))
}

/// What templates see, with stand-ins for what steps will give.
fn known_before(plan: &Plan, data: &RunData, comes_before: impl Fn(usize) -> bool) -> Map<String, Value> {
    let mut context = data.context(
        plan.steps.iter().map(|step| (step.name.as_str(), StepStatus::Pending, &Value::Null)),
        std::iter::empty(),
    );
    let after = |name: &str| unknown(format!("{AFTER}{name}>"));
    if let Some(Value::Object(steps)) = context.get_mut("steps") {
        for (name, step) in steps {
            *step = after(name);
        }
    }
    if let Some(Value::Object(variables)) = context.get_mut("variables") {
        for (_, step) in plan.steps.iter().enumerate().filter(|(at, _)| comes_before(*at)) {
            variables.extend(step.set_variables.keys().map(|name| (name.clone(), after(&step.name))));
        }
    }
    context
}

async fn shown<E: Engine>(
    worker: &Context<E>,
    claimed: &Claimed,
    step: &PlannedStep,
    mut context: Map<String, Value>,
) -> Result<Map<String, Value>, Halt> {
    let kind = &step.step_type;
    let mut problems = Vec::new();
    let mut elements = Value::Null;
    if let Some(over) = &step.for_each {
        let over = Map::from_iter([("for_each".to_owned(), over.clone())]);
        elements = fill(worker, &context, over, "", &mut problems).await?.remove("for_each").unwrap_or_default();
        context.insert("item".to_owned(), unknown(EACH));
        context.insert("index".to_owned(), unknown(EACH));
    }
    let condition = match &step.condition {
        Some(cel) => Some(json!({"expression": cel, "result": holds(worker, &context, cel, &mut problems).await?})),
        None => None,
    };
    let config =
        fill(worker, &context, with_defaults(&kind.config_schema, &step.config), "config", &mut problems).await?;
    let env = fill(worker, &context, object(json!(step.env)), "env", &mut problems).await?;
    let lists = Map::from_iter([("egress".to_owned(), json!(step.egress))]);
    let egress = fill(worker, &context, lists, "", &mut problems).await?.remove("egress").unwrap_or_default();
    let mut paths = Vec::new();
    unknown_paths(&Value::Object(config.clone()), "config", &mut paths);
    unknown_paths(&Value::Object(env.clone()), "env", &mut paths);
    unknown_paths(&egress, "egress", &mut paths);
    unknown_paths(&elements, "for_each", &mut paths);
    let config = Value::Object(config);
    // What is sealed stays so: whether it fits is seen when the step runs.
    if paths.is_empty() && problems.is_empty() && !token::is_in(&config) {
        problems.extend(check(kind, &config).err());
    }
    let mut shown = object(json!({
        "name": step.name, "type": kind.name, "runs": kind.runs, "depends_on": step.depends_on, "when": step.when,
        "finally": step.finally, "continue_on_error": step.continue_on_error, "condition": condition, "config": config,
        "env": env, "timeout_s": step.timeout_s, "retry": step.retry, "secrets": step.secrets, "services": step.services,
    }));
    if step.for_each.is_some() {
        shown.insert("for_each".to_owned(), elements);
    }
    if kind.runs == Runs::Container {
        let seen = Map::from_iter([("config".to_owned(), config)]);
        let own = object(json!({"image": kind.image, "command": kind.command}));
        let own = fill(worker, &seen, own, "", &mut problems).await?;
        let settings = worker.config.providers.get(&claimed.provider);
        let granted = privileges::grant(
            kind,
            &texts(&egress),
            !step.services.is_empty(),
            &claimed.provider,
            settings,
            &worker.config.sandbox,
        );
        let privileges = match granted {
            Ok(granted) => json!({
                "network": granted.network, "egress": granted.egress, "writable_root": granted.writable_root,
                "memory_mib": granted.memory_mib, "cpu_millis": granted.cpu_millis,
            }),
            Err(_) if texts(&egress).iter().any(|address| stands_in(address)) => json!(kind.privileges),
            Err(refused) => {
                problems.push(refused.to_string());
                json!(kind.privileges)
            }
        };
        if let Some(image) = own.get("image").and_then(Value::as_str).filter(|image| !stands_in(image)) {
            problems
                .extend(images::admit(kind, image, &worker.config.sandbox).err().map(|refused| refused.to_string()));
        }
        shown.insert("privileges".to_owned(), privileges);
        shown.extend(own);
    }
    shown.insert("unknown".to_owned(), json!(paths));
    shown.insert("problems".to_owned(), json!(problems));
    Ok(shown)
}

/// A service as it would be started.
async fn shown_service<E: Engine>(
    worker: &Context<E>,
    service: &Service,
    context: &Map<String, Value>,
) -> Result<Value, Halt> {
    let mut problems = Vec::new();
    let written = object(json!({"image": service.image, "command": service.command, "env": service.env}));
    let mut shown = fill(worker, context, written, "", &mut problems).await?;
    if let Some(image) = shown.get("image").and_then(Value::as_str) {
        problems.extend(images::admit_service(image, &worker.config.sandbox).err().map(|refused| refused.to_string()));
    }
    match privileges::grant_service(service, &worker.config.sandbox) {
        Ok(granted) => {
            shown.insert("memory_mib".to_owned(), granted.memory_mib.into());
            shown.insert("cpu_millis".to_owned(), granted.cpu_millis.into());
        }
        Err(refused) => problems.push(refused.to_string()),
    }
    shown.extend(object(json!({
        "name": service.name, "secrets": service.secrets, "tmpfs": service.tmpfs, "ready": service.ready, "problems": problems,
    })));
    Ok(Value::Object(shown))
}

/// What a condition gives; nothing when that depends on what steps do.
async fn holds<E: Engine>(
    worker: &Context<E>,
    context: &Map<String, Value>,
    cel: &str,
    problems: &mut Vec<String>,
) -> Result<Option<bool>, Halt> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let open = ["steps", "item", "index"];
    let set = context
        .get("variables")
        .and_then(Value::as_object)
        .is_some_and(|variables| variables.values().any(|value| value.get(UNKNOWN).is_some()));
    if cel.split(|c| !word(c)).any(|name| open.contains(&name) || (set && name == "variables")) {
        return Ok(None);
    }
    let request =
        RenderRequest { context: context.clone(), condition: Some(cel.to_owned()), ..RenderRequest::default() };
    match rendered(worker, request).await? {
        Ok(response) => Ok(response.condition),
        Err(why) => {
            problems.push(why);
            Ok(None)
        }
    }
}

/// Fills in each value by itself, so that one that cannot be filled in yet leaves the others whole.
async fn fill<E: Engine>(
    worker: &Context<E>,
    context: &Map<String, Value>,
    values: Map<String, Value>,
    below: &str,
    problems: &mut Vec<String>,
) -> Result<Map<String, Value>, Halt> {
    let request = RenderRequest { context: context.clone(), values: values.clone(), ..RenderRequest::default() };
    if let Ok(response) = rendered(worker, request).await? {
        return Ok(response.values);
    }
    let mut filled = Map::new();
    for (name, value) in values {
        let one = Map::from_iter([(name.clone(), value.clone())]);
        let request = RenderRequest { context: context.clone(), values: one, ..RenderRequest::default() };
        match rendered(worker, request).await? {
            Ok(mut response) => filled.insert(name.clone(), response.values.remove(&name).unwrap_or_default()),
            Err(why) => {
                let path = if below.is_empty() { String::new() } else { format!("{below}.") };
                problems.push(format!("{path}{why}"));
                filled.insert(name, value)
            }
        };
    }
    Ok(filled)
}

/// The answer of the process that renders, or what is wrong with the templates.
async fn rendered<E: Engine>(
    worker: &Context<E>,
    request: RenderRequest,
) -> Result<Result<RenderResponse, String>, Halt> {
    match worker.renderer.render(request).await {
        Ok(response) => Ok(Ok(response)),
        Err(error) => match contract::setback("preview", &error) {
            Setback::Failed(_) => Ok(Err(error.to_string())),
            Setback::Passing(why) => Err(Halt::Unfit(why)),
            Setback::Halt(halt) => Err(halt),
        },
    }
}

fn stands_in(text: &str) -> bool {
    text.contains(AFTER) || text.contains(EACH)
}

/// Where, in a rendered value, something is not known yet.
fn unknown_paths(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::String(text) if stands_in(text) => found.push(path.to_owned()),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| unknown_paths(item, &format!("{path}[{at}]"), found));
        }
        Value::Object(map) => {
            map.iter().for_each(|(name, item)| unknown_paths(item, &format!("{path}.{name}"), found));
        }
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}
