#!/bin/bash
# A private Postgres and Redis for tests, on free ports, with data that does not outlive them.
#   test-services.sh start FOLDER   writes FOLDER/env, to be sourced: TEST_DATABASE_URL, TEST_REDIS_URL
#   test-services.sh stop FOLDER    ends them and removes their data
set -euo pipefail
# shellcheck source=deploy/local/say.sh
source "$(dirname "$0")/say.sh"
folder=${2:?a folder}

postgres_bin() {
  local newest
  newest=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -t/ -k5 -n | tail -1) || true
  [[ -n $newest ]] || newest=$(dirname "$(command -v initdb)")
  echo "$newest"
}

# Postgres refuses to run as root: it gets a user that nobody's files belong to, and stands in / meanwhile, since the
# clone may be in a folder which that user cannot enter.
unprivileged() {
  if ((EUID != 0)); then
    (cd / && "$@")
  else
    local user=nobody
    ! id -u postgres > /dev/null 2>&1 || user=postgres
    (cd / && runuser -u "$user" -- "$@")
  fi
}

free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null || break
  done
  echo "$port"
}

# Where a database for each test is made in a fifth of the time.
memory=/dev/shm
# Whether there is room for a test run's data, in that file system and in the machine's memory.
roomy() {
  local left available
  left=$(df --output=avail --block-size=1M "$1" 2> /dev/null | tail -1) || return 1
  available=$(awk '/^MemAvailable:/ {print int($2 / 1024)}' /proc/meminfo)
  [[ $(stat --file-system --format %T "$1") == tmpfs ]] && ((left >= 6000 && available >= 10000))
}

start() {
  [[ ! -s $folder/env ]] || stop
  mkdir -p "$folder"
  local data bin postgres_port redis_port attempt
  # In a place that every user can reach; a benchmark's, which has options of its own, on the disk.
  local place=/tmp
  [[ -n ${TEST_POSTGRES_OPTIONS:-} ]] || ! roomy "$memory" || place=$memory
  data=$(unprivileged mktemp -d "$place/slipway-test.XXXXXXXX")
  echo "$data" > "$folder/data"
  bin=$(postgres_bin)
  # The data is gone after the tests, so nothing waits for a disk.
  unprivileged "$bin/initdb" --pgdata "$data/postgres" --username postgres --auth trust --encoding UTF8 --locale C.UTF-8 \
    --no-sync > "$folder/initdb.log" 2>&1 || { cat "$folder/initdb.log" >&2; die "initdb failed"; }
  for attempt in 1 2 3 4 5; do
    postgres_port=$(free_port)
    if unprivileged "$bin/pg_ctl" start --pgdata "$data/postgres" --log "$data/postgres.log" --wait --timeout 30 \
      --options "-p $postgres_port -k $data -c listen_addresses=127.0.0.1 -c fsync=off -c full_page_writes=off -c wal_level=minimal -c max_wal_senders=0 \
        -c max_wal_size=512MB -c max_connections=400 ${TEST_POSTGRES_OPTIONS:-}" \
      > "$folder/pg_ctl.log" 2>&1 < /dev/null; then break; fi
    ((attempt < 5)) || { tail -n 20 "$data/postgres.log" >&2; die "Postgres does not start"; }
  done
  for attempt in 1 2 3 4 5; do
    redis_port=$(free_port)
    if redis-server --bind 127.0.0.1 --port "$redis_port" --save '' --appendonly no --maxmemory-policy noeviction \
      --dir "$folder" --pidfile "$folder/redis.pid" --logfile "$folder/redis.log" --daemonize yes > /dev/null &&
      timeout 10 bash -c "until redis-cli -p $redis_port ping 2> /dev/null | grep -q PONG; do sleep 0.05; done"; then break; fi
    ((attempt < 5)) || { tail -n 20 "$folder/redis.log" >&2; die "Redis does not start"; }
  done
  cat > "$folder/env" << TEXT
export TEST_DATABASE_URL=postgres://postgres@127.0.0.1:$postgres_port/postgres
export TEST_REDIS_URL=redis://127.0.0.1:$redis_port/0
TEXT
}

stop() {
  local data=''
  [[ ! -s $folder/data ]] || data=$(< "$folder/data")
  if [[ $data == @(/tmp|"$memory")/slipway-test.* && -d $data ]]; then
    unprivileged "$(postgres_bin)/pg_ctl" stop --pgdata "$data/postgres" --mode immediate > /dev/null 2>&1 || true
    rm -rf --one-file-system "$data"
  fi
  if [[ -s $folder/redis.pid ]] && grep -qs redis-server "/proc/$(< "$folder/redis.pid")/cmdline"; then
    kill -TERM "$(< "$folder/redis.pid")"
  fi
  rm -f "$folder/env" "$folder/data" "$folder/redis.pid"
}

case ${1:-} in
  start) start ;;
  stop) stop ;;
  *) die "usage: test-services.sh start|stop FOLDER" ;;
esac
