"""The page for application developers, docs/api.md."""

import json
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from sd_on_eks.task_api.contract.error_codes import ERROR_CODES
from sd_on_eks.task_api.contract.lists import listed
from sd_on_eks.task_api.contract.openapi import answer_example, codes_of
from sd_on_eks.task_api.contract.operations import OPERATIONS, Operation, Parameter
from sd_on_eks.task_api.contract.request_examples import REQUEST_EXAMPLES
from sd_on_eks.task_api.contract.schemas import CONTENTS, REFERENCE_PREFIX, Schema, resolved, schemas
from sd_on_eks.task_api.contract.sentences import must
from sd_on_eks.task_api.handler.inputs import MAX_LINKS
from task_record.inputs.sizes import DEFAULT_INPUT_MIB, INPUT_MAX_BYTES, INPUTS_MAX_BYTES
from task_record.runtime_types import SDWEBUI, TASK_TYPES

_DOCS: Final = Path(__file__).resolve().parents[4] / "docs"
REFERENCE_FILE: Final = _DOCS / "api.md"
EXAMPLES: Final = _DOCS / "api-examples"

_LINE: Final = 120

_INTRODUCTION: Final = """\
# API

<!-- Written by `make generate`; change constructs/sd_on_eks/task_api/{schemas,contract}. -->

Send a task, get an answer at once, and be told when the pictures lie in S3. An accepted task always ends, and none is
run twice.

| | |
|---|---|
{operations}

[openapi.json](openapi.json) says the same for programs (OpenAPI 3.1); [clients](#generated-clients) can be generated
from it.

## Before you begin

The stack's outputs name the endpoint and the command that shows the API key. The examples below find them in the
environment, and so do the files in [api-examples](api-examples), which are the same:

```bash
export ENDPOINT=https://abcdefghij.execute-api.us-east-1.amazonaws.com/prod/   # with the slash at its end
export API_KEY=...
export SDWEBUI_RUNTIME=sdruntime COMFYUI_RUNTIME=comfyui                       # names of your runtimes
```

- Every request carries the key in the header `x-api-key`, and every body is JSON with `Content-Type: application/json`.
- You see and cancel the tasks of your own API key only, unless the deployment says otherwise.
- Every answer is JSON, but for a body over 10 MB: API Gateway answers that itself, with 413 and plain text. Any but 200
  is an [error](#errors) that says what is wrong; nothing wrong leaves a trace.
- A request without an answer may be sent again: with an `Idempotency-Key` it becomes one task.
- Fields in **bold** must be there. A field that is not named here is refused, except in a content: the SD Web UI and
  its extensions know more fields, which are passed on as they are.
- A seed is a whole number of up to 64 bits, which not every JSON library keeps: see [Numbers](#numbers).

Run the examples in their folder: they read workflows from it, and `picture.png`, which is an image of yours. Those in
the shell need curl and `jq`. `get_task` waits for the task of the first example and downloads its results.

The Python examples use this client, [client.py](api-examples/client.py):

```python
{python_client}
```

The JavaScript examples use this one, [client.mjs](api-examples/client.mjs):

```javascript
{javascript_client}
```
"""


def reference_text() -> str:
    """The page as it stands in the file."""
    callback, error = schemas()["Callback"], schemas()["Error"]
    lines = [
        _INTRODUCTION.replace("{operations}", _contents())
        .replace("{python_client}", _source("client.py"))
        .replace("{javascript_client}", _source("client.mjs"))
    ]
    for operation in OPERATIONS:
        lines += _operation(operation)
    lines += ["## Links", "", *_paragraph(_LINKS), *_link_kinds(), *_paragraph(_LINK_LIMITS)]
    lines += ["## Numbers", "", *_paragraph(_NUMBERS), *_example("large_seed")]
    lines += ["## Generated clients", "", *_generators()]
    lines += ["## Checkpoints", "", *(line for text in _CHECKPOINTS for line in _paragraph(text))]
    lines += ["## Callbacks", "", *_paragraph(_CALLBACKS), *_paragraph(_words(callback))]
    lines += _answer(callback, callback["examples"][0])
    lines += ["## Errors", "", *_paragraph(_ERRORS), *_answer(error, error["examples"][0]), *_codes()]
    return "\n".join(lines).rstrip() + "\n"


