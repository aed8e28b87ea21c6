//! How long it takes to fix which resources a batch is for, and to work out what it would do.

use std::time::Instant;

use serde_json::json;
use shared::{
    batch as survey, config,
    domain::{access::Visible, batch::BatchOperation},
    formats::registry::Registry,
    store::{
        Store,
        batch::{self, NewBatch},
    },
};
use sqlx::PgPool;
use tests::database::TestDatabase;

use crate::report::{Figure, Report};

const RESOURCES: i64 = 100_000;
const GOAL_S: f64 = 5.0;

pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let database = TestDatabase::create().await?;
    let config =
        config::Database { url: database.url.clone(), statement_timeout_ms: 600_000, ..config::Database::default() };
    let store = Store::connect(&config, "slipway-bench")?;
    seed(&database.pool).await?;
    let fleet = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let registry = Registry::load(&[fleet.join("fleet"), fleet.join("providers")], &Default::default())
        .map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    let new = NewBatch {
        name: "bench".into(),
        reason: String::new(),
        operation: BatchOperation::Update,
        selector: "type=vessel,provider=fleet@1".parse()?,
        shown_selector: "type=vessel,provider=fleet@1".into(),
        provider_version: Some("2.0.0".into()),
        params: json!({"size": 3}),
        waves: "1,10%,50%,100%".parse()?,
        max_in_flight: 100,
        bake_s: 0,
        max_failures: "2%".parse()?,
        window: None,
        verify: false,
        requested_by: "bench".into(),
        requester_id: uuid::Uuid::nil(),
        visible: Visible::All,
    };
    let mut best: Option<(f64, f64)> = None;
    for _ in 0..3 {
        let began = Instant::now();
        let mut tx = store.begin().await?;
        let (id, count) = batch::create(&mut tx, &new, RESOURCES).await?;
        anyhow::ensure!(count == RESOURCES, "{count} resources");
        let created = began.elapsed().as_secs_f64();
        let made = batch::find(&mut *tx, id).await?.ok_or_else(|| anyhow::anyhow!("no batch"))?;
        let preview = survey::survey(&mut tx, &registry, &made).await?;
        anyhow::ensure!(preview.total == RESOURCES, "{preview:?}");
        tx.commit().await?;
        let whole = began.elapsed().as_secs_f64();
        if best.is_none_or(|(_, least)| whole < least) {
            best = Some((created, whole));
        }
    }
    let (created, whole) = best.unwrap_or_default();
    report.add(
        Figure::new(format!("a batch of {RESOURCES}: the set is fixed"), created, "s")
            .goal(format!("under {GOAL_S} s"), created < GOAL_S),
    );
    report.add(
        Figure::new(format!("a batch of {RESOURCES}: made, with its preview and digest"), whole, "s")
            .goal(format!("under {GOAL_S} s"), whole < GOAL_S),
    );
    Ok(())
}

async fn seed(pool: &PgPool) -> anyhow::Result<()> {
    sqlx::query(
        "WITH apps AS (
             INSERT INTO application (id, name, team, generation, labels)
             SELECT gen_random_uuid(), 'fleet-' || n, 'team-' || n % 200, 1, '{\"env\": \"prod\"}' FROM generate_series(0, ($1 - 1) / 20) n RETURNING id, name),
         specs AS (
             INSERT INTO generation (application_id, number, spec, digest, submitted_by)
             SELECT id, 1, jsonb_build_object('metadata', jsonb_build_object('name', name)), sha256(name::bytea), 'bench' FROM apps)
         INSERT INTO resource (id, application_id, name, type, identity, shared, params, resolved_params, applied_params, state, provider, provider_version)
         SELECT gen_random_uuid(), apps.id, 'vessel-' || n, 'vessel', 'vessel.default#' || n, false, '{\"size\": 1}', '{\"size\": 1}', '{\"size\": 1}', 'active',
                'fleet', '1.0.0'
         FROM generate_series(1, $1) n JOIN apps ON apps.name = 'fleet-' || (n - 1) / 20",
    )
    .bind(RESOURCES)
    .execute(pool)
    .await?;
    sqlx::raw_sql("VACUUM ANALYZE").execute(pool).await?;
    Ok(())
}
