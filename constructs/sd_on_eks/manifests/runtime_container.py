"""The inference server container: a native sidecar with the GPU."""

from pathlib import Path
from typing import Final

from sd_on_eks.config.runtime import ModelsRuntime
from sd_on_eks.config.workload import InferenceApi
from sd_on_eks.manifests import pod_markers
from sd_on_eks.manifests.container import environment, resources, security_context
from sd_on_eks.manifests.gpu_pool import GPU_RESOURCE
from sd_on_eks.manifests.manifest import Manifest
from task_record.pod_variables import ServerVariable

NAME: Final = "runtime"
PORT: Final = 8080
_UID: Final = 10002

MODELS_VOLUME: Final = "models"
SCRATCH_VOLUME: Final = "scratch"
SHARED_MEMORY_VOLUME: Final = "shared-memory"
_TMP_VOLUME: Final = "runtime-tmp"
_MODELS_DIR: Final = "/models"
_SCRATCH_DIR: Final = "/scratch"

# Any HTTP status is a response. Not an httpGet probe: the kubelet would connect to the pod IP address, but the server
# listens only on the loopback interface.
_HTTP_ANSWERS: Final = (
    "import http.client; "
    f"connection = http.client.HTTPConnection('127.0.0.1', {PORT}, timeout=5); "
    "connection.request('GET', '/'); connection.getresponse()"
)

_SERVER_PROCESS: Final = Path(__file__).parents[3] / "runtime_images" / "shared" / "server_process.sh"

_STOP_S: Final = 5
"""Grace period of a server that is restarted. The pod's grace period is for the agent to finish a task, and a hung
server would use all of it."""

# For libraries that otherwise write to their own folders or the home directory; the root file system is read-only.
_CACHE_DIRS: Final = {
    "HOME": "home",
    "HF_HOME": "huggingface",
    "XDG_CACHE_HOME": "cache",
    "TRITON_CACHE_DIR": "triton",
    "TORCHINDUCTOR_CACHE_DIR": "torchinductor",
    "MPLCONFIGDIR": "matplotlib",
}


def runtime_container(*, runtime: ModelsRuntime, image: str) -> Manifest:
    """The sidecar container.

    The startup probe only checks that the server responds to HTTP, because it delays the start of the agent; the agent
    waits for the model. The agent decides when a hung server is restarted, because such a server may still respond to
    HTTP. The container has no credentials and no token: custom nodes are third-party code.
    """
    config = runtime.extra_values.runtime.inference_api
    model = {ServerVariable.MODEL_FILENAME: runtime.model_filename} if runtime.model_filename else {}
    metadata = {} if config.image_metadata else {ServerVariable.IMAGE_METADATA: "false"}
    return {
        "name": NAME,
        "image": image,
        **({"command": command_of(config)} if config.command else {}),
        "restartPolicy": "Always",  # makes an init container a sidecar
        "env": environment(
            {
                ServerVariable.PORT: str(PORT),
                ServerVariable.MODELS_DIR: _MODELS_DIR,
                ServerVariable.SCRATCH_DIR: _SCRATCH_DIR,
            }
            | model
            | metadata
            | {variable: f"{_SCRATCH_DIR}/{folder}" for variable, folder in _CACHE_DIRS.items()}
            | config.env
        ),
        "args": list(config.args),
        "resources": resources(config.whole_resources, always={GPU_RESOURCE: "1"}),
        "startupProbe": {
            "exec": {"command": ["python3", "-c", _HTTP_ANSWERS]},
            "periodSeconds": 5,
            "timeoutSeconds": 10,
            "failureThreshold": 180,  # 15 minutes: importing torch from a cold disk is slow
            "terminationGracePeriodSeconds": _STOP_S,
        },
        "livenessProbe": {
            "exec": {"command": pod_markers.is_absent(pod_markers.RUNTIME_HUNG)},
            "periodSeconds": 10,
            "failureThreshold": 1,  # the agent has already waited
            "terminationGracePeriodSeconds": _STOP_S,
        },
        "securityContext": security_context(_UID),
        "volumeMounts": [
            {"name": MODELS_VOLUME, "mountPath": _MODELS_DIR, "readOnly": True},
            {"name": SCRATCH_VOLUME, "mountPath": _SCRATCH_DIR},
            {"name": SHARED_MEMORY_VOLUME, "mountPath": "/dev/shm"},  # noqa: S108 (a mount point, not a temporary file)
            {"name": _TMP_VOLUME, "mountPath": "/tmp"},  # noqa: S108 (as above)
            pod_markers.mount(read_only=True),
        ],
    }


def stops_on_signal(config: InferenceApi) -> bool:
    """Whether the server is known to stop on SIGTERM; an image by reference may ignore it."""
    return config.image.reference is None or bool(config.command)


def command_of(config: InferenceApi) -> list[str]:
    """The configured command, wrapped in the same script as in this product's images."""
    script = _SERVER_PROCESS.read_text(encoding="utf-8") + 'run_server "$@"\n'
    return ["sh", "-c", script, "sh", *config.command]


def runtime_volumes(*, claim_name: str, config: InferenceApi) -> list[Manifest]:
    """The pod's volumes for this container."""
    return [
        {"name": MODELS_VOLUME, "persistentVolumeClaim": {"claimName": claim_name, "readOnly": True}},
        {"name": SCRATCH_VOLUME, "emptyDir": {"sizeLimit": f"{config.scratch_size_gib}Gi"}},
        {
            "name": SHARED_MEMORY_VOLUME,
            "emptyDir": {"medium": "Memory", "sizeLimit": f"{config.shared_memory_gib}Gi"},
        },
        {"name": _TMP_VOLUME, "emptyDir": {"sizeLimit": "1Gi"}},
    ]
