-- What a worker may do to the runs it holds, as functions: each asks for the token that the claim gave out, and they are all that
-- a worker's role may write by. So it is the database that finds out who holds a run, not whoever says so.
--
-- Every one of them locks the run's row first and finds the fence and the token there, in the statement that writes: Postgres
-- takes that lock, and reads the row again if another transaction changed it meanwhile, before any row of the step is touched.

-- Of the token that the last claim gave out, with the fence it goes with. Null: claimed by a binary that knows of none.
ALTER TABLE run ADD COLUMN lease_hash bytea CHECK (octet_length(lease_hash) = 32);

CREATE FUNCTION lease_digest(token uuid, at_fence bigint) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT sha256(uuid_send(token) || int8send(at_fence)) $$;

-- Takes a queued run whose ticket the worker holds. No row: someone else has it, or it is no longer wanted.
CREATE FUNCTION lease_claim(of_run uuid, ticket bigint, by_worker uuid, ttl_s float8)
RETURNS TABLE (claimed run, given uuid, on_resource uuid, resource_name text, application_name text, remaining_s float8, log_cursor bigint)
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    token uuid := gen_random_uuid();
BEGIN
    RETURN QUERY
    WITH taken AS (
        UPDATE run SET status = 'running', fence = run.fence + 1, lease_worker_id = by_worker,
               lease_until = now() + make_interval(secs => ttl_s), lease_hash = lease_digest(token, run.fence + 1),
               started_at = coalesce(started_at, now()),
               deadline_at = coalesce(deadline_at,
                   now() + make_interval(secs => coalesce((SELECT (body ->> 'timeout_s')::float8 FROM plan WHERE digest = plan_digest), 14400)))
        WHERE id = of_run AND run.fence = ticket AND status = 'queued'
        RETURNING run.id, run.root_run_id, run.application_id, run.resource_id, run.fence, run.deadline_at, run AS whole),
    told AS (
        INSERT INTO event (type, application_id, resource_id, run_id, data)
        SELECT 'run.claimed', application_id, resource_id, id, jsonb_build_object('worker', by_worker, 'fence', fence) FROM taken)
    SELECT taken.whole, token, r.id, r.name, a.name, extract(epoch FROM taken.deadline_at - now())::float8,
           coalesce((SELECT max(cursor) FROM log_line WHERE run_id = of_run), 0) + 1
    FROM taken
    LEFT JOIN run root ON root.id = taken.root_run_id
    LEFT JOIN resource r ON r.id = coalesce(taken.resource_id, root.resource_id)
    LEFT JOIN application a ON a.id = taken.application_id;
END $$;

-- Renews leases; one that is missing from the answer is lost.
CREATE FUNCTION lease_renew(of_runs uuid[], at_fences bigint[], tokens uuid[], ttl_s float8)
RETURNS TABLE (renewed uuid, cancel_wanted boolean, why text)
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    RETURN QUERY
    UPDATE run SET lease_until = now() + make_interval(secs => ttl_s)
    FROM (SELECT r.id FROM run r JOIN UNNEST(of_runs, at_fences, tokens) AS shown (run_id, at_fence, token)
          ON r.id = shown.run_id AND r.fence = shown.at_fence AND r.status = 'running'
             AND r.lease_hash = lease_digest(shown.token, r.fence)
          ORDER BY r.id FOR NO KEY UPDATE OF r) held
    WHERE run.id = held.id
    RETURNING run.id, run.cancel_requested_at IS NOT NULL, run.cancel_reason;
END $$;

-- Locks the run if the lease holds, for functions that look again with a snapshot taken after that.
CREATE FUNCTION lease_lock(of_run uuid, at_fence bigint, token uuid) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM run WHERE id = of_run AND fence = at_fence AND status = 'running' AND lease_hash = lease_digest(token, at_fence)
    FOR NO KEY UPDATE;
    RETURN FOUND;
END $$;

-- Whether the lease holds, for functions that only read.
CREATE FUNCTION lease_shown(of_run uuid, at_fence bigint, token uuid) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM run WHERE id = of_run AND fence = at_fence AND status = 'running'
                                         AND lease_hash = lease_digest(token, at_fence))
$$;

-- Ends the run; see end_run.
CREATE FUNCTION lease_finish(
    of_run uuid, at_fence bigint, token uuid, its_status text, its_outputs jsonb, its_sensitive text[], its_code text, its_message text,
    its_actor text, its_drift jsonb)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF NOT lease_lock(of_run, at_fence, token) THEN
        RETURN false;
    END IF;
    PERFORM end_run(of_run, its_status, its_outputs, its_sensitive, its_code, its_message, its_actor, its_drift);
    RETURN true;
END $$;

