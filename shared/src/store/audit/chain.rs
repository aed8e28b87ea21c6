//! The chain: every committed entry gets a number and a hash over itself and the one before it.

use sqlx::{PgConnection, PgExecutor};

use super::{Outcome, Recorded};
use crate::{
    formats::audit_log::{self, Hash},
    store::Result,
};

/// The key of the lock under which one scheduler at a time chains.
const LOCK: i64 = 0x0061_7564_6974;

/// The end of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number of the last entry; 0 when there is none.
    pub seq: i64,
    /// Its hash.
    pub hash: Hash,
}

/// Where the chain ends now.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn head(executor: impl PgExecutor<'_>) -> Result<Head> {
    let row =
        sqlx::query!("SELECT seq, hash FROM audit_chain ORDER BY seq DESC LIMIT 1").fetch_optional(executor).await?;
    Ok(row.map_or(Head { seq: 0, hash: audit_log::FIRST }, |row| Head {
        seq: row.seq,
        hash: Hash::try_from(row.hash).unwrap_or(audit_log::FIRST),
    }))
}

/// Chains up to `limit` entries that are committed and before which none can be committed any more. Returns the new end and how
/// many entries there were; none when another scheduler is at it.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn extend(conn: &mut PgConnection, limit: i64) -> Result<Option<(Head, usize)>> {
    let free =
        sqlx::query_scalar!(r#"SELECT pg_try_advisory_xact_lock($1) AS "free!""#, LOCK).fetch_one(&mut *conn).await?;
    if !free {
        return Ok(None);
    }
    let mut head = head(&mut *conn).await?;
    // After a restore into a younger cluster, transactions count from less: then every entry is looked at once more.
    let rows = sqlx::query_as!(
        Recorded,
        r#"WITH last AS (SELECT entry_xid AS xid, entry_id AS id FROM audit_chain ORDER BY seq DESC LIMIT 1),
                low AS (SELECT xid, id FROM last WHERE xid < pg_snapshot_xmax(pg_current_snapshot()))
           SELECT NULL::bigint AS seq, NULL::text AS previous, NULL::text AS hash, e.id, e.at, e.actor_kind,
                  e.actor_id, e.actor_name AS actor, e.credential, e.action, e.object, e.team, e.outcome AS "outcome: Outcome",
                  e.before, e.after, e.request_id, e.address, e.agent
           FROM audit_entry e
           WHERE (e.xid, e.id) > (coalesce((SELECT xid FROM low), '0'::xid8), coalesce((SELECT id FROM low), 0))
             AND (e.xid < pg_snapshot_xmin(pg_current_snapshot()) OR e.xid >= pg_snapshot_xmax(pg_current_snapshot()))
             AND NOT EXISTS (SELECT FROM audit_chain c WHERE c.entry_id = e.id)
           ORDER BY e.xid, e.id LIMIT $1"#,
        limit,
    )
    .fetch_all(&mut *conn)
    .await?;
    let (mut numbers, mut ids, mut before, mut hashes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for mut row in rows {
        row.seq = Some(head.seq + 1);
        row.previous = Some(hex::encode(head.hash));
        let Ok(line) = serde_json::to_value(&row) else { continue };
        before.push(head.hash.to_vec());
        head = Head { seq: head.seq + 1, hash: audit_log::hash(&line) };
        numbers.push(head.seq);
        ids.push(row.id);
        hashes.push(head.hash.to_vec());
    }
    sqlx::query!(
        "INSERT INTO audit_chain (seq, entry_id, entry_xid, previous, hash)
         SELECT new.seq, e.id, e.xid, new.previous, new.hash
         FROM UNNEST($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[]) AS new(seq, id, previous, hash)
         JOIN audit_entry e ON e.id = new.id",
        &numbers,
        &ids,
        &before,
        &hashes,
    )
    .execute(conn)
    .await?;
    Ok(Some((head, numbers.len())))
}

/// How many entries are not chained yet, counted up to a thousand.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn waiting(executor: impl PgExecutor<'_>) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM (
             SELECT FROM audit_entry e WHERE NOT EXISTS (SELECT FROM audit_chain c WHERE c.entry_id = e.id) LIMIT 1000) AS missing"#
    )
    .fetch_one(executor)
    .await?)
}
