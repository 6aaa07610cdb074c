"""What checks the content of each task type: its module of rules where it has one, else the function of its schema.

Written by `make generate` from task_record.runtime_types and the modules `*_rules`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from . import (
    image_to_image_rules,
    pipeline_rules,
    request_schema,
    text_to_image_rules,
)

CONTENT_CHECKS: Final[Mapping[str, Callable[[Any, str], None]]] = {
    "text-to-image": text_to_image_rules.check,
    "image-to-image": image_to_image_rules.check,
    "extra-single-image": request_schema.extra_single_image,
    "extra-batch-images": request_schema.extra_batch_images,
    "pipeline": pipeline_rules.check,
}
