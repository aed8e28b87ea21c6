-- What teams may use and what they use; where keys were used.

ALTER TABLE api_key ADD COLUMN last_used_address text;

CREATE INDEX team_limited ON team (name)
    WHERE max_runs IS NOT NULL OR max_cpu_minutes IS NOT NULL OR max_log_bytes IS NOT NULL OR max_storage_bytes IS NOT NULL;
CREATE INDEX IF NOT EXISTS application_by_team ON application (team, id);

-- What happened and is not in the figures yet. Written beside what it tells of, so that nobody waits for the row of a
-- figure; the scheduler adds it up within seconds.
CREATE TABLE team_usage (
    id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT now(),
    -- Known by the run, unless that is being forgotten.
    team    text,
    run_id  uuid,
    step_id uuid,
    -- `attempt`: milliseconds that one took. The others: bytes; of what is kept, less than none when it goes.
    kind    text        NOT NULL CHECK (kind IN ('attempt', 'log', 'workspace', 'kept_log', 'state')),
    amount  bigint      NOT NULL,
    CHECK (num_nonnulls(team, run_id) = 1),
    CHECK (kind <> 'attempt' OR step_id IS NOT NULL)
);

-- Used in a calendar month (UTC).
CREATE TABLE team_month (
    team      text   NOT NULL,
    month     date   NOT NULL,
    -- Milliseconds of processor that attempts were given: how long they took, times the processors of their step. Those that
    -- were lost with their worker are not counted.
    cpu_ms    bigint NOT NULL DEFAULT 0,
    log_bytes bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (team, month)
);

-- Kept now, in bytes.
CREATE TABLE team_kept (
    team       text   PRIMARY KEY,
    -- Checkpoints in the archive of runs that have not completed, and so may go on from them.
    workspaces bigint NOT NULL DEFAULT 0,
    -- Logs in the archive, compressed.
    logs       bigint NOT NULL DEFAULT 0,
    -- Every version of every state.
    states     bigint NOT NULL DEFAULT 0
);

-- The teams whose ready runs wait for their own quota: one row a team, however many runs those are. Promote keeps it true.
CREATE TABLE team_wait (
    team   text        PRIMARY KEY,
    detail text        NOT NULL,
    since  timestamptz NOT NULL DEFAULT now()
);

-- The first moment of this calendar month, UTC.
CREATE FUNCTION this_month() RETURNS date
LANGUAGE sql STABLE AS $$ SELECT date_trunc('month', now() AT TIME ZONE 'UTC')::date $$;

-- Whoever changes what is counted need not be allowed to write the figures themselves.
CREATE FUNCTION count_attempt() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO team_usage (run_id, step_id, kind, amount)
    VALUES (NEW.run_id, NEW.step_id, 'attempt', round(extract(epoch FROM NEW.finished_at - NEW.started_at) * 1000));
    RETURN NULL;
END $$;
CREATE TRIGGER count_attempt AFTER UPDATE OF finished_at ON attempt
    FOR EACH ROW WHEN (OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL AND NEW.status <> 'lost') EXECUTE FUNCTION count_attempt();

CREATE FUNCTION count_log() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO team_usage (run_id, kind, amount)
    SELECT run_id, 'log', sum(octet_length(text)) FROM written GROUP BY run_id;
    RETURN NULL;
END $$;
CREATE TRIGGER count_log AFTER INSERT ON log_line
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION count_log();

CREATE FUNCTION count_kept_log() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO team_usage (run_id, kind, amount)
    VALUES (NEW.run_id, 'kept_log', NEW.bytes - CASE WHEN TG_OP = 'UPDATE' THEN OLD.bytes ELSE 0 END);
    RETURN NULL;
END $$;
CREATE TRIGGER count_kept_log AFTER INSERT OR UPDATE OF bytes ON log_archive
    FOR EACH ROW EXECUTE FUNCTION count_kept_log();

CREATE FUNCTION count_state() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    before bigint := 0;
    after bigint := 0;
    of_resource uuid;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        before := octet_length(OLD.content);
        of_resource := OLD.resource_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        after := octet_length(NEW.content);
        of_resource := NEW.resource_id;
    END IF;
    INSERT INTO team_usage (team, kind, amount)
    SELECT a.team, 'state', after - before FROM resource r JOIN application a ON a.id = r.application_id
    WHERE r.id = of_resource AND after <> before;
    RETURN NULL;
