//! A submission: one transaction from a validated Score file to resources that the scheduler will have made, changed and
//! removed.

mod diff;
mod standing;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;

pub use diff::{Alteration, Diff, Present, Removal, Standing, diff};

use super::{Result, application, quota, resource, run};
use crate::{
    domain::{
        ids::{ApplicationId, ResourceId},
        quota::Exceeded,
    },
    formats::problem::Problem,
};

/// The team of an application that names none.
pub(super) const DEFAULT_TEAM: &str = "default";

/// A validated submission.
#[derive(Clone, Debug, Default)]
pub struct Submission {
    /// Name of the workload.
    pub name: String,
    /// The team that is to own it; none: whoever owns it now, or `default`.
    pub team: Option<String>,
    /// Labels of the application.
    pub labels: Value,
    /// The Score file as JSON.
    pub spec: Value,
    /// SHA-256 of the spec in canonical JSON.
    pub digest: [u8; 32],
    /// What compatibility mode had to say about it, one string each.
    pub warnings: Value,
    /// What it needs, by name.
    pub resources: BTreeMap<String, Wanted>,
    /// Its containers as one more resource; among `resources` once [`crate::submission::workload::include`] has found that
    /// they can be run.
    pub workload: Option<Workload>,
    /// Tags and workflows that came beside the spec; they are in `resources` already.
    pub choices: Choices,
    /// Seconds it is to live from now on by its own annotation.
    pub ttl_s: Option<u32>,
    /// Seconds it is to live from now on by request; goes before the annotation.
    pub requested_ttl_s: Option<u32>,
    /// The generation whose content this is, when it is brought back.
    pub restores: Option<i32>,
    /// The name of the key it came with.
    pub actor: String,
}

/// The containers of a workload as a resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Workload {
    /// The resource's name.
    pub name: String,
    /// What is asked for.
    pub wanted: Wanted,
    /// Files without which they cannot run, each told at its place: their content did not come along.
    pub missing: Vec<Problem>,
}

/// What came beside a spec to choose workflows by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choices {
    /// Tags for every resource.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// Workflows by the resource they are for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub workflows: BTreeMap<String, String>,
}

/// One resource that a submission asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    /// Its type.
    pub kind: String,
    /// Its class, when the spec names one.
    pub class: Option<String>,
    /// `type.class#workload.name`, or `type.class#id` when shared.
    pub identity: String,
    /// Whether other applications may ask for the same one.
    pub shared: bool,
    /// As written, placeholders and all.
    pub params: Value,
    /// Its annotations.
    pub annotations: Value,
    /// Its labels.
    pub labels: Value,
    /// Names of the resources of this submission whose outputs its params name.
    pub depends_on: BTreeSet<String>,
    /// Whether its params name metadata of the workload, which differs from application to application.
    pub names_metadata: bool,
    /// Tags that a choice among its provider's workflows goes by; sorted.
    pub tags: Vec<String>,
    /// The workflow that is to serve it, whatever its tags.
    pub workflow: Option<String>,
}

/// What became of a submission.
#[derive(Clone, Debug, PartialEq)]
pub enum Submitted {
    /// A new generation, the first one perhaps.
    Accepted {
        /// The application.
        id: ApplicationId,
        /// The number of the generation.
        generation: i32,
        /// Whether the application is new.
        created: bool,
        /// What it changes.
        diff: Diff,
    },
    /// The latest generation has the same content: nothing was changed, but the time it has to live when it came with one.
    Unchanged {
        /// The application.
        id: ApplicationId,
        /// The number of its latest generation.
        generation: i32,
    },
    /// Refused, nothing was changed.
    Refused(Refusal),
}

/// Why a valid submission cannot be accepted now.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// The application belongs to this other team.
    OtherTeam(String),
    /// Shared resources that another application asked for with other params; (name, identity) each.
    SharedConflict(Vec<(String, String)>),
    /// Another application has these, and not both share them; (name, identity) each.
    NotShared(Vec<(String, String)>),
    /// It would remove what may not be deleted.
    Protected {
        /// Whether it is the application that is protected, and so all that it has.
        application: bool,
        /// Names of the resources.
        resources: Vec<String>,
    },
    /// The team would use more than it may.
    Quota {
        /// The team.
        team: String,
        /// What it would go beyond.
        exceeded: Vec<Exceeded>,
    },
}

