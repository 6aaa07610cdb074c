"""Request bodies of tasks that end with one image each."""

import base64
import io
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final

from PIL import Image

SIZE: Final = 512
"""Width and height of the requested images, in pixels."""

_PROMPT: Final = "a photograph of an astronaut riding a horse"


def text_to_image() -> dict[str, Any]:
    """A body of txt2img."""
    return {"prompt": _PROMPT, "steps": 20, "width": SIZE, "height": SIZE, "seed": 42}


def image_to_image() -> dict[str, Any]:
    """A body of img2img."""
    return {**text_to_image(), "init_images": [_initial_image()], "denoising_strength": 0.6}


def _initial_image() -> str:
    """A gradient, base64 PNG."""
    gradient = Image.linear_gradient("L").resize((SIZE, SIZE))
    image = Image.merge("RGB", (gradient, gradient.rotate(90), gradient.rotate(180)))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def workflow() -> dict[str, Any]:
    """ComfyUI's text-to-image example, in the API format."""
    return {
        "3": {
            "class_type": "KSampler",
            "inputs": {
                "seed": secrets.randbelow(2**32),  # ComfyUI returns the result of an identical graph from its cache
                "steps": 20,
                "cfg": 8,
                "sampler_name": "euler",
                "scheduler": "normal",
                "denoise": 1,
                "model": ["4", 0],
                "positive": ["6", 0],
                "negative": ["7", 0],
                "latent_image": ["5", 0],
            },
        },
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "v1-5-pruned-emaonly.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": SIZE, "height": SIZE, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": _PROMPT, "clip": ["4", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "text, watermark", "clip": ["4", 1]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "ComfyUI", "images": ["8", 0]}},
    }


SAMPLES: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "text-to-image": text_to_image,
    "image-to-image": image_to_image,
    "pipeline": workflow,
}
"""Contents by task type; other types are not checked."""

SMALLEST: Final[Mapping[str, dict[str, Any]]] = {
    "text-to-image": {"prompt": "x", "steps": 1, "width": 64, "height": 64},
    "pipeline": {"1": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}}},
}
"""Contents with minimal cost, by the first task type of each type of runtime."""
