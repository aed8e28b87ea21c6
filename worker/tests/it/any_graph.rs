//! Any plan: each step after those before it, with the outcome that a plain model gives, whatever crashes in between.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use proptest::{collection::vec, prelude::*, sample::select, test_runner::TestRunner};
use serde_json::json;
use shared::{
    domain::{
        event as events,
        ids::RunId,
        plan::{Plan, PlannedStep, When},
        run::RunStatus,
        states::Applied,
        step::StepStatus::{self, Completed, Failed, Pending, Skipped},
    },
    store::{self, event, lease, rescue},
};
use worker::{
    clock::boottime,
    drive::{self, Over},
};

use crate::stage::{Stage, plan, scripted};

/// A step as the model knows it.
#[derive(Clone, Debug)]
struct Known {
    needs: BTreeSet<usize>,
    fails: bool,
    /// It fails once, and has another try.
    stumbles: bool,
    when: When,
    /// Runs only when that step (one before it) succeeded, or (false) failed.
    condition: Option<(usize, bool)>,
    may_fail: bool,
    finally: bool,
    /// Which elements fail, when it is a loop.
    elements: Option<Vec<bool>>,
    sleep_ms: u64,
}

fn name(at: usize) -> String {
    format!("s{at}")
}

fn known(at: usize) -> impl Strategy<Value = Known> {
    let whens = select(vec![When::OnSuccess, When::OnSuccess, When::OnSuccess, When::Always, When::OnFailure]);
    let elements = prop_oneof![4 => Just(None), 1 => vec(prop::bool::weighted(0.3), 0..4).prop_map(Some)];
    let condition = prop_oneof![3 => Just(None), 1 => (0..at.max(1), any::<bool>()).prop_map(Some)];
    (
        (vec(0..at.max(1), 0..3), prop::bool::weighted(0.3), prop::bool::weighted(0.2), whens),
        (condition, prop::bool::weighted(0.2), prop::bool::weighted(0.15), elements, 0u64..6),
    )
        .prop_map(move |((needs, fails, stumbles, when), (condition, may_fail, finally, elements, sleep_ms))| {
            Known {
                needs: needs.into_iter().filter(|need| *need < at).collect(),
                fails,
                stumbles,
                when,
                condition: condition.filter(|(of, _)| *of < at),
                may_fail,
                finally,
                elements,
                sleep_ms,
            }
        })
}

fn graph() -> impl Strategy<Value = Vec<Known>> {
    (1usize..9).prop_flat_map(|size| (0..size).map(|at| known(at).boxed()).collect::<Vec<_>>()).prop_map(|mut steps| {
        for at in 0..steps.len() {
            // What runs at the end may not be needed by what does not.
            let finally: BTreeSet<usize> = (0..at).filter(|&other| steps[other].finally).collect();
            if !steps[at].finally {
                steps[at].needs.retain(|need| !finally.contains(need));
            }
            // A condition looks at what is over by then.
            let condition = steps[at].condition;
            steps[at].condition = condition.filter(|(of, _)| !steps[*of].finally);
            if let Some((of, _)) = steps[at].condition {
                steps[at].needs.insert(of);
            }
        }
        steps
    })
}

fn planned(steps: &[Known]) -> Plan {
    let planned = steps.iter().enumerate().map(|(at, known)| {
        let needs: Vec<String> = known.needs.iter().map(|&need| name(need)).collect();
        let needs: Vec<&str> = needs.iter().map(String::as_str).collect();
        let mut script = json!({"sleep_ms": known.sleep_ms, "exit_code": i64::from(known.fails)});
        let mut step = PlannedStep::default();
        if let Some(elements) = &known.elements {
            step.for_each = Some(json!(elements.iter().map(|fails| i64::from(*fails)).collect::<Vec<_>>()));
            script["exit_code"] = json!("{{ .item }}");
        } else if known.stumbles && !known.fails {
            script["fail_times"] = json!(1);
        }
        let mut made = PlannedStep {
            for_each: step.for_each,
            when: known.when,
            continue_on_error: known.may_fail,
            finally: known.finally,
            condition: known
                .condition
                .map(|(of, success)| format!("steps.{}.{}", name(of), if success { "success" } else { "failed" })),
            ..scripted(&name(at), &needs, script)
        };
        made.retry.attempts = if known.stumbles { 2 } else { 1 };
        made.retry.backoff_s = 0.001;
        made
    });
    plan(planned.collect())
}

