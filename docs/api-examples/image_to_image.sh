#!/usr/bin/env bash
# Image to image, with the image in the request body in base64.
set -euo pipefail

curl --fail-with-body --silent --show-error "${ENDPOINT}v1alpha2" \
  --header "x-api-key: $API_KEY" --header "Content-Type: application/json" --data @- <<JSON
{
  "task": {
    "metadata": {"id": "cat-2", "runtime": "$SDWEBUI_RUNTIME", "tasktype": "image-to-image"},
    "content": {
      "prompt": "a cat in a spacesuit, oil painting",
      "init_images": ["$(base64 <image.png | tr -d "\n")"],
      "denoising_strength": 0.6
    }
  }
}
JSON
