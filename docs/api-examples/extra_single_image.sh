#!/usr/bin/env bash
# Upscale one image.
set -euo pipefail

curl --fail-with-body --silent --show-error "${ENDPOINT}v1alpha2" \
  --header "x-api-key: $API_KEY" --header "Content-Type: application/json" --data @- <<JSON
{
  "task": {
    "metadata": {"id": "cat-3", "runtime": "$SDWEBUI_RUNTIME", "tasktype": "extra-single-image"},
    "content": {
      "image": "$(base64 <image.png | tr -d "\n")",
      "upscaler_1": "R-ESRGAN 4x+",
      "upscaling_resize": 2
    }
  }
}
JSON
