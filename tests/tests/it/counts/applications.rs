//! Resources of applications, their own and those they share, whatever happens to them.

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::json;
use shared::{
    formats::score::Mode,
    store::{application, submit, tally},
    submission,
};
use sqlx::PgPool;
use tests::{database::TestDatabase, score::Score};

/// By how many the counts of applications, and of resources by team, state and type, differ from the rows.
async fn differences(pool: &PgPool) -> (i64, i64) {
    let sql = "WITH mine AS (
                   SELECT application_id, id FROM resource
                   UNION SELECT u.application_id, u.resource_id FROM resource_user u),
               real AS (
                   SELECT mine.application_id, count(*) AS resources,
                          count(*) FILTER (WHERE r.state = 'active' AND r.desired = 'present' AND r.reconcile_requested_at IS NULL
                                                                    AND NOT r.dependents_due) AS active,
                          count(*) FILTER (WHERE r.state = 'failed') AS failed
                   FROM mine JOIN resource r ON r.id = mine.id WHERE r.state <> 'terminated' GROUP BY 1),
               of_teams AS (SELECT a.team, r.state, r.type, count(*) AS resources FROM resource r JOIN application a ON a.id = r.application_id
                            GROUP BY 1, 2, 3)
               SELECT (SELECT count(*) FROM application_seen s LEFT JOIN real ON real.application_id = s.id
                       WHERE (s.resources, s.active, s.failed)
                             <> (coalesce(real.resources, 0), coalesce(real.active, 0), coalesce(real.failed, 0))),
                      (SELECT count(*) FROM of_teams FULL JOIN resource_count c USING (team, state, type)
                       WHERE of_teams.resources IS DISTINCT FROM c.resources)";
    sqlx::query_as(sql).fetch_one(pool).await.unwrap()
}

/// An application with some of: a resource of its own, and one that it shares with the others, under one name or two.
fn spec(name: &str, rng: &mut StdRng) -> String {
    let wanted = [
        ("own", "  own: { type: scripted }\n"),
        ("cache", "  cache: { type: scripted, id: cache }\n"),
        ("again", "  again: { type: scripted, id: cache }\n"),
        ("other", "  other: { type: scripted, class: large, id: other }\n"),
    ];
    let chosen: String = wanted.iter().filter(|_| rng.random_bool(0.5)).map(|(_, line)| *line).collect();
    if chosen.is_empty() { Score::new(name).yaml() } else { format!("{}resources:\n{chosen}", Score::new(name).yaml()) }
}

async fn submit(database: &TestDatabase, name: &str, team: &str, yaml: &str) {
    let submission = submission::read(yaml.as_bytes(), Mode::Strict, Some(team.into()), "ada".into()).unwrap();
    let mut tx = database.store.begin().await.unwrap();
    // Refused while it is being deleted, say, or in the way of another: then nothing is changed.
    match submit::submit(&mut tx, &submission).await {
        Ok(submit::Submitted::Refused(_)) => tx.rollback().await.unwrap(),
        Ok(_) => tx.commit().await.unwrap(),
        Err(error) => assert!(error.is_conflict(), "{name}: {error}"),
    }
}

/// What runs would do to a resource: any one moves on.
async fn move_one(pool: &PgPool, rng: &mut StdRng) {
    let sql = match rng.random_range(0..5) {
        0 => "UPDATE resource SET state = 'failed', error_code = 'x' WHERE id = $1",
        1 => "UPDATE resource SET reconcile_requested_at = now() WHERE id = $1",
        2 => "UPDATE resource SET dependents_due = NOT dependents_due WHERE id = $1",
        _ => {
            "UPDATE resource SET state = CASE desired WHEN 'absent' THEN 'terminated' ELSE 'active' END, error_code = NULL,
                    reconcile_requested_at = NULL WHERE id = $1"
        }
    };
    let ids: Vec<uuid::Uuid> = sqlx::query_scalar("SELECT id FROM resource WHERE state <> 'terminated' ORDER BY id")
        .fetch_all(pool)
        .await
        .unwrap();
    if !ids.is_empty() {
        let id = ids[rng.random_range(0..ids.len())];
        // One that another has removed meanwhile stays removed.
        sqlx::query(sqlx::AssertSqlSafe(format!("{sql} AND state <> 'terminated'")))
            .bind(id)
            .execute(pool)
            .await
            .unwrap();
    }
    let gone =
        "UPDATE application a SET deleted_at = now() WHERE delete_requested_at IS NOT NULL AND deleted_at IS NULL
                AND NOT EXISTS (SELECT FROM resource r WHERE r.application_id = a.id AND r.state <> 'terminated')";
    sqlx::query(gone).execute(pool).await.unwrap();
}

