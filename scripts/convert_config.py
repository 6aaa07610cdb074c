#!/usr/bin/env python3
"""Convert a config.yaml of the existing solution into one of this product.

    .venv/bin/python scripts/convert_config.py OLD.yaml [--output FILE [--force]] [--json]

OLD.yaml is a configuration of the repository guidance-for-asynchronous-inference-with-stable-diffusion-on-aws. The new
file goes to standard output, or to FILE. Its keys keep their order and their comments. What cannot be carried over is a
comment in the place where it was, which says why and what to do; what OLD.yaml leaves out and has another default here
is listed at the top. docs/migration.md says what each key becomes.

With --json a report goes to standard output in place of the file: "not_carried_over" and "errors" are lists of line,
key and message, "other_defaults" of key, there, here and runtimes, those that leave it out where others have it.
Without --output nothing is written then.

Exit status: 0 if the new file is valid, also where something was not carried over; 1 if it is not (it is written all
the same, and its errors are listed), or if a file cannot be read or written; 2 if an option is wrong or FILE exists;
130 after Ctrl-C.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from config_conversion.conversion import Conversion
from sd_on_eks.config.errors import ConfigError
from sd_on_eks.config.loader import parse_config

_FAILURE: Final = 1
_INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Convert a file.

    Returns:
        Exit status: 0 if the new file is valid, 1 if it is not or after an error, 130 after Ctrl-C.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", metavar="OLD.yaml", type=Path)
    parser.add_argument("--output", metavar="FILE", type=Path, help="write the new file there")
    parser.add_argument("--force", action="store_true", help="replace FILE if it exists")
    parser.add_argument("--json", action="store_true", help="print a report as JSON on standard output, not the file")
    options = parser.parse_args(arguments)
    if options.force and options.output is None:
        parser.error("--force is for --output")
    if options.output is not None and options.output.exists():
        if options.output.resolve() == options.old.resolve():
            parser.error("FILE must be another file than OLD.yaml, which is kept")
        if not options.force:
            parser.error(f"{options.output} exists; --force replaces it")
    try:
        return _run(options)
    except ConfigError as error:
        _say(str(error))
    except UnicodeDecodeError as error:
        _say(f"{options.old}: must be UTF-8, byte {error.start} is not")
    except OSError as error:
        _say(f"{error.filename or options.output or options.old}: {error.strerror}")
    except KeyboardInterrupt:
        _say("interrupted")
        return _INTERRUPTED
    return _FAILURE


def _run(options: argparse.Namespace) -> int:
    conversion = Conversion(options.old.read_text(encoding="utf-8"), options.old.name)
    text = conversion.text()
    name = str(options.output or "new file")
    problems = _problems(text, name)
    if options.output is not None:
        _write(options.output, text)
    if options.json:
        print(json.dumps(_report(conversion, problems), indent=2, ensure_ascii=False))
    elif options.output is None:
        sys.stdout.write(text)
    lost = len(conversion.not_carried_over)
    if lost:
        _say(
            f"{lost} key(s) of {options.old.name} could not be carried over; comments in {name} say why and what to do"
        )
    for problem in problems:
        _say(problem["text"])
    _say(f"{name} is not valid yet" if problems else f"{name} is valid")
    return _FAILURE if problems else 0


def _problems(text: str, name: str) -> list[dict[str, Any]]:
    try:
        parse_config(text, name)
    except ConfigError as error:
        return [{**asdict(one), "text": one.text(name)} for one in error.problems]
    return []


def _report(conversion: Conversion, problems: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "not_carried_over": [asdict(one) for one in conversion.not_carried_over],
        "other_defaults": [
            {
                "key": one.default.key.path,
                "there": one.default.key.default,
                "here": one.default.here,
                "runtimes": list(one.runtimes),
            }
            for one in conversion.other_defaults
        ],
        "errors": [{key: one[key] for key in ("line", "key", "message")} for one in problems],
    }


def _write(file: Path, text: str) -> None:
    """Write a file as a whole or not at all."""
    new = file.with_name(f".{file.name}.new")
    try:
        new.write_text(text, encoding="utf-8")
        new.replace(file)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(file)) from error


def _say(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
