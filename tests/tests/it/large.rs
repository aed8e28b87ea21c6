//! An installation that is filled for measuring is one that the programs could have made.

use shared::store::{minute, tally};
use sqlx::{AssertSqlSafe, PgPool};
use tests::{
    database::TestDatabase,
    large::{Filled, Size, fill, fill_alone},
};

const SIZE: Size = Size { runs: 2_000, lines: 40_000 };

async fn filled() -> anyhow::Result<(TestDatabase, Filled)> {
    let database = TestDatabase::create().await?;
    let filled = fill_alone(&database.url, SIZE, |_| {}).await?;
    Ok((database, filled))
}

async fn count(pool: &PgPool, sql: &str) -> anyhow::Result<i64> {
    Ok(sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(pool).await?)
}

#[tokio::test]
async fn a_filled_installation_has_as_much_as_was_asked_for_and_is_not_filled_twice() -> anyhow::Result<()> {
    let (database, filled) = filled().await?;
    let pool = &database.pool;
    assert_eq!(count(pool, "SELECT count(*) FROM run").await?, SIZE.runs);
    assert_eq!(count(pool, "SELECT count(*) FROM resource").await?, SIZE.resources());
    assert_eq!(count(pool, "SELECT count(*) FROM application").await?, SIZE.applications());
    assert_eq!(count(pool, "SELECT count(DISTINCT team) FROM run").await?, SIZE.teams());
    assert_eq!(count(pool, "SELECT count(*) FROM audit_entry").await?, SIZE.records());
    assert_eq!(filled.lines, SIZE.lines / 10 + 18);
    for status in ["pending", "suspended", "completed", "failed", "cancelled"] {
        assert!(count(pool, &format!("SELECT count(*) FROM run WHERE status = '{status}'")).await? > 0, "{status}");
    }
    // As if it had had ten thousand before.
    sqlx::query(
        "INSERT INTO run SELECT (jsonb_populate_record(r, jsonb_build_object('id', gen_random_uuid()))).*
         FROM run r, generate_series(1, 10) n WHERE r.status = 'completed'",
    )
    .execute(pool)
    .await?;
    let error = fill(&database.url, SIZE, |_| {}).await.unwrap_err().to_string();
    assert_eq!(error, "the installation has more than 10000 runs: it is in use, or was filled before");
    Ok(())
}

#[tokio::test]
async fn what_is_filled_in_without_triggers_is_as_triggers_and_keys_would_have_it() -> anyhow::Result<()> {
    let (database, _filled) = filled().await?;
    let pool = &database.pool;
    assert_eq!(tally::recount(pool).await?, 0, "figures that are wrong");
    let keys: Vec<(String, String, String, String)> = sqlx::query_as(
        "SELECT k.conrelid::regclass::text, a.attname::text, k.confrelid::regclass::text, b.attname::text FROM pg_constraint k
         JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
         JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = k.confkey[1]
         WHERE k.contype = 'f' AND cardinality(k.conkey) = 1 AND k.connamespace = 'public'::regnamespace",
    )
    .fetch_all(pool)
    .await?;
    assert!(keys.len() > 20, "{keys:?}");
    for (table, column, other, key) in keys {
        let sql = format!(
            "SELECT count(*) FROM {table} t WHERE t.{column} IS NOT NULL AND NOT EXISTS (SELECT FROM {other} o WHERE o.{key} = t.{column})"
        );
        assert_eq!(count(pool, &sql).await?, 0, "{table}.{column} names none of {other}");
    }
    // The trigger that gives a run its place does so again.
    let moved = "WITH before AS (SELECT id, lane, order_at, environment, resource_type FROM run),
              again AS (UPDATE run SET priority = priority RETURNING id, lane, order_at, environment, resource_type)
         SELECT count(*) FROM before JOIN again USING (id) WHERE before IS DISTINCT FROM again";
    assert_eq!(count(pool, moved).await?, 0, "runs out of their place");
    Ok(())
}

