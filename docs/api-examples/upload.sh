#!/usr/bin/env bash
# Upload content of more than 4 MiB, then submit a task that refers to it.
set -euo pipefail

cat >content.json <<JSON
{"prompt": "a cat in a spacesuit, oil painting", "init_images": ["$(base64 <image.png | tr -d "\n")"]}
JSON

upload=$(
  curl --fail-with-body --silent --show-error "${ENDPOINT}v1alpha2/uploads" \
    --header "x-api-key: $API_KEY" --header "Content-Type: application/json" --data @- <<JSON
{"content_type": "application/json", "content_length": $(wc -c <content.json)}
JSON
)

# The headers are part of the signature: send exactly these headers and values.
jq --raw-output '.headers | to_entries[] | "\(.key): \(.value)"' <<<"$upload" >headers.txt
curl --fail-with-body --silent --show-error --upload-file content.json --header @headers.txt \
  "$(jq --raw-output .url <<<"$upload")"

curl --fail-with-body --silent --show-error "${ENDPOINT}v1alpha2" \
  --header "x-api-key: $API_KEY" --header "Content-Type: application/json" --data @- <<JSON
{
  "task": {
    "metadata": {"id": "cat-6", "runtime": "$SDWEBUI_RUNTIME", "tasktype": "image-to-image"},
    "content_ref": $(jq .content_ref <<<"$upload")
  }
}
JSON
