//! People: who vouches for them, and what they are trusted with now.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Result;
use crate::domain::access::Credential;

/// The issuer of those who are in the file with people.
pub const FILE: &str = "file";

/// Somebody who has just proved who they are.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// Who vouches for them: [`FILE`], or an OpenID provider's issuer URL.
    pub issuer: &'a str,
    /// What they are called there, for ever.
    pub subject: &'a str,
    /// What to call them.
    pub name: &'a str,
    /// Their address.
    pub email: Option<&'a str>,
    /// What they are trusted with, from now on.
    pub roles: &'a [String],
    /// Their teams, from now on.
    pub teams: &'a [String],
}

/// Notes a login, and with it the roles and teams that the person has from now on. None when they were disabled.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn log_in(executor: impl PgExecutor<'_>, login: Login<'_>) -> Result<Option<Uuid>> {
    Ok(sqlx::query_scalar!(
        "WITH named AS (INSERT INTO team (name) SELECT * FROM unnest($7::text[]) ON CONFLICT DO NOTHING)
         INSERT INTO person (id, issuer, subject, name, email, roles, teams, last_login_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, now())
         ON CONFLICT (issuer, subject) DO UPDATE
         SET name = excluded.name, email = excluded.email, roles = excluded.roles, teams = excluded.teams, last_login_at = now()
         WHERE person.disabled_at IS NULL
         RETURNING id",
        Uuid::now_v7(),
        login.issuer,
        login.subject,
        login.name,
        login.email,
        login.roles,
        login.teams,
    )
    .fetch_optional(executor)
    .await?)
}

/// Somebody who is known here, as others see them.
#[derive(Clone, Debug)]
pub struct Known {
    /// Their id.
    pub id: Uuid,
    /// Who vouches for them: [`FILE`], or an OpenID provider's issuer URL.
    pub issuer: String,
    /// What they are called.
    pub name: String,
    /// Their address.
    pub email: Option<String>,
    /// What they are trusted with.
    pub roles: Vec<String>,
    /// Their teams.
    pub teams: Vec<String>,
    /// Since when they are known.
    pub created_at: DateTime<Utc>,
    /// When they logged in last.
    pub last_login_at: Option<DateTime<Utc>>,
    /// When a browser or a key of theirs was used last, to the minute.
    pub last_seen_at: Option<DateTime<Utc>>,
    /// Since when they are kept out.
    pub disabled_at: Option<DateTime<Utc>>,
}

impl Known {
    /// Where they stand in the list of people: namesakes are told apart by their ids.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}/{}", self.id, self.name)
    }
}

/// Which people to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct KnownFilter<'a> {
    /// Of this team.
    pub team: Option<&'a str>,
    /// Those who are kept out, too.
    pub disabled: bool,
}

/// People by name, at most `limit` after `after`, the place of one ([`Known::place`]); none of a text that is no place.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn page(
    executor: impl PgExecutor<'_>,
    filter: KnownFilter<'_>,
    after: Option<&str>,
    limit: i64,
) -> Result<Option<Vec<Known>>> {
    let place =
        |text: &str| text.split_once('/').and_then(|(id, name)| Some((name.to_owned(), id.parse::<Uuid>().ok()?)));
    let (name, id): (Option<String>, Option<Uuid>) = match after {
        None => (None, None),
        Some(text) => match place(text) {
            Some((name, id)) => (Some(name), Some(id)),
            None => return Ok(None),
        },
    };
    let people = sqlx::query_as!(
        Known,
        r#"SELECT p.id, p.issuer, p.name, p.email, p.roles, p.teams, p.created_at, p.last_login_at, p.disabled_at,
                  greatest(p.last_login_at, (SELECT max(s.last_seen_at) FROM session s WHERE s.person_id = p.id),
                           (SELECT max(k.last_used_at) FROM api_key k WHERE k.person_id = p.id)) AS last_seen_at
           FROM person p
           WHERE ($1::text IS NULL OR (p.name, p.id) > ($1, $2::uuid))
             AND ($3::text IS NULL OR $3 = ANY (p.teams)) AND ($4 OR p.disabled_at IS NULL)
           ORDER BY p.name, p.id LIMIT $5"#,
        name,
        id,
        filter.team,
        filter.disabled,
        limit,
    );
    Ok(Some(people.fetch_all(executor).await?))
}

