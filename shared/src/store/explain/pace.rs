//! Where a run stands in line, and how long that may take.

use std::time::Duration;

use chrono::Utc;
use sqlx::PgConnection;

use crate::{
    domain::{
        explain::{Estimate, Pace, Typical},
        ids::RunId,
        run::WaitReason,
    },
    store::{Result, run_list::Run},
};

/// What a queue did lately is seen over so long.
const LATELY: Duration = Duration::from_secs(900);

pub(super) async fn of(
    conn: &mut PgConnection,
    run: &Run,
    code: WaitReason,
) -> Result<(Option<i64>, Option<Estimate>)> {
    match code {
        WaitReason::QueueFull | WaitReason::Fairness | WaitReason::Promoting | WaitReason::QueueLimit => {
            let position = place_in_line(&mut *conn, run.id).await?;
            let pace = pace(&mut *conn, run).await?;
            Ok((Some(position), pace.estimate(&run.queue, position)))
        }
        WaitReason::NoWorkerForQueue | WaitReason::QueuePaused => {
            Ok((Some(place_in_line(&mut *conn, run.id).await?), None))
        }
        WaitReason::TeamQuota => Ok((Some(place_in_line(&mut *conn, run.id).await?), None)),
        WaitReason::TeamLimit | WaitReason::TypeLimit | WaitReason::ProviderLimit => {
            let position = place_in_line(&mut *conn, run.id).await?;
            let turns = limit_of(&mut *conn, run.id).await?;
            let typical = typical(&mut *conn, &run.provider, &run.workflow).await?;
            Ok((Some(position), typical.zip(turns).and_then(|(typical, turns)| typical.turn(position, turns))))
        }
        WaitReason::FreezeWindow => Ok((None, end_of_freezes(&mut *conn, run.id).await?)),
        WaitReason::ConcurrencyGroup => {
            let (position, turns) = place_in_group(&mut *conn, run.id).await?;
            let typical = typical(&mut *conn, &run.provider, &run.workflow).await?;
            Ok((Some(position), typical.and_then(|typical| typical.turn(position, turns))))
        }
        WaitReason::BackingOff | WaitReason::Delayed => Ok((None, at_its_time(run))),
        WaitReason::WaitingForDependency | WaitReason::WaitingForChild => {
            Ok((None, end_of_what_it_waits_for(&mut *conn, run.id).await?))
        }
        WaitReason::DependencyFailed | WaitReason::WaitingForApproval | WaitReason::WaitingForStart => Ok((None, None)),
    }
}

fn at_its_time(run: &Run) -> Option<Estimate> {
    let until = run.suspended_until?;
    let rest = (until - Utc::now()).num_milliseconds().max(0);
    Some(Estimate {
        seconds: rest as f64 / 1000.0,
        basis: format!("the time is set: {}", until.format("%Y-%m-%dT%H:%M:%SZ")),
    })
}

/// Its place among the ready runs of its team in its queue.
async fn place_in_line(conn: &mut PgConnection, run: RunId) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) + 1 AS "place!" FROM (
               SELECT FROM run its JOIN run other ON other.queue = its.queue AND other.team = its.team AND other.status = 'pending'
                      AND other.reason IS NULL AND (other.order_at, other.id) < (its.order_at, its.id)
               WHERE its.id = $1 LIMIT 10000) before"#,
        run.0
    )
    .fetch_one(conn)
    .await?)
}

/// Its place among the runs of its group that wait, and how many of them go at once.
async fn place_in_group(conn: &mut PgConnection, run: RunId) -> Result<(i64, i64)> {
    let row = sqlx::query!(
        r#"SELECT (SELECT count(*) + 1 FROM (
                       SELECT FROM run other WHERE other.concurrency_group = its.concurrency_group AND other.status = 'pending'
                                               AND other.reason = 'ConcurrencyGroup' AND other.id < its.id LIMIT 10000) before) AS "place!",
                  coalesce((SELECT l.most FROM run_limit l WHERE l.kind = 'group' AND l.name = its.concurrency_group), 1)::bigint AS "turns!"
           FROM run its WHERE its.id = $1"#,
        run.0
    )
    .fetch_one(conn)
    .await?;
    Ok((row.place, row.turns))
}

/// How many go at once by the limit that holds it.
async fn limit_of(conn: &mut PgConnection, run: RunId) -> Result<Option<i64>> {
    Ok(sqlx::query_scalar!(
        r#"SELECT l.most::bigint AS "most!" FROM run CROSS JOIN LATERAL
               ready_wait(run.queue, run.team, run.resource_type, run.provider, run.environment, may_be_frozen(run)) why
           JOIN run_limit l ON why.blocker = 'limit' AND l.kind || '/' || l.name = why.named
           WHERE run.id = $1"#,
        run.0
    )
    .fetch_optional(conn)
    .await?)
}

