//! What a step that runs in no container waits for, from its rendered configuration.

use serde_json::{Map, Value, json};
use shared::{
    domain::plan::{PlannedStep, Runs},
    formats::{duration, yaml},
    store::lease::{Question, Until, Wait},
};

/// The longest that anything is waited for, in seconds: a year.
const LONGEST: f64 = 366.0 * 86_400.0;

/// The wait of a step that a person has to start.
#[must_use]
pub fn start() -> Wait {
    Wait { what: json!({"kind": "start"}), until: None, approval: None }
}

/// The wait of a step of this kind; none for a container.
///
/// # Errors
/// What is wrong with the configuration, for its author.
pub fn of(step: &PlannedStep, config: &Value) -> Result<Option<Wait>, String> {
    let given = |key: &str| config.get(key).filter(|value| !value.is_null());
    let text = |key: &str| given(key).and_then(Value::as_str).map(str::to_owned);
    // A run or resources that a step asks for have as long as the step itself may take.
    let as_long_as_it_may = Some(Until::After(f64::from(step.timeout_s)));
    Ok(Some(match step.step_type.runs {
        Runs::Container => return Ok(None),
        Runs::Approval => Wait {
            what: json!({"kind": "approval"}),
            until: match given("timeout") {
                Some(timeout) => Some(Until::After(seconds("timeout", timeout)?)),
                None => None,
            },
            approval: Some(Question {
                message: text("message").unwrap_or_else(|| format!("May step {} go on?", step.name)),
                roles: names("roles", given("roles"))?,
                teams: names("teams", given("teams"))?,
                approve_on_timeout: match text("onTimeout").as_deref() {
                    None | Some("reject") => false,
                    Some("approve") => true,
                    Some(other) => return Err(format!("'onTimeout' is 'reject' or 'approve', not '{other}'")),
                },
            }),
        },
        Runs::Wait => {
            let until = match (given("duration"), given("until")) {
                (Some(wait), None) => Until::After(seconds("duration", wait)?),
                (None, Some(until)) => {
                    let at = until.as_str().and_then(|at| chrono::DateTime::parse_from_rfc3339(at.trim()).ok());
                    let at = at.ok_or_else(|| format!("'until' is no time in RFC 3339: {until}"))?;
                    Until::At(at.to_utc())
                }
                _ => return Err("either 'duration' or 'until' is needed".to_owned()),
            };
            Wait { what: json!({"kind": "delay"}), until: Some(until), approval: None }
        }
        Runs::Workflow => {
            let workflow = text("workflow").filter(|name| !name.is_empty()).ok_or("'workflow' names no workflow")?;
            let inputs = given("inputs").or_else(|| given("parameters")).cloned().unwrap_or_else(|| json!({}));
            if !inputs.is_object() {
                return Err("'inputs' is no mapping".to_owned());
            }
            let what = json!({"kind": "child", "provider": text("provider"), "workflow": workflow, "inputs": inputs});
            Wait { what, until: as_long_as_it_may, approval: None }
        }
        Runs::ResourceProvisioning => {
            let operation = text("operation").unwrap_or_else(|| "create".to_owned());
            let score = match given("score") {
                Some(Value::String(text)) => {
                    let problems = |problems: Vec<shared::formats::problem::Problem>| {
                        problems.first().map_or_else(String::new, |problem| format!("score: {problem}"))
                    };
                    Some(yaml::parse(text).map_err(problems)?.0)
                }
                other => other.cloned(),
            };
            let application = text("application");
            match operation.as_str() {
                "create" if score.is_none() => return Err("'score' is needed to create resources".to_owned()),
                "delete" if application.is_none() => return Err("'application' is needed to delete one".to_owned()),
                "create" | "delete" => {}
                other => return Err(format!("'operation' is 'create' or 'delete', not '{other}'")),
            }
            let ttl = given("ttl").map(|ttl| seconds("ttl", ttl)).transpose()?.map(|ttl| ttl.ceil() as u64);
            let what = json!({"kind": "resources", "operation": operation, "score": score, "application": application,
                              "team": text("team"), "ttl_s": ttl});
            Wait { what, until: as_long_as_it_may, approval: None }
        }
    }))
}

fn seconds(key: &str, value: &Value) -> Result<f64, String> {
    duration::seconds(value)
        .filter(|seconds| *seconds <= LONGEST)
        .ok_or_else(|| format!("'{key}' is no time of at most a year, like '30m': {value}"))
}

fn names(key: &str, value: Option<&Value>) -> Result<Vec<String>, String> {
    let name = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| format!("'{key}' is a list of names"));
    match value {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => items.iter().map(name).collect(),
        Some(single) => Ok(vec![name(single)?]),
    }
}

/// The wait as a preview shows it.
#[must_use]
pub fn shown(wait: &Wait) -> Map<String, Value> {
    wait.what.as_object().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use shared::domain::plan::StepType;

    use super::*;

    fn wait(runs: Runs, config: Value) -> Result<Wait, String> {
        let step_type = StepType { runs, ..StepType::default() };
        let step = PlannedStep { name: "s".into(), step_type, timeout_s: 60, ..PlannedStep::default() };
        of(&step, &config).map(|wait| wait.expect("no container"))
    }

    #[test]
    fn an_approval_says_who_may_decide_and_what_no_answer_means() {
        let asked = wait(
            Runs::Approval,
            json!({"message": "Go?", "roles": ["admin"], "teams": "ops", "timeout": "1h", "onTimeout": "approve"}),
        );
        let asked = asked.unwrap();
        assert_eq!(asked.until, Some(Until::After(3600.0)));
        let question = asked.approval.unwrap();
        assert_eq!((question.roles, question.teams), (vec!["admin".to_owned()], vec!["ops".to_owned()]));
        assert!(question.approve_on_timeout);
    }

    #[test]
    fn a_delay_is_a_duration_or_a_moment() {
        assert_eq!(wait(Runs::Wait, json!({"duration": "90s"})).unwrap().until, Some(Until::After(90.0)));
        assert!(matches!(
            wait(Runs::Wait, json!({"until": "2030-01-01T00:00:00Z"})).unwrap().until,
            Some(Until::At(_))
        ));
        for wrong in [json!({}), json!({"duration": "soon"}), json!({"until": "noon"}), json!({"duration": "999999d"})]
        {
            assert!(wait(Runs::Wait, wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_score_file_may_be_text() {
        let asked = wait(Runs::ResourceProvisioning, json!({"score": "metadata: {name: x}", "ttl": "8h"})).unwrap();
        assert_eq!(asked.what["score"], json!({"metadata": {"name": "x"}}));
        assert_eq!(asked.what["ttl_s"], json!(28_800));
        assert!(wait(Runs::ResourceProvisioning, json!({"operation": "delete"})).is_err());
    }
}
