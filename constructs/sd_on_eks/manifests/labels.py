"""Labels: https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/."""

from typing import Final

_PRODUCT: Final = "sd-on-eks"

PRODUCT_LABELS: Final = {"app.kubernetes.io/part-of": _PRODUCT, "app.kubernetes.io/managed-by": _PRODUCT}
"""Labels of every object of this product."""


def selector_labels(runtime_name: str) -> dict[str, str]:
    """What selects a runtime's pods: nothing that a config can change, as a Deployment's selector is immutable."""
    return {"app.kubernetes.io/name": "runtime", "app.kubernetes.io/instance": runtime_name}


def labels(runtime_name: str) -> dict[str, str]:
    """Labels of every object of a runtime."""
    return selector_labels(runtime_name) | PRODUCT_LABELS
