//! Events become things to tell, and those become messages: the first at once, what follows soon after it together.

use std::collections::HashMap;

use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::super::Result;
use crate::domain::notification::{Item, Message, NotificationKind};

/// Things kept for a rule until they are told; of more, only how many there are.
const KEPT: i64 = 50;
/// Things that one message tells of; of more, only how many there are.
const TOLD: usize = 20;
/// Transactions by which the cursor may stay behind while nothing concerns anybody, so that it is not written for nothing.
const LAG: u64 = 500;

/// After a restore into a younger cluster, transactions count from less than was noted: begins anew there.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn heal(conn: &mut PgConnection) -> Result<()> {
    sqlx::query!(
        "UPDATE notification_cursor SET xid = pg_snapshot_xmin(pg_current_snapshot()), id = 0
         WHERE xid > pg_snapshot_xmax(pg_current_snapshot())"
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "UPDATE notification_rule SET from_xid = pg_snapshot_xmin(pg_current_snapshot())
         WHERE from_xid > pg_snapshot_xmax(pg_current_snapshot())"
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A rule, as far as the choice of events needs it.
struct Listener {
    id: Uuid,
    kinds: Vec<String>,
    /// The teams it is for; none: all.
    teams: Option<Vec<String>>,
    from_xid: u64,
}

impl Listener {
    fn wants(&self, told: &Told) -> bool {
        let concerns = |teams: &Vec<String>| teams.iter().any(|team| told.teams.contains(team));
        told.xid >= self.from_xid
            && self.kinds.iter().any(|kind| kind == told.item.kind.as_str())
            && self.teams.as_ref().is_none_or(concerns)
    }
}

/// An event that is told of.
struct Told {
    xid: u64,
    id: i64,
    /// Whose it is, and who is asked.
    teams: Vec<String>,
    item: Item,
}

/// Gives the next `limit` events that are told of to the rules that want them, and moves the cursor behind them. Returns how many
/// there were. One process at a time; another gets 0.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn spread(conn: &mut PgConnection, limit: i64) -> Result<usize> {
    let listeners = listeners(&mut *conn).await?;
    let Some(earliest) = listeners.iter().map(|it| it.from_xid).min() else { return Ok(0) };
    let cursor = sqlx::query!(
        r#"SELECT xid::text AS "xid!", id, pg_snapshot_xmin(pg_current_snapshot())::text AS "horizon!"
           FROM notification_cursor FOR UPDATE SKIP LOCKED"#
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(cursor) = cursor else { return Ok(0) };
    let (noted, horizon): (u64, u64) =
        (cursor.xid.parse().unwrap_or_default(), cursor.horizon.parse().unwrap_or_default());
    let after = (noted, cursor.id).max((earliest, 0));
    let (read, events) = read(&mut *conn, after, horizon, limit).await?;
    let next = match read.last() {
        Some(last) if i64::try_from(read.len()).unwrap_or(limit) >= limit => *last,
        // All before the horizon is settled, and was looked at.
        Some(_) => (horizon, 0),
        None if horizon > after.0.saturating_add(LAG) => (horizon, 0),
        None => return Ok(0),
    };
    sqlx::query!("UPDATE notification_cursor SET xid = $1::text::xid8, id = $2", next.0.to_string(), next.1)
        .execute(&mut *conn)
        .await?;
    give(conn, &listeners, &events).await?;
    Ok(read.len())
}

async fn listeners(conn: &mut PgConnection) -> Result<Vec<Listener>> {
    let rows = sqlx::query!(
        r#"SELECT r.id, r.kinds, r.team, r.person_id, p.teams AS "teams?", coalesce('admin' = ANY(p.roles), false) AS "admin!",
                  r.from_xid::text AS "from_xid!"
           FROM notification_rule r LEFT JOIN person p ON p.id = r.person_id
           WHERE r.paused_at IS NULL AND p.disabled_at IS NULL"#
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let teams = match (row.person_id, row.team) {
                // An admin who belongs to no team looks after all of them.
                (Some(_), _) => Some(row.teams.unwrap_or_default()).filter(|teams| !(row.admin && teams.is_empty())),
                (None, Some(team)) => Some(vec![team]),
                (None, None) => None,
            };
            Listener { id: row.id, kinds: row.kinds, teams, from_xid: row.from_xid.parse().unwrap_or_default() }
        })
        .collect())
}

