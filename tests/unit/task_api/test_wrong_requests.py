"""An invalid request is rejected with an error that names the field, and stores no record and no object."""

import base64
import json
from typing import Any

import pytest

ROUTING = {"task": "text-to-image", "id_task": "t1", "sd_model_checkpoint": "v1-5.safetensors"}
SCRIPTS = "alwayson_scripts"
LARGE = "x" * 300_000
"""Too large for a message: an object that is stored before validation would be found. It is valid base64."""
IMAGE = base64.b64encode(b"an image!").decode()

Sent = tuple[str, Any]
Wrong = tuple[Sent, int, str, str, str]
"""A request; status, code, field and a part of the message of its error."""


def v1alpha1(scripts: Any = None, **body: Any) -> Sent:
    return "/v1alpha1", {"prompt": LARGE, SCRIPTS: ROUTING | (scripts or {}), **body}


def v1alpha2(content: Any = None, **metadata: Any) -> Sent:
    known = {"id": "t1", "runtime": "sd", "tasktype": "text-to-image"} | metadata
    return "/v1alpha2", {"task": {"metadata": known, "content": {"prompt": LARGE} if content is None else content}}


def pipeline(**nodes: Any) -> Sent:
    return v1alpha2(nodes, runtime="comfy", tasktype="pipeline")


def named(inputs: Any, name: str, message: str) -> Wrong:
    node = {"class_type": "LoadImage", "inputs": {"image": "a.png", "prompt": LARGE}}
    sent = v1alpha2({"1": node}, runtime="comfy", tasktype="pipeline", inputs=inputs)
    return invalid(sent, f"task.metadata.inputs.{name}", message)


def image(**content: Any) -> Sent:
    return v1alpha2({"prompt": LARGE, "init_images": [IMAGE], **content}, tasktype="image-to-image")


def single(**content: Any) -> Sent:
    return v1alpha2({"image": IMAGE, **content}, tasktype="extra-single-image")


def batch(*images: Any) -> Sent:
    return v1alpha2({"imageList": list(images)}, tasktype="extra-batch-images")


def task(**fields: Any) -> Sent:
    metadata = {"id": "t1", "runtime": "sd", "tasktype": "text-to-image"}
    return "/v1alpha2", {"task": {"metadata": metadata, **fields}}


def invalid(sent: Sent, field: str, message: str) -> Wrong:
    return sent, 400, "invalid_request", field, message


def metadata(field: str, value: Any, message: str) -> Wrong:
    return invalid(v1alpha2(**{field: value}), f"task.metadata.{field}", message)


def text(field: str, value: Any, message: str) -> Wrong:
    return invalid(v1alpha2({"prompt": LARGE, field: value}), f"task.content.{field}", message)


def img2img(field: str, value: Any, message: str, at: str = "") -> Wrong:
    return invalid(image(**{field: value}), f"task.content.{field}{at}", message)


def extra(field: str, value: Any, message: str) -> Wrong:
    return invalid(single(**{field: value}), f"task.content.{field}", message)


def script(field: str, value: Any, message: str) -> Wrong:
    return invalid(v1alpha1({field: value}), f"{SCRIPTS}.{field}", message)


def without(sent: Sent, *path: str) -> Sent:
    parent = sent[1]
    for name in path[:-1]:
        parent = parent[name]
    del parent[path[-1]]
    return sent