#[tokio::test]
async fn nothing_is_sent_begun_or_held_up_by_what_is_filled_in() -> anyhow::Result<()> {
    let database = TestDatabase::create().await?;
    fill(&database.url, SIZE, |_| {}).await?;
    let pool = &database.pool;
    for active in [
        "webhook_endpoint WHERE disabled_at IS NULL",
        "webhook_delivery WHERE status = 'pending'",
        "notification_rule WHERE paused_at IS NULL",
        "notification_delivery WHERE status = 'pending'",
        "batch WHERE finished_at IS NULL",
        "bulk_operation WHERE finished_at IS NULL",
        "worker WHERE state <> 'stopped'",
        "run_limit WHERE kind NOT IN ('queue', 'group')",
        "run_limit JOIN run ON run.concurrency_group = run_limit.name OR run.queue = run_limit.name",
        "freeze_window WHERE ends_at > now() OR cron IS NOT NULL",
        "provider",
        "provider_source",
        // What a change of keys would have to open.
        "integration",
        "secret WHERE key_id IS NOT NULL",
    ] {
        assert_eq!(count(pool, &format!("SELECT count(*) FROM {active}")).await?, 0, "{active}");
    }
    for (table, least) in [
        ("person", SIZE.people()),
        ("service_account", SIZE.accounts()),
        ("api_key", SIZE.keys()),
        ("session", SIZE.sessions()),
        ("worker", SIZE.many()),
        ("mark", SIZE.many()),
        ("batch", 1 + SIZE.batches()),
        ("bulk_operation", SIZE.actions()),
        ("run_limit", SIZE.settings()),
        ("freeze_window", SIZE.settings()),
        ("webhook_endpoint", SIZE.settings()),
        ("webhook_delivery", SIZE.deliveries()),
        ("secret", SIZE.secrets()),
        ("state_version", 3 * SIZE.states() + SIZE.actions()),
    ] {
        assert_eq!(count(pool, &format!("SELECT count(*) FROM {table}")).await?, least, "{table}");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_added_up_of_batches_bulk_actions_and_states_is_what_they_have() -> anyhow::Result<()> {
    let (database, filled) = filled().await?;
    let pool = &database.pool;
    let odd = [
        "batch b CROSS JOIN LATERAL (
             SELECT count(*) AS total, count(*) FILTER (WHERE status = 'succeeded') AS succeeded,
                    count(*) FILTER (WHERE status = 'failed') AS failed, count(*) FILTER (WHERE status = 'skipped') AS skipped
             FROM batch_item i WHERE i.batch_id = b.id) its
         WHERE (b.total, b.succeeded, b.failed, b.skipped) <> (its.total, its.succeeded, its.failed, its.skipped)",
        "batch_wave w WHERE total <> (SELECT count(*) FROM batch_item i WHERE i.batch_id = w.batch_id AND i.wave = w.number)",
        "batch_wave w CROSS JOIN LATERAL (
             SELECT count(*) FILTER (WHERE status = 'running') AS running, count(*) FILTER (WHERE status = 'succeeded') AS succeeded,
                    count(*) FILTER (WHERE status = 'failed') AS failed, count(*) FILTER (WHERE status = 'skipped') AS skipped
             FROM batch_item i WHERE i.batch_id = w.batch_id AND i.wave = w.number) its
         WHERE (w.running, w.succeeded, w.failed, w.skipped) <> (its.running, its.succeeded, its.failed, its.skipped)",
        "batch_group g WHERE resources <> (SELECT count(*) FROM batch_item i WHERE i.batch_id = g.batch_id AND i.group_key = g.key)",
        "bulk_operation b CROSS JOIN LATERAL (
             SELECT count(*) AS total, count(*) FILTER (WHERE outcome = 'done') AS done,
                    count(*) FILTER (WHERE outcome = 'failed') AS failed
             FROM bulk_item i WHERE i.bulk_id = b.id) its
         WHERE (b.total, b.done, b.failed) <> (its.total, its.done, its.failed)",
        "(SELECT a.team, sum(octet_length(v.content)) AS bytes FROM state_version v JOIN resource r ON r.id = v.resource_id
          JOIN application a ON a.id = r.application_id GROUP BY 1) kept FULL JOIN team_kept k USING (team)
         WHERE kept.bytes IS DISTINCT FROM k.states",
        "application a WHERE generation <> (SELECT max(number) FROM generation g WHERE g.application_id = a.id)",
        "secret s JOIN application a ON a.id = s.application_id WHERE a.team <> s.team",
        "approval p JOIN step s ON s.id = p.step_id WHERE s.run_id <> p.run_id",
    ];
    for odd in odd {
        assert_eq!(count(pool, &format!("SELECT count(*) FROM {odd}")).await?, 0, "{odd}");
    }
    for (table, column, id) in [
        ("batch_item", "batch_id", filled.batch),
        ("webhook_delivery", "endpoint_id", filled.webhook),
        ("notification_delivery", "rule_id", filled.rule),
        ("session", "person_id", filled.person),
        ("resource_user", "resource_id", filled.shared),
        ("state_version", "resource_id", filled.resource),
    ] {
        assert!(count(pool, &format!("SELECT count(*) FROM {table} WHERE {column} = '{id}'")).await? > 2, "{table}");
    }
    Ok(())
}

