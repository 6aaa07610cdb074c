"""The type of Kubernetes objects."""

from typing import TypeAlias

Manifest: TypeAlias = dict[str, object]
"""A Kubernetes object in the format of `kubectl apply`."""
