"""Validates names in a task against the server's lists. The SD Web UI silently replaces an unknown name.

A task without names needs no call. A list is read when a task first has a name of it, and again for an unknown name. If
the server has no such list, its names are not validated.
"""

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from queue_agent.errors import BadTaskError
from queue_agent.runtimes.http import OK, PATIENCE_S, RuntimeHttp
from queue_agent.runtimes.sdwebui.checkpoint_files import CheckpointFile, listed
from queue_agent.runtimes.sdwebui.checkpoints import Checkpoints

Names = frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _List:
    """A list of the server.

    Attributes:
        path: path of the operation that returns it.
        keys: keys of an entry whose values are names, or lists of names.
        code: error code for an unknown name.
        refresh: path of the operation that refreshes the list.
    """

    path: str
    keys: tuple[str, ...]
    code: str
    refresh: str | None = None


_SAMPLERS: Final = _List(path="/sdapi/v1/samplers", keys=("name",), code="unknown_sampler")
_SCHEDULERS: Final = _List(path="/sdapi/v1/schedulers", keys=("name", "label"), code="unknown_scheduler")
_SUFFIXES: Final = _List(path="/sdapi/v1/schedulers", keys=("name", "label", "aliases"), code="unknown_sampler")
"""Schedulers as suffixes of sampler names: `DPM++ 2M Karras`, the format of earlier server versions."""
_STYLES: Final = _List(path="/sdapi/v1/prompt-styles", keys=("name",), code="unknown_style")
_VAES: Final = _List(path="/sdapi/v1/sd-vae", keys=("model_name",), code="unknown_vae", refresh="/sdapi/v1/refresh-vae")
_MODULES: Final = _List(path="/sdapi/v1/sd-modules", keys=("model_name",), code="unknown_module")
"""VAEs and text encoders of Forge, by file name."""

_SD_VAE: Final = "override_settings.sd_vae"
_NO_VAE: Final = frozenset({"Automatic", "auto", "None"})
_NO_STYLE: Final = frozenset({"None"})
_NO_REFINER: Final = frozenset({"None", "none"})
_SAME: Final = frozenset({"Use same checkpoint", "Use same scheduler"})


class Choices:
    """Validates the names in tasks."""

    def __init__(self, http: RuntimeHttp, checkpoints: Checkpoints) -> None:
        self._http = http
        self._checkpoints = checkpoints
        self._known: dict[_List, Names | None] = {}

    async def checked(self, content: Mapping[str, Any]) -> tuple[dict[str, Any], list[CheckpointFile]]:
        """Validate a request body, and replace the names of further checkpoints by their titles.

        The server would match a part of a checkpoint's name with the first title that contains it.

        Returns:
            The request body and the further checkpoints.

        Raises:
            BadTaskError: a name is unknown.
            TaskFailedError: the server cannot return a list.
            RuntimeUnavailableError: the server is unavailable.
        """
        settings = content.get("override_settings")
        settings = settings if isinstance(settings, dict) else {}
        await self._check_sampler("sampler_name" if content.get("sampler_name") else "sampler_index", content)
        await self._check(_SCHEDULERS, "scheduler", content.get("scheduler"))
        if content.get("enable_hr"):
            await self._check(_SCHEDULERS, "hr_scheduler", content.get("hr_scheduler"), besides=_SAME)
        for style in _list(content.get("styles")):
            await self._check(_STYLES, "styles", style, besides=_NO_STYLE)
        await self._check_vae(settings.get("sd_vae"))
        for module in _list(settings.get("forge_additional_modules")):
            name = PurePosixPath(str(module).replace("\\", "/")).name
            await self._check(_MODULES, "override_settings.forge_additional_modules", name)
        further = {
            field: await self._checkpoints.find(name, field=field) for field, name in _further_checkpoints(content)
        }
        return {**content, **{field: file.title for field, file in further.items()}}, list(further.values())

    def forget(self) -> None:
        """Clear the cached lists, because the server may have restarted."""
        self._known.clear()

    async def _check_sampler(self, field: str, content: Mapping[str, Any]) -> None:
        value = content.get(field)
        if not isinstance(value, str) or not value:
            return
        suffixes = await self._names(_SUFFIXES) or frozenset()
        spelled = {value, *(value.removesuffix(f" {suffix}") for suffix in suffixes)}
        await self._check(_SAMPLERS, field, value, fits=lambda known: not spelled.isdisjoint(known))

    async def _check_vae(self, value: Any) -> None:  # noqa: ANN401 (any JSON value)
        if not isinstance(value, str) or not value or value in _NO_VAE:
            return
        await self._check(_VAES, _SD_VAE, value)
        if await self._names(_VAES) is None and await self._names(_MODULES) is not None:
            message = f"{_SD_VAE} must be left out: this server takes VAEs as forge_additional_modules, got {value!r}"
            raise BadTaskError(_VAES.code, message)

    async def _check(
        self,
        which: _List,
        field: str,
        value: Any,  # noqa: ANN401 (any JSON value)
        *,
        besides: Names = frozenset(),
        fits: Callable[[Names], bool] | None = None,
    ) -> None:
        if not isinstance(value, str) or not value or value in besides:
            return
        known: Names = frozenset()
        for read in (self._names, self._refreshed_names):
            found = await read(which)
            if found is None or (fits(found) if fits is not None else value in found):
                return
            known = found
        near = difflib.get_close_matches(value[:100], sorted(known), n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"available: {listed(known)}"
        raise BadTaskError(which.code, f"{field} must be in the server's list, got {value[:200]!r}; {hint}")

    async def _names(self, which: _List) -> Names | None:
        """The cached names of a list; `None` if the server has no such list."""
        return self._known[which] if which in self._known else await self._read(which)

    async def _refreshed_names(self, which: _List) -> Names | None:
        if which.refresh is not None:
            await self._http.post(which.refresh, {}, timeout_s=PATIENCE_S)
        return await self._read(which)

    async def _read(self, which: _List) -> Names | None:
        reply = await self._http.get(which.path, timeout_s=PATIENCE_S)
        entries = reply.json() if reply.status == OK else None
        names = frozenset(_names_in(entries, which.keys)) if isinstance(entries, list) else None
        self._known[which] = names
        return names


def _names_in(entries: list[Any], keys: tuple[str, ...]) -> Iterator[str]:
    for entry in entries:
        for key in keys if isinstance(entry, dict) else ():
            value = entry.get(key)
            yield from (str(one) for one in (value if isinstance(value, list) else [value]) if one)


def _further_checkpoints(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    named = [("refiner_checkpoint", _NO_REFINER)]
    if content.get("enable_hr"):
        named.append(("hr_checkpoint_name", _SAME))
    for field, none in named:
        name = content.get(field)
        if isinstance(name, str) and name and name not in none:
            yield field, name


def _list(value: Any) -> list[Any]:  # noqa: ANN401 (any JSON value)
    return value if isinstance(value, list) else []