/// The places of the events that could be told of, and those of them that are.
async fn read(
    conn: &mut PgConnection,
    (xid, id): (u64, i64),
    horizon: u64,
    limit: i64,
) -> Result<(Vec<(u64, i64)>, Vec<Told>)> {
    let names: Vec<String> = NotificationKind::EVENTS.iter().map(ToString::to_string).collect();
    let rows = sqlx::query!(
        r#"SELECT e.xid::text AS "xid!", e.id, e.at, e.type AS name, e.step, e.run_id,
                  coalesce(run.team, app.team, owner.team) AS team, coalesce(app.name, owner.name) AS application,
                  r.id AS "resource_id?", r.name AS "resource?", r.error_message AS resource_error,
                  run.workflow AS "workflow?", run.error_message AS run_error, run.kind AS "kind?",
                  run.parent_run_id IS NOT NULL AS "is_child!", p.message AS "question?", p.teams AS "asked?",
                  p.step_id IS NOT NULL AND p.decision IS NULL OR coalesce(b.status IN ('awaiting_approval', 'approval_void'), false) AS "open!",
                  b.id AS "batch_id?", b.name AS "batch?", b.teams AS "batch_teams?", b.detail AS "batch_detail?"
           FROM event e LEFT JOIN run ON run.id = e.run_id
                LEFT JOIN resource r ON r.id = coalesce(e.resource_id, run.resource_id)
                LEFT JOIN application owner ON owner.id = r.application_id
                LEFT JOIN application app ON app.id = coalesce(e.application_id, run.application_id)
                LEFT JOIN step s ON e.type = 'approval.requested' AND s.run_id = e.run_id AND s.name = e.step
                LEFT JOIN approval p ON p.step_id = s.id
                LEFT JOIN batch b ON e.type LIKE 'batch.%' AND b.id = (e.data ->> 'batch')::uuid
           WHERE (e.xid, e.id) > ($1::text::xid8, $2) AND e.xid < $3::text::xid8 AND e.type = ANY($4)
           ORDER BY e.xid, e.id LIMIT $5"#,
        xid.to_string(),
        id,
        horizon.to_string(),
        &names,
        limit
    )
    .fetch_all(conn)
    .await?;
    let mut places = Vec::with_capacity(rows.len());
    let mut told = Vec::new();
    for row in rows {
        let xid = row.xid.parse().unwrap_or_default();
        places.push((xid, row.id));
        let Some(kind) = NotificationKind::of_event(&row.name) else { continue };
        let (is_worth_it, message) = match kind {
            // Its parent fails with it, and is told of; a preview changes nothing; a resource's failure has its run.
            NotificationKind::Failure | NotificationKind::Approval if row.name.starts_with("batch.") => {
                (row.batch_id.is_some() && (kind == NotificationKind::Failure || row.open), row.batch_detail)
            }
            NotificationKind::Failure if row.name == "run.failed" => {
                (!row.is_child && row.kind.as_deref() != Some("preview"), row.run_error)
            }
            NotificationKind::Failure => (row.run_id.is_none(), row.resource_error),
            // Somebody may have decided meanwhile.
            NotificationKind::Approval => (row.open, row.question),
            NotificationKind::Drift => (true, None),
            // No event is one.
            NotificationKind::Test => (false, None),
        };
        if !is_worth_it {
            continue;
        }
        let mut teams = row.asked.unwrap_or_default();
        teams.extend(row.team.clone());
        teams.extend(row.batch_teams.unwrap_or_default());
        let item = Item {
            kind,
            at: row.at,
            team: row.team,
            application: row.application,
            resource_id: row.resource_id,
            resource: row.resource,
            run_id: row.run_id,
            workflow: row.workflow,
            step: row.step,
            message: message.map(|text| Item::line(&text)).filter(|text| !text.is_empty()),
            batch_id: row.batch_id,
            batch: row.batch.map(|name| Item::line(&name)),
        };
        told.push(Told { xid, id: row.id, teams, item });
    }
    Ok((places, told))
}

