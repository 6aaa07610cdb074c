"""The table of keys in docs/migration.md."""

import re
from pathlib import Path
from typing import Final

from sd_on_eks.config.existing_solution.defaults import other_defaults
from sd_on_eks.config.existing_solution.keys import OLD_KEYS, OldKey

PAGE: Final = Path(__file__).resolve().parents[4] / "docs" / "migration.md"

_BEGIN: Final = (
    "<!-- Written by `make generate`; change constructs/sd_on_eks/config/existing_solution/keys.py instead. -->\n"
)
_END: Final = "<!-- End of the table of keys. -->"
_HEAD: Final = (
    "| Existing key | Existing default | Key in this product | Default, if different | Notes |\n"
    "| --- | --- | --- | --- | --- |\n"
)
_PREFIX: Final = "modelsRuntime[].extraValues."


def page_text(page: str) -> str:
    """The page with the current table.

    Args:
        page: the page, with any table between the markers.
    """
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{_HEAD}{_rows()}\n{_END}{after}"


def _rows() -> str:
    defaults = {one.key.path: one.here for one in other_defaults()}
    paths = {key.path for key in OLD_KEYS}
    return "".join(
        f"| `{key.path.removeprefix(_PREFIX)}` | {_code(key.default)} | {_here(key)} | "
        f"{_code(defaults.get(key.path, ''))} | {key.why} |\n"
        for key in OLD_KEYS
        if key.path.rpartition(".")[0] not in paths  # a part of another row
    )


def _here(key: OldKey) -> str:
    if key.write:
        # Names of keys as code: words with a dot or a capital inside.
        return re.sub(r"\b[a-z]+(?:[A-Z]\w*)?(?:\.[a-zA-Z]+)+|\b[a-z]+[A-Z]\w*", lambda name: f"`{name[0]}`", key.write)
    if key.here == key.path:
        return "the same"
    return f"`{key.instead}`" if key.instead else "—"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""
