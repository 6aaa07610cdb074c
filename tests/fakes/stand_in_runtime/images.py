"""The images of a stand-in: drawings that show the prompt, or noise of a fixed size."""

import asyncio
import binascii
from collections.abc import Callable
from functools import partial

from .drawing import draw
from .noise import NoiseImage


class Images:
    """Generates images.

    Args:
        bytes_each: size of each; `None` for drawings.
    """

    def __init__(self, bytes_each: int | None) -> None:
        self._noise = NoiseImage(bytes_each) if bytes_each is not None else None

    async def png(self, prompt: str, *, seed: int, width: int, height: int, share: float = 1.0) -> Callable[[], bytes]:
        """Generate an image in a thread, so that the server responds to other requests.

        Returns:
            A function that returns its bytes: a server that keeps thousands of images keeps no noise.
        """
        if self._noise is not None:
            return partial(self._noise.png, f"{prompt}, seed {seed}")
        drawn = await asyncio.to_thread(draw, prompt, seed=seed, width=width, height=height, share=share)
        return lambda: drawn

    async def base64(self, prompt: str, *, seed: int, width: int, height: int, share: float = 1.0) -> list[bytes]:
        """An image in base64, in parts."""
        if self._noise is not None:
            return self._noise.base64(f"{prompt}, seed {seed}")
        png = await self.png(prompt, seed=seed, width=width, height=height, share=share)
        return [binascii.b2a_base64(png(), newline=False)]
