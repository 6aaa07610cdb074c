"""Labels: https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/."""

from typing import Final

_PRODUCT: Final = "sd-on-eks"

PART_OF: Final = {"app.kubernetes.io/part-of": _PRODUCT}
"""The label that all pods of this product have, in all releases."""

PRODUCT_LABELS: Final = PART_OF | {"app.kubernetes.io/managed-by": _PRODUCT}
"""Labels of all objects of this product."""


def selector_labels(runtime_name: str) -> dict[str, str]:
    """Selector of a runtime's pods, independent of the configuration: a Deployment's selector is immutable."""
    return {"app.kubernetes.io/name": "runtime", "app.kubernetes.io/instance": runtime_name}


def labels(runtime_name: str) -> dict[str, str]:
    """Labels of all objects of a runtime."""
    return selector_labels(runtime_name) | PRODUCT_LABELS
