-- The applications from $1 on and before $2 as further users of one resource, which is shared.
WITH chosen AS (
    SELECT r.id, r.application_id FROM pg_temp.seeding s JOIN resource r
      ON r.id BETWEEN pg_temp.key(s.start - 86400000, 0, 0) AND pg_temp.key(s.start - 86400000 + s.resources, 0, s.resources)
    WHERE r.state = 'active' ORDER BY r.id LIMIT 1),
shared AS (
    UPDATE resource SET shared = true, identity = type || '.default#seed-shared'
    FROM chosen WHERE resource.id = chosen.id AND NOT resource.shared)
INSERT INTO resource_user (resource_id, application_id, name)
SELECT chosen.id, owner.id, 'shared' FROM chosen JOIN pg_temp.owners($1::bigint, $2::bigint) owner ON owner.id <> chosen.application_id
