"""The layout of the model bucket: the model types of the pinned servers, and their folders.

Both servers use the same bucket. Each accepts the folder names of the other, so a bucket with the layout of either
server, or of the existing solution on Amazon EKS, works without changes. `make generate` generates the lists of the
start scripts and docs/models.md from this module.

Read on 2026-11-29 from AUTOMATIC1111 SD Web UI 1.10.1 with sd-webui-controlnet 1.1.455, Forge of 2025-06-26, and
ComfyUI 0.33.0. ComfyUI's `custom_nodes` (code) and `datasets` (not models) are not mapped.
"""

from typing import Final, Literal, NamedTuple

ROOT: Final = "."
"""The root of the bucket."""

Way = Literal["argument", "is", "holds", "setting", "files"]
"""How the SD Web UI finds a folder of the bucket. The server reads models from its own writable model folder.

    argument   a command-line argument names the bucket's folder
    is         the server's folder is a symbolic link to the bucket's folder, and an argument names a second one
    holds      the server's folder contains symbolic links to the bucket's folders: for models that tasks name, so new
               uploads are found at once
    setting    a setting names the bucket's folder, and the server's folder contains links to the others that exist at
               start: the server fails on a broken link
    files      the server's folder contains a link to each file that exists at start: for models with fixed names, which
               the server downloads into the same folder if they are missing
"""


class WebUiFolder(NamedTuple):
    """Where the SD Web UI finds a type of model.

    Attributes:
        way: how the server finds the folders.
        folders: folders of the bucket, the server's own name first.
    """

    way: Way
    folders: tuple[str, ...]


SDWEBUI: Final = {
    "Stable-diffusion": WebUiFolder("argument", ("Stable-diffusion", "checkpoints", ROOT)),
    "embeddings": WebUiFolder("argument", ("embeddings",)),
    "VAE": WebUiFolder("is", ("VAE", "vae")),
    "Lora": WebUiFolder("holds", ("Lora", "loras")),
    "LyCORIS": WebUiFolder("holds", ("LyCORIS",)),
    "hypernetworks": WebUiFolder("holds", ("hypernetworks",)),
    "ControlNet": WebUiFolder("setting", ("ControlNet", "controlnet", "t2i_adapter")),
    "ESRGAN": WebUiFolder("holds", ("ESRGAN", "BSRGAN", "upscale_models")),
    "RealESRGAN": WebUiFolder("holds", ("RealESRGAN",)),
    "DAT": WebUiFolder("holds", ("DAT",)),
    "HAT": WebUiFolder("holds", ("HAT",)),
    "ScuNET": WebUiFolder("holds", ("ScuNET",)),
    "SwinIR": WebUiFolder("holds", ("SwinIR",)),
    "LDSR": WebUiFolder("files", ("LDSR",)),
    "GFPGAN": WebUiFolder("files", ("GFPGAN",)),
    "Codeformer": WebUiFolder("files", ("Codeformer",)),
    "VAE-approx": WebUiFolder("files", ("VAE-approx",)),
    "VAE-taesd": WebUiFolder("files", ("VAE-taesd", "vae_approx")),
    "CLIP": WebUiFolder("files", ("CLIP", "text_encoders", "clip")),
    "BLIP": WebUiFolder("files", ("BLIP",)),
    "torch_deepdanbooru": WebUiFolder("files", ("torch_deepdanbooru",)),
    "karlo": WebUiFolder("files", ("karlo",)),
    "midas": WebUiFolder("files", ("midas",)),
    "opencv": WebUiFolder("files", ("opencv",)),
    "ControlNetPreprocessor": WebUiFolder("files", ("ControlNetPreprocessor",)),
    # Only Forge.
    "text_encoder": WebUiFolder("files", ("text_encoder", "text_encoders", "clip", "CLIP")),
    "diffusers": WebUiFolder("files", ("diffusers",)),
}
"""Type of model -> where the SD Web UI finds it. A type is a subfolder of the server's model folder."""

COMFYUI: Final = {
    "checkpoints": ("checkpoints", "Stable-diffusion", ROOT),
    "configs": ("configs", "Stable-diffusion"),
    "loras": ("loras", "Lora", "LyCORIS"),
    "vae": ("vae", "VAE"),
    "text_encoders": ("text_encoders", "clip", "text_encoder", "CLIP"),
    "diffusion_models": ("diffusion_models", "unet"),
    "clip_vision": ("clip_vision",),
    "style_models": ("style_models",),
    "embeddings": ("embeddings",),
    "diffusers": ("diffusers",),
    "vae_approx": ("vae_approx", "VAE-approx", "VAE-taesd"),
    "controlnet": ("controlnet", "t2i_adapter", "ControlNet"),
    "gligen": ("gligen",),
    "upscale_models": ("upscale_models", "ESRGAN", "BSRGAN", "RealESRGAN", "DAT", "HAT", "ScuNET", "SwinIR"),
    "latent_upscale_models": ("latent_upscale_models",),
    "hypernetworks": ("hypernetworks",),
    "photomaker": ("photomaker",),
    "classifiers": ("classifiers",),
    "model_patches": ("model_patches",),
    "audio_encoders": ("audio_encoders",),
    "background_removal": ("background_removal",),
    "frame_interpolation": ("frame_interpolation",),
    "geometry_estimation": ("geometry_estimation",),
    "optical_flow": ("optical_flow",),
    "detection": ("detection",),
    # From popular node packs.
    "animatediff_models": ("animatediff_models",),
    "animatediff_motion_lora": ("animatediff_motion_lora",),
    "facerestore_models": ("facerestore_models", "GFPGAN", "Codeformer"),
    "ipadapter": ("ipadapter",),
    "sams": ("sams",),
    "ultralytics": ("ultralytics",),
    "ultralytics_bbox": ("ultralytics/bbox",),
    "ultralytics_segm": ("ultralytics/segm",),
}
"""Type of model, as in `folder_paths` of ComfyUI -> folders of the bucket."""

CHECKPOINT_FOLDERS: Final = ("Stable-diffusion", "checkpoints")
"""The name of a checkpoint may omit these folders, as in the servers."""

_MAYBE_CHECKPOINTS: Final = frozenset({ROOT, *CHECKPOINT_FOLDERS, "diffusion_models", "unet"})
"""Forge loads a diffusion model as a checkpoint."""

FOLDERS_WITHOUT_CHECKPOINTS: Final = frozenset(
    folder
    for folders in (*(one.folders for one in SDWEBUI.values()), *COMFYUI.values())
    for folder in folders
    if folder not in _MAYBE_CHECKPOINTS
)
"""Folders of the bucket whose files are not checkpoints. The SD Web UI lists them as checkpoints, because its
checkpoint folder is the whole bucket, so that the name of a checkpoint is its key."""
