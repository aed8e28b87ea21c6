-- Versions from $1 on and before $2 of one state: that of the resource whose run has the longest log, after those that it may have.
WITH kept AS MATERIALIZED (
    SELECT first.resource_id AS resource, first.team, version + 3 AS version, to_timestamp(pg_temp.moment(version) / 1000.0) AS at,
           convert_to(format('{"version": 4, "serial": %s, "lineage": "seed", "outputs": {}, "resources": []}', version + 3),
                      'UTF8') AS content
    FROM pg_temp.seeding s JOIN run first ON first.id = s.longest, generate_series($1::bigint, $2::bigint - 1) version),
counted AS (
    INSERT INTO team_kept AS before (team, states) SELECT team, sum(octet_length(content)) FROM kept GROUP BY 1
    ON CONFLICT (team) DO UPDATE SET states = before.states + excluded.states)
INSERT INTO state_version (resource_id, version, serial, lineage, content, md5, written_by, created_at)
SELECT resource, version, version, 'seed', content, md5(content), 'run', at FROM kept
