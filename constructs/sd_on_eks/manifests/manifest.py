"""What every object has in common."""

from typing import TypeAlias

Manifest: TypeAlias = dict[str, object]
"""A Kubernetes object as `kubectl apply` takes it."""
