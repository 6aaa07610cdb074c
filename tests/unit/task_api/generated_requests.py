"""Requests that are mostly valid: those of callers, with one or two values changed.

A change is anything that JSON can say, at any place, so that most of them get far into the handler. The runtimes are
those of the tests' `Api`: `sd`, `any` (dynamic) and `comfy`.
"""

import base64
import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Request:
    """A request; the fields are the arguments of `Api.send`."""

    method: str
    path: str
    body: str | None = None
    headers: dict[str, str] | None = None
    query: dict[str, str] | None = None
    key: str = "key1"
    base64_encoded: bool = False


PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, -1, 1, 7, 2**31, 2**64, 10**40, 0.5, 1.0, -1e308, 1e-300, 512.0])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(
        ["", " ", "\n", "\0", "..", "a/../b", "ü" * 200, "x" * 3000, "\ud800", "data:image/png;base64,", "=="]
    )
    | st.sampled_from(
        ["http://169.254.169.254/", "https://a/b.png", "s3://output/uploads/key1/x", "file:///etc/passwd"]
    )
)
JSON = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
"""Any JSON value, and strings that JSON can represent and UTF-8 cannot."""

FILES = st.binary(min_size=1, max_size=40).map(lambda data: base64.b64encode(data).decode())
LINKS = st.sampled_from(["https://example.com/a.png", "https://93.184.215.14/b?c=d", "s3://inputs/a b/c.png"])
IMAGES = FILES | LINKS
"""Inputs of content, and named inputs; `inputs` is a bucket for inputs."""
IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,20}", fullmatch=True)
EXPIRIES = st.none() | st.sampled_from(["2026-11-24T10:00:00Z", "soon", 0, 1e12])


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


def joined(*parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(*parts).map(lambda found: {name: value for one in found for name, value in one.items()})


GENERATION = optional(
    prompt=st.text(max_size=30),
    negative_prompt=st.text(max_size=10),
    steps=st.integers(1, 150) | st.integers(1, 150).map(float),
    width=st.integers(1, 512).map(lambda blocks: blocks * 8),
    height=st.integers(1, 512).map(lambda blocks: blocks * 8),
    batch_size=st.integers(1, 8),
    n_iter=st.integers(1, 8),
    cfg_scale=st.floats(0, 100),
    seed=st.integers(-1, 2**32) | st.none(),
    styles=st.none() | st.lists(st.text(max_size=5), max_size=2),
    sampler_name=st.none() | st.just("Euler a"),
    override_settings=st.none() | st.just({"CLIP_stop_at_last_layers": 2}),
    alwayson_scripts=st.just({}) | st.just({"controlnet": {"args": [{"image": "QUFB"}]}}),
    send_images=st.sampled_from([True]),
    an_extensions_field=JSON.filter(lambda value: "\\ud8" not in json.dumps(value)),
)
EXTRAS = optional(
    resize_mode=st.sampled_from([0, 1]), upscaling_resize=st.floats(0.5, 8), upscaler_1=st.just("R-ESRGAN 4x+")
)
HIRES = optional(
    enable_hr=st.sampled_from([False]), hr_scale=st.floats(1, 8), denoising_strength=st.none() | st.floats(0, 1)
)
IMAGE = st.fixed_dictionaries(
    {"init_images": st.lists(IMAGES, min_size=1, max_size=1)},
    optional={"denoising_strength": st.floats(0, 1), "mask": st.none() | IMAGES},
)
NAMED_INPUTS = st.dictionaries(st.just("cat.png"), IMAGES, max_size=1)
NODE = st.fixed_dictionaries(
    {"class_type": st.sampled_from(["KSampler", "SaveImage"])},
    optional={"inputs": st.fixed_dictionaries({"steps": st.integers(1, 20)}), "_meta": st.just({"title": "x"})},
)
WORKFLOW = st.dictionaries(st.sampled_from(["1", "2", "3:4"]), NODE, min_size=1, max_size=3).map(
    lambda graph: (
        graph
        | {
            "8": {"class_type": "LoadImage", "inputs": {"image": "cat.png"}},
            "9": {"class_type": "SaveImage", "inputs": {"images": [next(iter(graph)), 0]}},
        }
    )
)
CONTENTS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "text-to-image": joined(GENERATION, HIRES),
    "image-to-image": joined(GENERATION, IMAGE),
    "extra-single-image": joined(EXTRAS, st.fixed_dictionaries({"image": IMAGES})),
    "extra-batch-images": joined(
        EXTRAS,
        st.fixed_dictionaries(
            {
                "imageList": st.lists(
                    st.fixed_dictionaries({"data": IMAGES, "name": st.text(max_size=5)}), min_size=1, max_size=2
                )
            }
        ),
    ),
    "pipeline": WORKFLOW,
}
"""Valid contents by task type."""


@st.composite
def submits(draw: st.DrawFn) -> dict[str, Any]:
    """Valid bodies of `POST /v1alpha2`."""
    tasktype = draw(st.sampled_from(sorted(CONTENTS)))
    runtime = "comfy" if tasktype == "pipeline" else draw(st.sampled_from(["sd", "any"]))
    further = draw(
        optional(
            prefix=st.sampled_from(["a/b", "a/", "", None]),
            context=JSON.filter(lambda value: len(json.dumps(value)) < 16_000 and "\\ud8" not in json.dumps(value)),
            inputs=st.none() | (st.just({}) if tasktype != "pipeline" else NAMED_INPUTS),
            expires_at=st.none(),
        )
    )
    metadata = {"id": draw(IDS), "runtime": runtime, "tasktype": tasktype, **further}
    return {"task": {"metadata": metadata, "content": draw(CONTENTS[tasktype])}}


