-- Queues that are paused and workers that are to take no more; how many runs and resources there are; how it went, minute by
-- minute; and what people want to see beside that.

ALTER TABLE queue
    -- What the priorities of its runs are counted from, when they are made.
    ADD COLUMN priority   smallint NOT NULL DEFAULT 0 CHECK (priority BETWEEN -100 AND 100),
    ADD COLUMN paused_at  timestamptz,
    ADD COLUMN paused_by  text,
    ADD COLUMN paused_why text,
    -- Paused, and to be told of when nothing of it runs any more.
    ADD COLUMN draining   boolean NOT NULL DEFAULT false,
    ADD COLUMN drained_at timestamptz,
    DROP CONSTRAINT queue_wait_reason_check,
    ADD CONSTRAINT queue_wait_reason_check CHECK (wait_reason IN ('NoWorkerForQueue', 'QueueFull', 'Fairness', 'QueuePaused')),
    ADD CONSTRAINT queue_pause_check CHECK ((paused_at IS NULL) = (paused_by IS NULL) AND (paused_at IS NULL) = (paused_why IS NULL)
                                            AND (paused_at IS NULL) = (wait_reason IS DISTINCT FROM 'QueuePaused')),
    ADD CONSTRAINT queue_drain_check CHECK ((paused_at IS NOT NULL OR NOT draining) AND (draining OR drained_at IS NULL));

ALTER TABLE worker
    -- What people want of it; it hears of that by its heartbeat, and goes on saying by itself what it does.
    ADD COLUMN asked     text NOT NULL DEFAULT 'serve' CHECK (asked IN ('serve', 'cordon', 'drain')),
    ADD COLUMN asked_by  text,
    ADD COLUMN asked_at  timestamptz,
    ADD COLUMN asked_why text;

