//! How fast waiting runs get their tickets, with few and with very many of them waiting, of few and of many teams.

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
/// What one team has waiting while another asks for one run.
const CROWD: i64 = 100_000;
const ASKED: usize = 40;

pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    few_teams(report).await?;
    many_teams(report).await?;
    beside_a_crowd(report).await
}

async fn few_teams(report: &mut Report) -> anyhow::Result<()> {
    let (database, store) = database().await?;
    let mut least = None;
    for (size, grouped) in SIZES.map(|size| (size, 0)).into_iter().chain([(SIZES[2], GROUPED)]) {
        seed(&database.pool, size, 10).await?;
        seed_groups(&database.pool, grouped).await?;
        let mut seconds = Vec::new();
        for _ in 0..3 {
            rest(&database.pool).await?;
            for round in 0..ROUNDS {
                let took = pass(&store, BATCH).await?;
                // The first ones find the pages cold.
                if round >= 2 {
                    seconds.push(took);
                }
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

/// A decision among a thousand teams of different weights, with limits, of which one is reached.
async fn many_teams(report: &mut Report) -> anyhow::Result<()> {
    let (database, store) = database().await?;
    sqlx::raw_sql(
        "INSERT INTO team (name, weight) SELECT 'team-' || n, 1 + n % 5 FROM generate_series(0, 999) n;
         INSERT INTO run_limit (kind, name, most, made_by) VALUES ('provider', 'held', 0, 'bench'), ('provider', 'bench', 10000, 'bench')",
    )
    .execute(&database.pool)
    .await?;
    let mut first = None;
    for size in SIZES {
        seed(&database.pool, size, 1000).await?;
        let mut seconds = Vec::new();
        for _ in 0..3 {
            rest(&database.pool).await?;
            for round in 0..ROUNDS {
                let took = pass(&store, BATCH).await?;
                if round >= 2 {
                    seconds.push(took);
                }
            }
        }
        let ms = percentile(&mut seconds, 0.5) * 1000.0;
        let least = *first.get_or_insert(ms);
        let figure = Figure::new(format!("decision about {BATCH} slots among 1000 teams, {size} pending"), ms, "ms");
        report.add(match size {
            1_000 => figure,
            _ => figure.against("with 1000 pending", least).goal(format!("flat within {GOAL}×"), ms / least <= GOAL),
        });
    }
    Ok(())
}

/// How long one run of a team waits for its ticket, from its commit on, when a slot is free and another team has very many waiting.
async fn beside_a_crowd(report: &mut Report) -> anyhow::Result<()> {
    let (database, store) = database().await?;
    seed(&database.pool, CROWD, 1).await?;
    sqlx::raw_sql("UPDATE worker SET slots = 25").execute(&database.pool).await?;
    rest(&database.pool).await?;
    promote::promote(store.pool(), Duration::from_secs(3600), 500).await?;
    let mut seconds = Vec::new();
    for number in 0..ASKED {
        sqlx::raw_sql(
            // The last one's: the crowd keeps more slots than anybody else.
            "UPDATE run SET status = 'completed', finished_at = now()
             WHERE id = (SELECT id FROM run WHERE status = 'queued' ORDER BY team LIKE 'small-%' DESC LIMIT 1)",
        )
        .execute(&database.pool)
        .await?;
        let small = format!("small-{number}");
        sqlx::query(
            "INSERT INTO run (id, root_run_id, kind, operation, team, provider, provider_version, workflow, plan_digest, inputs)
             SELECT id, id, 'golden_path', 'execute', $1, 'bench', '1', 'bench', decode(repeat('00', 32), 'hex'), '{}'
             FROM (SELECT gen_random_uuid() AS id) new",
        )
        .bind(&small)
        .execute(&database.pool)
        .await?;
        let began = Instant::now();
        let promoted = promote::promote(store.pool(), Duration::from_secs(3600), 500).await?;
        seconds.push(began.elapsed().as_secs_f64());
        anyhow::ensure!(promoted.len() == 1, "{} tickets for one slot", promoted.len());
        let team = sqlx::query_scalar::<_, String>("SELECT team FROM run WHERE id = $1").bind(promoted[0].run_id.0);
        anyhow::ensure!(team.fetch_one(&database.pool).await? == small, "the slot went to another team");
    }
    let ms = percentile(&mut seconds, 0.95) * 1000.0;
    report.add(
        Figure::new(format!("ticket for a small team's run, another has {CROWD} pending, p95"), ms, "ms")
            .goal("under 50 ms, at the first free slot", ms < 50.0),
    );
    Ok(())
}

async fn database() -> anyhow::Result<(TestDatabase, Store)> {
    let database = TestDatabase::create().await?;
    let config =
        config::Database { url: database.url.clone(), statement_timeout_ms: 600_000, ..config::Database::default() };
    let store = Store::connect(&config, "slipway-bench")?;
    Ok((database, store))
}

/// One pass; seconds.
async fn pass(store: &Store, most: i64) -> anyhow::Result<f64> {
    let began = Instant::now();
    let promoted = promote::promote(store.pool(), Duration::from_secs(3600), most).await?;
    let took = began.elapsed().as_secs_f64();
    anyhow::ensure!(promoted.len() == usize::try_from(most)?, "{} tickets", promoted.len());
    Ok(took)
}

/// Takes all tickets back. What that leaves to be written does not fall into what is measured.
async fn rest(pool: &PgPool) -> anyhow::Result<()> {
    sqlx::raw_sql("UPDATE run SET status = 'pending', queued_at = NULL, ticket_sent_at = NULL WHERE status = 'queued'")
        .execute(pool)
        .await?;
    sqlx::raw_sql("VACUUM ANALYZE run").execute(pool).await?;
    sqlx::raw_sql("CHECKPOINT").execute(pool).await?;
    Ok(())
}

/// Makes the table hold `size` ready runs of so many teams; of a thousand teams each has one in eight that a limit holds.
async fn seed(pool: &PgPool, size: i64, teams: i64) -> anyhow::Result<()> {
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
         SELECT id, id, 'golden_path', 'execute', 'team-' || n % $2, CASE WHEN $2 = 1000 AND n / 1000 % 8 = 7 THEN 'held' ELSE 'bench' END, '1',
                'bench', decode(repeat('00', 32), 'hex'), '{}'
         FROM (SELECT n, ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid AS id
               FROM generate_series((SELECT count(*) FROM run) + 1, $1) n) new",
    )
    .bind(size)
    .bind(teams)
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
