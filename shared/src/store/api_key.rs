//! Keys that people and programs call the API with.

use std::collections::BTreeSet;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use super::Result;
use crate::domain::{
    access::{Credential, Principal, PrincipalKind, Role},
    given::Given,
    ids::ApiKeyId,
};

/// In front of every key, so that a leaked one is recognised by whoever finds it.
const PREFIX: &str = "slw_";
/// A key: the prefix and 256 bits in base64url.
const KEY_LENGTH: usize = PREFIX.len() + 43;
/// Characters of a key that are stored as they are, to recognise it by.
const SHOWN: usize = PREFIX.len() + 6;

/// Whose a key is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Owner {
    /// Nobody's: it stands for itself.
    #[default]
    Nobody,
    /// A person's.
    Person(Uuid),
    /// A service account's.
    ServiceAccount(Uuid),
}

/// A key to be made.
#[derive(Clone, Debug, Default)]
pub struct NewKey {
    /// What to call it.
    pub name: String,
    /// Whose it is. An owner's roles and teams bound the key's own, at each use.
    pub owner: Owner,
    /// What it may do; for a key with an owner, empty: all that they may.
    pub roles: Vec<Role>,
    /// Roles of the house's own making, likewise.
    pub other_roles: Vec<String>,
    /// The teams it is for; for a key with an owner, empty: all of theirs.
    pub teams: Vec<String>,
    /// What it is good for, as `run.read` or `run.*`; none: all that the roles allow.
    pub scopes: Option<Vec<String>>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// The key whose place it takes.
    pub replaces: Option<ApiKeyId>,
    /// Who makes it.
    pub created_by: String,
}

impl NewKey {
    /// A key that belongs to nobody.
    #[must_use]
    pub fn of_nobody(name: &str, role: Role) -> Self {
        Self { name: name.to_owned(), roles: vec![role], created_by: "system".into(), ..Self::default() }
    }
}

/// A key, without its secret.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// The name it was given.
    pub name: String,
    /// Its first characters.
    pub prefix: String,
    /// The person whose it is.
    pub person_id: Option<Uuid>,
    /// The service account whose it is.
    pub service_account_id: Option<Uuid>,
    /// What that one is called.
    pub owner: Option<String>,
    /// What that one may do.
    pub owner_roles: Option<Vec<String>>,
    /// That one's teams.
    pub owner_teams: Option<Vec<String>>,
    /// What it may do.
    pub roles: Vec<String>,
    /// The teams it is for.
    pub teams: Vec<String>,
    /// What it is good for.
    pub scopes: Option<Vec<String>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Who made it.
    pub created_by: Option<String>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// From where.
    pub last_used_address: Option<String>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// Since when it is refused.
    pub revoked_at: Option<DateTime<Utc>>,
    /// The key whose place it took.
    pub replaces: Option<ApiKeyId>,
}

impl ApiKey {
    /// What it is good for now.
    #[must_use]
    pub fn good_for(&self) -> Given {
        let set = |names: &[String]| names.iter().cloned().collect::<BTreeSet<String>>();
        let key = Given { roles: set(&self.roles), teams: set(&self.teams), scopes: self.scopes.as_deref().map(set) };
        match (&self.owner_roles, &self.owner_teams) {
            (Some(roles), Some(teams)) => Given { roles: set(roles), teams: set(teams), scopes: None }.narrowed_to(key),
            _ => key,
        }
    }
}

/// Makes a key and returns its secret, which is not stored and cannot be shown again.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn create(executor: impl PgExecutor<'_>, key: &NewKey) -> Result<(ApiKeyId, String)> {
    let secret = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()));
    let id = ApiKeyId::new();
    let (person, service_account) = match key.owner {
        Owner::Nobody => (None, None),
        Owner::Person(id) => (Some(id), None),
        Owner::ServiceAccount(id) => (None, Some(id)),
    };
    let own = key.roles.iter().map(|role| role.as_str().to_owned());
    let roles: Vec<String> = own.chain(key.other_roles.iter().cloned()).collect();
    sqlx::query!(
        "INSERT INTO api_key (id, name, prefix, hash, person_id, service_account_id, roles, teams, scopes, expires_at, replaces, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        id.0,
        key.name,
        &secret[..SHOWN],
        &digest(&secret)[..],
        person,
        service_account,
        &roles,
        &key.teams,
        key.scopes.as_deref(),
        key.expires_at,
        key.replaces.map(|id| id.0),
        key.created_by,
    )
    .execute(executor)
    .await?;
    Ok((id, secret))
}

