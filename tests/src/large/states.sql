-- States from $1 on and before $2 of those that resources of the first type keep, in three versions each.
WITH kept AS MATERIALIZED (
    SELECT r % s.applications AS application, pg_temp.key(s.start - 86400000 + r, 0, r) AS resource, version,
           convert_to(format('{"version": 4, "serial": %s, "lineage": "seed-%s", "outputs": {}, "resources": []}', version, r),
                      'UTF8') AS content,
           to_timestamp(pg_temp.moment(n) / 1000.0) + version * interval '1 min' AS at
    FROM pg_temp.seeding s, generate_series($1::bigint, $2::bigint - 1) n, generate_series(1, 3) version,
         LATERAL (SELECT n % s.applications + n / s.applications * 5 * s.applications AS r OFFSET 0) its),
-- As a trigger would add it up.
counted AS (
    INSERT INTO team_kept AS before (team, states)
    SELECT pg_temp.team_name(application), sum(octet_length(content)) FROM kept GROUP BY 1
    ON CONFLICT (team) DO UPDATE SET states = before.states + excluded.states)
INSERT INTO state_version (resource_id, version, serial, lineage, content, md5, written_by, created_at)
SELECT resource, version, version, 'seed-' || resource, content, md5(content), 'run', at FROM kept