#[tokio::test]
async fn its_minutes_are_those_that_are_counted_from_its_events() -> anyhow::Result<()> {
    let (database, _filled) = filled().await?;
    let pool = &database.pool;
    // What was never counted is left off at the end of an array.
    let minutes = "SELECT queue, minute, created, completed, failed, cancelled, array_to_string(waits, ','), array_to_string(times, ',')
                   FROM queue_minute WHERE minute BETWEEN $1 - interval '6 days' AND $1 - interval '1 hour' ORDER BY queue, minute";
    // Both times of the same moment: the one is asked some seconds after the other.
    let now: chrono::DateTime<chrono::Utc> = sqlx::query_scalar("SELECT now()").fetch_one(pool).await?;
    type Minute = (String, chrono::DateTime<chrono::Utc>, i32, i32, i32, i32, Option<String>, Option<String>);
    let cut = |rows: Vec<Minute>| -> Vec<Minute> {
        let shorter = |text: Option<String>| text.map(|text| text.trim_end_matches(",0").to_owned());
        rows.into_iter().map(|(a, b, c, d, e, f, g, h)| (a, b, c, d, e, f, shorter(g), shorter(h))).collect()
    };
    let written: Vec<Minute> = sqlx::query_as(minutes).bind(now).fetch_all(pool).await?;
    assert!(written.len() > 500, "{}", written.len());
    // An hour is what its minutes are, though the triggers were off.
    let odd = "SELECT count(*) FROM (SELECT queue, date_trunc('hour', minute, 'UTC') AS hour, sum(created) AS created, sum(failed) AS failed
                                     FROM queue_minute GROUP BY 1, 2) m
               FULL JOIN queue_hour h USING (queue, hour) WHERE (m.created, m.failed) IS DISTINCT FROM (h.created::bigint, h.failed::bigint)";
    assert_eq!(count(pool, odd).await?, 0, "hours that differ from their minutes");
    sqlx::raw_sql("DELETE FROM queue_minute; UPDATE minute_cursor SET xid = '1', id = 0").execute(pool).await?;
    let mut conn = pool.acquire().await?;
    while minute::add_up(&mut conn, 10_000).await? > 0 {}
    let counted: Vec<Minute> = sqlx::query_as(minutes).bind(now).fetch_all(pool).await?;
    assert_eq!(cut(written), cut(counted));
    Ok(())
}
