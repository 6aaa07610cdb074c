"""Settings that a task overrides for itself, and that are what they were for the next one."""

from collections.abc import Mapping
from typing import Any, Final

from queue_agent.runtimes.http import OK, PATIENCE_S, RuntimeHttp
from queue_agent.runtimes.sdwebui.refusal import refusal
from task_record.checkpoints import KEY, SETTINGS

RESTORED: Final = "override_settings_restore_afterwards"


class OverrideSettings:
    """Has the server restore every setting that a task overrides.

    AUTOMATIC1111 1.10.1 and Forge restore a setting only where their configuration holds it. That of a new container
    holds none, so the first VAE or clip skip that a task names would stay for all tasks after it, and be what is
    restored later on. So a setting is written there with its present value before a task overrides it.

    Args:
        http: HTTP to the server.
    """

    def __init__(self, http: RuntimeHttp) -> None:
        self._http = http
        self._written: set[str] = set()

    async def keep(self, content: Mapping[str, Any]) -> None:
        """Write what a task overrides; to be called while nothing runs, which would show its own settings.

        Args:
            content: body of the request.

        Raises:
            TaskFailedError: the server does not take a setting that it has.
            RuntimeUnavailableError: the server is not there.
        """
        settings = content.get(SETTINGS)
        # The checkpoint is loaded, and so written, by itself.
        names = (settings.keys() if isinstance(settings, dict) else set()) - {KEY} - self._written
        if not names:
            return
        present = (await self._http.get("/sdapi/v1/options", timeout_s=PATIENCE_S)).object()
        values = {name: present[name] for name in names & present.keys()}
        if values:
            reply = await self._http.post("/sdapi/v1/options", values, timeout_s=PATIENCE_S)
            if reply.status != OK:
                raise refusal(reply)
        self._written |= names

    def forget(self) -> None:
        """To be called where the server may be a new process."""
        self._written.clear()


def restored(content: Mapping[str, Any]) -> dict[str, Any]:
    """The body, without a wish to have its settings stay for the tasks of others."""
    return {name: value for name, value in content.items() if name != RESTORED}
