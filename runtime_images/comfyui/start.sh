#!/usr/bin/env bash
# Starts ComfyUI on loopback, on a read-only root file system.
set -euo pipefail

for folder in output temp input user; do
    mkdir -p "$SCRATCH_DIR/$folder"
done
mkdir -p "$HOME"

cd /opt/comfyui
# Not --base-directory: it would move custom_nodes as well. Reading safetensors by mmap over the network mount of the
# models is many times slower than reading them in order.
exec python3 main.py --listen 127.0.0.1 --port "$PORT" --disable-auto-launch --disable-mmap \
    --extra-model-paths-config /opt/extra_model_paths.yaml \
    --output-directory "$SCRATCH_DIR/output" --temp-directory "$SCRATCH_DIR/temp" \
    --input-directory "$SCRATCH_DIR/input" --user-directory "$SCRATCH_DIR/user" \
    --database-url sqlite:///:memory:
