"""The checks of a deployment."""

from typing import Final

from conformance.account import AccountChecks
from conformance.contract import ContractChecks
from deployed_api import Api
from verification.api_client import ApiClient
from verification.check import Check

_CONNECTIONS: Final = 32
"""Enough to exceed the default throttle with a latency of 200 ms."""

_CONNECTIONS_TO_EMULATOR: Final = 6
"""The emulator starts a process of the function for each concurrent request."""


def checks(api: Api, *, timeout_s: float) -> list[Check]:
    """The checks of a deployment, in the order of docs/first-deploy-checklist.md.

    Args:
        api: the deployment.
        timeout_s: timeout until a task is in its queue, in seconds.
    """
    connections = _CONNECTIONS_TO_EMULATOR if api.is_emulated else _CONNECTIONS
    client = ApiClient(api.url, api.key, connections=connections)
    return [*ContractChecks(api, client).checks, *AccountChecks(api, client, timeout_s=timeout_s).checks]
