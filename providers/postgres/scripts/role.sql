-- Makes the login :name, or brings it back to :password. Attempts at the same one wait for each other.
SELECT pg_advisory_lock(hashtext('slipway role'), hashtext(:'name')) \g /dev/null
SELECT format('CREATE ROLE %I', :'name')
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \gexec
ALTER ROLE :"name" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION
    CONNECTION LIMIT :connection_limit PASSWORD :'password';
