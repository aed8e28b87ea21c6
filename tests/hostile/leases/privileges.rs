//! What the logins of the programs may do to the tables by themselves.

use serde_json::{Value, json};
use shared::{
    config,
    domain::{
        ids::{Fence, RunId},
        states::Applied,
    },
    store::{
        Store,
        lease::{self, Lease, LeaseToken},
        roles::{self, Program},
        run::Finish,
        worker,
    },
};
use sqlx::PgPool;
use tests::{postgres::PrivatePostgres, seed};
use uuid::Uuid;

use super::scene::{REFUSED, Scene, TTL, line, refusal, store_of};

#[tokio::test]
async fn a_workers_login_changes_no_table_by_itself() {
    let scene = Scene::new().await;
    let held = scene.held().await;
    let before = scene.picture().await;
    for statement in [
        "UPDATE run SET status = 'completed', finished_at = now()",
        "UPDATE run SET fence = fence + 1",
        "UPDATE run SET lease_hash = sha256('mine'), lease_until = 'infinity'",
        "UPDATE run SET inputs = '{}'",
        "UPDATE run SET checkpoint = '{}'",
        "DELETE FROM run",
        "SELECT id FROM run FOR UPDATE",
        "UPDATE step SET outputs = '{\"stolen\": true}'",
        "INSERT INTO step (id, run_id, name, position, type, idempotency_key) SELECT gen_random_uuid(), id, 'x', 9, 'x', 'x' FROM run",
        "UPDATE attempt SET status = 'completed'",
        "INSERT INTO attempt (step_id, number, run_id, fence, worker_id) VALUES (gen_random_uuid(), 1, gen_random_uuid(), 1, gen_random_uuid())",
        "INSERT INTO log_line SELECT id, 99, 'one', 1, 1, now(), 'stdout', 'x' FROM run",
        "UPDATE log_line SET text = 'x'",
        "DELETE FROM log_line",
        "INSERT INTO log_seal (run_id, step, attempt, lines) SELECT id, 'one', 1, 0 FROM run",
        "INSERT INTO log_archive (run_id, key, sha256, bytes, lines) SELECT id, 'x', '', 0, 0 FROM run",
        "INSERT INTO event (type) VALUES ('run.completed')",
        "DELETE FROM event",
        "INSERT INTO state_version (resource_id, version, serial, lineage, content, md5, written_by) VALUES (gen_random_uuid(), 1, 1, '', '', '', '')",
        "INSERT INTO state_lock (resource_id, lock_id, info) VALUES (gen_random_uuid(), 'x', '{}')",
        "DELETE FROM state_lock",
        "UPDATE approval SET decision = 'approved'",
        "UPDATE resource SET state = 'terminated'",
        "INSERT INTO application (id, name, team, generation) VALUES (gen_random_uuid(), 'x', 'x', 1)",
        "UPDATE application SET team = 'x'",
        "DELETE FROM generation",
        "UPDATE plan SET body = '{}'",
        "INSERT INTO bundle (digest, content) VALUES (sha256('x'), 'x')",
        "UPDATE provider SET current = false",
        "UPDATE provider_source SET url = 'x'",
        "UPDATE queue SET wait_reason = NULL",
        "UPDATE team SET max_runs = NULL",
        "INSERT INTO team_usage (team, kind, amount) VALUES ('x', 'log', -1)",
        "INSERT INTO api_key (id, name, prefix, hash, roles) VALUES (gen_random_uuid(), 'x', 'x', sha256('x'), '{admin}')",
        "INSERT INTO person (id, issuer, subject, name) VALUES (gen_random_uuid(), 'x', 'x', 'x')",
        "INSERT INTO session (id, hash, person_id, expires_at) VALUES (gen_random_uuid(), sha256('x'), gen_random_uuid(), now())",
        "INSERT INTO audit_entry (actor_kind, actor_name, action, object, outcome) VALUES ('x', 'x', 'x', 'x', 'done')",
        "UPDATE audit_entry SET actor_name = 'x'",
        "DELETE FROM audit_chain",
        "INSERT INTO webhook_endpoint (id, url, secret, created_by) VALUES (gen_random_uuid(), 'x', 'x', 'x')",
        "INSERT INTO worker_token (worker_id, hash) VALUES (gen_random_uuid(), sha256('x'))",
        "DELETE FROM worker",
        "TRUNCATE worker",
        "CREATE TABLE public.x ()",
        "CREATE FUNCTION public.x() RETURNS void LANGUAGE sql AS ''",
        "ALTER TABLE run DISABLE ROW LEVEL SECURITY",
        "DROP FUNCTION end_run",
        "SET ROLE slipway_api",
        "SET ROLE postgres",
        "CREATE ROLE x",
    ] {
        assert_eq!(scene.refusal(statement).await, REFUSED, "{statement}");
    }
    assert_eq!(scene.picture().await, before);
    assert!(lease::finish(&scene.worker, held, &Finish::failed("StepFailed", "x")).await.unwrap().is_applied());
}

