-- Sets :password for :idempotency_key. Every attempt of one step finds the same one, so that a late copy of an attempt
-- cannot change what another has recorded; without the server's pepper nobody can work it out.
SELECT pg_advisory_lock(hashtext('slipway pepper')) \g /dev/null
CREATE SCHEMA IF NOT EXISTS slipway;
REVOKE ALL ON SCHEMA slipway FROM PUBLIC;
CREATE TABLE IF NOT EXISTS slipway.pepper (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    value bytea   NOT NULL
);
INSERT INTO slipway.pepper (value)
    VALUES (uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
    ON CONFLICT DO NOTHING;
SELECT pg_advisory_unlock(hashtext('slipway pepper')) \g /dev/null
SELECT encode(sha256(value || sha256(value || convert_to(:'idempotency_key', 'UTF8'))), 'hex') AS password
    FROM slipway.pepper \gset
