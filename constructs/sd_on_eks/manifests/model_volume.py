"""PersistentVolume and PersistentVolumeClaim of the model bucket, mounted by the Mountpoint S3 CSI driver."""

import hashlib
import json
from collections.abc import Callable
from typing import Final

from sd_on_eks.config.runtime import ModelsRuntime
from sd_on_eks.config.workload import Persistence
from sd_on_eks.manifests.labels import labels
from sd_on_eks.manifests.manifest import Manifest

_CAPACITY: Final = "1200Gi"
"""Kubernetes requires a value; the driver ignores it."""


def model_volume(
    runtime: ModelsRuntime, *, bucket_name: str, region: str, resolve: Callable[[object], object]
) -> tuple[list[Manifest], str]:
    """The model volume with its claim, and the claim's name; only the name if the claim is an existing one.

    The name of both contains a hash of the source: a changed source results in a new volume instead of a rejected
    update. The old volume stays for the pods that use it.

    Args:
        runtime: the runtime.
        bucket_name: the bucket with its models.
        region: the bucket's Region.
        resolve: replaces CDK tokens with references, because the string of a token differs between syntheses.
    """
    persistence = runtime.extra_values.runtime.persistence
    if persistence.existing_claim is not None:
        return [], persistence.existing_claim
    source = _source(bucket_name=bucket_name, region=region, config=persistence)
    # A volume is bound to a claim of one namespace.
    resolved_source = [runtime.namespace, resolve(source)]
    digest = hashlib.sha256(json.dumps(resolved_source, sort_keys=True).encode()).hexdigest()
    name = f"{runtime.name}-models-{digest[:8]}"
    names = {"name": name, "runtime_name": runtime.name, "namespace": runtime.namespace}
    return [_persistent_volume(**names, source=source), _persistent_volume_claim(**names)], name


def _source(*, bucket_name: str, region: str, config: Persistence) -> Manifest:
    """The source and the mount options of the volume, which Kubernetes does not allow to change."""
    prefix = [f"prefix {config.prefix}"] if config.prefix else []
    cache = {"cache": "emptyDir", "cacheEmptyDirSizeLimit": f"{config.cache_size_gib}Gi"}
    return {
        "mountOptions": [
            "read-only",
            "allow-other",  # the runtime is not the user that mounts
            # The driver cannot get these from the instance metadata service (hop limit 1).
            f"region {region}",
            f"maximum-throughput-gbps {config.throughput_gbps}",
            *prefix,
        ],
        "volumeAttributes": {"bucketName": bucket_name, "authenticationSource": "driver"}
        | (cache if config.cache_size_gib else {}),
    }


def _persistent_volume(*, name: str, runtime_name: str, namespace: str, source: Manifest) -> Manifest:
    """The model bucket as a volume, reserved for the claim of the same name."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "labels": labels(runtime_name)},
        "spec": {
            "capacity": {"storage": _CAPACITY},
            "accessModes": ["ReadOnlyMany"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "",  # static provisioning, without a StorageClass
            "claimRef": {"namespace": namespace, "name": name},
            "mountOptions": source["mountOptions"],
            "csi": {
                "driver": "s3.csi.aws.com",
                "volumeHandle": name,  # unique in the cluster
                "readOnly": True,
                "volumeAttributes": source["volumeAttributes"],
            },
        },
    }


def _persistent_volume_claim(*, name: str, runtime_name: str, namespace: str) -> Manifest:
    """A runtime's claim for its volume."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace, "labels": labels(runtime_name)},
        "spec": {
            "accessModes": ["ReadOnlyMany"],
            "storageClassName": "",
            "volumeName": name,
            "resources": {"requests": {"storage": _CAPACITY}},
        },
    }
