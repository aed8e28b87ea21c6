-- Deliveries from $1 on and before $2 to the first webhook, each with its only try. All are over.
WITH deliveries AS MATERIALIZED (
    SELECT n, ms, pg_temp.key(ms, 29, n) AS id, to_timestamp(ms / 1000.0) AS at, n % 50 = 7 AS failed, pg_temp.known(18, 0) AS endpoint
    FROM generate_series($1::bigint, $2::bigint - 1) n, LATERAL (SELECT pg_temp.moment(n) AS ms OFFSET 0) its),
tries AS (
    INSERT INTO webhook_attempt (delivery_id, number, at, duration_ms, address, request_headers, response_status, response_headers,
                                 response_body, error)
    SELECT id, 1, at, 12 + n % 80, '192.0.2.1:443', '{"content-type": "application/json"}', CASE WHEN failed THEN 500 ELSE 204 END,
           '{}', '', CASE WHEN failed THEN 'answered 500' END
    FROM deliveries)
INSERT INTO webhook_delivery (id, endpoint_id, event_xid, event_id, type, payload, status, attempts, next_attempt_at, give_up_at,
                              created_at, finished_at, last_status, last_error)
SELECT id, endpoint, '100'::xid8, n, 'run.failed',
       jsonb_build_object('type', 'run.failed', 'timestamp', at, 'data', jsonb_build_object('queue', 'seed-eu')),
       CASE WHEN failed THEN 'failed' ELSE 'delivered' END, 1, at, at + interval '1 day', at, at + interval '1 s',
       CASE WHEN failed THEN 500 ELSE 204 END, CASE WHEN failed THEN 'answered 500' END
FROM deliveries
