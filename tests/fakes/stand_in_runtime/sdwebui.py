"""The SD Web UI's API."""

import base64
import binascii
import json
import random
from typing import Any

from aiohttp import web

from .drawing import draw
from .faults import Faults, add_routes
from .gpu import Gpu

MODELS = ("v1-5-pruned-emaonly.safetensors", "sd_xl_base_1.0.safetensors")


def _title(filename: str) -> str:
    return f"{filename} [{abs(hash(filename)) % 16**10:010x}]"


class SdWebUi:
    """The server's state.

    Args:
        gpu: computes.
        faults: go wrong.
    """

    def __init__(self, gpu: Gpu, faults: Faults) -> None:
        self._gpu = gpu
        self._faults = faults
        self._titles = {filename: _title(filename) for filename in MODELS}
        self._current = MODELS[0]

    def application(self) -> web.Application:
        """The server."""
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/sdapi/v1/txt2img", self._text_to_image)
        app.router.add_post("/sdapi/v1/img2img", self._image_to_image)
        app.router.add_post("/sdapi/v1/extra-single-image", self._extra_single)
        app.router.add_post("/sdapi/v1/extra-batch-images", self._extra_batch)
        app.router.add_get("/sdapi/v1/progress", self._progress)
        app.router.add_post("/sdapi/v1/interrupt", self._interrupt)
        app.router.add_get("/sdapi/v1/options", self._options)
        app.router.add_post("/sdapi/v1/options", self._set_options)
        app.router.add_get("/sdapi/v1/sd-models", self._models)
        add_routes(app, self._faults, self._gpu)
        return app

    async def _text_to_image(self, request: web.Request) -> web.Response:
        return await self._generate(await _body(request))

    async def _image_to_image(self, request: web.Request) -> web.Response:
        body = await _body(request)
        images = body.get("init_images")
        if not images:
            return _error(404, "HTTPException", "Init image not found")
        for image in images:
            try:
                base64.b64decode(str(image).rpartition(",")[2], validate=True)
            except binascii.Error:
                return _error(500, "HTTPException", "Invalid encoded image")
        return await self._generate(body)

    async def _generate(self, body: dict[str, Any]) -> web.Response:
        if self._faults.take("unavailable"):
            return web.Response(status=503, text="Service Unavailable")
        scripts = body.get("alwayson_scripts") or {}
        for name in scripts:
            if name.lower() not in {"controlnet", "adetailer"}:
                return _error(422, "HTTPException", f"always on script {name} not found")
        wanted = str((body.get("override_settings") or {}).get("sd_model_checkpoint", "")).partition(" [")[0]
        if wanted in MODELS:
            self._current = wanted  # an unknown one is silently ignored
        await self._faults.before_inference(self._gpu)
        if self._faults.take("out_of_memory"):
            return _error(500, "OutOfMemoryError", "", "CUDA out of memory. Tried to allocate 2.00 GiB")
        prompt, steps = str(body.get("prompt", "")), int(body.get("steps", 20))
        seed = int(body.get("seed", -1))
        seed = random.randrange(2**31) if seed < 0 else seed
        batch = int(body.get("batch_size", 1)) * int(body.get("n_iter", 1))
        share = await self._gpu.infer(prompt, steps=steps)
        width, height = int(body.get("width", 512)), int(body.get("height", 512))
        images = [draw(prompt, seed=seed + n, width=width, height=height, share=share) for n in range(batch)]
        if batch > 1:
            images.insert(0, draw(f"grid of {batch}", seed=seed, width=width, height=height))
        info = {
            "prompt": prompt,
            "all_prompts": [prompt] * batch,
            "seed": seed,
            "all_seeds": [seed + n for n in range(batch)],
            "sd_model_name": self._current.rpartition(".")[0],
            "index_of_first_image": 1 if batch > 1 else 0,
        }
        answer = {
            "images": [base64.b64encode(image).decode() for image in images],
            "parameters": {**body, "init_images": None},
            "info": json.dumps(info),
        }
        return web.json_response(answer)

    async def _extra_single(self, request: web.Request) -> web.Response:
        body = await _body(request)
        if not body.get("image"):
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
        return web.json_response({"sd_model_checkpoint": self._titles[self._current]})

    async def _set_options(self, request: web.Request) -> web.Response:
        wanted = str((await _body(request)).get("sd_model_checkpoint", "")).partition(" [")[0]
        if wanted in MODELS:
            self._current = wanted
        return web.json_response(None)

    async def _models(self, _request: web.Request) -> web.Response:
        return web.json_response(
            [
                {"title": title, "model_name": filename.rpartition(".")[0], "filename": f"/models/{filename}"}
                for filename, title in self._titles.items()
            ]
        )


async def _body(request: web.Request) -> dict[str, Any]:
    body: dict[str, Any] = await request.json()
    return body


def _error(status: int, error: str, detail: str, errors: str = "") -> web.Response:
    return web.json_response({"error": error, "detail": detail, "body": "", "errors": errors}, status=status)
