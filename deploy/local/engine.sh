#!/bin/bash
# engine.sh start: makes sure that a Docker engine answers, starting one if need be and allowed.
# engine.sh stop: ends the engine that start has started, and no other.
set -euo pipefail
# shellcheck source=deploy/local/say.sh
source "$(dirname "$0")/say.sh"
export PATH=$PATH:/usr/sbin:/sbin
pid_file=$state/dockerd.pid

answers() { timeout 10 docker version --format '{{.Server.Version}}' > /dev/null 2>&1; }

# Whether the pid in the file is still the engine that we started, and not another process with its number.
ours_runs() {
  [[ -s $pid_file ]] && tr '\0' ' ' 2> /dev/null < "/proc/$(< "$pid_file")/cmdline" | grep -q "^[^ ]*dockerd "
}

start() {
  answers && return
  [[ -z ${DOCKER_HOST:-} ]] || die "the Docker engine at $DOCKER_HOST does not answer"
  if [[ -S /var/run/docker.sock ]] && ! may_be_root; then
    die "the Docker engine refuses this user: run 'sudo usermod -aG docker $USER', log in again, then make up"
  fi
  if [[ -d /run/systemd/system ]] && may_be_root && systemctl cat docker.service > /dev/null 2>&1; then
    note "starting docker.service"
    as_root systemctl start docker.service
  elif ((EUID == 0)); then
    note "starting dockerd (log: $state/dockerd.log)"
    mkdir -p "$state"
    # A session of its own: it outlives make, and a Ctrl-C meant for make.
    setsid dockerd --pidfile "$pid_file" < /dev/null > "$state/dockerd.log" 2>&1 &
  else
    die "no Docker engine answers, and only root may start one: 'sudo dockerd &' or start the docker service, then make up"
  fi
  for _ in $(seq 120); do
    answers && return
    sleep 0.5
  done
  [[ ! -e $state/dockerd.log ]] || tail -n 20 "$state/dockerd.log" >&2
  ((EUID == 0)) || die "no Docker engine answers this user: is it in the group 'docker' (log in again after adding it)?"
  die "the Docker engine did not answer within a minute"
}

stop() {
  ours_runs || { rm -f "$pid_file"; return 0; }
  local pid
  pid=$(< "$pid_file")
  note "stopping the dockerd that make up started"
  kill -TERM "$pid"
  for _ in $(seq 60); do
    kill -0 "$pid" 2> /dev/null || return 0
    sleep 0.5
  done
  die "dockerd ($pid) does not end; see $state/dockerd.log"
}

case ${1:-} in
  start) start ;;
  stop) stop ;;
  *) die "usage: engine.sh start|stop" ;;
esac