ENVELOPE = {
    "no task": invalid(("/v1alpha2", {}), "task", "must be an object, got nothing"),
    "task null": invalid(("/v1alpha2", {"task": None}), "task", "must be an object, got null"),
    "key beside task": invalid(
        ("/v1alpha2", v1alpha2()[1] | {"tasks": 1}), "tasks", "must be a known field; did you mean 'task'?"),
    "no metadata": invalid(without(v1alpha2(), "task", "metadata"), "task.metadata", "must be an object, got nothing"),
    "metadata a list": invalid(task(metadata=[]), "task.metadata", "must be an object, got a list"),
    "key beside metadata": invalid(task(contents={}, content={}), "task.contents", "did you mean 'content'?"),
    "key in metadata": metadata("task_type", "x", "must be a known field; did you mean 'tasktype'?"),
    "unknown key": metadata("colour", "x", "must be a known field; allowed: context, expires_at, id, inputs"),
    "no content": invalid(task(), "task.content", "must be an object, got nothing"),
    "content a list": invalid(v1alpha2([LARGE]), "task.content", "must be an object, got a list"),
    "content a string": invalid(v1alpha2(LARGE), "task.content", "must be an object, got 'xxx"),
    "content and reference": invalid(
        task(content={}, content_ref="s3://output/uploads/key1/a"), "task.content", "be left out if content_ref is"),
    "reference elsewhere": invalid(task(content_ref="https://a/b"), "task.content_ref", "must be the content_ref of"),
    "reference to results": invalid(task(content_ref="s3://output/t1/a.png"), "task.content_ref", "uploads"),
    "reference a number": invalid(task(content_ref=1), "task.content_ref", "got the number 1"),
}  # fmt: skip

METADATA = {
    "no id": invalid(without(v1alpha2(), "task", "metadata", "id"), "task.metadata.id", "must be 1 to 128 letters"),
    "id a number": metadata("id", 1, "got the number 1"),
    "id empty": metadata("id", "", "got ''"),
    "id too long": metadata("id", "a" * 129, "1 to 128"),
    "id starts with a dot": metadata("id", ".a", "the first a letter or digit"),
    "id of two lines": metadata("id", "a\n", "must be"),
    "id of two segments": metadata("id", "a/b", "letters, digits or ._~-"),
    "id with an umlaut": metadata("id", "ä", "got 'ä'"),
    "no runtime": invalid(
        without(v1alpha2(), "task", "metadata", "runtime"), "task.metadata.runtime", "must be the name of a runtime"),
    "runtime a number": metadata("runtime", 1, "got the number 1"),
    "runtime null": metadata("runtime", None, "got null"),
    "runtime misspelled": (
        v1alpha2(runtime="confy"), 404, "unknown_runtime", "task.metadata.runtime", "did you mean 'comfy'?"),
    "runtime unknown": (
        v1alpha2(runtime="zzz"), 404, "unknown_runtime", "task.metadata.runtime", "allowed: any, comfy, sd"),
    "no tasktype": invalid(
        without(v1alpha2(), "task", "metadata", "tasktype"), "task.metadata.tasktype", "must be text-to-image, image"),
    "tasktype misspelled": metadata("tasktype", "text2image", "did you mean 'text-to-image'?"),
    "tasktype unknown": metadata("tasktype", "zzz", "or pipeline, got 'zzz'"),
    "task type of another runtime": metadata("tasktype", "pipeline", "sdwebui runtime 'sd', got 'pipeline'; allowed"),
    "task type of the other runtime": invalid(
        v1alpha2(runtime="comfy"), "task.metadata.tasktype", "must be a task type of the comfyui runtime 'comfy', got"),
    "prefix a number": metadata("prefix", 1, "got the number 1"),
    "prefix with dots": metadata("prefix", "a/../b", "segments"),
    "prefix absolute": metadata("prefix", "/a", "segments"),
    "prefix with an empty segment": metadata("prefix", "a//b", "single slashes"),
    "prefix reserved": metadata("prefix", "payloads", "payloads"),
    "prefix below a reserved one": metadata("prefix", "uploads/x", "the first not `uploads`, `payloads` or `parked`"),
    "prefix too long": metadata("prefix", "a" * 513, "512"),
    "prefix of two lines": metadata("prefix", "a\n", "segments"),
    "context too large": metadata("context", "x" * 16_384, "at most 16384 bytes of JSON, got 16386"),
    "inputs": metadata("inputs", {"a": IMAGE}, "be left out for text-to-image, whose images are part of the"),
    "inputs a list": metadata("inputs", [IMAGE], "must be an object of at most 32 names and their files, got a list"),
    "expires too late": metadata("expires_at", "2999-01-01T00:00:00Z", "the future and at most 3600 s from now"),
    "expired": metadata("expires_at", "2020-01-01T00:00:00Z", "must be in the future"),
    "expires in milliseconds": metadata("expires_at", 1795514400000, "the future and at most 3600 s from now"),
    "expires at no time": metadata("expires_at", "soon", "got 'soon'"),
    "expires true": metadata("expires_at", value=True, message="got a boolean"),
    "expires beyond time": metadata("expires_at", 10**400, "future"),
    "expires in an object": metadata("expires_at", {}, "must be a time such as 2026-11-24T10:00:00Z"),
}  # fmt: skip