/// What becomes of the steps, one after the other, in the order of the file.
fn model(steps: &[Known]) -> BTreeMap<String, StepStatus> {
    let before: Vec<BTreeSet<usize>> = (0..steps.len()).fold(Vec::new(), |mut before, at| {
        let near = &steps[at].needs;
        let mut all: BTreeSet<usize> = near.iter().flat_map(|&need: &usize| before[need].clone()).collect();
        all.extend(near);
        before.push(all);
        before
    });
    let mut now = vec![Pending; steps.len()];
    let mut elements = BTreeMap::new();
    let over = |now: &[StepStatus], at: usize| now[at] != Pending;
    while let Some((at, runs)) = (0..steps.len()).find_map(|at| {
        let step = &steps[at];
        let body_over = (0..steps.len()).all(|other| steps[other].finally || over(&now, other));
        if over(&now, at) || !step.needs.iter().all(|&need| over(&now, need)) || (step.finally && !body_over) {
            return None;
        }
        let failed_badly = |other: usize| now[other] == Failed && !steps[other].may_fail;
        match step.when {
            When::OnFailure => {
                let counts = |other: &usize| !steps[*other].finally || before[at].contains(other);
                let failed = (0..steps.len()).filter(counts).any(|other| now[other] == Failed);
                let undecided = |other: usize| steps[other].when == When::OnFailure && !over(&now, other);
                let live = (0..steps.len()).any(|other| {
                    !steps[other].finally
                        && !over(&now, other)
                        && !undecided(other)
                        && !before[other].iter().any(|&first| undecided(first))
                });
                if failed { Some((at, true)) } else { (step.finally || !live).then_some((at, false)) }
            }
            When::OnSuccess if !step.finally => Some((at, !before[at].iter().any(|&other| failed_badly(other)))),
            When::OnSuccess | When::Always | When::Manual => Some((at, true)),
        }
    }) {
        let step = &steps[at];
        let holds = step.condition.is_none_or(|(of, success)| now[of] == if success { Completed } else { Failed });
        now[at] = if !runs || !holds {
            Skipped
        } else if let Some(fails) = &step.elements {
            for (index, fails) in fails.iter().enumerate() {
                elements.insert(format!("{}.{index}", name(at)), if *fails { Failed } else { Completed });
            }
            if fails.contains(&true) && !step.may_fail { Failed } else { Completed }
        } else if step.fails {
            Failed
        } else {
            Completed
        };
    }
    elements.extend(now.into_iter().enumerate().map(|(at, status)| (name(at), status)));
    elements
}

fn run_status(steps: &[Known], after: &BTreeMap<String, StepStatus>) -> RunStatus {
    let fails = |at: usize| after[&name(at)] == Failed && !steps[at].may_fail;
    if (0..steps.len()).any(fails) { RunStatus::Failed } else { RunStatus::Completed }
}

/// Each step began after all that it needs were over, and has one outcome.
async fn check_events(stage: &Stage, run: RunId, steps: &[Known]) {
    let mut events = event::of_run(stage.store.pool(), run, 100_000).await.unwrap();
    events.sort_by_key(|event| event.id);
    let mut ended: BTreeMap<String, usize> = BTreeMap::new();
    for event in &events {
        let Some(step) = &event.step else { continue };
        match event.kind.as_str() {
            events::STEP_STARTED => {
                let of = step.split('.').next().unwrap();
                let at: usize = of.trim_start_matches('s').parse().unwrap();
                let needs = &steps[at].needs;
                assert!(needs.iter().all(|&need| ended.contains_key(&name(need))), "{step} began too early");
                if steps[at].finally {
                    let body = (0..steps.len()).filter(|&other| !steps[other].finally);
                    assert!(body.map(name).all(|other| ended.contains_key(&other)), "{step} is for the end");
                }
            }
            // A try that was lost, or is to be made again, is no outcome.
            events::STEP_FINISHED | events::STEP_SKIPPED if event.data["status"] != json!("pending") => {
                *ended.entry(step.clone()).or_default() += 1;
            }
            _ => {}
        }
    }
    assert!(ended.values().all(|times| *times == 1), "more than one outcome: {ended:?}");
}