/// Who holds this key; none when it is unknown, revoked or over, or its owner disabled. Notes its use once a minute at most.
///
/// A key is looked up by the hash of its 256 random bits: how long the lookup takes says nothing about any key.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn authenticate(pool: &PgPool, secret: &str) -> Result<Option<Principal>> {
    authenticate_from(pool, secret, None).await
}

/// As [`authenticate`], for a request from this address, which is noted too.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn authenticate_from(pool: &PgPool, secret: &str, address: Option<&str>) -> Result<Option<Principal>> {
    if secret.len() != KEY_LENGTH || !secret.starts_with(PREFIX) {
        return Ok(None);
    }
    let row = sqlx::query_as!(
        Held,
        r#"SELECT k.id AS "id: ApiKeyId", k.name, k.roles, k.teams, k.scopes,
                  coalesce(k.last_used_at < now() - interval '1 minute', true) AS "stale!",
                  coalesce(p.id, s.id) AS owner, p.id IS NOT NULL AS "is_person!", coalesce(p.name, s.name) AS owner_name,
                  coalesce(p.roles, s.roles) AS owner_roles, coalesce(p.teams, s.teams) AS owner_teams
           FROM api_key k LEFT JOIN person p ON p.id = k.person_id LEFT JOIN service_account s ON s.id = k.service_account_id
           WHERE k.hash = $1 AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
             AND p.disabled_at IS NULL AND s.disabled_at IS NULL"#,
        &digest(secret)[..],
    )
    .fetch_optional(pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    if row.stale {
        sqlx::query!(
            "UPDATE api_key SET last_used_at = now(), last_used_address = $2
             WHERE id = $1 AND coalesce(last_used_at < now() - interval '1 minute', true)",
            row.id.0,
            address,
        )
        .execute(pool)
        .await?;
    }
    Ok(Some(row.principal()))
}

/// A key that is good, and whose it is.
pub(super) struct Held {
    pub(super) id: ApiKeyId,
    pub(super) name: String,
    pub(super) roles: Vec<String>,
    pub(super) teams: Vec<String>,
    pub(super) scopes: Option<Vec<String>>,
    /// Whether its use was noted more than a minute ago.
    pub(super) stale: bool,
    pub(super) owner: Option<Uuid>,
    pub(super) is_person: bool,
    pub(super) owner_name: Option<String>,
    pub(super) owner_roles: Option<Vec<String>>,
    pub(super) owner_teams: Option<Vec<String>>,
}

impl Held {
    pub(super) fn principal(self) -> Principal {
        let set = |names: Vec<String>| names.into_iter().collect::<BTreeSet<String>>();
        let key = Given { roles: set(self.roles), teams: set(self.teams), scopes: self.scopes.map(set) };
        let (kind, id, name, good_for) = match self.owner {
            None => (PrincipalKind::Key, self.id.0, self.name, key),
            Some(owner) => {
                let kind = if self.is_person { PrincipalKind::Person } else { PrincipalKind::ServiceAccount };
                let roles = set(self.owner_roles.unwrap_or_default());
                let has = Given { roles, teams: set(self.owner_teams.unwrap_or_default()), scopes: None };
                (kind, owner, self.owner_name.unwrap_or_default(), has.narrowed_to(key))
            }
        };
        let (roles, other_roles) = roles_of(good_for.roles.iter());
        let (teams, scopes) = (good_for.teams, good_for.scopes);
        Principal { kind, id, name, roles, other_roles, teams, scopes, credential: Credential::Key(self.id) }
    }
}

/// The roles of these names: those that Slipway knows, and those of the house's own making.
pub(crate) fn roles_of<'a>(names: impl IntoIterator<Item = &'a String> + Clone) -> (BTreeSet<Role>, BTreeSet<String>) {
    let known = names.clone().into_iter().filter_map(|name| name.parse().ok()).collect();
    (known, names.into_iter().filter(|name| name.parse::<Role>().is_err()).cloned().collect())
}

/// Which keys to list. What is not set does not restrict.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// Only this one.
    pub id: Option<ApiKeyId>,
    /// Only those of this person, service account, or key without an owner.
    pub of: Option<Uuid>,
    /// Only those of this service account.
    pub service_account_id: Option<Uuid>,
    /// Those too that do not work any more.
    pub ended: bool,
}

