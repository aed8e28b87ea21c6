//! One look: what is due is fetched, the whole is built, and it is swapped or refused.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use shared::{
    formats::{
        problem::Problem,
        registry::{ProviderRecord, Registry},
        source::Source,
    },
    store::{
        StoreError, notify,
        provider_set::{self, Asked},
        provider_source::{self, Looked, Stored},
    },
};
use uuid::Uuid;

use super::{
    MARGIN,
    fetch::{Failure, Found, fetch},
    listed,
    set::{self, MAX_TOLD, Part},
    taken,
    tree::Tree,
};
use crate::tasks::Scheduler;

/// Who adds what the instance's list says.
const LIST: &str = "file";

/// Does `work` while this scheduler has the right to look; nothing when another has it.
///
/// # Errors
/// When Postgres cannot be reached, or the work fails.
pub(super) async fn with_right<T>(
    scheduler: &Scheduler,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<Option<T>> {
    if !renew(scheduler).await? {
        return Ok(None);
    }
    let outcome = work.await;
    provider_set::end_looks(scheduler.store.pool(), scheduler.providers.looker).await?;
    outcome.map(Some)
}

async fn renew(scheduler: &Scheduler) -> anyhow::Result<bool> {
    let time = Duration::from_secs(scheduler.config.git.timeout_s.into()) + MARGIN;
    Ok(taken(&provider_set::take_looks(scheduler.store.pool(), scheduler.providers.looker, time).await?))
}

/// The first look of a scheduler that starts: its folders and what was fetched before, without asking any source.
pub(super) async fn begin(scheduler: &Scheduler) -> anyhow::Result<()> {
    let mut look = Look::new(scheduler, false).await?;
    look.read_list().await?;
    look.conclude(true).await?;
    if !look.problems.is_empty() {
        super::converge(scheduler).await?;
        if provider_set::generation(scheduler.store.pool()).await? == 0 {
            // Nothing was ever stored: what this scheduler loaded from its folders alone is valid.
            look.publish(scheduler.providers.current().as_ref().clone(), &[]).await?;
        }
    }
    Ok(())
}

/// Looks at what is due, and answers what was asked.
pub(super) async fn look(scheduler: &Scheduler) -> anyhow::Result<()> {
    let pool = scheduler.store.pool();
    let questions = provider_set::take_questions(pool).await?;
    let ids =
        |kind: Asked| questions.iter().filter(|(_, asked)| *asked == kind).map(|(id, _)| *id).collect::<Vec<Uuid>>();
    let (reloads, validations) = (ids(Asked::Reload), ids(Asked::Validate));

    let mut look = Look::new(scheduler, false).await?;
    if !reloads.is_empty() {
        look.read_list().await?;
    }
    let due = provider_source::due(pool).await?;
    // With a list that cannot be read nobody knows what the set should be.
    let reload = !reloads.is_empty() && look.list_problems.is_empty();
    look.fetch_all(|row| reload || due.contains(&row.name)).await?;
    look.conclude(reload).await?;
    provider_set::give_answer(pool, &reloads, &look.answer()).await?;

    if !validations.is_empty() {
        let mut look = Look::new(scheduler, true).await?;
        look.read_list().await?;
        look.fetch_all(|_| true).await?;
        look.conclude(true).await?;
        provider_set::give_answer(pool, &validations, &look.answer()).await?;
    }
    provider_source::prune_trees(pool).await?;
    Ok(())
}

/// What may become of a source in the next set.
enum Change {
    Tree { commit: String, tree: Tree },
    Removal,
}

/// What a look found at one source.
struct Finding {
    row: usize,
    failed: Option<Looked>,
    problems: Vec<String>,
    warnings: Vec<String>,
    change: Option<Change>,
    /// Whether the change is part of the set now.
    taken: bool,
}

struct Look<'a> {
    scheduler: &'a Scheduler,
    /// Changes nothing.
    dry: bool,
    built_on: i64,
    generation: i64,
    rows: Vec<Stored>,
    findings: Vec<Finding>,
    /// What is wrong with the set as a whole.
    problems: Vec<Problem>,
    list_problems: Vec<String>,
    /// `name@version` of what was built, if anything was.
    built: Option<Vec<String>>,
}

