//! A batch, made: its resources are fixed by one statement.

use std::collections::BTreeSet;

use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Selector;
use crate::{
    domain::{
        access::Visible,
        batch::{BatchOperation, BatchStatus, Budget, Waves, Window},
        ids::ResourceId,
        resource::ResourceState,
    },
    store::Result,
};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct NewBatch {
    /// What to call it.
    pub name: String,
    /// Why.
    pub reason: String,
    /// What is to be done.
    pub operation: BatchOperation,
    /// To which resources.
    pub selector: Selector,
    /// The same, as it was given.
    pub shown_selector: String,
    /// The version of their providers that they are to have.
    pub provider_version: Option<String>,
    /// Params to set; null takes back what a batch had set.
    pub params: Value,
    /// In which waves.
    pub waves: Waves,
    /// How many at once.
    pub max_in_flight: u16,
    /// Seconds between waves.
    pub bake_s: i32,
    /// How many may fail.
    pub max_failures: Budget,
    /// When runs may begin, and the text that says so.
    pub window: Option<(Window, String)>,
    /// Whether reads look at each wave.
    pub verify: bool,
    /// Who asks.
    pub requested_by: String,
    /// Their id; nil for a guest.
    pub requester_id: Uuid,
    /// Whose resources it may be for.
    pub visible: Visible,
}

/// Makes a batch that waits for approval, of at most `most` resources and one. Gives its id and how many they are: more than
/// `most` means too many, and is to be rolled back. What would be done is not looked at yet: see `shared::batch::survey`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn create(conn: &mut PgConnection, new: &NewBatch, most: i64) -> Result<(Uuid, i64)> {
    let id = Uuid::now_v7();
    sqlx::query!(
        "INSERT INTO batch (id, name, reason, operation, selector, provider_version, params, waves, max_in_flight, bake_s, max_failures,
                            window_cron, verify, status, requested_by, requester_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        id,
        new.name,
        new.reason,
        new.operation.as_str(),
        new.shown_selector,
        new.provider_version,
        new.params,
        new.waves.to_string(),
        i32::from(new.max_in_flight),
        new.bake_s,
        new.max_failures.to_string(),
        new.window.as_ref().map(|(_, text)| text.as_str()),
        new.verify,
        BatchStatus::AwaitingApproval.as_str(),
        new.requested_by,
        new.requester_id,
    )
    .execute(&mut *conn)
    .await?;
    let (count, teams) = choose(&mut *conn, id, new, most).await?;
    if count == 0 || count > most {
        return Ok((id, count));
    }
    // A wave that no resource is of is none: the numbers have no gaps.
    sqlx::query!(
        "UPDATE batch_item SET wave = dense.number
         FROM (SELECT wave, (row_number() OVER (ORDER BY wave))::int - 1 AS number FROM batch_item WHERE batch_id = $1 GROUP BY wave) dense
         WHERE batch_item.batch_id = $1 AND batch_item.wave = dense.wave AND dense.wave <> dense.number",
        id
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "INSERT INTO batch_wave (batch_id, number, total) SELECT batch_id, wave, count(*) FROM batch_item WHERE batch_id = $1 GROUP BY 1, 2",
        id
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "UPDATE batch SET total = $2, teams = $3 WHERE id = $1",
        id,
        i32::try_from(count).unwrap_or(i32::MAX),
        &teams,
    )
    .execute(conn)
    .await?;
    Ok((id, count))
}

