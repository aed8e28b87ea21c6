-- Who may do what with these tables: a role for each of the three programs. Logins are made by an administrator, as members of
-- them; whoever owns the tables brings the schema along, and nothing else need be done in their name.

-- Every process shows a secret of its own with each of its connections (the setting `slipway.process`). The one that announced a
-- worker is the only one that may write the worker's row.
CREATE TABLE worker_token (
    worker_id uuid  PRIMARY KEY REFERENCES worker ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    hash      bytea NOT NULL CHECK (octet_length(hash) = 32)
);

CREATE FUNCTION note_worker_token() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO worker_token (worker_id, hash)
    SELECT NEW.id, sha256(convert_to(shown, 'UTF8')) FROM nullif(current_setting('slipway.process', true), '') AS shown
    WHERE shown IS NOT NULL
    ON CONFLICT DO NOTHING;
    RETURN NEW;
END $$;
CREATE TRIGGER note_worker_token BEFORE INSERT ON worker FOR EACH ROW EXECUTE FUNCTION note_worker_token();

-- Whether the worker is this process; to whoever owns the tables, all are.
CREATE FUNCTION is_own_worker(of_worker uuid) RETURNS boolean
LANGUAGE sql SECURITY DEFINER AS $$
    SELECT EXISTS (SELECT FROM worker_token WHERE worker_id = of_worker
                   AND hash = sha256(convert_to(current_setting('slipway.process', true), 'UTF8')))
        OR pg_has_role(session_user, (SELECT relowner FROM pg_class WHERE oid = 'worker'::regclass), 'MEMBER')
$$;

ALTER TABLE worker ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_rows ON worker USING (true) WITH CHECK (true);

-- Makes the roles if they are not there, and gives each what it may do. To be called again whenever a migration made or replaced
-- a table that a worker reads or a function with the rights of its owner; calling it once more does no harm.
CREATE FUNCTION grant_roles() RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    here text := current_schema();
    wanted text;
    missing text[] := '{}';
    its record;
BEGIN
    -- First of all, and whether there are roles or not: what has the rights of the owner is nobody's by default, and means the
    -- owner's tables. Temporary ones come last, and nothing of the caller's.
    ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
    FOR its IN SELECT p.oid::regprocedure AS name, p.prosecdef AS as_owner
               FROM pg_proc p WHERE p.pronamespace = here::regnamespace AND p.prokind = 'f' AND pg_has_role(p.proowner, 'USAGE') LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', its.name);
        IF its.as_owner THEN
            EXECUTE format('ALTER FUNCTION %s SET search_path TO %I, pg_temp', its.name, here);
        END IF;
    END LOOP;
    -- Where everybody may make functions and tables, those with the rights of their owner could be led to them.
    EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC', here);

    FOREACH wanted IN ARRAY ARRAY['slipway_api', 'slipway_scheduler', 'slipway_worker'] LOOP
        BEGIN
            IF to_regrole(wanted) IS NULL THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            END IF;
        EXCEPTION
            -- Roles belong to the whole cluster: the migration of another database has just made it.
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN missing := missing || wanted;
        END;
    END LOOP;
    IF missing <> '{}' THEN
        RAISE WARNING 'roles are missing, so that all programs need the rights of the owner' USING HINT = format(
            'as an administrator: %s SELECT grant_roles();',
            (SELECT string_agg(format('CREATE ROLE %I NOLOGIN;', name), ' ') FROM UNNEST(missing) AS name));
        RETURN;
    END IF;

    EXECUTE format('GRANT USAGE ON SCHEMA %I TO slipway_api, slipway_scheduler, slipway_worker', here);

    FOR its IN SELECT c.oid::regclass AS name FROM pg_class c
               WHERE c.relnamespace = here::regnamespace AND c.relkind IN ('r', 'p', 'v') AND pg_has_role(c.relowner, 'USAGE') LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO slipway_api, slipway_scheduler', its.name);
    END LOOP;
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO slipway_api, slipway_scheduler',
                   here);
    IF to_regclass('_sqlx_migrations') IS NOT NULL THEN
        REVOKE INSERT, UPDATE, DELETE ON _sqlx_migrations FROM slipway_api, slipway_scheduler;
        GRANT SELECT ON _sqlx_migrations TO slipway_worker;
    END IF;
    REVOKE UPDATE, DELETE ON audit_entry, audit_chain FROM slipway_api, slipway_scheduler;
    REVOKE INSERT ON audit_chain FROM slipway_api;
    -- The scheduler forgets them when they are old, and makes none.
    REVOKE INSERT, UPDATE ON api_key, session, person, service_account, login_request, oidc_login FROM slipway_scheduler;

    -- A worker reads what says nothing that a run is to keep to itself; all else it has through functions that ask for the lease.
    GRANT SELECT ON plan, bundle, worker, log_line, log_archive, state_lock, pruned_run TO slipway_worker;
    GRANT SELECT (id, status, fence, lease_worker_id, cancel_requested_at, cancel_reason, finished_at) ON run TO slipway_worker;
    GRANT INSERT, UPDATE ON worker TO slipway_worker;
    GRANT INSERT (name) ON queue TO slipway_worker;
    GRANT DELETE ON pruned_run TO slipway_worker;
    IF NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = 'worker'::regclass AND polname = 'own_row') THEN
        CREATE POLICY own_row ON worker AS RESTRICTIVE FOR UPDATE TO slipway_worker USING (is_own_worker(id));
        CREATE POLICY own_new_row ON worker AS RESTRICTIVE FOR INSERT TO slipway_worker WITH CHECK (is_own_worker(id));
    END IF;

    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT EXECUTE ON FUNCTIONS TO slipway_api, slipway_scheduler', here);
    FOR its IN SELECT p.oid::regprocedure AS name,
                      p.prosecdef AND (starts_with(p.proname, 'lease_') OR p.proname = 'is_own_worker') AS for_worker
               FROM pg_proc p WHERE p.pronamespace = here::regnamespace AND p.prokind = 'f' AND pg_has_role(p.proowner, 'USAGE') LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO slipway_api, slipway_scheduler', its.name);
        IF its.for_worker THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO slipway_worker', its.name);
        END IF;
    END LOOP;
END $$;

SELECT grant_roles();
