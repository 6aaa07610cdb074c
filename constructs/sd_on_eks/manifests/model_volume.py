"""PersistentVolume and PersistentVolumeClaim of the model bucket, mounted by the Mountpoint S3 driver."""

import hashlib
import json
from typing import Final

from sd_on_eks.config.workload import Persistence
from sd_on_eks.manifests.labels import labels
from sd_on_eks.manifests.manifest import Manifest

_CAPACITY: Final = "1200Gi"
"""Kubernetes wants a number; the driver ignores it."""


def model_volume_source(*, bucket_name: str, region: str, config: Persistence) -> Manifest:
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


def volume_name(*, runtime_name: str, resolved_source: object) -> str:
    """Name of volume and claim. It changes with the source: a changed source is a new volume, not a refused update.

    Args:
        runtime_name: the runtime.
        resolved_source: what the volume is of and for, with its CloudFormation tokens resolved; a token's text is not
            the same in two syntheses.
    """
    digest = hashlib.sha256(json.dumps(resolved_source, sort_keys=True).encode()).hexdigest()
    return f"{runtime_name}-models-{digest[:8]}"


def persistent_volume(*, name: str, runtime_name: str, namespace: str, source: Manifest) -> Manifest:
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


def persistent_volume_claim(*, name: str, runtime_name: str, namespace: str) -> Manifest:
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
