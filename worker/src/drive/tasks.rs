//! What is done about one step beside the others: a try, the elements of a loop, what a step makes of what it was given.

use std::collections::{BTreeMap, BTreeSet};

use futures::{FutureExt as _, future::BoxFuture};
use serde_json::{Map, Value};
use shared::{
    domain::{
        ids::StepId,
        plan::{PlannedStep, Runs, When},
        step::StepStatus,
    },
    store::lease::{self, LoopOutcome},
};

use super::course::{Course, Tasks};
use crate::{
    allowance::size,
    attempt::{
        self, Made, RunScope, Try,
        derive::{self, Derived},
    },
    container::Setback,
    contract::{self, Contract, Failure},
    data,
    engine::Engine,
    held::Halt,
    render::RenderRequest,
    waits,
};

/// Elements that a loop may have.
const MOST_ELEMENTS: usize = 500;

/// The end of a task.
pub(super) struct Done {
    /// Of the row.
    pub(super) index: usize,
    pub(super) came: Came,
}

/// What came of it.
pub(super) enum Came {
    /// A turn of the step.
    Made(Made),
    /// Rows that are not known yet.
    Written,
    /// What the step makes of what it was given.
    Derived(Derived),
    /// Nothing, and the run cannot go on.
    Broken(Failure),
    /// Nothing, for no fault of the step's.
    Passing(String),
}

impl<'a, E: Engine> Course<'a, E> {
    /// The turn of a row whose turn has come.
    pub(super) fn task(&self, index: usize) -> BoxFuture<'a, Result<Done, Halt>> {
        let row = self.rows.row(index);
        let mut context = self.context(Some(row.at));
        let mut step = self.plan.steps[row.at].clone();
        let scope = self.scope;
        if let (Some(item), Some(number)) = (&row.step.item, row.step.item_index) {
            data::add_item(&mut context, item, number);
            step.name.clone_from(&row.step.name);
            // Its loop was started, and what does not speak of the element was looked at there.
            step.when = When::Always;
            step.condition = step.condition.filter(|condition| names_element(condition));
        } else if step.for_each.is_some() {
            let (id, released) = (row.step.id, row.step.released);
            return async move {
                let came = match spread(scope, &step, id, released, context).await {
                    Ok(came) => came,
                    Err(Setback::Halt(halt)) => return Err(halt),
                    Err(Setback::Passing(why)) => Came::Passing(why),
                    Err(Setback::Failed(failure)) => {
                        let error = Some((failure.code.to_owned(), scope.mask.clean(&failure.message)));
                        over(scope, id, StepStatus::Failed, error).await?
                    }
                };
                Ok(Done { index, came })
            }
            .boxed();
        }
        let before =
            self.graph.before(row.at).iter().flat_map(|&other| {
                std::iter::once(self.rows.main(other)).chain(self.rows.elements(other).iter().copied())
            });
        let after: BTreeSet<String> = before.map(|index| self.rows.row(index).step.name.clone()).collect();
        let one = Try {
            index,
            step,
            row: row.step.clone(),
            place: self.graph.place(row.at),
            after,
            last: self.graph.is_last(row.at),
            data: context,
        };
        async move { Ok(Done { index, came: Came::Made(attempt::make(scope, one).await?) }) }.boxed()
    }

    /// Starts on what steps make of what they were given from outside: an approval, the outputs of a child run.
    pub(super) fn derive_given(&mut self, running: &mut Tasks<'a>) {
        if self.ending.is_some() {
            return;
        }
        for index in 0..self.rows.all().len() {
            let row = self.rows.row(index);
            let planned = &self.plan.steps[row.at];
            let given = row.step.wait.as_ref().is_some_and(|wait| wait.get("derived").is_none());
            let makes = !planned.outputs.is_empty() || !planned.set_variables.is_empty();
            if row.status() != StepStatus::Completed || !given || !makes || is_container(planned) {
                continue;
            }
            let (scope, context, id) = (self.scope, self.context(Some(row.at)), row.step.id);
            let mut sensitive = row.step.sensitive_outputs.clone();
            sensitive.extend(planned.sensitive.iter().cloned());
            let outputs = row.step.outputs.as_object().cloned().unwrap_or_default();
            let given = Derived { outputs, sensitive, variables: Map::new() };
            running.push(
                async move {
                    let came = match derive::derive(scope, (id, planned), &context, given).await {
                        Ok(derived) => {
                            let (pool, lease) = (scope.worker.store.pool(), scope.held.lease);
                            let Derived { outputs, sensitive, variables } = &derived;
                            let write = || lease::step_derived(pool, lease, id, outputs, sensitive, variables);
                            scope.held.write("outputs", write).await?;
                            Came::Derived(derived)
                        }
                        Err(Setback::Halt(halt)) => return Err(halt),
                        Err(Setback::Passing(why)) => Came::Passing(why),
                        Err(Setback::Failed(failure)) => Came::Broken(failure),
                    };
                    Ok(Done { index, came })
                }
                .boxed(),
            );
            self.rows.row_mut(index).busy = true;
        }
    }
}

