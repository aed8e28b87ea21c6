//! Logins of the command line on their way: a person confirms in a browser, the program exchanges a code for a key, once.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use rand::RngExt as _;
use sha2::{Digest as _, Sha256};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::{Result, api_key};
use crate::domain::{
    ids::ApiKeyId,
    states::{Applied, states},
};

/// Letters of a code that a person types: none that is taken for another, and no vowels, so that they make no words.
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// Letters that such a code has: 34 bits, for a few minutes, against a few guesses.
const USER_CODE: usize = 8;
/// Device logins that may wait to be confirmed, in all and from one address.
const MAX_PENDING: (i64, i64) = (1_000, 20);
/// Seconds by which the interval grows for a program that polls too often.
const SLOWER_S: i32 = 5;

states! {
    /// How a login on its way stands.
    RequestStatus {
        /// Nobody has confirmed it.
        Pending = "pending",
        /// A person has.
        Confirmed = "confirmed",
        /// A person said no, or it was tried with what is not right.
        Denied = "denied",
        /// It was exchanged for a key.
        Used = "used",
    }
}

/// A login that has just been allowed: to be exchanged for a key in the same transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Its id.
    pub id: Uuid,
    /// Who confirmed it.
    pub person: Uuid,
    /// What they are called.
    pub name: String,
    /// The program, in its own words.
    pub client: String,
}

/// What became of a one-time code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redeemed {
    /// It is good.
    Granted(Granted),
    /// It was used before: somebody else has seen it. The key that it was exchanged for is revoked.
    Replayed,
    /// It is unknown, too old, or not the asking program's; no other try is taken.
    Refused,
}

/// What a program is told that waits for a device code to be confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Polled {
    /// A person has confirmed it.
    Granted(Granted),
    /// Nobody has yet; the seconds to wait.
    Pending(i32),
    /// It asks too often; the seconds to wait from now on.
    SlowDown(i32),
    /// A person said no, or it was exchanged already.
    Denied,
    /// Nobody confirmed it in time, or there is no such code.
    Expired,
}

/// A login by device code.
#[derive(Clone, Debug)]
pub struct DeviceCode {
    /// What the program keeps.
    pub device_code: String,
    /// What the person types, as `BCDF-GHJK`.
    pub user_code: String,
    /// When it is too late.
    pub expires_at: DateTime<Utc>,
}

/// What a person is asked to confirm.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its id.
    pub id: Uuid,
    /// The program, in its own words.
    pub client: String,
    /// Where it is.
    pub address: String,
    /// When it asked.
    pub created_at: DateTime<Utc>,
}

/// Notes that a person has confirmed the login of a program on their own machine; gives the one-time code that a browser
/// carries back to it. Only who knows what `challenge` is the digest of can use it.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn confirm_loopback(
    executor: impl PgExecutor<'_>,
    person: Uuid,
    challenge: [u8; 32],
    client: &str,
    lifetime: Duration,
) -> Result<String> {
    let code = random_code();
    sqlx::query!(
        "INSERT INTO login_request (id, kind, hash, challenge, client, status, person_id, expires_at)
         VALUES ($1, 'loopback', $2, $3, $4, 'confirmed', $5, now() + make_interval(secs => $6))",
        Uuid::now_v7(),
        &digest(&code)[..],
        &challenge[..],
        client,
        person,
        lifetime.as_secs_f64(),
    )
    .execute(executor)
    .await?;
    Ok(code)
}

/// Takes a one-time code. A wrong verifier spoils it; one that is used again takes the key away that it was exchanged for.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn redeem(conn: &mut PgConnection, code: &str, verifier: &str) -> Result<Redeemed> {
    let found = sqlx::query!(
        r#"SELECT r.id, r.challenge, r.client, r.status AS "status: RequestStatus", r.expires_at > now() AS "in_time!",
                  r.key_id AS "key_id: ApiKeyId", p.id AS person, p.name, p.disabled_at
           FROM login_request r JOIN person p ON p.id = r.person_id
           WHERE r.hash = $1 AND r.kind = 'loopback' FOR UPDATE OF r"#,
        &digest(code)[..]
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(row) = found else { return Ok(Redeemed::Refused) };
    match row.status {
        RequestStatus::Used => {
            if let Some(key) = row.key_id {
                api_key::revoke(&mut *conn, key).await?;
            }
            Ok(Redeemed::Replayed)
        }
        RequestStatus::Pending | RequestStatus::Denied => Ok(Redeemed::Refused),
        RequestStatus::Confirmed => {
            let theirs = row.challenge.as_deref() == Some(&digest(verifier)[..]);
            let good = theirs && row.in_time && row.disabled_at.is_none();
            set_status(&mut *conn, row.id, if good { RequestStatus::Used } else { RequestStatus::Denied }).await?;
            let granted = Granted { id: row.id, person: row.person, name: row.name, client: row.client };
            Ok(if good { Redeemed::Granted(granted) } else { Redeemed::Refused })
        }
    }
}

