//! What an accepted submission writes.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sqlx::PgConnection;

use super::{DEFAULT_TEAM, Diff, Standing, Submission, Wanted, standing::Existing};
use crate::{
    domain::{
        event as events,
        ids::{ApplicationId, ResourceId},
        resource::ResourceState,
    },
    store::{
        Result,
        event::{self, NewEvent},
    },
};

/// The application and its new generation, and wakes the schedulers: its id, the generation's number, and whether the
/// application is new.
pub(super) async fn application(
    conn: &mut PgConnection,
    submission: &Submission,
    existing: Option<&Existing>,
) -> Result<(ApplicationId, i32, bool)> {
    let id = existing.map_or_else(ApplicationId::new, |found| found.id);
    let generation = existing.map_or(1, |found| found.generation + 1);
    let (requested, by_spec) = (submission.requested_ttl_s.map(f64::from), submission.ttl_s.map(f64::from));
    if existing.is_none() {
        sqlx::query!(
            "WITH named AS (INSERT INTO team (name) VALUES ($3) ON CONFLICT DO NOTHING)
             INSERT INTO application (id, name, team, generation, labels, expires_at, expires_by)
             VALUES ($1, $2, $3, 1, $4, now() + make_interval(secs => coalesce($5::float8, $6::float8)),
                     CASE WHEN $5::float8 IS NOT NULL THEN 'request' WHEN $6::float8 IS NOT NULL THEN 'spec' END)",
            id.0,
            submission.name,
            submission.team.as_deref().unwrap_or(DEFAULT_TEAM),
            submission.labels,
            requested,
            by_spec,
        )
        .execute(&mut *conn)
        .await?;
    } else {
        // A time given by request stays when a later spec says nothing; one from a spec goes with the spec's annotation.
        sqlx::query!(
            "UPDATE application SET generation = $2, labels = $3, updated_at = now(), expiry_blocked_at = NULL,
                    expires_at = CASE WHEN $4::float8 IS NOT NULL THEN now() + make_interval(secs => $4)
                                      WHEN expires_by = 'request' THEN expires_at
                                      WHEN $5::float8 IS NOT NULL THEN now() + make_interval(secs => $5) END,
                    expires_by = CASE WHEN $4::float8 IS NOT NULL OR expires_by = 'request' THEN 'request'
                                      WHEN $5::float8 IS NOT NULL THEN 'spec' END
             WHERE id = $1",
            id.0,
            generation,
            submission.labels,
            requested,
            by_spec,
        )
        .execute(&mut *conn)
        .await?;
    }
    // A round trip less than by `notify`, and it says where to look first.
    sqlx::query!(
        "WITH woken AS (SELECT pg_notify('slipway', 'submitted'))
         INSERT INTO generation (application_id, number, spec, digest, warnings, submitted_by, choices, restores)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8 FROM woken",
        id.0,
        generation,
        submission.spec,
        &submission.digest[..],
        submission.warnings,
        submission.actor,
        json!(submission.choices),
        submission.restores,
    )
    .execute(&mut *conn)
    .await?;
    Ok((id, generation, existing.is_none()))
}

/// The resources as the submission asks for them, who uses them, and what they need.
pub(super) async fn resources(
    conn: &mut PgConnection,
    submission: &Submission,
    id: ApplicationId,
    generation: i32,
    standing: &Standing,
    diff: &Diff,
) -> Result<()> {
    let mut ids: BTreeMap<&str, ResourceId> =
        standing.present.iter().map(|(identity, there)| (identity.as_str(), there.id)).collect();
    let made: Vec<(ResourceId, &String, &Wanted)> = diff
        .create
        .iter()
        .filter_map(|name| Some((ResourceId::new(), name, submission.resources.get(name)?)))
        .collect();
    ids.extend(made.iter().map(|(made_id, _, wanted)| (wanted.identity.as_str(), *made_id)));
    insert(conn, id, &made).await?;
    alter(conn, submission, diff).await?;
    set_uses(conn, submission, id, &ids, standing.application.is_none()).await?;

    let relinked = diff.update.iter().filter(|it| it.relinked);
    let relinked: Vec<(ResourceId, &Wanted)> =
        relinked.filter_map(|it| Some((it.id, submission.resources.get(&it.name)?))).collect();
    let linked: Vec<(ResourceId, &Wanted)> =
        made.iter().map(|(id, _, wanted)| (*id, *wanted)).chain(relinked.iter().copied()).collect();
    link(conn, submission, &ids, &linked, !relinked.is_empty()).await?;

    let told = |kind: String, resource_id: ResourceId, wanted: Option<&Wanted>| NewEvent {
        kind,
        application_id: Some(id),
        resource_id: Some(resource_id),
        actor: Some(submission.actor.clone()),
        data: json!({"generation": generation, "params": wanted.map(|wanted| &wanted.params)}),
        ..NewEvent::default()
    };
    let mut happened = vec![NewEvent {
        kind: events::APPLICATION_SUBMITTED.into(),
        application_id: Some(id),
        actor: Some(submission.actor.clone()),
        data: json!({"generation": generation, "restores": submission.restores, "resources": diff.create,
                     "changed": diff.update.iter().map(|it| &it.name).collect::<Vec<_>>(),
                     "removed": diff.remove.iter().map(|it| &it.name).collect::<Vec<_>>()}),
        ..NewEvent::default()
    }];
    happened.extend(
        made.iter().map(|(made_id, _, wanted)| {
            told(events::resource_became(ResourceState::Requested), *made_id, Some(wanted))
        }),
    );
    happened.extend(
        diff.update.iter().map(|it| told(events::RESOURCE_CHANGED.into(), it.id, submission.resources.get(&it.name))),
    );
    event::append(conn, &happened).await
}

