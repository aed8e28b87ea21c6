-- What was asked of people and decided by them before the first step of runs from $1 on and before $2: of each hundredth of those that
-- completed.
INSERT INTO approval (step_id, run_id, message, requested_at, decision, decided_at, decided_by, reason)
SELECT pg_temp.key(ms, 1, n), id, 'go on with it?', at, CASE n % 5 WHEN 0 THEN 'rejected' ELSE 'approved' END, started, 'ada', 'seeded'
FROM pg_temp.planned($1::bigint, $2::bigint) WHERE status = 'completed' AND chance % 100 = 7
