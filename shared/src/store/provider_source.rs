//! Sources that providers are fetched from, and the files that were.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};

use super::Result;
use crate::formats::source::Source;

/// Sources of one instance at most.
pub const MAX_SOURCES: i64 = 500;

/// A source with what the last look found and what is served of it.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its name.
    pub name: String,
    /// The repository.
    pub url: String,
    /// A tag, a branch or a commit.
    pub reference: String,
    /// The folder in it.
    pub path: String,
    /// Seconds between looks; 0: only when asked.
    pub interval_s: i32,
    /// The name of its credential in the configuration.
    pub credential: Option<String>,
    /// The name of its webhook secret in the configuration.
    pub webhook_secret: Option<String>,
    /// `file` or `api`.
    pub origin: String,
    /// Who added it.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When someone asked for its removal, which the next set that is valid without it completes.
    pub remove_requested_at: Option<DateTime<Utc>>,
    /// `pending`, `loaded`, `rejected` or `unreachable`.
    pub status: String,
    /// The commit that the last look found.
    pub seen_commit: Option<String>,
    /// What was wrong with it: a list of texts.
    pub problems: Value,
    /// What was left out of it: a list of texts.
    pub warnings: Value,
    /// When it was last looked at.
    pub looked_at: Option<DateTime<Utc>>,
    /// When it is looked at next, unless someone asks before.
    pub next_look_at: DateTime<Utc>,
    /// The commit that is served.
    pub commit: Option<String>,
    /// The SHA-256 of the files that are served.
    pub tree_digest: Option<Vec<u8>>,
    /// `name@version` of the providers that are served.
    pub providers: Vec<String>,
    /// Since when that commit is served.
    pub loaded_at: Option<DateTime<Utc>>,
}

impl Stored {
    /// A source that is not stored yet.
    #[must_use]
    pub fn of(source: &Source, origin: &str) -> Self {
        Self {
            name: source.name.clone(),
            url: source.url.clone(),
            reference: source.reference.clone(),
            path: source.path.clone(),
            interval_s: source.interval_s.and_then(|interval| i32::try_from(interval).ok()).unwrap_or(0),
            credential: source.secret.clone(),
            webhook_secret: source.webhook_secret.clone(),
            origin: origin.to_owned(),
            created_by: origin.to_owned(),
            created_at: Utc::now(),
            remove_requested_at: None,
            status: "pending".to_owned(),
            seen_commit: None,
            problems: Value::Array(Vec::new()),
            warnings: Value::Array(Vec::new()),
            looked_at: None,
            next_look_at: Utc::now(),
            commit: None,
            tree_digest: None,
            providers: Vec::new(),
            loaded_at: None,
        }
    }
}

/// How a look at a source ended.
#[derive(Clone, Debug)]
pub enum Looked {
    /// What is there is served, since before or from now on.
    Loaded {
        /// The commit.
        commit: String,
        /// The SHA-256 of its files, stored before.
        tree: [u8; 32],
        /// `name@version` of the providers in it.
        providers: Vec<String>,
    },
    /// What is there is not fit to be served; what was served before still is.
    Rejected {
        /// The commit, when there is one.
        commit: Option<String>,
    },
    /// It could not be fetched.
    Unreachable,
}

/// Every source, by name.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn list(executor: impl PgExecutor<'_>) -> Result<Vec<Stored>> {
    page(executor, None, MAX_SOURCES).await
}

/// Sources by name, those after this one.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn page(executor: impl PgExecutor<'_>, after: Option<&str>, limit: i64) -> Result<Vec<Stored>> {
    Ok(sqlx::query_as!(
        Stored,
        "SELECT name, url, ref AS reference, path, interval_s, credential, webhook_secret, origin, created_by, created_at,
                remove_requested_at, status, seen_commit, problems, warnings, looked_at, next_look_at, commit, tree_digest,
                providers, loaded_at
         FROM provider_source WHERE $1::text IS NULL OR name > $1 ORDER BY name LIMIT $2",
        after,
        limit,
    )
    .fetch_all(executor)
    .await?)
}

