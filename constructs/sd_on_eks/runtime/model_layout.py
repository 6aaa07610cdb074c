"""The layout of the model bucket, as the images and docs/models.md have it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from task_record.model_folders import COMFYUI, ROOT, SDWEBUI

_REPOSITORY: Final = Path(__file__).resolve().parents[3]
_WRITTEN: Final = "Written by `make generate`; change constructs/task_record/model_folders.py instead."

_PAGE: Final = f"""\
# Models

<!-- {_WRITTEN} -->

One bucket serves both servers, and is mounted read-only. Its folders are named as either server names them: put a LoRA
into `Lora/` or into `loras/`, and both the SD Web UI and ComfyUI have it. A bucket that was laid out for the existing
solution (`Stable-diffusion/`, `Lora/`, `VAE/`, ...) is used as it is. Folders that you do not need may be missing.

The least that an sdwebui runtime needs is its checkpoint, before the first task. `modelBucketArn` names the bucket;
where it is left out the stack makes one and outputs its name:

```bash
aws cloudformation describe-stacks --stack-name SdOnEKSStack --output text \\
  --query "Stacks[0].Outputs[?OutputKey=='ModelBucket'].OutputValue"
aws s3 cp v1-5-pruned-emaonly.safetensors "s3://$BUCKET/Stable-diffusion/"
```

```
s3://my-models/
    Stable-diffusion/v1-5-pruned-emaonly.safetensors   modelFilename: v1-5-pruned-emaonly.safetensors
    sdxl/base.safetensors                              modelFilename: sdxl/base.safetensors
    Lora/ink.safetensors                               <lora:ink:0.8> in a prompt; LoraLoader in a workflow
    VAE/sdxl_vae.safetensors                           override_settings.sd_vae; VAELoader
    ESRGAN/4x-UltraSharp.pth                           upscaler_1; UpscaleModelLoader
```

A runtime whose checkpoint is not there does not become ready: its agent logs `model_missing` with the file's name, and
tasks wait in the queue. The bucket must be in the stack's region. Files are read as they are, such as `.safetensors`
and `.ckpt`; give a download without a suffix its own.

- **Checkpoints** may be anywhere in the bucket, also at its root. They are named by their key:
  `modelFilename: sdxl/base.safetensors`. Those in `Stable-diffusion/` and `checkpoints/` may be named without that
  folder as well. Files of a folder that is for another kind of model are no checkpoints.
- **New files** that tasks name (LoRAs, VAEs, embeddings, upscalers, ControlNet models) are found by running pods, once
  the server lists its folders again. Models that a server looks for by fixed names (†) are found by pods that start
  afterwards; what is missing of them the server downloads for the life of the pod.
- **From the internet**: the SD Web UI fetches the tokenizer of CLIP, `openai/clip-vit-large-patch14`, from
  huggingface.co when a pod first loads a model. Without a way there, build an image that has it, and name its folder as
  `HF_HOME` in `inferenceApi.env`.
- **Other kinds**, such as those of your own extensions or node packs: add a line to the table in
  `constructs/task_record/model_folders.py`, run `make generate`, and deploy.

| Folder of the bucket | SD Web UI | ComfyUI |
| --- | --- | --- |
"""


def model_folders_text() -> str:
    """What the SD Web UI's start script links: a line `way folder bucket-folder ...`."""
    return "".join(
        f"{way} {kind} {' '.join(folders)}\n" for kind, (way, folders) in SDWEBUI.items() if way != "argument"
    )


def extra_model_paths_text() -> str:
    """ComfyUI's file of model folders."""
    lines = [f"# {_WRITTEN}", "models:", "  base_path: $MODELS_DIR"]
    for kind, folders in COMFYUI.items():
        lines += [f"  {kind}: |", *(f"    {folder}" for folder in folders)]
    return "\n".join(lines) + "\n"


def models_page_text() -> str:
    """The page about the bucket."""
    sdwebui = _kinds_by_folder(
        {f"{kind}{'†' if way == 'files' else ''}": folders for kind, (way, folders) in SDWEBUI.items()}
    )
    comfyui = _kinds_by_folder(COMFYUI)
    folders = sorted(sdwebui.keys() | comfyui.keys(), key=lambda folder: (folder != ROOT, folder.lower(), folder))
    rows = (
        f"| {'root' if folder == ROOT else f'`{folder}/`'} | {sdwebui.get(folder, '')} | {comfyui.get(folder, '')} |"
        for folder in folders
    )
    return _PAGE + "\n".join(rows) + "\n"


FILES: Final = {
    _REPOSITORY / "runtime_images" / "sdwebui" / "model_folders.txt": model_folders_text,
    _REPOSITORY / "runtime_images" / "comfyui" / "extra_model_paths.yaml": extra_model_paths_text,
    _REPOSITORY / "docs" / "models.md": models_page_text,
}


def _kinds_by_folder(folders_by_kind: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for kind, folders in folders_by_kind.items():
        for folder in folders:
            found.setdefault(folder, []).append(kind)
    return {folder: ", ".join(kinds) for folder, kinds in found.items()}