#[tokio::test]
async fn a_workers_login_reads_no_key_no_person_no_secret_and_no_run_that_is_not_its_own() {
    let scene = Scene::new().await;
    scene.held().await;
    for table in [
        "api_key",
        "session",
        "person",
        "service_account",
        "login_request",
        "login_failure",
        "oidc_login",
        "idempotency_key",
        "secret",
        "data_key",
        "integration",
        "state_version",
        "worker_token",
        "audit_entry",
        "audit_chain",
        "webhook_endpoint",
        "webhook_delivery",
        "application",
        "generation",
        "resource",
        "step",
        "attempt",
        "approval",
        "event",
        "team",
        "provider",
        "provider_source",
    ] {
        let statement = format!("SELECT count(*) FROM {table}");
        assert_eq!(scene.refusal(&statement).await, REFUSED, "{statement}");
    }
    for column in
        ["*", "lease_hash", "inputs", "outputs", "checkpoint", "requested_by", "trace_parent", "to_jsonb(run)"]
    {
        let statement = format!("SELECT {column} FROM run");
        assert_eq!(scene.refusal(&statement).await, REFUSED, "{statement}");
    }
    for call in [
        "end_run(gen_random_uuid(), 'completed', '{}', '{}', NULL, NULL, 'x', NULL)",
        "resource_run_ended(gen_random_uuid(), gen_random_uuid(), 'create', 'completed', '{}', '{}', NULL, NULL, NULL)",
        "lease_lock(gen_random_uuid(), 1, gen_random_uuid())",
        "lease_digest(gen_random_uuid(), 1)",
        "secrets_of_run(gen_random_uuid(), 1, '{x}')",
        "data_key_of_run(gen_random_uuid(), 1, NULL)",
        "add_data_key_of_run(gen_random_uuid(), 1, gen_random_uuid(), 'x', 'x')",
        "promote('1 minute', 100)",
        "grant_roles()",
    ] {
        assert_eq!(scene.refusal(&format!("SELECT {call}")).await, REFUSED, "{call}");
    }
}

#[tokio::test]
async fn what_a_worker_may_do_is_this_and_no_more() {
    let scene = Scene::new().await;
    let sql = "SELECT string_agg(line, E'\\n' ORDER BY line) FROM (
        SELECT table_name || ' ' || string_agg(privilege_type, ', ' ORDER BY privilege_type) AS line
        FROM information_schema.table_privileges WHERE grantee IN ('slipway_worker', 'PUBLIC') AND table_schema = 'public' GROUP BY table_name
        UNION ALL
        SELECT table_name || '.' || column_name || ' ' || string_agg(privilege_type, ', ' ORDER BY privilege_type)
        FROM information_schema.column_privileges c
        WHERE grantee IN ('slipway_worker', 'PUBLIC') AND table_schema = 'public'
          AND NOT EXISTS (SELECT FROM information_schema.table_privileges t WHERE t.grantee = c.grantee AND t.table_name = c.table_name)
        GROUP BY table_name, column_name
        UNION ALL
        SELECT proname || '()' FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND has_function_privilege('slipway_worker', oid, 'EXECUTE')) lines";
    let privileges: String = sqlx::query_scalar(sql).fetch_one(scene.owner()).await.unwrap();
    let expected = "_sqlx_migrations SELECT
