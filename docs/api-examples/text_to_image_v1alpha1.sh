#!/usr/bin/env bash
# Text to image with the request body of the SD Web UI; the checkpoint selects the runtime.
set -euo pipefail

curl --fail-with-body --silent --show-error "${ENDPOINT}v1alpha1" \
  --header "x-api-key: $API_KEY" --header "Content-Type: application/json" --data @- <<JSON
{
  "alwayson_scripts": {
    "task": "text-to-image",
    "id_task": "cat-5",
    "sd_model_checkpoint": "v1-5-pruned-emaonly.safetensors",
    "save_dir": "campaign-7",
    "uid": "ann"
  },
  "prompt": "a cat in a spacesuit, photograph",
  "steps": 20,
  "width": 512,
  "height": 512
}
JSON
