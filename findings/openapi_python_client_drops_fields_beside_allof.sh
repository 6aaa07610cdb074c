#!/usr/bin/env bash
# openapi-python-client leaves out every field that is beside an `allOf` of one reference, without a warning.
#
# Version: openapi-python-client 0.29.1 (PyPI), Python 3.11.
# Seen: `Cat` is `allOf: [Animal]` with `properties` of its own beside it, as valid in OpenAPI as with these properties
# in a second part of the `allOf`. The generator makes no class for it and takes `Animal` wherever it is referred to; it
# prints nothing and ends with 0, with `--fail-on-warning`, too. With a second part there is a class `Cat` with all
# fields.
# Consequence: required fields have no parameter, and constructors of the request are those of another schema. Put what
# a schema adds into a part of its own.
# Output seen: "fields beside allOf: exit 0, no Cat; as its second part: exit 0, Cat(name, lives)".
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openapi-python-client==0.29.1

cd "$folder"
PATH=$folder/venv/bin:$PATH python - <<'PY'
import json
import re
import subprocess
import sys
from pathlib import Path

ANIMAL = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
REFERENCE = {"$ref": "#/components/schemas/Animal"}
OWN = {"type": "object", "required": ["lives"], "properties": {"lives": {"type": "integer"}}}


def generated(cat: dict[str, object]) -> str:
    """Exit status, and the fields of the class."""
    body = {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Cat"}}}}
    operation = {"operationId": "addCat", "requestBody": body, "responses": {"204": {"description": "Done."}}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "cats", "version": "1"},
        "paths": {"/cats": {"post": operation}},
        "components": {"schemas": {"Animal": ANIMAL, "Cat": cat}},
    }
    Path("openapi.json").write_text(json.dumps(document))
    command = ["openapi-python-client", "generate", "--path", "openapi.json", "--meta", "none", "--fail-on-warning"]
    done = subprocess.run([*command, "--output-path", "client", "--overwrite"], capture_output=True, check=False)
    model = Path("client/models/cat.py")
    fields = re.findall(r"^    (\w+): (?:str|int)$", model.read_text(), re.MULTILINE) if model.exists() else []
    return f"exit {done.returncode}, " + (f"Cat({', '.join(fields)})" if model.exists() else "no Cat")


beside, part = generated({"allOf": [REFERENCE], **OWN}), generated({"allOf": [REFERENCE, OWN]})
print(f"fields beside allOf: {beside}; as its second part: {part}")
sys.exit(0 if beside == "exit 0, no Cat" and part == "exit 0, Cat(name, lives)" else 1)
PY
