-- Logins that are on their way to an OpenID provider and back.

-- A row is used once. It holds digests alone: what the provider and the browser must show again is nowhere in the database.
CREATE TABLE oidc_login (
    state_hash   bytea       PRIMARY KEY CHECK (octet_length(state_hash) = 32),
    -- Of the cookie of the browser that began it.
    browser_hash bytea       NOT NULL CHECK (octet_length(browser_hash) = 32),
    -- The path to go on to.
    return_to    text        NOT NULL CHECK (length(return_to) BETWEEN 1 AND 2000),
    -- Bounds how many one address can have.
    address      text        NOT NULL CHECK (length(address) <= 100),
    expires_at   timestamptz NOT NULL
);
CREATE INDEX oidc_login_by_address ON oidc_login (address, expires_at);
CREATE INDEX oidc_login_age ON oidc_login (expires_at);
