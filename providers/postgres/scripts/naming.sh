# shellcheck shell=bash
# Sets NAME: what the resource's database and role are called. The readable part is cut; the hash of the whole tells
# two apart. At most 56 bytes, under Postgres' 63.
digest=$(printf '%s\n%s' "${APP_NAME:?}" "${RESOURCE_NAME:?}" | sha256sum)
NAME=$(printf '%s_%s' "$APP_NAME" "$RESOURCE_NAME" | tr '[:upper:]' '[:lower:]' | tr -c 'a-z0-9' '_')
[[ $NAME == [a-z]* ]] || NAME=r_$NAME
NAME=${NAME:0:45}_${digest:0:10}
export NAME
