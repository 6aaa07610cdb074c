#!/usr/bin/env bash
# Starts the SD Web UI: API only, on loopback, on a read-only root file system.
set -euo pipefail

mkdir -p "$HOME" "$SCRATCH_DIR/data/extensions"
# --data-dir moves the extensions' folder as well: what the image has is linked into it.
find /opt/sdwebui/extensions -mindepth 1 -maxdepth 1 -type d -exec ln -sfn -t "$SCRATCH_DIR/data/extensions" {} +

# Reading safetensors by mmap over the network mount of the models is many times slower than reading them in order.
cat >"$SCRATCH_DIR/data/config.json" <<'JSON'
{"disable_mmap_load_safetensors": true}
JSON

model=()
if [[ -n ${MODEL_FILENAME:-} ]]; then
    model=(--ckpt "$MODELS_DIR/$MODEL_FILENAME")
fi

cd /opt/sdwebui
# No --listen: loopback only. No hashes: they would read each checkpoint a second time.
exec python3 launch.py --skip-prepare-environment --nowebui --api --port "$PORT" \
    --data-dir "$SCRATCH_DIR/data" --ckpt-dir "$MODELS_DIR" --no-download-sd-model --no-hashing \
    --skip-version-check "${model[@]}"
