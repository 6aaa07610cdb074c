"""Labels and taints that assign runtime pods to GPU nodes and keep other pods off these nodes."""

from typing import Final

POOL_LABEL: Final = "pool"
"""Node label: `config.rules.names.SHARED_POOL`, or the name of the runtime for which the node was launched."""

GPU_RESOURCE: Final = "nvidia.com/gpu"

GPU_TAINT_KEY: Final = "nvidia.com/gpu"
"""Taint of all GPU nodes; DaemonSets of GPU tools usually tolerate this name."""
