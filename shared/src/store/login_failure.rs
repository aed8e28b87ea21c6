//! Attempts to log in that failed: by whom they were made against, and from where. What fails often is refused for a while,
//! unseen, for twice as long each time.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use super::Result;

/// Against what an attempt counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against<'a> {
    /// Somebody's name. Refused for a minute at most, so that nobody is kept out for long by what others do.
    Name(&'a str),
    /// Where it comes from.
    Address(&'a str),
    /// Whoever types codes of other devices.
    Code(&'a str),
}

impl<'a> Against<'a> {
    const fn kind(self) -> &'static str {
        match self {
            Self::Name(_) => "name",
            Self::Address(_) => "address",
            Self::Code(_) => "code",
        }
    }

    const fn subject(self) -> &'a str {
        match self {
            Self::Name(subject) | Self::Address(subject) | Self::Code(subject) => subject,
        }
    }

    /// Failures that cost nothing: people mistype, and an office shares an address.
    const fn free(self) -> i32 {
        match self {
            Self::Name(_) | Self::Code(_) => 5,
            Self::Address(_) => 20,
        }
    }

    /// Seconds that the next attempt is refused at most.
    const fn longest_s(self) -> f64 {
        match self {
            Self::Name(_) => 60.0,
            Self::Address(_) | Self::Code(_) => 900.0,
        }
    }
}

/// Counts an attempt before it is looked at, as if it failed, so that many at once are no way round: gives the time until
/// which it is refused, or nothing when it may be looked at. What turns out well is then taken back by [`forgive`].
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn attempt(conn: &mut PgConnection, against: &[Against<'_>]) -> Result<Option<DateTime<Utc>>> {
    let kinds: Vec<String> = against.iter().map(|one| one.kind().to_owned()).collect();
    let subjects: Vec<String> = against.iter().map(|one| one.subject().to_owned()).collect();
    sqlx::query!(
        "INSERT INTO login_failure (kind, subject) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING",
        &kinds,
        &subjects
    )
    .execute(&mut *conn)
    .await?;
    // Always in the same order: two attempts never wait for each other.
    let until = sqlx::query_scalar!(
        r#"SELECT blocked_until FROM login_failure
           WHERE (kind, subject) IN (SELECT * FROM unnest($1::text[], $2::text[]))
           ORDER BY kind, subject FOR UPDATE"#,
        &kinds,
        &subjects
    )
    .fetch_all(&mut *conn)
    .await?;
    let now = sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#).fetch_one(&mut *conn).await?;
    if let Some(until) = until.into_iter().flatten().filter(|until| *until > now).max() {
        return Ok(Some(until));
    }
    let free: Vec<i32> = against.iter().map(|one| one.free()).collect();
    let longest: Vec<f64> = against.iter().map(|one| one.longest_s()).collect();
    sqlx::query!(
        "WITH counted AS (
             SELECT f.kind, f.subject, w.free, w.longest,
                    CASE WHEN f.last_at < now() - interval '1 hour' THEN 1 ELSE f.failures + 1 END AS failures
             FROM login_failure f
             JOIN unnest($1::text[], $2::text[], $3::int[], $4::float8[]) AS w (kind, subject, free, longest) USING (kind, subject))
         UPDATE login_failure f
         SET failures = c.failures, last_at = now(),
             blocked_until = CASE WHEN c.failures > c.free
                 THEN clock_timestamp() + make_interval(secs => least(c.longest, power(2, least(c.failures - c.free, 30)))) END
         FROM counted c WHERE c.kind = f.kind AND c.subject = f.subject",
        &kinds,
        &subjects,
        &free,
        &longest,
    )
    .execute(conn)
    .await?;
    Ok(None)
}

/// Takes one attempt back that turned out well. A name is as good as new; an address is not, or whoever has one account
/// could go on guessing at others.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn forgive(executor: impl PgExecutor<'_>, against: &[Against<'_>]) -> Result<()> {
    let kinds: Vec<String> = against.iter().map(|one| one.kind().to_owned()).collect();
    let subjects: Vec<String> = against.iter().map(|one| one.subject().to_owned()).collect();
    sqlx::query!(
        "UPDATE login_failure SET failures = CASE kind WHEN 'name' THEN 0 ELSE greatest(failures - 1, 0) END, blocked_until = NULL
         WHERE (kind, subject) IN (SELECT * FROM unnest($1::text[], $2::text[]))",
        &kinds,
        &subjects
    )
    .execute(executor)
    .await?;
    Ok(())
}

/// Forgets failures that are an hour old, and the oldest beyond `most`. Says how many.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn forget(executor: impl PgExecutor<'_>, most: i64) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"WITH old AS (DELETE FROM login_failure
               WHERE last_at < now() - interval '1 hour' AND coalesce(blocked_until < now(), true) RETURNING 1),
               many AS (DELETE FROM login_failure WHERE (kind, subject) IN (
                   SELECT kind, subject FROM login_failure ORDER BY last_at DESC OFFSET $1) RETURNING 1)
           SELECT (SELECT count(*) FROM old) + (SELECT count(*) FROM many) AS "forgotten!""#,
        most
    )
    .fetch_one(executor)
    .await?)
}
