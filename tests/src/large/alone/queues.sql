-- Queues from $1 on and before $2 in which nothing is.
INSERT INTO queue (name, created_at)
SELECT 'seed-queue-' || lpad(n::text, 5, '0'), to_timestamp(pg_temp.moment(n) / 1000.0) FROM generate_series($1::bigint, $2::bigint - 1) n
