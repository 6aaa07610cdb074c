"""The GPU timelines of the agent and the sequential baseline, as a PNG."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from bench_agent.figures import busy_share
from bench_agent.run import Inference, Run

_WIDTH: Final = 1600
_LABEL_WIDTH: Final = 360
_ROW_HEIGHT: Final = 34
_MARGIN: Final = 20
_SHOWN_TASKS: Final = 12
"""From the middle of a run, which represents the steady state."""
_BUSY: Final = (46, 125, 50)
_IDLE: Final = (229, 115, 115)


def draw(runs: Sequence[Run], file: Path) -> None:
    """Draw one row per run: green if the GPU is busy, red if it is idle.

    Args:
        runs: the runs; runs of the same case have the same scale.
        file: path of the PNG.
    """
    image = Image.new("RGB", (_WIDTH, 2 * _MARGIN + _ROW_HEIGHT * (len(runs) + 1)), "white")
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(16)
    title = f"GPU timeline, at most {_SHOWN_TASKS} tasks per run: green is busy, red is idle"
    pen.text((_MARGIN, _MARGIN), title, "black", font)
    for row, run in enumerate(runs, start=1):
        top = _MARGIN + row * _ROW_HEIGHT
        pen.text((_MARGIN, top + 6), f"{run.case.name}: {run.who} {busy_share(run):.1%}", "black", font)
        _draw_row(pen, _shown(run), top, span_s=max(_span_s(other) for other in runs if other.case == run.case))
    file.parent.mkdir(parents=True, exist_ok=True)
    image.save(file)


def _shown(run: Run) -> tuple[Inference, ...]:
    gpu = run.gpus[0]
    middle = max(0, (len(gpu) - _SHOWN_TASKS) // 2)
    return gpu[middle : middle + _SHOWN_TASKS]


def _span_s(run: Run) -> float:
    shown = _shown(run)
    return shown[-1].ended_at - shown[0].began_at


def _draw_row(pen: ImageDraw.ImageDraw, shown: tuple[Inference, ...], top: int, *, span_s: float) -> None:
    scale = (_WIDTH - _LABEL_WIDTH - 2 * _MARGIN) / span_s

    def x(at: float) -> float:
        return _LABEL_WIDTH + _MARGIN + (at - shown[0].began_at) * scale

    bottom = top + _ROW_HEIGHT - 8
    pen.rectangle((x(shown[0].began_at), top, x(shown[-1].ended_at), bottom), fill=_IDLE)
    for one in shown:
        pen.rectangle((x(one.began_at), top, x(one.ended_at), bottom), fill=_BUSY)