TEXT_TO_IMAGE = {
    "prompt a list": text("prompt", [LARGE], "must be a string of at most 1000000 characters, got a list"),
    "prompt null": text("prompt", None, "got null"),
    "prompt of a megabyte": text("negative_prompt", "x" * 1_000_001, "(1000001 characters)"),
    "zero steps": text("steps", 0, "must be a whole number from 1 to 150, got the number 0"),
    "too many steps": text("steps", 151, "must be a whole number from 1 to 150"),
    "half a step": text("steps", 20.5, "got the number 20.5"),
    "steps as a string": text("steps", "20", "must be a whole number from 1 to 150, got '20'"),
    "steps true": text("steps", value=True, message="got a boolean (true)"),
    "steps null": text("steps", None, "got null"),
    "width zero": text("width", 0, "must be a whole number from 8 to 4096, a multiple of 8"),
    "width negative": text("width", -512, "from 8 to 4096"),
    "width too large": text("width", 4104, "from 8 to 4096"),
    "width between blocks": text("width", 500, "a multiple of 8, got the number 500"),
    "height too large": text("height", 10**30, "from 8 to 4096"),
    "height between blocks": text("height", 513.0, "a multiple of 8"),
    "batch too large": text("batch_size", 17, "from 1 to 16, or to 64 if AnimateDiff is enabled, got the number 17"),
    "frames of an AnimateDiff that is off": invalid(
        v1alpha2({"batch_size": 32, "alwayson_scripts": {"AnimateDiff": {"args": [{"enable": False}]}}}),
        "task.content.batch_size", "if AnimateDiff is enabled"),
    "too many frames": text("batch_size", 65, "from 1 to 64"),
    "too many batches of frames": invalid(
        v1alpha2({"batch_size": 32, "n_iter": 3, "alwayson_scripts": {"AnimateDiff": {"args": [{"enable": True}]}}}),
        "task.content.n_iter", "at most 64 images with batch_size, got 96"),
    "link for a script": invalid(
        v1alpha2({"alwayson_scripts": {"ReActor": {"args": [None, {"face": ["https://a/b.png"]}]}}}),
        "task.content.alwayson_scripts.ReActor.args[1].face[0]", "must not be a link, which the server would follow"),
    "link for a selected script": invalid(
        v1alpha2({"script_name": "x", "script_args": ["s3://a/b.png"]}), "task.content.script_args[0]", "must not be"),
    "too many batches": text("n_iter", 65, "from 1 to 64"),
    "too many images": invalid(
        v1alpha2({"batch_size": 16, "n_iter": 5}),
        "task.content.n_iter", "at most 64 images with batch_size, got 80"),
    "scale negative": text("cfg_scale", -1, "must be a number from 0 to 100"),
    "scale too large": text("cfg_scale", 1e9, "must be a number from 0 to 100"),
    "seed of 65 bits": text("seed", 2**64, "64 bits"),
    "seed not whole": text("seed", 0.5, "whole number"),
    "variation too strong": text("subseed_strength", 1.5, "from 0 to 1"),
    "strength too large": text("denoising_strength", 1.01, "from 0 to 1"),
    "settings a list": text("override_settings", [], "must be an object of settings"),
    "scripts a list": text("alwayson_scripts", [], "must be an object of scripts"),
    "send_images false": text("send_images", value=False, message="must be true or left out"),
    "styles of numbers": invalid(v1alpha2({"styles": [1]}), "task.content.styles[0]", "must be a string"),
    "tiling a string": text("tiling", "yes", "must be true or false"),
    "second pass too large": invalid(
        v1alpha2({"enable_hr": True, "width": 2048, "hr_scale": 4.5}),
        "task.content.hr_scale", "width to at most 8192 pixels, got 9216"),
    "second pass too large by default": invalid(
        v1alpha2({"enable_hr": True, "width": 64, "height": 4096, "hr_scale": 2.5}), "task.content.hr_scale", "height"),
    "second pass to a size too large": text("hr_resize_x", 8193, "from 0 to 8192"),
    "second pass with too many steps": text("hr_second_pass_steps", 151, "from 0 to 150"),
}  # fmt: skip