END $$;
CREATE TRIGGER count_state AFTER INSERT OR DELETE OR UPDATE OF content ON state_version
    FOR EACH ROW EXECUTE FUNCTION count_state();

-- Bytes that the archive keeps of the checkpoints that a run itself made; those that it took over from another run are counted
-- there. As domain::checkpoint has it: the newest of the shared workspace always, of those before it 32 and a GiB at most.
-- `instead`: what the step `changed` is to be taken for.
CREATE FUNCTION workspace_bytes(of_run uuid, changed uuid DEFAULT NULL, instead jsonb DEFAULT NULL, instead_at timestamptz DEFAULT NULL)
RETURNS bigint
LANGUAGE sql STABLE AS $$
    WITH made AS (
        SELECT CASE WHEN s.id = changed THEN instead ELSE s.checkpoint END AS checkpoint,
               CASE WHEN s.id = changed THEN instead_at ELSE s.finished_at END AS at, s.position
        FROM step s WHERE s.run_id = of_run),
    own AS (
        SELECT (made.checkpoint ->> 'bytes')::bigint AS bytes, coalesce(made.checkpoint ->> 'shared' = 'true', false) AS shared, made.at, made.position
        FROM made WHERE starts_with(made.checkpoint ->> 'key', 'workspaces/' || of_run)),
    lined AS (
        SELECT own.bytes, own.shared, row_number() OVER newest_first AS place,
               sum(own.bytes) OVER newest_first - first_value(own.bytes) OVER newest_first AS older
        FROM own WINDOW newest_first AS (PARTITION BY own.shared ORDER BY own.at DESC, own.position DESC ROWS UNBOUNDED PRECEDING))
    SELECT coalesce(sum(lined.bytes) FILTER (WHERE NOT lined.shared OR lined.place <= 33 AND lined.older <= 1073741824), 0)::bigint FROM lined
$$;

CREATE FUNCTION count_checkpoint() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO team_usage (run_id, kind, amount)
    SELECT NEW.run_id, 'workspace', difference
    FROM (SELECT workspace_bytes(NEW.run_id) - workspace_bytes(NEW.run_id, NEW.id, OLD.checkpoint, OLD.finished_at) AS difference) it
    WHERE difference <> 0;
    RETURN NULL;
END $$;
CREATE TRIGGER count_checkpoint AFTER UPDATE OF checkpoint ON step
    FOR EACH ROW WHEN (OLD.checkpoint IS DISTINCT FROM NEW.checkpoint) EXECUTE FUNCTION count_checkpoint();

-- A run that completed needs its checkpoints no more, one that is forgotten leaves nothing at all.
CREATE FUNCTION count_gone() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    files bigint := CASE WHEN OLD.status = 'completed' THEN 0 ELSE workspace_bytes(OLD.id) END;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF files <> 0 THEN
            INSERT INTO team_usage (run_id, kind, amount) VALUES (OLD.id, 'workspace', -files);
        END IF;
        RETURN NULL;
    END IF;
    INSERT INTO team_usage (team, kind, amount)
    SELECT OLD.team, 'kept_log', -l.bytes FROM log_archive l WHERE l.run_id = OLD.id
    UNION ALL SELECT OLD.team, 'workspace', -files WHERE files <> 0;
    RETURN OLD;
END $$;
CREATE TRIGGER count_completed AFTER UPDATE OF status ON run
    FOR EACH ROW WHEN (NEW.status = 'completed' AND OLD.status <> 'completed') EXECUTE FUNCTION count_gone();
CREATE TRIGGER count_forgotten BEFORE DELETE ON run
    FOR EACH ROW WHEN (OLD.started_at IS NOT NULL) EXECUTE FUNCTION count_gone();

