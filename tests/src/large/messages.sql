-- Messages from $1 on and before $2 of the first rule of notifications, all over.
INSERT INTO notification_delivery (id, rule_id, items, message, status, attempts, next_attempt_at, give_up_at, created_at, finished_at,
                                   last_answer, last_error)
SELECT pg_temp.key(ms, 30, n), pg_temp.known(19, 0), 1,
       jsonb_build_object('count', 1, 'items', jsonb_build_array(
           jsonb_build_object('kind', 'failure', 'at', at, 'team', pg_temp.team_name(0), 'message', 'no space left on device'))),
       CASE WHEN failed THEN 'failed' ELSE 'delivered' END, 1, at, at + interval '1 day', at, at + interval '1 s',
       CASE WHEN NOT failed THEN 'ok' END, CASE WHEN failed THEN 'answered 500' END
FROM (SELECT n, ms, to_timestamp(ms / 1000.0) AS at, n % 50 = 7 AS failed
      FROM generate_series($1::bigint, $2::bigint - 1) n, LATERAL (SELECT pg_temp.moment(n) AS ms OFFSET 0) its) message
