//! The containers of a workload as a resource of its own: made last, after all that the workload needs, by whichever
//! provider serves the type.

use std::cell::Cell;

use serde_json::{Map, Value, json};

use super::{labels, names_metadata, secrets};
use crate::{
    domain::{resource, run::Operation},
    formats::{
        canonical,
        placeholder::{self, Reference},
        problem::{Problem, pointer, short},
        registry::{self, PlanError, Registry},
        score::{FileSource, Score},
    },
    store::{
        Connection, Result, application,
        submit::{Submission, Wanted, Workload},
    },
};

/// The type that a provider has to serve for containers to be run.
pub const TYPE: &str = "workload";
/// The resource's name where the Score file has one of the name `workload` itself.
const OTHER_NAME: &str = "workload-containers";

/// What the containers ask for; none where there are none, or where the Score file takes both names.
pub(super) fn of_score(score: &Score, sources: &[FileSource]) -> Option<Workload> {
    let name = [TYPE, OTHER_NAME].into_iter().find(|name| !score.resources.contains_key(*name))?;
    if score.containers.is_empty() {
        return None;
    }
    let params = params(score);
    let wanted = Wanted {
        kind: TYPE.to_owned(),
        identity: resource::identity(TYPE, None, None, &score.metadata.name, name),
        names_metadata: names_metadata(&params),
        params,
        annotations: json!({}),
        labels: Value::Object(labels(&score.metadata.rest)),
        depends_on: score.resources.keys().cloned().collect(),
        ..Wanted::default()
    };
    let missing = sources.iter().map(|file| file.problem(not_sent(&file.source))).collect();
    Some(Workload { name: name.to_owned(), wanted, missing })
}

fn not_sent(source: &str) -> String {
    format!(
        "the content of '{}' did not come along: `slipway deploy` sends what is beside the Score file; otherwise write it \
         here as 'content', or in base64 as 'binaryContent'",
        short(source)
    )
}

/// What the provider is given. Dollar signs of what Score does not expand are doubled, so that filling all placeholders
/// fills those of variables, of files and of volumes' sources, and of nothing else.
fn params(score: &Score) -> Value {
    let mut from_resources = Vec::new();
    let mut containers = Map::new();
    for (name, container) in &score.containers {
        let mut value = escaped(&json!(container));
        let base = pointer("/containers", name);
        for (key, text) in &container.variables {
            value["variables"][key] = json!(text);
            if names_resource(text) {
                from_resources.push(pointer(&pointer(&base, "variables"), key));
            }
        }
        for (target, volume) in &container.volumes {
            value["volumes"][target]["source"] = json!(volume.source);
        }
        for (target, file) in &container.files {
            if let Some(content) = file.content.as_ref().filter(|_| !file.no_expand.unwrap_or(false)) {
                value["files"][target]["content"] = json!(content);
                if names_resource(content) {
                    from_resources.push(pointer(&pointer(&base, "files"), target));
                }
            }
        }
        containers.insert(name.clone(), value);
    }
    json!({
        "metadata": escaped(&json!(score.metadata)),
        "containers": containers,
        "service": score.service.as_ref().map_or_else(|| json!({}), |service| escaped(&json!(service))),
        "from_resources": from_resources,
    })
}

fn escaped(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace('$', "$$")),
        Value::Array(items) => items.iter().map(escaped).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), escaped(value))).collect(),
        other => other.clone(),
    }
}

fn names_resource(text: &str) -> bool {
    let found = Cell::new(false);
    // What is not well-formed was refused before.
    let _ = placeholder::resolve(&Value::String(text.to_owned()), &|reference| {
        found.set(found.get() | matches!(reference, Reference::Resource { .. } | Reference::Secret(_)));
        Some(Value::Null)
    });
    found.get()
}

/// Adds the containers to what a submission asks for, when a provider of this instance can run them, or ran them before.
/// Otherwise gives a note, for people, that says why they are only recorded; or the files that are missing to run them, or
/// the secrets that nobody has stored. To be called in the transaction that submits, with the providers that are loaded.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn include(
    conn: &mut Connection,
    registry: &Registry,
    submission: &mut Submission,
) -> Result<std::result::Result<Option<String>, Vec<Problem>>> {
    let unknown = secrets::missing(&mut *conn, submission).await?;
    if !unknown.is_empty() {
        return Ok(Err(unknown));
    }
    let Some(Workload { name, wanted, missing }) = submission.workload.clone() else { return Ok(Ok(None)) };
    // What runs is not to be removed because its provider cannot be used for a while.
    if !application::asks_for(&mut *conn, &submission.name, &wanted.identity).await?
        && let Err(why) = servable(registry, &submission.spec, &wanted)
    {
        return Ok(Ok(Some(format!("containers are recorded and not run: {why}"))));
    }
    if !missing.is_empty() {
        return Ok(Err(missing));
    }
    // With its containers it is something else than without them, even where the file is the same.
    submission.digest = canonical::digest(&json!({ "spec": hex::encode(submission.digest), "run": true }));
    submission.resources.insert(name, wanted);
    Ok(Ok(None))
}

