-- The lines from $1 on and before $2 that one run has beside those that each has.
WITH sealed AS (UPDATE log_seal SET lines = s.lines - s.lines / 2 + $2::bigint - 1 FROM pg_temp.seeding s WHERE log_seal.run_id = s.longest AND log_seal.step = 'two')
INSERT INTO log_line (run_id, cursor, step, attempt, seq, at, stream, text)
SELECT run.id, s.lines + line, 'two', 1, s.lines - s.lines / 2 + line, run.started_at + line * interval '1 ms',
       CASE WHEN line % 41 = 0 THEN 'stderr' ELSE 'stdout' END,
       CASE WHEN line % 100000 = 0 THEN format('milestone %s', line / 100000)
            ELSE format('object %s: %s bytes written, checksum %s', line, 1000 + line % 9000, md5(line::text)) END
FROM pg_temp.seeding s JOIN run ON run.id = s.longest, generate_series($1, $2 - 1) line
ORDER BY line
