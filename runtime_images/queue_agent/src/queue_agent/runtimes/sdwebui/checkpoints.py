"""Finds and loads checkpoints of the SD Web UI."""

from collections.abc import Sequence
from typing import Any, Final

from queue_agent import clock
from queue_agent.errors import BadTaskError, TaskFailedError
from queue_agent.logs import log
from queue_agent.runtimes.http import OK, PATIENCE_S, RuntimeHttp
from queue_agent.runtimes.sdwebui.checkpoint_files import CheckpointFile, files_of, listed
from queue_agent.runtimes.sdwebui.refusal import refusal
from task_record.checkpoint_names import files_named
from task_record.checkpoints import KEY

_SWITCH_S: Final = 300.0
_REFRESH_INTERVAL_S: Final = 30.0
"""While the runtime's checkpoint is missing. Each refresh sends an S3 request for each folder."""


class Checkpoints:
    """Finds and loads checkpoints.

    Files are identified by path: base names are not unique, and the hash in a title may change.
    """

    def __init__(self, http: RuntimeHttp) -> None:
        self._http = http
        self._files: dict[str, CheckpointFile] = {}
        self._loaded: str | None = None
        self._refreshes = 0
        self._refreshes_at_load = 0
        self._missed: str | None = None
        self._refreshed_at = 0.0

    async def find(self, name: str, *, field: str = "the checkpoint") -> CheckpointFile:
        """Find the file that matches a name.

        Args:
            name: as the task has it.
            field: field with the name, for error messages.

        Raises:
            BadTaskError: no file matches, or more than one.
            TaskFailedError: the server cannot list its checkpoints.
            RuntimeUnavailableError: the server is unavailable.
        """
        found = self._named(name) or await self._listed(name)
        if not found:
            # The file may have been uploaded after the last refresh of the server.
            await self._refresh()
            found = await self._listed(name)
        if len(found) > 1:
            raise BadTaskError(
                "ambiguous_checkpoint",
                f"{field} must be the path of one file, got {name!r}, which matches {_all(found)}",
            )
        if not found:
            raise BadTaskError(
                "unknown_checkpoint",
                f"{field} must be one of the server's checkpoints, got {name!r}; available: {listed(self._files)}",
            )
        return found[0]

    async def own(self, own: str) -> CheckpointFile | None:
        """Find the runtime's checkpoint; None, and one log event with the available files, if it is missing.

        Raises:
            TaskFailedError: the server cannot list its checkpoints.
            RuntimeUnavailableError: the server is unavailable.
        """
        found = await self._listed(own)
        if not found and clock.monotonic_s() - self._refreshed_at > _REFRESH_INTERVAL_S:
            self._refreshed_at = clock.monotonic_s()
            await self._refresh()
            found = await self._listed(own)
        if len(found) == 1:
            self._missed = None
            return found[0]
        missed = f"it matches {_all(found)}" if found else f"available: {listed(self._files)}"
        if missed != self._missed:
            self._missed = missed
            log("model_ambiguous" if found else "model_missing", model_filename=own, reason=missed)
        return None

    async def load(self, file: CheckpointFile) -> None:
        """Load a checkpoint, if it is not loaded.

        Raises:
            TaskFailedError: the server cannot load it.
            RuntimeUnavailableError: the server is unavailable.
        """
        if self._loaded == file.path:
            return
        refreshes, has_refreshed = self._refreshes, self._has_refreshed
        selected = self._path_of(await self._options())
        if has_refreshed and selected == file.path and await self._is_forge():
            others = (one for one in self._files.values() if one.path != file.path)
            selected = await self._select(next(others, None))
        if selected != file.path:
            await self._select(file)
        # The preparation of another task may refresh the list meanwhile.
        self._refreshes_at_load = refreshes
        self._loaded = None if self._has_refreshed else file.path

    async def verify_loaded(self, file: CheckpointFile, further: Sequence[CheckpointFile]) -> None:
        """Check the loaded checkpoint by its path, for a file whose name in a response is ambiguous.

        Args:
            file: checkpoint of the task that has just run.
            further: other checkpoints of the task, such as a refiner.

        Raises:
            TaskFailedError: another checkpoint is loaded.
            RuntimeUnavailableError: the server is unavailable.
        """
        options = await self._options()
        await self._list()  # with the hashes that were computed at load
        selected, computed = self._path_of(options), options.get("sd_checkpoint_hash")
        # The server selects the first one again, but keeps the hash of the one that it loaded last.
        loaded = [self._files.get(one.path) for one in (file, *further)]
        hashes = {None if one is None else one.sha256 for one in loaded}
        has_other_content = computed and hashes.isdisjoint({None, computed})
        if (selected != file.path and not self._has_refreshed) or has_other_content:
            self.forget()
            raise TaskFailedError("wrong_model", f"the runtime used {selected!r} instead of {file.path!r}")

    def forget(self) -> None:
        """Clear the state, because the server may have loaded another checkpoint or restarted."""
        self._loaded = None

    @property
    def _has_refreshed(self) -> bool:
        """Whether the server has refreshed its list since a checkpoint was loaded."""
        return self._refreshes != self._refreshes_at_load

    async def _refresh(self) -> None:
        """Refresh the server's list. Afterwards its options name the file of --ckpt, even if another one is loaded."""
        await self._http.post("/sdapi/v1/refresh-checkpoints", {}, timeout_s=PATIENCE_S)
        self._loaded = None
        self._refreshes += 1

    async def _is_forge(self) -> bool:
        """Whether the server is Forge, which ignores a selection that equals its option."""
        return (await self._http.get("/sdapi/v1/sd-modules", timeout_s=PATIENCE_S)).status == OK

    async def _select(self, file: CheckpointFile | None) -> str | None:
        """Select a checkpoint, and return its path; None if there is nothing to select."""
        if file is None:
            return None
        self._loaded = None
        reply = await self._http.post("/sdapi/v1/options", {KEY: file.title}, timeout_s=_SWITCH_S)
        if reply.status != OK:
            raise refusal(reply)
        return file.path

    def _named(self, name: str) -> list[CheckpointFile]:
        paths = files_named(name, {path: file.whole_path for path, file in self._files.items()})
        return [self._files[path] for path in paths]

    async def _listed(self, name: str) -> list[CheckpointFile]:
        await self._list()
        return self._named(name)

    async def _list(self) -> None:
        """Read the server's list of checkpoints.

        Raises:
            TaskFailedError: the server cannot list its checkpoints.
            RuntimeUnavailableError: the server is unavailable.
        """
        reply = await self._http.get("/sdapi/v1/sd-models", timeout_s=PATIENCE_S)
        if reply.status != OK:
            raise refusal(reply)
        self._files = files_of(reply.json())

    async def _options(self) -> dict[str, Any]:
        return (await self._http.get("/sdapi/v1/options", timeout_s=PATIENCE_S)).object()

    def _path_of(self, options: dict[str, Any]) -> str | None:
        found = self._named(str(options.get(KEY) or ""))
        return found[0].path if len(found) == 1 else None


def _all(files: list[CheckpointFile]) -> str:
    return " and ".join(file.path for file in files)