impl<'a> Look<'a> {
    async fn new(scheduler: &'a Scheduler, dry: bool) -> anyhow::Result<Self> {
        let built_on = provider_set::generation(scheduler.store.pool()).await?;
        let rows = provider_source::list(scheduler.store.pool()).await?;
        Ok(Self {
            scheduler,
            dry,
            built_on,
            generation: built_on,
            rows,
            findings: Vec::new(),
            problems: Vec::new(),
            list_problems: Vec::new(),
            built: None,
        })
    }

    /// Brings the sources in line with the instance's list: the stored ones, or in a dry look those that it goes by.
    async fn read_list(&mut self) -> anyhow::Result<()> {
        let git = &self.scheduler.config.git;
        let sources = match listed(git) {
            Ok(sources) => sources,
            Err(problems) => {
                self.list_problems = problems;
                return Ok(());
            }
        };
        let listed = |name: &str| sources.iter().any(|source| source.name == name);
        let gone = self
            .rows
            .iter()
            .filter(|row| row.origin == LIST && row.remove_requested_at.is_none() && !listed(&row.name));
        let gone: Vec<String> = gone.map(|row| row.name.clone()).collect();
        let same = |source: &Source| {
            let interval_s = source.interval_s.unwrap_or(git.interval_s);
            let source = Source { interval_s: Some(interval_s), ..source.clone() };
            self.rows
                .iter()
                .any(|row| row.origin == LIST && row.remove_requested_at.is_none() && as_source(row) == source)
        };
        let new: Vec<&Source> = sources.iter().filter(|source| !same(source)).collect();
        if self.dry {
            for row in self.rows.iter_mut().filter(|row| gone.contains(&row.name)) {
                row.remove_requested_at = Some(row.created_at);
            }
            for source in new {
                self.rows.retain(|row| row.name != source.name);
                self.rows.push(Stored::of(source, LIST));
            }
            return Ok(());
        }
        let mut tx = self.scheduler.store.begin().await?;
        for source in new {
            provider_source::put(&mut tx, source, LIST, LIST, git.interval_s).await?;
        }
        for name in &gone {
            provider_source::request_removal(&mut *tx, name, LIST).await?;
        }
        self.rows = provider_source::list(&mut *tx).await?;
        tx.commit().await.map_err(StoreError::from)?;
        Ok(())
    }

    async fn fetch_all(&mut self, wanted: impl Fn(&Stored) -> bool) -> anyhow::Result<()> {
        for index in 0..self.rows.len() {
            let row = &self.rows[index];
            let finding = |change| Finding {
                row: index,
                failed: None,
                problems: Vec::new(),
                warnings: Vec::new(),
                change,
                taken: false,
            };
            if row.remove_requested_at.is_none() && !wanted(row) {
                continue;
            }
            // Each fetch may take its whole time. A right that is lost is another's by now.
            anyhow::ensure!(renew(self.scheduler).await?, "another scheduler looks at the sources now");
            if !self.dry {
                provider_source::begin_look(self.scheduler.store.pool(), &row.name).await?;
            }
            if row.remove_requested_at.is_some() {
                self.findings.push(finding(Some(Change::Removal)));
                continue;
            }
            // What was refused, or is another source by now, is looked at whole.
            let known = row.commit.as_deref().filter(|_| row.status == "loaded");
            let found = fetch(&self.scheduler.config.git, &as_source(row), known).await;
            self.findings.push(match found {
                Ok(Found::Unchanged) => finding(None),
                Ok(Found::Commit { commit, tree }) => {
                    let warnings = tree.warnings.clone();
                    Finding { warnings, ..finding(Some(Change::Tree { commit, tree })) }
                }
                Err(Failure::Unreachable(problem)) => {
                    Finding { failed: Some(Looked::Unreachable), problems: vec![problem], ..finding(None) }
                }
                Err(Failure::Unfit { commit, problems }) => {
                    Finding { failed: Some(Looked::Rejected { commit }), problems, ..finding(None) }
                }
            });
        }
        Ok(())
    }

    /// Builds the new set, swaps to it when it is valid, and notes what became of every source.
    async fn conclude(&mut self, rebuild: bool) -> anyhow::Result<()> {
        let changes: Vec<usize> = (0..self.findings.len()).filter(|at| self.findings[*at].change.is_some()).collect();
        if rebuild || !changes.is_empty() {
            match self.build(&changes).await? {
                Ok(registry) => self.publish(registry, &changes).await?,
                Err(problems) => self.take_what_is_valid(&changes, problems, rebuild).await?,
            }
        }
        if self.dry { Ok(()) } else { self.note_failures().await }
    }

