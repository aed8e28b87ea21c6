//! What a submission would change, without changing it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;
use shared::{
    domain::run::Operation,
    formats::registry::{self, Registry},
    store::submit::{self, Diff, Present, Standing, Submission, Wanted},
    submission::workload,
};
use utoipa::ToSchema;

use super::submit::ChangeView;
use crate::{access::Grant, error::Problem, providers, state::AppState, submission};

/// What would become of one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    /// It would be made.
    Create,
    /// It would be changed.
    Update,
    /// An output that it names may change; it would be compared then, and changed if that makes a difference.
    Compare,
    /// Its annotations, labels or choice of a workflow would be noted; nothing would be run.
    Note,
    /// It would be removed.
    Delete,
    /// The application would let go of it; others go on using it.
    Release,
    /// It would stay as it is.
    Keep,
}

/// One thing that would be done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlannedChange {
    /// What.
    pub action: Action,
    /// The resource's name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What makes two requests the same resource.
    pub identity: String,
    /// Which params differ, as written.
    pub params: Vec<ChangeView>,
    /// What has to be done before, in words.
    pub after: Vec<String>,
    /// The provider that would do it.
    pub provider: Option<String>,
    /// That provider's version.
    pub provider_version: Option<String>,
    /// The workflow that would do it.
    pub workflow: Option<String>,
    /// Why it could not be done.
    pub problem: Option<String>,
}

/// What a submission would change; nothing was.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DryRunAnswer {
    /// Always true.
    pub dry_run: bool,
    /// The application.
    pub application: String,
    /// Whether the application would be new.
    pub created: bool,
    /// In the order in which it would be done, as far as one thing waits for another.
    pub changes: Vec<PlannedChange>,
    /// How many of them could not be done.
    pub problems: usize,
    /// For people.
    pub message: String,
    /// What compatibility mode had to say.
    #[schema(value_type = Vec<Object>)]
    pub warnings: Value,
    /// What else is to be known, as that its containers are recorded and not run.
    pub notes: Vec<String>,
}

/// Compares the submission with what is there and asks the providers that are loaded.
pub(super) async fn show(app: &AppState, grant: &Grant, submission: &Submission) -> Result<DryRunAnswer, Problem> {
    // Rolled back whatever comes: nothing is written.
    let mut tx = app.store.begin().await?;
    let mut submission = submission.clone();
    let registry = providers::loaded(app, &mut tx).await?;
    let notes = workload::include(&mut tx, &registry, &mut submission)
        .await?
        .map_err(submission::invalid)?
        .into_iter()
        .collect();
    let (standing, diff) = submit::preview(&mut tx, &submission)
        .await?
        .map_err(|refusal| submission::refused(&submission.name, refusal, grant))?;
    drop(tx);

    let planner = Planner { registry: &registry, submission: &submission, standing: &standing, diff: &diff };
    let changes = planner.changes();
    let problems = changes.iter().filter(|it| it.problem.is_some()).count();
    let count = |action| changes.iter().filter(|it| it.action == action).count();
    let counts = [
        (Action::Create, "to make"),
        (Action::Update, "to change"),
        (Action::Compare, "to compare"),
        (Action::Delete, "to remove"),
        (Action::Release, "to let go of"),
    ];
    let parts: Vec<String> = counts
        .iter()
        .map(|(action, words)| (count(*action), words))
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    let mut message = if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", ") };
    if problems > 0 {
        message.push_str(&format!("; {problems} cannot be done as it stands"));
    }
    Ok(DryRunAnswer {
        dry_run: true,
        application: submission.name,
        created: standing.application.is_none(),
        changes,
        problems,
        message,
        warnings: submission.warnings,
        notes,
    })
}

struct Planner<'a> {
    registry: &'a Registry,
    submission: &'a Submission,
    standing: &'a Standing,
    diff: &'a Diff,
}

