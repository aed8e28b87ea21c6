//! What blocks a run, by the code that it waits with.

use sqlx::PgConnection;

use super::Blocker;
use crate::{
    domain::{
        access::Visible,
        ids::{ResourceId, RunId},
        run::WaitReason,
    },
    store::{Result, run_list::Run},
};

pub(super) async fn of(
    conn: &mut PgConnection,
    run: &Run,
    code: WaitReason,
    visible: &Visible,
) -> Result<Vec<Blocker>> {
    Ok(match code {
        WaitReason::WaitingForDependency | WaitReason::DependencyFailed => resources(conn, run.id, visible).await?,
        WaitReason::ConcurrencyGroup => turns(conn, run.concurrency_group.as_deref(), visible).await?,
        WaitReason::BackingOff
        | WaitReason::WaitingForApproval
        | WaitReason::WaitingForStart
        | WaitReason::WaitingForChild
        | WaitReason::Delayed => steps(conn, run.id, visible).await?,
        WaitReason::NoWorkerForQueue | WaitReason::QueueFull | WaitReason::QueuePaused => {
            vec![Blocker::Queue(run.queue.clone())]
        }
        WaitReason::Promoting => Vec::new(),
        WaitReason::TeamQuota | WaitReason::Fairness => vec![Blocker::Team(run.team.clone())],
        WaitReason::QueueLimit
        | WaitReason::TeamLimit
        | WaitReason::TypeLimit
        | WaitReason::ProviderLimit
        | WaitReason::FreezeWindow => held_by(conn, run.id).await?,
    })
}

/// The limit or the freeze that holds a ready run.
async fn held_by(conn: &mut PgConnection, run: RunId) -> Result<Vec<Blocker>> {
    let row = sqlx::query!(
        r#"SELECT why.blocker, why.named FROM run CROSS JOIN LATERAL
               ready_wait(run.queue, run.team, run.resource_type, run.provider, run.environment, may_be_frozen(run)) why
           WHERE run.id = $1 AND run.status = 'pending' AND run.reason IS NULL"#,
        run.0
    )
    .fetch_optional(conn)
    .await?;
    // It may wait for something else by now.
    let blocker = row.and_then(|row| Some((row.blocker?, row.named?))).and_then(|(kind, named)| match kind.as_str() {
        "limit" => Some(Blocker::Limit(named)),
        "freeze" => Some(Blocker::Freeze(named)),
        "team" => Some(Blocker::Team(named)),
        "queue" => Some(Blocker::Queue(named)),
        _ => None,
    });
    Ok(blocker.into_iter().collect())
}

/// The runs that have a turn of the group.
async fn turns(conn: &mut PgConnection, group: Option<&str>, visible: &Visible) -> Result<Vec<Blocker>> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id: RunId", team FROM run
           WHERE concurrency_group = $1 AND status IN ('pending', 'queued', 'running', 'suspended') AND reason IS DISTINCT FROM 'ConcurrencyGroup'
           ORDER BY id LIMIT 50"#,
        group
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| Blocker::Run(visible.has(&row.team).then_some(row.id))).collect())
}