IMAGES = {
    "no images": invalid(
        v1alpha2({}, tasktype="image-to-image"), "task.content.init_images", "must be a list of 1 to 16 images"),
    "images empty": img2img("init_images", [], "must be a list of 1 to 16 images, got a list of 0"),
    "images null": img2img("init_images", None, "got null"),
    "image instead of a list": img2img("init_images", IMAGE, "must be a list"),
    "too many images": img2img("init_images", [IMAGE] * 17, "got a list of 17"),
    "more images than the batch": img2img(
        "init_images", [IMAGE] * 3, "at most batch_size images (1), got 3"),
    "image a number": img2img("init_images", [7], "or an https:// or s3:// link to one, got the number 7", "[0]"),
    "image empty": img2img("init_images", [IMAGE, ""], "must be an image in base64", "[1]"),
    "image a link": img2img("init_images", ["http://a/b"], "got a http:// link, which is not encrypted", "[0]"),
    "image a link with a user": img2img("init_images", ["https://a:b@c/d"], "without user name and password", "[0]"),
    "image without a host": img2img("init_images", ["https:///a"], "must be a link with a host", "[0]"),
    "image on an invalid host": img2img("init_images", ["https://[::1/a"], "valid URL, got one that cannot be", "[0]"),
    "image on a private host": img2img(
        "init_images", ["HTTPS://169.254.169.254/"], "a public host, got '169.254.169.254'", "[0]"),
    "image on a disguised host": img2img("init_images", ["https://0x7f.1/a"], "a public host, got '0x7f.1'", "[0]"),
    "image on a private IPv6 host": img2img("init_images", ["https://[fd00::1]/"], "public host, got 'fd00::1'", "[0]"),
    "image a long link": img2img("init_images", [f"https://a/{LARGE}"], "at most 8192 characters, got 3000", "[0]"),
    "image in another bucket": img2img("init_images", ["s3://another/a.png"], "must be a content_ref that POST", "[0]"),
    "image of another caller": img2img("init_images", ["s3://output/uploads/key2/a"], "must be a content_ref", "[0]"),
    "image a result": img2img("init_images", ["s3://output/t1/a.png"], "must be a content_ref", "[0]"),
    "image a file": img2img("init_images", ["file:///etc/passwd"], "got a file:// link", "[0]"),
    "image not base64": img2img("init_images", ["an image!!!"], "got ' ' as character 3", "[0]"),
    "image in lines": img2img("init_images", [f"{IMAGE}\n"], f"got '\\n' as character {len(IMAGE) + 1}", "[0]"),
    "image truncated": img2img("init_images", [LARGE + "x"], "300001 characters, which is not a multiple of 4", "[0]"),
    "image padded in the middle": img2img("init_images", ["QQ==QUFB"], "got '=' as character 3", "[0]"),
    "image padded too much": img2img("init_images", ["Q==="], "got '=' as character 2", "[0]"),
    "image in base64url": img2img("init_images", ["_-_-"], "got '_' as character 1", "[0]"),
    "image of no bytes": img2img("init_images", ["data:image/png;base64,"], "got an empty string", "[0]"),
    "image of another media type": img2img("init_images", ["data:text/html;base64,QUFB"], "got ':'", "[0]"),
    "image not ASCII": img2img("init_images", ["QUFä"], "got 'ä' as character 4", "[0]"),
    "mask a link": img2img("mask", "http://a/b", "got a http:// link"),
    "mask not base64": img2img("mask", "?", "must be an image in base64"),
    "mask a list": img2img("mask", [IMAGE], "or an https:// or s3:// link to one, got a list"),
    "mask of ControlNet": invalid(
        image(alwayson_scripts={"ControlNet": {"args": [{"image": {"image": IMAGE, "mask": "http://a/b"}}]}}),
        "task.content.alwayson_scripts.ControlNet.args[0].image.mask", "got a http:// link"),
    "strength null": img2img("denoising_strength", None, "from 0 to 1, got null"),
    "resize mode": img2img("resize_mode", 4, "must be 0, 1, 2 or 3"),
    "resize mode true": img2img("resize_mode", value=True, message="must be 0, 1, 2 or 3"),
    "steps of an image": img2img("steps", 1000, "from 1 to 150"),
    "nothing to upscale": invalid(
        v1alpha2({}, tasktype="extra-single-image"), "task.content.image", "or s3:// link to one, got nothing"),
    "upscale a link": extra("image", "http://a/b", "got a http:// link"),
    "upscale no base64": extra("image", "QQ", "not a multiple of 4"),
    "upscale by zero": extra("upscaling_resize", 0, "must be a number more than 0 and at most 8"),
    "upscale by too much": extra("upscaling_resize", 9, "more than 0 and at most 8"),
    "upscale to too much": extra("upscaling_resize_w", 8193, "from 1 to 8192"),
    "show_extras_results a string": extra("show_extras_results", "no", "must be true or false"),
    "no list to upscale": invalid(
        v1alpha2({}, tasktype="extra-batch-images"), "task.content.imageList", "must be a list of 1 to 64 images"),
    "empty list to upscale": invalid(batch(), "task.content.imageList", "got a list of 0"),
    "list of strings": invalid(batch(IMAGE), "task.content.imageList[0]", "must be an object with name and data"),
    "image without data": invalid(batch({"name": "a"}), "task.content.imageList[0].data", "got nothing"),
    "image without name": invalid(batch({"data": IMAGE}), "task.content.imageList[0].name", "got nothing"),
    "second image a link": invalid(
        batch({"data": IMAGE, "name": "a"}, {"data": "ftp://a/b", "name": "b"}),
        "task.content.imageList[1].data", "got a ftp:// link, which is not supported"),
    "too many links": invalid(
        batch(*({"data": "https://a/b", "name": "a"} for _ in range(33))),
        "task.content.imageList[32].data", "must be one of at most 32 links"),
}  # fmt: skip

