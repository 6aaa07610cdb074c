"""The queue agent container, the only main container of the pod."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sd_on_eks.config.runtime import ModelsRuntime
from sd_on_eks.manifests import pod_markers
from sd_on_eks.manifests.container import environment, resources, security_context
from sd_on_eks.manifests.manifest import Manifest
from sd_on_eks.manifests.runtime_container import PORT, stops_on_signal
from task_record.pod_variables import AgentVariable
from task_record.protocol_times import ProtocolTimes

NAME: Final = "queue-agent"
_UID: Final = 10001
_TMP_VOLUME: Final = "agent-tmp"
_TMP_MIB: Final = 256
_TOKEN_VOLUME: Final = "api-token"  # noqa: S105 (a volume's name)
_TOKEN_MOUNT_PATH: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 (a path, where clients read the token)
_TOKEN_LIFETIME_S: Final = 3600
"""One hour; the kubelet renews it. Not 3607, by which the API server recognizes automatically mounted tokens, which it
extends to one year.

https://github.com/kubernetes/kubernetes/blob/master/pkg/registry/core/serviceaccount/storage/token.go
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentTargets:
    """The AWS resources that an agent uses.

    Attributes:
        region: explicit, because a pod cannot reach the instance metadata service.
        queue_url: the runtime's queue.
        table_name: the task table.
        bucket_name: the output bucket.
        metrics_log_group: the log group for its metrics.
        metrics_namespace: the namespace of its metrics.
        input_bucket_names: buckets from which tasks can read inputs.
        times: times of the task protocol.
    """

    region: str
    queue_url: str
    table_name: str
    bucket_name: str
    metrics_log_group: str
    metrics_namespace: str
    input_bucket_names: Sequence[str]
    times: ProtocolTimes


def agent_container(*, runtime: ModelsRuntime, image: str, targets: AgentTargets) -> Manifest:
    """The main container. Kubernetes stops it before the sidecar, so it can drain while the runtime still runs.

    Only this container has the Kubernetes API token, with which it sets the deletion cost of its own pod.
    """
    config = runtime.extra_values.runtime.queue_agent
    stops = stops_on_signal(runtime.extra_values.runtime.inference_api)
    named_inputs = runtime.runtime_type.has_named_inputs
    spot = "spot" in runtime.extra_values.karpenter.provisioner.capacity_types
    # For messages without a checkpoint, as in the task API.
    checkpoint = {AgentVariable.MODEL_FILENAME: runtime.model_filename} if runtime.model_filename else {}
    return {
        "name": NAME,
        "image": image,
        "env": [
            *environment(
                {
                    "AWS_REGION": targets.region,
                    AgentVariable.SQS_QUEUE_URL: targets.queue_url,
                    AgentVariable.TASK_TABLE_NAME: targets.table_name,
                    AgentVariable.S3_BUCKET: targets.bucket_name,
                    AgentVariable.METRICS_LOG_GROUP: targets.metrics_log_group,
                    AgentVariable.METRICS_NAMESPACE: targets.metrics_namespace,
                    AgentVariable.INPUT_BUCKETS: ",".join(targets.input_bucket_names),
                    AgentVariable.RUNTIME_TYPE: runtime.type,
                    AgentVariable.RUNTIME_NAME: runtime.name,
                    AgentVariable.DYNAMIC_MODEL: "true" if runtime.dynamic_model else "false",
                    AgentVariable.API_BASE_URL: f"http://127.0.0.1:{PORT}",
                    AgentVariable.LONGEST_TASK_S: f"{runtime.longest_task:g}",
                    AgentVariable.DRAIN_S: str(runtime.drain_s),
                    AgentVariable.SPOT_ALLOWED: "true" if spot else "false",
                    AgentVariable.READY_MARKER: pod_markers.READY,
                    AgentVariable.RUNTIME_HUNG_MARKER: pod_markers.RUNTIME_HUNG,
                    AgentVariable.FINISHED_FILES: pod_markers.FINISHED_FILES,
                }
                | checkpoint
                | ({AgentVariable.MAX_INPUT_MB: str(runtime.input_sizes.max_bytes >> 20)} if named_inputs else {})
                | ({} if stops else {AgentVariable.RUNTIME_STOPS_ON_SIGNAL: "false"})
                | targets.times.environment()
                | config.env
            ),
            *(_pod_field(name, field) for name, field in (("POD_NAME", "name"), ("POD_NAMESPACE", "namespace"))),
        ],
        "resources": resources(config.whole_resources, always={}),
        # A replica becomes available when its model is loaded; only then does a rollout continue with the next one.
        "readinessProbe": {"exec": {"command": pod_markers.exists(pod_markers.READY)}, "periodSeconds": 5},
        "securityContext": security_context(_UID),
        "volumeMounts": [
            {"name": _TMP_VOLUME, "mountPath": "/tmp"},  # noqa: S108 (a mount point, not a temporary file)
            {"name": _TOKEN_VOLUME, "mountPath": _TOKEN_MOUNT_PATH, "readOnly": True},
            pod_markers.mount(read_only=False),
        ],
    }


def agent_volumes(runtime: ModelsRuntime) -> list[Manifest]:
    """The pod's volumes for this container."""
    # Other inputs are kept in memory.
    inputs_mib = runtime.input_sizes.max_total_bytes >> 20 if runtime.runtime_type.has_named_inputs else 0
    return [
        {"name": _TMP_VOLUME, "emptyDir": {"sizeLimit": f"{_TMP_MIB + inputs_mib}Mi"}},
        {
            # Kubernetes would mount it into all containers by default.
            "name": _TOKEN_VOLUME,
            "projected": {
                "sources": [
                    {"serviceAccountToken": {"path": "token", "expirationSeconds": _TOKEN_LIFETIME_S}},
                    {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                ]
            },
        },
        pod_markers.volume(),
    ]


def _pod_field(variable: str, field: str) -> Manifest:
    return {"name": variable, "valueFrom": {"fieldRef": {"fieldPath": f"metadata.{field}"}}}
