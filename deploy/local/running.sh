# shellcheck shell=bash
# Sourced after say.sh: which process is the `slipway dev` that make started.

# shellcheck disable=SC2154  # say.sh sets it
pid_file=$state/dev.pid

# Whether the pid in the file is still ours, and not another process with its number.
runs() {
  [[ -s $pid_file ]] && tr '\0' ' ' 2> /dev/null < "/proc/$(< "$pid_file")/cmdline" | grep -q 'slipway dev '
}