-- Adds up to `most` entries to the figures. Returns how many there were.
CREATE FUNCTION add_up_usage(most bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    counted bigint;
BEGIN
    -- One at a time, so that the rows of figures are never waited for.
    IF NOT pg_try_advisory_xact_lock(hashtextextended('usage', 0)) THEN
        RETURN 0;
    END IF;
    WITH taken AS (DELETE FROM team_usage WHERE id IN (SELECT u.id FROM team_usage u ORDER BY u.id LIMIT most) RETURNING *),
    known AS (SELECT taken.*, coalesce(taken.team, run.team) AS of_team, run.plan_digest, coalesce(step.parent, step.name) AS step_name
              FROM taken LEFT JOIN run ON run.id = taken.run_id LEFT JOIN step ON step.id = taken.step_id),
    -- A plan is unpacked once, however many of its attempts ended.
    planned AS MATERIALIZED (
        SELECT plan.digest, it ->> 'name' AS step_name, (it -> 'step_type' -> 'privileges' ->> 'cpu_millis')::bigint AS cpu_millis
        FROM plan CROSS JOIN LATERAL jsonb_array_elements(plan.body -> 'steps') it
        WHERE plan.digest IN (SELECT known.plan_digest FROM known WHERE known.kind = 'attempt')),
    months AS (
        INSERT INTO team_month AS month (team, month, cpu_ms, log_bytes)
        SELECT known.of_team, date_trunc('month', known.at AT TIME ZONE 'UTC')::date,
               -- Without figures of its own a step gets one processor.
               coalesce(sum(known.amount * coalesce(nullif(planned.cpu_millis, 0), 1000) / 1000) FILTER (WHERE known.kind = 'attempt'), 0),
               coalesce(sum(known.amount) FILTER (WHERE known.kind = 'log'), 0)
        FROM known LEFT JOIN planned ON planned.digest = known.plan_digest AND planned.step_name = known.step_name
        WHERE known.kind IN ('attempt', 'log') AND known.of_team IS NOT NULL
        GROUP BY 1, 2
        ON CONFLICT (team, month) DO UPDATE SET cpu_ms = month.cpu_ms + excluded.cpu_ms, log_bytes = month.log_bytes + excluded.log_bytes),
    kept AS (
        INSERT INTO team_kept AS kept (team, workspaces, logs, states)
        SELECT known.of_team, coalesce(sum(known.amount) FILTER (WHERE known.kind = 'workspace'), 0),
               coalesce(sum(known.amount) FILTER (WHERE known.kind = 'kept_log'), 0),
               coalesce(sum(known.amount) FILTER (WHERE known.kind = 'state'), 0)
        FROM known WHERE known.kind IN ('workspace', 'kept_log', 'state') AND known.of_team IS NOT NULL
        GROUP BY 1
        ON CONFLICT (team) DO UPDATE SET workspaces = kept.workspaces + excluded.workspaces, logs = kept.logs + excluded.logs,
               states = kept.states + excluded.states)
    SELECT count(*) INTO counted FROM taken;
    RETURN counted;
END $$;

-- A team's runs that are queued or run, in all queues. Through the index of each, so that it costs what the team itself runs.
CREATE FUNCTION runs_in_flight(of_team text) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT count(*) FROM queue q JOIN run r ON r.queue = q.name AND r.team = of_team AND r.status IN ('queued', 'running')
$$;

-- Teams of which no run may start now, and why. What they use is added up within seconds, so they may be a little beyond it.
CREATE FUNCTION teams_held() RETURNS TABLE (team text, detail text)
LANGUAGE sql STABLE AS $$
    WITH figures AS MATERIALIZED (
        SELECT t.name, t.max_runs, t.max_cpu_minutes, t.max_log_bytes, t.max_storage_bytes,
               CASE WHEN t.max_runs IS NOT NULL THEN runs_in_flight(t.name) END AS runs,
               coalesce(month.cpu_ms, 0) / 60000 AS cpu_minutes, coalesce(month.log_bytes, 0) AS log_bytes,
               coalesce(kept.workspaces + kept.logs + kept.states, 0) AS storage_bytes,
               'the month ends at ' || to_char(this_month() + interval '1 month', 'YYYY-MM-DD') || 'T00:00:00Z' AS month_ends
        FROM team t LEFT JOIN team_month month ON month.team = t.name AND month.month = this_month()
        LEFT JOIN team_kept kept ON kept.team = t.name
        WHERE t.max_runs IS NOT NULL OR t.max_cpu_minutes IS NOT NULL OR t.max_log_bytes IS NOT NULL OR t.max_storage_bytes IS NOT NULL)
    SELECT name, CASE
        WHEN cpu_minutes >= max_cpu_minutes
            THEN format('team ''%s'' has used %s of the %s cpu-minutes of its month; %s', name, cpu_minutes, max_cpu_minutes, month_ends)
        WHEN log_bytes >= max_log_bytes
            THEN format('team ''%s'' has written %s of the %s bytes of log of its month; %s', name, log_bytes, max_log_bytes, month_ends)
        WHEN storage_bytes >= max_storage_bytes
            THEN format('what is kept for team ''%s'' takes %s of its %s bytes', name, storage_bytes, max_storage_bytes)
        ELSE format('team ''%s'' runs %s of the %s that it may at once', name, runs, max_runs) END
    FROM figures
    WHERE cpu_minutes >= max_cpu_minutes OR log_bytes >= max_log_bytes OR storage_bytes >= max_storage_bytes OR runs >= max_runs
$$;

-- As before, and: a team's runs beyond its quotas stay where they are, and take no room from the others.
CREATE OR REPLACE FUNCTION promote_queue(queue_name text, worker_gone_after interval, most bigint)
RETURNS TABLE (run_id uuid, fence bigint)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    workers bigint;
    slots bigint;
    running bigint;
    queued bigint;
    free bigint;
    chosen uuid[];
    why text;
    detail text;
    waiting boolean;
    -- Teams whose quotas bound their runs; those of them of which none may start; and what the others of them may start.
    limited text[] := ARRAY(SELECT t.name FROM team t WHERE t.max_runs IS NOT NULL OR t.max_cpu_minutes IS NOT NULL
                                                         OR t.max_log_bytes IS NOT NULL OR t.max_storage_bytes IS NOT NULL);
    held text[] := limited;
    capped text[] := '{}';
    room bigint[] := '{}';
    mine boolean := false;
BEGIN
    -- Free slots must not be given twice. Another scheduler that holds the lock does the work.
    IF NOT pg_try_advisory_xact_lock(hashtextextended('promote:' || queue_name, 0)) THEN
        RETURN;
    END IF;
    -- A team's quota is one over all queues, so it is given under one lock. Another scheduler that holds it does the work.
    IF limited <> '{}' AND pg_try_advisory_xact_lock(hashtextextended('promote:quotas', 0)) THEN
        mine := true;
        held := ARRAY(SELECT h.team FROM teams_held() h);
        SELECT coalesce(array_agg(t.name), '{}'), coalesce(array_agg(t.max_runs - runs_in_flight(t.name)), '{}') INTO capped, room
        FROM team t WHERE t.max_runs IS NOT NULL;
    END IF;
    WITH live AS (SELECT w.id, w.slots FROM worker w
                  WHERE w.state = 'active' AND queue_name = ANY (w.queues) AND w.heartbeat_at > now() - worker_gone_after)
    SELECT (SELECT count(*) FROM live), (SELECT coalesce(sum(live.slots), 0) FROM live),
           (SELECT count(*) FROM run r JOIN live ON r.lease_worker_id = live.id WHERE r.status = 'running'),
           (SELECT count(*) FROM run r WHERE r.queue = queue_name AND r.status = 'queued')
    INTO workers, slots, running, queued;
    -- One ticket where there is no worker, so that a scaler sees the work.
    free := least(greatest(CASE WHEN workers = 0 THEN 1 - queued ELSE slots - running - queued END, 0), most);
    IF free > 0 THEN
        -- By priority, then fair share between teams, then age. Only the heads of the teams' lines are read: as many rows a
        -- team as there are free slots, however long the lines are.
        chosen := ARRAY(
            WITH RECURSIVE line AS (
                (SELECT r.team FROM run r WHERE r.queue = queue_name AND r.status = 'pending' AND r.reason IS NULL ORDER BY r.team LIMIT 1)
                UNION ALL
                SELECT (SELECT r.team FROM run r WHERE r.queue = queue_name AND r.status = 'pending' AND r.reason IS NULL AND r.team > line.team
                        ORDER BY r.team LIMIT 1)
                FROM line WHERE line.team IS NOT NULL),
            busy AS (SELECT r.team, count(*) AS runs FROM run r
                     WHERE r.queue = queue_name AND r.status IN ('queued', 'running') GROUP BY r.team),
            head AS (SELECT first.id, first.priority, line.team, coalesce(busy.runs, 0) AS runs,
                            row_number() OVER (PARTITION BY line.team ORDER BY first.priority DESC, first.id) AS place
                     FROM line LEFT JOIN busy USING (team)
                     CROSS JOIN LATERAL (SELECT r.id, r.priority FROM run r
                                         WHERE r.queue = queue_name AND r.team = line.team AND r.status = 'pending' AND r.reason IS NULL
                                         ORDER BY r.priority DESC, r.id LIMIT free) first
                     WHERE line.team IS NOT NULL AND line.team <> ALL (held))
            SELECT head.id FROM head
            WHERE head.place <= coalesce(room[array_position(capped, head.team)], free)
            ORDER BY head.priority DESC, head.runs + head.place, head.id LIMIT free);
        RETURN QUERY
        -- One that someone is cancelling is left to the next pass: it must not hold up the others.
        WITH locked AS (SELECT r.id FROM run r WHERE r.id = ANY (chosen) AND r.status = 'pending' AND r.reason IS NULL
                        ORDER BY r.id FOR NO KEY UPDATE OF r SKIP LOCKED)
        UPDATE run SET status = 'queued', queued_at = now(), ticket_sent_at = now()
        FROM locked WHERE run.id = locked.id
        RETURNING run.id, run.fence;
    END IF;
    -- What the others wait for is the same for all of them, so it is one row, written when it changes. It is not what those
    -- wait for whose team is at its quota now.
    IF mine THEN
        held := ARRAY(SELECT h.team FROM teams_held() h);
    END IF;
    waiting := EXISTS (
        WITH RECURSIVE line AS (
            (SELECT r.team FROM run r WHERE r.queue = queue_name AND r.status = 'pending' AND r.reason IS NULL ORDER BY r.team LIMIT 1)
            UNION ALL
            SELECT (SELECT r.team FROM run r WHERE r.queue = queue_name AND r.status = 'pending' AND r.reason IS NULL AND r.team > line.team
                    ORDER BY r.team LIMIT 1)
            FROM line WHERE line.team = ANY (held))
        SELECT FROM line WHERE line.team <> ALL (held));
    IF waiting AND workers = 0 THEN
        why := 'NoWorkerForQueue';
        detail := format('no live worker serves queue ''%s''', queue_name);
    ELSIF waiting THEN
        why := 'QueueFull';
        detail := format('all %s slots of %s worker(s) are taken', slots, workers);
    END IF;
    UPDATE queue SET wait_reason = why, wait_detail = detail,
           wait_since = CASE WHEN wait_reason IS NOT DISTINCT FROM why THEN wait_since ELSE now() END
    WHERE name = queue_name AND (wait_reason, wait_detail) IS DISTINCT FROM (why, detail);
END $$;

-- Notes which teams' ready runs wait for their own quota.
CREATE FUNCTION tell_held_teams() RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    counted boolean := EXISTS (SELECT FROM team t WHERE t.max_runs IS NOT NULL OR t.max_cpu_minutes IS NOT NULL
                                                     OR t.max_log_bytes IS NOT NULL OR t.max_storage_bytes IS NOT NULL);
BEGIN
    IF NOT (counted OR EXISTS (SELECT FROM team_wait)) OR NOT pg_try_advisory_xact_lock(hashtextextended('promote:quotas', 0)) THEN
        RETURN;
    END IF;
    WITH held AS MATERIALIZED (
        SELECT h.team, h.detail FROM teams_held() h
        WHERE EXISTS (SELECT FROM queue q CROSS JOIN LATERAL (
            SELECT FROM run r WHERE r.queue = q.name AND r.team = h.team AND r.status = 'pending' AND r.reason IS NULL LIMIT 1) ready)),
    over AS (DELETE FROM team_wait w WHERE NOT EXISTS (SELECT FROM held WHERE held.team = w.team))
    INSERT INTO team_wait AS w (team, detail) SELECT held.team, held.detail FROM held
    ON CONFLICT (team) DO UPDATE SET detail = excluded.detail WHERE w.detail <> excluded.detail;
END $$;

CREATE OR REPLACE FUNCTION promote(worker_gone_after interval, most bigint)
RETURNS TABLE (queue_name text, run_id uuid, fence bigint)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
    -- Statements of their own: what follows sees who has a turn now, and what was promoted.
    PERFORM promote_groups();
    RETURN QUERY
    -- Steps from queue to queue through the index, however many runs each has.
    WITH RECURSIVE ready AS (
        (SELECT r.queue FROM run r WHERE r.status = 'pending' AND r.reason IS NULL ORDER BY r.queue LIMIT 1)
        UNION ALL
        SELECT (SELECT r.queue FROM run r WHERE r.status = 'pending' AND r.reason IS NULL AND r.queue > ready.queue ORDER BY r.queue LIMIT 1)
        FROM ready WHERE ready.queue IS NOT NULL),
    named AS (SELECT ready.queue AS name FROM ready WHERE ready.queue IS NOT NULL
              UNION SELECT q.name FROM queue q WHERE q.wait_reason IS NOT NULL)
    SELECT named.name, promoted.run_id, promoted.fence FROM named, promote_queue(named.name, worker_gone_after, most) promoted;
    PERFORM tell_held_teams();
END $$;
