#!/usr/bin/env bash
# Wait until a task has ended, then download its results.
set -euo pipefail

while true; do
  task=$(curl --fail-with-body --silent --show-error "${ENDPOINT}v1alpha2/tasks/cat-1" --header "x-api-key: $API_KEY")
  status=$(jq --raw-output .status <<<"$task")
  case $status in queued | running) sleep 1 ;; *) break ;; esac
done
jq . <<<"$task"

jq --raw-output '.results[].url' <<<"$task" | while read -r url; do
  curl --fail --silent --show-error --remote-name "$url"
done
