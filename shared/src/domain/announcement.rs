//! Events as others are told of them: CloudEvents 1.0, with CDEvents 0.4 inside where those have a type that fits.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::event as events;

/// The version of CDEvents that is spoken.
const CDEVENTS: &str = "0.4.1";

/// An event, with what it is about.
#[derive(Clone, Debug, Default)]
pub struct Occurred {
    /// The transaction it was committed in: with `id`, its place in the stream of events.
    pub xid: u64,
    /// Its number.
    pub id: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// One of the names in [`super::event`].
    pub kind: String,
    /// Who did it.
    pub actor: String,
    /// Anything more.
    pub data: Value,
    /// The team whose it is; none: the installation's.
    pub team: Option<String>,
    /// The application.
    pub application: Option<String>,
    /// The resource's id.
    pub resource_id: Option<Uuid>,
    /// Its name.
    pub resource: Option<String>,
    /// Its type.
    pub resource_type: Option<String>,
    /// The run's id.
    pub run_id: Option<Uuid>,
    /// Its workflow.
    pub workflow: Option<String>,
    /// The workflow's provider.
    pub provider: Option<String>,
    /// What the run does.
    pub operation: Option<String>,
    /// Why it failed, for people.
    pub run_error: Option<String>,
    /// The step.
    pub step: Option<String>,
}

/// Whether a list of names lets an event through: a name, `run.*`, or an empty list for all.
#[must_use]
pub fn wanted(names: &[String], kind: &str) -> bool {
    names.is_empty()
        || names.iter().any(|name| match name.strip_suffix(".*") {
            Some(noun) => kind.strip_prefix(noun).is_some_and(|rest| rest.starts_with('.')),
            None => name == kind,
        })
}

/// Reads the name of an event, or of a kind of events, in a list of names.
///
/// # Errors
/// What is wrong with it.
pub fn check_name(name: &str) -> Result<(), String> {
    let noun = name.strip_suffix(".*").unwrap_or(name);
    let plain = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let parts: Vec<&str> = noun.split('.').collect();
    let right = if name.ends_with(".*") { parts.len() == 1 } else { parts.len() == 2 };
    if name.len() <= 64 && right && parts.into_iter().all(plain) {
        Ok(())
    } else {
        let shown: String = name.chars().take(64).collect();
        Err(format!("'{shown}' is no name of an event, as `run.completed`, and none of a kind of events, as `run.*`"))
    }
}

impl Occurred {
    /// The event as a CloudEvent in structured JSON. `id` is the same over all endpoints; `source` stands for the installation.
    #[must_use]
    pub fn cloud_event(&self, source: &str) -> Value {
        let id = format!("{}-{}", self.xid, self.id);
        let facts = self.facts();
        let (kind, data) = match self.cd_event(source, &id, &facts) {
            Some((kind, data)) => (kind, data),
            None => (format!("dev.slipway.{}", self.kind), facts),
        };
        let mut event = json!({
            "specversion": "1.0",
            "id": id,
            "source": source,
            "type": kind,
            "time": self.at,
            "datacontenttype": "application/json",
            "slipwaytype": self.kind,
        });
        if let Some(subject) = self.subject() {
            event["subject"] = subject.into();
        }
        if let Some(team) = &self.team {
            event["slipwayteam"] = team.as_str().into();
        }
        event["data"] = data;
        event
    }

    /// What it is about, as the API names it.
    fn subject(&self) -> Option<String> {
        match (&self.run_id, &self.step, &self.resource_id, &self.application) {
            (Some(run), Some(step), ..) => Some(format!("/api/workflows/{run}#{step}")),
            (Some(run), None, ..) => Some(format!("/api/workflows/{run}")),
            (None, _, Some(resource), _) => Some(format!("/api/resources/{resource}")),
            (None, _, None, Some(application)) => Some(format!("/api/specs/{application}")),
            (None, _, None, None) => None,
        }
    }

    /// In Slipway's own words.
    fn facts(&self) -> Value {
        let text = |value: &Option<String>| value.clone().map(Value::String);
        let members = [
            ("type", Some(Value::String(self.kind.clone()))),
            ("actor", Some(Value::String(self.actor.clone()))),
            ("team", text(&self.team)),
            ("application", text(&self.application)),
            ("resource_id", self.resource_id.map(|id| id.to_string().into())),
            ("resource", text(&self.resource)),
            ("resource_type", text(&self.resource_type)),
            ("run_id", self.run_id.map(|id| id.to_string().into())),
            ("workflow", text(&self.workflow)),
            ("provider", text(&self.provider)),
            ("operation", text(&self.operation)),
            ("step", text(&self.step)),
            ("data", (self.data != json!({})).then(|| super::audit::masked(self.data.clone()))),
        ];
        let members = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(members.collect::<Map<_, _>>())
    }

