//! For whom the steps of a run may ask for applications, and let them go.

use shared::{
    domain::{access::Visible, ids::RunId},
    store::{
        run,
        submit::{Refusal, Submission},
        waiting::{self, AskOutcome},
    },
};
use tests::{
    belongings::{self, Belongings},
    database::TestDatabase,
};

#[tokio::test]
async fn a_run_lets_go_of_no_application_of_a_team_that_its_starter_has_no_part_in() {
    let database = TestDatabase::create().await.unwrap();
    let (store, pool) = (&database.store, &database.pool);
    let nobody = belongings::person(pool, "nobody", &[], &[]).await.unwrap();
    let theirs = Belongings::make(store, pool, "rivals", nobody).await.unwrap();
    let id = belongings::run_of(store, pool, "payments").await.unwrap();
    sqlx::query(
        r#"UPDATE step SET wait = '{"kind": "resources", "operation": "delete"}' WHERE run_id = $1 AND name = 'one'"#,
    )
    .bind(id)
    .execute(pool)
    .await
    .unwrap();
    let delete = async || {
        let mut tx = store.begin().await.unwrap();
        let step = waiting::to_ask(&mut *tx, 10).await.unwrap().into_iter().find(|step| step.run_id.0 == id).unwrap();
        waiting::ask_delete(&mut tx, &step, &theirs.application).await.unwrap()
    };
    let create = async |team: &str| {
        let mut tx = store.begin().await.unwrap();
        let step = waiting::to_ask(&mut *tx, 10).await.unwrap().into_iter().find(|step| step.run_id.0 == id).unwrap();
        let submission = Submission { name: "new".into(), team: Some(team.into()), ..Submission::default() };
        waiting::ask_create(&mut tx, &step, &submission).await.unwrap()
    };
    let unknown = AskOutcome::Undeletable(format!("there is no application '{}'", theirs.application));
    assert_eq!(delete().await, unknown);
    assert_eq!(create("rivals").await, AskOutcome::Refused(Refusal::OtherTeam("rivals".into())));

    let may = async |teams: Visible| run::let_act_for(pool, RunId(id), &teams).await.unwrap();
    may(Visible::Teams(vec!["search".into()])).await;
    assert_eq!(delete().await, unknown);
    may(Visible::Teams(vec!["rivals".into()])).await;
    assert_eq!(delete().await, AskOutcome::Asked);
    may(Visible::All).await;
    assert_eq!(delete().await, AskOutcome::Asked);
}
