//! One look: what is due is fetched, the whole is built, and it is swapped or refused.

mod conclude;

use std::time::Duration;

use shared::{
    config::{Git, GitCredential, HeldSecret, SecretSource},
    formats::{problem::Problem, source::Source},
    secrets::{Seals, credential::Credential, stored::Place},
    store::{
        StoreError, integration,
        provider_set::{self, Asked},
        provider_source::{self, Looked, Stored},
    },
};
use uuid::Uuid;

use super::{
    MARGIN,
    fetch::{Failure, Found, fetch},
    listed, taken,
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
    Tree { commit: String, digest: [u8; 32] },
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
            let found = match stored_credential(self.scheduler, row).await? {
                Ok(None) => fetch(&self.scheduler.config.git, &as_source(row), known).await,
                Ok(Some(git)) => fetch(&git, &as_source(row), known).await,
                Err(problem) => Err(Failure::Unreachable(problem)),
            };
            self.findings.push(match found {
                Ok(Found::Unchanged) => finding(None),
                Ok(Found::Commit { commit, tree }) => {
                    // Stored before it is known to be of use: what no source serves is pruned, and memory holds one at a time.
                    let pool = self.scheduler.store.pool();
                    provider_source::store_tree(pool, &tree.digest, &tree.content).await?;
                    let change = Change::Tree { commit, digest: tree.digest };
                    Finding { warnings: tree.warnings, ..finding(Some(change)) }
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
}

/// The settings with the credential of a source, when that is an integration: one of the configuration goes before it. What is
/// wrong with it is the source's problem.
async fn stored_credential(scheduler: &Scheduler, row: &Stored) -> anyhow::Result<Result<Option<Git>, String>> {
    let git = &scheduler.config.git;
    let Some(name) = row.credential.as_ref().filter(|name| !git.credentials.contains_key(*name)) else {
        return Ok(Ok(None));
    };
    let Some((found, kept)) = integration::find(scheduler.store.pool(), name).await? else {
        return Ok(Ok(None));
    };
    let place = Place::Integration { name: &found.name, kind: &found.kind, version: found.version };
    let wrong = |why: String| format!("the integration '{name}': {why}");
    let secret = match Seals::of(&scheduler.config.secrets) {
        Ok(seals) => seals.open_stored(place, &kept).await,
        Err(error) => Err(error),
    };
    let secret = match secret {
        Ok(secret) => secret,
        Err(error) => return Ok(Err(wrong(error.to_string()))),
    };
    let credential = match Credential::of_parts(&found.kind, &found.settings, &secret) {
        Ok(Credential::Git { host, username, password, .. }) => {
            // Sources are compared by host alone.
            let host = host.rsplit_once(':').map_or(host.as_str(), |(host, _)| host).to_owned();
            let password = SecretSource::Held(HeldSecret(password.reveal().to_owned().into()));
            GitCredential { host, username, password }
        }
        Ok(other) => return Ok(Err(wrong(format!("it is of the kind '{}', and 'git' is needed", other.kind())))),
        Err(why) => return Ok(Err(wrong(why))),
    };
    let mut git = git.clone();
    git.credentials.insert(name.clone(), credential);
    Ok(Ok(Some(git)))
}

/// The source as it was given.
fn as_source(row: &Stored) -> Source {
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