/// Columns of the rows to write.
struct Columns {
    annotations: Vec<Value>,
    labels: Vec<Value>,
    params: Vec<Value>,
    tags: Vec<String>,
    workflows: Vec<Option<String>>,
    shared: Vec<bool>,
}

impl Columns {
    fn of<'a>(wanted: impl Iterator<Item = &'a Wanted>) -> Self {
        let mut columns = Self {
            annotations: vec![],
            labels: vec![],
            params: vec![],
            tags: vec![],
            workflows: vec![],
            shared: vec![],
        };
        for it in wanted {
            columns.annotations.push(it.annotations.clone());
            columns.labels.push(it.labels.clone());
            columns.params.push(it.params.clone());
            // An array of arrays of different lengths is none in Postgres.
            columns.tags.push(it.tags.join(","));
            columns.workflows.push(it.workflow.clone());
            columns.shared.push(it.shared);
        }
        columns
    }
}

async fn insert(conn: &mut PgConnection, id: ApplicationId, made: &[(ResourceId, &String, &Wanted)]) -> Result<()> {
    let columns = Columns::of(made.iter().map(|(.., wanted)| *wanted));
    // Another application that makes the same shared resource at this moment: the unique index makes this one wait and
    // then fail with a conflict, and the next try finds the resource.
    sqlx::query!(
        "INSERT INTO resource (id, application_id, name, type, class, identity, shared, params, annotations, labels, tags,
                               workflow_override)
         SELECT id, $2, name, type, class, identity, shared, params, annotations, labels,
                CASE WHEN tags = '' THEN '{}' ELSE string_to_array(tags, ',') END, workflow
         FROM UNNEST($1::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bool[], $8::jsonb[], $9::jsonb[], $10::jsonb[],
                     $11::text[], $12::text[])
              AS new (id, name, type, class, identity, shared, params, annotations, labels, tags, workflow)
         ORDER BY identity",
        &made.iter().map(|(id, ..)| id.0).collect::<Vec<_>>(),
        id.0,
        &made.iter().map(|(_, name, _)| (*name).clone()).collect::<Vec<_>>(),
        &made.iter().map(|(.., wanted)| wanted.kind.clone()).collect::<Vec<_>>(),
        &made.iter().map(|(.., wanted)| wanted.class.clone()).collect::<Vec<_>>() as &[Option<String>],
        &made.iter().map(|(.., wanted)| wanted.identity.clone()).collect::<Vec<_>>(),
        &columns.shared,
        &columns.params,
        &columns.annotations,
        &columns.labels,
        &columns.tags,
        &columns.workflows as &[Option<String>],
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What is asked for differently. A run that is on goes on; what it made is compared when it is over.
async fn alter(conn: &mut PgConnection, submission: &Submission, diff: &Diff) -> Result<()> {
    if diff.update.is_empty() {
        return Ok(());
    }
    let altered: Vec<_> = diff.update.iter().filter_map(|it| Some((it, submission.resources.get(&it.name)?))).collect();
    let columns = Columns::of(altered.iter().map(|(_, wanted)| *wanted));
    sqlx::query!(
        "UPDATE resource SET params = new.params, annotations = new.annotations, labels = new.labels,
                tags = CASE WHEN new.tags = '' THEN '{}' ELSE string_to_array(new.tags, ',') END,
                workflow_override = new.workflow, shared = new.shared, updated_at = now(),
                reconcile_requested_at = CASE WHEN new.reconciles THEN now() ELSE reconcile_requested_at END,
                -- Whoever mends what failed wants another try of it.
                retry_requested_at = CASE WHEN state = 'failed' THEN now() ELSE retry_requested_at END
         FROM UNNEST($1::uuid[], $2::jsonb[], $3::jsonb[], $4::jsonb[], $5::text[], $6::text[], $7::bool[],
                     $8::bool[])
              AS new (id, params, annotations, labels, tags, workflow, reconciles, shared)
         WHERE resource.id = new.id",
        &altered.iter().map(|(it, _)| it.id.0).collect::<Vec<_>>(),
        &columns.params,
        &columns.annotations,
        &columns.labels,
        &columns.tags,
        &columns.workflows as &[Option<String>],
        &altered.iter().map(|(it, _)| it.reconciles()).collect::<Vec<_>>(),
        &columns.shared,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes under which names the application uses which resources, and hands a shared one that it uses no more to another
/// of its users.
async fn set_uses(
    conn: &mut PgConnection,
    submission: &Submission,
    id: ApplicationId,
    ids: &BTreeMap<&str, ResourceId>,
    new: bool,
) -> Result<()> {
    let uses =
        submission.resources.iter().filter_map(|(name, wanted)| Some((ids.get(wanted.identity.as_str())?.0, name)));
    let (used, names): (Vec<_>, Vec<_>) = uses.map(|(used, name)| (used, name.clone())).unzip();
    if !used.is_empty() {
        sqlx::query!(
            "INSERT INTO resource_user (resource_id, application_id, name)
             SELECT resource_id, $2, name FROM UNNEST($1::uuid[], $3::text[]) AS new (resource_id, name)
             ON CONFLICT DO NOTHING",
            &used,
            id.0,
            &names,
        )
        .execute(&mut *conn)
        .await?;
    }
    if new {
        return Ok(());
    }
    let dropped = sqlx::query_scalar!(
        "DELETE FROM resource_user WHERE application_id = $2
           AND NOT EXISTS (SELECT FROM UNNEST($1::uuid[], $3::text[]) AS kept (id, name)
                           WHERE kept.id = resource_user.resource_id AND kept.name = resource_user.name)
         RETURNING resource_id",
        &used,
        id.0,
        &names,
    )
    .fetch_all(&mut *conn)
    .await?;
    crate::store::resource::hand_over(conn, id, &dropped).await
}

/// Notes what resources need now. What they needed before and may have been made from is kept as that.
async fn link(
    conn: &mut PgConnection,
    submission: &Submission,
    ids: &BTreeMap<&str, ResourceId>,
    linked: &[(ResourceId, &Wanted)],
    relinked: bool,
) -> Result<()> {
    let edges = linked.iter().flat_map(|(id, wanted)| {
        let needs = wanted.depends_on.iter().filter_map(|name| submission.resources.get(name));
        needs.filter_map(|needed| Some((id.0, ids.get(needed.identity.as_str())?.0)))
    });
    let (dependents, needed): (Vec<_>, Vec<_>) = edges.unzip();
    // Only what was there before can have needed something else.
    if relinked {
        sqlx::query!(
            "WITH dropped AS (
                 SELECT d.resource_id, d.depends_on_id,
                        r.applied_params IS NULL AND r.current_run_id IS NULL
                        AND NOT EXISTS (SELECT FROM run WHERE run.resource_id = r.id AND run.started_at IS NOT NULL) AS untouched
                 FROM resource_dependency d JOIN resource r ON r.id = d.resource_id
                 WHERE d.resource_id = ANY ($1)
                   AND NOT EXISTS (SELECT FROM UNNEST($2::uuid[], $3::uuid[]) AS new (dependent, needed)
                                   WHERE new.dependent = d.resource_id AND new.needed = d.depends_on_id)),
             forgotten AS (DELETE FROM resource_dependency d USING dropped
                           WHERE dropped.untouched AND (d.resource_id, d.depends_on_id) = (dropped.resource_id, dropped.depends_on_id))
             UPDATE resource_dependency d SET wanted = false FROM dropped
             WHERE NOT dropped.untouched AND (d.resource_id, d.depends_on_id) = (dropped.resource_id, dropped.depends_on_id)",
            &linked.iter().map(|(id, _)| id.0).collect::<Vec<_>>(),
            &dependents,
            &needed,
        )
        .execute(&mut *conn)
        .await?;
    }
    if dependents.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO resource_dependency (resource_id, depends_on_id)
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[])
         ON CONFLICT (resource_id, depends_on_id) DO UPDATE SET wanted = true",
        &dependents,
        &needed,
    )
    .execute(conn)
    .await?;
    Ok(())
}
