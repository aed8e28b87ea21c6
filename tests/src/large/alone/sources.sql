-- Sources of providers from $1 on and before $2. A scheduler would look at them.
WITH tree AS (INSERT INTO provider_tree (digest, content) VALUES (sha256('seed'), '') ON CONFLICT DO NOTHING)
INSERT INTO provider_source (name, url, ref, interval_s, origin, created_by, created_at, status, seen_commit, looked_at, next_look_at,
                             commit, tree_digest, providers, loaded_at)
SELECT 'seed-' || lpad(n::text, 5, '0'), 'https://seed.invalid/providers/' || n || '.git', 'v1.4.0', 300, 'api', 'seed', at, 'loaded',
       commit, at, now() + interval '1 day', commit, sha256('seed'), ARRAY['seed-provider-' || lpad(n::text, 5, '0') || '@1.4.0'], at
FROM (SELECT n, to_timestamp(pg_temp.moment(n) / 1000.0) AS at, encode(substr(sha256(n::text::bytea), 1, 20), 'hex') AS commit
      FROM generate_series($1::bigint, $2::bigint - 1) n) source
