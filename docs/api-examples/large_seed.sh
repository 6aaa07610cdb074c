#!/usr/bin/env bash
# A seed beyond 2^53: curl sends and prints all digits.
set -euo pipefail

curl --fail-with-body --silent --show-error --output response.json "${ENDPOINT}v1alpha2" \
  --header "x-api-key: $API_KEY" --header "Content-Type: application/json" --data @- <<JSON
{
  "task": {
    "metadata": {
      "id": "cat-8",
      "runtime": "$SDWEBUI_RUNTIME",
      "tasktype": "text-to-image",
      "context": {"seed": 9223372036854775783}
    },
    "content": {"prompt": "a cat in a spacesuit, photograph", "seed": 9223372036854775783}
  }
}
JSON

# jq before 1.7 rounds the number, so read it from the text.
curl --fail-with-body --silent --show-error "${ENDPOINT}v1alpha2/tasks/cat-8" --header "x-api-key: $API_KEY" |
  grep --only-matching '"seed": [0-9]*'
