//! What a batch would do: worked out before it begins, for the people who approve it, and again before it does, so that they
//! approved what is done.

mod doing;
mod plans;
mod preview;

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub use self::{
    doing::{Doing, doing},
    plans::{plan_item, plan_ways},
    preview::{Counted, DependentsTold, Expected, GroupTold, ParamTold, Preview},
};
use crate::{
    domain::run::Operation,
    formats::{
        canonical,
        registry::{PINS_ANNOTATION, Planned, Registry, Wanted, parse_pin, pins_in},
    },
    store::{
        Connection, Result,
        batch::{self, AsOf, Batch, Group, Likeness},
    },
};

/// Ways to do its resources that a batch has at most; with more of them nobody could look at what is approved.
const MOST_GROUPS: i64 = 2000;

/// What is planned for: what resources have in common that are planned alike.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Their type.
    pub kind: &'a str,
    /// Their tags.
    pub tags: &'a [String],
    /// The workflow that is to serve them.
    pub workflow: Option<&'a str>,
    /// `metadata` of their application's spec.
    pub metadata: &'a Value,
    /// Their provider and its version.
    pub made_by: Option<(&'a str, &'a str)>,
}

/// The plan for a resource, by `version` of its provider where one is wanted.
///
/// # Errors
/// Why there is none, for people.
pub fn plan(
    registry: &Registry,
    operation: Operation,
    version: Option<&str>,
    subject: &Subject<'_>,
) -> std::result::Result<Planned, String> {
    let mut pins = pins_in(subject.metadata);
    if let Some(version) = version {
        let name = match subject.made_by {
            Some((name, _)) => name.to_owned(),
            None => {
                let first = registry.plan_by(subject.kind, operation, subject.tags, subject.workflow);
                first.map_err(|error| error.to_string())?.provider
            }
        };
        if let Some(pin) = pins.get(&name)
            && !parse_pin(pin).is_ok_and(|range| version.parse().is_ok_and(|version| range.matches(&version)))
        {
            return Err(format!(
                "its spec pins {name}={pin} by the annotation '{PINS_ANNOTATION}', which is not {version}"
            ));
        }
        pins.insert(name, version.to_owned());
    }
    let wanted = Wanted {
        resource_type: subject.kind,
        operation,
        tags: subject.tags,
        workflow: subject.workflow,
        pins: &pins,
        made_by: subject.made_by,
    };
    registry.plan_for(&wanted).map_err(|error| error.to_string())
}

/// The same for equal plans, wherever they were read from.
///
/// # Errors
/// When the plan cannot be written as JSON, which every plan can.
pub fn plan_digest(planned: &Planned) -> std::result::Result<[u8; 32], String> {
    let plan = serde_json::to_value(&planned.plan).map_err(|error| error.to_string())?;
    Ok(canonical::digest(&plan))
}

/// The ways in which a batch would do the resources that it has not begun with, by the providers as they are now.
async fn groups(conn: &mut Connection, registry: &Registry, batch: &Batch, as_of: AsOf) -> Result<Vec<Group>> {
    let alike = batch::likenesses(conn, batch.id, as_of, MOST_GROUPS).await?;
    Ok(alike.iter().map(|alike| group(registry, batch, alike)).collect())
}

/// The digest of what a batch would do in these ways.
async fn digest(conn: &mut Connection, batch: &Batch, groups: &[Group], as_of: AsOf) -> Result<[u8; 32]> {
    let items = batch::basis(conn, batch.id, as_of).await?;
    let ways: BTreeMap<String, Value> = groups
        .iter()
        .map(|it| {
            let way = json!([
                it.resources,
                it.provider,
                it.from_version,
                it.to_version,
                it.workflow,
                it.plan_digest.as_ref().map(hex::encode),
                it.problem
            ]);
            (it.key.to_string(), way)
        })
        .collect();
    Ok(canonical::digest(&json!({
        "operation": batch.operation, "provider_version": batch.provider_version, "params": batch.params,
        "groups": ways, "items": hex::encode(items),
    })))
}

fn group(registry: &Registry, batch: &Batch, alike: &Likeness) -> Group {
    let made_by = alike.provider.as_deref().zip(alike.provider_version.as_deref());
    let subject = Subject {
        kind: &alike.kind,
        tags: &alike.tags,
        workflow: alike.workflow.as_deref(),
        metadata: &alike.metadata,
        made_by,
    };
    let mut group = Group {
        key: alike.key,
        resources: i32::try_from(alike.resources).unwrap_or(i32::MAX),
        kind: alike.kind.clone(),
        provider: alike.provider.clone(),
        from_version: alike.provider_version.clone(),
        to_version: alike.provider_version.clone(),
        workflow: None,
        plan_digest: None,
        problem: None,
        sample: alike.sample,
    };
    // What is retried runs what it ran.
    let Some(operation) = batch.operation.run(alike.made) else { return group };
    let planned = plan(registry, operation, batch.provider_version.as_deref(), &subject)
        .and_then(|planned| Ok((plan_digest(&planned)?, planned)));
    match planned {
        Ok((digest, planned)) => {
            group.provider = Some(planned.provider);
            group.to_version = Some(planned.provider_version);
            group.workflow = Some(planned.workflow);
            group.plan_digest = Some(digest.to_vec());
        }
        Err(problem) => group.problem = Some(problem),
    }
    group
}

/// Works out what a batch would do and keeps it, for people to approve. `batch` is locked or new.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn survey(conn: &mut Connection, registry: &Registry, batch: &Batch) -> Result<Preview> {
    // Of one that has no digest yet, the resources were chosen a moment ago.
    if !batch.digest.is_empty() {
        batch::refresh(conn, batch.id).await?;
    }
    let all = groups(conn, registry, batch, AsOf::Noted).await?;
    let problems: i64 = all.iter().filter(|it| it.problem.is_some()).map(|it| i64::from(it.resources)).sum();
    // Those that nothing can be done for are left out first, so that what is approved is what is done.
    let kept = if problems == 0 {
        all.clone()
    } else {
        batch::store(conn, batch.id, &all, &Value::Null, &[]).await?;
        groups(conn, registry, batch, AsOf::Noted).await?
    };
    let digest = digest(conn, batch, &kept, AsOf::Noted).await?;
    let preview = preview::preview(conn, batch, all, &kept, problems, &digest).await?;
    let shown = serde_json::to_value(&preview).unwrap_or_default();
    batch::store(conn, batch.id, &kept, &shown, &digest).await?;
    Ok(preview)
}

/// Whether what a batch would do is still what its digest says.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn is_as_approved(conn: &mut Connection, registry: &Registry, batch: &Batch) -> Result<bool> {
    let groups = groups(conn, registry, batch, AsOf::Now).await?;
    Ok(batch.digest == digest(conn, batch, &groups, AsOf::Now).await?)
}
