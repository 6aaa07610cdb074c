#!/usr/bin/env bash
# Upload an input file, then submit a workflow whose node refers to it by name.
set -euo pipefail

content=$(cat workflow_with_input.json)
upload=$(
  curl --fail-with-body --silent --show-error "${ENDPOINT}v1alpha2/uploads" \
    --header "x-api-key: $API_KEY" --header "Content-Type: application/json" --data @- <<JSON
{"content_type": "image/png", "content_length": $(wc -c <image.png)}
JSON
)
jq --raw-output '.headers | to_entries[] | "\(.key): \(.value)"' <<<"$upload" >headers.txt
curl --fail-with-body --silent --show-error --upload-file image.png --header @headers.txt \
  "$(jq --raw-output .url <<<"$upload")"

curl --fail-with-body --silent --show-error "${ENDPOINT}v1alpha2" \
  --header "x-api-key: $API_KEY" --header "Content-Type: application/json" --data @- <<JSON
{
  "task": {
    "metadata": {
      "id": "dog-2",
      "runtime": "$COMFYUI_RUNTIME",
      "tasktype": "pipeline",
      "inputs": {"portrait.png": $(jq .content_ref <<<"$upload")}
    },
    "content": $content
  }
}
JSON