_IMAGES: Final = [field.partition("[]")[0] for task_type in SDWEBUI.task_types for field in task_type.image_fields]
_LINKS: Final = (
    f"An image of the SD Web UI ({', '.join(f'`{one}`' for one in _IMAGES)}, those of ControlNet's units) and an input "
    "of a workflow (`metadata.inputs`) may be a link in place of base64. It is followed just before the task runs, "
    "never by the inference server itself."
)
_LINK_KINDS: Final = (
    (
        "s3://",
        (
            "a `content_ref` of your own [uploads](#{uploads}), which must be there when the task is submitted; or an "
            "object of a bucket that the deployment names in `inputBucketArns`"
        ),
    ),
    ("https://", "a public host, over at most 5 redirects; a private address is never asked"),
)
_LINK_LIMITS: Final = (
    f"An input of the SD Web UI has at most {INPUT_MAX_BYTES >> 20} MiB, all inputs of a task "
    f"{INPUTS_MAX_BYTES >> 20} MiB together. A named input of a workflow has at most {DEFAULT_INPUT_MIB} MiB, unless "
    "the deployment says otherwise (`queueAgent.maxInputMb`), all of a task three times as much, and none more than "
    f"its ComfyUI takes (`--max-upload-size`). A task has at most {MAX_LINKS} links. What a link leads to must be an "
    "image (for `metadata.inputs` also a video, audio or a 3D model; the bytes decide, not the name) and must arrive "
    "within 30 seconds, and a second more for every 512 KiB of all inputs; what breaks off is fetched again. Else the "
    "task fails with the code `input`, and its message names the field."
)
_NUMBERS: Final = (
    "The API, the queue agent and the runtimes keep every digit of a whole number of 64 bits, such as a seed, and so "
    "do Python and curl. The numbers of JavaScript end at 2^53: send a `BigInt` by way of `JSON.rawJSON`, and read one "
    "from the `source` that `JSON.parse` passes to its reviver, as `toJson` and `fromJson` of the client above do. A "
    "workflow's file may have such seeds, too."
)
_GENERATORS: Final = (
    (
        "Clients can be generated from [openapi.json](openapi.json). Three generators are "
        "[tested](../tests/integration/generated_clients): their clients send every field, those of extensions "
        "included, and their answers are typed."
    ),
    (
        "`baseUrl` is the endpoint without the slash at its end. In TypeScript, too, a seed beyond 2^53 is sent as "
        "`JSON.rawJSON` of its digits; the generated types call it a number."
    ),
)
_GENERATOR_ROWS: Final = (
    (
        "openapi-python-client (PyPI)",
        "openapi-python-client generate --path openapi.json",
        'AuthenticatedClient(base_url=ENDPOINT, token=API_KEY, prefix="", auth_header_name="x-api-key")',
    ),
    (
        "openapi-typescript with openapi-fetch (npm)",
        "npx openapi-typescript openapi.json --output schema.ts",
        'createClient<paths>({ baseUrl, headers: { "x-api-key": API_KEY } })',
    ),
    (
        "@hey-api/openapi-ts (npm)",
        "npx @hey-api/openapi-ts --input openapi.json --output client",
        "client.setConfig({ baseUrl, auth: API_KEY })",
    ),
)
_WITH_CHECKPOINT: Final = listed([one.name for one in TASK_TYPES.values() if one.runs_checkpoint], "or")
_CHECKPOINTS: Final = (
    (
        f"A {_WITH_CHECKPOINT} task runs the checkpoint that it names, in "
        "`override_settings.sd_model_checkpoint` or `alwayson_scripts.sd_model_checkpoint`, else its runtime's own "
        "(`modelFilename`). It is decided when the task is submitted, loaded before it runs and verified afterwards; "
        "the callback's `result.checkpoint` is the path of the file. Upscaling uses none."
    ),
    (
        "A name is a path in the model bucket, or how one ends: `sdxl/base.safetensors`, `base.safetensors`, `base`, "
        "or the server's title with its hash. One that fits two files fails the task (`ambiguous_checkpoint`), one "
        "that fits none too (`unknown_checkpoint`); both say which files there are. So does every other name that the "
        "server would silently replace: `unknown_sampler`, `unknown_scheduler`, `unknown_style`, `unknown_vae`, and "
        "`unknown_module` of Forge."
    ),
)
_CALLBACKS: Final = (
    "When a task has ended, the deployment publishes a message to its output topic (SNS), which is the stack's output "
    "`sdNotificationOutputArn`. Subscribe a queue, a function or an HTTPS endpoint to it: [callbacks.md](callbacks.md) "
    "has the code."
)
_ERRORS: Final = (
    "`code` is for programs, `message` for people, and `field` says where to look. After 429 and 5xx the same request "
    "may be sent again, after the seconds that `Retry-After` says."
)