/// The steps that wait, and what they started.
async fn steps(conn: &mut PgConnection, run: RunId, visible: &Visible) -> Result<Vec<Blocker>> {
    let rows = sqlx::query!(
        r#"SELECT s.name, coalesce(s.wait ->> 'kind', 'retry') AS "kind!", child.id AS "child?: RunId", child.team AS "child_team?",
                  p.roles AS "roles?", p.teams AS "teams?", s.wait -> 'asked' ->> 'application' AS asked
           FROM step s
           LEFT JOIN run child ON child.id = (s.wait ->> 'run')::uuid
           LEFT JOIN approval p ON p.step_id = s.id AND p.decision IS NULL
           WHERE s.run_id = $1 AND (s.status = 'waiting' OR s.status = 'pending' AND s.not_before > now())
           ORDER BY s.position, s.item_index NULLS FIRST LIMIT 50"#,
        run.0
    )
    .fetch_all(conn)
    .await?;
    let mut blockers = Vec::new();
    for row in rows {
        let list = |names: Option<Vec<String>>| names.filter(|names| !names.is_empty()).map(|names| names.join(", "));
        let waits = match row.kind.as_str() {
            "approval" => match (list(row.roles), list(row.teams)) {
                (None, None) => "waits for an approver of its team".to_owned(),
                (Some(roles), None) => format!("waits for one with the role {roles}"),
                (None, Some(teams)) => format!("waits for an approver of {teams}"),
                (Some(roles), Some(teams)) => format!("waits for one of {teams} with the role {roles}"),
            },
            "start" => "waits to be started".to_owned(),
            "child" => "waits for the run that it started".to_owned(),
            "resources" => match row.asked {
                Some(asked) => format!("waits for the resources of application {asked}"),
                None => "waits for the resources that it asked for".to_owned(),
            },
            "delay" => "waits for its time".to_owned(),
            "retry" => "is tried again later".to_owned(),
            other => format!("waits for its {other}"),
        };
        blockers.push(Blocker::Step(row.name, waits));
        if let (Some(child), Some(team)) = (row.child, row.child_team) {
            blockers.push(Blocker::Run(visible.has(&team).then_some(child)));
        }
    }
    Ok(blockers)
}

struct Needed {
    id: ResourceId,
    name: String,
    team: String,
}

impl Needed {
    fn blocker(self, visible: &Visible) -> Blocker {
        Blocker::Resource(visible.has(&self.team).then_some((self.id, self.name)))
    }
}

/// The resources that a run waits for: those that it names, those that rest on what it removes, and those in the place of what it
/// makes.
async fn resources(conn: &mut PgConnection, run: RunId, visible: &Visible) -> Result<Vec<Blocker>> {
    let rows = sqlx::query_as!(
        Needed,
        r#"SELECT other.id AS "id!: ResourceId", other.name AS "name!", a.team AS "team!"
           FROM (
               SELECT d.depends_on_id AS id FROM run JOIN resource_dependency d ON d.resource_id = run.resource_id AND d.wanted
               WHERE run.id = $1 AND run.operation <> 'delete'
               UNION
               SELECT d.resource_id FROM run JOIN resource_dependency d ON d.depends_on_id = run.resource_id
               WHERE run.id = $1 AND run.operation = 'delete'
               UNION
               SELECT old.id FROM run JOIN resource r ON r.id = run.resource_id JOIN application a ON a.id = r.application_id
               JOIN resource old ON old.state <> 'terminated' AND old.desired = 'absent' AND old.id <> r.id
                                AND (old.identity = r.identity OR old.name = r.name)
               JOIN application oa ON oa.id = old.application_id
               WHERE run.id = $1 AND run.operation = 'create' AND (old.identity = r.identity OR oa.name = a.name)) needed
           JOIN resource other ON other.id = needed.id
           JOIN application a ON a.id = other.application_id
           JOIN run ON run.id = $1
           WHERE CASE WHEN run.operation = 'delete' OR other.desired = 'absent' THEN other.state <> 'terminated'
                      ELSE other.state NOT IN ('active', 'degraded') OR other.reconcile_requested_at IS NOT NULL END
           ORDER BY 2, 1 LIMIT 50"#,
        run.0
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| row.blocker(visible)).collect())
}

/// The resources that one without a run waits for.
pub(super) async fn needed_by(conn: &mut PgConnection, id: ResourceId, visible: &Visible) -> Result<Vec<Blocker>> {
    let rows = sqlx::query_as!(
        Needed,
        r#"SELECT other.id AS "id: ResourceId", other.name, a.team
           FROM resource_dependency d JOIN resource other ON other.id = d.depends_on_id JOIN application a ON a.id = other.application_id
           WHERE d.resource_id = $1 AND d.wanted AND (other.state NOT IN ('active', 'degraded') OR other.reconcile_requested_at IS NOT NULL)
           ORDER BY 2, 1 LIMIT 50"#,
        id.0
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| row.blocker(visible)).collect())
}
