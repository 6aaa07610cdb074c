#!/usr/bin/env bash
# Send a request again until there is a response: with an Idempotency-Key it creates only one task.
set -euo pipefail

curl --fail-with-body --silent --show-error --retry 5 --retry-all-errors "${ENDPOINT}v1alpha2" \
  --header "x-api-key: $API_KEY" --header "Content-Type: application/json" \
  --header "Idempotency-Key: order-4711" --data @- <<JSON
{
  "task": {
    "metadata": {"id": "order-4711", "runtime": "$SDWEBUI_RUNTIME", "tasktype": "text-to-image"},
    "content": {"prompt": "a cat in a spacesuit, photograph"}
  }
}
JSON
