"""Kinds of tasks, and the keys by which a body of the SD Web UI's own API is routed.

The task API checks them at submit and the agent on receipt: a message may come without the API.
"""

from typing import Final

TASKTYPES: Final = {
    "sdwebui": ("text-to-image", "image-to-image", "extra-single-image", "extra-batch-images"),
    "comfyui": ("pipeline",),
}
"""Kinds of tasks by kind of runtime."""

ROUTING_KEYS: Final = frozenset({"task", "id_task", "sd_model_checkpoint", "save_dir", "image_link", "uid", "prompt"})
"""Keys in `alwayson_scripts` that route a task; the SD Web UI would look for scripts of these names."""
