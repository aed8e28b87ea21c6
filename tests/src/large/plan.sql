-- What the n-th run is, told by its number alone, so that each table is filled without a look at another. A run is made every so
-- many milliseconds from `start` on; of those of the last day three in five have not begun or not ended, of those of the last hour
-- the others failed. Beside: pg_temp.seeding, one row with the sizes. Functions are such that Postgres can put their text in the
-- place of the call.

-- An id as a UUID of version 7 of that moment; `part` and `n` make it one of its kind.
CREATE FUNCTION pg_temp.key(ms bigint, part bigint, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex(ms), 12, '0') || '7' || lpad(to_hex(part), 3, '0') || '8' || lpad(to_hex(n), 15, '0'))::uuid
$$;

CREATE FUNCTION pg_temp.application_name(application bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT (ARRAY['shop', 'search', 'ledger', 'mail', 'maps', 'media', 'orders', 'stock', 'users', 'till'])[1 + application % 10]
           || '-' || lpad(application::text, 4, '0')
$$;

CREATE FUNCTION pg_temp.environment(application bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT (ARRAY['prod', 'staging', 'dev'])[1 + application % 3]
$$;

-- Of the 20 resources of an application four are of each type. They are numbered through the applications, again and again.
CREATE FUNCTION pg_temp.resource_type(turn bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT (ARRAY['postgres', 'bucket', 'redis', 'queue', 'dns'])[1 + turn % 5]
$$;

CREATE FUNCTION pg_temp.planned(low bigint, high bigint)
RETURNS TABLE (n bigint, ms bigint, id uuid, at timestamptz, status text, live boolean, chance bigint, resource bigint, resource_id uuid, type text,
               application bigint, application_id uuid, team text, environment text, queue text, started timestamptz, finished timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT n, ms, pg_temp.key(ms, 0, n), at, status, live, chance, resource, pg_temp.key(start - 86400000 + resource, 0, resource),
           pg_temp.resource_type(resource / applications), application, pg_temp.key(start - 172800000 + application, 0, application),
           'team-' || lpad((application % teams)::text, 3, '0'), pg_temp.environment(application),
           -- What waits does so in a queue that nobody serves, so that nothing begins on a running installation.
           (ARRAY['default', 'seed-gpu', 'seed-eu', 'seed-bulk'])[CASE WHEN live THEN 2 + n % 3 WHEN n % 5 < 2 THEN 1 ELSE 2 + n % 3 END],
           CASE WHEN status NOT IN ('pending', 'queued') AND NOT (status = 'cancelled' AND chance % 2 = 0)
                THEN at + (0.05 + chance % 97 * 0.3) * interval '1 s' END,
           CASE WHEN NOT live THEN at + (30 + chance % 911 * 0.7) * interval '1 s' END
    FROM (SELECT s.*, n, ms, to_timestamp(ms / 1000.0) AS at, chance,
                 CASE WHEN chance / 1000 % 10 < 9 THEN n % s.resources END AS resource,
                 CASE WHEN chance / 1000 % 10 < 9 THEN n % s.resources % s.applications ELSE chance % s.applications END AS application,
                 its.status, its.status IN ('pending', 'queued', 'running', 'suspended') AS live
          FROM pg_temp.seeding s
          -- Chance is spread evenly, and the same for the same number.
          CROSS JOIN LATERAL (SELECT n, s.start + (n * s.step)::bigint AS ms, hashint8(n)::bigint & 2147483647 AS chance
                              FROM generate_series(low, high - 1) n OFFSET 0) numbered
          CROSS JOIN LATERAL (SELECT CASE
              WHEN n >= s.runs - s.runs / 30 AND chance % 1000 < 600 THEN CASE
                  WHEN chance % 1000 < 10 THEN 'suspended'
                  WHEN chance % 1000 = 10 THEN 'queued'
                  WHEN chance % 1000 = 11 THEN 'running'
                  ELSE 'pending' END
              WHEN n >= s.runs - s.runs / 600 OR chance % 1000 BETWEEN 600 AND 639 THEN 'failed'
              WHEN chance % 1000 BETWEEN 640 AND 649 THEN 'cancelled'
              ELSE 'completed' END AS status OFFSET 0) its OFFSET 0) one
$$;

-- Applications have a place in the same order, whether they have runs or not.
CREATE FUNCTION pg_temp.owners(low bigint, high bigint) RETURNS TABLE (n bigint, id uuid, name text, team text, at timestamptz) LANGUAGE sql STABLE AS $$
    SELECT n, pg_temp.key(start - 172800000 + n, 0, n), pg_temp.application_name(n), 'team-' || lpad((n % teams)::text, 3, '0'), to_timestamp(start / 1000.0)
    FROM pg_temp.seeding, generate_series(low, high - 1) n
$$;

-- When the n-th of what a part writes came to be, of as many as it writes in all: over the same time as the runs. Milliseconds.
CREATE FUNCTION pg_temp.moment(n bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT (start + n * runs * step / whole)::bigint FROM pg_temp.seeding
$$;

-- The id of what others refer to, by its number among its kind; it was there before all that is dated.
CREATE FUNCTION pg_temp.known(part bigint, n bigint) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT pg_temp.key(start - 259200000 + n, part, n) FROM pg_temp.seeding
$$;

CREATE FUNCTION pg_temp.team_name(n bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT 'team-' || lpad((n % teams)::text, 3, '0') FROM pg_temp.seeding
$$;

-- What keys and sessions are found by. Whatever it is the digest of is known to nobody, so that none of them lets anybody in.
CREATE FUNCTION pg_temp.no_secret() RETURNS bytea LANGUAGE sql VOLATILE AS $$
    SELECT sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
$$;
