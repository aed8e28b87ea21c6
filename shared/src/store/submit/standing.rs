//! What is there when a submission comes.

use std::collections::BTreeSet;

use sqlx::{PgConnection, types::Json};

use super::{Choices, Present, Standing, Submission, Wanted};
use crate::{
    domain::{
        ids::{ApplicationId, ResourceId, RunId},
        resource::{PROTECTION, ResourceState},
    },
    store::Result,
};

/// The live application of a name.
pub(super) struct Existing {
    pub(super) id: ApplicationId,
    pub(super) team: String,
    pub(super) generation: i32,
    pub(super) digest: Vec<u8>,
    pub(super) choices: Json<Choices>,
    metadata: serde_json::Value,
    protected: bool,
}

pub(super) async fn application(conn: &mut PgConnection, name: &str) -> Result<Option<Existing>> {
    Ok(sqlx::query_as!(
        Existing,
        r#"SELECT a.id AS "id: ApplicationId", a.team, a.generation, g.digest, g.choices AS "choices: Json<Choices>",
                  coalesce(g.spec -> 'metadata', '{}') AS "metadata!",
                  (a.protected OR coalesce(g.spec -> 'metadata' -> 'annotations' ->> $2, '') = 'true') AS "protected!"
           FROM application a JOIN generation g ON g.application_id = a.id AND g.number = a.generation
           WHERE a.name = $1 AND a.delete_requested_at IS NULL"#,
        name,
        PROTECTION,
    )
    .fetch_optional(conn)
    .await?)
}

/// Locks the live runs, deletes apart, of resources that the application uses under a name that asks for something else now.
pub(super) async fn lock_live_runs_of_dropped(
    conn: &mut PgConnection,
    id: ApplicationId,
    submission: &Submission,
) -> Result<Vec<(RunId, ResourceId)>> {
    let (names, identities): (Vec<_>, Vec<_>) =
        submission.resources.iter().map(|(name, wanted)| (name.clone(), wanted.identity.clone())).unzip();
    let rows = sqlx::query!(
        r#"SELECT run.id AS "id: RunId", run.resource_id AS "resource_id!: ResourceId" FROM run
           WHERE run.status IN ('pending', 'queued', 'running', 'suspended') AND run.operation <> 'delete'
             AND run.resource_id IN (
                 SELECT u.resource_id FROM resource_user u JOIN resource r ON r.id = u.resource_id
                 WHERE u.application_id = $1
                   AND NOT EXISTS (SELECT FROM UNNEST($2::text[], $3::text[]) AS asked (name, identity)
                                   WHERE asked.name = u.name AND asked.identity = r.identity))
           ORDER BY run.id FOR NO KEY UPDATE"#,
        id.0,
        &names,
        &identities,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.resource_id)).collect())
}

/// Locks, in the order of their identities, the resources that the submission asks for and are there, and those that the
/// application uses.
pub(super) async fn lock(
    conn: &mut PgConnection,
    existing: Option<&Existing>,
    submission: &Submission,
) -> Result<Standing> {
    let identities: Vec<String> = submission.resources.values().map(|wanted| wanted.identity.clone()).collect();
    let application = existing.map(|found| found.id);
    let locked = sqlx::query_scalar!(
        r#"SELECT id AS "id: ResourceId" FROM resource
           WHERE state <> 'terminated' AND desired = 'present'
             AND id IN (SELECT id FROM resource WHERE identity = ANY ($1) AND state <> 'terminated' AND desired = 'present'
                        UNION SELECT resource_id FROM resource_user WHERE application_id = $2)
           ORDER BY identity FOR NO KEY UPDATE"#,
        &identities,
        application.map(|id| id.0),
    )
    .fetch_all(&mut *conn)
    .await?;
    if locked.is_empty() && existing.is_none() {
        return Ok(Standing::default());
    }
    // Read with a snapshot taken after the locks were had.
    let rows = sqlx::query!(
        r#"SELECT r.identity, r.id AS "id: ResourceId", r.application_id AS "application_id: ApplicationId", r.name, r.type AS kind,
                  r.class, r.shared, r.params, r.annotations, r.labels, r.tags, r.workflow_override,
                  r.state AS "state: ResourceState", r.applied_params IS NOT NULL AS "made!", r.provider, r.provider_version,
                  (r.protected OR coalesce(r.annotations ->> $2, '') = 'true') AS "protected!",
                  ARRAY(SELECT depends_on_id FROM resource_dependency d WHERE d.resource_id = r.id AND d.wanted)
                      AS "needs!: Vec<ResourceId>",
                  ARRAY(SELECT depends_on_id FROM resource_dependency d WHERE d.resource_id = r.id) AS "rests_on!: Vec<ResourceId>",
                  ARRAY(SELECT application_id FROM resource_user u WHERE u.resource_id = r.id ORDER BY application_id, name)
                      AS "users!: Vec<ApplicationId>",
                  ARRAY(SELECT name FROM resource_user u WHERE u.resource_id = r.id ORDER BY application_id, name)
                      AS "user_names!: Vec<String>"
           FROM resource r WHERE r.id = ANY ($1) AND r.state <> 'terminated' AND r.desired = 'present'"#,
        &locked.iter().map(|id| id.0).collect::<Vec<_>>(),
        PROTECTION,
    )
    .fetch_all(conn)
    .await?;
    let present = rows.into_iter().map(|row| {
        let wanted = Wanted {
            kind: row.kind,
            class: row.class,
            identity: row.identity.clone(),
            shared: row.shared,
            params: row.params,
            annotations: row.annotations,
            labels: row.labels,
            depends_on: BTreeSet::new(),
            names_metadata: false,
            tags: row.tags,
            workflow: row.workflow_override,
        };
        let present = Present {
            id: row.id,
            identity: row.identity.clone(),
            application_id: row.application_id,
            name: row.name,
            wanted,
            needs: row.needs.into_iter().collect(),
            rests_on: row.rests_on.into_iter().collect(),
            state: row.state,
            made: row.made,
            made_by: row.provider.zip(row.provider_version),
            protected: row.protected,
            users: row.users.into_iter().zip(row.user_names).collect(),
        };
        (row.identity, present)
    });
    Ok(Standing {
        application,
        protected: existing.is_some_and(|found| found.protected),
        metadata_differs: existing.is_some_and(|found| found.metadata != submission.spec["metadata"]),
        present: present.collect(),
    })
}

/// Takes `made_by` from what no run was begun for: it is planned as if it were new, as when it is resolved.
pub(super) async fn forget_who_never_began(conn: &mut PgConnection, standing: &mut Standing) -> Result<()> {
    let unmade = || standing.present.values().filter(|there| !there.made && there.made_by.is_some());
    let ids: Vec<_> = unmade().map(|there| there.id.0).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let begun = sqlx::query_scalar!(
        r#"SELECT DISTINCT resource_id AS "id!: ResourceId" FROM run WHERE resource_id = ANY ($1) AND started_at IS NOT NULL"#,
        &ids
    )
    .fetch_all(conn)
    .await?;
    for there in standing.present.values_mut().filter(|there| !there.made && !begun.contains(&there.id)) {
        there.made_by = None;
    }
    Ok(())
}