@st.composite
def submits_v1alpha1(draw: st.DrawFn) -> dict[str, Any]:
    """Valid bodies of `POST /v1alpha1`."""
    tasktype = draw(st.sampled_from(sorted(set(CONTENTS) - {"pipeline"})))
    scripts = {
        "task": tasktype,
        "id_task": draw(IDS),
        "sd_model_checkpoint": draw(st.sampled_from(["v1-5.safetensors", "another.ckpt"])),
    } | draw(optional(save_dir=st.just("out"), uid=st.text(max_size=5).filter(str.isascii), controlnet=st.just({})))
    return {**draw(CONTENTS[tasktype]), "alwayson_scripts": scripts}


UPLOADS = st.fixed_dictionaries(
    {
        "content_type": st.sampled_from(["application/json", "image/png", "image/jpeg", "image/webp"]),
        # JSON has one type of number: 512.0 is an integer, too.
        "content_length": st.integers(1, 20 * 2**20) | st.integers(1, 1000).map(float),
    }
)


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """The path of every value in a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield from places(inner, (*path, name))


@st.composite
def mutated(draw: st.DrawFn, right: st.SearchStrategy[Any]) -> Any:
    """A valid value with up to two changes: a value replaced, removed or added."""
    value = copy.deepcopy(draw(right))
    for _ in range(draw(st.sampled_from([0, 1, 1, 1, 2]))):
        path = draw(st.sampled_from(list(places(value))))
        value = _changed(draw, value, path)
    return value


def _changed(draw: st.DrawFn, value: Any, path: Path) -> Any:
    if not path:
        target: Any = value
        if isinstance(target, dict) and draw(st.booleans()):
            return {**target, draw(st.text(max_size=8)): draw(JSON)}
        return draw(JSON)
    parent = value
    for name in path[:-1]:
        parent = parent[name]
    inner = parent[path[-1]]
    if isinstance(inner, dict) and draw(st.booleans()):
        inner[draw(st.text(max_size=8) | st.sampled_from(["content_ref", "nodes", "prompt"]))] = draw(JSON)
    elif isinstance(inner, list) and draw(st.booleans()):
        inner.append(draw(JSON))
    elif draw(st.integers(0, 3)) == 0:
        del parent[path[-1]]
    else:
        parent[path[-1]] = draw(JSON)
    return value


ODD_TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            "",
            "{",
            "null",
            '{"task": 1, "task": 2}',
            '{"task": NaN}',
            '{"task": 1e999}',
            '{"task": "\\ud800"}',
            '{"task": "\ud800"}',
            "[" * 5000,
            '{"a":' * 200 + "1" + "}" * 200,
            "\ufeff{}",
            '{"a": ' + "9" * 5000 + "}",
        ]
    ),
)
"""Bodies that are not valid JSON, or that parsers read differently."""

HEADERS = st.fixed_dictionaries(
    {"content-type": st.sampled_from(["application/json"] * 8 + ["application/json; charset=utf-8", "text/plain", ""])},
    optional={"Idempotency-Key": st.sampled_from(["a", "b"]) | st.text(max_size=5)},
)
QUERIES = st.none() | st.dictionaries(
    st.sampled_from(["runtime", "status", "limit", "next", "submission", "position", "x"]),
    st.sampled_from(["sd", "comfy", "queued", "running", "1", "100", "0", "01KAVR2M5T8Z3N6W1Q4Y7H0C2E"])
    | st.text(max_size=8),
    max_size=4,
)


@st.composite
def posts(draw: st.DrawFn) -> Request:
    """POSTs with a body."""
    path, right = draw(
        st.sampled_from([("/v1alpha2", submits()), ("/v1alpha1", submits_v1alpha1()), ("/v1alpha2/uploads", UPLOADS)])
    )
    body = draw(mutated(right).map(json.dumps) | ODD_TEXTS) if draw(st.integers(0, 9)) == 0 else None
    body = draw(mutated(right).map(json.dumps)) if body is None else body
    encoded = draw(st.integers(0, 9)) == 0
    if encoded and draw(st.booleans()):
        body = base64.b64encode(body.encode("utf-8", "surrogatepass")).decode()
    return Request(
        "POST", path, body, draw(HEADERS), base64_encoded=encoded, key=draw(st.sampled_from(["key1", "key2"]))
    )


@st.composite
def others(draw: st.DrawFn) -> Request:
    """Requests without a body, some of them for unknown routes."""
    task_id = draw(IDS | st.sampled_from(["t1", "", "a b", "%00", "ä", "x" * 200]))
    method, path = draw(
        st.sampled_from(
            [
                ("GET", "/v1alpha2/tasks"),
                ("GET", f"/v1alpha2/tasks/{task_id}"),
                ("POST", f"/v1alpha2/tasks/{task_id}/cancel"),
                ("DELETE", "/v1alpha2/tasks"),
                ("GET", "/v3"),
            ]
        )
    )
    return Request(method, path, query=draw(QUERIES), headers=draw(st.just({}) | HEADERS))


REQUESTS = posts() | posts() | posts() | others()
"""All requests."""
