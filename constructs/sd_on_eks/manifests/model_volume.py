"""PersistentVolume and PersistentVolumeClaim of the model bucket, mounted by the Mountpoint S3 driver."""

import hashlib
import json
from collections.abc import Callable
from typing import Final

from sd_on_eks.config.runtime import ModelsRuntime
from sd_on_eks.config.workload import Persistence
from sd_on_eks.manifests.labels import labels
from sd_on_eks.manifests.manifest import Manifest

_CAPACITY: Final = "1200Gi"
"""Kubernetes wants a number; the driver ignores it."""


def model_volume(
    runtime: ModelsRuntime, *, bucket_name: str, region: str, resolve: Callable[[object], object]
) -> tuple[list[Manifest], str]:
    """The model volume with its claim, and the claim's name; only the name where the claim exists already.

    The name of both changes with what the volume is of: a changed source is a new volume, not a refused update. The old
    one stays, for the pods that use it.

    Args:
        runtime: the runtime.
        bucket_name: the bucket of its models.
        region: the bucket's region.
        resolve: puts references in place of CloudFormation's tokens; a token's text is not the same in two syntheses.
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
    """What the volume is of and how it is mounted: everything that Kubernetes refuses to change later."""
    prefix = [f"prefix {config.prefix}"] if config.prefix else []
    cache = {"cache": "emptyDir", "cacheEmptyDirSizeLimit": f"{config.cache_size_gib}Gi"}
    return {
        "mountOptions": [
            "read-only",
            "allow-other",  # the runtime is not the user that mounts
            # The driver cannot ask the instance's metadata (hop limit 1) for either of these.
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
            "storageClassName": "",  # static: no class may claim it
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
    """A runtime's claim on its volume."""
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
