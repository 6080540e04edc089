#!/bin/bash
# Runs a program with the settings of the strategy, and with the secrets that SECRETS names: settings.sh PROGRAM ARGUMENT...
# A secret that the environment has stays as it is; any other was made at the first start.
set -euo pipefail
while IFS= read -r line; do
  [[ $line != [A-Z]* ]] || export "${line?}"
done <"/infra/strategies/$STRATEGY.env"
for name in ${SECRETS:-}; do
  if [[ -z ${!name:-} ]]; then
    # Apart from the export, so that a file that can't be read ends this.
    secret=$(<"/secrets/$name")
    export "$name=$secret"
  fi
done
exec "$@"
