"""Labels: https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/."""

from typing import Final

_PRODUCT: Final = "sd-on-eks"

PART_OF: Final = {"app.kubernetes.io/part-of": _PRODUCT}
"""The label that every pod of this product has had in every release."""

PRODUCT_LABELS: Final = PART_OF | {"app.kubernetes.io/managed-by": _PRODUCT}
"""Labels of every object of this product."""


def selector_labels(runtime_name: str) -> dict[str, str]:
    """What selects a runtime's pods: nothing that a config can change, as a Deployment's selector is immutable."""
    return {"app.kubernetes.io/name": "runtime", "app.kubernetes.io/instance": runtime_name}


def labels(runtime_name: str) -> dict[str, str]:
    """Labels of every object of a runtime."""
    return selector_labels(runtime_name) | PRODUCT_LABELS
