#!/bin/bash
# Runs Redis, or with --sentinel a Sentinel: server.sh [--sentinel] LINE...
# The lines are its first configuration, where HOSTNAME stands for the container's name. The file outlives the container, and the
# program itself writes into it later: which server is the primary after a failover, for one. So a server that comes back does not
# take itself for the primary that it once was.
set -euo pipefail
mode=()
if [[ $1 == --sentinel ]]; then
  mode=(--sentinel)
  shift
fi
home=/data/$HOSTNAME
if [[ ! -s $home/server.conf ]]; then
  mkdir -p "$home"
  printf '%s\n' "dir $home" 'protected-mode no' "${@//HOSTNAME/$HOSTNAME}" >"$home/server.conf.new"
  mv "$home/server.conf.new" "$home/server.conf"
fi
chown -R redis:redis "$home"
exec setpriv --reuid=redis --regid=redis --clear-groups redis-server "$home/server.conf" "${mode[@]}"