PIPELINE = {
    "workflow empty": invalid(pipeline(), "task.content", "must have at least one node"),
    "workflow of the editor": invalid(pipeline(nodes=[], links=[]), "task.content", "with Workflow > Export"),
    "whole request": invalid(
        pipeline(prompt={"1": {"class_type": "X"}}, client_id="a"), "task.content", "send only the value of its"),
    "meta batch": invalid(
        pipeline(a={"class_type": "VHS_BatchManager"}, b={"class_type": "X", "inputs": {"meta_batch": ["a", 0]}}),
        "task.content.a",
        "must not use a Meta Batch Manager",
    ),
    "node a string": invalid(pipeline(a=LARGE), "task.content.a", "be a node with class_type and inputs, got 'xxx"),
    "node null": invalid(pipeline(a=None), "task.content.a", "must be a node"),
    "node without class": invalid(pipeline(a={"inputs": {}}), "task.content.a.class_type", "got nothing"),
    "node of empty class": invalid(pipeline(a={"class_type": ""}), "task.content.a.class_type", "name of the node"),
    "class a number": invalid(pipeline(a={"class_type": 1}), "task.content.a.class_type", "got the number 1"),
    "node with a list of inputs": invalid(
        pipeline(a={"class_type": "X", "inputs": [LARGE]}), "task.content.a.inputs", "must be an object of names"),
    "link to an unknown node": invalid(
        pipeline(a={"class_type": "X", "inputs": {"b": ["c", 0], "d": LARGE}}),
        "task.content.a.inputs.b", "must be a link to a node of the workflow, got 'c'"),
    "input that no node has": named({"b.png": IMAGE}, "b.png", "no node has it"),
    "input not base64": named({"a.png": "?"}, "a.png", "must be a file in base64, or an https:// or s3:// link to one"),
    "input of another media type": named({"a.png": "data:text/html;base64,QUFB"}, "a.png", "got ':'"),
    "input a list": named({"a.png": [IMAGE]}, "a.png", "link to one, got a list"),
    "input a file": named({"a.png": "file:///etc/passwd"}, "a.png", "got a file:// link, which is not supported"),
    "input on a private host": named({"a.png": "https://10.0.0.1/a.png"}, "a.png", "must be a link to a public host"),
}  # fmt: skip

