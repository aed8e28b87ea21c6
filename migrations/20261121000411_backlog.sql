-- A backlog was dear to those who looked at it, and to those behind it in other queues: each pass over what is ready walked through
-- the lines of every queue, those without a free slot or a worker as well, 75 ms a queue with 200 teams in it.

-- What the team with the least of a queue's slots for its weight has of them, of those with a ready run; none when nothing is ready.
CREATE FUNCTION least_team_share(of_queue text) RETURNS double precision
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
    RETURN (
        -- Steps from team to team through the index, however many runs each has.
        WITH RECURSIVE ready AS (
            (SELECT r.team FROM run r WHERE r.queue = of_queue AND r.status = 'pending' AND r.reason IS NULL ORDER BY r.team LIMIT 1)
            UNION ALL
            SELECT (SELECT r.team FROM run r WHERE r.queue = of_queue AND r.status = 'pending' AND r.reason IS NULL AND r.team > ready.team
                    ORDER BY r.team LIMIT 1)
            FROM ready WHERE ready.team IS NOT NULL),
        busy AS MATERIALIZED (SELECT r.team, count(*) AS runs FROM run r
                              WHERE r.queue = of_queue AND r.status IN ('queued', 'running') GROUP BY 1)
        SELECT min(coalesce(b.runs, 0) / coalesce(t.weight, 1)::double precision)
        FROM ready LEFT JOIN busy b USING (team) LEFT JOIN team t ON t.name = ready.team
        WHERE ready.team IS NOT NULL);
END $$;

-- As before, and nobody is chosen where there is no slot to give, unless a quota, a limit or a freeze says who might have one.
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
    in_flight bigint;
    allowed bigint;
    free bigint;
    given bigint := 0;
    chosen uuid[];
    lines ready_line[] := '{}';
    places bigint;
    why text;
    detail text;
    share double precision;
    -- Teams whose quotas bound their runs; those of them of which none may start; and what the others of them may start.
    limited text[] := ARRAY(SELECT t.name FROM team t WHERE t.max_runs IS NOT NULL OR t.max_cpu_minutes IS NOT NULL
                                                         OR t.max_log_bytes IS NOT NULL OR t.max_storage_bytes IS NOT NULL);
    held text[] := limited;
    capped text[] := '{}';
    room bigint[] := '{}';
    mine boolean := false;
    -- Whether there are limits over all queues.
    bounded boolean := EXISTS (SELECT FROM run_limit l WHERE l.kind IN ('team', 'type', 'provider'));
    -- Whether any slot may be any run's.
    open boolean := limited = '{}' AND NOT bounded
                    AND NOT EXISTS (SELECT FROM freeze_window f WHERE f.open_from <= now() AND f.open_until > now());
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
    -- A team's quota is one over all queues, and so are limits: they are given under one lock. While another scheduler holds it, what
    -- they bound is that one's work.
    IF (limited <> '{}' OR bounded) AND pg_try_advisory_xact_lock(hashtextextended('promote:quotas', 0)) THEN
        mine := true;
        held := ARRAY(SELECT h.team FROM teams_held() h);
        SELECT coalesce(array_agg(t.name), '{}'), coalesce(array_agg(t.max_runs - runs_in_flight(t.name)), '{}') INTO capped, room
        FROM team t WHERE t.max_runs IS NOT NULL;
    END IF;
    WITH live AS (SELECT w.id, w.slots FROM worker w
                  WHERE w.state = 'active' AND w.asked = 'serve' AND queue_name = ANY (w.queues) AND w.heartbeat_at > now() - worker_gone_after)
    SELECT (SELECT count(*) FROM live), (SELECT coalesce(sum(live.slots), 0) FROM live),
           (SELECT count(*) FROM run r JOIN live ON r.lease_worker_id = live.id WHERE r.status = 'running'),
           (SELECT count(*) FROM run r WHERE r.queue = queue_name AND r.status = 'queued'),
           (SELECT count(*) FROM run r WHERE r.queue = queue_name AND r.status IN ('queued', 'running')),
           (SELECT l.most FROM run_limit l WHERE l.kind = 'queue' AND l.name = queue_name)
    INTO workers, slots, running, queued, in_flight, allowed;
    -- One ticket where there is no worker, so that a scaler sees the work.
    free := CASE WHEN workers = 0 THEN 1 - queued ELSE slots - running - queued END;
    places := least(free, allowed - in_flight, most);
    -- Where nothing bounds them and there is a slot for each, nobody need be chosen; of those that wait beyond, as many are read as
    -- show that there are more than slots.
    IF places > 0 AND open THEN
        chosen := ARRAY(SELECT r.id FROM run r WHERE r.queue = queue_name AND r.status = 'pending' AND r.reason IS NULL LIMIT places + 1);
    END IF;
    -- Where there is no slot to give, nobody is chosen either; what quotas, limits and freezes leave is only known from the lines.
    IF places <= 0 AND open THEN
        share := CASE WHEN workers = 0 OR in_flight >= allowed
                      THEN (SELECT 0 FROM run r WHERE r.queue = queue_name AND r.status = 'pending' AND r.reason IS NULL LIMIT 1)
                      ELSE least_team_share(queue_name) END;
    ELSIF chosen IS NULL OR cardinality(chosen) > places THEN
        lines := ARRAY(SELECT its FROM ready_lines(queue_name) its);
        chosen := CASE WHEN places > 0 AND lines <> '{}' THEN choose_runs(queue_name, lines, places, held, mine, capped, room) END;
    END IF;
    IF chosen <> '{}' THEN
        RETURN QUERY
        -- One that someone is cancelling is left to the next pass: it must not hold up the others.
        WITH locked AS (SELECT r.id FROM run r WHERE r.id = ANY (chosen) AND r.status = 'pending' AND r.reason IS NULL
                        ORDER BY r.id FOR NO KEY UPDATE OF r SKIP LOCKED)
        UPDATE run SET status = 'queued', queued_at = now(), ticket_sent_at = now()
        FROM locked WHERE run.id = locked.id
        RETURNING run.id, run.fence;
        GET DIAGNOSTICS given = ROW_COUNT;
    END IF;
    -- What the others wait for is the same for all of them, so it is one row, written when it changes. It is not what those
    -- wait for whose team is at its quota now, or that a limit or a freeze holds.
    IF mine THEN
        held := ARRAY(SELECT h.team FROM teams_held() h);
    END IF;
    IF lines <> '{}' THEN
        share := least_share(queue_name, lines, held, mine);
    END IF;
    IF share IS NULL THEN
        NULL;
    ELSIF in_flight + given >= allowed THEN
        why := 'QueueLimit';
        detail := format('queue ''%s'' runs the %s that it may at once', queue_name, allowed);
    ELSIF workers = 0 THEN
        why := 'NoWorkerForQueue';
        detail := format('no live worker serves queue ''%s''', queue_name);
    ELSIF given >= free THEN
        why := 'QueueFull';
        detail := format('all %s slots of %s worker(s) are taken', slots, workers);
    END IF;
    UPDATE queue SET wait_reason = why, wait_detail = detail, least_share = share,
           wait_since = CASE WHEN wait_reason IS NOT DISTINCT FROM why THEN wait_since ELSE now() END
    WHERE name = queue_name AND (wait_reason, wait_detail, least_share) IS DISTINCT FROM (why, detail, share);
