//! A submission: one transaction from a validated Score file to resources that the scheduler will have made.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sqlx::PgConnection;

use super::{
    Result, application,
    event::{self, NewEvent},
    notify,
};
use crate::domain::{
    event as events,
    ids::{ApplicationId, ResourceId},
    resource::ResourceState,
};

/// A validated submission.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Name of the workload.
    pub name: String,
    /// The team that is to own it; none: whoever owns it now, or `default`.
    pub team: Option<String>,
    /// Labels of the application.
    pub labels: Value,
    /// The Score file as JSON.
    pub spec: Value,
    /// SHA-256 of the spec in canonical JSON.
    pub digest: [u8; 32],
    /// What compatibility mode had to say about it, one string each.
    pub warnings: Value,
    /// What it needs, by name.
    pub resources: BTreeMap<String, Wanted>,
    /// The name of the key it came with.
    pub actor: String,
}

/// One resource that a submission asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Its type.
    pub kind: String,
    /// Its class, when the spec names one.
    pub class: Option<String>,
    /// `type.class#workload.name`, or `type.class#id` when shared.
    pub identity: String,
    /// Whether other applications may ask for the same one.
    pub shared: bool,
    /// As written, placeholders and all.
    pub params: Value,
    /// Its annotations.
    pub annotations: Value,
    /// Its labels.
    pub labels: Value,
    /// Names of the resources of this submission whose outputs its params name.
    pub depends_on: BTreeSet<String>,
    /// Whether its params name metadata of the workload, which differs from application to application.
    pub names_metadata: bool,
}

/// What became of a submission.
#[derive(Clone, Debug, PartialEq)]
pub enum Submitted {
    /// A new generation, the first one perhaps.
    Accepted {
        /// The application.
        id: ApplicationId,
        /// The number of the generation.
        generation: i32,
        /// Whether the application is new.
        created: bool,
    },
    /// The latest generation has the same content: nothing was changed.
    Unchanged {
        /// The application.
        id: ApplicationId,
        /// The number of its latest generation.
        generation: i32,
    },
    /// Refused, nothing was changed.
    Refused(Refusal),
}

/// Why a valid submission cannot be accepted now.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// The application is being deleted.
    Deleting,
    /// The application belongs to this other team.
    OtherTeam(String),
    /// It changes or removes resources.
    Changes {
        /// Names of resources asked for differently than before.
        changed: Vec<String>,
        /// Names of resources not asked for any more.
        removed: Vec<String>,
    },
    /// Shared resources that another application asked for with other params; (name, identity) each.
    SharedConflict(Vec<(String, String)>),
    /// Resources of these (name, identity) are being removed right now.
    Terminating(Vec<(String, String)>),
}

/// A resource that is there already, locked.
struct Present {
    id: ResourceId,
    application_id: ApplicationId,
    kind: String,
    class: Option<String>,
    params: Value,
    annotations: Value,
    absent: bool,
    state: ResourceState,
    depends_on: BTreeSet<ResourceId>,
}

/// Accepts a submission: the application, its new generation, its new resources, their dependencies, events, one NOTIFY.
/// Nothing is written when it is refused or changes nothing; the caller rolls back or commits as it likes.
///
/// # Errors
/// When Postgres cannot be reached. [`super::StoreError::is_conflict`] means that another submission or a removal got
/// in between: roll back and try again.
pub async fn submit(conn: &mut PgConnection, submission: &Submission) -> Result<Submitted> {
    application::lock_name(conn, &submission.name).await?;
    let existing = sqlx::query!(
        r#"SELECT a.id AS "id: ApplicationId", a.team, a.generation, a.delete_requested_at IS NOT NULL AS "deleting!", g.digest
           FROM application a JOIN generation g ON g.application_id = a.id AND g.number = a.generation
           WHERE a.name = $1 AND a.deleted_at IS NULL"#,
        submission.name
    )
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(found) = &existing {
        if found.deleting {
            return Ok(Submitted::Refused(Refusal::Deleting));
        }
        if submission.team.as_ref().is_some_and(|team| *team != found.team) {
            return Ok(Submitted::Refused(Refusal::OtherTeam(found.team.clone())));
        }
        if found.digest == submission.digest {
            return Ok(Submitted::Unchanged { id: found.id, generation: found.generation });
        }
    }
    let id = existing.as_ref().map_or_else(ApplicationId::new, |found| found.id);
    let generation = existing.as_ref().map_or(1, |found| found.generation + 1);
    let created = existing.is_none();

    let uses = if created { BTreeMap::new() } else { uses_of(conn, id).await? };
    let present = lock_present(conn, submission).await?;
    if let Some(refusal) = refusal(submission, id, &uses, &present) {
        return Ok(Submitted::Refused(refusal));
    }
    if created {
        let team = submission.team.as_deref().unwrap_or("default");
        sqlx::query!(
            "INSERT INTO application (id, name, team, generation, labels) VALUES ($1, $2, $3, 1, $4)",
            id.0,
            submission.name,
            team,
            submission.labels,
        )
        .execute(&mut *conn)
        .await?;
    }
    sqlx::query!(
        "INSERT INTO generation (application_id, number, spec, digest, warnings, submitted_by) VALUES ($1, $2, $3, $4, $5, $6)",
        id.0,
        generation,
        submission.spec,
        &submission.digest[..],
        submission.warnings,
        submission.actor,
    )
    .execute(&mut *conn)
    .await?;
    add_resources(conn, submission, id, present).await?;
    if !created {
        sqlx::query!(
            "UPDATE application SET generation = $2, labels = $3, updated_at = now() WHERE id = $1",
            id.0,
            generation,
            submission.labels,
        )
        .execute(&mut *conn)
        .await?;
    }
    notify(conn).await?;
    Ok(Submitted::Accepted { id, generation, created })
}