/// Keys, newest first: those before `before` (none: from the newest), at most `limit`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn page(
    executor: impl PgExecutor<'_>,
    filter: &Filter,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<ApiKey>> {
    Ok(sqlx::query_as!(
        ApiKey,
        r#"SELECT k.id AS "id: ApiKeyId", k.name, k.prefix, k.person_id, k.service_account_id, coalesce(p.name, s.name) AS owner,
                  coalesce(p.roles, s.roles) AS owner_roles, coalesce(p.teams, s.teams) AS owner_teams,
                  k.roles, k.teams, k.scopes, k.created_at, k.created_by, k.last_used_at, k.last_used_address, k.expires_at,
                  -- Whose owner is disabled is refused as well.
                  least(k.revoked_at, p.disabled_at, s.disabled_at) AS revoked_at, k.replaces AS "replaces: ApiKeyId"
           FROM api_key k LEFT JOIN person p ON p.id = k.person_id LEFT JOIN service_account s ON s.id = k.service_account_id
           WHERE ($1::uuid IS NULL OR k.id = $1) AND ($2::uuid IS NULL OR $2 IN (k.person_id, k.service_account_id, k.id))
             AND ($3::uuid IS NULL OR k.service_account_id = $3)
             AND ($4 OR k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
                        AND p.disabled_at IS NULL AND s.disabled_at IS NULL)
             AND ($5::uuid IS NULL OR k.id < $5)
           ORDER BY k.id DESC LIMIT $6"#,
        filter.id.map(|id| id.0),
        filter.of,
        filter.service_account_id,
        filter.ended,
        before,
        limit,
    )
    .fetch_all(executor)
    .await?)
}

/// Keys that work and those that do not any more, newest first, a thousand at most.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn list(executor: impl PgExecutor<'_>) -> Result<Vec<ApiKey>> {
    page(executor, &Filter { ended: true, ..Filter::default() }, None, 1000).await
}

/// One key, whether it works or not.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn find(executor: impl PgExecutor<'_>, id: ApiKeyId) -> Result<Option<ApiKey>> {
    Ok(page(executor, &Filter { id: Some(id), ended: true, ..Filter::default() }, None, 1).await?.pop())
}

/// What became of a rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotated {
    /// This key takes the place of the old one.
    Rotated {
        /// The new key.
        id: ApiKeyId,
        /// Its secret.
        secret: String,
        /// When the old one ends.
        old_until: DateTime<Utc>,
    },
    /// The key works no more, so nothing can take its place.
    Ended,
    /// This one took its place before, and works.
    Before(ApiKeyId),
    /// There is no such key.
    Unknown,
}

/// Makes a key that is as this one: for the same owner, with the same roles, teams and scopes, for as long from now on. The
/// old one works until `overlap_s` seconds from now, and no longer than it would have.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn rotate(conn: &mut PgConnection, id: ApiKeyId, overlap_s: f64, actor: &str) -> Result<Rotated> {
    let Some(old) = sqlx::query!(
        r#"SELECT k.name, k.roles, k.teams, k.scopes, k.person_id, k.service_account_id,
                  now() + (k.expires_at - k.created_at) AS expires_at,
                  k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now()) AS "works!",
                  (SELECT n.id FROM api_key n WHERE n.replaces = k.id AND n.revoked_at IS NULL
                      AND (n.expires_at IS NULL OR n.expires_at > now()) LIMIT 1) AS "by: ApiKeyId"
           FROM api_key k WHERE k.id = $1 FOR NO KEY UPDATE"#,
        id.0
    )
    .fetch_optional(&mut *conn)
    .await?
    else {
        return Ok(Rotated::Unknown);
    };
    if !old.works {
        return Ok(Rotated::Ended);
    }
    if let Some(by) = old.by {
        return Ok(Rotated::Before(by));
    }
    let (roles, other_roles) = roles_of(&old.roles);
    let new = NewKey {
        name: old.name,
        owner: match (old.person_id, old.service_account_id) {
            (Some(person), _) => Owner::Person(person),
            (None, Some(account)) => Owner::ServiceAccount(account),
            (None, None) => Owner::Nobody,
        },
        roles: roles.into_iter().collect(),
        other_roles: other_roles.into_iter().collect(),
        teams: old.teams,
        scopes: old.scopes,
        expires_at: old.expires_at,
        replaces: Some(id),
        created_by: actor.to_owned(),
    };
    let (new, secret) = create(&mut *conn, &new).await?;
    let old_until = sqlx::query_scalar!(
        r#"UPDATE api_key SET expires_at = least(expires_at, now() + make_interval(secs => $2)) WHERE id = $1
           RETURNING expires_at AS "until!""#,
        id.0,
        overlap_s,
    )
    .fetch_one(conn)
    .await?;
    Ok(Rotated::Rotated { id: new, secret, old_until })
}

/// Refuses the key from now on. False when there is no such key.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn revoke(executor: impl PgExecutor<'_>, id: ApiKeyId) -> Result<bool> {
    let done = sqlx::query!("UPDATE api_key SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1", id.0)
        .execute(executor)
        .await?;
    Ok(done.rows_affected() == 1)
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}