/// One source.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn find(executor: impl PgExecutor<'_>, name: &str) -> Result<Option<Stored>> {
    Ok(sqlx::query_as!(
        Stored,
        "SELECT name, url, ref AS reference, path, interval_s, credential, webhook_secret, origin, created_by, created_at,
                remove_requested_at, status, seen_commit, problems, warnings, looked_at, next_look_at, commit, tree_digest,
                providers, loaded_at
         FROM provider_source WHERE name = $1",
        name,
    )
    .fetch_optional(executor)
    .await?)
}

/// What became of a source that someone gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is new.
    Added,
    /// There was one of that name, and it is another now.
    Changed,
    /// It was so already; it is looked at again all the same.
    Same,
    /// The instance's list has one of that name, which only the list may change.
    Listed,
    /// There are as many as there may be.
    Full,
}

/// Adds a source, or changes the one of that name. What was served of it is served on until another commit is accepted.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn put(conn: &mut PgConnection, source: &Source, origin: &str, by: &str, interval_s: u32) -> Result<Put> {
    // Two who add at once are told apart, and counted.
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('slipway:provider-sources', 0))")
        .execute(&mut *conn)
        .await?;
    let there = find(&mut *conn, &source.name).await?;
    if there.as_ref().is_some_and(|there| there.origin == "file" && origin != "file") {
        return Ok(Put::Listed);
    }
    let count =
        sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM provider_source"#).fetch_one(&mut *conn).await?;
    if there.is_none() && count >= MAX_SOURCES {
        return Ok(Put::Full);
    }
    let interval_s = i32::try_from(source.interval_s.unwrap_or(interval_s)).unwrap_or(i32::MAX);
    sqlx::query!(
        "INSERT INTO provider_source (name, url, ref, path, interval_s, credential, webhook_secret, origin, created_by,
                                      look_requested_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now())
         ON CONFLICT (name) DO UPDATE
             SET url = excluded.url, ref = excluded.ref, path = excluded.path, interval_s = excluded.interval_s,
                 credential = excluded.credential, webhook_secret = excluded.webhook_secret, origin = excluded.origin,
                 status = 'pending', problems = '[]', warnings = '[]', look_requested_at = now(), remove_requested_at = NULL",
        source.name,
        source.url,
        source.reference,
        source.path,
        interval_s,
        source.secret,
        source.webhook_secret,
        origin,
        by,
    )
    .execute(conn)
    .await?;
    Ok(match there {
        None => Put::Added,
        Some(there) => {
            let same = (&there.url, &there.reference, &there.path, &there.credential, &there.webhook_secret)
                == (&source.url, &source.reference, &source.path, &source.secret, &source.webhook_secret)
                && there.interval_s == interval_s
                && there.remove_requested_at.is_none();
            if same { Put::Same } else { Put::Changed }
        }
    })
}

/// Asks for a source's removal; the next set that is valid without it completes that. None when there is no such source;
/// false when only the instance's list may remove it.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn request_removal(executor: impl PgExecutor<'_>, name: &str, origin: &str) -> Result<Option<bool>> {
    Ok(sqlx::query_scalar!(
        r#"UPDATE provider_source
           SET remove_requested_at = CASE WHEN origin = $2 THEN coalesce(remove_requested_at, now()) ELSE remove_requested_at END,
               look_requested_at = CASE WHEN origin = $2 THEN now() ELSE look_requested_at END
           WHERE name = $1 RETURNING origin = $2 AS "asked!""#,
        name,
        origin,
    )
    .fetch_optional(executor)
    .await?)
}

/// Asks for a look at one source, or at all.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn request_look(executor: impl PgExecutor<'_>, name: Option<&str>) -> Result<u64> {
    let asked =
        sqlx::query!("UPDATE provider_source SET look_requested_at = now() WHERE $1::text IS NULL OR name = $1", name);
    Ok(asked.execute(executor).await?.rows_affected())
}

