//! What a submission changes. Pure: the same comparison decides what is written and what a dry run shows.

use std::collections::{BTreeMap, BTreeSet};

use super::{Refusal, Submission, Wanted};
use crate::domain::{
    change::{self, Change},
    ids::{ApplicationId, ResourceId},
    resource::ResourceState,
};

/// A resource that is there already and should stay, unless a submission says otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Present {
    /// Its id.
    pub id: ResourceId,
    /// What makes two requests the same resource.
    pub identity: String,
    /// The application whose spec it follows.
    pub application_id: ApplicationId,
    /// Its name in that application.
    pub name: String,
    /// What was asked for last, in the words of a submission. `depends_on` is empty; see `needs`.
    pub wanted: Wanted,
    /// The resources whose outputs its params name.
    pub needs: BTreeSet<ResourceId>,
    /// Resources whose outputs it was made from, those it needs no more too.
    pub rests_on: BTreeSet<ResourceId>,
    /// Where it stands.
    pub state: ResourceState,
    /// Whether something was made for it.
    pub made: bool,
    /// Provider and version that made it or tried to, if any did.
    pub made_by: Option<(String, String)>,
    /// Whether it may not be deleted.
    pub protected: bool,
    /// The applications that use it, and under which names.
    pub users: BTreeSet<(ApplicationId, String)>,
}

/// All that a submission is compared with.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// The application, when there is one.
    pub application: Option<ApplicationId>,
    /// Whether nothing of it may be deleted.
    pub protected: bool,
    /// Whether the metadata of its spec is another than that of the submission.
    pub metadata_differs: bool,
    /// By identity: what it uses, and what of that which it asks for others use.
    pub present: BTreeMap<String, Present>,
}

/// What a submission changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diff {
    /// Names of resources to make, what they need first.
    pub create: Vec<String>,
    /// Resources to change, what they need first.
    pub update: Vec<Alteration>,
    /// Resources to remove, what rests on them first.
    pub remove: Vec<Removal>,
    /// Names under which the application uses shared resources no more that others go on using.
    pub release: Vec<String>,
    /// Names of resources that stay as they are.
    pub unchanged: Vec<String>,
}

/// A resource that is asked for differently than before.
#[derive(Clone, Debug, PartialEq)]
pub struct Alteration {
    /// Its name.
    pub name: String,
    /// The resource.
    pub id: ResourceId,
    /// Which params differ, as written.
    pub params: Vec<Change>,
    /// Whether it names outputs of other resources than before.
    pub relinked: bool,
    /// Whether what its placeholders name in the metadata may differ.
    pub metadata: bool,
    /// Whether its annotations, labels, tags, workflow, or whether others may use it differ: that is noted, and needs no run.
    pub noted: bool,
}

impl Alteration {
    /// Whether the resource has to be compared with what is there.
    #[must_use]
    pub fn reconciles(&self) -> bool {
        !self.params.is_empty() || self.relinked || self.metadata
    }
}

/// A resource that should be gone.
#[derive(Clone, Debug, PartialEq)]
pub struct Removal {
    /// Its name.
    pub name: String,
    /// The resource.
    pub id: ResourceId,
    /// Its identity.
    pub identity: String,
    /// Its type.
    pub kind: String,
    /// Whether another of the same name, but of another type, class or id, is made when it is gone.
    pub replaced: bool,
}

