"""Tags: keys that AWS, EKS or Karpenter reserves."""

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
"""Reserved key prefixes; the CRD of EC2NodeClass lists those that it rejects.

https://karpenter.sh/docs/concepts/nodeclasses/#spectags
"""


def violations(config: "Config") -> Iterator[Violation]:
    """Violations in `tags`."""
    spellings: dict[str, str] = {}
    for key in config.tags:
        prefix = next((one for one in _OWNERS if key.lower().startswith(one)), None)
        if prefix is not None:
            yield Violation(("tags", key), f"must not start with {prefix}, which is reserved for {_OWNERS[prefix]}")
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html#id_tags_rules_creating
        first = spellings.setdefault(key.lower(), key)
        if first != key:
            yield Violation(("tags", key), f"must differ from other keys by more than case, got {first} and {key}")
