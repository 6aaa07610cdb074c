"""Options and exit statuses of set-up, and its answer where there is nothing to do: every make target waits for it."""

import argparse
import os
import sys
from pathlib import Path
from typing import Final

from environments.clone import Clone

_CLONE: Final = Path(__file__).resolve().parents[2]


def main(description: str | None) -> int:
    """Set this clone up.

    Args:
        description: what --help prints.

    Returns:
        Exit status: 0 if all is there; 1 if something failed; 130 after Ctrl-C.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quiet", action="store_true", help="print nothing where everything is made already")
    parser.add_argument("--generators", action="store_true", help="make .venv-generators as well, for `make soak`")
    options = parser.parse_args()
    _leave_virtual_environment()
    clone = Clone(_CLONE, with_generators=options.generators)
    if clone.is_set_up:
        if not options.quiet:
            print("set-up: everything is made already", file=sys.stderr)
        return 0
    from environments.session import set_up  # noqa: PLC0415 (asyncio takes longer than all of the above)

    return set_up(clone)


def _leave_virtual_environment() -> None:
    """Run on the Python that this virtual environment was made with: it may be the one that has to be made again."""
    if sys.prefix != sys.base_prefix:
        python = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
        os.execv(python, [str(python), *sys.argv])  # noqa: S606 (ourselves)
