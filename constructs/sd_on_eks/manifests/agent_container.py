"""The queue agent's container: the pod's only main container."""

from dataclasses import dataclass
from typing import Final

from sd_on_eks.config.models import ModelsRuntime
from sd_on_eks.manifests.container import environment, security_context
from sd_on_eks.manifests.manifest import Manifest
from sd_on_eks.manifests.runtime_container import PORT

NAME: Final = "queue-agent"
LONGEST_TASK_S: Final = 480
"""Longest inference: with the drain on top it stays below the 600 s after which a node that is taken away is gone."""
_UID: Final = 10001
_TMP_VOLUME: Final = "agent-tmp"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentTargets:
    """What an agent works on.

    Attributes:
        region: given explicitly; a pod cannot ask the instance's metadata.
        queue_url: the runtime's queue.
        table_name: the task table.
        bucket_name: the output bucket.
    """

    region: str
    queue_url: str
    table_name: str
    bucket_name: str


def agent_container(*, runtime: ModelsRuntime, image: str, targets: AgentTargets) -> Manifest:
    """The main container: on deletion Kubernetes stops it first, so it drains while the runtime still works."""
    spot = "spot" in runtime.extra_values.karpenter.provisioner.capacity_types
    return {
        "name": NAME,
        "image": image,
        "env": environment(
            {
                "AWS_REGION": targets.region,
                "SQS_QUEUE_URL": targets.queue_url,
                "TASK_TABLE_NAME": targets.table_name,
                "S3_BUCKET": targets.bucket_name,
                "RUNTIME_TYPE": runtime.type,
                "RUNTIME_NAME": runtime.name,
                "API_BASE_URL": f"http://127.0.0.1:{PORT}",
                "LONGEST_TASK_S": str(LONGEST_TASK_S),
            }
            | ({"SPOT_ALLOWED": "true"} if spot else {})
        ),
        "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": security_context(_UID),
        "volumeMounts": [{"name": _TMP_VOLUME, "mountPath": "/tmp"}],  # noqa: S108 (a mount point, no file of ours)
    }


def agent_volumes() -> list[Manifest]:
    """Volumes of the pod that the container mounts."""
    return [{"name": _TMP_VOLUME, "emptyDir": {"sizeLimit": "256Mi"}}]
