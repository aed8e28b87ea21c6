#!/bin/bash
# Writes a team's starter files, and gives them back: the Score file as text, all of them as an archive. The same
# parameters give the same bytes.
set -euo pipefail

application=${APPLICATION:-}
[[ -n $application ]] || application=$TEAM-app
[[ ${#application} -le 50 ]] || { echo "the application's name '$application' is longer than 50 characters" >&2; exit 2; }

# Addresses as a list of texts without doubles, whatever was given.
given=${MEMBERS:?}
members=$(jq -c 'if all(type == "string" and test("^[^@\\s]+@[^@\\s]+$")) then unique else error("not all") end' <<< "$given" 2> /dev/null) ||
  { echo "members must be e-mail addresses: $given" >&2; exit 2; }
text() { jq -n --arg text "$1" '$text'; }

folder=/workspace/starter
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"

{
  cat << END
apiVersion: score.dev/v1b1
metadata:
  name: $application
  labels:
    team: $TEAM
    environment: $ENVIRONMENT
containers:
  main:
    image: $(text "$IMAGE")
    variables:
      TEAM: $TEAM
      ENVIRONMENT: $ENVIRONMENT
END
  # shellcheck disable=SC2016 # The placeholder is Score's.
  if [[ $DATABASE == true ]]; then printf '      DATABASE_URL: ${resources.db.uri}\n'; fi
  cat << END
    resources:
      limits:
        cpu: $(text "$CPU")
        memory: $(text "$MEMORY")
service:
  ports:
    http:
      port: 80
      targetPort: 8080
END
  if [[ $DATABASE == true ]]; then
    cat << END
resources:
  db:
    type: postgres
    params:
      connection_limit: $CONNECTIONS
END
  fi
} > score.yaml

{
  echo "team: $TEAM"
  echo "environment: $ENVIRONMENT"
  echo "members:"
  jq -r '.[] | "  - " + tojson' <<< "$members"
  echo "limits:"
  echo "  cpu: $(text "$CPU")"
  echo "  memory: $(text "$MEMORY")"
  if [[ $DATABASE == true ]]; then echo "  connections: $CONNECTIONS"; fi
} > team.yaml

cat > README.md << END
# $application

Made for team $TEAM. \`score.yaml\` says what the application needs, \`team.yaml\` who the team is.

To change what it needs, edit \`score.yaml\` and deploy it:

    slipway validate score.yaml
    slipway deploy score.yaml --wait
    slipway status $application
END

files=$(find . -type f -printf '%P\n' | sort | jq -R . | jq -cs .)
archive=$(tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX -cf - . | gzip -n9 | base64 -w0)
jq -n --arg application "$application" --argjson members "$members" --argjson files "$files" --rawfile score score.yaml \
  --arg archive "$archive" \
  '{application: $application, members: $members, files: $files, score: $score, archive: $archive}' > "$SLIPWAY_OUTPUT"
echo "$application: $(jq -r 'join(", ")' <<< "$files")"
