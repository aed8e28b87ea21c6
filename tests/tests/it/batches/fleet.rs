//! A stack with many resources of a provider that there are two versions of.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use serde_json::{Value, json};
use shared::config::Config;
use tests::{
    client::Client,
    stack::{Options, Stack},
};

/// How long a batch of these tests may take.
const PATIENCE: Duration = Duration::from_secs(240);

/// Adds the two versions to an installation's providers.
pub(crate) fn with_fleet(config: &mut Config) {
    config.scheduler.providers.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fleet"));
}

/// Without containers, with room for many runs.
pub(crate) fn scripted() -> Options {
    Options { slots: 32, configure: with_fleet, ..Options::scripted() }
}

/// Writes `count` vessels of version 1.0.0 that are as they should be, a hundred an application, ten teams.
pub(crate) async fn seed(stack: &Stack, count: i32) -> anyhow::Result<()> {
    seed_in(&stack.pool, count).await
}

/// As [`seed`], into any database.
pub(crate) async fn seed_in(pool: &sqlx::PgPool, count: i32) -> anyhow::Result<()> {
    sqlx::query(
        "WITH apps AS (
             INSERT INTO application (id, name, team, generation, labels)
             SELECT gen_random_uuid(), 'fleet-' || n, 'team-' || n % 10, 1, '{}' FROM generate_series(0, ($1 - 1) / 100) n RETURNING id, name),
         specs AS (
             INSERT INTO generation (application_id, number, spec, digest, submitted_by)
             SELECT id, 1, jsonb_build_object('metadata', jsonb_build_object('name', name)), sha256(name::bytea), 'test' FROM apps),
         made AS (
             INSERT INTO resource (id, application_id, name, type, identity, shared, params, resolved_params, applied_params, state, provider, provider_version)
             SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, apps.id, 'vessel-' || n, 'vessel', 'vessel.default#' || apps.name || '.vessel-' || n,
                    false, '{}', '{}', '{}', 'active', 'fleet', '1.0.0'
             FROM generate_series(1, $1) n JOIN apps ON apps.name = 'fleet-' || (n - 1) / 100
             RETURNING id, application_id, name)
         INSERT INTO resource_user (resource_id, application_id, name) SELECT id, application_id, name FROM made",
    )
    .bind(count)
    .execute(pool)
    .await?;
    Ok(())
}

/// Has the update by version 2.0.0 fail for the resources at these places of a batch of all vessels, from 1.
pub(crate) async fn plant(stack: &Stack, places: &[i32]) -> anyhow::Result<()> {
    plant_in(stack, "vessel", &json!({"renew": json!({"exit_code": 3}).to_string()}), places).await
}

/// Gives the resources at these places of a batch of all of a type, from 1, these params, as if they had always had them.
pub(crate) async fn plant_in(stack: &Stack, kind: &str, params: &Value, places: &[i32]) -> anyhow::Result<()> {
    sqlx::query(
        "UPDATE resource SET params = $3, resolved_params = $3, applied_params = $3
         FROM (SELECT id, row_number() OVER (ORDER BY md5(id::text)) AS place FROM resource WHERE type = $1) ordered
         WHERE resource.id = ordered.id AND ordered.place = ANY ($2)",
    )
    .bind(kind)
    .bind(places)
    .bind(params)
    .execute(&stack.pool)
    .await?;
    Ok(())
}

/// A batch of a test.
pub(crate) struct Fleet<'a> {
    pub(crate) stack: &'a Stack,
    pub(crate) client: Client,
    pub(crate) id: String,
}

impl<'a> Fleet<'a> {
    /// Makes a batch that brings vessels to 2.0.0, with `more` in its request.
    pub(crate) async fn create(stack: &'a Stack, more: &Value) -> anyhow::Result<Self> {
        let mut body =
            json!({"select": "type=vessel,provider=fleet@1", "operation": "update", "provider_version": "2.0.0"});
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let made = stack.client.post("/api/batches", &body).await?.ok()?;
        let id = made["id"].as_str().with_context(|| format!("no id: {made:#}"))?.to_owned();
        Ok(Self { stack, client: stack.client.clone(), id })
    }

    /// How it stands.
    pub(crate) async fn look(&self) -> anyhow::Result<Value> {
        self.client.get(&format!("/api/batches/{}", self.id)).await
    }