    /// The whole is not valid: the changes that are, one after the other, become part of it.
    async fn take_what_is_valid(
        &mut self,
        changes: &[usize],
        mut problems: Vec<Problem>,
        rebuild: bool,
    ) -> anyhow::Result<()> {
        let mut taken: Vec<usize> = Vec::new();
        let mut best = None;
        if changes.len() > 1 || rebuild {
            match self.build(&[]).await? {
                Ok(registry) => best = Some(registry),
                // Not the changes' fault, or not theirs alone.
                Err(found) => problems = found,
            }
        }
        for &at in changes {
            let outcome = if changes.len() > 1 {
                let with: Vec<usize> = taken.iter().copied().chain([at]).collect();
                self.build(&with).await?
            } else {
                Err(problems.clone())
            };
            match outcome {
                Ok(registry) => {
                    best = Some(registry);
                    taken.push(at);
                }
                Err(problems) => {
                    let finding = &mut self.findings[at];
                    let commit = match &finding.change {
                        Some(Change::Tree { commit, .. }) => Some(commit.clone()),
                        Some(Change::Removal) | None => None,
                    };
                    finding.failed = Some(Looked::Rejected { commit });
                    finding.problems = problems.iter().take(MAX_TOLD).map(ToString::to_string).collect();
                    self.problems.extend(problems);
                }
            }
        }
        if changes.is_empty() {
            self.problems = problems;
            if !self.dry {
                let texts: Vec<String> = self.problems.iter().map(ToString::to_string).collect();
                tracing::warn!(
                    problems = texts.join("\n"),
                    "the providers are not valid as a whole; the set stays as it was"
                );
                let mut tx = self.scheduler.store.begin().await?;
                set::note_rejected(&mut tx, None, None, &texts).await?;
                tx.commit().await.map_err(StoreError::from)?;
            }
        }
        match best.filter(|_| rebuild || !taken.is_empty()) {
            Some(registry) => self.publish(registry, &taken).await,
            None => Ok(()),
        }
    }

    /// The set with these changes.
    async fn build(&self, changes: &[usize]) -> anyhow::Result<Result<Registry, Vec<Problem>>> {
        let mut parts = Vec::new();
        for (index, row) in self.rows.iter().enumerate() {
            let mut changed = changes.iter().map(|at| &self.findings[*at]).filter(|finding| finding.row == index);
            match changed.next().and_then(|finding| finding.change.as_ref()) {
                Some(Change::Removal) => {}
                Some(Change::Tree { commit, tree }) => parts.push(Part {
                    source: row.name.clone(),
                    commit: commit.clone(),
                    content: Arc::new(tree.content.clone()),
                }),
                None => {
                    if let (Some(commit), Some(digest)) = (&row.commit, &row.tree_digest) {
                        let content = provider_source::load_tree(self.scheduler.store.pool(), digest).await?;
                        parts.push(Part {
                            source: row.name.clone(),
                            commit: commit.clone(),
                            content: Arc::new(content),
                        });
                    }
                }
            }
        }
        set::build(&self.scheduler.config, parts).await
    }

    /// Stores the set and everything that goes with it in one transaction, then plans with it.
    async fn publish(&mut self, registry: Registry, changes: &[usize]) -> anyhow::Result<()> {
        let records = registry.records();
        self.built = Some(named(&records));
        for at in changes {
            self.findings[*at].taken = true;
        }
        if self.dry {
            return Ok(());
        }
        let mut tx = self.scheduler.store.begin().await?;
        let Some(generation) = set::store(&mut tx, &registry, self.built_on).await? else {
            anyhow::bail!("another set of providers was stored meanwhile");
        };
        for at in changes {
            let finding = &self.findings[*at];
            let row = &self.rows[finding.row];
            match &finding.change {
                Some(Change::Tree { commit, tree }) => {
                    provider_source::store_tree(&mut *tx, &tree.digest, &tree.content).await?;
                    let of = records.iter().filter(|record| record.source.as_ref() == Some(&row.name));
                    let providers: Vec<String> =
                        of.map(|record| format!("{}@{}", record.name, record.version)).collect();
                    let loaded =
                        Looked::Loaded { commit: commit.clone(), tree: tree.digest, providers: providers.clone() };
                    provider_source::note(&mut *tx, row, &loaded, &[], &finding.warnings, jitter()).await?;
                    set::note_loaded(&mut tx, Some(&row.name), Some(commit), &providers, generation).await?;
                }
                Some(Change::Removal) => provider_source::remove(&mut *tx, &row.name).await?,
                None => {}
            }
        }
        if changes.is_empty() && generation != self.built_on {
            set::note_loaded(&mut tx, None, None, &named(&records), generation).await?;
        }
        notify(&mut tx).await?;
        tx.commit().await.map_err(StoreError::from)?;
        metrics::counter!("slipway_provider_sets_stored_total").increment(1);
        tracing::info!(generation, providers = records.len(), "stored the set of providers");
        self.generation = generation;
        self.built_on = generation;
        self.scheduler.providers.swap(generation, registry);
        Ok(())
    }

