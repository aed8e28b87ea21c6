//! The second half of a look: what was found becomes part of the set, or is refused with the reason.

use serde_json::{Value, json};
use shared::{
    domain::event::{PROVIDER_REJECTED, PROVIDER_UNREACHABLE},
    formats::{
        problem::Problem,
        registry::{ProviderRecord, Registry},
    },
    store::{
        StoreError, notify,
        provider_source::{self, Looked},
    },
};

use super::{
    super::set::{self, MAX_TOLD, Scratch},
    Change, Look,
};

impl Look<'_> {
    /// Builds the new set, swaps to it when it is valid, and notes what became of every source.
    pub(super) async fn conclude(&mut self, rebuild: bool) -> anyhow::Result<()> {
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
                set::note_refused(&mut tx, PROVIDER_REJECTED, None, None, &texts).await?;
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
        let mut scratch = Scratch::new()?;
        for (index, row) in self.rows.iter().enumerate() {
            let mut changed = changes.iter().map(|at| &self.findings[*at]).filter(|finding| finding.row == index);
            let (commit, digest) = match changed.next().and_then(|finding| finding.change.as_ref()) {
                Some(Change::Removal) => continue,
                Some(Change::Tree { commit, digest }) => (commit, &digest[..]),
                None => match (&row.commit, &row.tree_digest) {
                    (Some(commit), Some(digest)) => (commit, &digest[..]),
                    _ => continue,
                },
            };
            let content = provider_source::load_tree(self.scheduler.store.pool(), digest).await?;
            scratch.add(&row.name, commit, content).await?;
        }
        set::build(&self.scheduler.config, scratch).await
    }

    /// Stores the set and everything that goes with it in one transaction, then plans with it.
    pub(super) async fn publish(&mut self, registry: Registry, changes: &[usize]) -> anyhow::Result<()> {
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
                Some(Change::Tree { commit, digest }) => {
                    let of = records.iter().filter(|record| record.source.as_ref() == Some(&row.name));
                    let providers: Vec<String> =
                        of.map(|record| format!("{}@{}", record.name, record.version)).collect();
                    let loaded = Looked::Loaded { commit: commit.clone(), tree: *digest, providers: providers.clone() };
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
            let (commit, kind) = match outcome {
                Looked::Rejected { commit } => (commit.as_deref(), PROVIDER_REJECTED),
                Looked::Loaded { .. } | Looked::Unreachable => (None, PROVIDER_UNREACHABLE),
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
                set::note_refused(&mut tx, kind, Some(&row.name), commit, &finding.problems).await?;
            }
        }
        tx.commit().await.map_err(StoreError::from)?;
        Ok(())
    }

    /// What the look found, for whoever asked.
    pub(super) fn answer(&self) -> Value {
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

/// Sources that were added at one moment are not looked at in one moment for ever.
fn jitter() -> f64 {
    rand::random_range(0.9..1.1)
}
