//! How fast waiting runs get their tickets, with few and with very many of them waiting.

use std::time::{Duration, Instant};

use shared::{
    config,
    store::{Store, promote},
};
use sqlx::PgPool;
use tests::database::TestDatabase;

use crate::report::{Figure, Report, percentile};

const SIZES: [i64; 3] = [1_000, 100_000, 1_000_000];
/// About as many as a few workers have free slots; and few enough that a thousand stay about a thousand.
const BATCH: i64 = 25;
const ROUNDS: usize = 8;
const GOAL: f64 = 1.3;
/// Runs that wait for the turn of their concurrency group, beside those that are ready.
const GROUPED: i64 = 200_000;
const GROUPS: i64 = 10;

pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let database = TestDatabase::create().await?;
    let config =
        config::Database { url: database.url.clone(), statement_timeout_ms: 600_000, ..config::Database::default() };
    let store = Store::connect(&config, "slipway-bench")?;
    let mut least = None;
    for (size, grouped) in SIZES.map(|size| (size, 0)).into_iter().chain([(SIZES[2], GROUPED)]) {
        seed(&database.pool, size).await?;
        seed_groups(&database.pool, grouped).await?;
        let mut seconds = Vec::new();
        for _ in 0..3 {
            sqlx::raw_sql(
                "UPDATE run SET status = 'pending', queued_at = NULL, ticket_sent_at = NULL WHERE status = 'queued'",
            )
            .execute(&database.pool)
            .await?;
            sqlx::raw_sql("VACUUM ANALYZE run").execute(&database.pool).await?;
            // What the seeding left to be written does not fall into what is measured.
            sqlx::raw_sql("CHECKPOINT").execute(&database.pool).await?;
            for round in 0..ROUNDS {
                let began = Instant::now();
                let promoted = promote::promote(store.pool(), Duration::from_secs(3600), BATCH).await?;
                // The first ones find the pages cold.
                if round >= 2 {
                    seconds.push(began.elapsed().as_secs_f64());
                }
                anyhow::ensure!(promoted.len() == usize::try_from(BATCH)?, "{} tickets", promoted.len());
                anyhow::ensure!(
                    grouped == 0 || round > 0 || turns(&database.pool).await? == GROUPS,
                    "one turn a group"
                );
            }
        }
        let rate = BATCH as f64 / percentile(&mut seconds, 0.5);
        let first = *least.get_or_insert(rate);
        let beside = if grouped > 0 { format!(" and {grouped} in {GROUPS} groups") } else { String::new() };
        let figure = Figure::new(format!("runs promoted with {size} pending{beside}"), rate, "1/s");
        report.add(match size {
            1_000 => figure,
            _ => figure.against("with 1000 pending", first).goal(format!("flat within {GOAL}×"), first / rate <= GOAL),
        });
    }
    Ok(())
}

/// Makes the table hold `size` ready runs of ten teams.
async fn seed(pool: &PgPool, size: i64) -> anyhow::Result<()> {
    sqlx::raw_sql(
        "INSERT INTO plan (digest, body) VALUES (decode(repeat('00', 32), 'hex'), '{}') ON CONFLICT DO NOTHING;
         INSERT INTO queue (name) VALUES ('default') ON CONFLICT DO NOTHING;
         INSERT INTO worker (id, name, host, version, queues, slots, heartbeat_at)
         SELECT gen_random_uuid(), 'bench', 'bench', '0', '{default}', 1000000, now() + interval '1 hour'
         WHERE NOT EXISTS (SELECT FROM worker)",
    )
    .execute(pool)
    .await?;
    let mut connection = pool.acquire().await?;
    sqlx::raw_sql("SET synchronous_commit = off").execute(&mut *connection).await?;
    sqlx::query(
        "INSERT INTO run (id, root_run_id, kind, operation, team, provider, provider_version, workflow, plan_digest, inputs)
         SELECT id, id, 'golden_path', 'execute', 'team-' || n % 10, 'bench', '1', 'bench', decode(repeat('00', 32), 'hex'), '{}'
         FROM (SELECT n, ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid AS id
               FROM generate_series((SELECT count(*) FROM run) + 1, $1) n) new",
    )
    .bind(size)
    .execute(&mut *connection)
    .await?;
    // The connection goes with its setting.
    connection.close_on_drop();
    Ok(())
}

/// Adds runs that wait for the turn of their group.
async fn seed_groups(pool: &PgPool, count: i64) -> anyhow::Result<()> {
    sqlx::query(
        "INSERT INTO run (id, root_run_id, kind, operation, team, provider, provider_version, workflow, plan_digest, inputs, reason,
                          concurrency_group)
         SELECT id, id, 'golden_path', 'execute', 'team-' || n % 10, 'bench', '1', 'bench', decode(repeat('00', 32), 'hex'), '{}',
                'ConcurrencyGroup', 'group-' || n % $2
         FROM (SELECT n, gen_random_uuid() AS id FROM generate_series(1, $1) n) new",
    )
    .bind(count)
    .bind(GROUPS)
    .execute(pool)
    .await?;
    Ok(())
}

/// Groups one of whose runs has its turn.
async fn turns(pool: &PgPool) -> anyhow::Result<i64> {
    let sql =
        "SELECT count(DISTINCT concurrency_group) FROM run WHERE concurrency_group IS NOT NULL AND reason IS NULL";
    Ok(sqlx::query_scalar(sql).fetch_one(pool).await?)
}
