//! What a resource looked like at a time, from what is only ever appended.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgExecutor;

use super::Result;
use crate::domain::ids::{ResourceId, RunId};

/// A resource as it was.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Where it stood; none: nothing is recorded of it up to then.
    pub state: Option<String>,
    /// Since when.
    pub state_since: Option<DateTime<Utc>>,
    /// Why, when it had failed or was degraded.
    pub state_data: Option<Value>,
    /// The generation of its application that was in force.
    pub generation: Option<i32>,
    /// What that generation said of it.
    pub asked: Option<Value>,
    /// The last run that had completed and gave back outputs.
    pub made_by: Option<RunId>,
    /// That run's provider.
    pub provider: Option<String>,
    /// That provider's version.
    pub provider_version: Option<String>,
    /// What that run gave back.
    pub outputs: Option<Value>,
    /// Names among them that are masked wherever they are shown.
    pub sensitive: Option<Vec<String>>,
    /// The run that worked on it at that moment.
    pub live_run: Option<RunId>,
}

/// The resource as it was at a moment. Runs that were pruned since are not remembered: outputs are missing then.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn at(executor: impl PgExecutor<'_>, id: ResourceId, moment: DateTime<Utc>) -> Result<Snapshot> {
    Ok(sqlx::query_as!(
        Snapshot,
        r#"WITH stood AS (SELECT type, at, data FROM event
                          WHERE resource_id = $1 AND at <= $2 AND type = ANY ($3) ORDER BY xid DESC, id DESC LIMIT 1),
           asked AS (SELECT g.number, g.spec -> 'resources' -> u.name AS said
                     FROM resource_user u JOIN generation g ON g.application_id = u.application_id
                     JOIN resource r ON r.id = u.resource_id AND r.application_id = u.application_id
                     WHERE u.resource_id = $1 AND g.created_at <= $2 ORDER BY g.number DESC LIMIT 1),
           made AS (SELECT id, provider, provider_version, outputs, sensitive_outputs FROM run
                    WHERE resource_id = $1 AND status = 'completed' AND operation IN ('create', 'update', 'read') AND finished_at <= $2
                    ORDER BY finished_at DESC LIMIT 1),
           live AS (SELECT id FROM run WHERE resource_id = $1 AND created_at <= $2 AND (finished_at IS NULL OR finished_at > $2)
                    ORDER BY id DESC LIMIT 1)
           SELECT (SELECT replace(type, 'resource.', '') FROM stood) AS state, (SELECT at FROM stood) AS state_since,
                  (SELECT data FROM stood) AS state_data, (SELECT number FROM asked) AS generation, (SELECT said FROM asked) AS asked,
                  (SELECT id FROM made) AS "made_by: RunId", (SELECT provider FROM made) AS provider,
                  (SELECT provider_version FROM made) AS provider_version, (SELECT outputs FROM made) AS outputs,
                  (SELECT sensitive_outputs FROM made) AS sensitive, (SELECT id FROM live) AS "live_run: RunId""#,
        id.0,
        moment,
        &crate::domain::resource::ResourceState::ALL
            .iter()
            .map(|state| crate::domain::event::resource_became(*state))
            .collect::<Vec<_>>(),
    )
    .fetch_one(executor)
    .await?)
}