/// Names under which the application uses resources, with those resources' identities.
async fn uses_of(conn: &mut PgConnection, id: ApplicationId) -> Result<BTreeMap<String, String>> {
    let rows = sqlx::query!(
        "SELECT u.name, r.identity FROM resource_user u JOIN resource r ON r.id = u.resource_id
         WHERE u.application_id = $1 AND r.state <> 'terminated'",
        id.0
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.name, row.identity)).collect())
}

/// Locks, by identity, the resources asked for that are there already.
async fn lock_present(conn: &mut PgConnection, submission: &Submission) -> Result<BTreeMap<String, Present>> {
    let identities: Vec<String> = submission.resources.values().map(|wanted| wanted.identity.clone()).collect();
    let rows = sqlx::query!(
        r#"SELECT identity, id AS "id: ResourceId", application_id AS "application_id: ApplicationId", type AS kind, class, params,
                  annotations, desired = 'absent' AS "absent!", state AS "state: ResourceState",
                  ARRAY(SELECT depends_on_id FROM resource_dependency d WHERE d.resource_id = resource.id)
                      AS "depends_on!: Vec<ResourceId>"
           FROM resource WHERE identity = ANY ($1) AND state <> 'terminated'
           ORDER BY identity FOR NO KEY UPDATE"#,
        &identities
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let present = Present {
                id: row.id,
                application_id: row.application_id,
                kind: row.kind,
                class: row.class,
                params: row.params,
                annotations: row.annotations,
                absent: row.absent,
                state: row.state,
                depends_on: row.depends_on.into_iter().collect(),
            };
            (row.identity, present)
        })
        .collect())
}

/// Why this submission cannot be accepted beside what is there, if so.
fn refusal(
    submission: &Submission,
    id: ApplicationId,
    uses: &BTreeMap<String, String>,
    present: &BTreeMap<String, Present>,
) -> Option<Refusal> {
    let removed: Vec<String> = uses.keys().filter(|name| !submission.resources.contains_key(*name)).cloned().collect();
    let (mut changed, mut conflicts, mut terminating) = (Vec::new(), Vec::new(), Vec::new());
    for (name, wanted) in &submission.resources {
        let mine = uses.get(name);
        if mine.is_some_and(|identity| *identity != wanted.identity) {
            changed.push(name.clone());
            continue;
        }
        let Some(there) = present.get(&wanted.identity) else { continue };
        if there.absent || there.state == ResourceState::Terminating {
            terminating.push((name.clone(), wanted.identity.clone()));
            continue;
        }
        if asks_for_the_same(submission, id, wanted, there, present) {
            continue;
        }
        if mine.is_some() && there.application_id == id {
            changed.push(name.clone());
        } else {
            conflicts.push((name.clone(), wanted.identity.clone()));
        }
    }
    if !terminating.is_empty() {
        Some(Refusal::Terminating(terminating))
    } else if !changed.is_empty() || !removed.is_empty() {
        Some(Refusal::Changes { changed, removed })
    } else if !conflicts.is_empty() {
        Some(Refusal::SharedConflict(conflicts))
    } else {
        None
    }
}

/// Whether a resource that is there is what the submission asks for: the same words, meaning the same things.
fn asks_for_the_same(
    submission: &Submission,
    id: ApplicationId,
    wanted: &Wanted,
    there: &Present,
    present: &BTreeMap<String, Present>,
) -> bool {
    let needed: Option<BTreeSet<ResourceId>> =
        wanted.depends_on.iter().map(|name| Some(present.get(&submission.resources.get(name)?.identity)?.id)).collect();
    wanted.kind == there.kind
        && wanted.class == there.class
        && wanted.params == there.params
        && wanted.annotations == there.annotations
        && needed.as_ref() == Some(&there.depends_on)
        && (there.application_id == id || !wanted.names_metadata)
}

