//! What is of several teams, of the installation, or looked at by the handler: one of each.

use serde_json::json;
use shared::{
    batch::Preview,
    store::{Store, provider},
};
use sqlx::PgPool;
use uuid::Uuid;

use super::Belongings;

/// A name of this kind that nothing else has.
fn named(kind: &str) -> String {
    format!("{kind}-{}", Uuid::now_v7().simple())
}

/// One of each thing that the path of a route may name beside [`Belongings`].
#[derive(Clone, Debug)]
pub struct Others {
    /// A batch that a person of the team asked for, about a resource of theirs.
    pub batch: Uuid,
    /// A retry or cancellation of many runs of the team.
    pub bulk: Uuid,
    /// A view that the team shares.
    pub view: Uuid,
    /// A mark of the team's.
    pub mark: Uuid,
    /// A worker.
    pub worker: Uuid,
    /// The name of a secret of the team's, and of its application's.
    pub secret: String,
    /// An announcement to the team's webhook.
    pub delivery: Uuid,
    /// The team that has a limit.
    pub limited: String,
    /// The name of a queue.
    pub queue: String,
    /// The name of a service account.
    pub account: String,
    /// The name of an integration.
    pub integration: String,
    /// The name of a freeze.
    pub freeze: String,
    /// The name of a place that providers come from.
    pub source: String,
    /// The name of a provider.
    pub provider: String,
    /// The name of its golden path.
    pub golden_path: String,
}

impl Others {
    /// Names and ids that nothing has.
    #[must_use]
    pub fn missing() -> Self {
        Self {
            batch: Uuid::now_v7(),
            bulk: Uuid::now_v7(),
            view: Uuid::now_v7(),
            mark: Uuid::now_v7(),
            worker: Uuid::now_v7(),
            secret: named("secret"),
            delivery: Uuid::now_v7(),
            limited: named("team"),
            queue: named("queue"),
            account: named("account"),
            integration: named("integration"),
            freeze: named("freeze"),
            source: named("source"),
            provider: named("provider"),
            golden_path: named("path"),
        }
    }

