-- Logins: what failed, and those of the command line, which a person confirms in a browser.

-- Digest of what the person proves themselves with; a new one ends the sessions that the old one began.
ALTER TABLE person ADD COLUMN password_mark bytea;

-- Failed attempts by whom they were made against, and from where. Rows go when nothing failed for an hour.
CREATE TABLE login_failure (
    kind          text        NOT NULL CHECK (kind IN ('name', 'address', 'code')),
    subject       text        NOT NULL CHECK (length(subject) BETWEEN 1 AND 100),
    failures      integer     NOT NULL DEFAULT 0,
    last_at       timestamptz NOT NULL DEFAULT now(),
    -- Until then every attempt is refused unseen.
    blocked_until timestamptz,
    PRIMARY KEY (kind, subject)
);
CREATE INDEX login_failure_age ON login_failure (last_at);

-- A login of the command line on its way.
CREATE TABLE login_request (
    id              uuid        PRIMARY KEY,
    -- `loopback`: a browser on the same machine brings the code back; `device`: the person types a code.
    kind            text        NOT NULL CHECK (kind IN ('loopback', 'device')),
    -- Of the code that is exchanged for a key: 256 random bits, as those of keys and sessions.
    hash            bytea       NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    -- SHA-256 of what only the program that asked knows.
    challenge       bytea       CHECK (octet_length(challenge) = 32),
    -- What a person types to confirm.
    user_code       text,
    -- What asks, in its own words, and from where.
    client          text        NOT NULL DEFAULT '',
    address         text        NOT NULL DEFAULT '',
    status          text        NOT NULL CHECK (status IN ('pending', 'confirmed', 'denied', 'used')),
    person_id       uuid        REFERENCES person,
    -- The key that it was exchanged for.
    key_id          uuid,
    -- Seconds that must lie between two polls; grows when they do not.
    poll_interval_s integer     NOT NULL DEFAULT 5,
    polled_at       timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz NOT NULL,
    CHECK ((kind = 'device') = (user_code IS NOT NULL)),
    CHECK ((kind = 'loopback') = (challenge IS NOT NULL)),
    CHECK (status IN ('pending', 'denied') OR person_id IS NOT NULL)
);
CREATE UNIQUE INDEX login_request_user_code ON login_request (user_code) WHERE status = 'pending';
CREATE INDEX login_request_age ON login_request (expires_at);
