#!/usr/bin/env bash
# openapi-python-client writes a module that is not Python where a field that may be left out is a constant without
# `type`: {"const": true}, a valid schema of OpenAPI 3.1.
#
# Version: openapi-python-client 0.29.1 (PyPI), Python 3.11.
# Seen: the model reads `if flag != Trueand not isinstance(flag, Unset):`, without a space between the constant and
# `and`. ruff, which the generator runs on its output, cannot parse it, so the generator ends with an error that names a
# line of that module, not the schema or the field. With `"type": "boolean"` beside it the field becomes a plain boolean,
# and the package imports.
# Consequence: one such constant anywhere in a document, and there is no client. Write the type beside it.
# Output seen: "const alone: exit 1, if flag != Trueand not isinstance(flag, Unset):; with a type: exit 0".
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openapi-python-client==0.29.1

cd "$folder"
PATH=$folder/venv/bin:$PATH python - <<'PY'
import json
import subprocess
import sys
from pathlib import Path


def generated(flag: dict[str, object]) -> tuple[int, str]:
    """Exit status, and the line of the model that compares the constant."""
    schema = {"type": "object", "properties": {"flag": flag}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "flags", "version": "1"},
        "paths": {
            "/flags": {
                "get": {
                    "operationId": "getFlags",
                    "responses": {
                        "200": {
                            "description": "Done.",
                            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Flags"}}},
                        }
                    },
                }
            }
        },
        "components": {"schemas": {"Flags": schema}},
    }
    Path("openapi.json").write_text(json.dumps(document))
    command = ["openapi-python-client", "generate", "--path", "openapi.json", "--meta", "none"]
    done = subprocess.run([*command, "--output-path", "client", "--overwrite"], capture_output=True, check=False)
    lines = Path("client/models/flags.py").read_text().splitlines()
    return done.returncode, next((line.strip() for line in lines if "if flag !=" in line), "")


alone, typed = generated({"const": True}), generated({"type": "boolean", "const": True})
print(f"const alone: exit {alone[0]}, {alone[1]}; with a type: exit {typed[0]}")
sys.exit(0 if alone[0] == 1 and "Trueand" in alone[1] and typed[0] == 0 else 1)
PY
