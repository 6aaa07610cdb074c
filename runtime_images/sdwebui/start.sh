#!/usr/bin/env bash
# Starts the SD Web UI: API only, on loopback, on a read-only root file system.
#
# APP_DIR           directory of the SD Web UI
# MODEL_FILENAME    checkpoint to load at start, as named in the configuration
# IMAGE_METADATA    false: do not save the generation parameters in the images
# Arguments         additional arguments of the SD Web UI; they cannot override address, port, directories and model
set -euo pipefail
here=$(cd "${0%/*}" && pwd)
# shellcheck source=runtime_images/shared/server_process.sh
source "$here/shared/server_process.sh"

app=${APP_DIR:-/opt/sdwebui}
data=$SCRATCH_DIR/data

# The server reads each type of model from one folder, and creates missing folders. The bucket is read-only and has
# other names for some folders. So each folder is created here, with symbolic links to the bucket.
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
    is) # a link to the folder: Forge does not follow links inside it; --vae-dir names the other folder
        ln -sfn "$MODELS_DIR/${sources[0]}" "$data/models/$folder" ;;
    holds) # models that tasks name: new uploads are found, so missing folders are linked too
        ln -sfn -t "$data/models/$folder" "${sources[@]/#/$MODELS_DIR/}" ;;
    setting) # as before, but ControlNet fails on a broken link; control_net_models_path names the first folder
        for source in "${sources[@]:1}"; do
            if [[ -d $MODELS_DIR/$source ]]; then
                ln -sfn -t "$data/models/$folder" "$MODELS_DIR/$source"
            fi
        done ;;
    files) # models with fixed names, which the server downloads if they are missing
        for ((number = ${#sources[@]} - 1; number >= 0; number--)); do # the last link, of the server's own folder, wins
            source=$MODELS_DIR/${sources[number]}
            if [[ -d $source ]]; then
                # A name that is a file in one folder and a directory in another must not stop the other links.
                cp --recursive --symbolic-link --force "$source/." "$data/models/$folder" || :
            fi
        done ;;
    esac
done

# --data-dir also moves the extensions folder, so the extensions of the image are linked into it.
find "$app/extensions" -mindepth 1 -maxdepth 1 -type d -exec ln -sfn -t "$data/extensions" {} +

# Over a network mount, mmap reads of safetensors are many times slower than sequential reads. Without
# control_net_modules_path, ControlNet would download its preprocessors into the extension.
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

# find_models EXPRESSION: writes paths to $data/found. The search of a large bucket takes long, so it runs like the
# server: a stop signal of the container stops it.
find_models() {
    local result=0
    run_server find -L "$@" >"$data/found" 2>/dev/null || result=$?
    ((result < 128)) || exit "$result"
}

# The name of a model is its key in the bucket, the end of the key, or its path in a checkpoint folder, with or without
# the extension. If several files match, none is loaded, and the queue agent reports them.
model=()
if [[ -n ${MODEL_FILENAME:-} ]]; then
    # The server would replace a missing model by any other one. The queue agent reports a missing model.
    model=(--skip-load-model-at-start)
    for folder in "$MODELS_DIR" "$MODELS_DIR/Stable-diffusion" "$MODELS_DIR/checkpoints"; do
        if [[ -f $folder/$MODEL_FILENAME ]]; then
            model=(--ckpt "$folder/$MODEL_FILENAME")
            break
        fi
    done
    if [[ ${model[0]} == --skip-load-model-at-start ]]; then
        # shellcheck disable=SC2001 # before bash 5.2, a replacement cannot refer to the match
        pattern=$(sed 's/[][*?\\]/\\&/g' <<<"$MODEL_FILENAME")
        find_models "$MODELS_DIR" -type f \( -path "*/$pattern" -o -path "*/$pattern.safetensors" \
            -o -path "*/$pattern.ckpt" \)
        mapfile -t -n 2 files <"$data/found"
        if [[ ${#files[@]} == 1 ]]; then
            model=(--ckpt "${files[0]}")
        fi
    fi
else
    # Any checkpoint, until a task names one. The server would try the first file of the bucket, even a LoRA.
    find_models "$MODELS_DIR/Stable-diffusion" "$MODELS_DIR/checkpoints" -type f \
        \( -iname '*.safetensors' -o -iname '*.ckpt' \) -not -iname '*.vae.*' -print -quit
    mapfile -t -n 1 files <"$data/found"
    if [[ ${#files[@]} == 1 ]]; then
        model=(--ckpt "${files[0]}")
    fi
fi

# The launcher would append these after the required arguments. They are parsed as the launcher does.
split='import os, shlex, sys; sys.stdout.writelines(one + "\0" for one in shlex.split(os.environ["COMMANDLINE_ARGS"]))'
further=()
if [[ -n ${COMMANDLINE_ARGS:-} ]]; then
    mapfile -t -d '' further < <(python3 -c "$split")
    wait "$!" # on a parse error the container exits, as the launcher would
fi
unset COMMANDLINE_ARGS

cd "$app"
# No hashes: they would read each checkpoint twice.
status=0
run_server python3 launch.py --skip-prepare-environment --skip-version-check --no-download-sd-model --no-hashing \
    "${further[@]}" "$@" \
    --nowebui --api --server-name 127.0.0.1 --port "$PORT" \
    --data-dir "$data" --ckpt-dir "$MODELS_DIR" --embeddings-dir "$MODELS_DIR/embeddings" --vae-dir "$MODELS_DIR/vae" \
    "${model[@]}" || status=$?
exit "$status"
