-- How each minute of the last week went, of the runs from $1 on and before $2; otherwise it is counted from the events. Buckets end
-- five a decade, from a millisecond on.
WITH happened AS (
    SELECT queue, date_trunc('minute', it.at) AS minute, it.what,
           CASE WHEN it.took IS NOT NULL
                THEN least(greatest(ceil(5 * log((extract(epoch FROM it.took) / 0.001)::numeric)), 0), 41)::int END AS bucket
    FROM pg_temp.planned($1::bigint, $2::bigint) p
    CROSS JOIN LATERAL (VALUES (p.at, 'created', NULL), (p.started, 'claimed', p.started - p.at), (p.finished, p.status, p.finished - p.started)) it (at, what, took)
    WHERE it.at BETWEEN now() - interval '7 days' AND now()),
summed AS (
    SELECT coalesce(queue, '') AS queue, minute, count(*) FILTER (WHERE what = 'created')::int AS created, count(*) FILTER (WHERE what = 'completed')::int AS completed,
           count(*) FILTER (WHERE what = 'failed')::int AS failed, count(*) FILTER (WHERE what = 'cancelled')::int AS cancelled,
           array_agg(bucket) FILTER (WHERE what = 'claimed') AS waits,
           array_agg(bucket) FILTER (WHERE what IN ('completed', 'failed', 'cancelled') AND bucket IS NOT NULL) AS times
    FROM happened GROUP BY GROUPING SETS ((queue, minute), (minute)))
INSERT INTO queue_minute (queue, minute, created, completed, failed, cancelled, waits, times)
SELECT queue, minute, created, completed, failed, cancelled,
       CASE WHEN waits IS NOT NULL THEN ARRAY(SELECT count(w)::int FROM generate_series(0, 41) b LEFT JOIN UNNEST(waits) w ON w = b GROUP BY b ORDER BY b) END,
       CASE WHEN times IS NOT NULL THEN ARRAY(SELECT count(t)::int FROM generate_series(0, 41) b LEFT JOIN UNNEST(times) t ON t = b GROUP BY b ORDER BY b) END
FROM summed
ON CONFLICT (queue, minute) DO NOTHING
