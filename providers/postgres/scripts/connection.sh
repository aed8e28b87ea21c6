# shellcheck shell=bash
# Writes the outputs of a login from NAME, DATABASE and PASSWORD, once it has been tried. The values reach jq by its
# environment, since arguments show in the process list.
PGPASSWORD=$PASSWORD psql --no-psqlrc --quiet --username "$NAME" --dbname "$DATABASE" --command 'SELECT 1' > /dev/null
export PASSWORD DATABASE
jq -n '
  {host: env.PUBLIC_HOST, port: (env.PUBLIC_PORT | tonumber), name: env.DATABASE, username: env.NAME,
   password: env.PASSWORD}
  | .uri = "postgresql://\(.username):\(.password)@\(.host):\(.port)/\(.name)"' > "$SLIPWAY_OUTPUT"
