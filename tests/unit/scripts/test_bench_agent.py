"""What the benchmark of the agent computes of a run, and what it draws."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from PIL import Image

from bench_agent.case import CASES, Case, Who
from bench_agent.chart import draw
from bench_agent.figures import FIGURES, Figure, busy_share
from bench_agent.run import Hold, Inference, Run

CASE: Final = Case(server="sdwebui", seconds=1, images=1, tasks=3, least_busy=0.9)
GREEN: Final = (46, 125, 50)
RED: Final = (229, 115, 115)


def make_run(*, gap_s: float) -> Run:
    """Three inferences of a second each, with gaps between them; each is stored half a second after its end."""
    began = [100 + number * (1 + gap_s) for number in range(3)]
    return Run(
        case=CASE,
        who="agent",
        gpus=(tuple(Inference(began_at=at, ended_at=at + 1) for at in began),),
        holds=(),
        last_stored_at=tuple(at + 1.5 for at in began),
        # The queue was asked twice in vain, and the table once for its clock.
        calls={"ReceiveMessage": 5, "UpdateItem": 6, "PutObject": 6, "DeleteMessage": 3, "GetItem": 1},
        cpu_s=0.06,
        peak_memory_mib=50,
        growth_mib=0,
        first_receive_s=0.3,
        duration_s=4,
    )


def figure(name: str) -> Figure:
    return next(one for one in FIGURES if one.name == name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GPU busy", 3 / 3.5),
        ("gap, ms", 250),
        ("CPU per task, ms", 20),
        ("inferred to stored, ms", 500),
        ("AWS calls per task", 6),
    ],
)
def test_figures_are_computed_of_a_run(name: str, value: float) -> None:
    assert figure(name).median([make_run(gap_s=0.25)]) == pytest.approx(value)


def test_a_share_is_of_all_gpus() -> None:
    run = make_run(gap_s=0.25)
    other = make_run(gap_s=1)
    assert busy_share(replace(run, gpus=(*run.gpus, *other.gpus))) == pytest.approx(6 / (3.5 + 5))


def test_a_figure_beyond_its_limit_is_reported() -> None:
    busy, cpu = figure("GPU busy"), figure("CPU per task, ms")
    limit = busy.limit_in(CASE, {})
    assert busy.is_missed(limit, 0.899)
    assert not busy.is_missed(limit, 0.9)
    assert not cpu.is_missed(cpu.limit_in(CASE, {}), 1_000)
    assert cpu.is_missed(cpu.limit_in(replace(CASE, most_cpu_ms=25), {}), 25.1)


def test_writes_are_limited_by_those_of_even_progress_in_the_same_run() -> None:
    writes, uneven = figure("UpdateItem per task"), replace(CASE, quick_nodes=39, as_even=CASE.name)
    runs: dict[tuple[Case, Who], list[Run]] = {(CASE, "agent"): [make_run(gap_s=0)]}
    assert writes.limit_in(uneven, runs) == pytest.approx(1.2 * 2)
    assert writes.limit_in(uneven, {}) is None
    assert writes.limit_in(CASE, runs) is None


def idle_hold_of(*holds: Hold, other: tuple[float, float]) -> float:
    """Of one agent whose GPU is busy in seconds 100 to 101, 102 to 103, and 104 to 105, and of another."""
    run = make_run(gap_s=1)
    gpus = (*run.gpus, (Inference(began_at=other[0], ended_at=other[1]),))
    return figure("idle hold per task, ms").median([replace(run, gpus=gpus, holds=holds)])


def test_a_task_is_held_in_vain_while_another_gpu_is_idle() -> None:
    held = Hold(agent=0, since=100.2, until=102)
    # Its own GPU is busy until 101 and the other one from 100.5 on.
    assert idle_hold_of(held, other=(100.5, 101.5)) == pytest.approx(1000 * 0.3 / 3)


def test_a_task_that_waits_for_no_gpu_or_while_all_are_busy_is_not_held_in_vain() -> None:
    assert idle_hold_of(Hold(agent=0, since=101.1, until=102), other=(103, 104)) == 0
    assert idle_hold_of(Hold(agent=0, since=100.2, until=101), other=(100, 101)) == 0


def test_a_gpu_that_is_about_to_begin_is_not_idle() -> None:
    coming = Hold(agent=1, since=100.2, until=100.5)
    assert idle_hold_of(Hold(agent=0, since=100.2, until=102), coming, other=(100.5, 101.5)) == 0


def test_tasks_arrive_as_often_as_is_wanted_and_alike_in_each_run() -> None:
    case = replace(CASE, tasks=2_000, arrivals_per_s=0.285)
    assert case.arrivals_s() == case.arrivals_s()
    assert 2_000 / case.arrivals_s()[-1] == pytest.approx(0.285, rel=0.05)
    assert set(CASE.arrivals_s()) == {0.0}


def test_quick_nodes_are_of_the_workflow() -> None:
    content = replace(CASE, server="comfyui", quick_nodes=39).messages()[0]["task"]["content"]
    kinds = Counter(node["class_type"] for node in content.values())
    assert kinds == {"CLIPTextEncode": 38, "EmptyLatentImage": 1, "KSampler": 1, "SaveImage": 1}


def test_the_median_of_three_counts() -> None:
    runs = [make_run(gap_s=gap_s) for gap_s in (0.1, 0.3, 0.2)]
    assert figure("gap, ms").median(runs) == pytest.approx(200)


def test_each_case_has_a_name_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


def test_the_chart_shows_where_the_gpu_waits_and_has_room_for_the_slower_one(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "chart.png"
    draw([make_run(gap_s=0), replace(make_run(gap_s=0.5), who="loop")], file)
    with Image.open(file) as chart:
        rows = [[chart.getpixel((x, top + 4)) for x in range(chart.width)] for top in (54, 88)]
    busy, waiting = ([row.count(color) for row in rows] for color in (GREEN, RED))
    assert waiting[0] == 0
    assert busy[0] == pytest.approx(busy[1], rel=0.02)
    assert waiting[1] == pytest.approx(busy[1] / 3, rel=0.02)
