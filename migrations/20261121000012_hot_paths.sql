-- Paths that every submission and every pass take.

-- Promotion takes as long with a million waiting as with a thousand: what grew was the planning of its statements, which
-- Postgres did anew at each call when it found a plan for the values at hand cheaper than one for any. The plans wanted are the
-- same for all values, so they are made once; which needs the choice apart from the update, since a plan for any LIMIT expects a
-- tenth of all rows from it and joins accordingly.

CREATE OR REPLACE FUNCTION promote_queue(queue_name text, worker_gone_after interval, most bigint)
RETURNS TABLE (run_id uuid, fence bigint)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
-- A plan made while the tables are small must serve when they have grown.
SET enable_seqscan = off
-- Which makes what has no index seem dear; compiling would take far longer than any of it.
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
BEGIN
    -- Free slots must not be given twice. Another scheduler that holds the lock does the work.
    IF NOT pg_try_advisory_xact_lock(hashtextextended('promote:' || queue_name, 0)) THEN
        RETURN;
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
            head AS (SELECT first.id, first.priority,
                            coalesce(busy.runs, 0) + row_number() OVER (PARTITION BY line.team ORDER BY first.priority DESC, first.id) AS share
                     FROM line LEFT JOIN busy USING (team)
                     CROSS JOIN LATERAL (SELECT r.id, r.priority FROM run r
                                         WHERE r.queue = queue_name AND r.team = line.team AND r.status = 'pending' AND r.reason IS NULL
                                         ORDER BY r.priority DESC, r.id LIMIT free) first
                     WHERE line.team IS NOT NULL)
            SELECT head.id FROM head ORDER BY head.priority DESC, head.share, head.id LIMIT free);
        RETURN QUERY
        -- One that someone is cancelling is left to the next pass: it must not hold up the others.
        WITH locked AS (SELECT r.id FROM run r WHERE r.id = ANY (chosen) AND r.status = 'pending' AND r.reason IS NULL
                        ORDER BY r.id FOR NO KEY UPDATE OF r SKIP LOCKED)
        UPDATE run SET status = 'queued', queued_at = now(), ticket_sent_at = now()
        FROM locked WHERE run.id = locked.id
        RETURNING run.id, run.fence;
    END IF;
    -- What the others wait for is the same for all of them, so it is one row, written when it changes.
    waiting := EXISTS (SELECT FROM run r WHERE r.queue = queue_name AND r.status = 'pending' AND r.reason IS NULL);
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

ALTER FUNCTION promote(interval, bigint) SET plan_cache_mode = force_generic_plan;
ALTER FUNCTION promote(interval, bigint) SET enable_seqscan = off;
ALTER FUNCTION promote(interval, bigint) SET jit = off;

-- Resources on their way out are few.
CREATE INDEX resource_leaving ON resource (identity) WHERE state <> 'terminated' AND desired = 'absent';
