#!/usr/bin/env bash
# Starts ComfyUI on loopback, on a read-only root file system.
#
# APP_DIR           directory of ComfyUI
# FINISHED_FILES    list of files that the queue agent has delivered, which the janitor deletes
# IMAGE_METADATA    false: do not save prompt and workflow in the images
# Arguments         additional arguments of ComfyUI; they cannot override the address, the port and the directories
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
# Not --base-directory: it would also move custom_nodes. Over a network mount, mmap reads of safetensors are many times
# slower than sequential reads.
status=0
run_server python3 main.py --disable-auto-launch --disable-mmap "${arguments[@]}" "$@" \
    --listen 127.0.0.1 --port "$PORT" \
    --extra-model-paths-config "$here/extra_model_paths.yaml" \
    --output-directory "$SCRATCH_DIR/output" --temp-directory "$SCRATCH_DIR/temp" \
    --input-directory "$SCRATCH_DIR/input" --user-directory "$SCRATCH_DIR/user" \
    --database-url sqlite:///:memory: || status=$?
kill "$janitor" 2>/dev/null || :
exit "$status"