V1ALPHA1 = {
    "no scripts": invalid(("/v1alpha1", {"prompt": LARGE}), SCRIPTS, "must be an object with task, id_task and"),
    "scripts a list": invalid(("/v1alpha1", {SCRIPTS: [LARGE]}), SCRIPTS, "got a list"),
    "no task type": invalid(without(v1alpha1(), SCRIPTS, "task"), f"{SCRIPTS}.task", "must be text-to-image, image"),
    "task type of a workflow": script("task", "pipeline", "or extra-batch-images, got 'pipeline'"),
    "task type misspelled": script("task", "image-2-image", "did you mean 'image-to-image'?"),
    "no checkpoint": invalid(
        without(v1alpha1(), SCRIPTS, "sd_model_checkpoint"), f"{SCRIPTS}.sd_model_checkpoint", "got nothing"),
    "checkpoint empty": script("sd_model_checkpoint", "", "must be a non-empty string"),
    "v1alpha1 id": script("id_task", "a b", "letters"),
    "v1alpha1 id a number": script("id_task", 21123, "got the number 21123"),
    "v1alpha1 prefix": script("save_dir", "/a", "segments"),
    "uid too large": script("uid", "x" * 16_384, "at most 16384 bytes"),
    "v1alpha1 image": invalid(v1alpha1({"task": "image-to-image"}), "init_images", "must be a list of 1 to 16"),
    "v1alpha1 link": invalid(
        v1alpha1({"task": "image-to-image", "image_link": "http://a/b"}), f"{SCRIPTS}.image_link", "a http:// link"),
    "v1alpha1 link a list": script("image_link", [IMAGE], "must be an image in base64"),
    "v1alpha1 link for a script": invalid(
        v1alpha1({"X": {"args": ["file:///etc/passwd"]}}), f"{SCRIPTS}.X.args[0]", "must not be a link"),
    "v1alpha1 steps": invalid(v1alpha1(steps=0), "steps", "must be a whole number from 1 to 150"),
    "v1alpha1 settings": invalid(v1alpha1(override_settings=1), "override_settings", "must be an object of settings"),
}  # fmt: skip

CASES = ENVELOPE | METADATA | TEXT_TO_IMAGE | IMAGES | PIPELINE | V1ALPHA1


@pytest.mark.parametrize(("sent", "status", "code", "field", "message"), CASES.values(), ids=CASES)
def test_fails_when_a_request_is_invalid(
    api: Any, sent: Sent, status: int, code: str, field: str, message: str
) -> None:
    path, body = sent
    answered, answer, _ = api.send("POST", path, json.dumps(body))
    error = answer["error"]
    assert (answered, error["code"], error.get("field")) == (status, code, field)
    assert message in error["message"]
    assert error["message"].startswith(f"{field}: ")
    assert (api.items(), api.objects()) == ([], [])


def test_fails_when_no_runtime_serves_a_checkpoint(make_api: Any) -> None:
    fixed = {"name": "sd", "type": "sdwebui", "model_filename": "v1-5-pruned.safetensors"}
    api = make_api(runtimes=[fixed])
    path, body = v1alpha1({"sd_model_checkpoint": "v1-5-prunned.safetensors"})
    status, answer, _ = api.send("POST", path, json.dumps(body))
    assert (status, answer["error"]["code"]) == (404, "unknown_checkpoint")
    assert "did you mean 'v1-5-pruned.safetensors'?" in answer["error"]["message"]


