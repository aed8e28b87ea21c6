-- The generations from $1 on and before $2 of the application whose run has the longest log; one more than the first.
WITH first AS (SELECT a.id, a.name FROM pg_temp.seeding s JOIN run ON run.id = s.longest JOIN application a ON a.id = run.application_id),
newest AS (UPDATE application SET generation = $2::bigint - 1 FROM first WHERE application.id = first.id)
INSERT INTO generation (application_id, number, spec, digest, submitted_by, created_at)
SELECT id, number,
       jsonb_build_object('apiVersion', 'score.dev/v1b1',
                          'metadata', jsonb_build_object('name', name, 'annotations', jsonb_build_object('number', number::text)),
                          'containers', jsonb_build_object('web', jsonb_build_object('image', '.'))),
       sha256((name || number)::bytea), 'seed', to_timestamp(pg_temp.moment(number) / 1000.0)
FROM first, generate_series($1::bigint, $2::bigint - 1) number
