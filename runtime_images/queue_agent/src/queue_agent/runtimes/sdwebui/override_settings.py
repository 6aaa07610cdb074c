"""Settings that a task overrides. The server must restore them for the next task."""

from collections.abc import Mapping
from typing import Any, Final

from queue_agent.runtimes.http import OK, PATIENCE_S, RuntimeHttp
from queue_agent.runtimes.sdwebui.refusal import refusal
from task_record.checkpoints import KEY, SETTINGS

RESTORED: Final = "override_settings_restore_afterwards"


class OverrideSettings:
    """Ensures that the server restores every setting that a task overrides.

    AUTOMATIC1111 1.10.1 and Forge restore a setting only if it is in their configuration, which is empty in a new
    container. So the VAE or clip skip of the first task would apply to all later tasks. To prevent this, the current
    value of a setting is written to the configuration before a task overrides it.
    """

    def __init__(self, http: RuntimeHttp) -> None:
        self._http = http
        self._written: set[str] = set()

    async def keep(self, content: Mapping[str, Any]) -> None:
        """Write the current values of the settings that a task overrides. Must be called while no task runs.

        Args:
            content: the request body.

        Raises:
            TaskFailedError: the server rejected the current value of a setting.
            RuntimeUnavailableError: the server is unavailable.
        """
        settings = content.get(SETTINGS)
        # The load of the checkpoint already writes its setting.
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
        """Clear the state, because the server may have restarted."""
        self._written.clear()


def restored(content: Mapping[str, Any]) -> dict[str, Any]:
    """The request body without `override_settings_restore_afterwards`, which could keep its settings."""
    return {name: value for name, value in content.items() if name != RESTORED}
