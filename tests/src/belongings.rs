//! What a team has, one of each: for tests of who may touch it.

use shared::{
    domain::ids::{ApiKeyId, RunId},
    store::{
        Store,
        api_key::{self, NewKey, Owner},
        run,
    },
};
use sqlx::PgPool;
use uuid::Uuid;

mod others;

pub use self::others::Others;
use crate::seed;

/// One of each thing that belongs to a team, and a key and a login of one person.
#[derive(Clone, Debug)]
pub struct Belongings {
    /// An application's name.
    pub application: String,
    /// Its only resource.
    pub resource: Uuid,
    /// A run for it, whose first step waits for a decision.
    pub run: Uuid,
    /// That step.
    pub step: String,
    /// A key of the person.
    pub key: ApiKeyId,
    /// A login of the person.
    pub session: Uuid,
    /// Where the team has events sent.
    pub webhook: Uuid,
    /// What the team is told of.
    pub notification: Uuid,
    /// What the person is told of.
    pub own_notification: Uuid,
}

/// A person with these roles, in these teams.
///
/// # Errors
/// When Postgres does not answer.
pub async fn person(pool: &PgPool, name: &str, roles: &[&str], teams: &[&str]) -> anyhow::Result<Uuid> {
    let id = Uuid::now_v7();
    sqlx::query("INSERT INTO person (id, issuer, subject, name, roles, teams) VALUES ($1, 'test', $2, $2, $3, $4)")
        .bind(id)
        .bind(name)
        .bind(roles)
        .bind(teams)
        .execute(pool)
        .await?;
    Ok(id)
}

/// The secret of a new key of that person's.
///
/// # Errors
/// When Postgres does not answer.
pub async fn key_of(pool: &PgPool, person: Uuid) -> anyhow::Result<(ApiKeyId, String)> {
    let key =
        NewKey { name: "test".into(), owner: Owner::Person(person), created_by: "test".into(), ..NewKey::default() };
    Ok(api_key::create(pool, &key).await?)
}

impl Belongings {
    /// Makes new ones, each under a name or an id of its own.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn make(store: &Store, pool: &PgPool, team: &str, person: Uuid) -> anyhow::Result<Self> {
        let (application_id, resource, webhook, session) =
            (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
        let application = format!("shop-{}", application_id.simple());
        sqlx::query("INSERT INTO application (id, name, team, generation) VALUES ($1, $2, $3, 1)")
            .bind(application_id)
            .bind(&application)
            .bind(team)
            .execute(pool)
            .await?;
        sqlx::query(
            "INSERT INTO generation (application_id, number, spec, digest, submitted_by)
             VALUES ($1, 1, '{}', decode(repeat('00', 32), 'hex'), 'test')",
        )
        .bind(application_id)
        .execute(pool)
        .await?;
        sqlx::query(
            "INSERT INTO resource (id, application_id, name, type, identity, shared, state)
             VALUES ($1, $2, 'db', 'postgres', 'postgres.default#' || $3 || '.db', false, 'active')",
        )
        .bind(resource)
        .bind(application_id)
        .bind(&application)
        .execute(pool)
        .await?;
        sqlx::query("INSERT INTO resource_user (resource_id, application_id, name) VALUES ($1, $2, 'db')")
            .bind(resource)
            .bind(application_id)
            .execute(pool)
            .await?;
        sqlx::query(
            "INSERT INTO webhook_endpoint (id, team, url, secret, created_by) VALUES ($1, $2, 'https://example.com', 's', 'test')",
        )
        .bind(webhook)
        .bind(team)
        .execute(pool)
        .await?;
        let (notification, own_notification) = (Uuid::now_v7(), Uuid::now_v7());
        for (id, person, team) in [(notification, None, Some(team)), (own_notification, Some(person), None)] {
            sqlx::query(
                "INSERT INTO notification_rule (id, person_id, team, kinds, channel, target, shown, digest_s, created_by)
                 VALUES ($1, $2, $3, '{failure}', 'slack', 'https://example.com', 'https://example.com', 900, 'test')",
            )
            .bind(id)
            .bind(person)
            .bind(team)
            .execute(pool)
            .await?;
        }
        sqlx::query(
            "INSERT INTO session (id, hash, person_id, expires_at)
             VALUES ($1, sha256(uuid_send($1)), $2, now() + interval '1 hour')",
        )
        .bind(session)
        .bind(person)
        .execute(pool)
        .await?;
        let run = run_of(store, pool, team).await?;
        sqlx::query("UPDATE run SET application_id = $2 WHERE id = $1")
            .bind(run)
            .bind(application_id)
            .execute(pool)
            .await?;
        let (key, _) = key_of(pool, person).await?;
        Ok(Self {
            application,
            resource,
            run,
            step: "one".into(),
            key,
            session,
            webhook,
            notification,
            own_notification,
        })
    }
}

/// A run of a team, whose step `one` waits for somebody's decision.
///
/// # Errors
/// When Postgres does not answer.
pub async fn run_of(store: &Store, pool: &PgPool, team: &str) -> anyhow::Result<Uuid> {
    let mut tx = store.begin().await?;
    let mut new = seed::new_run(&seed::two_steps())?;
    new.team = team.to_owned();
    let RunId(id) = new.id;
    run::create_all(&mut tx, &[new]).await?;
    tx.commit().await?;
    sqlx::query(
        r#"UPDATE step SET status = 'waiting', wait = '{"kind": "approval"}' WHERE run_id = $1 AND name = 'one'"#,
    )
    .bind(id)
    .execute(pool)
    .await?;
    asked(pool, id, &[], &[]).await?;
    Ok(id)
}

/// Has the waiting step of a run ask people of these roles and teams.
///
/// # Errors
/// When Postgres does not answer.
pub async fn asked(pool: &PgPool, run: Uuid, roles: &[&str], teams: &[&str]) -> anyhow::Result<()> {
    sqlx::query(
        "INSERT INTO approval (step_id, run_id, message, roles, teams)
         SELECT id, run_id, 'go on?', $2, $3 FROM step WHERE run_id = $1 AND name = 'one'
         ON CONFLICT (step_id) DO UPDATE SET roles = EXCLUDED.roles, teams = EXCLUDED.teams",
    )
    .bind(run)
    .bind(roles)
    .bind(teams)
    .execute(pool)
    .await?;
    Ok(())
}

/// Says that this run worked on the resource last.
///
/// # Errors
/// When Postgres does not answer.
pub async fn last_run(pool: &PgPool, resource: Uuid, run: Uuid) -> anyhow::Result<()> {
    sqlx::query("UPDATE resource SET last_run_id = $2 WHERE id = $1").bind(resource).bind(run).execute(pool).await?;
    let told = "INSERT INTO event (type, resource_id, run_id, step) VALUES ('resource.active', $1, $2, 'one')";
    sqlx::query(told).bind(resource).bind(run).execute(pool).await?;
    Ok(())
}

/// Puts two runs into a concurrency group: the first has the turn, the second waits for it.
///
/// # Errors
/// When Postgres does not answer.
pub async fn in_group(pool: &PgPool, group: &str, first: Uuid, second: Uuid) -> anyhow::Result<()> {
    sqlx::query("UPDATE run SET concurrency_group = $2 WHERE id = $1").bind(first).bind(group).execute(pool).await?;
    sqlx::query("UPDATE run SET concurrency_group = $2, reason = 'ConcurrencyGroup' WHERE id = $1")
        .bind(second)
        .bind(group)
        .execute(pool)
        .await?;
    Ok(())
}
