"""What the handler knows of the contract beside its validator: modules without the imports that the contract needs."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from sd_on_eks.task_api.contract.operations import OPERATIONS
from sd_on_eks.task_api.contract.validator import VALIDATOR_FILE
from task_record.runtime_types import TASK_TYPES

_HANDLER: Final = VALIDATOR_FILE.parent
ROUTES_FILE: Final = _HANDLER / "routes.py"
CONTENT_CHECKS_FILE: Final = _HANDLER / "content_checks.py"

_ROUTES_HEAD: Final = '''\
"""Method and path of each operation, by its name.

Written by `make generate`; change contract/operations.py instead.
"""

from collections.abc import Mapping
from typing import Final

ROUTES: Final[Mapping[str, str]] = {
'''
_CONTENT_CHECKS_HEAD: Final = '''\
"""What checks the content of each task type: its module of rules where it has one, else the function of its schema.

Written by `make generate` from task_record.runtime_types and the modules `*_rules`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from . import (
{imports})

CONTENT_CHECKS: Final[Mapping[str, Callable[[Any, str], None]]] = {{
'''


def routes_text() -> str:
    """The module of routes."""
    return _ROUTES_HEAD + _entries((one.name, f'"{one.method} {one.path}"') for one in OPERATIONS)


def content_checks_text() -> str:
    """The module of checks."""
    checks = {name: _check(name.replace("-", "_"), _HANDLER) for name in TASK_TYPES}
    modules = sorted({check.partition(".")[0] for check in checks.values()})
    head = _CONTENT_CHECKS_HEAD.format(imports="".join(f"    {module},\n" for module in modules))
    return head + _entries(checks.items())


def _check(stem: str, handler: Path) -> str:
    return f"{stem}_rules.check" if (handler / f"{stem}_rules.py").exists() else f"request_schema.{stem}"


def _entries(values: Iterable[tuple[str, str]]) -> str:
    return "".join(f'    "{name}": {value},\n' for name, value in values) + "}\n"