END $$;

-- As before. Why runs wait is the same for all that are ready in a queue, nearly always: then they are added up in one go, and not asked about
-- by team, type, provider and environment.
CREATE OR REPLACE FUNCTION waiting_counts(of_queue text) RETURNS TABLE (team text, code text, runs bigint)
LANGUAGE plpgsql STABLE
SET jit = off
AS $$
DECLARE
    -- Whether what holds some ready runs of a team may leave others of it.
    told_apart boolean := EXISTS (SELECT FROM run_limit l WHERE l.reached_since IS NOT NULL)
                          OR EXISTS (SELECT FROM freeze_window f WHERE f.open_from <= now() AND f.open_until > now());
    -- Whether all ready runs wait for the same, whatever their team, but those of teams that a quota holds.
    told_together boolean := NOT told_apart AND NOT EXISTS (SELECT FROM queue q WHERE q.name = of_queue AND q.wait_reason = 'QueueFull');
    of_all text;
BEGIN
    IF told_together AND NOT EXISTS (SELECT FROM team_wait) THEN
        of_all := (SELECT why.code FROM ready_wait(of_queue, '', NULL, NULL, NULL, false) why);
        RETURN QUERY
        SELECT c.team, CASE WHEN c.reason = '' THEN of_all ELSE c.reason END, sum(c.runs)::bigint
        FROM (SELECT t.team, t.status, t.reason, t.runs FROM run_tally t WHERE t.queue = of_queue
              UNION ALL
              SELECT c.team, c.status, c.reason, c.runs FROM run_change c WHERE c.queue = of_queue) c
        WHERE c.status = 'pending' OR c.status = 'suspended' AND c.reason <> ''
        GROUP BY 1, 2 HAVING sum(c.runs) > 0;
        RETURN;
    END IF;
    RETURN QUERY
    WITH counted AS MATERIALIZED (
        SELECT t.team, t.status, t.reason, t.resource_type, t.provider, t.environment, t.freezable, t.runs FROM run_tally t
        WHERE t.queue = of_queue AND t.status IN ('pending', 'suspended')
        UNION ALL
        SELECT c.team, c.status, c.reason, c.resource_type, c.provider, c.environment, c.freezable, c.runs FROM run_change c
        WHERE c.queue = of_queue AND c.status IN ('pending', 'suspended')),
    ready AS MATERIALIZED (
        SELECT its.*, CASE WHEN told_together AND NOT EXISTS (SELECT FROM team_wait w WHERE w.team = its.team) THEN '' ELSE its.team END AS asked
        FROM (SELECT c.team, CASE WHEN told_apart THEN c.resource_type END AS resource_type, CASE WHEN told_apart THEN c.provider END AS provider,
                     CASE WHEN told_apart THEN c.environment END AS environment, told_apart AND c.freezable AS freezable, sum(c.runs)::bigint AS runs
              FROM counted c WHERE c.status = 'pending' AND c.reason = '' GROUP BY 1, 2, 3, 4, 5 HAVING sum(c.runs) > 0) its),
    alike AS MATERIALIZED (
        SELECT r.*, why.code
        FROM (SELECT DISTINCT r.asked, r.resource_type, r.provider, r.environment, r.freezable FROM ready r) r
        CROSS JOIN LATERAL ready_wait(of_queue, r.asked, r.resource_type, r.provider, r.environment, r.freezable) why)
    SELECT c.team, c.reason, sum(c.runs)::bigint FROM counted c WHERE c.reason <> '' GROUP BY 1, 2 HAVING sum(c.runs) > 0
    UNION ALL
    SELECT r.team, a.code, sum(r.runs)::bigint
    FROM ready r JOIN alike a ON a.asked = r.asked AND a.freezable = r.freezable
         AND (a.resource_type, a.provider, a.environment) IS NOT DISTINCT FROM (r.resource_type, r.provider, r.environment)
    GROUP BY 1, 2;
END $$;

SELECT grant_roles();
