"""The pod deletion cost: when a ReplicaSet scales down, Kubernetes deletes the pods with the lowest cost first.

https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#pod-deletion-cost

The cost is only a hint that avoids the release of tasks. The drain at SIGTERM keeps tasks safe. So the annotation is
updated only after a state has lasted for a while, not for each task.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, Self

import aiohttp
import orjson

from queue_agent import clock
from queue_agent.logs import log

_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/"""
_ANNOTATION: Final = "controller.kubernetes.io/pod-deletion-cost"
_IDLE_COST: Final = 0
_BUSY_COST: Final = 1000
"""Never negative: Karpenter treats a node whose pods have a low enough cost as empty."""
_BUSY_FOR_S: Final = 5.0
_IDLE_FOR_S: Final = 30.0
_POLL_INTERVAL_S: Final = 1.0
_CALL_S: Final = 5.0
_ERRORS_FROM: Final = 400


class PodApi(Protocol):
    """Updates the pod through the API server."""

    async def annotate(self, name: str, value: str) -> None:
        """Set one annotation of this pod.

        Raises:
            PodApiError: the API server did not respond, or returned an error.
        """
        ...


class PodApiError(Exception):
    """The API server did not respond, or returned an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPod:
    """This pod, through the Kubernetes API.

    Attributes:
        http: the HTTP client.
        url: URL of the pod.
        account: directory with the token of the service account and the CA certificate.
    """

    http: aiohttp.ClientSession
    url: str
    account: Path

    @classmethod
    def from_environment(
        cls, http: aiohttp.ClientSession, environment: Mapping[str, str], account: Path = _ACCOUNT
    ) -> Self | None:
        """Identify this pod; `None` outside a cluster."""
        names = ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "POD_NAMESPACE", "POD_NAME")
        host, port, namespace, pod = (environment.get(name) for name in names)
        if not (host and port and namespace and pod and (account / "token").exists()):
            return None
        host = f"[{host}]" if ":" in host else host
        return cls(http=http, url=f"https://{host}:{port}/api/v1/namespaces/{namespace}/pods/{pod}", account=account)

    async def annotate(self, name: str, value: str) -> None:
        """Set one annotation of this pod.

        Raises:
            PodApiError: the API server did not respond, or returned an error.
        """
        try:
            # Read for each call: the kubelet rotates the token.
            token = (self.account / "token").read_text(encoding="utf-8").strip()
            tls = ssl.create_default_context(cafile=self.account / "ca.crt")
            # Strict is the default since Python 3.13. The CA of EKS has no key identifier, so every call would fail.
            # https://github.com/kubernetes-client/python/issues/2394
            tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
            async with self.http.patch(
                self.url,
                data=orjson.dumps({"metadata": {"annotations": {name: value}}}),
                headers={"Authorization": f"Bearer {token}", "Content-Type": "application/merge-patch+json"},
                ssl=tls,
                timeout=aiohttp.ClientTimeout(total=_CALL_S),
                allow_redirects=False,
            ) as response:
                if response.status >= _ERRORS_FROM:
                    raise PodApiError(f"the API server responded with {response.status}")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise PodApiError(f"{type(error).__name__}: {error}") from error


async def publish_deletion_cost(pod: PodApi, is_busy: Callable[[], bool]) -> None:
    """Keep the annotation up to date until cancelled. A failed call is retried after a second.

    Args:
        pod: this pod.
        is_busy: whether the agent holds a task.
    """
    published: int | None = None
    was_busy, since = is_busy(), clock.monotonic_s()
    while True:
        busy = is_busy()
        if busy != was_busy:
            was_busy, since = busy, clock.monotonic_s()
        cost = _BUSY_COST if busy else _IDLE_COST
        lasts = clock.monotonic_s() - since >= (_BUSY_FOR_S if busy else _IDLE_FOR_S)
        if lasts and cost != published:
            try:
                await pod.annotate(_ANNOTATION, str(cost))
                published = cost
            except PodApiError as error:
                log("deletion_cost_not_published", error=str(error))
        await asyncio.sleep(_POLL_INTERVAL_S)
