"""Images that show the prompt. The same seed and prompt give the same image."""

import io
import random
import textwrap

from PIL import Image, ImageDraw, ImageFont

LARGEST = 2048


def draw(prompt: str, *, seed: int, width: int, height: int, share: float = 1.0) -> bytes:
    """Draw a PNG.

    Args:
        prompt: the text in the image.
        seed: determines the colors.
        width: in pixels, at most `LARGEST`.
        height: in pixels, at most `LARGEST`.
        share: completed share, 0 to 1; the rest is gray, as after an interrupt.
    """
    width, height = min(max(width, 8), LARGEST), min(max(height, 8), LARGEST)
    colours = random.Random(f"{seed}{prompt}")
    first, second = (tuple(colours.randrange(40, 200) for _ in range(3)) for _ in range(2))
    done = round(height * share)
    mask = Image.linear_gradient("L").resize((width, height))
    image = Image.composite(Image.new("RGB", (width, height), first), Image.new("RGB", (width, height), second), mask)
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, done, width, height), fill=(128, 128, 128))
    size = max(10, width // 20)
    text = "\n".join(textwrap.wrap(prompt, width=max(8, width * 2 // size)))
    pen.multiline_text((size, size), text, fill="white", font=ImageFont.load_default(size), stroke_width=1)
    pen.text((size, height - 2 * size), f"stand-in, seed {seed}", fill="white", font=ImageFont.load_default(size))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
