#!/bin/bash
# Runs a program with the settings of the strategy: settings.sh PROGRAM ARGUMENT...
set -euo pipefail
cd /infra/strategies
if [[ $STRATEGY == */* || ! -f $STRATEGY.env ]]; then
  choices=(*.env)
  echo "STRATEGY is \"$STRATEGY\"; it takes one of: ${choices[*]/%.env/}. For example: STRATEGY=redis docker compose up" >&2
  exit 2
fi
while IFS= read -r line; do
  [[ $line != [A-Z]* ]] || export "${line?}"
done <"$STRATEGY.env"
cd /app
exec "$@"
