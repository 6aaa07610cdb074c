"""ScaledObject (KEDA)."""

from sd_on_eks.config.scaling import Behavior, Scaling, Schedule
from sd_on_eks.manifests.labels import labels
from sd_on_eks.manifests.manifest import Manifest


def scaled_object(*, runtime_name: str, namespace: str, scaling: Scaling, queue_url: str, region: str) -> Manifest:
    """Scales a runtime by the number of waiting and in-flight messages of its queue.

    This metric does not protect busy pods: for five busy pods with `queueLength` 5, it requests one replica. Tasks are
    safe because a terminating agent finishes its task or returns it to the queue.
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
                "horizontalPodAutoscalerConfig": {"behavior": _behavior(scaling.behavior, scaling.max_replica_count)}
            },
            "triggers": [
                {
                    "type": "aws-sqs-queue",
                    "authenticationRef": {"name": runtime_name},
                    "metadata": {
                        "queueURL": queue_url,
                        "queueLength": str(scaling.tasks_per_replica),
                        "scaleOnInFlight": "true",
                        "awsRegion": region,
                    },
                },
                *(_cron(schedule) for schedule in scaling.schedules),
            ],
        },
    }


def _behavior(config: Behavior, max_replica_count: int) -> Manifest:
    up, down = config.scale_up, config.scale_down

    def rule(window_s: int, pods: int, period_s: int) -> Manifest:
        return {
            "stabilizationWindowSeconds": window_s,
            "policies": [{"type": "Pods", "value": pods, "periodSeconds": period_s}],
        }

    return {
        "scaleUp": rule(up.stabilization_window_seconds, up.pods or max_replica_count, up.period_seconds),
        "scaleDown": rule(down.stabilization_window_seconds, down.pods, down.period_seconds),
    }


def _cron(schedule: Schedule) -> Manifest:
    """https://keda.sh/docs/latest/scalers/cron/; KEDA uses the maximum of all triggers."""
    return {
        "type": "cron",
        "metadata": {
            "timezone": schedule.timezone,
            "start": schedule.start,
            "end": schedule.end,
            "desiredReplicas": str(schedule.replicas),
        },
    }
