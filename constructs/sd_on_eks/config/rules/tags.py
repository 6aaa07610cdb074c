"""Tags: keys that AWS, EKS or Karpenter refuses because it sets them itself."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from sd_on_eks.config.rules.violation import Violation

if TYPE_CHECKING:
    from sd_on_eks.config.config import Config

_OWNERS: Final = {
    "aws:": "AWS",
    "eks:": "EKS",
    "kubernetes.io/cluster": "EKS",
    "karpenter.sh/": "Karpenter",
    "karpenter.k8s.aws/": "Karpenter",
}
"""Beginnings of keys that mark what belongs to a cluster; the NodeClass's definition names those that it refuses.

https://karpenter.sh/docs/concepts/nodeclasses/#spectags
"""


def violations(config: "Config") -> Iterator[Violation]:
    """What is wrong with tags."""
    spellings: dict[str, str] = {}
    for key in config.tags:
        beginning = next((one for one in _OWNERS if key.lower().startswith(one)), None)
        if beginning is not None:
            yield Violation(("tags", key), f"must not begin with {beginning}, which {_OWNERS[beginning]} sets itself")
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html#id_tags_rules_creating
        first = spellings.setdefault(key.lower(), key)
        if first != key:
            yield Violation(("tags", key), f"must differ from other keys by more than case, got {first} and {key}")
