#!/bin/bash
# Makes one Cluster of six servers at the first start. At each later start it introduces them to each other again, since containers
# may get other addresses than before.
set -euo pipefail
ask() { redis-cli -h "$1" "${@:2}"; }
addresses=()
for name in cluster-{1..6}; do
  until [[ $(ask "$name" ping 2>/dev/null) == PONG ]]; do sleep 0.5; done
  addresses+=("$(getent hosts "$name" | awk '{print $1}')")
done
if ask cluster-1 cluster info | grep -q 'cluster_known_nodes:1[^0-9]'; then
  redis-cli --cluster create "${addresses[@]/%/:6379}" --cluster-replicas 1 --cluster-yes >/dev/null
else
  for address in "${addresses[@]:1}"; do ask cluster-1 cluster meet "$address" 6379 >/dev/null; done
fi
until ask cluster-1 cluster info | grep -q cluster_state:ok; do sleep 0.5; done
echo 'the Cluster is ready'