/// Names of the sources that are to be looked at now.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn due(executor: impl PgExecutor<'_>) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar!(
        "SELECT name FROM provider_source
         WHERE look_requested_at IS NOT NULL OR (interval_s > 0 AND next_look_at <= now()) ORDER BY name LIMIT $1",
        MAX_SOURCES,
    )
    .fetch_all(executor)
    .await?)
}

/// Notes that a look begins: wishes for one that come from now on are for another.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn begin_look(executor: impl PgExecutor<'_>, name: &str) -> Result<()> {
    sqlx::query!("UPDATE provider_source SET look_requested_at = NULL WHERE name = $1", name).execute(executor).await?;
    Ok(())
}

/// Notes how a look at a source ended, if it is still as it was when the look began. The next is due after its interval
/// times `jitter`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn note(
    executor: impl PgExecutor<'_>,
    looked_at: &Stored,
    outcome: &Looked,
    problems: &[String],
    warnings: &[String],
    jitter: f64,
) -> Result<bool> {
    let (status, seen, tree, providers) = match outcome {
        Looked::Loaded { commit, tree, providers } => ("loaded", Some(commit), Some(&tree[..]), &providers[..]),
        Looked::Rejected { commit } => ("rejected", commit.as_ref(), None, &[][..]),
        Looked::Unreachable => ("unreachable", None, None, &[][..]),
    };
    let noted = sqlx::query!(
        "UPDATE provider_source
         SET status = $5, seen_commit = coalesce($6, seen_commit), problems = $7, warnings = $8, looked_at = now(),
             next_look_at = now() + make_interval(secs => interval_s * $9::float8),
             loaded_at = CASE WHEN $5 = 'loaded' AND (commit IS DISTINCT FROM $6 OR tree_digest IS DISTINCT FROM $10)
                              THEN now() ELSE loaded_at END,
             commit = CASE WHEN $5 = 'loaded' THEN $6 ELSE commit END,
             tree_digest = CASE WHEN $5 = 'loaded' THEN $10 ELSE tree_digest END,
             providers = CASE WHEN $5 = 'loaded' THEN $11 ELSE providers END
         WHERE name = $1 AND url = $2 AND ref = $3 AND path = $4",
        looked_at.name,
        looked_at.url,
        looked_at.reference,
        looked_at.path,
        status,
        seen,
        Value::from(problems),
        Value::from(warnings),
        jitter,
        tree,
        providers,
    );
    Ok(noted.execute(executor).await?.rows_affected() > 0)
}

/// Forgets a source whose removal was asked for.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn remove(executor: impl PgExecutor<'_>, name: &str) -> Result<()> {
    sqlx::query!("DELETE FROM provider_source WHERE name = $1 AND remove_requested_at IS NOT NULL", name)
        .execute(executor)
        .await?;
    Ok(())
}

/// Stores the files of a source under the SHA-256 of their archive, if they are not there.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn store_tree(executor: impl PgExecutor<'_>, digest: &[u8; 32], content: &[u8]) -> Result<()> {
    sqlx::query!(
        "INSERT INTO provider_tree (digest, content) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        &digest[..],
        content
    )
    .execute(executor)
    .await?;
    Ok(())
}

/// The archive of that SHA-256.
///
/// # Errors
/// When Postgres cannot be reached, or there is none.
pub async fn load_tree(executor: impl PgExecutor<'_>, digest: &[u8]) -> Result<Vec<u8>> {
    Ok(sqlx::query_scalar!("SELECT content FROM provider_tree WHERE digest = $1", digest).fetch_one(executor).await?)
}

/// Deletes files that no source serves any more.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn prune_trees(executor: impl PgExecutor<'_>) -> Result<u64> {
    let pruned = sqlx::query!(
        "DELETE FROM provider_tree WHERE created_at < now() - interval '1 hour'
             AND NOT EXISTS (SELECT FROM provider_source WHERE tree_digest = provider_tree.digest)"
    );
    Ok(pruned.execute(executor).await?.rows_affected())
}
