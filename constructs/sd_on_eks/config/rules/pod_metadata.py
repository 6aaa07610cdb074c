"""Labels and annotations of a runtime's pods, and the size of the object that has them."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from sd_on_eks.config.rules.violation import Path, Violation

if TYPE_CHECKING:
    from sd_on_eks.config.config import Config
    from sd_on_eks.config.workload import Workload

_OWN_LABELS: Final = ("app.kubernetes.io/",)
_OWN_ANNOTATIONS: Final = ("eks.amazonaws.com/", "sd-on-eks/", "karpenter.sh/", "controller.kubernetes.io/")

_REFUSED_ANNOTATIONS: Final = {
    "container.apparmor.security.beta.kubernetes.io/": "the nodes run Bottlerocket, which has no AppArmor",
    "container.seccomp.security.alpha.kubernetes.io/": "the pod has the profile RuntimeDefault",
    "seccomp.security.alpha.kubernetes.io/": "the pod has the profile RuntimeDefault",
    "scheduler.alpha.kubernetes.io/tolerations": "write tolerations instead",
    "kubernetes.io/config.": "the kubelet sets it at pods of its own",
}
"""Beginnings of keys that make the API server refuse the pod, or the kubelet.

https://kubernetes.io/docs/reference/labels-annotations-taints/
"""

_MOST_BYTES: Final = 160 * 1024
"""kubectl keeps the whole Deployment in one of its annotations, which may have 256 KiB in all: the rest is for what the
stack sets, for labels, which are there twice, and for tolerations.

https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/#syntax-and-character-set
"""


def violations(config: "Config") -> Iterator[Violation]:
    """What is wrong with labels and annotations."""
    for index, runtime in enumerate(config.models_runtime):
        path = ("modelsRuntime", index, "extraValues", "runtime")
        pod = runtime.extra_values.runtime
        yield from _own((*path, "labels"), pod.labels, _OWN_LABELS)
        yield from _own((*path, "annotations"), pod.annotations, _OWN_ANNOTATIONS)
        for key in pod.annotations:
            for beginning, reason in _REFUSED_ANNOTATIONS.items():
                if key.startswith(beginning):
                    yield Violation((*path, "annotations", key), f"must not be set: {reason}")
        size = _bytes(pod)
        if size > _MOST_BYTES:
            yield Violation(
                path,
                f"must have at most {_MOST_BYTES} bytes of annotations, env, command and args in all, got {size}: "
                "kubectl keeps them in an annotation of their object, which may have 256 KiB",
            )


def _own(path: Path, keys: dict[str, str], prefixes: tuple[str, ...]) -> Iterator[Violation]:
    for key in keys:
        if key.startswith(prefixes):
            message = f"must not begin with {' or '.join(prefixes)}, which the stack and the cluster set"
            yield Violation((*path, key), message)


def _bytes(pod: "Workload") -> int:
    """Most that kubectl writes for what a configuration adds to the object."""
    server = pod.inference_api
    texts = json.dumps([pod.annotations, server.env, server.command, server.args, pod.queue_agent.env])
    # It escapes these as \\u003c: https://pkg.go.dev/encoding/json#Marshal
    return len(texts) + sum(5 * texts.count(letter) for letter in "<>&")
