"""The SD Web UI's API."""

import asyncio
import base64
import binascii
import json
import random
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from .faults import CUDA_ERROR, OUT_OF_MEMORY, Faults, add_routes
from .gpu import Gpu
from .images import Images
from .sdwebui_models import SAMPLERS, SCHEDULERS, STYLES, Models, sampler_that_runs, scheduler_that_runs

MODELS = ("v1-5-pruned-emaonly.safetensors", "sd_xl_base_1.0.safetensors")
_COMPRESSED_FROM = 1000
_MAX_REQUEST = 64 * 2**20


class SdWebUi:
    """The server's state.

    Args:
        gpu: computes.
        faults: go wrong.
        images: generates images.
        models: its checkpoints.
    """

    def __init__(self, gpu: Gpu, faults: Faults, images: Images, models: Models) -> None:
        self._gpu = gpu
        self._faults = faults
        self._images = images
        self._models = models

    def application(self) -> web.Application:
        """The server."""
        app = web.Application(client_max_size=_MAX_REQUEST, middlewares=[_compression])
        app.router.add_post("/sdapi/v1/txt2img", self._text_to_image)
        app.router.add_post("/sdapi/v1/img2img", self._image_to_image)
        app.router.add_post("/sdapi/v1/extra-single-image", self._extra_single)
        app.router.add_post("/sdapi/v1/extra-batch-images", self._extra_batch)
        app.router.add_get("/sdapi/v1/progress", self._progress)
        app.router.add_post("/sdapi/v1/interrupt", self._interrupt)
        app.router.add_get("/sdapi/v1/options", self._options)
        app.router.add_post("/sdapi/v1/options", self._set_options)
        app.router.add_get("/sdapi/v1/sd-models", self._list_models)
        app.router.add_post("/sdapi/v1/refresh-checkpoints", self._refresh)
        app.router.add_post("/sdapi/v1/refresh-vae", self._refresh_vaes)
        vaes = "sd-vae" if self._models.flavour == "a1111" else "sd-modules"
        app.router.add_get(f"/sdapi/v1/{vaes}", self._list_vaes)
        for path, names in (("samplers", SAMPLERS), ("prompt-styles", STYLES)):
            app.router.add_get(f"/sdapi/v1/{path}", _list_of([{"name": name} for name in names]))
        schedulers = [{"name": name, "label": label, "aliases": aliases} for name, label, aliases in SCHEDULERS]
        app.router.add_get("/sdapi/v1/schedulers", _list_of(schedulers))
        app.router.add_post("/_stand_in/models", self._set_disk)
        app.router.add_get("/_stand_in/models", self._loaded)
        add_routes(app, self._faults, self._gpu)
        return app

    async def _text_to_image(self, request: web.Request) -> web.StreamResponse:
        return await self._generate(request, await _body(request))

    async def _image_to_image(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        images = body.get("init_images")
        if not images:
            return _error(404, "HTTPException", "Init image not found")
        if not all(_is_base64(image) for image in images):
            return _error(500, "HTTPException", "Invalid encoded image")
        return await self._generate(request, body)

    async def _generate(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        refusal = self._faults.refusal() or _unknown_field_type(body) or _unknown_script(body)
        if refusal is not None:
            return refusal
        prompt, steps = str(body.get("prompt", "")), int(body.get("steps", 20))
        seed = int(body.get("seed", -1))
        seed = random.randrange(2**31) if seed < 0 else seed
        batch = int(body.get("batch_size", 1)) * int(body.get("n_iter", 1))

        failure = await self._begin(request, prompt)
        if failure is not None:
            return failure
        settings = body.get("override_settings")
        settings = settings if isinstance(settings, dict) else {}
        restores = bool(body.get("override_settings_restore_afterwards", True))
        running = self._models.overridden(settings, restores=restores)
        ran = self._models.reported(self._models.run(settings.get("sd_model_checkpoint"), restores=restores))
        ran = "another-model" if self._faults.take("wrong_model") else ran
        second_pass = self._models.closest(str(body.get("hr_checkpoint_name") or "None"))
        refiner = self._models.closest(str(body.get("refiner_checkpoint") or "None"))
        for further in (second_pass if body.get("enable_hr") else None, refiner):
            self._models.go_on_with(further)
        share = await self._gpu.infer(prompt, steps=steps)

        # The next request can use the GPU from here on, as on the real server.
        size = {"width": int(body.get("width", 512)), "height": int(body.get("height", 512))}
        images = [await self._images.base64(prompt, seed=seed + n, share=share, **size) for n in range(batch)]
        if batch > 1:
            images.insert(0, await self._images.base64(f"grid of {batch}", seed=seed, **size))
        info = {
            "prompt": prompt,
            "all_prompts": [prompt] * batch,
            "seed": seed,
            "all_seeds": [seed + n for n in range(batch)],
            "sd_model_name": ran,
            "sd_vae_name": self._models.vae(running["sd_vae"]),
            "clip_skip": running["CLIP_stop_at_last_layers"],
            "sampler_name": sampler_that_runs(body.get("sampler_name")),
            "extra_generation_params": {
                "Schedule type": scheduler_that_runs(body.get("scheduler")),
                "Refiner": refiner,
                "Hires checkpoint": second_pass,
            },
            "index_of_first_image": 1 if batch > 1 else 0,
        }
        rest = {"parameters": {**body, "init_images": None}, "info": json.dumps(info)}
        return await _send(request, _parts(images, rest), cut=self._faults.take("cut_answer"))

    async def _begin(self, request: web.Request, prompt: str) -> web.Response | None:
        await self._faults.before_inference(self._gpu, prompt)
        if self._faults.take("out_of_memory"):
            return _error(500, "OutOfMemoryError", "", OUT_OF_MEMORY)
        if self._faults.take("cuda_error"):
            return _error(500, "RuntimeError", "", CUDA_ERROR)
        if self._faults.take("reset") and request.transport is not None:
            asyncio.get_running_loop().call_later(self._gpu.seconds_per_task / 2, request.transport.abort)
        return None

    async def _extra_single(self, request: web.Request) -> web.Response:
        body = await _body(request)
        if not body.get("image") or not _is_base64(body["image"]):
            return _error(500, "HTTPException", "Invalid encoded image")
        await self._gpu.infer("extra", steps=1)
        return web.json_response({"html_info": "<p>done</p>", "image": body["image"]})

    async def _extra_batch(self, request: web.Request) -> web.Response:
        body = await _body(request)
        await self._gpu.infer("extra", steps=1)
        return web.json_response(
            {"html_info": "<p>done</p>", "images": [image["data"] for image in body.get("imageList", [])]}
        )

    async def _progress(self, _request: web.Request) -> web.Response:
        busy = self._gpu.running is not None
        state = {"interrupted": False, "job": "scripts_txt2img" if busy else "", "job_count": 1 if busy else 0}
        return web.json_response({"progress": self._gpu.share, "eta_relative": 0.0, "state": state})

    async def _interrupt(self, _request: web.Request) -> web.Response:
        self._gpu.interrupt()
        return web.json_response({})

    async def _options(self, _request: web.Request) -> web.Response:
        return web.json_response(self._models.options())

    async def _set_options(self, request: web.Request) -> web.Response:
        body = await _body(request)
        self._models.configure(body)
        wanted = body.get("sd_model_checkpoint")
        if wanted is not None and not self._models.select(str(wanted)):
            return _error(500, "RuntimeError", "", f"model {wanted!r} not found")
        return web.json_response(None)

    async def _list_models(self, _request: web.Request) -> web.Response:
        return web.json_response(self._models.listed())

    async def _list_vaes(self, _request: web.Request) -> web.Response:
        return web.json_response(self._models.listed_vaes())

    async def _refresh(self, _request: web.Request) -> web.Response:
        self._models.refresh()
        return web.json_response(None)

    async def _refresh_vaes(self, _request: web.Request) -> web.Response:
        self._models.refresh_vaes()
        return web.json_response(None)

    async def _loaded(self, _request: web.Request) -> web.Response:
        """The checkpoint on the GPU."""
        return web.json_response({"loaded": self._models.loaded})

    async def _set_disk(self, request: web.Request) -> web.Response:
        """Replace the files of the model folder."""
        body = await _body(request)
        self._models.disk = body.get("checkpoints", self._models.disk)
        self._models.vaes = body.get("vaes", self._models.vaes)
        return web.json_response(None)


def _list_of(entries: list[dict[str, Any]]) -> Handler:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.json_response(entries)

    return answer


@web.middleware
async def _compression(request: web.Request, handler: Handler) -> web.StreamResponse:
    # The real server compresses if the client accepts it, which takes longer than a short inference.
    response = await handler(request)
    body = response.body if isinstance(response, web.Response) else None
    if _takes_gzip(request) and isinstance(body, bytes) and len(body) > _COMPRESSED_FROM:
        response.enable_compression()
    return response


def _takes_gzip(request: web.Request) -> bool:
    return "gzip" in request.headers.get("Accept-Encoding", "")


async def _send(request: web.Request, parts: list[bytes], *, cut: bool) -> web.StreamResponse:
    """Send the headers first, like the real server, and what is large without putting it together."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    if _takes_gzip(request):
        response.enable_compression()
    else:
        response.content_length = sum(len(part) for part in parts)
    await response.prepare(request)
    for number, part in enumerate(parts):
        if cut and number == len(parts) // 2 and request.transport is not None:
            request.transport.abort()
        await response.write(part)
    return response


async def _body(request: web.Request) -> dict[str, Any]:
    body: dict[str, Any] = await request.json()
    return body


def _parts(images: list[list[bytes]], rest: dict[str, Any]) -> list[bytes]:
    """JSON in parts: it holds megabytes that need no escapes."""
    parts = [b'{"images": ["']
    for image in images:
        parts += [*image, b'", "']
    return [*parts[:-1], b'"], ', json.dumps(rest).encode()[1:]]


def _is_base64(image: object) -> bool:
    try:
        base64.b64decode(str(image).rpartition(",")[2], validate=True)
    except binascii.Error:
        return False
    return True


def _unknown_field_type(body: dict[str, Any]) -> web.Response | None:
    if isinstance(body.get("steps", 20), int):
        return None
    wrong = {"loc": ["body", "steps"], "msg": "value is not a valid integer", "type": "type_error.integer"}
    return web.json_response({"detail": [wrong]}, status=422)


def _unknown_script(body: dict[str, Any]) -> web.Response | None:
    for name in body.get("alwayson_scripts") or {}:
        if name.lower() not in {"controlnet", "adetailer"}:
            return _error(422, "HTTPException", f"always on script {name} not found")
    return None


def _error(status: int, error: str, detail: str, errors: str = "") -> web.Response:
    return web.json_response({"error": error, "detail": detail, "body": "", "errors": errors}, status=status)