/// Whether one of these providers can make the containers run; else why not.
fn servable(registry: &Registry, spec: &Value, wanted: &Wanted) -> std::result::Result<(), String> {
    let asked = registry::Wanted {
        resource_type: TYPE,
        operation: Operation::Create,
        tags: &wanted.tags,
        workflow: wanted.workflow.as_deref(),
        pins: &registry::pins_in(&spec["metadata"]),
        made_by: None,
    };
    match registry.plan_for(&asked) {
        Ok(_) => Ok(()),
        Err(PlanError::UnknownType { .. }) => Err(format!("no provider serves the type '{TYPE}'")),
        Err(PlanError::Unavailable { workflow, reason }) => {
            let by = registry.serving().find(|record| record.workflows.iter().any(|it| it.name == workflow));
            let by = by.map_or("?", |record| record.name.as_str());
            // The first is enough to tell that nobody has set it up.
            let (first, more) =
                reason.split_once("; ").map_or((reason.as_str(), ""), |(first, _)| (first, ", and more"));
            Err(format!("the provider '{by}' would run them, but is not configured: {first}{more}"))
        }
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::score::{self, Mode};

    const SPEC: &str = r#"
apiVersion: score.dev/v1b1
metadata: { name: shop, annotations: { note: "costs $5" } }
containers:
  main:
    image: web:1
    command: [sh, -c, "echo ${HOME} $$"]
    variables: { URL: "http://${resources.db.host}/$$x", NAME: "${metadata.name}", PLAIN: "a" }
    files:
      /etc/a: { content: "p=${resources.db.password}" }
      /etc/b: { content: "${HOME}", noExpand: true }
    volumes: { /data: { source: "${resources.disk}" } }
resources:
  db: { type: postgres }
  disk: { type: volume }
"#;

    fn workload(text: &str) -> Workload {
        let parsed = score::parse(text, Mode::Strict).unwrap();
        of_score(&parsed.score, &parsed.sources).unwrap()
    }

    #[test]
    fn only_what_score_expands_is_expanded() {
        let Workload { name, wanted, missing } = workload(SPEC);
        assert!(missing.is_empty());
        assert_eq!((name.as_str(), wanted.identity.as_str()), ("workload", "workload.default#shop.workload"));
        assert_eq!(wanted.depends_on.iter().map(String::as_str).collect::<Vec<_>>(), ["db", "disk"]);
        assert!(wanted.names_metadata);
        let filled = placeholder::resolve(&wanted.params, &|reference| match reference {
            Reference::Metadata(_) => Some(json!("shop")),
            Reference::Resource { name, path } => match (name.as_str(), path.first().map(String::as_str)) {
                ("disk", None) => Some(json!({"source": {"emptyDir": {}}})),
                (_, Some(key)) => Some(json!(format!("<{key}>"))),
                _ => None,
            },
            Reference::Secret(_) => None,
        })
        .unwrap();
        let main = &filled["containers"]["main"];
        assert_eq!(main["command"], json!(["sh", "-c", "echo ${HOME} $$"]));
        assert_eq!(main["variables"], json!({"NAME": "shop", "PLAIN": "a", "URL": "http://<host>/$x"}));
        assert_eq!(main["files"]["/etc/a"]["content"], "p=<password>");
        assert_eq!(main["files"]["/etc/b"]["content"], "${HOME}");
        assert_eq!(main["volumes"]["/data"]["source"], json!({"source": {"emptyDir": {}}}));
        assert_eq!(filled["metadata"]["annotations"]["note"], "costs $5");
        assert_eq!(
            filled["from_resources"],
            json!(["/containers/main/variables/URL", "/containers/main/files/~1etc~1a"])
        );
    }

    #[test]
    fn a_file_whose_content_is_elsewhere_is_told_with_its_place_and_what_to_do() {
        let text = SPEC.replace("/etc/b: { content: \"${HOME}\", noExpand: true }", "/etc/b: { source: b.conf }");
        let missing = workload(&text).missing;
        let [problem] = missing.as_slice() else { panic!("{missing:?}") };
        assert_eq!((problem.line, problem.path.as_str()), (Some(11), "/containers/main/files/~1etc~1b/source"));
        assert!(problem.message.contains("'b.conf'") && problem.message.contains("`slipway deploy`"), "{problem}");
    }

    #[test]
    fn what_names_a_secret_is_kept_apart_like_what_names_a_resource() {
        let wanted = workload(&SPEC.replace("PLAIN: \"a\"", "PLAIN: \"a\", KEY: \"k=${secrets.KEY}\"")).wanted;
        let apart: Vec<&str> =
            wanted.params["from_resources"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert!(
            apart.contains(&"/containers/main/variables/KEY") && !apart.contains(&"/containers/main/variables/PLAIN")
        );
        assert_eq!(wanted.params["containers"]["main"]["variables"]["KEY"], "k=${secrets.KEY}");
    }

    #[test]
    fn a_resource_of_that_name_keeps_it() {
        assert_eq!(
            workload(&SPEC.replace("  disk:", "  workload: { type: box }\n  disk:")).name,
            "workload-containers"
        );
    }

    #[test]
    fn without_a_provider_it_is_said_that_nothing_runs() {
        let why = servable(&Registry::from_records(Vec::new()), &json!({}), &Wanted::default()).unwrap_err();
        assert_eq!(why, "no provider serves the type 'workload'");
    }
}
