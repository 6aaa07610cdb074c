"""Request bodies of every operation, shown in the OpenAPI document."""

from typing import Any, Final

_IMAGE: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
"""A gray PNG image of one pixel."""


def _task(tasktype: str, runtime: str, task_id: str, **rest: Any) -> dict[str, Any]:  # noqa: ANN401 (JSON values)
    metadata = {"id": task_id, "runtime": runtime, "tasktype": tasktype, **rest.pop("metadata", {})}
    return {"task": {"metadata": metadata, **rest}}


REQUEST_EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "submitTask": {
        "text-to-image": _task(
            "text-to-image",
            "sdruntime",
            "cat-1",
            metadata={"prefix": "campaign-7", "context": {"user": "ann"}},
            content={
                "prompt": "a cat in a spacesuit, photograph",
                "negative_prompt": "blurry",
                "steps": 20,
                "width": 512,
                "height": 768,
                "seed": 42,
                "alwayson_scripts": {"ADetailer": {"args": [True, {"ad_model": "face_yolov8n.pt"}]}},
            },
        ),
        "image-to-image": _task(
            "image-to-image",
            "sdruntime",
            "cat-2",
            content={
                "prompt": "a cat in a spacesuit, oil painting",
                "init_images": [_IMAGE],
                "denoising_strength": 0.6,
            },
        ),
        "extra-single-image": _task(
            "extra-single-image",
            "sdruntime",
            "cat-3",
            content={"image": _IMAGE, "upscaler_1": "R-ESRGAN 4x+", "upscaling_resize": 2},
        ),
        "extra-batch-images": _task(
            "extra-batch-images",
            "sdruntime",
            "cat-4",
            content={
                "imageList": [{"name": "one.png", "data": _IMAGE}, {"name": "two.png", "data": _IMAGE}],
                "upscaler_1": "R-ESRGAN 4x+",
                "upscaling_resize": 2,
            },
        ),
        "pipeline": _task(
            "pipeline",
            "comfyui",
            "dog-1",
            metadata={"inputs": {"portrait.png": "https://example.com/portrait.png"}},
            content={
                "1": {"class_type": "LoadImage", "inputs": {"image": "portrait.png"}},
                "2": {"class_type": "SaveImage", "inputs": {"filename_prefix": "ComfyUI", "images": ["1", 0]}},
            },
        ),
        "uploaded content": _task(
            "image-to-image",
            "sdruntime",
            "cat-6",
            content_ref="s3://sd-output/uploads/k1a2b3c4d5/01KAVR2M5T8Z3N6W1Q4Y7H0C2E",
        ),
    },
    "createUpload": {
        "a content": {"content_type": "application/json", "content_length": 6291456},
        "an input": {"content_type": "image/png", "content_length": 1482113},
    },
    "submitV1alpha1": {
        "text-to-image": {
            "alwayson_scripts": {
                "task": "text-to-image",
                "id_task": "cat-5",
                "sd_model_checkpoint": "v1-5-pruned-emaonly.safetensors",
                "save_dir": "campaign-7",
                "uid": "ann",
            },
            "prompt": "a cat in a spacesuit, photograph",
            "steps": 20,
            "width": 512,
            "height": 512,
        },
        "image-to-image": {
            "alwayson_scripts": {
                "task": "image-to-image",
                "id_task": "cat-7",
                "sd_model_checkpoint": "v1-5-pruned-emaonly.safetensors",
                "image_link": "https://example.com/cat.png",
            },
            "prompt": "a cat in a spacesuit, oil painting",
            "denoising_strength": 0.6,
        },
    },
}
"""Bodies by the name of the operation, then by the name of the example."""
