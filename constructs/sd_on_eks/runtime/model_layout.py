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

Both servers use the same bucket, which is mounted read-only. Its folders can have the names of either server: if you
put a LoRA into `Lora/` or into `loras/`, both the SD Web UI and ComfyUI find it. You can use a bucket with the layout
of the existing solution (`Stable-diffusion/`, `Lora/`, `VAE/`, ...) unchanged. All folders are optional.

An sdwebui runtime needs at least its checkpoint before the first task. Set the bucket with `modelBucketArn`. If you
omit it, the stack creates a bucket and outputs its name:

```bash
BUCKET=$(aws cloudformation describe-stacks --stack-name SdOnEKSStack --output text \\
  --query "Stacks[0].Outputs[?OutputKey=='ModelBucket'].OutputValue")
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

A runtime whose checkpoint is missing does not become ready: its agent logs `model_missing` with the file name, and
tasks wait in the queue. The bucket must be in the same Region as the stack. Files must have their suffix, such as
`.safetensors` or `.ckpt`; add it to a download without a suffix.

- **Checkpoints** can be anywhere in the bucket, including its root. Specify them by their key:
  `modelFilename: sdxl/base.safetensors`. For those in `Stable-diffusion/` and `checkpoints/`, you can omit this folder.
  Files in a folder for another type of model are not checkpoints.
- **New files** that tasks specify (LoRAs, VAEs, embeddings, upscalers, ControlNet models) are found by running pods
  when the server lists its folders again. Models with fixed names (†) are found by pods that start afterwards; the
  server downloads missing ones, and they are lost when the pod ends.
- **From the internet**: the SD Web UI downloads the CLIP tokenizer, `openai/clip-vit-large-patch14`, from
  huggingface.co when a pod first loads a model. Without internet access, build an image that contains it, and set
  `HF_HOME` in `inferenceApi.env` to its folder.
- **Other types**, such as those of custom extensions or node packs: add a line to the table in
  `constructs/task_record/model_folders.py`, run `make generate`, and deploy.

| Folder of the bucket | SD Web UI | ComfyUI |
| --- | --- | --- |
"""


def model_folders_text() -> str:
    """Folders that the SD Web UI's start script links, one per line: `way folder bucket-folder ...`."""
    return "".join(
        f"{way} {kind} {' '.join(folders)}\n" for kind, (way, folders) in SDWEBUI.items() if way != "argument"
    )


def extra_model_paths_text() -> str:
    """ComfyUI's configuration file of model folders."""
    lines = [f"# {_WRITTEN}", "models:", "  base_path: $MODELS_DIR"]
    for kind, folders in COMFYUI.items():
        lines += [f"  {kind}: |", *(f"    {folder}" for folder in folders)]
    return "\n".join(lines) + "\n"


def models_page_text() -> str:
    """The contents of docs/models.md."""
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