RIGHT: dict[str, Sent] = {
    "additional fields of an extension": v1alpha2({"prompt": "x", "an_extension": {"a": [None]}}),
    "steps with a decimal point": v1alpha2({"steps": 20.0, "width": 512.0}),
    "a small image": v1alpha2({"width": 64, "height": 48}),
    "nulls that the server accepts": v1alpha2({"seed": None, "styles": None, "sampler_name": None, "tiling": None}),
    "the largest seed": v1alpha2({"seed": 2**64 - 1}),
    "the largest image": v1alpha2({"width": 4096, "height": 4096, "steps": 150}),
    "a second pass to a size": v1alpha2({"enable_hr": True, "width": 4096, "hr_scale": 8, "hr_resize_x": 8192}),
    "a second pass that is off": v1alpha2({"width": 4096, "hr_scale": 8}),
    "an image with a data: URI": image(init_images=[f"data:image/jpeg;base64,{IMAGE}"]),
    "an image on the web": image(init_images=["https://example.com/a.png?X-Amz-Signature=b"]),
    "an image of ControlNet": image(alwayson_scripts={"controlnet": {"args": [{"image": IMAGE}, {"model": "x"}]}}),
    "no inputs": v1alpha2(inputs={}),
    "an image without padding": image(init_images=["QUFB"]),
    "as many images as the batch": image(init_images=[IMAGE] * 4, batch_size=4),
    "a mask": image(mask=IMAGE, mask_blur=4, inpainting_fill=1),
    "no mask": image(mask=None),
    "frames of AnimateDiff": v1alpha2(
        {"batch_size": 32, "n_iter": 2, "alwayson_scripts": {"AnimateDiff": {"args": [{"enable": True}]}}}
    ),
    "frames of an animatediff with plain arguments": v1alpha2(
        {"batch_size": 64, "alwayson_scripts": {"animatediff": {"args": [True, 16]}}}
    ),
    "a link in a prompt of a script": v1alpha2(
        {"alwayson_scripts": {"ADetailer": {"args": [True, {"ad_prompt": "a sign that says https://example.com"}]}}}
    ),
    "show_extras_results false": single(show_extras_results=False),
    "one image to upscale": single(upscaling_resize=4, upscaler_1="R-ESRGAN 4x+", upscale_first=False),
    "two images to upscale": batch({"data": IMAGE, "name": "a"}, {"data": IMAGE, "name": ""}),
    "a list that is not a link": pipeline(a={"class_type": "X", "inputs": {"sizes": [1, 2], "names": ["b", "c"]}}),
    "a meta batch that no node uses": pipeline(a={"class_type": "VHS_BatchManager"}, b={"class_type": "X"}),
    "a node without inputs": pipeline(a={"class_type": "X", "_meta": {"title": "x"}}),
    "a node with the id nodes": pipeline(nodes={"class_type": "X"}, links={"class_type": "X"}),
    "an empty prefix": v1alpha2(prefix=""),
    "a context of any type": v1alpha2(context=[1.5, None, "ü"]),
    "v1alpha1 with the image in base64": v1alpha1({"task": "image-to-image", "image_link": IMAGE}),
    "v1alpha1 with a script's arguments": v1alpha1({"controlnet": {"args": []}}),
    "v1alpha1 for a dynamic checkpoint": v1alpha1({"sd_model_checkpoint": "a.ckpt"}, override_settings={"a": 1}),
}


@pytest.mark.parametrize("sent", RIGHT.values(), ids=RIGHT)
def test_a_valid_request_is_accepted(api: Any, sent: Sent) -> None:
    status, answer, _ = api.send("POST", sent[0], json.dumps(sent[1]))
    assert status == 200, answer


@pytest.mark.parametrize("key", ["", "k" * 257, "a\nb"], ids=["empty", "too long", "two lines"])
def test_fails_when_an_idempotency_key_is_invalid(api: Any, key: str) -> None:
    answered, answer, _ = api.post(headers={"Content-Type": "application/json", "Idempotency-Key": key})
    assert (answered, answer["error"]["field"]) == (400, "Idempotency-Key")
    assert api.items() == []
