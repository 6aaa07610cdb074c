#!/usr/bin/env bash
# Send again until there is an answer: with an Idempotency-Key of yours it becomes one task, however often it arrives.
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
