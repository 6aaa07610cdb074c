#!/usr/bin/env bash
# Starts the SD Web UI: API only, on loopback, on a read-only root file system.
#
# APP_DIR           folder of the SD Web UI
# MODEL_FILENAME    checkpoint to load at start, as named in the configuration
# IMAGE_METADATA    false keeps the generation parameters out of the images
# Arguments         further ones of the SD Web UI; they cannot move what the pod relies on: address, port, folders, model
set -euo pipefail
here=$(cd "${0%/*}" && pwd)
# shellcheck source=runtime_images/shared/server_process.sh
source "$here/shared/server_process.sh"

app=${APP_DIR:-/opt/sdwebui}
data=$SCRATCH_DIR/data

# The server looks for each kind of model in one folder and creates those that are missing; the bucket has other names
# for some, and cannot be written to. So each folder is made here, with links into the bucket.
mapfile -t kinds <"$here/model_folders.txt"
folders=("$HOME" "$data/extensions" "$data/models")
for kind in "${kinds[@]}"; do
    read -r way folder _ <<<"$kind"
    if [[ $way != is ]]; then
        folders+=("$data/models/$folder")
    fi
done
mkdir -p "${folders[@]}"
for kind in "${kinds[@]}"; do
    read -r -a fields <<<"$kind"
    way=${fields[0]} folder=${fields[1]} sources=("${fields[@]:2}")
    case $way in
    is) # the folder itself, for Forge does not follow links inside it; --vae-dir names the other
        ln -sfn "$MODELS_DIR/${sources[0]}" "$data/models/$folder" ;;
    holds) # models that tasks name: what is uploaded later is found, so folders that are missing are linked too
        ln -sfn -t "$data/models/$folder" "${sources[@]/#/$MODELS_DIR/}" ;;
    setting) # as before, but ControlNet fails on a link that leads nowhere; control_net_models_path names the first
        for source in "${sources[@]:1}"; do
            if [[ -d $MODELS_DIR/$source ]]; then
                ln -sfn -t "$data/models/$folder" "$MODELS_DIR/$source"
            fi
        done ;;
    files) # models that the server looks for by fixed names, and downloads where they are missing
        for ((number = ${#sources[@]} - 1; number >= 0; number--)); do # the last link counts: of its own folder
            source=$MODELS_DIR/${sources[number]}
            if [[ -d $source ]]; then
                # What is a file in one and a folder in another keeps no other model from being found.
                cp --recursive --symbolic-link --force "$source/." "$data/models/$folder" || :
            fi
        done ;;
    esac
done

# --data-dir moves the extensions' folder as well: what the image has is linked into it.
find "$app/extensions" -mindepth 1 -maxdepth 1 -type d -exec ln -sfn -t "$data/extensions" {} +

# Reading safetensors by mmap over the network mount of the models is many times slower than reading them in order.
# ControlNet's preprocessors would otherwise be looked for, and downloaded, below the extension.
metadata=true
if [[ ${IMAGE_METADATA:-true} == false ]]; then
    metadata=false
fi
cat >"$data/config.json" <<JSON
{
    "disable_mmap_load_safetensors": true,
    "enable_pnginfo": $metadata,
    "control_net_models_path": "$MODELS_DIR/ControlNet",
    "control_net_modules_path": "$data/models/ControlNetPreprocessor"
}
JSON

# find_models EXPRESSION: writes paths into $data/found. A large bucket takes its time, and so do signals while a shell
# waits for a program: it runs as the server does, and is stopped with the container.
find_models() {
    local result=0
    run_server find -L "$@" >"$data/found" 2>/dev/null || result=$?
    ((result < 128)) || exit "$result"
}

# A model is named by its key in the bucket, by the end of it, or as the server would name it in the folders of its
# checkpoints; with its suffix or without. Of several files none is loaded: the queue agent reports which they are.
model=()
if [[ -n ${MODEL_FILENAME:-} ]]; then
    # The server would take any other model in place of one that is missing. The queue agent reports which is missing.
    model=(--skip-load-model-at-start)
    for folder in "$MODELS_DIR" "$MODELS_DIR/Stable-diffusion" "$MODELS_DIR/checkpoints"; do
        if [[ -f $folder/$MODEL_FILENAME ]]; then
            model=(--ckpt "$folder/$MODEL_FILENAME")
            break
        fi
    done
    if [[ ${model[0]} == --skip-load-model-at-start ]]; then
        # shellcheck disable=SC2001 # bash before 5.2 has no name for what it replaces
        pattern=$(sed 's/[][*?\\]/\\&/g' <<<"$MODEL_FILENAME")
        find_models "$MODELS_DIR" -type f \( -path "*/$pattern" -o -path "*/$pattern.safetensors" \
            -o -path "*/$pattern.ckpt" \)
        mapfile -t -n 2 files <"$data/found"
        if [[ ${#files[@]} == 1 ]]; then
            model=(--ckpt "${files[0]}")
        fi
    fi
else
    # Until a task names its model, any will do. The server would try the first file of the bucket, even a LoRA.
    find_models "$MODELS_DIR/Stable-diffusion" "$MODELS_DIR/checkpoints" -type f \
        \( -iname '*.safetensors' -o -iname '*.ckpt' \) -not -iname '*.vae.*' -print -quit
    mapfile -t -n 1 files <"$data/found"
    if [[ ${#files[@]} == 1 ]]; then
        model=(--ckpt "${files[0]}")
    fi
fi

# The launcher appends these to its arguments, where they would come after those that the pod relies on. Read as it does.
split='import os, shlex, sys; sys.stdout.writelines(one + "\0" for one in shlex.split(os.environ["COMMANDLINE_ARGS"]))'
further=()
if [[ -n ${COMMANDLINE_ARGS:-} ]]; then
    mapfile -t -d '' further < <(python3 -c "$split")
    wait "$!" # where it cannot be read the container ends, as the launcher would
fi
unset COMMANDLINE_ARGS

cd "$app"
# No hashes: they would read each checkpoint a second time.
status=0
run_server python3 launch.py --skip-prepare-environment --skip-version-check --no-download-sd-model --no-hashing \
    "${further[@]}" "$@" \
    --nowebui --api --server-name 127.0.0.1 --port "$PORT" \
    --data-dir "$data" --ckpt-dir "$MODELS_DIR" --embeddings-dir "$MODELS_DIR/embeddings" --vae-dir "$MODELS_DIR/vae" \
    "${model[@]}" || status=$?
exit "$status"