bundle SELECT
is_own_worker()
lease_abandoned()
lease_add_data_key()
lease_append_lines()
lease_append_log()
lease_claim()
lease_close_steps()
lease_count_refusal()
lease_data_key()
lease_finish()
lease_hand_back()
lease_image_fetched()
lease_images()
lease_log_archived()
lease_loop_finished()
lease_lock_state()
lease_mark_state_uncertain()
lease_renew()
lease_secrets()
lease_secrets()
lease_service_starts()
lease_service_told()
lease_spread()
lease_state()
lease_step_derived()
lease_step_ended()
lease_step_finished()
lease_step_started()
lease_step_waiting()
lease_steps()
lease_take()
lease_store_state()
lease_suspend()
log_archive SELECT
log_line SELECT
plan SELECT
pruned_run DELETE, SELECT
queue.name INSERT
run.cancel_reason SELECT
run.cancel_requested_at SELECT
run.fence SELECT
run.finished_at SELECT
run.id SELECT
run.lease_worker_id SELECT
run.status SELECT
state_lock SELECT
worker INSERT, SELECT, UPDATE";
    let (mut found, mut wanted): (Vec<_>, Vec<_>) = (privileges.lines().collect(), expected.lines().collect());
    found.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(found, wanted);
}

#[tokio::test]
async fn what_has_the_rights_of_the_owner_is_not_led_astray_by_tables_of_the_callers() {
    let scene = Scene::new().await;
    let held = scene.held().await;
    let mut connection = scene.pool().acquire().await.unwrap();
    for table in ["run", "step", "event", "log_line", "team_usage", "worker", "worker_token", "secret"] {
        let sql = format!("CREATE TEMP TABLE {table} (id uuid)");
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut *connection).await.unwrap();
    }
    sqlx::raw_sql(
        "CREATE FUNCTION pg_temp.sha256(bytea) RETURNS bytea LANGUAGE sql AS 'SELECT null::bytea';
         SET search_path = pg_temp, public",
    )
    .execute(&mut *connection)
    .await
    .unwrap();
    assert!(lease::append_log(&mut *connection, held, &[line("mine")]).await.unwrap().is_applied());
    let forged = Lease { token: LeaseToken(Uuid::from_bytes(rand::random())), ..held };
    assert_eq!(lease::append_log(&mut *connection, forged, &[line("stolen")]).await.unwrap(), Applied::Stale);
    drop(connection);
    let lines: Vec<String> = sqlx::query_scalar("SELECT text FROM log_line").fetch_all(scene.owner()).await.unwrap();
    assert_eq!(lines, ["mine"]);

    let loose = "SELECT coalesce(string_agg(p.oid::regprocedure::text, ', '), '') FROM pg_proc p
                 WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
                   AND NOT coalesce(p.proconfig, '{}') @> ARRAY['search_path=public, pg_temp']";
    let loose: String = sqlx::query_scalar(loose).fetch_one(scene.owner()).await.unwrap();
    assert_eq!(loose, "", "functions with the rights of the owner whose search path is the caller's");
}

