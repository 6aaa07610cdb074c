#!/usr/bin/env bash
# Run a ComfyUI workflow that was exported in the API format.
set -euo pipefail

content=$(cat workflow.json)
curl --fail-with-body --silent --show-error "${ENDPOINT}v1alpha2" \
  --header "x-api-key: $API_KEY" --header "Content-Type: application/json" --data @- <<JSON
{
  "task": {
    "metadata": {"id": "dog-1", "runtime": "$COMFYUI_RUNTIME", "tasktype": "pipeline"},
    "content": $content
  }
}
JSON