    /// Notes what became of the sources that did not change the set.
    async fn note_failures(&self) -> anyhow::Result<()> {
        let mut tx = self.scheduler.store.begin().await?;
        for finding in self.findings.iter().filter(|finding| !finding.taken) {
            let row = &self.rows[finding.row];
            let Some(outcome) = &finding.failed else {
                // As before, and served: only the time of the look is new.
                if let (Some(commit), Some(tree)) =
                    (&row.commit, row.tree_digest.as_deref().and_then(|it| it.try_into().ok()))
                {
                    let loaded = Looked::Loaded { commit: commit.clone(), tree, providers: row.providers.clone() };
                    let warnings: Vec<String> = serde_json::from_value(row.warnings.clone()).unwrap_or_default();
                    provider_source::note(&mut *tx, row, &loaded, &[], &warnings, jitter()).await?;
                }
                continue;
            };
            provider_source::note(&mut *tx, row, outcome, &finding.problems, &finding.warnings, jitter()).await?;
            let commit = match outcome {
                Looked::Rejected { commit } => commit.as_deref(),
                Looked::Loaded { .. } | Looked::Unreachable => None,
            };
            // One event for one mistake, however often it is looked at.
            if row.problems != json!(finding.problems)
                || row.seen_commit.as_deref() != commit.or(row.seen_commit.as_deref())
            {
                tracing::warn!(
                    source = row.name,
                    commit,
                    problems = finding.problems.join("\n"),
                    "a source of providers was not taken"
                );
                set::note_rejected(&mut tx, Some(&row.name), commit, &finding.problems).await?;
            }
        }
        tx.commit().await.map_err(StoreError::from)?;
        Ok(())
    }

    /// What the look found, for whoever asked.
    fn answer(&self) -> Value {
        let sources: Vec<Value> = self.findings.iter().map(|finding| {
            let row = &self.rows[finding.row];
            let (status, commit) = match (&finding.failed, &finding.change) {
                (Some(Looked::Unreachable), _) => ("unreachable", None),
                (Some(Looked::Rejected { commit }), _) => ("rejected", commit.as_deref()),
                (Some(Looked::Loaded { commit, .. }), _) => ("loaded", Some(commit.as_str())),
                (None, Some(Change::Removal)) => ("removed", None),
                (None, Some(Change::Tree { commit, .. })) => ("loaded", Some(commit.as_str())),
                (None, None) => ("unchanged", row.commit.as_deref()),
            };
            json!({ "name": row.name, "status": status, "commit": commit, "problems": finding.problems, "warnings": finding.warnings })
        }).collect();
        let failed = self.findings.iter().any(|finding| finding.failed.is_some());
        let mut problems: Vec<Value> = self
            .list_problems
            .iter()
            .map(|message| json!({ "code": "file", "message": message, "path": "" }))
            .collect();
        problems.extend(self.problems.iter().take(MAX_TOLD * 4).map(|problem| json!(problem)));
        let current = || named(&self.scheduler.providers.current().records());
        let providers = self.built.clone().unwrap_or_else(current);
        json!({
            "valid": !failed && problems.is_empty(),
            "generation": self.generation,
            "providers": providers,
            "sources": sources,
            "problems": problems,
        })
    }
}

/// `name@version` of each.
fn named(records: &[ProviderRecord]) -> Vec<String> {
    records.iter().map(|record| format!("{}@{}", record.name, record.version)).collect()
}

/// The source as it was given.
pub(super) fn as_source(row: &Stored) -> Source {
    Source {
        name: row.name.clone(),
        url: row.url.clone(),
        reference: row.reference.clone(),
        path: row.path.clone(),
        interval_s: u32::try_from(row.interval_s).ok(),
        secret: row.credential.clone(),
        webhook_secret: row.webhook_secret.clone(),
    }
}

/// Sources that were added at one moment are not looked at in one moment for ever.
fn jitter() -> f64 {
    rand::random_range(0.9..1.1)
}
