-- What belongs to the end of a run, and to the loss of its worker, as functions: whoever may end a run calls them, and none of
-- them needs to be allowed to write the tables themselves. One round trip each, too.

-- Closes the logs of attempts that nobody will write to again, each with a gap record at its end.
CREATE FUNCTION seal_lost_attempts(of_run uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    WITH last AS (SELECT coalesce(max(cursor), 0) AS cursor FROM log_line WHERE run_id = of_run),
    open AS (SELECT step.name, attempt.number, row_number() OVER (ORDER BY step.position) AS place,
                    (SELECT count(*) FROM log_line l WHERE l.run_id = of_run AND l.step = step.name AND l.attempt = attempt.number) AS lines
             FROM attempt JOIN step ON step.id = attempt.step_id
             WHERE attempt.run_id = of_run AND attempt.status = 'running'
               AND NOT EXISTS (SELECT FROM log_seal s WHERE s.run_id = of_run AND s.step = step.name AND s.attempt = attempt.number)),
    gap AS (INSERT INTO log_line (run_id, cursor, step, attempt, seq, at, stream, text)
            SELECT of_run, last.cursor + place, name, number, lines + 1, clock_timestamp(), 'gap',
                   'the worker was lost here; lines after this one may be missing' FROM open, last)
    INSERT INTO log_seal (run_id, step, attempt, lines, gaps) SELECT of_run, name, number, lines + 1, 1 FROM open;
END $$;

-- Gives a (locked) resource a state in which no run works on it. The error is kept with a failed or degraded one; in the
-- history it stands in any case.
CREATE FUNCTION resource_becomes(of_resource uuid, of_application uuid, by_run uuid, its_state text, its_code text, its_message text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE resource SET state = its_state, state_since = now(), updated_at = now(), current_run_id = NULL, retry_requested_at = NULL,
           error_code = CASE WHEN its_state IN ('failed', 'degraded') THEN its_code END,
           error_message = CASE WHEN its_state IN ('failed', 'degraded') THEN its_message END,
           -- A run that ended leaves the wish to compare; without one it was just compared.
           reconcile_requested_at = CASE WHEN by_run IS NOT NULL THEN reconcile_requested_at END
    WHERE id = of_resource;
    INSERT INTO event (type, application_id, resource_id, run_id, data)
    VALUES ('resource.' || its_state, of_application, of_resource, by_run,
            CASE WHEN its_message IS NULL THEN '{}' ELSE jsonb_build_object('code', its_code, 'message', its_message) END);
END $$;

-- A resource rests only on what it wants, once it has become that; not yet when it was changed again meanwhile.
CREATE FUNCTION forget_dropped(of_resource uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM resource_dependency d USING resource r
    WHERE d.resource_id = of_resource AND NOT d.wanted AND r.id = of_resource AND r.reconcile_requested_at IS NULL;
END $$;

-- Marks the application as deleted whose last resource this was.
CREATE FUNCTION finish_deletion(of_resource uuid) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    owner record;
BEGIN
    -- Locked first, whether its deletion was asked for or not: a transaction that asks for it at this moment either sees that
    -- this resource is gone or is seen here. And two statements: the second looks with a snapshot taken after the lock was had.
    -- In one, two transactions that each remove one of the last two resources would both see the other's as there.
    SELECT a.id, a.delete_requested_at IS NOT NULL AND a.deleted_at IS NULL AS deleting INTO owner FROM application a
    WHERE a.id = (SELECT r.application_id FROM resource r WHERE r.id = of_resource) FOR NO KEY UPDATE;
    IF NOT coalesce(owner.deleting, false) THEN
        RETURN;
    END IF;
    WITH deleted AS (
        UPDATE application a SET deleted_at = now(), updated_at = now()
        WHERE a.id = owner.id AND a.deleted_at IS NULL
          AND NOT EXISTS (SELECT FROM resource r WHERE r.application_id = a.id AND r.state <> 'terminated' AND r.desired = 'absent')
        RETURNING a.id)
    INSERT INTO event (type, application_id) SELECT 'application.deleted', id FROM deleted;
END $$;

-- Keeps what a completed look at a (locked) resource found. Gives the state that follows from it.
CREATE FUNCTION record_drift(of_resource uuid, of_application uuid, by_run uuid, its_drift jsonb) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    before jsonb;
BEGIN
    SELECT drift INTO before FROM resource WHERE id = of_resource;
    UPDATE resource SET drift = its_drift, drift_since = CASE WHEN its_drift IS NOT NULL THEN coalesce(drift_since, now()) END, read_at = now()
    WHERE id = of_resource;
    IF before IS DISTINCT FROM its_drift THEN
        INSERT INTO event (type, application_id, resource_id, run_id, data)
        VALUES (CASE WHEN its_drift IS NULL THEN 'resource.drift_gone' ELSE 'resource.drift_found' END, of_application, of_resource, by_run,
                jsonb_build_object('drift', its_drift));
    END IF;
    RETURN CASE WHEN its_drift IS NULL THEN 'active' ELSE 'degraded' END;
END $$;

-- Gives a resource what its run made of it, in the transaction that ends the run, after the run's row.
CREATE FUNCTION resource_run_ended(
    of_resource uuid, by_run uuid, its_operation text, its_status text, its_outputs jsonb, its_sensitive text[], its_code text,
    its_message text, its_drift jsonb)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    was record;
    next text;
    code text := coalesce(its_code, 'StepFailed');
    message text := coalesce(its_message, '');
BEGIN
    SELECT application_id, desired = 'absent' AS absent, state INTO was FROM resource
    WHERE id = of_resource AND current_run_id = by_run FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- A read changes no state, but by failing: what cannot be looked at is not known to be well.
    next := CASE WHEN its_operation = 'read' THEN CASE WHEN its_status IN ('completed', 'cancelled') THEN was.state ELSE 'degraded' END
                 WHEN its_status <> 'completed' THEN 'failed'
                 WHEN its_operation = 'delete' THEN 'terminated'
                 ELSE 'active' END;
    -- What a completed run gave back, and what is there now. A create says all there is to say; an update or a read only adds
    -- to it, so that one that gives nothing back takes nothing away (a password, say).
    IF its_status = 'completed' AND its_operation = 'read' THEN
        -- These say how it differs, not what it is.
        its_outputs := its_outputs - '{drift,changed}'::text[];
    END IF;
    IF its_status = 'completed' AND its_operation <> 'delete' THEN
        UPDATE resource SET
               drift = CASE WHEN its_operation = 'read' THEN drift END,
               drift_since = CASE WHEN its_operation = 'read' THEN drift_since END,
               outputs = CASE WHEN its_operation = 'create' THEN its_outputs ELSE outputs || its_outputs END,
               sensitive_outputs = CASE WHEN its_operation = 'create' THEN its_sensitive
                                        ELSE ARRAY(SELECT DISTINCT name FROM UNNEST(sensitive_outputs || its_sensitive) name ORDER BY name) END,
               -- Whatever names outputs of one that is made for the first time waits for it and sees them.
               dependents_due = dependents_due
                                OR its_operation <> 'create' AND outputs || its_outputs IS DISTINCT FROM outputs
                                   AND EXISTS (SELECT FROM resource_dependency d WHERE d.depends_on_id = of_resource AND d.wanted),
               applied_params = CASE WHEN its_operation = 'read' THEN applied_params ELSE coalesce(resolved_params, params) END,
               applied_uncertain_since = CASE WHEN its_operation = 'read' THEN applied_uncertain_since END
        WHERE id = of_resource;
        IF its_operation = 'read' THEN
            next := record_drift(of_resource, was.application_id, by_run, its_drift);
            code := 'Drift';
            message := 'it differs from what was made: see its drift';
        ELSE
            PERFORM forget_dropped(of_resource);
        END IF;
    ELSIF its_status <> 'completed' AND its_operation = 'update' THEN
        -- An update that began may have changed what is there, though it did not complete.
        UPDATE resource SET applied_uncertain_since = now()
        WHERE id = of_resource AND applied_uncertain_since IS NULL
          AND EXISTS (SELECT FROM run WHERE run.id = by_run AND run.started_at IS NOT NULL);
    END IF;
    IF next = was.state THEN
        UPDATE resource SET current_run_id = NULL, updated_at = now() WHERE id = of_resource;
    ELSIF next IN ('failed', 'degraded') THEN
        PERFORM resource_becomes(of_resource, was.application_id, by_run, next, code, message);
    ELSE
        PERFORM resource_becomes(of_resource, was.application_id, by_run, next, NULL, NULL);
    END IF;
    IF next = 'failed' AND was.absent AND its_operation <> 'delete' THEN
        -- It should be gone, and what was stopped may have left something: resolve makes the delete run next.
        UPDATE resource SET retry_requested_at = now() WHERE id = of_resource;
    END IF;
    IF next = 'terminated' THEN
        PERFORM finish_deletion(of_resource);
    END IF;
END $$;

-- Ends a run whose row the caller has locked and found live, with all that follows: its open steps and approvals, its lock on a
-- state, its resource, its events, one NOTIFY. The fence rises unless the run was the caller's own lease, so that tickets go stale.
CREATE FUNCTION end_run(
    of_run uuid, its_status text, its_outputs jsonb, its_sensitive text[], its_code text, its_message text, its_actor text, its_drift jsonb)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    ended record;
BEGIN
    -- A run that was stopped because its deadline had passed says that it was cancelled, and has failed.
    IF its_status = 'cancelled' THEN
        SELECT coalesce(cancel_reason, '') AS why INTO ended FROM run WHERE id = of_run AND deadline_missed;
        IF FOUND THEN
            its_status := 'failed';
            its_code := 'TimedOut';
            its_message := ended.why;
            its_actor := 'system';
        END IF;
    END IF;
    UPDATE run SET status = its_status, outputs = its_outputs, sensitive_outputs = its_sensitive,
           error_code = CASE WHEN its_status = 'failed' THEN its_code END, error_message = its_message, finished_at = now(),
           fence = fence + CASE WHEN status = 'running' THEN 0 ELSE 1 END,
           reason = NULL, reason_detail = NULL, suspended_until = NULL, lease_worker_id = NULL, lease_until = NULL
    WHERE id = of_run
    RETURNING operation, resource_id, application_id INTO STRICT ended;
    WITH closed AS (
        UPDATE step SET status = CASE WHEN status IN ('running', 'waiting') OR its_status = 'cancelled' THEN 'cancelled' ELSE 'skipped' END,
               finished_at = now(), not_before = NULL, wait_until = NULL
        WHERE run_id = of_run AND finished_at IS NULL RETURNING id),
    withdrawn AS (UPDATE approval SET decision = 'withdrawn', decided_at = now(), decided_by = its_actor
                  WHERE run_id = of_run AND decision IS NULL),
    unlocked AS (DELETE FROM state_lock WHERE resource_id = ended.resource_id AND run_id = of_run)
    UPDATE attempt SET status = 'cancelled', finished_at = now()
    FROM closed WHERE attempt.step_id = closed.id AND attempt.status = 'running';
    INSERT INTO event (type, application_id, resource_id, run_id, actor, data)
    VALUES ('run.' || its_status, ended.application_id, ended.resource_id, of_run, its_actor,
            jsonb_build_object('error_code', its_code, 'error_message', its_message));
    IF ended.resource_id IS NOT NULL THEN
        PERFORM resource_run_ended(ended.resource_id, of_run, ended.operation, its_status, its_outputs, its_sensitive, its_code,
                                   its_message, its_drift);
    END IF;
    PERFORM pg_notify('slipway', '');
END $$;
