#!/bin/bash
# Names the environment of a branch, and writes its Score file: the application's own under another name.
set -euo pipefail

base=${APPLICATION:-}
if [[ -n $SCORE ]]; then
  base=$(jq -r '.metadata.name // "" | strings' <<< "$SCORE" 2> /dev/null) || base=
fi
[[ $base =~ ^[a-z][a-z0-9-]*$ ]] || { echo "metadata.name of the Score file is no name for an application: '$base'" >&2; exit 2; }

# The readable part of the branch is cut; a hash tells apart what looks the same then.
digest=$(printf '%s\n%s' "$base" "$BRANCH" | sha256sum)
slug=$(printf '%s' "$BRANCH" | tr '[:upper:]' '[:lower:]' | tr -cs 'a-z0-9' '-')
slug=${slug#-} slug=${slug%-}
name=${base:0:30}
name=${name%-}-$slug
if [[ $name != "$base-$BRANCH" || ${#name} -gt 55 ]]; then
  name=${name:0:54}
  name=${name%-}-${digest:0:8}
fi

if [[ -n $SCORE ]]; then
  jq --arg name "$name" --arg of "$base" '
    {application: $name,
     score: (.metadata.name = $name
             | .metadata.labels = ((.metadata.labels // {}) + {ephemeral: "true", "ephemeral-of": $of}))}' <<< "$SCORE" > "$SLIPWAY_OUTPUT"
else
  jq -n --arg name "$name" '{application: $name}' > "$SLIPWAY_OUTPUT"
fi
echo "the environment is $name"