/// When the last of the freezes that hold it ends.
async fn end_of_freezes(conn: &mut PgConnection, run: RunId) -> Result<Option<Estimate>> {
    let row = sqlx::query!(
        r#"SELECT f.name, extract(epoch FROM f.open_until - now())::double precision AS "seconds!"
           FROM run JOIN freeze_window f ON f.open_from <= now() AND f.open_until > now() AND (f.team IS NULL OR f.team = run.team)
                                        AND (f.environment IS NULL OR f.environment = run.environment)
           WHERE run.id = $1 ORDER BY f.open_until DESC LIMIT 1"#,
        run.0
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Estimate {
        seconds: row.seconds,
        basis: format!("freeze '{}' ends then; it needs a slot after that", row.name),
    }))
}

async fn pace(conn: &mut PgConnection, run: &Run) -> Result<Pace> {
    let row = sqlx::query!(
        r#"WITH waiting AS (
               SELECT coalesce(t.weight, 1) AS weight, c.team = $2 AS mine
               FROM (SELECT DISTINCT team FROM run_count WHERE queue = $1 AND status = 'pending' AND reason = '') c
               LEFT JOIN team t ON t.name = c.team)
           SELECT (SELECT coalesce(sum(completed + failed + cancelled), 0) FROM queue_minute
                   WHERE queue = $1 AND minute > now() - make_interval(secs => $3))::bigint AS "ended!",
                  coalesce(sum(weight) FILTER (WHERE mine) / nullif(sum(weight), 0)::double precision, 1) AS "share!", count(*) AS "teams!"
           FROM waiting"#,
        run.queue,
        run.team,
        LATELY.as_secs_f64(),
    )
    .fetch_one(conn)
    .await?;
    Ok(Pace { ended: row.ended, over: LATELY, share: row.share, teams: row.teams })
}

/// How long a workflow takes, by its last fifty runs that completed, among the last two thousand at all.
async fn typical(conn: &mut PgConnection, provider: &str, workflow: &str) -> Result<Option<Typical>> {
    let row = sqlx::query!(
        r#"SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM ended.finished_at - ended.started_at)::double precision) AS median,
                  count(*) AS "runs!"
           FROM (SELECT * FROM (SELECT status, started_at, finished_at FROM run WHERE provider = $1 AND workflow = $2
                                ORDER BY provider, workflow, id DESC LIMIT 2000) lately
                 WHERE lately.status = 'completed' AND lately.started_at IS NOT NULL LIMIT 50) ended"#,
        provider,
        workflow,
    )
    .fetch_one(conn)
    .await?;
    Ok(row.median.map(|median_s| Typical { workflow: workflow.to_owned(), median_s, runs: row.runs }))
}

/// When the last of the runs that work on what it waits for is over.
async fn end_of_what_it_waits_for(conn: &mut PgConnection, run: RunId) -> Result<Option<Estimate>> {
    let rows = sqlx::query!(
        r#"SELECT DISTINCT other.id AS "id!", other.provider AS "provider!", other.workflow AS "workflow!",
                  coalesce(extract(epoch FROM now() - other.started_at), 0)::double precision AS "elapsed_s!"
           FROM (
               SELECT r.current_run_id AS id FROM run JOIN resource_dependency d ON d.resource_id = run.resource_id AND d.wanted
               JOIN resource r ON r.id = d.depends_on_id WHERE run.id = $1 AND run.operation <> 'delete'
               UNION
               SELECT r.current_run_id FROM run JOIN resource_dependency d ON d.depends_on_id = run.resource_id
               JOIN resource r ON r.id = d.resource_id WHERE run.id = $1 AND run.operation = 'delete'
               UNION
               SELECT (s.wait ->> 'run')::uuid FROM step s WHERE s.run_id = $1 AND s.status = 'waiting') waited
           JOIN run other ON other.id = waited.id AND other.finished_at IS NULL
           LIMIT 20"#,
        run.0
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut last: Option<Estimate> = None;
    for row in rows {
        // Of one of them nothing is known: then neither is when all are over.
        let Some(typical) = typical(&mut *conn, &row.provider, &row.workflow).await? else { return Ok(None) };
        let rest = typical.rest(row.elapsed_s);
        if last.as_ref().is_none_or(|last| last.seconds < rest.seconds) {
            last = Some(rest);
        }
    }
    Ok(last)
}