/// Begins a login by device code. None when too many wait already, in all or from this address.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn ask(
    conn: &mut PgConnection,
    client: &str,
    address: &str,
    lifetime: Duration,
    interval_s: i32,
) -> Result<Option<DeviceCode>> {
    // One at a time, so that the bound holds; the transaction is a moment long.
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('device codes', 0))").execute(&mut *conn).await?;
    let (device_code, user_code) = (random_code(), random_letters());
    let expires_at = sqlx::query_scalar!(
        "INSERT INTO login_request (id, kind, hash, user_code, client, address, status, poll_interval_s, expires_at)
         SELECT $1, 'device', $2, $3, $4, $5, 'pending', $6, now() + make_interval(secs => $7)
         WHERE (SELECT count(*) FROM login_request WHERE expires_at > now() AND status = 'pending') < $8
           AND (SELECT count(*) FROM login_request WHERE expires_at > now() AND status = 'pending' AND address = $5) < $9
         RETURNING expires_at",
        Uuid::now_v7(),
        &digest(&device_code)[..],
        user_code,
        client,
        address,
        interval_s,
        lifetime.as_secs_f64(),
        MAX_PENDING.0,
        MAX_PENDING.1,
    )
    .fetch_optional(conn)
    .await?;
    let (left, right) = user_code.split_at(USER_CODE / 2);
    let user_code = format!("{left}-{right}");
    Ok(expires_at.map(|expires_at| DeviceCode { device_code, user_code, expires_at }))
}

/// What waits under this code, however it is typed.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn find(executor: impl PgExecutor<'_>, user_code: &str) -> Result<Option<Asked>> {
    let typed = user_code.chars().filter(char::is_ascii_alphabetic).take(USER_CODE + 1);
    let typed: String = typed.map(|letter| letter.to_ascii_uppercase()).collect();
    Ok(sqlx::query_as!(
        Asked,
        "SELECT id, client, address, created_at FROM login_request
         WHERE user_code = $1 AND status = 'pending' AND expires_at > now()",
        typed
    )
    .fetch_optional(executor)
    .await?)
}

/// Notes what a person says about it.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn decide(executor: impl PgExecutor<'_>, id: Uuid, person: Uuid, yes: bool) -> Result<Applied> {
    let status = if yes { RequestStatus::Confirmed } else { RequestStatus::Denied };
    let done = sqlx::query!(
        "UPDATE login_request SET status = $3, person_id = $2 WHERE id = $1 AND status = 'pending' AND expires_at > now()",
        id,
        person,
        status.as_str()
    )
    .execute(executor)
    .await?;
    Ok(if done.rows_affected() == 1 { Applied::Applied(()) } else { Applied::Stale })
}

/// Asks whether a device code is confirmed.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn poll(conn: &mut PgConnection, device_code: &str) -> Result<Polled> {
    let found = sqlx::query!(
        r#"SELECT r.id, r.client, r.status AS "status: RequestStatus", r.expires_at > now() AS "in_time!", r.poll_interval_s,
                  coalesce(r.polled_at > now() - make_interval(secs => r.poll_interval_s), false) AS "too_soon!",
                  p.id AS "person?", p.name AS "name?", p.disabled_at AS "disabled_at?"
           FROM login_request r LEFT JOIN person p ON p.id = r.person_id
           WHERE r.hash = $1 AND r.kind = 'device' FOR UPDATE OF r"#,
        &digest(device_code)[..]
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(row) = found.filter(|row| row.in_time) else { return Ok(Polled::Expired) };
    match row.status {
        RequestStatus::Denied | RequestStatus::Used => Ok(Polled::Denied),
        _ if row.too_soon => {
            let wait = row.poll_interval_s.saturating_add(SLOWER_S).min(60);
            sqlx::query!(
                "UPDATE login_request SET poll_interval_s = $2, polled_at = now() WHERE id = $1",
                row.id,
                wait
            )
            .execute(conn)
            .await?;
            Ok(Polled::SlowDown(wait))
        }
        RequestStatus::Pending => {
            sqlx::query!("UPDATE login_request SET polled_at = now() WHERE id = $1", row.id).execute(conn).await?;
            Ok(Polled::Pending(row.poll_interval_s))
        }
        RequestStatus::Confirmed => {
            let (Some(person), Some(name), None) = (row.person, row.name, row.disabled_at) else {
                return Ok(Polled::Denied);
            };
            set_status(conn, row.id, RequestStatus::Used).await?;
            Ok(Polled::Granted(Granted { id: row.id, person, name, client: row.client }))
        }
    }
}

/// Notes which key a login was exchanged for.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn note_key(executor: impl PgExecutor<'_>, id: Uuid, key: ApiKeyId) -> Result<()> {
    sqlx::query!("UPDATE login_request SET key_id = $2 WHERE id = $1", id, key.0).execute(executor).await?;
    Ok(())
}

/// Forgets logins that were too late a day ago, and sessions that were over a month ago. Says how many.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn forget(executor: impl PgExecutor<'_>, limit: i64) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"WITH requests AS (DELETE FROM login_request WHERE id IN (
                   SELECT id FROM login_request WHERE expires_at < now() - interval '1 day' LIMIT $1) RETURNING 1),
                sessions AS (DELETE FROM session WHERE id IN (
                   SELECT id FROM session WHERE expires_at < now() - interval '30 days' LIMIT $1) RETURNING 1)
           SELECT (SELECT count(*) FROM requests) + (SELECT count(*) FROM sessions) AS "forgotten!""#,
        limit
    )
    .fetch_one(executor)
    .await?)
}

async fn set_status(executor: impl PgExecutor<'_>, id: Uuid, status: RequestStatus) -> Result<()> {
    sqlx::query!("UPDATE login_request SET status = $2 WHERE id = $1", id, status.as_str()).execute(executor).await?;
    Ok(())
}

fn random_code() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

fn random_letters() -> String {
    let mut random = rand::rng();
    (0..USER_CODE).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())])).collect()
}

fn digest(code: &str) -> [u8; 32] {
    Sha256::digest(code.as_bytes()).into()
}