-- Runs that came to be counted elsewhere and are not in the figures yet: written in the transaction that moved them, so that
-- figures and changes together are exact for whoever reads both with one snapshot. Nobody waits for the row of a figure; the
-- scheduler adds the changes up. Runs that are queued or running are not counted here: there are no more of them than slots.
CREATE TABLE run_change (
    queue  text    NOT NULL,
    team   text    NOT NULL,
    kind   text    NOT NULL,
    status text    NOT NULL,
    -- Empty when it has none.
    reason text    NOT NULL,
    runs   integer NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

CREATE TABLE run_tally (
    queue  text   NOT NULL,
    team   text   NOT NULL,
    kind   text   NOT NULL,
    status text   NOT NULL,
    reason text   NOT NULL,
    runs   bigint NOT NULL,
    PRIMARY KEY (queue, team, kind, status, reason)
) WITH (fillfactor = 50);

CREATE FUNCTION note_runs_made() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO run_change (queue, team, kind, status, reason, runs)
    SELECT queue, team, kind, status, coalesce(reason, ''), count(*) FROM made
    WHERE status NOT IN ('queued', 'running') GROUP BY 1, 2, 3, 4, 5;
    RETURN NULL;
END $$;
CREATE TRIGGER note_runs_made AFTER INSERT ON run
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION note_runs_made();

CREATE FUNCTION note_runs_forgotten() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO run_change (queue, team, kind, status, reason, runs)
    SELECT queue, team, kind, status, coalesce(reason, ''), -count(*) FROM forgotten
    WHERE status NOT IN ('queued', 'running') GROUP BY 1, 2, 3, 4, 5;
    RETURN NULL;
END $$;
CREATE TRIGGER note_runs_forgotten AFTER DELETE ON run
    REFERENCING OLD TABLE AS forgotten FOR EACH STATEMENT EXECUTE FUNCTION note_runs_forgotten();

CREATE FUNCTION note_run_moved() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF OLD.status NOT IN ('queued', 'running') THEN
        INSERT INTO run_change (queue, team, kind, status, reason, runs)
        VALUES (OLD.queue, OLD.team, OLD.kind, OLD.status, coalesce(OLD.reason, ''), -1);
    END IF;
    IF NEW.status NOT IN ('queued', 'running') THEN
        INSERT INTO run_change (queue, team, kind, status, reason, runs)
        VALUES (NEW.queue, NEW.team, NEW.kind, NEW.status, coalesce(NEW.reason, ''), 1);
    END IF;
    RETURN NULL;
END $$;
-- A claim, a rescue and a renewal cost nothing here.
CREATE TRIGGER note_run_moved AFTER UPDATE OF status, reason ON run
    FOR EACH ROW WHEN ((OLD.status, OLD.reason) IS DISTINCT FROM (NEW.status, NEW.reason)
                       AND NOT (OLD.status IN ('queued', 'running') AND NEW.status IN ('queued', 'running')))
    EXECUTE FUNCTION note_run_moved();
-- The triggers hold off all writers until this is committed, so none is missed.
INSERT INTO run_tally SELECT queue, team, kind, status, coalesce(reason, ''), count(*) FROM run
WHERE status NOT IN ('queued', 'running') GROUP BY 1, 2, 3, 4, 5;

-- Every run, by where it stands. Exact, whatever has been added up.
CREATE VIEW run_count AS
SELECT queue, team, kind, status, reason, sum(runs)::bigint AS runs
FROM (SELECT queue, team, kind, status, reason, runs FROM run_tally
      UNION ALL SELECT queue, team, kind, status, reason, runs FROM run_change
      UNION ALL SELECT queue, team, kind, status, '', 1 FROM run WHERE status IN ('queued', 'running')) counted
GROUP BY queue, team, kind, status, reason HAVING sum(runs) <> 0;

-- The same for resources. Those that are asked for are resolved within moments, and counted as they are.
CREATE TABLE resource_change (
    team      text    NOT NULL,
    state     text    NOT NULL,
    resources integer NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

CREATE TABLE resource_tally (
    team      text   NOT NULL,
    state     text   NOT NULL,
    resources bigint NOT NULL,
    PRIMARY KEY (team, state)
) WITH (fillfactor = 50);

CREATE FUNCTION note_resource() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    of_team text;
BEGIN
    SELECT a.team INTO of_team FROM application a
    WHERE a.id = CASE WHEN TG_OP = 'DELETE' THEN OLD.application_id ELSE NEW.application_id END;
    IF TG_OP <> 'INSERT' AND OLD.state <> 'requested' THEN
        INSERT INTO resource_change (team, state, resources) VALUES (of_team, OLD.state, -1);
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.state <> 'requested' THEN
        INSERT INTO resource_change (team, state, resources) VALUES (of_team, NEW.state, 1);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER note_resource_moved AFTER UPDATE OF state ON resource
    FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION note_resource();
CREATE TRIGGER note_resource_made AFTER INSERT ON resource
    FOR EACH ROW WHEN (NEW.state <> 'requested') EXECUTE FUNCTION note_resource();
CREATE TRIGGER note_resource_forgotten AFTER DELETE ON resource
    FOR EACH ROW WHEN (OLD.state <> 'requested') EXECUTE FUNCTION note_resource();
INSERT INTO resource_tally SELECT a.team, r.state, count(*) FROM resource r JOIN application a ON a.id = r.application_id
WHERE r.state <> 'requested' GROUP BY 1, 2;

CREATE VIEW resource_count AS
SELECT team, state, sum(resources)::bigint AS resources
FROM (SELECT team, state, resources FROM resource_tally
      UNION ALL SELECT team, state, resources FROM resource_change
      UNION ALL SELECT a.team, r.state, 1 FROM resource r JOIN application a ON a.id = r.application_id WHERE r.state = 'requested') counted
GROUP BY team, state HAVING sum(resources) <> 0;

-- Adds up to `most` changes of each kind to the figures. Returns how many there were.
CREATE FUNCTION add_up_changes(most bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    counted bigint;
BEGIN
    -- One at a time, so that the rows of figures are never waited for.
    IF NOT pg_try_advisory_xact_lock(hashtextextended('changes', 0)) THEN
        RETURN 0;
    END IF;
    WITH runs AS (DELETE FROM run_change WHERE ctid = ANY (ARRAY(SELECT c.ctid FROM run_change c LIMIT most)) RETURNING *),
    resources AS (DELETE FROM resource_change WHERE ctid = ANY (ARRAY(SELECT c.ctid FROM resource_change c LIMIT most)) RETURNING *),
    of_runs AS (
        INSERT INTO run_tally AS tally (queue, team, kind, status, reason, runs)
        SELECT queue, team, kind, status, reason, sum(runs.runs) FROM runs GROUP BY 1, 2, 3, 4, 5 HAVING sum(runs.runs) <> 0
        ON CONFLICT (queue, team, kind, status, reason) DO UPDATE SET runs = tally.runs + excluded.runs),
    of_resources AS (
        INSERT INTO resource_tally AS tally (team, state, resources)
        SELECT team, state, sum(resources.resources) FROM resources GROUP BY 1, 2 HAVING sum(resources.resources) <> 0
        ON CONFLICT (team, state) DO UPDATE SET resources = tally.resources + excluded.resources)
    SELECT greatest((SELECT count(*) FROM runs), (SELECT count(*) FROM resources)) INTO counted;
    RETURN counted;
END $$;

-- Counts every run and resource, and notes by how much the figures differ from that. Returns how many figures did: none, unless
-- somebody changed rows with the triggers off. Each statement sees all it compares at one moment.
CREATE FUNCTION recount() RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    wrong_runs bigint;
    wrong_resources bigint;
BEGIN
    WITH difference AS (
        SELECT queue, team, kind, status, reason, sum(runs) AS runs
        FROM (SELECT queue, team, kind, status, coalesce(reason, '') AS reason, count(*) AS runs FROM run
              WHERE status NOT IN ('queued', 'running') GROUP BY 1, 2, 3, 4, 5
              UNION ALL SELECT queue, team, kind, status, reason, -runs FROM run_tally
              UNION ALL SELECT queue, team, kind, status, reason, -runs FROM run_change) compared
        GROUP BY 1, 2, 3, 4, 5 HAVING sum(runs) <> 0),
    mended AS (INSERT INTO run_change (queue, team, kind, status, reason, runs) SELECT * FROM difference)
    SELECT count(*) INTO wrong_runs FROM difference;
    WITH difference AS (
        SELECT team, state, sum(resources) AS resources
        FROM (SELECT a.team, r.state, count(*) AS resources FROM resource r JOIN application a ON a.id = r.application_id
              WHERE r.state <> 'requested' GROUP BY 1, 2
              UNION ALL SELECT team, state, -resources FROM resource_tally
              UNION ALL SELECT team, state, -resources FROM resource_change) compared
        GROUP BY 1, 2 HAVING sum(resources) <> 0),
    mended AS (INSERT INTO resource_change (team, state, resources) SELECT * FROM difference)
    SELECT count(*) INTO wrong_resources FROM difference;
    RETURN wrong_runs + wrong_resources;
END $$;

-- When the run that has waited longest for a slot of the queue began to. Only the heads of its lines are read, one a team and
-- priority, however long the lines are.
CREATE FUNCTION oldest_ready(of_queue text) RETURNS timestamptz
LANGUAGE sql STABLE
SET enable_seqscan = off
SET jit = off
AS $$
    WITH RECURSIVE line AS (
        (SELECT r.team, r.priority FROM run r WHERE r.queue = of_queue AND r.status = 'pending' AND r.reason IS NULL
         ORDER BY r.team, r.priority DESC LIMIT 1)
        UNION ALL
        SELECT next.team, next.priority FROM line CROSS JOIN LATERAL (
            (SELECT r.team, r.priority FROM run r WHERE r.queue = of_queue AND r.status = 'pending' AND r.reason IS NULL
                AND r.team = line.team AND r.priority < line.priority ORDER BY r.priority DESC LIMIT 1)
            UNION ALL
            (SELECT r.team, r.priority FROM run r WHERE r.queue = of_queue AND r.status = 'pending' AND r.reason IS NULL
                AND r.team > line.team ORDER BY r.team, r.priority DESC LIMIT 1)
            LIMIT 1) next)
    SELECT min(head.waiting_since) FROM line CROSS JOIN LATERAL (
        SELECT r.waiting_since FROM run r
        WHERE r.queue = of_queue AND r.team = line.team AND r.priority = line.priority AND r.status = 'pending' AND r.reason IS NULL
        ORDER BY r.id LIMIT 1) head
$$;

-- How it went in one minute. The queue '' stands for all of them together.
CREATE TABLE queue_minute (
    queue     text        NOT NULL,
    minute    timestamptz NOT NULL CHECK (extract(second FROM minute) = 0),
    created   integer     NOT NULL DEFAULT 0,
    completed integer     NOT NULL DEFAULT 0,
    failed    integer     NOT NULL DEFAULT 0,
    cancelled integer     NOT NULL DEFAULT 0,
    -- How long runs waited until a worker took them, and how long they took from then on: how many fall into each bucket of
    -- domain::histogram; null: none at all.
    waits     integer[],
    times     integer[],
    -- The most that were seen waiting for a slot, and queued or running.
    waiting   integer     NOT NULL DEFAULT 0,
    in_flight integer     NOT NULL DEFAULT 0,
    PRIMARY KEY (queue, minute)
);
CREATE INDEX queue_minute_age ON queue_minute (minute);

-- Up to where the events are in those.
CREATE TABLE minute_cursor (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    xid xid8    NOT NULL,
    id  bigint  NOT NULL
);
INSERT INTO minute_cursor (xid, id) VALUES (pg_snapshot_xmin(pg_current_snapshot()), 0);

-- What people want to see beside the figures.
CREATE TABLE mark (
    id       uuid        PRIMARY KEY,
    kind     text        NOT NULL CHECK (kind IN ('deploy', 'incident', 'note')),
    title    text        NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    link     text,
    at       timestamptz NOT NULL,
    -- When it was over; none: it is a moment, or goes on.
    until    timestamptz CHECK (until >= at),
    made_by  text        NOT NULL,
    made_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX mark_at ON mark (at);

-- As before, and: nothing of a queue that is paused gets a ticket, and nothing is given to a worker that is to take no more.
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
    held_back queue;
BEGIN
    -- Free slots must not be given twice. Another scheduler that holds the lock does the work.
    IF NOT pg_try_advisory_xact_lock(hashtextextended('promote:' || queue_name, 0)) THEN
        RETURN;
    END IF;
    SELECT * INTO held_back FROM queue q WHERE q.name = queue_name AND q.paused_at IS NOT NULL;
    IF FOUND THEN
        -- Its wait_reason was set when it was paused. What runs goes on; of a drain it is told when that is over.
        IF held_back.draining AND held_back.drained_at IS NULL
           AND NOT EXISTS (SELECT FROM run r WHERE r.queue = queue_name AND r.status IN ('queued', 'running')) THEN
            UPDATE queue q SET drained_at = now() WHERE q.name = queue_name;
            INSERT INTO event (type, data) VALUES ('queue.drained', jsonb_build_object('queue', queue_name));
        END IF;
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
                  WHERE w.state = 'active' AND w.asked = 'serve' AND queue_name = ANY (w.queues) AND w.heartbeat_at > now() - worker_gone_after)
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