async fn judge(stage: &Stage, run: RunId, steps: &[Known], status: RunStatus) {
    let expected = model(steps);
    let found = stage.statuses(run).await;
    let differ: Vec<_> = found.iter().filter(|(name, status)| expected.get(*name) != Some(status)).collect();
    assert_eq!(found, expected, "found {differ:?} in {steps:?}");
    assert_eq!(status, run_status(steps, &expected), "{:?}", stage.row(run).await);
    check_events(stage, run, steps).await;
}

/// Again as long as a row is locked by a connection that a dead worker left behind.
async fn patiently<T, F: Future<Output = store::Result<T>>>(call: impl Fn() -> F) -> T {
    loop {
        match call().await {
            Ok(answer) => return answer,
            Err(error) if error.is_conflict() || error.is_unavailable() => {}
            Err(error) => panic!("{error}"),
        }
    }
}

fn run_cases<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value)) {
    let config = ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 60, ..ProptestConfig::default() };
    let mut runner = TestRunner::new(config);
    runner
        .run(strategy, |value| {
            test(value);
            Ok(())
        })
        .unwrap();
}

#[test]
fn any_plan_finishes_in_order_and_as_the_model_says() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (stage, crew) = runtime.block_on(async {
        let stage = Stage::new().await;
        let crew = stage.crew().await;
        (stage, crew)
    });
    run_cases(100, &graph(), |steps| {
        runtime.block_on(async {
            let run = stage.run(&planned(&steps), json!({})).await;
            let Over::Finished(status) = stage.drive(&crew, run).await else { panic!("the run is not over") };
            judge(&stage, run, &steps, status).await;
        });
    });
    runtime.block_on(async { drop((crew, stage)) });
}

#[test]
fn any_plan_comes_to_the_same_however_often_its_workers_die() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let stage = runtime.block_on(Stage::new());
    let deaths = vec(0u64..40, 0..6);
    run_cases(40, &(graph(), deaths), |(steps, deaths)| {
        runtime.block_on(async {
            let run = stage.run(&planned(&steps), json!({})).await;
            let mut deaths = deaths.into_iter();
            let status = loop {
                let crew = stage.crew_that_dies().await;
                let pool = stage.store.pool();
                let fence = match stage.status(run).await {
                    RunStatus::Pending => stage.ticket(run).await,
                    // Passed over as long as a dead worker's last statement holds the row.
                    _ => loop {
                        if let Some(fence) = stage.due(run).await {
                            break fence;
                        }
                    },
                };
                // Over as soon as it begins, for anyone who asks; the worker itself believes otherwise.
                let claim = || lease::claim(pool, run, fence, crew.cx.id, Duration::from_micros(1));
                let claimed = patiently(claim).await;
                let Applied::Applied(claimed) = claimed else { panic!("the ticket is stale") };
                let driving = tokio::spawn(drive::drive(Arc::clone(&crew.cx), claimed, boottime()));
                let over = match deaths.next() {
                    None => Some(driving.await.unwrap()),
                    Some(after_ms) => {
                        let abort = driving.abort_handle();
                        let in_time = tokio::time::timeout(Duration::from_millis(after_ms), driving).await;
                        abort.abort();
                        in_time.ok().map(Result::unwrap)
                    }
                };
                match over {
                    Some(Over::Finished(status)) => break status,
                    Some(Over::Lost | Over::Suspended | Over::HandedBack) => panic!("{over:?}"),
                    None => {
                        // Its last statement may still hold the run's row; it may have been the one that ends the run.
                        while stage.status(run).await == RunStatus::Running {
                            let _ = patiently(|| async {
                                let mut tx = stage.store.begin().await?;
                                let rescued = rescue::rescue(&mut tx, Duration::ZERO, 1_000, 10).await?;
                                tx.commit().await.unwrap();
                                Ok(rescued)
                            })
                            .await;
                        }
                        let status = stage.status(run).await;
                        if status.is_final() {
                            break status;
                        }
                    }
                }
            };
            judge(&stage, run, &steps, status).await;
        });
    });
    runtime.block_on(async { drop(stage) });
}