/// Somebody in the file with people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// What they log in as.
    pub name: String,
    /// What they are trusted with.
    pub roles: Vec<String>,
    /// Their teams.
    pub teams: Vec<String>,
    /// Whether they are kept out.
    pub disabled: bool,
    /// Digest of what they prove themselves with.
    pub password_mark: Vec<u8>,
}

/// Makes the people of the file what the file says. Sessions end of those who are disabled, gone, or have a new password;
/// the keys of those who are gone are revoked, so that a namesake who is added later does not inherit them.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn match_file(conn: &mut PgConnection, people: &[Listed]) -> Result<()> {
    // Two apis that read the same change take turns.
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('people file', 0))").execute(&mut *conn).await?;
    let names: Vec<String> = people.iter().map(|person| person.name.clone()).collect();
    let gone = sqlx::query_scalar!(
        "UPDATE person SET disabled_at = coalesce(disabled_at, now()), password_mark = NULL
         WHERE issuer = $1 AND NOT subject = ANY($2) AND NOT (disabled_at IS NOT NULL AND password_mark IS NULL)
         RETURNING id",
        FILE,
        &names,
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut ended = gone.clone();
    for person in people {
        let before = sqlx::query!(
            "SELECT id, password_mark FROM person WHERE issuer = $1 AND subject = $2 FOR UPDATE",
            FILE,
            person.name
        )
        .fetch_optional(&mut *conn)
        .await?;
        let id = sqlx::query_scalar!(
            "WITH named AS (INSERT INTO team (name) SELECT * FROM unnest($5::text[]) ON CONFLICT DO NOTHING)
             INSERT INTO person (id, issuer, subject, name, roles, teams, password_mark, disabled_at)
             VALUES ($1, $2, $3, $3, $4, $5, $6, CASE WHEN $7 THEN now() END)
             ON CONFLICT (issuer, subject) DO UPDATE
             SET roles = excluded.roles, teams = excluded.teams, password_mark = excluded.password_mark,
                 disabled_at = CASE WHEN $7 THEN coalesce(person.disabled_at, now()) END
             RETURNING id",
            Uuid::now_v7(),
            FILE,
            person.name,
            &person.roles,
            &person.teams,
            person.password_mark,
            person.disabled,
        )
        .fetch_one(&mut *conn)
        .await?;
        let proved_otherwise =
            before.is_some_and(|before| before.password_mark.as_ref() != Some(&person.password_mark));
        if person.disabled || proved_otherwise {
            ended.push(id);
        }
    }
    sqlx::query!("UPDATE session SET ended_at = now() WHERE person_id = ANY($1) AND ended_at IS NULL", &ended)
        .execute(&mut *conn)
        .await?;
    sqlx::query!("UPDATE api_key SET revoked_at = now() WHERE person_id = ANY($1) AND revoked_at IS NULL", &gone)
        .execute(&mut *conn)
        .await?;
    Ok(())
}

/// When a credential ends by itself; none for one that does not.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn credential_ends(executor: impl PgExecutor<'_>, credential: Credential) -> Result<Option<DateTime<Utc>>> {
    let (key, session) = match credential {
        Credential::Key(id) => (Some(id.0), None),
        Credential::Session(id) => (None, Some(id.0)),
        Credential::Guest => return Ok(None),
    };
    Ok(sqlx::query_scalar!(
        r#"SELECT expires_at AS "at?" FROM api_key WHERE id = $1 UNION ALL SELECT expires_at FROM session WHERE id = $2"#,
        key,
        session
    )
    .fetch_optional(executor)
    .await?
    .flatten())
}