async fn act(database: &TestDatabase, seed: u64, rounds: usize) {
    let mut rng = StdRng::seed_from_u64(seed);
    for _ in 0..rounds {
        let (name, team) = [("one", "shop"), ("two", "ads"), ("three", "shop")][rng.random_range(0..3)];
        match rng.random_range(0..8) {
            0..3 => {
                let yaml = spec(name, &mut rng);
                submit(database, name, team, &yaml).await;
            }
            3 => {
                let mut tx = database.store.begin().await.unwrap();
                match application::delete(&mut tx, name, "ada").await {
                    Ok(_) => tx.commit().await.unwrap(),
                    Err(error) => assert!(error.is_conflict(), "{name}: {error}"),
                }
            }
            _ => move_one(&database.pool, &mut rng).await,
        }
    }
}

#[tokio::test]
async fn counts_of_applications_equal_their_resources_after_each_change() {
    let database = TestDatabase::create().await.unwrap();
    let mut most = 0;
    for round in 0..250 {
        act(&database, round, 1).await;
        assert_eq!(differences(&database.pool).await, (0, 0), "after round {round}");
        if round % 7 == 0 {
            tally::add_up(&database.pool, 3).await.unwrap();
            assert_eq!(differences(&database.pool).await, (0, 0), "added up after round {round}");
        }
        let shared = "SELECT count(*) FROM resource_user u JOIN resource r ON r.id = u.resource_id AND r.application_id <> u.application_id";
        most = most.max(sqlx::query_scalar::<_, i64>(shared).fetch_one(&database.pool).await.unwrap());
    }
    assert!(most > 2, "{most} uses of others' resources were all there was to count");
    while tally::add_up(&database.pool, 1000).await.unwrap() > 0 {}
    assert_eq!(differences(&database.pool).await, (0, 0));
    assert_eq!(tally::recount(&database.pool).await.unwrap(), 0);
}

#[tokio::test]
async fn counts_of_applications_equal_their_resources_while_many_change_them() {
    let database = TestDatabase::create().await.unwrap();
    let acting = futures::future::join_all((1..5).map(|seed| act(&database, seed, 60)));
    let looking = async {
        for _ in 0..60 {
            tally::add_up(&database.pool, 5).await.unwrap();
            assert_eq!(differences(&database.pool).await, (0, 0));
        }
    };
    tokio::join!(acting, looking);
    assert_eq!(differences(&database.pool).await, (0, 0));
    assert_eq!(tally::recount(&database.pool).await.unwrap(), 0);
}

#[tokio::test]
async fn counts_that_somebody_bypassed_are_mended_by_how_much_they_are_wrong() {
    let database = TestDatabase::create().await.unwrap();
    submit(&database, "one", "shop", &Score::new("one").resource("own", "scripted", &json!({})).yaml()).await;
    sqlx::raw_sql(
        "ALTER TABLE resource DISABLE TRIGGER note_resource_moved;
         UPDATE resource SET state = 'active';
         ALTER TABLE resource ENABLE TRIGGER note_resource_moved",
    )
    .execute(&database.pool)
    .await
    .unwrap();
    assert_eq!(differences(&database.pool).await, (1, 2));
    assert_eq!(tally::recount(&database.pool).await.unwrap(), 3);
    assert_eq!(differences(&database.pool).await, (0, 0));
}
