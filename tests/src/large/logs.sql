-- The log of each run from $1 on and before $2 that is over, the first half of its lines of its first step.
WITH planned AS MATERIALIZED (
    SELECT p.n, p.id, p.status, p.queue, p.started, p.finished, s.lines, s.lines / 2 AS half FROM pg_temp.seeding s, pg_temp.planned($1::bigint, $2::bigint) p WHERE started IS NOT NULL AND finished IS NOT NULL),
seals AS (
    INSERT INTO log_seal (run_id, step, attempt, lines, sealed_at)
    SELECT id, part.name, 1, part.lines, finished FROM planned CROSS JOIN LATERAL (VALUES ('one', half), ('two', lines - half)) part (name, lines))
INSERT INTO log_line (run_id, cursor, step, attempt, seq, at, stream, text)
SELECT id, line, CASE WHEN line <= half THEN 'one' ELSE 'two' END, 1, CASE WHEN line <= half THEN line ELSE line - half END,
       started + line * interval '50 ms', CASE WHEN line % 17 = 0 THEN 'stderr' ELSE 'stdout' END,
       CASE WHEN line = lines AND status = 'failed' THEN 'no space left on device'
            ELSE format('%s: reconciling object %s of %s, checksum %s', queue, line, lines, md5(n::text)) END
FROM planned, generate_series(1, lines) line
ORDER BY n, line
