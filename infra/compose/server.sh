#!/bin/bash
# Runs a node, and says so first if the server of its strategy does not run: server.sh PROGRAM ARGUMENT...
# Compose starts a strategy's server at the same moment, so its name may take some seconds to exist.
set -euo pipefail
readonly SERVER_WAIT_S=10
server=$(sed -n 's/^# server: //p' "/infra/strategies/$STRATEGY.env")
runs() { [[ -z $server ]] || getent hosts "$server" >/dev/null; }
for ((second = 0; second < SERVER_WAIT_S; second++)); do
  ! runs || break
  sleep 1
done
runs || echo "STRATEGY=$STRATEGY needs the server \"$server\", which does not run: its profile is not on, or it was stopped. Start it by:" \
  "COMPOSE_PROFILES=$STRATEGY STRATEGY=$STRATEGY docker compose up" >&2
exec "$@"
