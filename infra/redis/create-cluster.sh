#!/bin/bash
# Makes one Cluster of six servers at the first start. At each later start it introduces them to each other again, since containers
# may get other addresses than before.
set -euo pipefail
readonly WAIT_S=${WAIT_S:-60}
ask() { redis-cli -h "$1" "${@:2}"; }
fail() {
  printf '%s\n' "$@" >&2
  exit 1
}
# wait_for WHAT COMMAND...: ends this with WHAT if the command does not succeed in time.
wait_for() {
  local end=$((SECONDS + WAIT_S))
  until "${@:2}"; do
    ((SECONDS < end)) || fail "$1"
    sleep 0.5
  done
}
answers() { [[ $(ask "$1" ping 2>/dev/null) == PONG ]]; }
serves() { [[ $(ask cluster-1 cluster info) == *cluster_state:ok* ]]; }
readonly UNFINISHED='An earlier start may have been interrupted while the Cluster was being made. To begin again without what it stores:
STRATEGY=cluster docker compose down -v'

addresses=()
for name in cluster-{1..6}; do
  wait_for "$name did not answer within $WAIT_S s; its log says why: docker compose logs $name" answers "$name"
  addresses+=("$(getent hosts "$name" | awk '{print $1}')")
done
if [[ $(ask cluster-1 cluster info) == *cluster_known_nodes:1[!0-9]* ]]; then
  output=$(timeout "$WAIT_S" redis-cli --cluster create "${addresses[@]/%/:6379}" --cluster-replicas 1 --cluster-yes 2>&1) ||
    fail 'The Cluster could not be made:' "$output" "$UNFINISHED"
else
  for address in "${addresses[@]:1}"; do ask cluster-1 cluster meet "$address" 6379 >/dev/null; done
fi
wait_for "The Cluster does not serve all its slots after $WAIT_S s. $UNFINISHED" serves
echo 'the Cluster is ready'
