#!/usr/bin/env bash
# List the newest tasks of a runtime.
set -euo pipefail

curl --fail-with-body --silent --show-error "${ENDPOINT}v1alpha2/tasks?runtime=$SDWEBUI_RUNTIME&limit=10" \
  --header "x-api-key: $API_KEY"
