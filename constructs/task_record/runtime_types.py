"""The runtime types: one row per type, for the configuration, images, task API, agent and scripts.

The task API validates task types at submit. The agent validates them at receive, because a message may not be from the
API.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from task_record.inputs.sizes import DEFAULT_INPUT_MIB, INPUT_MAX_BYTES, INPUTS_OF_A_TASK, InputSizes

RuntimeTypeName = Literal["sdwebui", "comfyui"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskType:
    """A task type.

    Attributes:
        name: `tasktype` of a request. The schema of its content and the module of its rules have the same name, with
            underscores.
        server_path: path of the server's operation.
        runs_checkpoint: whether it uses a checkpoint, which is resolved at submit. Upscaling uses none: its models are
            upscalers and face restorers.
        implied_by: a message without a task type has this type if its content has this field.
        image_fields: fields of the content with images: `image`, or `imageList[].data` for a list.
        is_extension: whether only the documentation of this product has it.
    """

    name: str
    server_path: str
    runs_checkpoint: bool = False
    implied_by: str | None = None
    image_fields: tuple[str, ...] = ()
    is_extension: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeType:
    """A runtime type.

    Attributes:
        name: `type` of a runtime in the configuration.
        server: full name of the inference server.
        task_types: supported task types; the first one is the default.
        ready_path: path of the server that returns 200 when it accepts requests.
        has_named_inputs: whether inputs are files that the agent uploads, with the names in the workflow
            (`metadata.inputs`). Otherwise they are in the content.
        max_input_bytes: maximum size of an input. For named inputs the configuration can change it; others are in
            memory.
    """

    name: RuntimeTypeName
    server: str
    task_types: tuple[TaskType, ...]
    ready_path: str
    has_named_inputs: bool
    max_input_bytes: int

    @property
    def has_checkpoint(self) -> bool:
        """Whether a runtime has a default checkpoint, or switches to the checkpoint that a task names.

        Such a runtime needs `modelFilename` or `dynamicModel`, and `POST /v1alpha1` selects it by the checkpoint. For
        other runtimes, each workflow names its models.
        """
        return any(one.runs_checkpoint for one in self.task_types)

    def usual_task_type(self, content: Mapping[str, Any]) -> str:
        """The task type of a message without one."""
        return next((one.name for one in self.task_types if content.get(one.implied_by or "")), self.task_types[0].name)

    def input_sizes(self, max_input_mib: int | None = None) -> InputSizes:
        """Size limits of a task's inputs.

        Args:
            max_input_mib: maximum size of a named input; `None` for the default.
        """
        configured = max_input_mib if self.has_named_inputs else None
        max_bytes = self.max_input_bytes if configured is None else configured * 2**20
        return InputSizes(max_bytes, INPUTS_OF_A_TASK * max_bytes)


SDWEBUI: Final = RuntimeType(
    name="sdwebui",
    server="AUTOMATIC1111 Stable Diffusion Web UI",
    task_types=(
        TaskType(name="text-to-image", server_path="/sdapi/v1/txt2img", runs_checkpoint=True),
        TaskType(
            name="image-to-image",
            server_path="/sdapi/v1/img2img",
            runs_checkpoint=True,
            implied_by="init_images",
            image_fields=("init_images", "mask"),
        ),
        TaskType(
            name="extra-single-image",
            server_path="/sdapi/v1/extra-single-image",
            image_fields=("image",),
            is_extension=True,
        ),
        TaskType(
            name="extra-batch-images",
            server_path="/sdapi/v1/extra-batch-images",
            image_fields=("imageList[].data",),
            is_extension=True,
        ),
    ),
    ready_path="/sdapi/v1/options",
    has_named_inputs=False,
    max_input_bytes=INPUT_MAX_BYTES,
)

COMFYUI: Final = RuntimeType(
    name="comfyui",
    server="ComfyUI",
    task_types=(TaskType(name="pipeline", server_path="/prompt"),),
    ready_path="/system_stats",
    has_named_inputs=True,
    max_input_bytes=DEFAULT_INPUT_MIB * 2**20,
)

RUNTIME_TYPES: Final[Mapping[str, RuntimeType]] = {one.name: one for one in (SDWEBUI, COMFYUI)}

TASK_TYPES: Final[Mapping[str, TaskType]] = {
    task_type.name: task_type for one in RUNTIME_TYPES.values() for task_type in one.task_types
}
"""Task types by name. Names are unique."""

ROUTING_KEYS: Final = frozenset({"task", "id_task", "sd_model_checkpoint", "save_dir", "image_link", "uid", "prompt"})
"""Keys in `alwayson_scripts` that route a task. The SD Web UI would search scripts with these names."""