/// Writes the items: those of production last, the others in an order that mixes teams, types and ages. Gives how many they are,
/// and whose.
async fn choose(conn: &mut PgConnection, id: Uuid, new: &NewBatch, most: i64) -> Result<(i64, Vec<String>)> {
    let selector = &new.selector;
    let (names, versions) = providers(&mut *conn, selector).await?;
    let or_all = |list: &[String]| (!list.is_empty()).then(|| list.to_vec());
    let states: Vec<String> = selector.states.iter().map(ToString::to_string).collect();
    let resources: Vec<Uuid> = selector.resources.iter().map(|id| id.0).collect();
    // A sort of very many does not go to the disk.
    sqlx::raw_sql("SET LOCAL work_mem = '64MB'").execute(&mut *conn).await?;
    let chosen = sqlx::query!(
        r#"WITH chosen AS MATERIALIZED (
             SELECT c.id, c.team, c.group_key, c.basis,
                    row_number() OVER (ORDER BY lower(c.environment) IN ('prod', 'production'), md5(c.id::text)::uuid) AS place
             FROM batch_candidate c
             WHERE ($3::text[] IS NULL OR c.type = ANY ($3)) AND ($4::text[] IS NULL OR coalesce(c.class, 'default') = ANY ($4))
               AND ($5::text[] IS NULL OR (c.provider, c.provider_version) IN (SELECT * FROM UNNEST($5::text[], $6::text[])))
               AND ($7::text[] IS NULL OR c.team = ANY ($7)) AND ($8::text[] IS NULL OR c.environment = ANY ($8))
               AND ($9::text[] IS NULL OR c.application = ANY ($9)) AND ($10::text[] IS NULL OR c.state = ANY ($10))
               AND ($11::uuid[] IS NULL OR c.id = ANY ($11))
               AND ($12::uuid IS NULL OR c.id IN (SELECT resource_id FROM batch_item WHERE batch_id = $12 AND status = 'failed'))
               AND c.labels @> $13 AND NOT c.labels @> ANY ($14::jsonb[]) AND c.labels ?& $15 AND NOT c.labels ?| $16
               AND ($17::text[] IS NULL OR c.team = ANY ($17))
               AND c.desired = 'present' AND c.state <> 'terminating'
               AND CASE $18::text WHEN 'retry' THEN c.state = 'failed' WHEN 'delete' THEN true
                                  WHEN 'reprovision' THEN c.made OR c.state = 'failed' ELSE c.made END
             ORDER BY place LIMIT $19),
         ends AS (
             SELECT array_agg(last ORDER BY last) AS of_waves
             FROM (SELECT CASE WHEN e < 0 THEN ceil(total * -e / 100 - 1e-9) ELSE e END AS last
                   FROM UNNEST($2::float8[]) e, (SELECT count(*) AS total FROM chosen) counted) each),
         written AS (
             -- Waves are cumulative: a resource is of the first whose end its place does not exceed.
             INSERT INTO batch_item (batch_id, resource_id, position, wave, group_key, basis)
             SELECT $1, id, place, width_bucket(place - 0.5::float8, of_waves), group_key, basis FROM chosen, ends)
         SELECT count(*) AS "count!", coalesce(array_agg(DISTINCT team ORDER BY team), '{}') AS "teams!" FROM chosen"#,
        id,
        &new.waves.ends(),
        or_all(&selector.types) as Option<Vec<String>>,
        or_all(&selector.classes) as Option<Vec<String>>,
        names as Option<Vec<String>>,
        &versions,
        or_all(&selector.teams) as Option<Vec<String>>,
        or_all(&selector.environments) as Option<Vec<String>>,
        or_all(&selector.applications) as Option<Vec<String>>,
        or_all(&states) as Option<Vec<String>>,
        (!resources.is_empty()).then_some(resources) as Option<Vec<Uuid>>,
        selector.failed_in,
        selector.labels.contained(),
        &selector.labels.excluded(),
        &selector.labels.present,
        &selector.labels.absent,
        new.visible.teams(),
        new.operation.as_str(),
        most.saturating_add(1),
    )
    .fetch_one(conn)
    .await?;
    Ok((chosen.count, chosen.teams))
}

/// The providers and versions that the selector means, of those that made anything; none: all.
async fn providers(conn: &mut PgConnection, selector: &Selector) -> Result<(Option<Vec<String>>, Vec<String>)> {
    if selector.providers.is_empty() {
        return Ok((None, Vec::new()));
    }
    let names: Vec<String> = selector.providers.iter().map(|term| term.name.clone()).collect();
    let there = sqlx::query!(
        r#"SELECT DISTINCT provider AS "provider!", provider_version AS "version!" FROM resource
           WHERE provider = ANY ($1) AND provider_version IS NOT NULL AND state <> $2"#,
        &names,
        ResourceState::Terminated.as_str(),
    )
    .fetch_all(conn)
    .await?;
    let means = |name: &str, version: &str| {
        selector.providers.iter().filter(|term| term.name == name).any(|term| match &term.versions {
            None => true,
            Some(range) => version.parse().is_ok_and(|version| range.matches(&version)),
        })
    };
    let meant = there.into_iter().filter(|it| means(&it.provider, &it.version)).map(|it| (it.provider, it.version));
    let (names, versions) = meant.collect::<BTreeSet<_>>().into_iter().unzip();
    Ok((Some(names), versions))
}

/// Resources of a batch that it has not begun with, at most `limit`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn open_resources(executor: impl PgExecutor<'_>, id: Uuid, limit: i64) -> Result<Vec<ResourceId>> {
    Ok(sqlx::query_scalar!(
        r#"SELECT resource_id AS "id: ResourceId" FROM batch_item WHERE batch_id = $1 AND status = 'open' ORDER BY position LIMIT $2"#,
        id,
        limit,
    )
    .fetch_all(executor)
    .await?)
}

/// Leaves resources out that the batch has not begun with, each with the reason.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn refuse(conn: &mut PgConnection, id: Uuid, refused: &[(ResourceId, String)]) -> Result<()> {
    let (ids, reasons): (Vec<Uuid>, Vec<String>) = refused.iter().map(|(id, why)| (id.0, why.clone())).unzip();
    let skipped = sqlx::query!(
        "UPDATE batch_item i SET status = 'skipped', detail = refused.why, started_at = now(), finished_at = now()
         FROM UNNEST($2::uuid[], $3::text[]) AS refused (id, why)
         WHERE i.batch_id = $1 AND i.resource_id = refused.id AND i.status = 'open'",
        id,
        &ids,
        &reasons,
    )
    .execute(&mut *conn)
    .await?
    .rows_affected();
    let skipped = i32::try_from(skipped).unwrap_or(i32::MAX);
    sqlx::query!("UPDATE batch SET skipped = skipped + $2 WHERE id = $1", id, skipped).execute(conn).await?;
    Ok(())
}
