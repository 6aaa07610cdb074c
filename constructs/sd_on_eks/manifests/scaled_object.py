"""ScaledObject (KEDA)."""

from sd_on_eks.config.models import Scaling
from sd_on_eks.manifests.labels import labels
from sd_on_eks.manifests.manifest import Manifest


def scaled_object(*, runtime_name: str, namespace: str, scaling: Scaling, queue_url: str, region: str) -> Manifest:
    """Replicas of a runtime by the messages that wait in its queue and those that are being worked on.

    A busy pod is not safe because of this metric: five busy pods with `queueLength` 5 ask for one. It is safe because
    an agent finishes or gives back its task when it is told to stop.
    """
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": runtime_name, "namespace": namespace, "labels": labels(runtime_name)},
        "spec": {
            "scaleTargetRef": {"name": runtime_name},
            "minReplicaCount": scaling.min_replica_count,
            "maxReplicaCount": scaling.max_replica_count,
            "pollingInterval": scaling.polling_interval,
            "cooldownPeriod": scaling.cooldown_period,
            "advanced": {
                "horizontalPodAutoscalerConfig": {
                    "behavior": {
                        "scaleUp": {
                            "stabilizationWindowSeconds": 0,
                            "policies": [{"type": "Pods", "value": scaling.max_replica_count, "periodSeconds": 15}],
                        },
                        "scaleDown": {
                            "stabilizationWindowSeconds": 120,
                            "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
                        },
                    }
                }
            },
            "triggers": [
                {
                    "type": "aws-sqs-queue",
                    "authenticationRef": {"name": runtime_name},
                    "metadata": {
                        "queueURL": queue_url,
                        "queueLength": str(scaling.queue_length),
                        "scaleOnInFlight": "true",
                        "awsRegion": region,
                    },
                }
            ],
        },
    }