impl Planner<'_> {
    fn changes(&self) -> Vec<PlannedChange> {
        let diff = self.diff;
        let removals = diff.remove.iter().filter_map(|removal| {
            let there = self.standing.present.get(&removal.identity)?;
            let mut change = self.change(Action::Delete, &removal.name, &there.wanted, Some(there));
            change.after = self.resting_on(there);
            if !there.made {
                (change.problem, change.workflow) = (None, None);
            }
            Some(change)
        });
        let mut moving: BTreeSet<&str> = diff.create.iter().map(String::as_str).collect();
        moving.extend(diff.update.iter().filter(|it| it.reconciles()).map(|it| it.name.as_str()));
        // What names outputs of something that changes may change too, and so on.
        let mut compared: Vec<&str> = Vec::new();
        while let Some(next) = diff.unchanged.iter().map(String::as_str).find(|name| {
            !moving.contains(name)
                && self.wanted(name).is_some_and(|it| it.depends_on.iter().any(|on| moving.contains(on.as_str())))
        }) {
            moving.insert(next);
            compared.push(next);
        }
        let wanted = self.submission.resources.iter().filter_map(|(name, wanted)| {
            let name = name.as_str();
            let there = self.standing.present.get(&wanted.identity);
            let update = diff.update.iter().find(|it| it.name == name);
            let action = match update {
                Some(alteration) if alteration.reconciles() => Action::Update,
                Some(_) => Action::Note,
                None if diff.create.iter().any(|it| it == name) => Action::Create,
                None if compared.contains(&name) => Action::Compare,
                None if diff.unchanged.iter().any(|it| it == name) => Action::Keep,
                // Another name of one that is in the list.
                None => return None,
            };
            let mut change = self.change(action, name, wanted, there);
            change.params =
                update.map(|it| it.params.clone()).unwrap_or_default().into_iter().map(ChangeView::from).collect();
            change.after = wanted.depends_on.iter().filter(|on| moving.contains(on.as_str())).cloned().collect();
            if diff.remove.iter().any(|it| it.name == name) {
                change.after.push(format!("the removal of the {name} before it"));
            }
            Some((name, change))
        });
        let mut wanted: BTreeMap<&str, PlannedChange> = wanted.collect();
        // What is released or removed stands where it waits for nothing in this list; the rest follows what it needs.
        let mut changes: Vec<PlannedChange> = removals.collect();
        changes.extend(diff.release.iter().filter_map(|name| {
            let there =
                self.standing.present.values().find(|there| there.users.iter().any(|(_, used)| used == name))?;
            Some(self.change(Action::Release, name, &there.wanted, Some(there)))
        }));
        while !wanted.is_empty() {
            let free: Vec<&str> = wanted
                .keys()
                .copied()
                .filter(|name| {
                    self.wanted(name).is_none_or(|it| it.depends_on.iter().all(|on| !wanted.contains_key(on.as_str())))
                })
                .collect();
            if free.is_empty() {
                break;
            }
            changes.extend(free.into_iter().filter_map(|name| wanted.remove(name)));
        }
        changes.extend(wanted.into_values());
        changes
    }

    fn wanted(&self, name: &str) -> Option<&Wanted> {
        self.submission.resources.get(name)
    }

    /// Who has to be gone or changed over before a resource is removed.
    fn resting_on(&self, there: &Present) -> Vec<String> {
        let others = self.standing.present.values().filter(|other| other.rests_on.contains(&there.id));
        others.map(|other| other.name.clone()).collect()
    }

    fn change(&self, action: Action, name: &str, wanted: &Wanted, there: Option<&Present>) -> PlannedChange {
        let mut change = PlannedChange {
            action,
            name: name.to_owned(),
            kind: wanted.kind.clone(),
            identity: wanted.identity.clone(),
            params: Vec::new(),
            after: Vec::new(),
            provider: None,
            provider_version: None,
            workflow: None,
            problem: None,
        };
        let operation = match action {
            Action::Create => Operation::Create,
            // One whose creation failed is created again.
            Action::Update if there.is_some_and(|there| !there.made) => Operation::Create,
            Action::Update | Action::Compare => Operation::Update,
            Action::Delete => Operation::Delete,
            Action::Note | Action::Release | Action::Keep => return change,
        };
        let asked = registry::Wanted {
            resource_type: &wanted.kind,
            operation,
            tags: &wanted.tags,
            workflow: wanted.workflow.as_deref(),
            pins: &registry::pins_in(&self.submission.spec["metadata"]),
            made_by: there
                .and_then(|there| there.made_by.as_ref())
                .map(|(name, version)| (name.as_str(), version.as_str())),
        };
        match self.registry.plan_for(&asked) {
            Ok(planned) => {
                change.provider = Some(planned.provider);
                change.provider_version = Some(planned.provider_version);
                change.workflow = Some(planned.workflow);
            }
            Err(error) => change.problem = Some(error.to_string()),
        }
        change
    }
}