def _link_kinds() -> Iterator[str]:
    uploads = next(operation for operation in OPERATIONS if operation.name == "createUpload")
    yield "| Link | Followed to |"
    yield "|---|---|"
    for scheme, place in _LINK_KINDS:
        yield f"| `{scheme}...` | {place.replace('{uploads}', _anchor(uploads.summary))} |"
    yield ""


def _generators() -> Iterator[str]:
    tested, hints = _GENERATORS
    yield from _paragraph(tested)
    yield "| Generator | Generate | Make a client |"
    yield "|---|---|---|"
    for generator, generate, make in _GENERATOR_ROWS:
        yield f"| {generator} | `{generate}` | `{make}` |"
    yield ""
    yield from _paragraph(hints)


def _contents() -> str:
    return "\n".join(
        f"| [{operation.summary}](#{_anchor(operation.summary)}) | `{operation.method} {operation.path}` |"
        for operation in OPERATIONS
    )


def _operation(operation: Operation) -> Iterator[str]:
    yield f"## {operation.summary}"
    yield ""
    yield f"`{operation.method} {operation.path}`"
    yield ""
    yield from _paragraph(operation.description)
    if operation.parameters:
        yield "### Parameters"
        yield ""
        yield from _table((_name(one), one.schema, one.description, one.required) for one in operation.parameters)
    if operation.request is not None:
        yield "### Request"
        yield ""
        yield from _request(schemas()[operation.request])
    yield "### Example"
    yield ""
    for name in operation.examples:
        yield from _example(name)
    yield "### Answer"
    yield ""
    yield from _answer(schemas()[operation.answer], answer_example(operation))
    yield from _paragraph(
        f"[Errors](#errors): {', '.join(f'{one.status} `{one.code}`' for one in codes_of(operation))}."
    )


def _request(schema: Schema) -> Iterator[str]:
    yield from _table(_fields(schema))
    if schema is not schemas()["SubmitTask"]:
        return
    common: dict[str, list[str]] = {}
    for tasktype, content_name in CONTENTS.items():
        content = schemas()[content_name]
        yield f"#### Content of `{tasktype}`"
        yield ""
        yield from _paragraph(_words(content))
        yield from _content_example(tasktype)
        yield from _table(_fields(content, only_own=True))
        for part in content.get("allOf", ()):
            if "$ref" in part:
                common.setdefault(part["$ref"].removeprefix(REFERENCE_PREFIX), []).append(tasktype)
    for name, tasktypes in common.items():
        yield f"#### Content of {listed([f'`{one}`' for one in tasktypes], 'or')}, further fields"
        yield ""
        yield from _paragraph(_words(schemas()[name]))
        yield from _table(_fields(schemas()[name]))


def _answer(schema: Schema, example: object) -> Iterator[str]:
    yield "```json"
    yield json.dumps(example, indent=2, ensure_ascii=False)
    yield "```"
    yield ""
    yield "| Field | Meaning |"
    yield "|---|---|"
    for name, _, meaning, required in _fields(schema):
        yield f"| {_shown_name(name, required=required)} | {_escaped(meaning)} |"
    yield ""


_Row = tuple[str, Schema, str, bool]
"""Name, schema, meaning, whether it must be there."""