/// Accepts a submission: the application, its new generation, its resources as they should be, their dependencies, events,
/// one NOTIFY. What is named no more should be gone, and what runs to make it is cancelled.
/// Nothing is written when it is refused or changes nothing; the caller rolls back or commits as it likes.
///
/// # Errors
/// When Postgres cannot be reached. [`super::StoreError::is_conflict`] means that another submission or a run that ended
/// got in between: roll back and try again.
pub async fn submit(conn: &mut PgConnection, submission: &Submission) -> Result<Submitted> {
    application::lock_name(conn, &submission.name).await?;
    let existing = standing::application(conn, &submission.name).await?;
    if let Some(found) = &existing {
        if submission.team.as_ref().is_some_and(|team| *team != found.team) {
            return Ok(Submitted::Refused(Refusal::OtherTeam(found.team.clone())));
        }
        if found.digest == submission.digest && found.choices.0 == submission.choices {
            if let Some(seconds) = submission.requested_ttl_s {
                application::set_expiry(conn, found.id, Some(seconds), &submission.actor).await?;
            }
            return Ok(Submitted::Unchanged { id: found.id, generation: found.generation });
        }
    }
    // Runs before resources: the lock order. More than will be cancelled is locked, never less: the name's lock keeps what
    // the application uses as it is.
    let live = match &existing {
        Some(found) => standing::lock_live_runs_of_dropped(conn, found.id, submission).await?,
        None => Vec::new(),
    };
    let standing = standing::lock(conn, existing.as_ref(), submission).await?;
    let diff = match diff(submission, &standing) {
        Ok(diff) => diff,
        Err(refusal) => return Ok(Submitted::Refused(refusal)),
    };
    if let Some(refusal) = beyond_quota(conn, submission, existing.as_ref(), &diff, false).await? {
        return Ok(Submitted::Refused(refusal));
    }
    let (id, generation, created) = write::application(conn, submission, existing.as_ref()).await?;
    write::resources(conn, submission, id, generation, &standing, &diff).await?;
    let gone: BTreeSet<ResourceId> = diff.remove.iter().map(|removal| removal.id).collect();
    resource::leave(conn, &gone).await?;
    resource::make_way(conn, id).await?;
    for (run, _) in live.iter().filter(|(_, resource)| gone.contains(resource)) {
        let _ = run::request_cancel(conn, *run, &submission.actor, "its resource is not asked for any more").await?;
    }
    Ok(Submitted::Accepted { id, generation, created, diff })
}

/// What a submission would change; writes nothing and locks nothing beyond this transaction.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn preview(
    conn: &mut PgConnection,
    submission: &Submission,
) -> Result<std::result::Result<(Standing, Diff), Refusal>> {
    let existing = standing::application(conn, &submission.name).await?;
    if let Some(found) = &existing
        && submission.team.as_ref().is_some_and(|team| *team != found.team)
    {
        return Ok(Err(Refusal::OtherTeam(found.team.clone())));
    }
    let mut standing = standing::lock(conn, existing.as_ref(), submission).await?;
    standing::forget_who_never_began(conn, &mut standing).await?;
    let diff = match diff(submission, &standing) {
        Ok(diff) => diff,
        Err(refusal) => return Ok(Err(refusal)),
    };
    Ok(match beyond_quota(conn, submission, existing.as_ref(), &diff, true).await? {
        Some(refusal) => Err(refusal),
        None => Ok((standing, diff)),
    })
}

/// Whether what is new would take the team beyond its quotas. What takes the place of one of its own type is not new: it is
/// made when that one is gone.
async fn beyond_quota(
    conn: &mut PgConnection,
    submission: &Submission,
    existing: Option<&standing::Existing>,
    diff: &Diff,
    only_asked: bool,
) -> Result<Option<Refusal>> {
    let team = existing.map_or_else(|| submission.team.as_deref().unwrap_or(DEFAULT_TEAM), |found| found.team.as_str());
    let kinds = diff.create.iter().filter_map(|name| Some((name, submission.resources.get(name)?.kind.as_str())));
    let mut new: BTreeMap<&str, i64> = BTreeMap::new();
    for (name, kind) in kinds {
        if !diff.remove.iter().any(|it| it.name == *name && it.kind == kind) {
            *new.entry(kind).or_default() += 1;
        }
    }
    let exceeded = quota::exceeded(conn, team, &new, only_asked).await?;
    Ok((!exceeded.is_empty()).then(|| Refusal::Quota { team: team.to_owned(), exceeded }))
}