    /// Makes new ones of that team; the provider takes the place of the one before. The integration is only a name: what it
    /// keeps is sealed by a service.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn make(
        store: &Store,
        pool: &PgPool,
        team: &str,
        person: Uuid,
        belongings: &Belongings,
    ) -> anyhow::Result<Self> {
        let resource = belongings.resource;
        let its = Self { limited: team.to_owned(), ..Self::missing() };
        sqlx::query(
            "INSERT INTO batch (id, name, operation, selector, waves, max_in_flight, bake_s, max_failures, status, preview, digest,
                                teams, total, requested_by, requester_id)
             VALUES ($1, 'b', 'read', 'type=postgres', '100%', 1, 0, '0', 'awaiting_approval', $2, sha256('x'), ARRAY[$3], 1,
                     'test', $4)",
        )
        .bind(its.batch)
        .bind(serde_json::to_value(Preview::default())?)
        .bind(team)
        .bind(person)
        .execute(pool)
        .await?;
        sqlx::query("INSERT INTO batch_wave (batch_id, number, total) VALUES ($1, 0, 1)")
            .bind(its.batch)
            .execute(pool)
            .await?;
        sqlx::query(
            "INSERT INTO batch_group (batch_id, key, resources, kind, provider, sample) VALUES ($1, $2, 1, 'postgres', 'p', $3)",
        )
        .bind(its.batch)
        .bind(its.batch)
        .bind(resource)
        .execute(pool)
        .await?;
        sqlx::query(
            "INSERT INTO batch_item (batch_id, resource_id, position, wave, group_key, basis) VALUES ($1, $2, 1, 0, $1, sha256('x'))",
        )
        .bind(its.batch)
        .bind(resource)
        .execute(pool)
        .await?;
        sqlx::query(
            "INSERT INTO bulk_operation (id, action, filter, requested_by, requester_id, actor, acts_for, teams, total)
             VALUES ($1, 'retry', '{}', 'test', $3, '{}', ARRAY[$2], ARRAY[$2], 1)",
        )
        .bind(its.bulk)
        .bind(team)
        .bind(person)
        .execute(pool)
        .await?;
        sqlx::query(
            "INSERT INTO saved_view (id, team, page, name, query, created_by) VALUES ($1, $2, 'runs', $3, '', 'test')",
        )
        .bind(its.view)
        .bind(team)
        .bind(named("view"))
        .execute(pool)
        .await?;
        sqlx::query(
            "INSERT INTO mark (id, kind, title, at, made_by, team) VALUES ($1, 'note', 'x', now(), 'test', $2)",
        )
        .bind(its.mark)
        .bind(team)
        .execute(pool)
        .await?;
        sqlx::query(
            "INSERT INTO worker (id, name, host, version, queues, slots) VALUES ($1, $2, 'h', '1', '{default}', 1)",
        )
        .bind(its.worker)
        .bind(named("worker"))
        .execute(pool)
        .await?;
        sqlx::query(
            "INSERT INTO secret (id, team, application_id, name, version, source, created_by, updated_by)
             SELECT gen_random_uuid(), $1, owner, $2, 1, 'env:X', 'test', 'test'
             FROM (SELECT NULL UNION ALL SELECT id FROM application WHERE name = $3) owners (owner)",
        )
        .bind(team)
        .bind(&its.secret)
        .bind(&belongings.application)
        .execute(pool)
        .await?;
        sqlx::query("INSERT INTO queue (name) VALUES ($1)").bind(&its.queue).execute(pool).await?;
        sqlx::query("INSERT INTO service_account (id, name, created_by) VALUES (gen_random_uuid(), $1, 'test')")
            .bind(&its.account)
            .execute(pool)
            .await?;
        sqlx::query(
            "INSERT INTO webhook_delivery (id, endpoint_id, type, payload, give_up_at)
             VALUES ($1, $2, 'test.happened', '{}', now() + interval '1 day')",
        )
        .bind(its.delivery)
        .bind(belongings.webhook)
        .execute(pool)
        .await?;
        sqlx::query(
            "INSERT INTO run_limit (kind, name, most, made_by) VALUES ('team', $1, 9, 'test') ON CONFLICT DO NOTHING",
        )
        .bind(team)
        .execute(pool)
        .await?;
        sqlx::query(r#"UPDATE resource SET outputs = '{"host": "db"}' WHERE id = $1"#)
            .bind(resource)
            .execute(pool)
            .await?;
        sqlx::query(
            "INSERT INTO state_version (resource_id, version, serial, lineage, content, md5, written_by)
             VALUES ($1, 1, 1, 'x', convert_to('{\"version\": 4, \"serial\": 1, \"lineage\": \"x\"}', 'UTF8'), 'x', 'test')",
        )
        .bind(resource)
        .execute(pool)
        .await?;
        sqlx::query(
            "INSERT INTO freeze_window (id, name, starts_at, ends_at, made_by)
             VALUES (gen_random_uuid(), $1, now() + interval '1 day', now() + interval '2 days', 'test')",
        )
        .bind(&its.freeze)
        .execute(pool)
        .await?;
        sqlx::query(
            "INSERT INTO provider_source (name, url, ref, interval_s, origin, created_by)
             VALUES ($1, 'https://git.example.org/x.git', 'main', 0, 'api', 'test')",
        )
        .bind(&its.source)
        .execute(pool)
        .await?;
        its.load(store).await?;
        Ok(its)
    }

    async fn load(&self, store: &Store) -> anyhow::Result<()> {
        let step = json!({"name": "hello", "step_type": {"name": "shell", "version": "1.0.0", "image": "busybox", "command": ["true"]}});
        let manifest = json!({
            "name": self.provider, "version": "1.0.0", "digest": "00".repeat(32), "kind": "Provider", "capabilities": {}, "step_types": [],
            "workflows": [{"name": self.golden_path, "category": "goldenpath", "parameters": [], "description": "x", "tags": [],
                           "plan": {"steps": [step]}}],
        });
        let mut tx = store.begin().await?;
        provider::replace_all(&mut tx, &[(self.provider.clone(), "1.0.0".to_owned(), [0; 32], manifest)]).await?;
        tx.commit().await?;
        Ok(())
    }
}