fn is_container(step: &PlannedStep) -> bool {
    step.step_type.runs == Runs::Container
}

/// Whether a condition may speak of a loop's element: it holds one of the two words.
fn names_element(condition: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    condition.split(|c| !word(c)).any(|name| name == "item" || name == "index")
}

/// Looks at what a loop runs over, and writes a step for each element.
async fn spread<E: Engine>(
    scope: &RunScope<E>,
    step: &PlannedStep,
    id: StepId,
    released: bool,
    context: Map<String, Value>,
) -> Result<Came, Setback> {
    let (worker, held) = (&scope.worker, &scope.held);
    let (pool, lease) = (worker.store.pool(), held.lease);
    let mut step = step.clone();
    // One that speaks of the element is looked at for each.
    step.condition = step.condition.filter(|condition| !names_element(condition));
    let contract = Contract {
        config: &worker.config,
        renderer: &worker.renderer,
        provider: &scope.claimed.provider,
        data: &context,
        named: &BTreeMap::new(),
        mask: &scope.mask,
        sources: worker.seals.sources(),
    };
    if !contract.may_run(&step).await? {
        let skipped = [(id, "its condition is false".to_owned())];
        held.write("skip", || lease::close_steps(pool, lease, StepStatus::Skipped, &skipped)).await?;
        return Ok(Came::Made(Made::Skipped));
    }
    if step.when == When::Manual && !released {
        let wait = waits::start();
        held.write("wait", || lease::step_waiting(pool, lease, id, &wait)).await?;
        return Ok(Came::Made(Made::Waits(wait.what)));
    }
    let over_what = step.for_each.clone().unwrap_or_default();
    let values = Map::from_iter([("for_each".to_owned(), over_what)]);
    let rendered = worker.renderer.render(RenderRequest { context, values, ..RenderRequest::default() }).await;
    let mut rendered = rendered.map_err(|error| contract::setback(&format!("step {}", step.name), &error))?;
    let items = elements(rendered.values.remove("for_each").unwrap_or_default())
        .map_err(|why| Setback::Failed(Failure::plan(format!("step {}: {why}", step.name))))?;
    if items.is_empty() {
        return Ok(over(scope, id, StepStatus::Completed, None).await?);
    }
    scope.allowance.has_room(size(&items)).map_err(Setback::Failed)?;
    held.write("elements", || lease::spread(pool, lease, id, &items)).await?;
    Ok(Came::Written)
}

/// The list that a loop runs over; a template that is not one field alone gives text, which may be a list in JSON.
fn elements(value: Value) -> Result<Vec<Value>, String> {
    let items = match value {
        Value::Array(items) => items,
        Value::String(text) => serde_json::from_str(&text)
            .map_err(|_| format!("for_each gives a text, not a list: {}", text.chars().take(80).collect::<String>()))?,
        Value::Null => return Err("for_each gives null, not a list".to_owned()),
        other => return Err(format!("for_each gives {}, not a list", kind(&other))),
    };
    if items.len() > MOST_ELEMENTS {
        return Err(format!("for_each gives {} elements; at most {MOST_ELEMENTS} are allowed", items.len()));
    }
    Ok(items)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Object(_) => "a mapping",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::Null | Value::String(_) | Value::Array(_) => "something else",
    }
}

/// Records the end of a loop that has no elements.
async fn over<E: Engine>(
    scope: &RunScope<E>,
    id: StepId,
    status: StepStatus,
    error: Option<(String, String)>,
) -> Result<Came, Halt> {
    let outputs = match status {
        StepStatus::Completed => Map::from_iter([("items".to_owned(), Value::Array(Vec::new()))]),
        _ => Map::new(),
    };
    let outcome = LoopOutcome { status, error, outputs, sensitive: Vec::new() };
    let (pool, lease) = (scope.worker.store.pool(), scope.held.lease);
    scope.held.write("loop outcome", || lease::loop_finished(pool, lease, id, &outcome)).await?;
    Ok(Came::Written)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_loop_runs_over_a_list_or_a_list_in_text_and_nothing_else() {
        assert_eq!(elements(json!([1, "a"])).unwrap(), [json!(1), json!("a")]);
        assert_eq!(elements(json!("[1, 2]")).unwrap().len(), 2);
        for wrong in [json!("a, b"), json!(null), json!({"a": 1}), json!(3), Value::from(vec![0; 501])] {
            assert!(elements(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_condition_that_speaks_of_the_element_is_told_from_one_that_does_not() {
        assert!(names_element("item.size > 2") && names_element("index == 0"));
        assert!(!names_element("parameters.items > 2 && steps.reindex.success"));
    }
}
