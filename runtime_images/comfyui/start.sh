#!/usr/bin/env bash
# Starts ComfyUI on loopback, on a read-only root file system.
#
# APP_DIR           folder of ComfyUI
# FINISHED_FILES    list of files that the queue agent has delivered, which the janitor deletes
# IMAGE_METADATA    false keeps prompt and workflow out of the images
# Arguments         further ones of ComfyUI; they cannot move what the pod relies on: address, port, folders
set -euo pipefail
here=$(cd "${0%/*}" && pwd)
# shellcheck source=runtime_images/shared/server_process.sh
source "$here/shared/server_process.sh"

export MODELS_DIR # extra_model_paths.yaml reads it
for folder in output temp input user; do
    mkdir -p "$SCRATCH_DIR/$folder"
done
mkdir -p "$HOME"

arguments=()
if [[ ${IMAGE_METADATA:-true} == false ]]; then
    arguments+=(--disable-metadata)
fi

python3 "$here/janitor.py" "$SCRATCH_DIR" "${FINISHED_FILES:-/run/queue-agent/finished-files}" &
janitor=$!

cd "${APP_DIR:-/opt/comfyui}"
# Not --base-directory: it would move custom_nodes as well. Reading safetensors by mmap over the network mount of the
# models is many times slower than reading them in order.
status=0
run_server python3 main.py --disable-auto-launch --disable-mmap "${arguments[@]}" "$@" \
    --listen 127.0.0.1 --port "$PORT" \
    --extra-model-paths-config "$here/extra_model_paths.yaml" \
    --output-directory "$SCRATCH_DIR/output" --temp-directory "$SCRATCH_DIR/temp" \
    --input-directory "$SCRATCH_DIR/input" --user-directory "$SCRATCH_DIR/user" \
    --database-url sqlite:///:memory: || status=$?
kill "$janitor" 2>/dev/null || :
exit "$status"