def _fields(schema: Schema, prefix: str = "", *, only_own: bool = False) -> Iterator[_Row]:
    """The fields of an object, those of inner objects by their path.

    Args:
        schema: of the object.
        prefix: its own path, with a dot after it.
        only_own: without those of the schemas that it adds to.
    """
    for part in schema.get("allOf", ()):
        if not (only_own and "$ref" in part):
            yield from _fields(resolved(part), prefix)
    for name, given in schema.get("properties", {}).items():
        field = resolved(given)
        item = resolved(field["items"]) if "items" in field else field
        path, required = f"{prefix}{name}", name in schema.get("required", ())
        if field.get("description"):
            yield path, field, _words(field), required
        yield from _fields(item, f"{path}{'[]' if item is not field else ''}.")
    node = schema.get("additionalProperties")
    if isinstance(node, dict) and "description" in node:
        yield f"{prefix}<id>", node, _words(node), False
        yield from _fields(node, f"{prefix}<id>.")


def _table(rows: Iterable[_Row]) -> Iterator[str]:
    yield "| Field | Value | Meaning |"
    yield "|---|---|---|"
    for name, schema, meaning, required in rows:
        yield f"| {_shown_name(name, required=required)} | {_escaped(_value(schema))} | {_escaped(meaning)} |"
    yield ""


def _shown_name(name: str, *, required: bool) -> str:
    return f"**`{name}`**" if required else f"`{name}`"


def _value(schema: Schema) -> str:
    """What a field may be, as a table says it: `a whole number from 1 to 150`."""
    schema = resolved(schema)
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "x-must" not in schema and "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "x-must" not in schema and "type" not in schema:
        return "any JSON"
    return must(schema).removeprefix("be ")


def _name(parameter: Parameter) -> str:
    return {"query": f"?{parameter.name}=", "path": f"{{{parameter.name}}}"}.get(parameter.place, parameter.name)


def _codes() -> Iterator[str]:
    yield "| Status | Code | Meaning |"
    yield "|---|---|---|"
    for one in ERROR_CODES:
        yield f"| {one.status} | `{one.code}` | {_escaped(one.meaning)} |"
    yield ""


def _example(name: str) -> Iterator[str]:
    yield from _code(f"{name}.sh", "bash")
    for title, suffix, language in (("Python", "py", "python"), ("JavaScript", "mjs", "javascript")):
        yield from _folded(f"The same in {title}", _code(f"{name}.{suffix}", language))


def _content_example(tasktype: str) -> Iterator[str]:
    """The programs that submit such a task, or the body alone where there are none."""
    name = tasktype.replace("-", "_")
    if (EXAMPLES / f"{name}.sh").exists():
        yield from _example(name)
    else:
        yield from ("```json", json.dumps(REQUEST_EXAMPLES["submitTask"][tasktype], indent=2), "```", "")


def _folded(title: str, lines: Iterable[str]) -> Iterator[str]:
    """What is shown at a click."""
    yield f"<details><summary>{title}</summary>"
    yield ""
    yield from lines
    yield "</details>"
    yield ""


def _code(file: str, language: str) -> Iterator[str]:
    yield f"[{file}](api-examples/{file})"
    yield ""
    yield f"```{language}"
    yield _source(file)
    yield "```"
    yield ""


def _source(file: str) -> str:
    return (EXAMPLES / file).read_text(encoding="utf-8").removeprefix("#!/usr/bin/env bash\n").rstrip()


def _words(schema: Schema) -> str:
    return " ".join(str(schema.get("description", "")).split())


def _paragraph(text: str) -> Iterator[str]:
    yield from textwrap.wrap(text, width=_LINE, break_long_words=False, break_on_hyphens=False)
    yield ""


def _anchor(heading: str) -> str:
    """The address that GitHub gives to a heading."""
    return "".join(letter for letter in heading.lower().replace(" ", "-") if letter.isalnum() or letter in "-_")


def _escaped(text: str) -> str:
    """Text for a cell of a table; what stands in backticks is shown as it is."""
    parts = text.replace("|", "\\|").split("`")
    parts[::2] = [part.replace("<", "&lt;") for part in parts[::2]]
    return "`".join(parts)
