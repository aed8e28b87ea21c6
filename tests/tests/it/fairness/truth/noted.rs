//! What holds runs as the last pass of promotion found it.

use std::collections::BTreeSet;

use super::{Row, World};

/// What the last pass of promotion noted.
#[derive(Debug)]
pub(super) struct Noted {
    queues: BTreeSet<String>,
    teams: BTreeSet<String>,
    limits: BTreeSet<(String, String)>,
}

impl Noted {
    pub(super) async fn read(world: &World) -> Self {
        let names = async |sql: &str| {
            let rows = sqlx::query_scalar::<_, String>(sqlx::AssertSqlSafe(sql.to_owned())).fetch_all(world.pool());
            rows.await.unwrap().into_iter().collect::<BTreeSet<String>>()
        };
        let limits = "SELECT kind, name FROM run_limit WHERE reached_since IS NOT NULL";
        let limits: Vec<(String, String)> = sqlx::query_as(limits).fetch_all(world.pool()).await.unwrap();
        Self {
            queues: names("SELECT name FROM queue WHERE wait_reason IS NOT NULL AND paused_at IS NULL").await,
            teams: names("SELECT team FROM team_wait").await,
            limits: limits.into_iter().collect(),
        }
    }

    /// Whether that holds the run.
    pub(super) fn has_found(&self, run: &Row) -> bool {
        let limit = |kind: &str, name: &str| self.limits.contains(&(kind.to_owned(), name.to_owned()));
        self.queues.contains(&run.queue)
            || self.teams.contains(&run.team)
            || limit("team", &run.team)
            || limit("provider", &run.provider)
            || run.resource_type.as_ref().is_some_and(|kind| limit("type", kind))
    }
}