-- Gives the run back to the queue: the fence rises, neither counter does, and the scheduler sends a new ticket at once.
CREATE FUNCTION lease_hand_back(of_run uuid, at_fence bigint, token uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF NOT lease_lock(of_run, at_fence, token) THEN
        RETURN false;
    END IF;
    PERFORM seal_lost_attempts(of_run);
    WITH held AS (SELECT lease_worker_id AS worker, application_id, resource_id FROM run WHERE id = of_run),
    back AS (UPDATE run SET status = 'queued', fence = fence + 1, lease_worker_id = NULL, lease_until = NULL,
                    queued_at = now(), ticket_sent_at = NULL, waiting_since = now()
             WHERE id = of_run),
    lost AS (UPDATE attempt SET status = 'lost', finished_at = now() WHERE run_id = of_run AND status = 'running'),
    again AS (UPDATE step SET status = 'pending' WHERE run_id = of_run AND status = 'running')
    INSERT INTO event (type, application_id, resource_id, run_id, data)
    SELECT 'run.handed_back', application_id, resource_id, of_run, jsonb_build_object('worker', worker) FROM held;
    PERFORM pg_notify('slipway', '');
    RETURN true;
END $$;

-- Gives the slot back while the run waits. False: the rows are not as the worker knew them, and nothing is changed. Null: the
-- lease is gone.
CREATE FUNCTION lease_suspend(
    of_run uuid, at_fence bigint, token uuid, its_reason text, its_detail text, for_s float8, waiting bigint, cancel_heeded boolean)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    -- Two statements: whoever ends a wait holds the run's row, and what it changed shows only in a snapshot taken after this
    -- one has got the row.
    IF NOT lease_lock(of_run, at_fence, token) THEN
        RETURN NULL;
    END IF;
    WITH suspended AS (
        UPDATE run SET status = 'suspended', reason = its_reason, reason_detail = its_detail, waiting_since = now(),
               suspended_until = now() + make_interval(secs => for_s), lease_worker_id = NULL, lease_until = NULL
        WHERE id = of_run AND (cancel_requested_at IS NULL OR cancel_heeded)
          AND NOT EXISTS (SELECT FROM step WHERE run_id = of_run AND status = 'running')
          AND waiting = (SELECT count(*) FROM step WHERE run_id = of_run AND status = 'waiting')
        RETURNING id, application_id, resource_id)
    INSERT INTO event (type, application_id, resource_id, run_id, data)
    SELECT 'run.suspended', application_id, resource_id, id, jsonb_build_object('reason', its_reason, 'detail', its_detail) FROM suspended;
    RETURN FOUND;
END $$;

-- The run's steps, those of these ids or all, in the order of its plan; the elements of a loop come after it.
CREATE FUNCTION lease_steps(of_run uuid, at_fence bigint, token uuid, ids uuid[]) RETURNS SETOF step
LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
BEGIN
    RETURN QUERY SELECT s.* FROM step s
    WHERE s.run_id = of_run AND (ids IS NULL OR s.id = ANY (ids)) AND (SELECT lease_shown(of_run, at_fence, token))
    ORDER BY s.position, s.item_index NULLS FIRST;
END $$;

-- The steps of the run whose last try was taken from its worker, which said nothing about it any more, and the engine it ran on.
CREATE FUNCTION lease_abandoned(of_run uuid, at_fence bigint, token uuid) RETURNS TABLE (step_name text, number smallint, engine text)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT step.name, attempt.number, worker.posture ->> 'engine_id'
    FROM step JOIN attempt ON attempt.step_id = step.id AND attempt.number = step.tries
    LEFT JOIN worker ON worker.id = attempt.worker_id
    WHERE step.run_id = of_run AND step.status = 'pending' AND attempt.status = 'lost' AND attempt.error_code IS NULL
      AND lease_shown(of_run, at_fence, token)
$$;

-- The images that the run keeps: what each name meant when a step of it first ran it.
CREATE FUNCTION lease_images(of_run uuid, at_fence bigint, token uuid) RETURNS TABLE (image text, image_id text)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT DISTINCT ON (a.image) a.image, a.image_id FROM attempt a
    WHERE a.run_id = of_run AND a.image_id IS NOT NULL AND lease_shown(of_run, at_fence, token)
    ORDER BY a.image, a.started_at, a.step_id, a.number
$$;

-- As the functions without a token say.
CREATE FUNCTION lease_data_key(of_run uuid, at_fence bigint, token uuid, key uuid)
RETURNS TABLE (id uuid, team text, key_id text, wrapped bytea) LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT k.* FROM data_key_of_run(of_run, at_fence, key) k WHERE lease_shown(of_run, at_fence, token)
$$;

CREATE FUNCTION lease_add_data_key(of_run uuid, at_fence bigint, token uuid, key uuid, wrapped_by text, wrapped_key bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER AS $$
    SELECT add_data_key_of_run(of_run, at_fence, key, wrapped_by, wrapped_key) WHERE lease_shown(of_run, at_fence, token)
$$;

CREATE FUNCTION lease_secrets(of_run uuid, at_fence bigint, token uuid, names text[])
RETURNS TABLE (id uuid, team text, application_id uuid, name text, version integer, key_id text, wrapped bytea, sealed bytea, source text)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT s.* FROM secrets_of_run(of_run, at_fence, names) s WHERE lease_shown(of_run, at_fence, token)
$$;

-- The newest state of the run's resource, and since when it may not be the newest there is. No row: the lease is gone, or it is
-- another resource.
CREATE FUNCTION lease_state(of_run uuid, at_fence bigint, token uuid, of_resource uuid)
RETURNS TABLE (uncertain_since timestamptz, version bigint, serial bigint, content bytea) LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT r.state_uncertain_since, v.version, v.serial, v.content
    FROM run JOIN run root ON root.id = run.root_run_id
    JOIN resource r ON r.id = of_resource AND r.id IN (run.resource_id, root.resource_id)
    LEFT JOIN LATERAL (SELECT s.version, s.serial, s.content FROM state_version s WHERE s.resource_id = r.id
                       ORDER BY s.version DESC LIMIT 1) v ON true
    WHERE run.id = of_run AND lease_shown(of_run, at_fence, token)
$$;

-- Stores a new version of a resource's state, unless the newest stored one is the same or has a higher serial. False too while
-- somebody else holds the state's lock.
CREATE FUNCTION lease_store_state(
    of_run uuid, at_fence bigint, token uuid, of_resource uuid, its_serial bigint, its_lineage text, its_md5 text, its_content bytea)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM FROM run JOIN run root ON root.id = run.root_run_id
    WHERE run.id = of_run AND run.fence = at_fence AND run.status = 'running' AND run.lease_hash = lease_digest(token, at_fence)
      AND of_resource IN (run.resource_id, root.resource_id)
      AND NOT EXISTS (SELECT FROM state_lock l WHERE l.resource_id = of_resource AND l.run_id IS DISTINCT FROM run.root_run_id)
    FOR NO KEY UPDATE OF run;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    WITH newest AS (SELECT version, serial, md5, octet_length(content) = 0 AS removed FROM state_version
                    WHERE resource_id = of_resource ORDER BY version DESC LIMIT 1),
    stored AS (INSERT INTO state_version (resource_id, version, serial, lineage, content, md5, run_id, fence, written_by)
               SELECT of_resource, coalesce((SELECT version FROM newest), 0) + 1, its_serial, its_lineage, its_content, its_md5,
                      of_run, at_fence, 'run'
               WHERE NOT EXISTS (SELECT FROM newest WHERE newest.md5 = its_md5 OR newest.serial > its_serial AND NOT newest.removed)
               RETURNING version)
    INSERT INTO event (type, application_id, resource_id, run_id, data)
    SELECT 'state.stored', run.application_id, of_resource, of_run, jsonb_build_object('version', version, 'serial', its_serial)
    FROM run, stored WHERE run.id = of_run;
    RETURN true;
END $$;

-- Takes the state's lock in the name of the run's root. False too when somebody else holds it.
CREATE FUNCTION lease_lock_state(of_run uuid, at_fence bigint, token uuid, of_resource uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    WITH lease AS (
        SELECT run.id, run.root_run_id FROM run JOIN run root ON root.id = run.root_run_id
        WHERE run.id = of_run AND run.fence = at_fence AND run.status = 'running' AND run.lease_hash = lease_digest(token, at_fence)
          AND of_resource IN (run.resource_id, root.resource_id)
        FOR NO KEY UPDATE OF run)
    INSERT INTO state_lock (resource_id, lock_id, info, run_id, fence)
    SELECT of_resource, root_run_id::text,
           jsonb_build_object('ID', of_run, 'Operation', 'run', 'Who', 'slipway', 'Info', 'run ' || of_run), root_run_id, at_fence
    FROM lease
    ON CONFLICT (resource_id) DO UPDATE SET run_id = excluded.run_id, fence = excluded.fence, lock_id = excluded.lock_id,
           info = excluded.info, created_at = now()
        WHERE state_lock.run_id = excluded.run_id
           OR EXISTS (SELECT FROM run old WHERE old.id = state_lock.run_id AND old.finished_at IS NOT NULL);
    RETURN FOUND;
END $$;

-- Marks a resource's state as possibly older than what exists: no further run touches it until a person decides.
CREATE FUNCTION lease_mark_state_uncertain(of_run uuid, at_fence bigint, token uuid, of_resource uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    WITH lease AS (
        SELECT run.id FROM run JOIN run root ON root.id = run.root_run_id
        WHERE run.id = of_run AND run.fence = at_fence AND run.status = 'running' AND run.lease_hash = lease_digest(token, at_fence)
          AND of_resource IN (run.resource_id, root.resource_id)
        FOR NO KEY UPDATE OF run)
    UPDATE resource SET state_uncertain_since = coalesce(state_uncertain_since, now()) FROM lease WHERE resource.id = of_resource;
    RETURN FOUND;
END $$;
