"""All checks of a deployment."""

from collections.abc import Iterator
from typing import Final

from conformance.account import AccountChecks
from conformance.api_client import ApiClient
from conformance.check import Finding, run
from conformance.contract import ContractChecks
from deployed_api import Api

_CONNECTIONS: Final = 32
"""As many as reach the default throttle over a line of 200 ms."""

_CONNECTIONS_TO_EMULATOR: Final = 6
"""It starts a process of the function for each request that is under way."""


def findings(api: Api, *, timeout_s: float) -> Iterator[Finding]:
    """Look at a deployment, check after check.

    Args:
        api: the deployment.
        timeout_s: longest wait for a task to reach its queue.
    """
    connections = _CONNECTIONS_TO_EMULATOR if api.is_emulated else _CONNECTIONS
    client = ApiClient(api.url, api.key, connections=connections)
    return run((*ContractChecks(api, client).checks, *AccountChecks(api, client, timeout_s=timeout_s).checks))
