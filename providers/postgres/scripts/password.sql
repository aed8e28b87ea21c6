-- Sets :password for the login :name. It is made of a key that the server keeps for the login: the idempotency key of the
-- step that made it or gave it another :password_version. So every attempt of one step finds the same password, a late copy
-- of an attempt cannot change what another has recorded, and a step that changes something else leaves it as it is; without
-- the server's pepper nobody can work it out. :fresh is true when the login is to have a new one whatever there is.
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
CREATE TABLE IF NOT EXISTS slipway.login (
    name    text PRIMARY KEY,
    key     text NOT NULL,
    version text NOT NULL
);
SELECT pg_advisory_unlock(hashtext('slipway pepper')) \g /dev/null
INSERT INTO slipway.login AS login (name, key, version) VALUES (:'name', :'idempotency_key', :'password_version')
    ON CONFLICT (name) DO UPDATE SET key = EXCLUDED.key, version = EXCLUDED.version
    WHERE :'fresh'::boolean OR login.version <> EXCLUDED.version;
SELECT encode(sha256(value || sha256(value || convert_to(key, 'UTF8'))), 'hex') AS password
    FROM slipway.pepper, slipway.login WHERE name = :'name' \gset
