-- What a worker writes about the steps of a run it holds. Each function is one statement that locks the run, finds the lease and
-- writes; false: the lease is gone, or the rows are not as the worker knew them, and nothing is changed. Safe to call again.

-- Records that a try of a step begins.
CREATE FUNCTION lease_step_started(of_run uuid, at_fence bigint, token uuid, by_worker uuid, of_step uuid, try smallint, its_image text, its_image_id text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    done boolean;
BEGIN
    WITH lease AS (
        SELECT id, application_id, resource_id FROM run
        WHERE id = of_run AND fence = at_fence AND status = 'running' AND lease_hash = lease_digest(token, at_fence) FOR NO KEY UPDATE),
    begun AS (
        UPDATE step SET status = 'running', tries = try, started_at = coalesce(started_at, now()), not_before = NULL
        FROM lease WHERE step.run_id = lease.id AND step.id = of_step
          AND (step.status = 'pending' AND tries = try - 1::smallint OR step.status = 'running' AND tries = try)
        RETURNING step.id, step.name),
    tried AS (
        INSERT INTO attempt (step_id, number, run_id, fence, worker_id, image, image_id)
        SELECT id, try, of_run, at_fence, by_worker, its_image, its_image_id FROM begun ON CONFLICT DO NOTHING RETURNING 1),
    told AS (
        INSERT INTO event (type, application_id, resource_id, run_id, step, data)
        SELECT 'step.started', lease.application_id, lease.resource_id, of_run, begun.name, jsonb_build_object('attempt', try)
        FROM lease, begun, tried)
    SELECT true INTO done FROM begun;
    RETURN FOUND;
END $$;

-- Records which image a try runs that was fetched for it.
CREATE FUNCTION lease_image_fetched(of_run uuid, at_fence bigint, token uuid, of_step uuid, try smallint, its_image_id text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    WITH lease AS (
        SELECT id FROM run
        WHERE id = of_run AND fence = at_fence AND status = 'running' AND lease_hash = lease_digest(token, at_fence) FOR NO KEY UPDATE)
    UPDATE attempt SET image_id = its_image_id FROM lease
    WHERE attempt.run_id = lease.id AND step_id = of_step AND number = try AND attempt.status = 'running';
    RETURN FOUND;
END $$;

-- Records the end of a try, the step's outcome and the checkpoint of the workspace, and closes the try's log with its last lines.
CREATE FUNCTION lease_step_finished(
    of_run uuid, at_fence bigint, token uuid, of_step uuid, try smallint, its_status text, counted smallint, retry_in_s float8,
    its_exit_code integer, its_code text, its_message text, its_outputs jsonb, its_sensitive text[], its_variables jsonb,
    its_checkpoint jsonb, of_shared_workspace boolean, try_status text, was_oom_killed boolean,
    cursors bigint[], steps text[], attempts_of smallint[], seqs bigint[], times timestamptz[], streams text[], texts text[],
    log_lines bigint, log_gaps bigint)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    done boolean;
BEGIN
    WITH lease AS (
        SELECT id, application_id, resource_id FROM run
        WHERE id = of_run AND fence = at_fence AND status = 'running' AND lease_hash = lease_digest(token, at_fence) FOR NO KEY UPDATE),
    ended AS (
        UPDATE step SET status = its_status, attempts = attempts + counted, not_before = now() + make_interval(secs => retry_in_s),
               exit_code = its_exit_code, error_code = CASE WHEN its_status = 'failed' THEN its_code END, error_message = its_message,
               outputs = its_outputs, sensitive_outputs = its_sensitive, variables = its_variables, checkpoint = its_checkpoint,
               finished_at = CASE WHEN its_status <> 'pending' THEN now() END
        FROM lease WHERE step.run_id = lease.id AND step.id = of_step AND step.status = 'running' AND tries = try
        RETURNING step.id, step.name),
    tried AS (
        UPDATE attempt SET status = try_status, exit_code = its_exit_code, oom_killed = was_oom_killed, error_code = its_code,
               error_message = its_message, finished_at = now()
        FROM ended WHERE attempt.step_id = ended.id AND attempt.number = try),
    saved AS (
        UPDATE run SET checkpoint = its_checkpoint FROM ended
        WHERE run.id = of_run AND of_shared_workspace AND its_checkpoint IS NOT NULL),
    written AS (
        INSERT INTO log_line (run_id, cursor, step, attempt, seq, at, stream, text)
        SELECT lease.id, line.* FROM lease, UNNEST(cursors, steps, attempts_of, seqs, times, streams, texts) AS line
        ON CONFLICT DO NOTHING),
    sealed AS (
        INSERT INTO log_seal (run_id, step, attempt, lines, gaps) SELECT of_run, name, try, log_lines, log_gaps FROM ended
        ON CONFLICT DO NOTHING),
    told AS (
        INSERT INTO event (type, application_id, resource_id, run_id, step, data)
        SELECT CASE WHEN its_status = 'pending' THEN 'step.retrying' ELSE 'step.finished' END, lease.application_id, lease.resource_id,
               of_run, ended.name,
               jsonb_build_object('attempt', try, 'attempt_status', try_status, 'status', its_status, 'exit_code', its_exit_code,
                                  'error_code', its_code, 'error_message', its_message, 'retry_in_s', retry_in_s)
        FROM lease, ended)
    -- It is done too when an earlier call did it, whose answer was lost.
    SELECT true INTO done FROM lease
    WHERE EXISTS (SELECT FROM ended) OR EXISTS (SELECT FROM attempt WHERE step_id = of_step AND number = try AND status = try_status);
    RETURN coalesce(done, false);
END $$;

-- Appends lines in the order of their cursors.
CREATE FUNCTION lease_append_log(
    of_run uuid, at_fence bigint, token uuid, cursors bigint[], steps text[], attempts_of smallint[], seqs bigint[], times timestamptz[],
    streams text[], texts text[])
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    done boolean;
BEGIN
    WITH lease AS (
        SELECT id FROM run
        WHERE id = of_run AND fence = at_fence AND status = 'running' AND lease_hash = lease_digest(token, at_fence) FOR NO KEY UPDATE),
    written AS (
        INSERT INTO log_line (run_id, cursor, step, attempt, seq, at, stream, text)
        SELECT lease.id, line.* FROM lease, UNNEST(cursors, steps, attempts_of, seqs, times, streams, texts) AS line
        ON CONFLICT DO NOTHING)
    SELECT true INTO done FROM lease;
    RETURN FOUND;
END $$;

-- Closes steps that never begin, or that wait for what nobody needs any more, each with the reason in words. Open approvals of
-- theirs are withdrawn. A step that is over by now, or runs, stays as it is.
CREATE FUNCTION lease_close_steps(of_run uuid, at_fence bigint, token uuid, its_status text, ids uuid[], reasons text[])
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    done boolean;
BEGIN
    WITH lease AS (
        SELECT id, application_id, resource_id FROM run
        WHERE id = of_run AND fence = at_fence AND status = 'running' AND lease_hash = lease_digest(token, at_fence) FOR NO KEY UPDATE),
    closed AS (
        UPDATE step SET status = its_status, error_message = given.reason, finished_at = now(), not_before = NULL
        FROM lease, UNNEST(ids, reasons) AS given (step_id, reason)
        WHERE step.run_id = lease.id AND step.id = given.step_id AND step.status IN ('pending', 'waiting')
        RETURNING step.id, step.name, given.reason),
    withdrawn AS (
        UPDATE approval SET decision = 'withdrawn', decided_at = now()
        FROM closed WHERE approval.step_id = closed.id AND approval.decision IS NULL),
    told AS (
        INSERT INTO event (type, application_id, resource_id, run_id, step, data)
        SELECT CASE WHEN its_status = 'skipped' THEN 'step.skipped' ELSE 'step.finished' END, lease.application_id, lease.resource_id,
               of_run, closed.name, jsonb_build_object('status', its_status, 'reason', closed.reason)
        FROM lease, closed)
    SELECT true INTO done FROM lease;
    RETURN FOUND;
END $$;

-- Writes a step for each element of a loop, `<name>.<index>`; the loop's own row stays pending until lease_loop_finished.
CREATE FUNCTION lease_spread(of_run uuid, at_fence bigint, token uuid, of_step uuid, ids uuid[], items jsonb[])
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    done boolean;
BEGIN
    WITH lease AS (
        SELECT id, application_id, resource_id FROM run
        WHERE id = of_run AND fence = at_fence AND status = 'running' AND lease_hash = lease_digest(token, at_fence) FOR NO KEY UPDATE),
    begun AS (
        UPDATE step SET started_at = coalesce(started_at, now())
        FROM lease WHERE step.run_id = lease.id AND step.id = of_step AND step.status = 'pending'
        RETURNING step.name, step.position, step.type, step.idempotency_key),
    made AS (
        INSERT INTO step (id, run_id, name, position, type, idempotency_key, parent, item, item_index)
        SELECT given.id, of_run, begun.name || '.' || (given.place - 1), begun.position, begun.type,
               begun.idempotency_key || '.' || (given.place - 1), begun.name, given.item, given.place - 1
        FROM begun, UNNEST(ids, items) WITH ORDINALITY AS given (id, item, place)
        ON CONFLICT (run_id, name) DO NOTHING RETURNING 1),
    told AS (
        INSERT INTO event (type, application_id, resource_id, run_id, step, data)
        SELECT 'step.started', lease.application_id, lease.resource_id, of_run, begun.name, jsonb_build_object('items', cardinality(ids))
        FROM lease, begun WHERE EXISTS (SELECT FROM made))
    SELECT true INTO done FROM lease;
    RETURN FOUND;
END $$;

-- Records the end of a loop, all of whose elements are over.
CREATE FUNCTION lease_loop_finished(
    of_run uuid, at_fence bigint, token uuid, of_step uuid, its_status text, its_code text, its_message text, its_outputs jsonb,
    its_sensitive text[])
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    done boolean;
BEGIN
    WITH lease AS (
        SELECT id, application_id, resource_id FROM run
        WHERE id = of_run AND fence = at_fence AND status = 'running' AND lease_hash = lease_digest(token, at_fence) FOR NO KEY UPDATE),
    ended AS (
        UPDATE step SET status = its_status, error_code = its_code, error_message = its_message, outputs = its_outputs,
               sensitive_outputs = its_sensitive, started_at = coalesce(started_at, now()), finished_at = now()
        FROM lease WHERE step.run_id = lease.id AND step.id = of_step AND step.status = 'pending' RETURNING step.name),
    told AS (
        INSERT INTO event (type, application_id, resource_id, run_id, step, data)
        SELECT 'step.finished', lease.application_id, lease.resource_id, of_run, ended.name,
               jsonb_build_object('status', its_status, 'error_code', its_code, 'error_message', its_message)
        FROM lease, ended)
    SELECT true INTO done FROM lease;
    RETURN FOUND;
END $$;

-- Adds what a completed step's own templates make of what it was given from outside, and notes in its `wait` that this was done.
CREATE FUNCTION lease_step_derived(
    of_run uuid, at_fence bigint, token uuid, of_step uuid, its_outputs jsonb, its_sensitive text[], its_variables jsonb)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    done boolean;
BEGIN
    WITH lease AS (
        SELECT id FROM run
        WHERE id = of_run AND fence = at_fence AND status = 'running' AND lease_hash = lease_digest(token, at_fence) FOR NO KEY UPDATE),
    added AS (
        UPDATE step SET outputs = its_outputs, sensitive_outputs = its_sensitive, variables = its_variables,
               wait = coalesce(wait, '{}') || jsonb_build_object('derived', true)
        FROM lease WHERE step.run_id = lease.id AND step.id = of_step AND step.status = 'completed')
    SELECT true INTO done FROM lease;
    RETURN FOUND;
END $$;

-- Records that a pending step waits, until a moment, for some seconds, or for as long as it takes; with a message, that people are
-- asked. The schedulers are woken when it is they who make what it waits for.
CREATE FUNCTION lease_step_waiting(
    of_run uuid, at_fence bigint, token uuid, of_step uuid, its_wait jsonb, until_at timestamptz, for_s float8, its_message text,
    its_roles text[], its_teams text[], when_time_is_up text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    calls bigint;
BEGIN
    WITH lease AS (
        SELECT id, application_id, resource_id FROM run
        WHERE id = of_run AND fence = at_fence AND status = 'running' AND lease_hash = lease_digest(token, at_fence) FOR NO KEY UPDATE),
    begun AS (
        UPDATE step SET status = 'waiting', started_at = coalesce(started_at, now()), not_before = NULL, wait_until = until.at,
               wait = its_wait || CASE WHEN its_wait ->> 'kind' = 'delay' THEN jsonb_build_object('until', until.at) ELSE '{}' END
        FROM lease, (SELECT coalesce(until_at, now() + make_interval(secs => for_s)) AS at) until
        WHERE step.run_id = lease.id AND step.id = of_step AND step.status = 'pending'
        RETURNING step.id, step.name, step.wait, step.wait_until),
    asked AS (
        INSERT INTO approval (step_id, run_id, message, roles, teams, expires_at, on_timeout)
        SELECT id, of_run, its_message, its_roles, its_teams, wait_until, when_time_is_up FROM begun WHERE its_message IS NOT NULL
        ON CONFLICT (step_id) DO NOTHING RETURNING step_id),
    told AS (
        INSERT INTO event (type, application_id, resource_id, run_id, step, data)
        SELECT kind, lease.application_id, lease.resource_id, of_run, begun.name,
               jsonb_build_object('kind', begun.wait -> 'kind', 'until', begun.wait_until, 'message', its_message)
        FROM lease, begun, UNNEST(ARRAY['step.waiting', 'approval.requested']) AS kind
        WHERE kind = 'step.waiting' OR its_message IS NOT NULL),
    woken AS (SELECT pg_notify('slipway', '') FROM begun WHERE begun.wait ->> 'kind' IN ('child', 'resources'))
    SELECT (SELECT count(*) FROM woken) INTO calls FROM lease;
    RETURN FOUND;
END $$;

-- Records that a service of the run was started, or ended although steps need it: one event of a kind for each start.
CREATE FUNCTION lease_service_told(of_run uuid, at_fence bigint, token uuid, its_kind text, its_data jsonb) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF its_kind NOT IN ('service.started', 'service.ended') OR NOT lease_lock(of_run, at_fence, token) THEN
        RETURN false;
    END IF;
    INSERT INTO event (type, application_id, resource_id, run_id, data)
    SELECT its_kind, run.application_id, run.resource_id, of_run, its_data FROM run
    WHERE run.id = of_run
      AND NOT EXISTS (SELECT FROM event told WHERE told.run_id = of_run AND told.type = its_kind
                        AND told.data @> jsonb_build_object('service', its_data -> 'service', 'number', its_data -> 'number'));
    RETURN true;
END $$;

-- The starts of the run's services, the oldest first.
CREATE FUNCTION lease_service_starts(of_run uuid, at_fence bigint, token uuid) RETURNS SETOF jsonb
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT told.data FROM event told
    WHERE told.run_id = of_run AND told.type = 'service.started' AND lease_shown(of_run, at_fence, token)
    ORDER BY told.xid, told.id
$$;

-- Counts a write that was refused because its lease was gone. Needs no lease, for it records that there is none; only the worker
-- itself says so, and only of a run that moved on.
CREATE FUNCTION lease_count_refusal(of_run uuid, at_fence bigint, by_worker uuid, what text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF NOT is_own_worker(by_worker) THEN
        RETURN false;
    END IF;
    UPDATE worker SET refused_writes = refused_writes + 1 WHERE id = by_worker;
    INSERT INTO event (type, run_id, data)
    VALUES ('write.refused', of_run, jsonb_build_object('worker', by_worker, 'fence', at_fence, 'write', left(what, 100)));
    RETURN true;
END $$;

-- Records that a run's whole log is in the archive. False: it is recorded already, or not all of it is there.
CREATE FUNCTION lease_log_archived(of_run uuid, its_key text, its_sha256 bytea, its_bytes bigint, its_lines bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO log_archive (run_id, key, sha256, bytes, lines)
    SELECT of_run, its_key, its_sha256, its_bytes, its_lines FROM run
    WHERE run.id = of_run AND run.finished_at IS NOT NULL AND starts_with(its_key, 'logs/' || of_run)
      AND its_lines = (SELECT count(*) FROM log_line l WHERE l.run_id = of_run)
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$;