    /// Does something to it.
    pub(crate) async fn act(&self, verb: &str, body: &Value) -> anyhow::Result<Value> {
        self.client.post(&format!("/api/batches/{}/{verb}", self.id), body).await?.ok()
    }

    /// Approves what its preview says.
    pub(crate) async fn approve(&self) -> anyhow::Result<Value> {
        let digest = self.look().await?["digest"].clone();
        self.act("approve", &json!({ "digest": digest })).await
    }

    /// Waits until it is like that.
    pub(crate) async fn until(&self, what: &str, fits: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        self.stack
            .until(&format!("the batch {what}"), PATIENCE, async || {
                // An api that a test killed does not answer.
                let Ok(batch) = self.look().await else { return Ok(None) };
                Ok(fits(&batch).then_some(batch))
            })
            .await
    }

    /// Waits until it has this status and no runs.
    pub(crate) async fn becomes(&self, status: &str) -> anyhow::Result<Value> {
        self.until(&format!("is {status}"), |batch| batch["status"] == status && batch["in_flight"] == 0).await
    }

    /// Its resources in this status.
    pub(crate) async fn items(&self, status: &str) -> anyhow::Result<Vec<Value>> {
        let path = format!("/api/batches/{}/items?status={status}&limit=500", self.id);
        Ok(self.client.get(&path).await?["items"].as_array().cloned().unwrap_or_default())
    }

    /// The one number that a query about this batch (`$1`) gives.
    pub(crate) async fn count(&self, sql: &'static str) -> anyhow::Result<i64> {
        let id: uuid::Uuid = self.id.parse()?;
        Ok(sqlx::query_scalar(sql).bind(id).fetch_one(&self.stack.pool).await?)
    }

    /// Holds that nothing was lost or done twice: every run of the batch is of one item, and what is done has its run.
    pub(crate) async fn assert_once(&self) -> anyhow::Result<()> {
        let runs = self.count("SELECT count(*) FROM run WHERE batch_id = $1").await?;
        let items = "SELECT count(run_id) + count(undo_run_id) FROM batch_item WHERE batch_id = $1";
        assert_eq!(runs, self.count(items).await?, "a run is of no item, or of two");
        let twice = "SELECT count(*) FROM (SELECT resource_id FROM run WHERE batch_id = $1 AND id NOT IN
                       (SELECT undo_run_id FROM batch_item WHERE batch_id = $1 AND undo_run_id IS NOT NULL)
                     GROUP BY resource_id HAVING count(*) > 1) twice";
        assert_eq!(self.count(twice).await?, 0, "a resource was done twice");
        let untrue = "SELECT count(*) FROM batch_item i JOIN run ON run.id = i.run_id
                      WHERE i.batch_id = $1 AND i.status = 'succeeded' AND run.status <> 'completed'";
        assert_eq!(self.count(untrue).await?, 0, "what is said to be done is not");
        let figures = "SELECT count(*) FROM batch b CROSS JOIN LATERAL
                         (SELECT count(*) FILTER (WHERE status = 'succeeded') AS succeeded, count(*) FILTER (WHERE status = 'failed') AS failed,
                                 count(*) FILTER (WHERE status = 'skipped') AS skipped FROM batch_item WHERE batch_id = b.id) said
                       WHERE b.id = $1 AND (b.succeeded, b.failed, b.skipped) IS DISTINCT FROM (said.succeeded, said.failed, said.skipped)";
        assert_eq!(self.count(figures).await?, 0, "the figures are not what the items say");
        let waves = "SELECT count(*) FROM batch_wave w CROSS JOIN LATERAL
                       (SELECT count(*) FILTER (WHERE status = 'running') AS running, count(*) FILTER (WHERE status = 'succeeded') AS succeeded,
                               count(*) FILTER (WHERE status = 'failed') AS failed, count(*) FILTER (WHERE status = 'skipped') AS skipped
                        FROM batch_item i WHERE i.batch_id = w.batch_id AND i.wave = w.number) said
                     WHERE w.batch_id = $1
                       AND (w.running, w.succeeded, w.failed, w.skipped) IS DISTINCT FROM (said.running, said.succeeded, said.failed, said.skipped)";
        assert_eq!(self.count(waves).await?, 0, "the figures of the waves are not what the items say");
        Ok(())
    }
}
