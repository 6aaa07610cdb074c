"""The queue agent's container: the pod's only main container."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sd_on_eks.config.runtime import ModelsRuntime
from sd_on_eks.manifests import pod_markers
from sd_on_eks.manifests.container import environment, resources, security_context
from sd_on_eks.manifests.manifest import Manifest
from sd_on_eks.manifests.runtime_container import PORT, stops_on_signal
from task_record.protocol_times import ProtocolTimes

NAME: Final = "queue-agent"
_UID: Final = 10001
_TMP_VOLUME: Final = "agent-tmp"
_TMP_MIB: Final = 256
_TOKEN_VOLUME: Final = "api-token"  # noqa: S105 (a volume's name)
_TOKEN_MOUNT_PATH: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 (a path, where clients look)
_TOKEN_LIFETIME_S: Final = 3600
"""An hour; the kubelet renews it. Not 3607, with which the API server marks the tokens that Kubernetes mounts by itself
and makes them valid for a year.

https://github.com/kubernetes/kubernetes/blob/master/pkg/registry/core/serviceaccount/storage/token.go
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentTargets:
    """What an agent works on.

    Attributes:
        region: given explicitly; a pod cannot ask the instance's metadata.
        queue_url: the runtime's queue.
        table_name: the task table.
        bucket_name: the output bucket.
        metrics_log_group: where it writes metrics.
        metrics_namespace: their namespace.
        input_bucket_names: buckets that tasks may link inputs from.
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
    """The main container: on deletion Kubernetes stops it first, so it drains while the runtime still works.

    It alone has the API's token, which is for the deletion cost of its own pod.
    """
    config = runtime.extra_values.runtime.queue_agent
    stops = stops_on_signal(runtime.extra_values.runtime.inference_api)
    named_inputs = runtime.runtime_type.has_named_inputs
    spot = "spot" in runtime.extra_values.karpenter.provisioner.capacity_types
    # For messages that do not say which checkpoint they run: the rule that the task API follows.
    own_checkpoint = {"MODEL_FILENAME": runtime.model_filename} if runtime.model_filename else {}
    return {
        "name": NAME,
        "image": image,
        "env": [
            *environment(
                {
                    "AWS_REGION": targets.region,
                    "SQS_QUEUE_URL": targets.queue_url,
                    "TASK_TABLE_NAME": targets.table_name,
                    "S3_BUCKET": targets.bucket_name,
                    "METRICS_LOG_GROUP": targets.metrics_log_group,
                    "METRICS_NAMESPACE": targets.metrics_namespace,
                    "INPUT_BUCKETS": ",".join(targets.input_bucket_names),
                    "RUNTIME_TYPE": runtime.type,
                    "RUNTIME_NAME": runtime.name,
                    "DYNAMIC_MODEL": "true" if runtime.dynamic_model else "false",
                    "API_BASE_URL": f"http://127.0.0.1:{PORT}",
                    "LONGEST_TASK_S": f"{runtime.longest_task:g}",
                    "DRAIN_S": str(runtime.drain_s),
                    "SPOT_ALLOWED": "true" if spot else "false",
                    "READY_MARKER": pod_markers.READY,
                    "RUNTIME_HUNG_MARKER": pod_markers.RUNTIME_HUNG,
                    "FINISHED_FILES": pod_markers.FINISHED_FILES,
                }
                | own_checkpoint
                | ({"MAX_INPUT_MB": str(runtime.input_sizes.max_bytes >> 20)} if named_inputs else {})
                | ({} if stops else {"RUNTIME_STOPS_ON_SIGNAL": "false"})
                | targets.times.environment()
                | config.env
            ),
            *(_of_the_pod(name, field) for name, field in (("POD_NAME", "name"), ("POD_NAMESPACE", "namespace"))),
        ],
        "resources": resources(config.whole_resources, always={}),
        # Counts a replica as available when its model is loaded: a rollout goes on to the next one only then.
        "readinessProbe": {"exec": {"command": pod_markers.exists(pod_markers.READY)}, "periodSeconds": 5},
        "securityContext": security_context(_UID),
        "volumeMounts": [
            {"name": _TMP_VOLUME, "mountPath": "/tmp"},  # noqa: S108 (a mount point, no file of ours)
            {"name": _TOKEN_VOLUME, "mountPath": _TOKEN_MOUNT_PATH, "readOnly": True},
            pod_markers.mount(read_only=False),
        ],
    }


def agent_volumes(runtime: ModelsRuntime) -> list[Manifest]:
    """Volumes of the pod that the container mounts."""
    # Others stay in memory.
    inputs_mib = runtime.input_sizes.max_total_bytes >> 20 if runtime.runtime_type.has_named_inputs else 0
    return [
        {"name": _TMP_VOLUME, "emptyDir": {"sizeLimit": f"{_TMP_MIB + inputs_mib}Mi"}},
        {
            # What Kubernetes would mount into every container: here it is mounted into one.
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


def _of_the_pod(variable: str, field: str) -> Manifest:
    return {"name": variable, "valueFrom": {"fieldRef": {"fieldPath": f"metadata.{field}"}}}
