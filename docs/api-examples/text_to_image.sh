#!/usr/bin/env bash
# Text to image.
set -euo pipefail

curl --fail-with-body --silent --show-error "${ENDPOINT}v1alpha2" \
  --header "x-api-key: $API_KEY" --header "Content-Type: application/json" --data @- <<JSON
{
  "task": {
    "metadata": {
      "id": "cat-1",
      "runtime": "$SDWEBUI_RUNTIME",
      "tasktype": "text-to-image",
      "prefix": "campaign-7",
      "context": {"user": "ann"}
    },
    "content": {
      "prompt": "a cat in a spacesuit, photograph",
      "negative_prompt": "blurry",
      "steps": 20,
      "width": 512,
      "height": 768,
      "seed": 42
    }
  }
}
JSON