/// Inserts what is not there yet, in the order of identities, and notes what this application uses.
async fn add_resources(
    conn: &mut PgConnection,
    submission: &Submission,
    id: ApplicationId,
    present: BTreeMap<String, Present>,
) -> Result<()> {
    let mut ids: BTreeMap<String, ResourceId> =
        present.into_iter().map(|(identity, there)| (identity, there.id)).collect();
    let mut new: BTreeMap<&str, (&String, &Wanted)> = BTreeMap::new();
    for (name, wanted) in &submission.resources {
        if !ids.contains_key(&wanted.identity) {
            new.entry(&wanted.identity).or_insert((name, wanted));
        }
    }
    let made: Vec<(ResourceId, &String, &Wanted)> =
        new.into_values().map(|(name, wanted)| (ResourceId::new(), name, wanted)).collect();
    for (made_id, _, wanted) in &made {
        ids.insert(wanted.identity.clone(), *made_id);
    }
    // Another application that makes the same shared resource at this moment: the unique index makes this one wait and
    // then fail with a conflict, and the next try finds the resource.
    sqlx::query!(
        "INSERT INTO resource (id, application_id, name, type, class, identity, shared, params, annotations, labels)
         SELECT id, $2, name, type, class, identity, shared, params, annotations, labels
         FROM UNNEST($1::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bool[], $8::jsonb[], $9::jsonb[], $10::jsonb[])
              AS new (id, name, type, class, identity, shared, params, annotations, labels)
         ORDER BY identity",
        &made.iter().map(|(id, ..)| id.0).collect::<Vec<_>>(),
        id.0,
        &made.iter().map(|(_, name, _)| (*name).clone()).collect::<Vec<_>>(),
        &made.iter().map(|(.., wanted)| wanted.kind.clone()).collect::<Vec<_>>(),
        &made.iter().map(|(.., wanted)| wanted.class.clone()).collect::<Vec<_>>() as &[Option<String>],
        &made.iter().map(|(.., wanted)| wanted.identity.clone()).collect::<Vec<_>>(),
        &made.iter().map(|(.., wanted)| wanted.shared).collect::<Vec<_>>(),
        &made.iter().map(|(.., wanted)| wanted.params.clone()).collect::<Vec<_>>(),
        &made.iter().map(|(.., wanted)| wanted.annotations.clone()).collect::<Vec<_>>(),
        &made.iter().map(|(.., wanted)| wanted.labels.clone()).collect::<Vec<_>>(),
    )
    .execute(&mut *conn)
    .await?;
    let used = |wanted: &Wanted| ids.get(&wanted.identity).map(|id| id.0);
    sqlx::query!(
        "INSERT INTO resource_user (resource_id, application_id, name)
         SELECT resource_id, $2, name FROM UNNEST($1::uuid[], $3::text[]) AS new (resource_id, name)
         ON CONFLICT DO NOTHING",
        &submission.resources.values().filter_map(used).collect::<Vec<_>>(),
        id.0,
        &submission.resources.keys().cloned().collect::<Vec<_>>(),
    )
    .execute(&mut *conn)
    .await?;
    let edges = made.iter().flat_map(|(made_id, _, wanted)| {
        let needs = wanted.depends_on.iter().filter_map(|name| submission.resources.get(name).and_then(used));
        needs.map(|needed| (made_id.0, needed))
    });
    let (dependents, needed): (Vec<_>, Vec<_>) = edges.unzip();
    sqlx::query!(
        "INSERT INTO resource_dependency (resource_id, depends_on_id)
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[]) ON CONFLICT DO NOTHING",
        &dependents,
        &needed,
    )
    .execute(&mut *conn)
    .await?;
    let mut happened = vec![NewEvent {
        kind: events::APPLICATION_SUBMITTED.into(),
        application_id: Some(id),
        actor: Some(submission.actor.clone()),
        data: json!({"resources": made.iter().map(|(_, name, _)| name).collect::<Vec<_>>()}),
        ..NewEvent::default()
    }];
    happened.extend(made.iter().map(|(made_id, ..)| NewEvent {
        kind: events::resource_became(ResourceState::Requested),
        application_id: Some(id),
        resource_id: Some(*made_id),
        actor: Some(submission.actor.clone()),
        ..NewEvent::default()
    }));
    event::append(conn, &happened).await
}