/// Compares a submission with what is there.
///
/// # Errors
/// Why it cannot be accepted.
pub fn diff(submission: &Submission, standing: &Standing) -> Result<Diff, Refusal> {
    let me = standing.application;
    let mut diff = Diff::default();
    let (mut conflicts, mut private, mut guarded) = (Vec::new(), Vec::new(), Vec::new());
    let mut making: BTreeSet<&str> = BTreeSet::new();
    for name in in_order(&submission.resources) {
        let Some(wanted) = submission.resources.get(name) else { continue };
        let Some(there) = standing.present.get(&wanted.identity) else {
            // Two names of one shared resource make it once.
            if making.insert(&wanted.identity) {
                diff.create.push(name.to_owned());
            }
            continue;
        };
        let alteration = compare(name, submission, wanted, there, standing);
        let others = there.users.iter().any(|(application, _)| Some(*application) != me);
        let names_own_metadata = wanted.names_metadata && Some(there.application_id) != me;
        // An id may be spelled as the workload and the name that another's own resource goes by.
        if others && !(wanted.shared && there.wanted.shared) {
            private.push((name.to_owned(), wanted.identity.clone()));
        } else if others
            && (alteration.reconciles() || wanted.annotations != there.wanted.annotations || names_own_metadata)
        {
            conflicts.push((name.to_owned(), wanted.identity.clone()));
        } else if others || !(alteration.reconciles() || alteration.noted) || !making.insert(&wanted.identity) {
            diff.unchanged.push(name.to_owned());
        } else {
            diff.update.push(alteration);
        }
    }
    if !private.is_empty() {
        return Err(Refusal::NotShared(private));
    }
    if !conflicts.is_empty() {
        return Err(Refusal::SharedConflict(conflicts));
    }
    let mut leaving = Vec::new();
    for there in standing.present.values() {
        let stays = |application: &ApplicationId, name: &str| {
            Some(*application) != me
                || submission.resources.get(name).is_some_and(|wanted| wanted.identity == there.identity)
        };
        let dropped: Vec<&String> =
            there.users.iter().filter(|(application, name)| !stays(application, name)).map(|(_, name)| name).collect();
        let asked_for = submission.resources.values().any(|wanted| wanted.identity == there.identity);
        let Some(name) = dropped.first() else { continue };
        if asked_for || there.users.iter().any(|(application, name)| stays(application, name)) {
            diff.release.extend(dropped.into_iter().cloned());
            continue;
        }
        if standing.protected || there.protected {
            guarded.push((*name).clone());
        }
        leaving.push((there, (*name).clone()));
    }
    if !guarded.is_empty() {
        return Err(Refusal::Protected { application: standing.protected, resources: guarded });
    }
    diff.remove = dependents_first(leaving)
        .into_iter()
        .map(|(there, name)| Removal {
            replaced: submission.resources.contains_key(&name),
            name,
            id: there.id,
            identity: there.identity.clone(),
            kind: there.wanted.kind.clone(),
        })
        .collect();
    Ok(diff)
}

fn compare(name: &str, submission: &Submission, wanted: &Wanted, there: &Present, standing: &Standing) -> Alteration {
    let needed: Option<BTreeSet<ResourceId>> = wanted
        .depends_on
        .iter()
        .map(|name| Some(standing.present.get(&submission.resources.get(name)?.identity)?.id))
        .collect();
    let before = &there.wanted;
    Alteration {
        name: name.to_owned(),
        id: there.id,
        params: change::between(&before.params, &wanted.params),
        relinked: needed.as_ref() != Some(&there.needs),
        metadata: wanted.names_metadata && standing.metadata_differs,
        noted: (before.shared, &before.annotations, &before.labels, &before.tags, &before.workflow)
            != (wanted.shared, &wanted.annotations, &wanted.labels, &wanted.tags, &wanted.workflow),
    }
}

/// Names of resources, each after those it needs.
fn in_order(resources: &BTreeMap<String, Wanted>) -> Vec<&str> {
    let mut ordered = Vec::with_capacity(resources.len());
    let mut placed: BTreeSet<&str> = BTreeSet::new();
    while ordered.len() < resources.len() {
        let next: Vec<&str> = resources
            .iter()
            .filter(|(name, wanted)| {
                !placed.contains(name.as_str()) && wanted.depends_on.iter().all(|it| placed.contains(it.as_str()))
            })
            .map(|(name, _)| name.as_str())
            .collect();
        if next.is_empty() {
            // A circle, which parsing refuses; whatever comes here is told all the same.
            ordered.extend(resources.keys().map(String::as_str).filter(|name| !placed.contains(name)));
            break;
        }
        placed.extend(&next);
        ordered.extend(next);
    }
    ordered
}

/// What is to go, each before what it rests on.
fn dependents_first(mut leaving: Vec<(&Present, String)>) -> Vec<(&Present, String)> {
    leaving.sort_by(|a, b| a.1.cmp(&b.1));
    let mut ordered = Vec::with_capacity(leaving.len());
    while !leaving.is_empty() {
        let needed: BTreeSet<ResourceId> = leaving.iter().flat_map(|(it, _)| it.rests_on.iter().copied()).collect();
        let (free, rest): (Vec<_>, Vec<_>) = leaving.into_iter().partition(|(it, _)| !needed.contains(&it.id));
        if free.is_empty() {
            ordered.extend(rest);
            break;
        }
        ordered.extend(free);
        leaving = rest;
    }
    ordered
}

#[cfg(test)]
mod tests;