async fn give(conn: &mut PgConnection, listeners: &[Listener], events: &[Told]) -> Result<()> {
    let counted = sqlx::query!(r#"SELECT rule_id, count(*) AS "count!" FROM notification_item GROUP BY rule_id"#)
        .fetch_all(&mut *conn)
        .await?;
    let mut kept: HashMap<Uuid, i64> = counted.into_iter().map(|row| (row.rule_id, row.count)).collect();
    let (mut rules, mut xids, mut ids, mut bodies) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut overflow: HashMap<Uuid, i64> = HashMap::new();
    for told in events {
        for listener in listeners.iter().filter(|it| it.wants(told)) {
            let kept = kept.entry(listener.id).or_default();
            if *kept >= KEPT {
                *overflow.entry(listener.id).or_default() += 1;
                continue;
            }
            *kept += 1;
            rules.push(listener.id);
            xids.push(told.xid.to_string());
            ids.push(told.id);
            bodies.push(serde_json::to_value(&told.item).unwrap_or(Value::Null));
        }
    }
    if !rules.is_empty() {
        sqlx::query!(
            "INSERT INTO notification_item (rule_id, event_xid, event_id, body)
             SELECT new.rule, new.xid::xid8, new.id, new.body
             FROM UNNEST($1::uuid[], $2::text[], $3::bigint[], $4::jsonb[]) AS new(rule, xid, id, body)
             JOIN notification_rule r ON r.id = new.rule
             ON CONFLICT DO NOTHING",
            &rules,
            &xids,
            &ids,
            &bodies
        )
        .execute(&mut *conn)
        .await?;
    }
    let (rules, counts): (Vec<Uuid>, Vec<i64>) = overflow.into_iter().unzip();
    if !rules.is_empty() {
        sqlx::query!(
            "UPDATE notification_rule r SET overflow = r.overflow + more.count
             FROM UNNEST($1::uuid[], $2::bigint[]) AS more(rule, count) WHERE r.id = more.rule AND r.paused_at IS NULL",
            &rules,
            &counts
        )
        .execute(conn)
        .await?;
    }
    Ok(())
}

/// Makes a message for every rule that has something to tell and told nothing just now; up to `limit`. Returns how many.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn compose(conn: &mut PgConnection, give_up_after_s: u32, limit: i64) -> Result<usize> {
    let due = sqlx::query!(
        "SELECT r.id, r.overflow FROM notification_rule r
         WHERE r.paused_at IS NULL AND (r.quiet_until IS NULL OR r.quiet_until <= now())
           AND (r.overflow > 0 OR EXISTS (SELECT FROM notification_item i WHERE i.rule_id = r.id))
         ORDER BY r.id LIMIT $1 FOR NO KEY UPDATE OF r SKIP LOCKED",
        limit
    )
    .fetch_all(&mut *conn)
    .await?;
    for rule in &due {
        let bodies = sqlx::query_scalar!(
            "WITH taken AS (DELETE FROM notification_item WHERE rule_id = $1 RETURNING event_xid, event_id, body)
             SELECT body FROM taken ORDER BY event_xid, event_id",
            rule.id
        )
        .fetch_all(&mut *conn)
        .await?;
        let mut items: Vec<Item> = bodies.into_iter().filter_map(|body| serde_json::from_value(body).ok()).collect();
        let cut = items.len().saturating_sub(TOLD);
        items.truncate(TOLD);
        let more = u64::try_from(rule.overflow).unwrap_or_default() + u64::try_from(cut).unwrap_or_default();
        super::delivery::create(&mut *conn, rule.id, &Message { items, more }, give_up_after_s).await?;
        sqlx::query!(
            "UPDATE notification_rule SET overflow = 0, quiet_until = now() + make_interval(secs => digest_s) WHERE id = $1",
            rule.id
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(due.len())
}