    /// The type and the content in the words of CDEvents, for runs and steps. Their other subjects (services, environments,
    /// artifacts) ask for facts that an event of Slipway's does not have.
    fn cd_event(&self, source: &str, id: &str, facts: &Value) -> Option<(String, Value)> {
        let run = self.run_id?;
        let status = self.data.get("status").and_then(Value::as_str).unwrap_or_default();
        let (noun, predicate, outcome) = match (self.kind.as_str(), &self.step) {
            (events::RUN_CREATED, _) => ("pipelineRun", "queued", None),
            (events::RUN_CLAIMED, _) => ("pipelineRun", "started", None),
            ("run.completed", _) => ("pipelineRun", "finished", Some("success")),
            ("run.failed", _) => ("pipelineRun", "finished", Some("failure")),
            ("run.cancelled", _) => ("pipelineRun", "finished", Some("error")),
            (events::STEP_STARTED, Some(_)) => ("taskRun", "started", None),
            (events::STEP_FINISHED, Some(_)) => {
                let outcome = match status {
                    "completed" => "success",
                    "failed" => "failure",
                    _ => "error",
                };
                ("taskRun", "finished", Some(outcome))
            }
            _ => return None,
        };
        let url = format!("{}/api/workflows/{run}", source.trim_end_matches('/'));
        let mut content = match (&self.step, noun) {
            (Some(step), "taskRun") => {
                json!({"taskName": step, "url": url, "pipelineRun": {"id": run.to_string(), "source": source}})
            }
            _ => json!({"pipelineName": self.workflow, "url": url}),
        };
        if let Some(outcome) = outcome {
            content["outcome"] = outcome.into();
            let reason = self.data.get("error_message").or_else(|| self.data.get("message")).and_then(Value::as_str);
            let errors = match outcome {
                "success" => None,
                _ => reason.map(str::to_owned).or_else(|| self.run_error.clone()),
            };
            content["errors"] = errors.unwrap_or_default().into();
        }
        let subject = match (&self.step, noun) {
            (Some(step), "taskRun") => format!("{run}/{step}"),
            _ => run.to_string(),
        };
        let kind = format!("dev.cdevents.{}.{predicate}.0.2.0", noun.to_lowercase());
        let data = json!({
            "context": {"version": CDEVENTS, "id": id, "source": source, "type": kind, "timestamp": self.at},
            "subject": {"id": subject, "source": source, "type": noun, "content": content},
            "customData": facts,
            "customDataContentType": "application/json",
        });
        Some((kind, data))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_run(kind: &str) -> Occurred {
        Occurred {
            xid: 7,
            id: 9,
            at: "2026-01-31T14:05:00Z".parse().unwrap(),
            kind: kind.into(),
            actor: "ann".into(),
            data: json!({}),
            team: Some("shop".into()),
            run_id: Some(Uuid::nil()),
            workflow: Some("create-database".into()),
            ..Occurred::default()
        }
    }

    #[test]
    fn the_end_of_a_run_is_a_cdevent_in_a_cloudevent() {
        let failed = Occurred { run_error: Some("no disk".into()), ..of_run("run.failed") };
        insta::assert_json_snapshot!(failed.cloud_event("https://slipway.example.org"));
    }

    #[test]
    fn the_end_of_a_step_says_of_which_run_it_is() {
        let step = Occurred {
            step: Some("apply".into()),
            data: json!({"status": "completed", "exit_code": 0}),
            ..of_run("step.finished")
        };
        let event = step.cloud_event("slipway");
        assert_eq!(event["type"], "dev.cdevents.taskrun.finished.0.2.0");
        assert_eq!(event["data"]["subject"]["content"]["outcome"], "success");
        assert_eq!(event["data"]["subject"]["content"]["pipelineRun"]["id"], Uuid::nil().to_string());
    }

    #[test]
    fn what_cdevents_have_no_type_for_is_said_in_slipways_own() {
        let submitted = Occurred {
            run_id: None,
            application: Some("shop".into()),
            data: json!({"generation": 3, "token": "x"}),
            ..of_run("application.submitted")
        };
        let event = submitted.cloud_event("slipway");
        assert_eq!(event["type"], "dev.slipway.application.submitted");
        assert_eq!(event["subject"], "/api/specs/shop");
        assert_eq!(event["data"]["data"], json!({"generation": 3, "token": "***"}));
    }

    #[test]
    fn names_let_through_what_they_name() {
        let names: Vec<String> = vec!["run.*".into(), "resource.active".into()];
        for (kind, let_through) in
            [("run.completed", true), ("resource.active", true), ("resource.failed", false), ("runner.x", false)]
        {
            assert_eq!(wanted(&names, kind), let_through, "{kind}");
        }
        assert!(wanted(&[], "anything.at_all"));
        for name in ["run.completed", "run.*", "resource.drift_found"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in ["*", "run", "run.", ".x", "run.a.b", "Run.completed", "run.completed.*", ""] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
