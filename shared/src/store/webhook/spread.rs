//! Events become deliveries for the endpoints that want them.

use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::super::Result;
use crate::domain::announcement::{Occurred, wanted};

/// Deliveries that may wait for one endpoint; one that has more is disabled.
pub const MAX_WAITING: i64 = 10_000;

/// After a restore into a younger cluster, transactions count from less than was noted: begins anew there, so that what happens
/// from now on is announced.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn heal(conn: &mut PgConnection) -> Result<()> {
    sqlx::query!(
        "UPDATE webhook_cursor SET xid = pg_snapshot_xmin(pg_current_snapshot()), id = 0
         WHERE xid > pg_snapshot_xmax(pg_current_snapshot())"
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "UPDATE webhook_endpoint SET from_xid = pg_snapshot_xmin(pg_current_snapshot())
         WHERE from_xid > pg_snapshot_xmax(pg_current_snapshot())"
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// An endpoint, as far as the choice of events needs it.
struct Listener {
    id: Uuid,
    team: Option<String>,
    events: Vec<String>,
    from_xid: u64,
}

/// Makes the deliveries of the next `limit` events for all endpoints that want them, and moves the cursor behind them. Returns how
/// many events there were, and the endpoints for which too many deliveries wait. One process at a time; another gets 0.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn spread(
    conn: &mut PgConnection,
    source: &str,
    give_up_after_s: u32,
    limit: i64,
) -> Result<(usize, Vec<Uuid>)> {
    let rows = sqlx::query!(
        r#"SELECT id, team, events, from_xid::text AS "from_xid!" FROM webhook_endpoint WHERE disabled_at IS NULL"#
    )
    .fetch_all(&mut *conn)
    .await?;
    let listeners: Vec<Listener> = rows
        .into_iter()
        .map(|row| Listener {
            id: row.id,
            team: row.team,
            events: row.events,
            from_xid: row.from_xid.parse().unwrap_or_default(),
        })
        .collect();
    let Some(earliest) = listeners.iter().map(|it| it.from_xid).min() else { return Ok((0, Vec::new())) };
    let cursor = sqlx::query!(r#"SELECT xid::text AS "xid!", id FROM webhook_cursor FOR UPDATE SKIP LOCKED"#)
        .fetch_optional(&mut *conn)
        .await?;
    let Some(cursor) = cursor else { return Ok((0, Vec::new())) };
    let noted: u64 = cursor.xid.parse().unwrap_or_default();
    let (after_xid, after_id) = (noted, cursor.id).max((earliest, 0));
    let events = read(&mut *conn, after_xid, after_id, limit).await?;
    let Some(last) = events.last() else { return Ok((0, Vec::new())) };
    sqlx::query!("UPDATE webhook_cursor SET xid = $1::text::xid8, id = $2", last.xid.to_string(), last.id)
        .execute(&mut *conn)
        .await?;

    let (mut ids, mut endpoints, mut xids, mut numbers, mut kinds, mut payloads) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for event in &events {
        let wants = |it: &&Listener| {
            event.xid >= it.from_xid && (it.team.is_none() || it.team == event.team) && wanted(&it.events, &event.kind)
        };
        let mut payload = None;
        for listener in listeners.iter().filter(wants) {
            ids.push(Uuid::now_v7());
            endpoints.push(listener.id);
            xids.push(event.xid.to_string());
            numbers.push(event.id);
            kinds.push(event.kind.clone());
            payloads.push(payload.get_or_insert_with(|| event.cloud_event(source)).clone());
        }
    }
    if ids.is_empty() {
        return Ok((events.len(), Vec::new()));
    }
    sqlx::query!(
        "INSERT INTO webhook_delivery (id, endpoint_id, event_xid, event_id, type, payload, give_up_at)
         SELECT new.id, new.endpoint, new.xid::xid8, new.number, new.type, new.payload, now() + make_interval(secs => $7)
         FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::jsonb[])
              AS new(id, endpoint, xid, number, type, payload)
         JOIN webhook_endpoint e ON e.id = new.endpoint
         ON CONFLICT (endpoint_id, event_xid, event_id) DO NOTHING",
        &ids,
        &endpoints,
        &xids,
        &numbers,
        &kinds,
        &payloads,
        f64::from(give_up_after_s)
    )
    .execute(&mut *conn)
    .await?;
    let flooded = sqlx::query_scalar!(
        "SELECT endpoint_id FROM webhook_delivery WHERE status = 'pending' GROUP BY endpoint_id HAVING count(*) > $1",
        MAX_WAITING
    )
    .fetch_all(conn)
    .await?;
    Ok((events.len(), flooded))
}

async fn read(executor: impl PgExecutor<'_>, xid: u64, id: i64, limit: i64) -> Result<Vec<Occurred>> {
    let rows = sqlx::query!(
        r#"SELECT e.xid::text AS "xid!", e.id, e.at, e.type AS kind, e.actor, e.data, e.step,
                  coalesce(run.team, app.team, owner.team) AS team, coalesce(app.name, owner.name) AS application,
                  r.id AS "resource_id?", r.name AS "resource?", r.type AS "resource_type?", e.run_id, run.workflow AS "workflow?",
                  run.provider AS "provider?", run.operation AS "operation?", run.error_message AS run_error
           FROM event e LEFT JOIN run ON run.id = e.run_id
                LEFT JOIN resource r ON r.id = coalesce(e.resource_id, run.resource_id)
                LEFT JOIN application owner ON owner.id = r.application_id
                LEFT JOIN application app ON app.id = coalesce(e.application_id, run.application_id)
           WHERE (e.xid, e.id) > ($1::text::xid8, $2) AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
           ORDER BY e.xid, e.id LIMIT $3"#,
        xid.to_string(),
        id,
        limit
    )
    .fetch_all(executor)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Occurred {
            xid: row.xid.parse().unwrap_or_default(),
            id: row.id,
            at: row.at,
            kind: row.kind,
            actor: row.actor,
            data: row.data,
            team: row.team,
            application: row.application,
            resource_id: row.resource_id,
            resource: row.resource,
            resource_type: row.resource_type,
            run_id: row.run_id,
            workflow: row.workflow,
            provider: row.provider,
            operation: row.operation,
            run_error: row.run_error,
            step: row.step,
        })
        .collect())
}
