//! Whether what templates name exists, and exists by then.

use serde_json::Value;

use super::{
    super::{
        cursor::Cursor,
        parameter::{GIVEN_TO_RESOURCE_RUNS, Parameter},
        problem::{code, did_you_mean, nearest},
        template::{TemplateName, names},
    },
    order, quoted,
    step::{Read, Step},
};

pub(super) fn templates(
    read: &[(Cursor<'_>, Read)],
    steps: &[Step],
    parameters: &[Parameter],
    outputs: Option<&Cursor<'_>>,
) {
    let before = order::before(steps);
    let step_names: Vec<&str> = steps.iter().map(|step| step.name.as_str()).collect();
    for (at, item) in read {
        let own = item.step.name.as_str();
        strings(at, &mut |at, name| match name {
            TemplateName::Parameter(name) => parameter(at, name, parameters),
            TemplateName::Setting(_) => {}
            TemplateName::Step(name) => {
                if !step_names.contains(&name.as_str()) {
                    unknown_step(at, name, step_names.iter().copied().filter(|name| *name != own));
                } else if !before.get(own).is_some_and(|over| over.contains(name.as_str())) {
                    let message = format!("{} uses the step {}, which is not over by then", quoted(own), quoted(name));
                    at.report(code::INVALID_VALUE, format!("{message}; add it to 'dependsOn'"));
                }
            }
        });
    }
    if let Some(at) = outputs {
        strings(at, &mut |at, name| match name {
            TemplateName::Parameter(name) => parameter(at, name, parameters),
            TemplateName::Setting(_) => {}
            TemplateName::Step(name) => {
                if !step_names.contains(&name.as_str()) {
                    unknown_step(at, name, step_names.iter().copied());
                }
            }
        });
    }
}

fn parameter(at: &Cursor<'_>, name: &str, parameters: &[Parameter]) {
    let declared = || parameters.iter().map(|parameter| parameter.name.as_str()).chain(GIVEN_TO_RESOURCE_RUNS);
    if !declared().any(|known| known == name) {
        let hint = did_you_mean(&nearest(name, declared()));
        at.report(code::UNKNOWN_NAME, format!("the parameter {} is not declared{hint}", quoted(name)));
    }
}

fn unknown_step<'a>(at: &Cursor<'_>, name: &str, known: impl Iterator<Item = &'a str>) {
    let hint = did_you_mean(&nearest(name, known));
    at.report(code::UNKNOWN_NAME, format!("there is no step {}{hint}", quoted(name)));
}

/// Every string below `at`, with its own place.
fn strings(at: &Cursor<'_>, take: &mut dyn FnMut(&Cursor<'_>, &TemplateName)) {
    match at.value {
        Value::String(_) => names(at.value).iter().for_each(|name| take(at, name)),
        Value::Array(_) => at.items().iter().for_each(|item| strings(item, take)),
        Value::Object(_) => at.entries().iter().for_each(|(_, value)| strings(value, take)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
