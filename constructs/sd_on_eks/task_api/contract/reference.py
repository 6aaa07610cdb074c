"""The API reference for application developers, docs/api.md."""

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

Submit a task, get a response at once, and receive a callback when the results are in S3. An accepted task always ends.
It runs again only after a failure.

| | |
|---|---|
{operations}

[openapi.json](openapi.json) describes the same API for programs (OpenAPI 3.1). You can generate
[clients](#generated-clients) from it.

## Prerequisites

The outputs of the stack are the endpoint (`FrontApiEndpoint`) and the command that shows the API key
(`GetAPIKeyCommand`). The examples on this page, which are also in [api-examples](api-examples), read them from
environment variables:

```bash
export ENDPOINT=https://abcdefghij.execute-api.us-east-1.amazonaws.com/prod/   # with the slash at the end
export API_KEY=...
export SDWEBUI_RUNTIME=sdruntime COMFYUI_RUNTIME=comfyui                       # names of your runtimes
```

- Send the API key in the header `x-api-key`, and every body as JSON with `Content-Type: application/json`.
- You can see and cancel only tasks of your own API key, unless the deployment is configured otherwise.
- Every response is JSON, with one exception: API Gateway rejects a body over 10 MB with 413 and plain text. A response
  with a status other than 200 is an [error](#errors) that says what is wrong. A rejected request changes nothing.
- If you receive no response, send the request again. With an `Idempotency-Key`, both requests create one task.
- Fields in **bold** are required. A field that is not documented here is rejected, except in the content of a task:
  additional fields of the SD Web UI and its extensions are passed to the server unchanged.
- A seed is a whole number of at most 64 bits, which some JSON libraries round: see [Numbers](#numbers).

Run the examples in their folder: they read workflows from it, and `image.png`, which you add. The shell examples need
curl and `jq`. `get_task` waits for the task of the first example and downloads its results.

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
    """The content of the file."""
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
    lines += _response(callback, callback["examples"][0])
    lines += ["## Errors", "", *_paragraph(_ERRORS), *_response(error, error["examples"][0]), *_codes()]
    return "\n".join(lines).rstrip() + "\n"


_IMAGES: Final = [field.partition("[]")[0] for task_type in SDWEBUI.task_types for field in task_type.image_fields]
_LINKS: Final = (
    f"An image for the SD Web UI ({', '.join(f'`{one}`' for one in _IMAGES)}, images of ControlNet units) and an input "
    "of a workflow (`metadata.inputs`) can be a link instead of base64. The queue agent downloads it just before the "
    "task runs; the inference server never does."
)
_LINK_KINDS: Final = (
    (
        "s3://",
        (
            "The `content_ref` of one of your [uploads](#{uploads}), which must exist when you submit the task; or an "
            "object of a bucket that is configured in `inputBucketArns` of the deployment."
        ),
    ),
    ("https://", "A public host, with at most 5 redirects. A private address is never requested."),
)
_LINK_LIMITS: Final = (
    f"An input for the SD Web UI has at most {INPUT_MAX_BYTES >> 20} MiB, all inputs of a task "
    f"{INPUTS_MAX_BYTES >> 20} MiB in total. A named input of a workflow has at most {DEFAULT_INPUT_MIB} MiB, unless "
    "the deployment configures another limit (`queueAgent.maxInputMb`); all named inputs of a task have three times as "
    "much in total. The limit of ComfyUI (`--max-upload-size`) applies, too. "
    f"A task has at most {MAX_LINKS} links. A link must refer to an image; for `metadata.inputs`, also to a video, "
    "audio or a 3D model. The content of the file decides its type, not its name. The download must complete within 30 "
    "seconds, plus one second for every 512 KiB of all inputs; an interrupted download is retried. Otherwise the task "
    "fails with the code `input`, and the message names the field."
)
_NUMBERS: Final = (
    "The API, the queue agent and the runtimes keep all digits of a 64-bit number, such as a seed; so do Python and "
    "curl. Numbers in JavaScript are exact only up to 2^53: send a `BigInt` with `JSON.rawJSON`, and read one from the "
    "`source` that `JSON.parse` passes to its reviver, as `toJson` and `fromJson` of the client above do. The file of "
    "a workflow can have such seeds, too."
)
_GENERATORS: Final = (
    (
        "You can generate clients from [openapi.json](openapi.json). Three generators are "
        "[tested](../tests/integration/generated_clients): the clients send every field, including those of "
        "extensions, and their responses are typed."
    ),
    (
        "`baseUrl` is the endpoint without the slash at the end. In TypeScript, too, send a seed beyond 2^53 as "
        "`JSON.rawJSON` of its digits; its generated type is `number`."
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
        f"A {_WITH_CHECKPOINT} task uses the checkpoint in `override_settings.sd_model_checkpoint` or "
        "`alwayson_scripts.sd_model_checkpoint`; otherwise the checkpoint of its runtime (`modelFilename`). The "
        "checkpoint is determined when you submit the task, loaded before the task runs and verified afterwards. "
        "`result.checkpoint` of the callback is the path of the file. Upscaling uses no checkpoint."
    ),
    (
        "The name of a checkpoint is its path in the model bucket, or the end of it: `sdxl/base.safetensors`, "
        "`base.safetensors`, `base`, or the title that the server shows, with its hash. A task fails if the name "
        "matches two files (`ambiguous_checkpoint`) or no file (`unknown_checkpoint`); the message lists the files. A "
        "task also fails with any other name that the server would silently replace: `unknown_sampler`, "
        "`unknown_scheduler`, `unknown_style`, `unknown_vae`, and with Forge `unknown_module`."
    ),
)
_CALLBACKS: Final = (
    "When a task has ended, the deployment publishes a message to its output topic in Amazon SNS (stack output "
    "`sdNotificationOutputArn`). Subscribe an SQS queue, a Lambda function or an HTTPS endpoint to it; "
    "[callbacks.md](callbacks.md) has the code."
)
_ERRORS: Final = (
    "Use `code` in programs; `message` is for people, and `field` is the location of the error. After 429 and 5xx, "
    "wait as many seconds as `Retry-After` says, then send the same request again. With an `Idempotency-Key`, this "
    "never creates a second task."
)


def _link_kinds() -> Iterator[str]:
    uploads = next(operation for operation in OPERATIONS if operation.name == "createUpload")
    yield "| Link | Allowed targets |"
    yield "|---|---|"
    for scheme, place in _LINK_KINDS:
        yield f"| `{scheme}...` | {place.replace('{uploads}', _anchor(uploads.summary))} |"
    yield ""


def _generators() -> Iterator[str]:
    tested, hints = _GENERATORS
    yield from _paragraph(tested)
    yield "| Generator | Generate | Create a client |"
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
    yield "### Response"
    yield ""
    yield from _response(schemas()[operation.answer], answer_example(operation))
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
        yield f"#### Additional fields of {listed([f'`{one}`' for one in tasktypes], 'or')}"
        yield ""
        yield from _paragraph(_words(schemas()[name]))
        yield from _table(_fields(schemas()[name]))


def _response(schema: Schema, example: object) -> Iterator[str]:
    yield "```json"
    yield json.dumps(example, indent=2, ensure_ascii=False)
    yield "```"
    yield ""
    yield "| Field | Description |"
    yield "|---|---|"
    for name, _, meaning, required in _fields(schema):
        yield f"| {_shown_name(name, required=required)} | {_escaped(meaning)} |"
    yield ""


_Row = tuple[str, Schema, str, bool]
"""Name, schema, description, whether it is required."""


def _fields(schema: Schema, prefix: str = "", *, only_own: bool = False) -> Iterator[_Row]:
    """The fields of an object; those of nested objects by their path.

    Args:
        schema: schema of the object.
        prefix: path of the object, with a dot at the end.
        only_own: leave out the fields of the schemas that it extends.
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
    yield "| Field | Value | Description |"
    yield "|---|---|---|"
    for name, schema, meaning, required in rows:
        yield f"| {_shown_name(name, required=required)} | {_escaped(_value(schema))} | {_escaped(meaning)} |"
    yield ""


def _shown_name(name: str, *, required: bool) -> str:
    return f"**`{name}`**" if required else f"`{name}`"


def _value(schema: Schema) -> str:
    """The rule for a field, as a table has it: `a whole number from 1 to 150`."""
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
    yield "| Status | Code | Description |"
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
    """A section that is folded until it is clicked."""
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
    """The anchor that GitHub generates for a heading."""
    return "".join(letter for letter in heading.lower().replace(" ", "-") if letter.isalnum() or letter in "-_")


def _escaped(text: str) -> str:
    """Text for a cell of a table; code in backticks is not escaped."""
    parts = text.replace("|", "\\|").split("`")
    parts[::2] = [part.replace("<", "&lt;") for part in parts[::2]]
    return "`".join(parts)
