"""The layout of the model bucket: which kinds of models the pinned servers know, and which folders hold them.

One bucket serves both servers. Its folders are named as either server names them, so a bucket that was laid out for one
of them, or for the existing solution on Amazon EKS, is used as it is. The start scripts' lists and docs/models.md are
written from here, by `make generate`.

Read on 2026-11-29 from AUTOMATIC1111 SD Web UI 1.10.1 with sd-webui-controlnet 1.1.455, Forge of 2025-06-26, and
ComfyUI 0.33.0. Not mapped are ComfyUI's `custom_nodes`, which is code, and `datasets`, which is no model.
"""

from typing import Final, Literal, NamedTuple

ROOT: Final = "."
"""The bucket itself, as a folder."""

Way = Literal["argument", "is", "holds", "setting", "files"]
"""How the SD Web UI is led to a folder of the bucket; it looks below one folder of its own that it must be able to
write to.

    argument   the server has an argument for it
    is         its own folder is a link to the bucket's, and an argument names a second one
    holds      its own folder holds links to the bucket's: models that tasks name, found as soon as they are uploaded
    setting    a setting names the bucket's, and its own folder holds links to the others that are there at start: the
               server fails where a link leads nowhere
    files      its own folder holds a link to each file that is there at start: models that the server looks for by
               fixed names, and downloads beside them where they are missing
"""


class WebUiFolder(NamedTuple):
    """Where the SD Web UI finds a kind of model.

    Attributes:
        way: how it is led there.
        folders: folders of the bucket, its own name first.
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
    # Of Forge alone.
    "text_encoder": WebUiFolder("files", ("text_encoder", "text_encoders", "clip", "CLIP")),
    "diffusers": WebUiFolder("files", ("diffusers",)),
}
"""Kind of model -> where the SD Web UI finds it. A kind is a folder below the server's folder of models."""

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
    # Of popular node packs.
    "animatediff_models": ("animatediff_models",),
    "animatediff_motion_lora": ("animatediff_motion_lora",),
    "facerestore_models": ("facerestore_models", "GFPGAN", "Codeformer"),
    "ipadapter": ("ipadapter",),
    "sams": ("sams",),
    "ultralytics": ("ultralytics",),
    "ultralytics_bbox": ("ultralytics/bbox",),
    "ultralytics_segm": ("ultralytics/segm",),
}
"""Kind of model, as `folder_paths` of ComfyUI names it -> folders of the bucket that hold it."""

CHECKPOINT_FOLDERS: Final = ("Stable-diffusion", "checkpoints")
"""Folders in which a checkpoint may be named without the folder, as the servers do."""

_MAYBE_CHECKPOINTS: Final = frozenset({ROOT, *CHECKPOINT_FOLDERS, "diffusion_models", "unet"})
"""Forge loads a diffusion model as a checkpoint."""

FOLDERS_WITHOUT_CHECKPOINTS: Final = frozenset(
    folder
    for folders in (*(one.folders for one in SDWEBUI.values()), *COMFYUI.values())
    for folder in folders
    if folder not in _MAYBE_CHECKPOINTS
)
"""Folders of the bucket whose files are no checkpoints, though the SD Web UI lists them as such: it is shown the whole
bucket, so that a checkpoint is named by its key."""
