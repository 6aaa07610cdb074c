"""Writes the validator, the OpenAPI document and the reference page."""

import sys

from sd_on_eks.task_api.contract.openapi import OPENAPI_FILE, openapi_text
from sd_on_eks.task_api.contract.reference import REFERENCE_FILE, reference_text
from sd_on_eks.task_api.contract.validator import VALIDATOR_FILE, validator_text

GENERATED = ((VALIDATOR_FILE, validator_text), (OPENAPI_FILE, openapi_text), (REFERENCE_FILE, reference_text))


def main() -> int:
    """Write what is generated from the schemas."""
    for file, text in GENERATED:
        file.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
