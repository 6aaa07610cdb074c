"""How runtime pods and GPU nodes find each other, and how everything else stays off these nodes."""

from typing import Final

POOL_LABEL: Final = "pool"
"""Node label: `config.rules.names.SHARED_POOL`, or the name of the one runtime that the node was bought for."""

GPU_RESOURCE: Final = "nvidia.com/gpu"

GPU_TAINT_KEY: Final = "nvidia.com/gpu"
"""Taint of all GPU nodes, by the name that DaemonSets of GPU tooling tolerate anyway."""
