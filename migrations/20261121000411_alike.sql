-- Why runs wait is the same for all that are ready in a queue, nearly always: then they are added up in one go, and not asked about
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
