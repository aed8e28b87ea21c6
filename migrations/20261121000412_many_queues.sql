-- Lists of what there is much of beside runs. The figures of 500 queues took a third of a second, and far more while a limit was reached or
-- a freeze was on: for each queue, empty or not, all tallies and all limits were read. A batch was read to its end for its waves, and for
-- the few of its resources that are in one status; all workers that ever stopped, for those that have not; all that the runs of a resource
-- did, for what became of itself; and all questions, for those that ask people of certain teams.

-- Few of the limits are reached at a time.
CREATE INDEX run_limit_reached ON run_limit (kind, name) WHERE reached_since IS NOT NULL;

-- The runs of these queues that are pending or suspended, by queue, team and reason, exactly. All queues are added up in one go. Why runs
-- wait is asked once for all of a queue for which it is the same: they are told apart only by what a limit that is reached, a freeze that
-- is on or a quota names, and by team where slots are given by team.
CREATE FUNCTION waiting_counts_in(of_queues text[]) RETURNS TABLE (queue text, team text, code text, runs bigint)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    types text[] := ARRAY(SELECT l.name FROM run_limit l WHERE l.kind = 'type' AND l.reached_since IS NOT NULL);
    providers text[] := ARRAY(SELECT l.name FROM run_limit l WHERE l.kind = 'provider' AND l.reached_since IS NOT NULL);
    teams text[] := ARRAY(SELECT l.name FROM run_limit l WHERE l.kind = 'team' AND l.reached_since IS NOT NULL
                          UNION SELECT w.team FROM team_wait w
                          UNION SELECT f.team FROM freeze_window f
                          WHERE f.open_from <= now() AND f.open_until > now() AND f.team IS NOT NULL);
    environments text[] := ARRAY(SELECT f.environment FROM freeze_window f
                                 WHERE f.open_from <= now() AND f.open_until > now() AND f.environment IS NOT NULL);
    freezing boolean := EXISTS (SELECT FROM freeze_window f WHERE f.open_from <= now() AND f.open_until > now());
    told_apart boolean := freezing OR types <> '{}' OR providers <> '{}';
    by_team text[] := ARRAY(SELECT q.name FROM queue q WHERE q.name = ANY (of_queues) AND q.wait_reason = 'QueueFull');
BEGIN
    RETURN QUERY
    -- By itself, since it can but be read as a whole, and that hides from the planner what the rest costs.
    WITH changed AS MATERIALIZED (
        SELECT c.queue, c.team, c.status, c.reason, c.resource_type, c.provider, c.environment, c.freezable, c.runs FROM run_change c
        WHERE c.queue = ANY (of_queues)),
    counted AS MATERIALIZED (
        SELECT c.queue, c.team, c.reason,
               CASE WHEN told_apart AND c.reason = '' THEN ARRAY[
                   CASE WHEN c.resource_type = ANY (types) THEN c.resource_type END,
                   CASE WHEN c.provider = ANY (providers) THEN c.provider END,
                   CASE WHEN c.environment = ANY (environments) THEN c.environment END, (freezing AND c.freezable)::text] END AS marks,
               sum(c.runs)::bigint AS runs
        FROM (SELECT t.queue, t.team, t.status, t.reason, t.resource_type, t.provider, t.environment, t.freezable, t.runs FROM run_tally t
              WHERE t.queue = ANY (of_queues)
              UNION ALL SELECT * FROM changed) c
        WHERE c.status = 'pending' OR c.status = 'suspended' AND c.reason <> ''
        GROUP BY 1, 2, 3, 4 HAVING sum(c.runs) > 0),
    alike AS MATERIALIZED (
        SELECT c.queue, c.marks, CASE WHEN c.queue = ANY (by_team) OR c.team = ANY (teams) THEN c.team ELSE '' END AS asked,
               array_agg(c.team) AS teams, array_agg(c.runs) AS counts
        FROM counted c WHERE c.reason = '' GROUP BY 1, 2, 3)
    SELECT c.queue, c.team, c.reason, c.runs FROM counted c WHERE c.reason <> ''
    UNION ALL
    SELECT a.queue, its.team, why.code, sum(its.runs)::bigint
    FROM alike a
    CROSS JOIN LATERAL ready_wait(a.queue, a.asked, a.marks[1], a.marks[2], a.marks[3], coalesce(a.marks[4]::boolean, false)) why
    CROSS JOIN LATERAL UNNEST(a.teams, a.counts) its (team, runs)
    GROUP BY 1, 2, 3;
END $$;

-- As before, of one queue.
CREATE OR REPLACE FUNCTION waiting_counts(of_queue text) RETURNS TABLE (team text, code text, runs bigint)
LANGUAGE sql STABLE AS $$
    SELECT w.team, w.code, w.runs FROM waiting_counts_in(ARRAY[of_queue]) w
$$;

-- Resources of a batch in one status, in their order; and how many of each wave are in which, all that is read of them then.
CREATE INDEX batch_item_by_status ON batch_item (batch_id, status, position);
CREATE INDEX batch_item_standing ON batch_item (batch_id, wave, status);

-- Workers that have not stopped, newest first.
CREATE INDEX worker_not_stopped ON worker (id) WHERE state <> 'stopped';

-- What became of a resource itself, among all that its runs did.
CREATE INDEX event_of_resource_itself ON event (resource_id, xid, id) WHERE resource_id IS NOT NULL AND type LIKE 'resource.%';

-- The few questions that ask people of certain teams.
CREATE INDEX approval_asking_teams ON approval USING gin (teams) WHERE teams <> '{}';

SELECT grant_roles();
