#!/usr/bin/env bash
# Cancel a task.
set -euo pipefail

curl --fail-with-body --silent --show-error --request POST "${ENDPOINT}v1alpha2/tasks/cat-1/cancel" \
  --header "x-api-key: $API_KEY"