#[tokio::test]
async fn neither_the_api_nor_the_scheduler_can_rewrite_the_record_of_changes_or_the_schema() {
    let scene = Scene::new().await;
    let (api, scheduler) = (store_of(&scene.database, Program::Api), store_of(&scene.database, Program::Scheduler));
    for store in [&api, &scheduler] {
        for statement in [
            "UPDATE audit_entry SET actor_name = 'x'",
            "DELETE FROM audit_entry",
            "UPDATE audit_chain SET hash = sha256('x')",
            "DELETE FROM audit_chain",
            "TRUNCATE audit_entry CASCADE",
            "ALTER TABLE audit_entry DISABLE TRIGGER append_only",
            "DROP TABLE audit_entry",
            "DELETE FROM _sqlx_migrations",
            "CREATE TABLE public.x ()",
            "SET ROLE slipway_worker",
        ] {
            assert_eq!(refusal(store.pool(), statement).await, REFUSED, "{statement}");
        }
    }
    let chain = "INSERT INTO audit_chain (seq, entry_id, entry_xid, previous, hash) VALUES (1, 1, '1', sha256('x'), sha256('x'))";
    assert_eq!(refusal(api.pool(), chain).await, REFUSED);
    for statement in [
        "INSERT INTO api_key (id, name, prefix, hash, roles) VALUES (gen_random_uuid(), 'x', 'x', sha256('x'), '{admin}')",
        "UPDATE person SET roles = '{admin}'",
        "UPDATE session SET expires_at = 'infinity'",
    ] {
        assert_eq!(refusal(scheduler.pool(), statement).await, REFUSED, "{statement}");
    }
    let value: Value =
        sqlx::query_scalar("SELECT to_jsonb(count(*)) FROM application").fetch_one(api.pool()).await.unwrap();
    assert_eq!(value, json!(0), "what it may read it reads");
}

#[tokio::test]
async fn where_the_roles_are_missing_nobody_but_the_owner_may_do_anything() {
    let server = PrivatePostgres::start(&[]).await.unwrap();
    let administrator = PgPool::connect(&server.url("postgres")).await.unwrap();
    for statement in [
        "CREATE ROLE owner LOGIN PASSWORD 'x'",
        "CREATE ROLE stranger LOGIN PASSWORD 'x'",
        "CREATE DATABASE slipway OWNER owner",
    ] {
        sqlx::query(statement).execute(&administrator).await.unwrap();
    }
    let url = |login: &str| format!("postgres://{login}:x@127.0.0.1:{}/slipway", server.port);
    let store =
        |url: String| Store::connect(&config::Database { url, ..config::Database::default() }, "slipway-test").unwrap();
    let (owner, stranger) = (store(url("owner")), store(url("stranger")));
    // It may not make roles, and the schema is there all the same.
    owner.migrate().await.unwrap();
    for statement in [
        "SELECT lease_claim(gen_random_uuid(), 0, gen_random_uuid(), 60)",
        "SELECT is_own_worker(gen_random_uuid())",
        "SELECT grant_roles()",
        "SELECT count(*) FROM run",
        "INSERT INTO worker DEFAULT VALUES",
        "CREATE TABLE public.x ()",
    ] {
        assert_eq!(refusal(stranger.pool(), statement).await, REFUSED, "{statement}");
    }

    // What the warning says an administrator should do, and then a login that is a member of a role.
    roles::ensure_login(&administrator, Program::Api, "some_api", "x").await.unwrap();
    roles::ensure_login(&administrator, Program::Scheduler, "some_scheduler", "x").await.unwrap();
    roles::ensure_login(&administrator, Program::Worker, "some_worker", "x").await.unwrap();
    sqlx::query("SELECT grant_roles()").execute(owner.pool()).await.unwrap();
    let worker = store(url("some_worker"));
    let new = seed::new_worker(1);
    worker::register(worker.pool(), &new).await.unwrap();
    let nothing = lease::claim(worker.pool(), RunId::new(), Fence(0), new.id, TTL).await.unwrap();
    assert!(!nothing.is_applied());
    // The api's login finds the schema as it should be, without being its owner.
    store(url("some_api")).migrate().await.unwrap();
}
