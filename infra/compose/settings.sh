#!/bin/bash
# Runs a program with the settings of the strategy, and with the secrets that SECRETS names: settings.sh PROGRAM ARGUMENT...
# A secret that the environment has stays as it is; any other was made at the first start.
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
for name in ${SECRETS:-}; do
  [[ -n ${!name:-} ]] || export "$name=$(<"/secrets/$name")"
done
cd /app
exec "$@"
