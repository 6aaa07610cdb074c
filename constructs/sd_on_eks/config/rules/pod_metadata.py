"""Labels and annotations of a runtime's pods, and the size of the Deployment that contains them."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from sd_on_eks.config.rules.violation import Path, Violation

if TYPE_CHECKING:
    from sd_on_eks.config.config import Config
    from sd_on_eks.config.workload import Workload

_RESERVED_LABELS: Final = ("app.kubernetes.io/",)
_RESERVED_ANNOTATIONS: Final = ("eks.amazonaws.com/", "sd-on-eks/", "karpenter.sh/", "controller.kubernetes.io/")

_REJECTED_ANNOTATIONS: Final = {
    "container.apparmor.security.beta.kubernetes.io/": "the nodes run Bottlerocket, which has no AppArmor",
    "container.seccomp.security.alpha.kubernetes.io/": "the pod has the profile RuntimeDefault",
    "seccomp.security.alpha.kubernetes.io/": "the pod has the profile RuntimeDefault",
    "scheduler.alpha.kubernetes.io/tolerations": "write tolerations instead",
    "kubernetes.io/config.": "the kubelet sets it on static pods",
}
"""Key prefixes with which the API server or the kubelet rejects the pod.

https://kubernetes.io/docs/reference/labels-annotations-taints/
"""

_MOST_BYTES: Final = 160 * 1024
"""kubectl stores the whole Deployment in one of its annotations, which can have 256 KiB in total: the rest is for what
the stack sets, for labels, which the Deployment contains twice, and for tolerations.

https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/#syntax-and-character-set
"""


def violations(config: "Config") -> Iterator[Violation]:
    """Violations in labels and annotations."""
    for index, runtime in enumerate(config.models_runtime):
        path = ("modelsRuntime", index, "extraValues", "runtime")
        pod = runtime.extra_values.runtime
        yield from _reserved((*path, "labels"), pod.labels, _RESERVED_LABELS)
        yield from _reserved((*path, "annotations"), pod.annotations, _RESERVED_ANNOTATIONS)
        for key in pod.annotations:
            for prefix, reason in _REJECTED_ANNOTATIONS.items():
                if key.startswith(prefix):
                    yield Violation((*path, "annotations", key), f"must not be set: {reason}")
        size = _bytes(pod)
        if size > _MOST_BYTES:
            yield Violation(
                path,
                f"must have at most {_MOST_BYTES} bytes of annotations, env, command and args in total, got {size}: "
                "kubectl stores them in an annotation of the Deployment, which can have 256 KiB",
            )


def _reserved(path: Path, keys: dict[str, str], prefixes: tuple[str, ...]) -> Iterator[Violation]:
    for key in keys:
        if key.startswith(prefixes):
            message = f"must not start with {' or '.join(prefixes)}, which the stack and the cluster set"
            yield Violation((*path, key), message)


def _bytes(pod: "Workload") -> int:
    """Upper bound of what kubectl writes for the values that a configuration adds to the Deployment."""
    server = pod.inference_api
    texts = json.dumps([pod.annotations, server.env, server.command, server.args, pod.queue_agent.env])
    # kubectl escapes these as \\u003c: https://pkg.go.dev/encoding/json#Marshal
    return len(texts) + sum(5 * texts.count(letter) for letter in "<>&")
