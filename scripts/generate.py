"""Writes what is generated from the code, and names each file that has changed: `make generate`."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from sd_on_eks.config import reference as configuration
from sd_on_eks.config.existing_solution.page import PAGE, page_text
from sd_on_eks.config.schema import SCHEMA_FILE, schema_text
from sd_on_eks.runtime import model_layout
from sd_on_eks.task_api.contract import reference as api
from sd_on_eks.task_api.contract.handler_tables import (
    CONTENT_CHECKS_FILE,
    ROUTES_FILE,
    content_checks_text,
    routes_text,
)
from sd_on_eks.task_api.contract.openapi import OPENAPI_FILE, openapi_text
from sd_on_eks.task_api.contract.validator import VALIDATOR_FILE, validator_text

GENERATED: Final[Mapping[Path, Callable[[], str]]] = {
    SCHEMA_FILE: schema_text,
    configuration.REFERENCE_FILE: configuration.reference_text,
    PAGE: lambda: page_text(PAGE.read_text(encoding="utf-8")),
    VALIDATOR_FILE: validator_text,
    CONTENT_CHECKS_FILE: content_checks_text,
    ROUTES_FILE: routes_text,
    OPENAPI_FILE: openapi_text,
    api.REFERENCE_FILE: api.reference_text,
    **model_layout.FILES,
}
"""File -> its text, by today's code."""


def main() -> int:
    """Write the files."""
    for file, text in GENERATED.items():
        written = text()
        if not file.exists() or file.read_text(encoding="utf-8") != written:
            file.write_text(written, encoding="utf-8")
            print(file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
