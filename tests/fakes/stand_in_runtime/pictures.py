"""The pictures that a server makes: drawings in which the prompt can be read, or noise of a set size."""

import asyncio
import binascii
from collections.abc import Callable
from functools import partial

from .drawing import draw
from .noise import NoisePicture


class Pictures:
    """Makes pictures.

    Args:
        bytes_each: size of each; `None` for drawings.
    """

    def __init__(self, bytes_each: int | None) -> None:
        self._noise = NoisePicture(bytes_each) if bytes_each is not None else None

    async def png(self, prompt: str, *, seed: int, width: int, height: int, share: float = 1.0) -> Callable[[], bytes]:
        """Make a picture; other requests are answered while it is drawn.

        Returns:
            What gives its bytes: a server that keeps thousands of them keeps no noise.
        """
        if self._noise is not None:
            return partial(self._noise.png, f"{prompt}, seed {seed}")
        drawn = await asyncio.to_thread(draw, prompt, seed=seed, width=width, height=height, share=share)
        return lambda: drawn

    async def base64(self, prompt: str, *, seed: int, width: int, height: int, share: float = 1.0) -> list[bytes]:
        """A picture in base64, in parts."""
        if self._noise is not None:
            return self._noise.base64(f"{prompt}, seed {seed}")
        png = await self.png(prompt, seed=seed, width=width, height=height, share=share)
        return [binascii.b2a_base64(png(), newline=False)]
