#!/bin/bash
# dashboard.sh [optional]: builds the dashboard into dashboard/dist/site, from where the api's program takes it in; nothing to do
# takes no time. Where Node.js is too old for it, `optional` says so and goes on without: all else works.
set -euo pipefail
# shellcheck source=deploy/local/say.sh
source "$(dirname "$0")/say.sh"
cd "$root/dashboard"
mkdir -p "$state"

# Files that a build is made of. Which they were is noted beside what was made of them.
sources() {
  find index.html package.json package-lock.json tsconfig.json vite.config.ts public scripts src -type f -print0 | sort -z | xargs -0 sha256sum
}
wanted=$(sources | sha256sum)
built=dist/site.of
if [[ -s dist/site/index.html && -s $built && $(< "$built") == "$wanted" ]]; then
  exit 0
fi
if ! node -e 'const [major, minor] = process.versions.node.split("."); process.exit(major > 20 || (major == 20 && minor >= 19) ? 0 : 1)'; then
  why="the dashboard is built by Node.js 20.19 or later, and this is $(node --version || echo none)"
  [[ ${1:-} == optional ]] || die "$why"
  note "$why: going on without it"
  exit 0
fi
if [[ ! -d node_modules || package-lock.json -nt node_modules/.package-lock.json ]]; then
  note "fetching what the dashboard is made with"
  patiently "$state/npm.log" "fetching npm packages" npm ci --no-audit --no-fund
fi
note "building the dashboard"
patiently "$state/dashboard.log" "building the dashboard" npm run build
printf '%s\n' "$wanted" > "$built"
